// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Swapping} from "../src/libraries/Swapping.sol";
import {FixedPool} from "./support/Pools.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title The guards around one swap: venue, asset, size, minimum, and the floor under its value
contract SwapsTest is World {
    function test_unknown_venue() public {
        ITreasury.Swap[] memory swaps = honest();
        swaps[0].venue = 999;
        expect(abi.encodeWithSelector(ITreasury.BadVenue.selector, 999), swaps);
    }

    function test_disabled_venue() public {
        vm.prank(GUARDIAN);
        treasury.disableVenue(V2_PAIR);
        expect(abi.encodeWithSelector(ITreasury.BadVenue.selector, V2_PAIR), honest());
        rebalance(batch(order(V3_POOL, USDC, 20_000e6)));
    }

    function test_stopped_asset_is_sold_but_never_bought() public {
        vm.prank(GUARDIAN);
        treasury.stopBuying(WETH);
        for (uint16 venue = V2_PAIR; venue <= V3_ROUTER; ++venue) {
            expect(
                abi.encodeWithSelector(ITreasury.NotBuyable.selector, token[WETH]), batch(order(venue, USDC, 20_000e6))
            );
        }
        treasury.setTargets(_weights(5000, 1500, 2500, 1000));
        rebalance(batch(order(V2_PAIR, WETH, 5e18)));
    }

    // -------------------------------------------------------------------------------------------- size

    function test_trade_at_the_limit_and_one_unit_above() public {
        treasury.setLimits(limits(300, 200, 10, 900));
        uint256 oneUnit = 1e12; // USD of 0.000001 USDC
        expect(
            abi.encodeWithSelector(ITreasury.TradeTooBig.selector, V2_PAIR, 20_000e18 + oneUnit, 20_000e18),
            batch(order(V2_PAIR, USDC, 20_000e6 + 1))
        );
        rebalance(batch(order(V2_PAIR, USDC, 20_000e6)));
    }

    function test_amount_is_clipped_to_the_balance() public {
        treasury.setTargets(_weights(2500, 5000, 2500, 0));
        treasury.setLimits(opened(300, 10_000, 10, 900));
        rebalance(batch(order(USDT_V2_PAIR, USDT, type(uint112).max)));
        same(held(USDT), 0, "USDT left");
    }

    // -------------------------------------------------------------------------------------------- minimum

    function test_min_out_at_the_limit_and_one_unit_above() public {
        for (uint16 venue = V2_PAIR; venue <= V3_ROUTER; ++venue) {
            uint256 state = vm.snapshotState();
            uint256 wethBefore = held(WETH);
            ITreasury.Swap[] memory swaps = batch(order(venue, USDC, 20_000e6));
            rebalance(swaps);
            uint256 got = held(WETH) - wethBefore;
            vm.revertToState(state);

            swaps[0].minOut = uint112(got + 1);
            expect(abi.encodeWithSelector(ITreasury.MinOut.selector, venue, got, got + 1), swaps);
            swaps[0].minOut = uint112(got);
            rebalance(swaps);
            vm.revertToState(state);
        }
    }

    // -------------------------------------------------------------------------------------------- floor

    /// @dev The pools pay about 2,000 USD for a WETH; a feed that says 2,020 makes the same output worth more.
    function test_slippage_through_every_venue() public {
        treasury.setTargets(_weights(0, 10_000, 0, 0));
        treasury.setLimits(limits(40, 1000, 10, 900));
        for (uint16 venue = V2_PAIR; venue <= USDT_V3_ROUTER; ++venue) {
            uint8 stable = venue < USDT_V2_PAIR ? USDC : USDT;
            (uint256 valueOut,) = _soldFor(venue, stable, 20_000e6);
            expect(
                abi.encodeWithSelector(ITreasury.Slippage.selector, venue, valueOut, 19_920e18),
                batch(order(venue, stable, 20_000e6))
            );
        }
    }

    /// @dev WETH at 1 USD, so that values are odd: 1 % of 100 USD and a unit more leaves a floor of 99 USD and a unit.
    function test_floor_rounds_against_the_keeper() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[WETH];
        asset.minPrice = 1;
        treasury.setAsset(WETH, asset);
        treasury.setTargets(_weights(6000, 0, 3000, 1000));
        feed[WETH].setAnswer(1e8);
        ITreasury.Swap[] memory swaps = batch(order(V3_POOL, WETH, 100e18 + 1));
        vm.etch(treasury.snapshot().venues[V3_POOL].target, address(new FixedPool(token[USDC], 99e6)).code);
        expect(abi.encodeWithSelector(ITreasury.Slippage.selector, V3_POOL, 99e18, 99e18 + 1), swaps);
        swaps[0].amountIn = 100e18;
        rebalance(swaps);
    }

    /// @dev Around every floor the limits can express the verdict is the formula's, to the unit. All is wanted in WETH:
    ///      whatever its price, buying it is progress.
    function testFuzz_slippage_floor(uint256 amount, uint256 price, uint16 slip) public {
        amount = within(amount, 1e6, 90_000e6);
        price = within(price, 1_900e8, 2_100e8);
        slip = uint16(within(slip, 0, 300));
        feed[WETH].setAnswer(int256(price));
        treasury.setTargets(_weights(0, 10_000, 0, 0));
        treasury.setLimits(opened(slip, 10_000, 0, 900));
        uint256 valueIn = amount * 1e12;
        (uint256 valueOut, bytes memory reason) = _soldFor(V2_PAIR, USDC, amount);
        // ceil(valueIn * (10,000 - slip) / 10,000)
        uint256 floor = (valueIn * (10_000 - slip) + 9_999) / 10_000;
        if (valueOut >= floor) {
            same(reason.length, 0, "passes");
        } else {
            bytes memory expected = abi.encodeWithSelector(ITreasury.Slippage.selector, V2_PAIR, valueOut, floor);
            holds(keccak256(reason) == keccak256(expected), "names value and floor");
        }
    }

    /// @dev `valueOut` by the pair's own formula and the feed; `reason` is empty when the swap passed.
    function _soldFor(uint16 venue, uint8 stable, uint256 amount)
        private
        returns (uint256 valueOut, bytes memory reason)
    {
        uint256 state = vm.snapshotState();
        ITreasury.Limits memory kept = treasury.snapshot().limits;
        (, int256 price,,,) = feed[WETH].latestRoundData();
        ITreasury.Swap[] memory swaps = batch(order(venue, stable, amount));
        vm.prank(KEEPER);
        try treasury.rebalance(swaps, 1, uint64(time), DECISION) {}
        catch (bytes memory why) {
            reason = why;
        }
        vm.revertToState(state);
        // A second run with the widest floor and a feed at which it always passes shows what the pool gives.
        feed[WETH].setAnswer(4_000e8);
        treasury.setLimits(opened(300, 10_000, 0, kept.cooldown));
        uint256 wethBefore = held(WETH);
        rebalance(swaps);
        valueOut = (held(WETH) - wethBefore) * uint256(price) / 1e8;
        vm.revertToState(state);
    }

    // -------------------------------------------------------------------------------------------- arithmetic

    /// @dev Equal, unit by unit, to the formula in Uniswap's own V2Library with 997 and 1000.
    function testFuzz_v2_amount_out(uint112 amountIn, uint112 reserveIn, uint112 reserveOut) public pure {
        vm.assume(amountIn > 0 && reserveIn > 0 && reserveOut > 0);
        uint256 afterFee = uint256(amountIn) * 997;
        uint256 expected = afterFee * reserveOut / (uint256(reserveIn) * 1000 + afterFee);
        same(Swapping.v2AmountOut(amountIn, reserveIn, reserveOut, 3000), expected, "amount out");
    }
}
