// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "./ITreasury.sol";

/// @title  Everything a cycle needs to know, in one `eth_call` at one block
/// @dev    Never deployed by the keeper: it is put at an unused address by a state override. All structs inside
///         arrays are static, so the answer can be read word by word.
interface ILens {
    struct Query {
        address treasury;
        address keeper;
    }

    /// @param codehash  of the token, to notice code that changed
    /// @param answer    of the feed; 0 when `feedOk` is false
    struct AssetState {
        address token;
        address feed;
        uint8 tokenDecimals;
        uint8 feedDecimals;
        uint32 maxAge;
        uint16 targetBps;
        bool buyable;
        bool retired;
        uint128 minPrice;
        uint128 maxPrice;
        bool balanceOk;
        uint256 balance;
        bool feedOk;
        int256 answer;
        uint256 updatedAt;
        bytes32 codehash;
    }

    /// @param ok false when the pool did not answer
    /// @param a  V2: reserve0         V3: sqrtPriceX96
    /// @param b  V2: reserve1         V3: tick (two's complement)
    /// @param c  V2: last timestamp   V3: liquidity
    /// @param sumsOk whether the pool said how its price was over time; false also of one that is not enabled, and of
    ///               a V3 pool whose observations do not reach back over `TWAP_WINDOW`
    /// @param sum0   V2: price0CumulativeLast   V3: tick cumulative `TWAP_WINDOW` ago (two's complement)
    /// @param sum1   V2: price1CumulativeLast   V3: tick cumulative now (two's complement)
    /// @dev   Router kinds carry the state of the pool that the router would use; `pool` is that pool.
    struct VenueState {
        address target;
        uint8 kind;
        uint8 i0;
        uint8 i1;
        uint24 feePips;
        bool enabled;
        address pool;
        bool ok;
        uint256 a;
        uint256 b;
        uint256 c;
        bool sumsOk;
        uint256 sum0;
        uint256 sum1;
    }

    /// @param sequencerFeed   uptime feed of the rollup's sequencer, zero where there is none
    /// @param sequencerAnswer 0 while it is up, since `sequencerSince`; 0 when `sequencerOk` is false
    struct FundState {
        address treasury;
        bool ok;
        address owner;
        address guardian;
        address weigher;
        uint64 keeperUntil;
        uint256 keeperBalance;
        bool paused;
        uint64 lastId;
        uint64 lastRebalance;
        uint256 totalSupply;
        address sequencerFeed;
        bool sequencerOk;
        int256 sequencerAnswer;
        uint256 sequencerSince;
        ITreasury.Limits limits;
        ITreasury.Budgets budgets;
        AssetState[] assets;
        VenueState[] venues;
    }

    struct FeedState {
        bool ok;
        uint8 decimals;
        int256 answer;
        uint256 updatedAt;
    }

    struct TokenState {
        bool ok;
        uint8 decimals;
        string symbol;
        bytes32 codehash;
    }

    /// @notice State of many treasuries. A treasury that does not answer has `ok == false`; the others are whole.
    /// @param  nativeFeed price of the chain's native coin in USD, or the zero address
    function observe(Query[] calldata queries, address nativeFeed)
        external
        view
        returns (
            uint256 chainId,
            uint256 blockNumber,
            uint256 timestamp,
            FeedState memory native,
            FundState[] memory funds
        );

    /// @notice What never changes of a token: asked once.
    function tokens(address[] calldata list) external view returns (TokenState[] memory);
}
