// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Lens} from "../src/Lens.sol";
import {ILens} from "../src/interfaces/ILens.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {InKind} from "./support/InKind.sol";
import {IMintable} from "./support/Uniswap.sol";
import {vm} from "./support/Vm.sol";

/// @title An asset leaves the list, the last one takes its place, and every venue still means the tokens it meant
contract DroppingTest is InKind {
    using SafeERC20 for IERC20;

    ILens private lens = ILens(address(0x1e45));

    function setUp() public override {
        super.setUp();
        vm.etch(address(lens), address(new Lens()).code);
    }

    // -------------------------------------------------------------------------------------------- when

    function test_only_what_is_retired() public {
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
        _empty(USDT);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotRetired.selector, token[USDT]));
        treasury.dropAsset(USDT);
        treasury.retireAsset(USDT);
        treasury.dropAsset(USDT);
        same(treasury.snapshot().assets.length, 3, "assets");
    }

    function test_only_what_is_empty() public {
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
        treasury.retireAsset(USDT);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotEmpty.selector, token[USDT], 100_000e6));
        treasury.dropAsset(USDT);
        _empty(USDT);
        IMintable(token[USDT]).mint(address(treasury), 1);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotEmpty.selector, token[USDT], 1));
        treasury.dropAsset(USDT);
    }

    function test_unknown_asset() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 4, 4));
        treasury.dropAsset(4);
    }

    // -------------------------------------------------------------------------------------------- the fund lives on

    /// @dev USDC, the first, goes; USDT, the last, moves to its place and trades through the venues it always had.
    function test_moved_asset_trades_in_all_its_venues() public {
        _dropUsdc();
        ITreasury.Asset[] memory assets = treasury.snapshot().assets;
        same(assets.length, 3, "assets");
        same(assets[0].token, token[USDT], "moved");
        same(assets[0].targetBps, 0, "with its target");
        treasury.setLimits(opened(300, 10_000, 0, 0));
        for (uint16 venue = USDT_V2_PAIR; venue <= USDT_V3_ROUTER; ++venue) {
            uint256 before = held(USDT);
            rebalance(batch(order(venue, 0, 5_000e6)));
            same(before - held(USDT), 5_000e6, "sold");
        }
        for (uint16 venue = V2_PAIR; venue <= V3_ROUTER; ++venue) {
            ITreasury.Swap[] memory swaps = batch(ITreasury.Swap(venue, true, 1e6, 0));
            expect(abi.encodeWithSelector(ITreasury.BadVenue.selector, venue), swaps);
        }
        // The hop between assets that stayed where they were.
        treasury.setTargets(_threeWeights(0, 0, 10_000));
        rebalance(batch(order(WBTC_V3_POOL, WETH, 1e18)));
    }

    function test_shares_after_a_drop() public {
        _dropUsdc();
        uint256[] memory given = mintShares(ALICE, ALICE, 1e18);
        same(given.length, 3, "three assets");
        same(given[0], 10e6, "USDT is the first now");
        redeemShares(ALICE, ALICE, 1e18, 1 << 0);
        same(IERC20(token[USDT]).balanceOf(ALICE), 0, "and is the one that bit 0 skips");
        same(IERC20(token[WETH]).balanceOf(ALICE), 0.015e18, "WETH is paid");
    }

    function test_lens_after_a_drop() public {
        _dropUsdc();
        ILens.FundState memory fund = _observe();
        holds(fund.ok, "answers");
        same(fund.assets.length, 3, "assets");
        same(fund.assets[0].token, token[USDT], "moved");
        same(fund.assets[0].balance, 100_000e6, "its balance");
        for (uint256 i = V2_PAIR; i <= V3_ROUTER; ++i) {
            holds(!fund.venues[i].enabled, "without an asset, disabled");
        }
        for (uint256 i = USDT_V2_PAIR; i <= WBTC_V3_POOL; ++i) {
            holds(fund.venues[i].ok && fund.venues[i].enabled, "the others answer");
        }
        same(fund.venues[USDT_V2_ROUTER].pool, fund.venues[USDT_V2_PAIR].target, "the router's pair");
        same(fund.venues[USDT_V3_ROUTER].pool, fund.venues[USDT_V3_POOL].target, "the router's pool");
    }

    /// @dev It may come back, at the end of the list and through new venues; the old ones stay closed.
    function test_dropped_token_comes_back() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[USDC];
        asset.targetBps = 0;
        address pair = treasury.snapshot().venues[V2_PAIR].target;
        _dropUsdc();
        same(treasury.addAsset(asset), 3, "last");
        IMintable(token[USDC]).mint(address(treasury), 100_000e6);
        uint16 venue = addVenue(ITreasury.Kind.V2Pair, pair, 3, WETH, 3000);
        rebalance(batch(order(venue, 3, 20_000e6)));
        same(held(USDC), 80_000e6, "sold");
        pass(15 minutes);
        expect(
            abi.encodeWithSelector(ITreasury.BadVenue.selector, V2_PAIR), batch(ITreasury.Swap(V2_PAIR, true, 1e6, 0))
        );
    }

    function test_drop_is_told() public {
        treasury.setTargets(_weights(0, 5000, 5000, 0));
        treasury.retireAsset(USDC);
        treasury.retireAsset(USDT);
        _empty(USDC);
        _empty(USDT);
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetDropped(USDC, token[USDC], USDT);
        treasury.dropAsset(USDC);
        // The last one takes its own place.
        treasury.setTargets(_threeWeights(0, 10_000, 0));
        treasury.retireAsset(2);
        _empty(WBTC);
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetDropped(2, token[WBTC], 2);
        treasury.dropAsset(2);
    }

    // -------------------------------------------------------------------------------------------- every venue

    /// @dev Four assets, all four kinds of venue between any two of them. Assets leave one after the other, in all 24
    ///      orders: a venue that means a token that left is closed for good, any other means the tokens that it always
    ///      meant.
    function test_venues_mean_what_they_meant() public {
        _everyVenue();
        uint256 state = vm.snapshotState();
        for (uint256 sequence; sequence < 24; ++sequence) {
            _follow(sequence);
            vm.revertToState(state);
        }
    }

    function _follow(uint256 sequence) private {
        for (uint256 left = 4; left > 0; --left) {
            _dropAndCompare(uint8(sequence % left));
            sequence /= left;
        }
    }

    function _dropAndCompare(uint8 index) private {
        ITreasury.Snapshot memory before = treasury.snapshot();
        address gone = before.assets[index].token;
        address last = before.assets[before.assets.length - 1].token;
        treasury.retireAsset(index);
        treasury.dropAsset(index);
        ITreasury.Snapshot memory now_ = treasury.snapshot();
        same(now_.assets.length, before.assets.length - 1, "one less");
        for (uint256 i; i < now_.assets.length; ++i) {
            same(now_.assets[i].token, i == index ? last : before.assets[i].token, "in its place");
        }
        ILens.FundState memory fund = _observe();
        holds(fund.ok, "the lens answers");
        for (uint256 i; i < now_.venues.length; ++i) {
            _compare(before.venues[i], before.assets, now_.venues[i], now_.assets, gone);
            if (now_.venues[i].enabled) holds(fund.venues[i].ok, "and finds the pool");
        }
    }

    function _compare(
        ITreasury.Venue memory old,
        ITreasury.Asset[] memory oldAssets,
        ITreasury.Venue memory now_,
        ITreasury.Asset[] memory assets,
        address gone
    ) private pure {
        same(now_.target, old.target, "target");
        same(uint8(now_.kind), uint8(old.kind), "kind");
        same(now_.feePips, old.feePips, "fee");
        if (!old.enabled || oldAssets[old.i0].token == gone || oldAssets[old.i1].token == gone) {
            holds(!now_.enabled, "closed");
        } else {
            holds(now_.enabled, "open");
            same(assets[now_.i0].token, oldAssets[old.i0].token, "token0");
            same(assets[now_.i1].token, oldAssets[old.i1].token, "token1");
        }
    }

    /// @dev A fund that was never given weights: any asset may go. 24 venues.
    function _everyVenue() private {
        address pair02 = v2Pair(token[USDC], 1e12, token[WBTC], 25e8);
        ITreasury.Asset[] memory assets = treasury.snapshot().assets;
        treasury = deployTreasury(v2Factory, v3Factory, address(0));
        for (uint256 i; i < 4; ++i) {
            assets[i].targetBps = 0;
            treasury.addAsset(assets[i]);
        }
        for (uint8 a; a < 4; ++a) {
            for (uint8 b = a + 1; b < 4; ++b) {
                address pair = a == USDC && b == WBTC ? pair02 : _pairOf(a, b);
                address pool = v3Pool(token[a], 1e12, token[b], 1e12, 10_000);
                addVenue(ITreasury.Kind.V2Pair, pair, a, b, 3000);
                addVenue(ITreasury.Kind.V3Pool, pool, a, b, 10_000);
                addVenue(ITreasury.Kind.V2Router, v2Router, a, b, 3000);
                addVenue(ITreasury.Kind.V3Router, v3Router, a, b, 10_000);
            }
        }
        same(treasury.snapshot().venues.length, 24, "venues");
    }

    /// @dev WETH has pairs with the stables already.
    function _pairOf(uint8 a, uint8 b) private returns (address) {
        (bool ok, bytes memory answer) =
            v2Factory.staticcall(abi.encodeWithSignature("getPair(address,address)", token[a], token[b]));
        address pair = abi.decode(answer, (address));
        return ok && pair != address(0) ? pair : v2Pair(token[a], 1e12, token[b], 1e12);
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _dropUsdc() private {
        treasury.setTargets(_weights(0, 5000, 5000, 0));
        treasury.retireAsset(USDC);
        _empty(USDC);
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetDropped(USDC, token[USDC], USDT);
        treasury.dropAsset(USDC);
    }

    function _empty(uint8 index) private {
        uint256 balance = held(index);
        vm.startPrank(address(treasury));
        IERC20(token[index]).safeTransfer(address(0xdead), balance);
        vm.stopPrank();
    }

    function _threeWeights(uint16 a, uint16 b, uint16 c) private pure returns (uint16[] memory weights) {
        weights = new uint16[](3);
        (weights[0], weights[1], weights[2]) = (a, b, c);
    }

    function _observe() private view returns (ILens.FundState memory) {
        ILens.Query[] memory queries = new ILens.Query[](1);
        queries[0] = ILens.Query(address(treasury), KEEPER);
        (,,,, ILens.FundState[] memory funds) = lens.observe(queries, address(0));
        return funds[0];
    }
}
