// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {World} from "./support/World.sol";
import {Vm, vm} from "./support/Vm.sol";

/// @title The guards around a batch: who, when, once, and whether there is any need
contract RebalanceTest is World {
    // -------------------------------------------------------------------------------------------- who

    function test_stranger_is_refused() public {
        _refused(STRANGER, abi.encodeWithSelector(ITreasury.NotKeeper.selector, STRANGER, 0));
    }

    function test_owner_and_guardian_and_weigher_are_no_keepers() public {
        address[3] memory others = [address(this), GUARDIAN, WEIGHER];
        for (uint256 i; i < 3; ++i) {
            _refused(others[i], abi.encodeWithSelector(ITreasury.NotKeeper.selector, others[i], 0));
        }
    }

    function test_keeper_may_in_its_last_second_and_not_after() public {
        uint64 until = treasury.keeperUntil(KEEPER);
        pass(until - time);
        uint256 state = vm.snapshotState();
        rebalance(honest());
        vm.revertToState(state);
        pass(1);
        _refused(KEEPER, abi.encodeWithSelector(ITreasury.NotKeeper.selector, KEEPER, until));
    }

    function test_paused() public {
        vm.prank(GUARDIAN);
        treasury.pause();
        expect(abi.encodeWithSelector(ITreasury.IsPaused.selector), honest());
        treasury.unpause();
        rebalance(honest());
    }

    // -------------------------------------------------------------------------------------------- when

    function test_deadline_is_the_last_valid_second() public {
        ITreasury.Swap[] memory swaps = honest();
        vm.expectRevert(abi.encodeWithSelector(ITreasury.Expired.selector, time, time - 1));
        vm.prank(KEEPER);
        treasury.rebalance(swaps, 1, uint64(time - 1), DECISION);
        vm.prank(KEEPER);
        treasury.rebalance(swaps, 1, uint64(time), DECISION);
    }

    function test_cooldown_ends_in_its_last_second() public {
        rebalance(honest());
        uint256 until = time + 15 minutes;
        pass(15 minutes - 1);
        expect(abi.encodeWithSelector(ITreasury.Cooldown.selector, time, until), honest());
        pass(1);
        rebalance(honest());
    }

    function testFuzz_rebalances_are_a_cooldown_apart(uint32 cooldown, uint32 wait) public {
        cooldown = uint32(within(cooldown, 0, 7 days));
        wait = uint32(within(wait, 0, 14 days));
        treasury.setLimits(limits(100, 1000, 10, cooldown));
        rebalance(honest());
        uint256 until = time + cooldown;
        pass(wait);
        if (wait < cooldown) expect(abi.encodeWithSelector(ITreasury.Cooldown.selector, time, until), honest());
        else rebalance(honest());
    }

    // -------------------------------------------------------------------------------------------- once

    function test_id_must_be_the_next() public {
        ITreasury.Swap[] memory swaps = honest();
        uint64[3] memory wrong = [uint64(0), 2, type(uint64).max];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ITreasury.BadId.selector, wrong[i], 1));
            vm.prank(KEEPER);
            treasury.rebalance(swaps, wrong[i], uint64(time), DECISION);
        }
    }

    function test_same_transaction_cannot_execute_twice() public {
        ITreasury.Swap[] memory swaps = honest();
        rebalance(swaps);
        pass(1 hours);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadId.selector, 1, 2));
        vm.prank(KEEPER);
        treasury.rebalance(swaps, 1, uint64(time), DECISION);
    }

    function test_empty_batch() public {
        expect(abi.encodeWithSelector(ITreasury.EmptyBatch.selector), new ITreasury.Swap[](0));
    }

    /// @dev The second swap fails: nothing of the first one is left, neither tokens nor id nor clock.
    function test_one_failure_reverts_the_batch() public {
        uint256 usdcBefore = held(USDC);
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](2);
        swaps[0] = order(V2_PAIR, USDC, 20_000e6);
        swaps[1] = order(V3_POOL, USDC, 20_000e6);
        swaps[1].minOut = 11e18;
        uint64 id = 1;
        vm.expectPartialRevert(ITreasury.MinOut.selector);
        vm.prank(KEEPER);
        treasury.rebalance(swaps, id, uint64(time), DECISION);
        same(held(USDC), usdcBefore, "USDC");
        same(treasury.snapshot().lastId, 0, "last id");
        same(treasury.snapshot().lastRebalance, 0, "last rebalance");
    }

    // -------------------------------------------------------------------------------------------- whether

    function test_no_drift() public {
        treasury.setTargets(_weights(3500, 3000, 2500, 1000));
        expect(abi.encodeWithSelector(ITreasury.NoDrift.selector, 0, 1_000e18), honest());
    }

    /// @dev TE is 100,000 USD of 1,000,000: exactly 10 %.
    function test_drift_at_the_limit_is_enough() public {
        same(treasury.trackingError(), 100_000e18, "tracking error");
        treasury.setLimits(limits(100, 1000, 1001, 900));
        expect(abi.encodeWithSelector(ITreasury.NoDrift.selector, 100_000e18, 100_100e18), honest());
        treasury.setLimits(limits(100, 1000, 1000, 900));
        rebalance(honest());
    }

    function test_exit_needs_no_drift() public {
        treasury.setLimits(limits(100, 1000, 5000, 900));
        treasury.setTargets(_weights(3500, 4000, 2500, 0));
        // 10 % of NAV off, below the 50 % asked for: another asset may not be sold, one with target 0 may.
        expect(abi.encodeWithSelector(ITreasury.NoDrift.selector, 100_000e18, 500_000e18), honest());
        rebalance(batch(order(USDT_V2_PAIR, USDT, 20_000e6)));
        same(held(USDT), 80_000e6, "USDT left");
    }

    function test_buying_a_target_zero_asset_is_no_exit() public {
        treasury.setLimits(limits(100, 1000, 5000, 900));
        treasury.setTargets(_weights(3500, 4000, 2500, 0));
        expect(
            abi.encodeWithSelector(ITreasury.NoDrift.selector, 100_000e18, 500_000e18),
            batch(order(USDT_V2_PAIR, WETH, 5e18))
        );
    }

    // -------------------------------------------------------------------------------------------- record

    function test_rebalanced_anchors_the_decision() public {
        vm.recordLogs();
        ITreasury.Outcome memory outcome = rebalance(honest());
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory log = logs[logs.length - 1];
        holds(log.topics[0] == ITreasury.Rebalanced.selector, "last event");
        same(uint256(log.topics[1]), 1, "id");
        same(address(uint160(uint256(log.topics[2]))), KEEPER, "keeper");
        holds(log.topics[3] == DECISION, "decision");
        holds(keccak256(log.data) == keccak256(abi.encode(outcome)), "outcome");
        same(treasury.snapshot().lastId, 1, "last id");
        same(treasury.snapshot().lastRebalance, time, "last rebalance");
    }

    function test_outcome_adds_up_over_swaps() public {
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](2);
        swaps[0] = order(V2_PAIR, USDC, 20_000e6);
        swaps[1] = order(V3_POOL, USDC, 30_000e6);
        (uint256 teBefore, uint256 wethBefore) = (treasury.trackingError(), held(WETH));
        ITreasury.Outcome memory outcome = rebalance(swaps);
        same(outcome.navBefore, 1_000_000e18, "NAV before");
        same(outcome.teBefore, teBefore, "TE before");
        same(outcome.turnover, 50_000e18, "turnover");
        same(outcome.loss, 50_000e18 - (held(WETH) - wethBefore) * 2_000, "loss");
        same(outcome.navAfter, outcome.navBefore - outcome.loss, "NAV after");
        same(outcome.teAfter, treasury.trackingError(), "TE after");
    }

    /// @dev WETH is 1 % cheaper by the feed than in the pools: buying it loses, selling it gains.
    function test_gains_do_not_offset_losses() public {
        feed[WETH].setAnswer(1_980e8);
        treasury.setLimits(opened(200, 1000, 10, 900));
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](2);
        swaps[0] = order(V2_PAIR, USDC, 50_000e6);
        swaps[1] = order(V3_POOL, WETH, 10e18);
        (uint256 wethBefore, uint256 usdcBefore) = (held(WETH), held(USDC));
        ITreasury.Outcome memory outcome = rebalance(swaps);
        uint256 bought = held(WETH) + 10e18 - wethBefore;
        uint256 usdcGot = held(USDC) + 50_000e6 - usdcBefore;
        holds(usdcGot * 1e12 > 19_800e18, "the second swap gains");
        same(outcome.loss, 50_000e18 - bought * 1_980, "loss of the first alone");
        holds(outcome.navBefore - outcome.navAfter < outcome.loss, "NAV fell by less");
    }

    function _refused(address sender, bytes memory reason) private {
        ITreasury.Swap[] memory swaps = honest();
        vm.expectRevert(reason);
        vm.prank(sender);
        treasury.rebalance(swaps, 1, uint64(time), DECISION);
    }
}
