// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {DevFeed} from "../../src/devnet/DevFeed.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {DevTokenNoReturn} from "../../src/devnet/DevTokenNoReturn.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Checks} from "./Checks.sol";
import {IFund} from "./IFund.sol";
import {IMintable, Uniswap} from "./Uniswap.sol";
import {vm} from "./Vm.sol";

/// @title A seeded fund of 1,000,000 USD, 10 % off its targets, with every kind of venue between WETH and two stables
/// @dev   The test contract is the owner; it mints every token and sets every feed.
abstract contract World is Checks, Uniswap {
    using SafeERC20 for IERC20;

    uint8 internal constant USDC = 0; // 6 decimals,  250,000 USD wanted, 350,000 held
    uint8 internal constant WETH = 1; // 18 decimals, 400,000 USD wanted, 300,000 held, 2,000 USD each
    uint8 internal constant WBTC = 2; // 8 decimals,  250,000 USD wanted and held, 40,000 USD each
    uint8 internal constant USDT = 3; // 6 decimals, returns nothing, 100,000 USD wanted and held

    // Venues, in the order they are added. USDC and WETH first, then USDT and WETH, then a hop.
    uint16 internal constant V2_PAIR = 0;
    uint16 internal constant V3_POOL = 1;
    uint16 internal constant V2_ROUTER = 2;
    uint16 internal constant V3_ROUTER = 3;
    uint16 internal constant USDT_V2_PAIR = 4;
    uint16 internal constant USDT_V3_POOL = 5;
    uint16 internal constant USDT_V2_ROUTER = 6;
    uint16 internal constant USDT_V3_ROUTER = 7;
    uint16 internal constant WBTC_V3_POOL = 8;

    address internal constant KEEPER = address(0x4b);
    address internal constant GUARDIAN = address(0x47);
    address internal constant WEIGHER = address(0x57);
    address internal constant STRANGER = address(0x53);
    bytes32 internal constant DECISION = keccak256("why");

    /// Kept here because a compiler may take `block.timestamp` for a constant of the whole call.
    uint256 internal time = 1_700_000_000;

    IFund internal treasury;
    address[4] internal token;
    DevFeed[4] internal feed;

    function setUp() public virtual {
        vm.warp(time);
        deployUniswap();
        treasury = deployTreasury(v2Factory, v3Factory, sequencer());
        _list(USDC, address(new DevToken("USD Coin", "USDC", 6)), 1e8);
        _list(WETH, address(new DevToken("Wrapped Ether", "WETH", 18)), 2_000e8);
        _list(WBTC, address(new DevToken("Wrapped Bitcoin", "WBTC", 8)), 40_000e8);
        _list(USDT, address(new DevTokenNoReturn("Tether", "USDT", 6)), 1e8);
        _openVenues(USDC);
        _openVenues(USDT);
        addVenue(ITreasury.Kind.V3Pool, v3Pool(token[WBTC], 2_500e8, token[WETH], 50_000e18, 500), WBTC, WETH, 500);
        treasury.setTargets(_weights(2500, 4000, 2500, 1000));
        treasury.setKeeper(KEEPER, uint64(time + 30 days));
        treasury.setGuardian(GUARDIAN);
        treasury.setWeigher(WEIGHER);
        _seed();
    }

    // -------------------------------------------------------------------------------------------- building

    /// @dev Uptime feed of the fund under test; none unless a test says otherwise.
    function sequencer() internal virtual returns (address) {
        return address(0);
    }

    /// @dev The artifact, which is what ships: tests are compiled another way.
    function deployTreasury(address v2, address v3, address uptime) internal returns (IFund) {
        bytes memory arguments = abi.encode("Index", "IDX", address(this), v2, v3, uptime);
        return IFund(vm.deployCode("Treasury.sol:Treasury", arguments));
    }

    function _list(uint8 index, address token_, int256 price) internal {
        token[index] = token_;
        feed[index] = new DevFeed("price", 8);
        feed[index].setAnswer(price);
        uint8 listed = treasury.addAsset(_asset(token_, address(feed[index]), DevToken(token_).decimals(), price));
        same(listed, index, "index of the asset");
    }

    /// @dev Bounds at a tenth and at ten times the price, one hour of age.
    function _asset(address token_, address feed_, uint8 decimals, int256 price)
        internal
        pure
        returns (ITreasury.Asset memory)
    {
        return ITreasury.Asset({
            token: token_,
            feed: feed_,
            tokenDecimals: decimals,
            feedDecimals: 8,
            maxAge: 1 hours,
            targetBps: 0,
            buyable: true,
            retired: false,
            minPrice: uint128(uint256(price) / 10),
            maxPrice: uint128(uint256(price) * 10)
        });
    }

    /// @dev 10,000,000 USD on each side: 20,000 USD move the price by 0.2 %.
    function _openVenues(uint8 stable) private {
        address pair = v2Pair(token[stable], 10_000_000e6, token[WETH], 5_000e18);
        address pool = v3Pool(token[stable], 10_000_000e6, token[WETH], 5_000e18, 3000);
        addVenue(ITreasury.Kind.V2Pair, pair, stable, WETH, 3000);
        addVenue(ITreasury.Kind.V3Pool, pool, stable, WETH, 3000);
        addVenue(ITreasury.Kind.V2Router, v2Router, stable, WETH, 3000);
        addVenue(ITreasury.Kind.V3Router, v3Router, stable, WETH, 3000);
    }

    function addVenue(ITreasury.Kind kind, address target, uint8 a, uint8 b, uint24 fee) internal returns (uint16) {
        return treasury.addVenue(_venue(kind, target, a, b, fee));
    }

    /// @dev Uniswap orders a pool's tokens by address.
    function _venue(ITreasury.Kind kind, address target, uint8 a, uint8 b, uint24 fee)
        internal
        view
        returns (ITreasury.Venue memory)
    {
        (uint8 i0, uint8 i1) = _addressOf(a) < _addressOf(b) ? (a, b) : (b, a);
        return ITreasury.Venue({target: target, kind: kind, i0: i0, i1: i1, feePips: fee, enabled: true});
    }

    function _addressOf(uint8 index) private view returns (address) {
        return treasury.snapshot().assets[index].token;
    }

    function _seed() internal virtual {
        uint256[] memory amounts = new uint256[](4);
        (amounts[USDC], amounts[WETH], amounts[WBTC], amounts[USDT]) = (350_000e6, 150e18, 6.25e8, 100_000e6);
        for (uint256 i; i < 4; ++i) {
            IMintable(token[i]).mint(address(this), amounts[i]);
            IERC20(token[i]).forceApprove(address(treasury), amounts[i]);
        }
        treasury.seed(amounts, 10_000e18);
    }

    function _weights(uint16 a, uint16 b, uint16 c, uint16 d) internal pure returns (uint16[] memory weights) {
        weights = new uint16[](4);
        (weights[0], weights[1], weights[2], weights[3]) = (a, b, c, d);
    }

    // -------------------------------------------------------------------------------------------- acting

    /// @dev Time passes and the feeds report again what they said last.
    function pass(uint256 seconds_) internal {
        time += seconds_;
        vm.warp(time);
        for (uint256 i; i < feed.length; ++i) {
            (, int256 answer,,,) = feed[i].latestRoundData();
            feed[i].setAnswer(answer);
        }
    }

    function order(uint16 venue, uint8 tokenIn, uint256 amountIn) internal view returns (ITreasury.Swap memory) {
        bool zeroForOne = treasury.snapshot().venues[venue].i0 == tokenIn;
        return ITreasury.Swap({venue: venue, zeroForOne: zeroForOne, amountIn: uint112(amountIn), minOut: 0});
    }

    function batch(ITreasury.Swap memory swap) internal pure returns (ITreasury.Swap[] memory swaps) {
        swaps = new ITreasury.Swap[](1);
        swaps[0] = swap;
    }

    /// @dev What a good batch looks like: 20,000 USD of the over-weight stable into WETH.
    function honest() internal view returns (ITreasury.Swap[] memory) {
        return batch(order(V2_PAIR, USDC, 20_000e6));
    }

    function rebalance(ITreasury.Swap[] memory swaps) internal returns (ITreasury.Outcome memory) {
        uint64 id = treasury.snapshot().lastId + 1;
        vm.prank(KEEPER);
        return treasury.rebalance(swaps, id, uint64(time), DECISION);
    }

    function expect(bytes memory reason, ITreasury.Swap[] memory swaps) internal {
        uint64 id = treasury.snapshot().lastId + 1;
        vm.expectRevert(reason);
        vm.prank(KEEPER);
        treasury.rebalance(swaps, id, uint64(time), DECISION);
    }

    function held(uint8 index) internal view returns (uint256) {
        return IERC20(token[index]).balanceOf(address(treasury));
    }

    function limits(uint16 slip, uint16 perTrade, uint16 minDrift, uint32 cooldown)
        internal
        view
        returns (ITreasury.Limits memory changed)
    {
        changed = treasury.snapshot().limits;
        (changed.maxSlipBps, changed.perTradeBps, changed.minDriftBps, changed.cooldown) =
        (slip, perTrade, minDrift, cooldown);
    }

    /// @dev The same, and budgets and cost of progress as wide as they go: for tests of another guard.
    function opened(uint16 slip, uint16 perTrade, uint16 minDrift, uint32 cooldown)
        internal
        view
        returns (ITreasury.Limits memory changed)
    {
        changed = limits(slip, perTrade, minDrift, cooldown);
        (changed.lossCapBps, changed.turnoverCapBps, changed.maxCostBps) = (200, type(uint16).max, 10_000);
    }
}
