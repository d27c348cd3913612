// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title How far and how fast a weigher may move the target weights
contract WeigherTest is World {
    uint256 private constant CAP = 25e16; // 2,500 bps
    uint256 private constant BPS = 1e14;

    function test_weights_are_set_and_told() public {
        uint16[] memory weights = _weights(2500, 4500, 2000, 1000);
        vm.expectEmit(address(treasury));
        emit ITreasury.TargetsSet(weights);
        _set(weights);
        ITreasury.Asset[] memory assets = treasury.snapshot().assets;
        for (uint256 i; i < 4; ++i) {
            same(assets[i].targetBps, weights[i], "target");
        }
        _left(CAP - 500 * BPS);
    }

    function test_owner_is_told_alike_and_not_bound() public {
        uint16[] memory weights = _weights(0, 10_000, 0, 0);
        vm.expectEmit(address(treasury));
        emit ITreasury.TargetsSet(weights);
        treasury.setTargets(weights);
        _left(CAP);
    }

    /// @dev The owner as weigher is the owner.
    function test_owner_who_is_weigher() public {
        treasury.setWeigher(address(this));
        treasury.setTargets(_weights(0, 10_000, 0, 0));
        _left(CAP);
    }

    function test_nothing_else_changes() public {
        ITreasury.Snapshot memory before = treasury.snapshot();
        _set(_weights(3500, 3000, 2000, 1500));
        ITreasury.Snapshot memory now_ = treasury.snapshot();
        for (uint256 i; i < 4; ++i) {
            now_.assets[i].targetBps = before.assets[i].targetBps;
        }
        now_.budgets.shift = before.budgets.shift;
        holds(keccak256(abi.encode(before)) == keccak256(abi.encode(now_)), "targets and the bucket alone");
    }

    // -------------------------------------------------------------------------------------------- one weight

    function test_weight_at_the_limit_and_one_above() public {
        uint16[] memory weights = _weights(2500, 5001, 1500, 999);
        _refused(abi.encodeWithSelector(ITreasury.WeightTooBig.selector, WETH, 5001, 5000), weights);
        _set(_weights(2500, 5000, 1500, 1000));
    }

    /// @dev The limit is on what there is after, also for a weight that the owner made bigger and nobody touches.
    function test_weight_that_the_owner_made_too_big() public {
        treasury.setTargets(_weights(6000, 2000, 1000, 1000));
        _refused(
            abi.encodeWithSelector(ITreasury.WeightTooBig.selector, USDC, 6000, 5000), _weights(6000, 1900, 1100, 1000)
        );
        _set(_weights(5000, 3000, 1000, 1000));
    }

    /// @dev Weights that do not fit the list or the sum are refused before anything else.
    function test_sum_and_length() public {
        _refused(abi.encodeWithSelector(ITreasury.BadTargets.selector, 9_999), _weights(2500, 4000, 2500, 999));
        _refused(abi.encodeWithSelector(ITreasury.BadTargets.selector, 10_001), _weights(2500, 4000, 2500, 1001));
        _refused(abi.encodeWithSelector(ITreasury.BadLength.selector, 5, 4), new uint16[](5));
        _left(CAP);
    }

    // -------------------------------------------------------------------------------------------- the bucket

    function test_shift_at_the_budget_and_one_above() public {
        _refused(
            abi.encodeWithSelector(ITreasury.ShiftBudget.selector, CAP + BPS, CAP), _weights(5000, 1499, 2501, 1000)
        );
        _set(_weights(5000, 1500, 2500, 1000));
        _left(0);
        _refused(abi.encodeWithSelector(ITreasury.ShiftBudget.selector, BPS, 0), _weights(4999, 1501, 2500, 1000));
        // The same weights again shift nothing.
        _set(_weights(5000, 1500, 2500, 1000));
    }

    /// @dev Back and forth counts both ways.
    function test_there_and_back_again() public {
        _set(_weights(3500, 3000, 2500, 1000));
        _set(_weights(2500, 4000, 2500, 1000));
        _left(CAP - 2_000 * BPS);
    }

    function test_refill() public {
        _set(_weights(5000, 1500, 2500, 1000));
        uint256[6] memory waits = [uint256(1), 863, 864, 43_200, 86_400, 500_000];
        for (uint256 i; i < waits.length; ++i) {
            vm.warp(time + waits[i]);
            _left(waits[i] < 1 days ? CAP * waits[i] / 1 days : CAP);
        }
        // A basis point is a hundredth of a percent of the day's 25 %: 34.56 seconds.
        vm.warp(time + 34);
        _refused(
            abi.encodeWithSelector(ITreasury.ShiftBudget.selector, BPS, CAP * 34 / 1 days),
            _weights(4999, 1501, 2500, 1000)
        );
        vm.warp(time + 35);
        _set(_weights(4999, 1501, 2500, 1000));
    }

    /// @dev The bucket is the fund's: another weigher does not bring a new one.
    function test_new_weigher_finds_the_same_bucket() public {
        _set(_weights(5000, 1500, 2500, 1000));
        treasury.setWeigher(STRANGER);
        uint16[] memory weights = _weights(4000, 2500, 2500, 1000);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.ShiftBudget.selector, 1_000 * BPS, 0));
        vm.prank(STRANGER);
        treasury.setTargets(weights);
    }

    function test_owner_does_not_use_the_weighers_bucket() public {
        _set(_weights(3500, 3000, 2500, 1000));
        treasury.setTargets(_weights(0, 0, 5000, 5000));
        _left(CAP - 1_000 * BPS);
    }

    function test_rebalance_does_not_use_it() public {
        _set(_weights(2500, 4500, 2000, 1000));
        rebalance(honest());
        _left(CAP - 500 * BPS);
        // And a shift leaves the keeper's as they are.
        ITreasury.Budgets memory before = treasury.budgets();
        _set(_weights(2500, 4000, 2500, 1000));
        same(treasury.budgets().loss, before.loss, "loss");
        same(treasury.budgets().turnover, before.turnover, "turnover");
    }

    function test_new_limits_keep_what_was_used() public {
        _set(_weights(3500, 3000, 2500, 1000));
        _cap(10_000);
        _left(1e18 - 1_000 * BPS);
        _cap(500);
        _left(0);
        _cap(2_500);
        _left(CAP - 500 * BPS);
    }

    /// @dev What passed before counts by the old window, what comes after by the new one, and nothing counts twice.
    function test_new_window_counts_from_now() public {
        _set(_weights(5000, 1500, 2500, 1000));
        pass(6 hours);
        _left(CAP / 4);
        ITreasury.Limits memory changed = treasury.snapshot().limits;
        treasury.setLimits(changed);
        _left(CAP / 4);
        changed.window = 1 hours;
        treasury.setLimits(changed);
        _left(CAP / 4);
        pass(15 minutes);
        _left(CAP / 2);
    }

    /// @dev Half the sum of what moves, as one would write it down; both verdicts.
    function testFuzz_shift(uint16 a, uint16 b, uint16 c, uint16 cap) public {
        a = uint16(within(a, 0, 5_000));
        b = uint16(within(b, 0, 5_000));
        c = uint16(within(c, a + b > 5_000 ? 0 : 5_000 - a - b, a + b < 5_000 ? 5_000 : 10_000 - a - b));
        uint16 d = 10_000 - a - b - c;
        cap = uint16(within(cap, 0, 10_000));
        _cap(cap);
        // What comes in is what goes out: the sum of the gains is half of all.
        uint256 gains = _gain(a, 2500) + _gain(b, 4000) + _gain(c, 2500) + _gain(d, 1000);
        if (gains > cap) {
            _refused(
                abi.encodeWithSelector(ITreasury.ShiftBudget.selector, gains * BPS, uint256(cap) * BPS),
                _weights(a, b, c, d)
            );
        } else {
            _set(_weights(a, b, c, d));
            _left((cap - gains) * BPS);
        }
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _gain(uint256 to, uint256 from) private pure returns (uint256) {
        return to > from ? to - from : 0;
    }

    function _set(uint16[] memory weights) private {
        vm.prank(WEIGHER);
        treasury.setTargets(weights);
    }

    function _refused(bytes memory reason, uint16[] memory weights) private {
        vm.expectRevert(reason);
        vm.prank(WEIGHER);
        treasury.setTargets(weights);
    }

    function _cap(uint16 shiftCap) private {
        ITreasury.Limits memory changed = treasury.snapshot().limits;
        changed.shiftCapBps = shiftCap;
        treasury.setLimits(changed);
    }

    function _left(uint256 shift) private view {
        same(treasury.budgets().shift, shift, "shift left");
    }
}
