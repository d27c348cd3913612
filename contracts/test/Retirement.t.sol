// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevFeed} from "../src/devnet/DevFeed.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Reverts} from "./support/Hostile.sol";
import {InKind} from "./support/InKind.sol";
import {vm} from "./support/Vm.sol";

/// @title An asset that is given up: nobody asks its price, nobody trades it, holders keep their claim
contract RetirementTest is InKind {
    // -------------------------------------------------------------------------------------------- how

    function test_target_must_be_zero() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadTargets.selector, 1000));
        treasury.retireAsset(USDT);
        treasury.setTargets(_weights(2500, 4000, 3499, 1));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadTargets.selector, 1));
        treasury.retireAsset(USDT);
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
        treasury.retireAsset(USDT);
    }

    function test_retirement_is_told() public {
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
        ITreasury.Asset memory expected = treasury.snapshot().assets[USDT];
        (expected.retired, expected.buyable) = (true, false);
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetSet(USDT, expected);
        treasury.retireAsset(USDT);
        holds(
            keccak256(abi.encode(treasury.snapshot().assets[USDT])) == keccak256(abi.encode(expected)), "as it was told"
        );
        // Once more changes nothing.
        treasury.retireAsset(USDT);
        holds(
            keccak256(abi.encode(treasury.snapshot().assets[USDT])) == keccak256(abi.encode(expected)), "as it was told"
        );
    }

    function test_unknown_asset() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 4, 4));
        treasury.retireAsset(4);
    }

    function test_retired_asset_gets_no_weight() public {
        _retire();
        vm.expectRevert(abi.encodeWithSelector(ITreasury.IsRetired.selector, token[USDT]));
        treasury.setTargets(_weights(2500, 4000, 3499, 1));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.IsRetired.selector, token[USDT]));
        vm.prank(WEIGHER);
        treasury.setTargets(_weights(2500, 4000, 3499, 1));
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
    }

    /// @dev Listing and changing are no ways to retire: only `retireAsset` asks for the target.
    function test_no_other_way_to_retire() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[USDT];
        asset.retired = true;
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadAsset.selector, token[USDT]));
        treasury.setAsset(USDT, asset);
        asset = _asset(address(new DevFeed("no token", 8)), address(feed[USDC]), 8, 1e8);
        asset.retired = true;
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadAsset.selector, asset.token));
        treasury.addAsset(asset);
    }

    // -------------------------------------------------------------------------------------------- not priced

    /// @dev NAV, weights and tracking error are those of a fund that has none of it.
    function test_not_counted() public {
        _retire();
        same(treasury.nav(), 900_000e18, "NAV");
        same(treasury.sharePrice(), 90e18, "share price");
        // 350 - 225, 300 - 360, 250 - 315 thousand
        same(treasury.trackingError(), 125_000e18, "tracking error");
    }

    function test_feed_and_token_are_not_asked() public {
        _retire();
        vm.etch(address(feed[USDT]), type(Reverts).runtimeCode);
        vm.etch(token[USDT], type(Reverts).runtimeCode);
        same(treasury.nav(), 900_000e18, "NAV");
        same(treasury.trackingError(), 125_000e18, "tracking error");
        rebalance(honest());
        treasury.redeem(1e18, BOB, new uint256[](4), 1 << USDT);
    }

    /// @dev Before it was retired either of them stopped the fund. To retire it asks neither.
    function test_way_out_of_a_dead_feed() public {
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
        vm.etch(address(feed[USDT]), type(Reverts).runtimeCode);
        vm.etch(token[USDT], type(Reverts).runtimeCode);
        expect(abi.encodeWithSignature("Error(string)", "no"), honest());
        treasury.retireAsset(USDT);
        rebalance(honest());
    }

    function test_price_out_of_bounds_and_stale() public {
        _retire();
        feed[USDT].setAnswer(0);
        rebalance(honest());
        pass(1 hours);
        feed[USDT].setAnswerAt(1e8, 0);
        rebalance(honest());
    }

    // -------------------------------------------------------------------------------------------- not traded

    function test_neither_sold_nor_bought_in_any_venue() public {
        _retire();
        treasury.setLimits(opened(300, 10_000, 0, 0));
        for (uint16 venue = USDT_V2_PAIR; venue <= USDT_V3_ROUTER; ++venue) {
            expect(
                abi.encodeWithSelector(ITreasury.IsRetired.selector, token[USDT]), batch(order(venue, USDT, 1_000e6))
            );
            expect(abi.encodeWithSelector(ITreasury.NotBuyable.selector, token[USDT]), batch(order(venue, WETH, 1e18)));
        }
    }

    /// @dev To name it in a batch does not waive the drift for the rest: the batch fails at the next guard.
    function test_no_exit_through_it() public {
        _retire();
        treasury.setLimits(opened(300, 10_000, 5_000, 0));
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](2);
        (swaps[0], swaps[1]) = (order(V2_PAIR, USDC, 20_000e6), order(USDT_V2_PAIR, USDT, 0));
        expect(abi.encodeWithSelector(ITreasury.IsRetired.selector, token[USDT]), swaps);
        expect(abi.encodeWithSelector(ITreasury.NoDrift.selector, 125_000e18, 450_000e18), honest());
    }

    // -------------------------------------------------------------------------------------------- still owned

    function test_minted_and_redeemed_in_kind() public {
        _retire();
        uint256[] memory given = mintShares(ALICE, ALICE, 1e18);
        same(given[USDT], 10e6, "given");
        redeemShares(ALICE, BOB, 1e18, 0);
        same(balances(BOB), given, "and paid");
        same(treasury.componentUnits()[USDT], 10e6, "component units");
    }

    // -------------------------------------------------------------------------------------------- back again

    function test_set_asset_brings_it_back() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[USDT];
        asset.targetBps = 0;
        _retire();
        asset.feed = address(new DevFeed("USDT, another", 8));
        DevFeed(asset.feed).setAnswer(1e8);
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetSet(USDT, asset);
        treasury.setAsset(USDT, asset);
        same(treasury.nav(), 1_000_000e18, "counted again");
        treasury.setTargets(_weights(3500, 4000, 2500, 0));
        rebalance(batch(order(USDT_V2_PAIR, USDT, 20_000e6)));
        same(held(USDT), 80_000e6, "sold again");
        treasury.setTargets(_weights(2500, 3000, 2500, 2000));
        pass(15 minutes);
        DevFeed(asset.feed).setAnswer(1e8);
        rebalance(batch(order(USDT_V2_PAIR, WETH, 2e18)));
        holds(held(USDT) > 83_900e6, "bought again");
    }

    /// @dev It comes back as the owner says, not bought if that is so.
    function test_back_for_sale_only() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[USDT];
        (asset.targetBps, asset.buyable) = (0, false);
        _retire();
        treasury.setAsset(USDT, asset);
        expect(
            abi.encodeWithSelector(ITreasury.NotBuyable.selector, token[USDT]), batch(order(USDT_V2_PAIR, WETH, 1e18))
        );
        rebalance(batch(order(USDT_V2_PAIR, USDT, 20_000e6)));
    }

    function test_guardian_cannot_bring_it_back() public {
        _retire();
        vm.prank(GUARDIAN);
        treasury.stopBuying(USDT);
        holds(treasury.snapshot().assets[USDT].retired, "still retired");
    }

    function _retire() private {
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
        treasury.retireAsset(USDT);
    }
}
