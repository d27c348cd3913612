// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IUniswapV2Factory} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Factory.sol";
import {IUniswapV2Pair} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Pair.sol";
import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {AggregatorV3Interface} from "./interfaces/IAggregatorV3.sol";
import {ILens} from "./interfaces/ILens.sol";
import {ITreasury} from "./interfaces/ITreasury.sol";
import {Probe} from "./libraries/Probe.sol";
import {IRouterFactory, Venues} from "./libraries/Venues.sol";

/// @title  Everything a cycle needs to know, in one `eth_call` at one block
/// @dev    Each fund is read in a call of its own with a gas limit, each token, feed and pool in a bounded read:
///         whatever one of them does, the others' answers are whole. It keeps no state and needs no constructor, so
///         its runtime code works at any address.
contract Lens is ILens {
    /// What one fund may cost: 64 assets and as many venues stay below it, long histories of V3 pools included.
    uint256 private constant FUND_GAS = 8_000_000;
    /// Seconds back from which a V3 pool is asked for its mean price.
    uint32 private constant TWAP_WINDOW = 1_800;
    /// Bytes of a token's answer to `symbol()` that are looked at.
    uint256 private constant SYMBOL_BYTES = 256;

    // -------------------------------------------------------------------------------------------- entries

    /// @inheritdoc ILens
    function observe(Query[] calldata queries, address nativeFeed)
        external
        view
        returns (
            uint256 chainId,
            uint256 blockNumber,
            uint256 timestamp,
            FeedState memory native,
            FundState[] memory funds
        )
    {
        (chainId, blockNumber, timestamp) = (block.chainid, block.number, block.timestamp);
        native = _feed(nativeFeed);
        funds = new FundState[](queries.length);
        for (uint256 i; i < queries.length; ++i) {
            Probe.requireGas(FUND_GAS);
            try this.fund{gas: FUND_GAS}(queries[i]) returns (FundState memory state) {
                funds[i] = state;
            } catch {
                funds[i].treasury = queries[i].treasury;
            }
        }
    }

    /// @inheritdoc ILens
    function tokens(address[] calldata list) external view returns (TokenState[] memory states) {
        states = new TokenState[](list.length);
        for (uint256 i; i < list.length; ++i) {
            (bool ok, uint256[5] memory answer) = Probe.read(list[i], abi.encodeCall(IERC20Metadata.decimals, ()), 1);
            states[i] = TokenState({
                ok: ok && answer[0] <= type(uint8).max,
                decimals: uint8(answer[0]),
                symbol: _symbol(list[i]),
                codehash: list[i].codehash
            });
        }
    }

    /// @notice State of one treasury; reverts when it does not answer as one.
    function fund(Query calldata query) external view returns (FundState memory state) {
        ITreasury.Snapshot memory snapshot = ITreasury(query.treasury).snapshot();
        state.treasury = query.treasury;
        state.ok = true;
        state.owner = snapshot.owner;
        state.guardian = snapshot.guardian;
        state.weigher = snapshot.weigher;
        state.keeperUntil = ITreasury(query.treasury).keeperUntil(query.keeper);
        state.keeperBalance = query.keeper.balance;
        state.paused = snapshot.paused;
        state.lastId = snapshot.lastId;
        state.lastRebalance = snapshot.lastRebalance;
        state.totalSupply = snapshot.totalSupply;
        _readSequencer(state);
        state.limits = snapshot.limits;
        state.budgets = snapshot.budgets;
        state.assets = new AssetState[](snapshot.assets.length);
        for (uint256 i; i < snapshot.assets.length; ++i) {
            _readAsset(state.assets[i], snapshot.assets[i], query.treasury);
        }
        state.venues = new VenueState[](snapshot.venues.length);
        for (uint256 i; i < snapshot.venues.length; ++i) {
            _readVenue(state.venues[i], snapshot.venues[i], snapshot.assets);
        }
    }

    function _readSequencer(FundState memory state) private view {
        state.sequencerFeed = ITreasury(state.treasury).sequencerFeed();
        if (state.sequencerFeed == address(0)) return;
        (bool ok, uint256[5] memory round) =
            Probe.read(state.sequencerFeed, abi.encodeCall(AggregatorV3Interface.latestRoundData, ()), 5);
        (state.sequencerOk, state.sequencerAnswer, state.sequencerSince) = (ok, int256(round[1]), round[2]);
    }

    // -------------------------------------------------------------------------------------------- assets

    function _readAsset(AssetState memory state, ITreasury.Asset memory asset, address treasury) private view {
        state.token = asset.token;
        state.feed = asset.feed;
        state.tokenDecimals = asset.tokenDecimals;
        state.feedDecimals = asset.feedDecimals;
        state.maxAge = asset.maxAge;
        state.targetBps = asset.targetBps;
        state.buyable = asset.buyable;
        state.retired = asset.retired;
        state.minPrice = asset.minPrice;
        state.maxPrice = asset.maxPrice;
        (state.balanceOk, state.balance) = _balance(asset.token, treasury);
        (state.feedOk, state.answer, state.updatedAt) = _answer(asset.feed);
        state.codehash = asset.token.codehash;
    }

    function _balance(address token, address account) private view returns (bool, uint256) {
        (bool ok, uint256[5] memory answer) = Probe.read(token, abi.encodeCall(IERC20.balanceOf, (account)), 1);
        return (ok, answer[0]);
    }

    function _feed(address feed) private view returns (FeedState memory state) {
        (bool ok, uint256[5] memory answer) = Probe.read(feed, abi.encodeCall(AggregatorV3Interface.decimals, ()), 1);
        if (!ok || answer[0] > type(uint8).max) return state;
        state.decimals = uint8(answer[0]);
        (state.ok, state.answer, state.updatedAt) = _answer(feed);
    }

    function _answer(address feed) private view returns (bool ok, int256 answer, uint256 updatedAt) {
        uint256[5] memory round;
        (ok, round) = Probe.read(feed, abi.encodeCall(AggregatorV3Interface.latestRoundData, ()), 5);
        return (ok, int256(round[1]), round[3]);
    }

    /// @dev `string` by the standard, `bytes32` from a few of the oldest tokens, anything from the rest.
    function _symbol(address token) private view returns (string memory) {
        (bool ok, bytes memory answer) = Probe.readBytes(token, abi.encodeCall(IERC20Metadata.symbol, ()), SYMBOL_BYTES);
        if (!ok || answer.length < 32) return "";
        if (answer.length == 32) return string(_untilZero(abi.decode(answer, (bytes32))));
        if (answer.length < 64) return "";
        (uint256 offset, uint256 length) = abi.decode(answer, (uint256, uint256));
        if (offset != 32 || length > answer.length - 64) return "";
        return abi.decode(answer, (string));
    }

    function _untilZero(bytes32 text) private pure returns (bytes memory cut) {
        uint256 length;
        while (length < 32 && text[length] != 0) ++length;
        cut = new bytes(length);
        for (uint256 i; i < length; ++i) {
            cut[i] = text[i];
        }
    }

    // -------------------------------------------------------------------------------------------- venues

    function _readVenue(VenueState memory state, ITreasury.Venue memory venue, ITreasury.Asset[] memory assets)
        private
        view
    {
        state.target = venue.target;
        state.kind = uint8(venue.kind);
        state.i0 = venue.i0;
        state.i1 = venue.i1;
        state.feePips = venue.feePips;
        state.enabled = venue.enabled;
        state.pool = _pool(venue, assets);
        bool isV2 = Venues.isV2(venue.kind);
        if (isV2) _readV2(state);
        else _readV3(state);
        if (!state.ok || !venue.enabled) return;
        if (isV2) _readV2Sums(state);
        else _readV3Sums(state);
    }

    /// @dev The venue itself, or the pool that a router finds in its factory; zero when it finds none.
    function _pool(ITreasury.Venue memory venue, ITreasury.Asset[] memory assets) private view returns (address) {
        if (venue.kind == ITreasury.Kind.V2Pair || venue.kind == ITreasury.Kind.V3Pool) return venue.target;
        // A venue whose asset was dropped names asset 0; the list may be empty.
        if (assets.length == 0) return address(0);
        (, uint256[5] memory answer) = Probe.read(venue.target, abi.encodeCall(IRouterFactory.factory, ()), 1);
        (address token0, address token1) = (assets[venue.i0].token, assets[venue.i1].token);
        bytes memory question = Venues.isV2(venue.kind)
            ? abi.encodeCall(IUniswapV2Factory.getPair, (token0, token1))
            : abi.encodeCall(IUniswapV3Factory.getPool, (token0, token1, venue.feePips));
        (, answer) = Probe.read(address(uint160(answer[0])), question, 1);
        return address(uint160(answer[0]));
    }

    function _readV2(VenueState memory state) private view {
        uint256[5] memory answer;
        (state.ok, answer) = Probe.read(state.pool, abi.encodeCall(IUniswapV2Pair.getReserves, ()), 3);
        (state.a, state.b, state.c) = (answer[0], answer[1], answer[2]);
    }

    function _readV3(VenueState memory state) private view {
        (bool slotOk, uint256[5] memory slot) = Probe.read(state.pool, abi.encodeWithSignature("slot0()"), 2);
        (bool liquidityOk, uint256[5] memory liquidity) =
            Probe.read(state.pool, abi.encodeWithSignature("liquidity()"), 1);
        if (!slotOk || !liquidityOk) return;
        (state.ok, state.a, state.b, state.c) = (true, slot[0], slot[1], liquidity[0]);
    }

    /// @dev As of the pair's last change, whose time is `c`: what has come since follows from the reserves.
    function _readV2Sums(VenueState memory state) private view {
        (bool ok0, uint256[5] memory sum0) =
            Probe.read(state.pool, abi.encodeCall(IUniswapV2Pair.price0CumulativeLast, ()), 1);
        (bool ok1, uint256[5] memory sum1) =
            Probe.read(state.pool, abi.encodeCall(IUniswapV2Pair.price1CumulativeLast, ()), 1);
        if (ok0 && ok1) (state.sumsOk, state.sum0, state.sum1) = (true, sum0[0], sum1[0]);
    }

    /// @dev Two arrays come back; the first five words are both offsets, the first one's length and its two elements.
    ///      A pool whose observations do not reach back so far reverts with `OLD`.
    function _readV3Sums(VenueState memory state) private view {
        uint32[] memory ago = new uint32[](2);
        ago[0] = TWAP_WINDOW;
        (bool ok, uint256[5] memory answer) =
            Probe.read(state.pool, abi.encodeWithSignature("observe(uint32[])", ago), 5);
        if (!ok || answer[0] != 64 || answer[2] != 2) return;
        (state.sumsOk, state.sum0, state.sum1) = (true, answer[3], answer[4]);
    }
}
