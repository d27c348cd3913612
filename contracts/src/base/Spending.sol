// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Bps} from "../libraries/Bps.sol";
import {Bucket} from "../libraries/Bucket.sol";
import {Roles} from "./Roles.sol";

/// @title  The limits, and what has been spent of those that are budgets
/// @dev    Losses and turnover are kept as fractions of NAV, so that deposits and redemptions do not distort them.
abstract contract Spending is Roles {
    /// A floor lower than this would be no floor.
    uint256 private constant MAX_SLIP_BPS = 300;
    /// What an owner may open the fund to: 2 % of NAV in one burst.
    uint256 private constant MAX_LOSS_CAP_BPS = 200;
    /// A bucket that is full again within minutes would bound nothing.
    uint256 private constant MIN_WINDOW = 1 hours;
    uint256 private constant MAX_WINDOW = 30 days;

    /// @param lastId        of the last rebalance
    /// @param lastRebalance seconds, when that was
    /// @param time          seconds, when `loss` and `turnover` were written
    /// @param loss          used of the bucket then, 1e18 is the whole NAV; the largest cap is 2e16
    /// @param turnover      used of the bucket then; the largest cap is 6.6e18
    struct Spent {
        uint48 lastId;
        uint40 lastRebalance;
        uint40 time;
        uint64 loss;
        uint64 turnover;
    }

    /// @param time  seconds, when `shift` was written
    /// @param shift used of the weigher's bucket then, 1e18 is the whole weight
    struct Shifted {
        uint40 time;
        uint64 shift;
    }

    Limits internal _limits;
    Spent internal _spent;
    Shifted private _shifted;

    constructor() {
        _setLimits(
            Limits({
                maxSlipBps: 100,
                lossCapBps: 5,
                turnoverCapBps: 2_500,
                perTradeBps: 1_000,
                maxCostBps: 150,
                minDriftBps: 10,
                maxWeightBps: 5_000,
                shiftCapBps: 2_500,
                cooldown: 15 minutes,
                window: 1 days
            })
        );
    }

    // -------------------------------------------------------------------------------------------- limits

    /// @inheritdoc ITreasury
    /// @dev What was used counts as used, up to the new caps: a fund whose limits were opened for its first allocation
    ///      and closed again starts with empty buckets, not with a debt of weeks.
    function setLimits(Limits memory limits) external onlyOwner whenIdle {
        (uint256 loss, uint256 turnover) = _used();
        uint256 shift = _usedShift();
        _setLimits(limits);
        uint40 now_ = uint40(block.timestamp);
        (_spent.time, _shifted.time) = (now_, now_);
        _spent.loss = uint64(Math.min(loss, Bucket.capacity(limits.lossCapBps)));
        _spent.turnover = uint64(Math.min(turnover, Bucket.capacity(limits.turnoverCapBps)));
        _shifted.shift = uint64(Math.min(shift, Bucket.capacity(limits.shiftCapBps)));
    }

    function _setLimits(Limits memory limits) private {
        _requireAtMost(limits.maxSlipBps, MAX_SLIP_BPS);
        _requireAtMost(limits.lossCapBps, MAX_LOSS_CAP_BPS);
        _requireAtMost(limits.perTradeBps, Bps.ONE);
        _requireAtMost(limits.maxCostBps, Bps.ONE);
        _requireAtMost(limits.minDriftBps, Bps.ONE);
        _requireAtMost(limits.maxWeightBps, Bps.ONE);
        _requireAtMost(limits.shiftCapBps, Bps.ONE);
        if (limits.window < MIN_WINDOW || limits.window > MAX_WINDOW) {
            revert BadWindow(limits.window, MIN_WINDOW, MAX_WINDOW);
        }
        _limits = limits;
        emit LimitsSet(limits);
    }

    function _requireAtMost(uint256 given, uint256 ceiling) internal pure {
        if (given > ceiling) revert BadLimit(given, ceiling);
    }

    // -------------------------------------------------------------------------------------------- budgets

    /// @inheritdoc ITreasury
    function budgets() public view returns (Budgets memory left) {
        (uint256 loss, uint256 turnover) = _used();
        left.loss = Bucket.left(loss, _limits.lossCapBps);
        left.turnover = Bucket.left(turnover, _limits.turnoverCapBps);
        left.shift = Bucket.left(_usedShift(), _limits.shiftCapBps);
    }

    /// @notice Takes a batch's loss and turnover out of the buckets, and writes down that it ran.
    /// @dev    `navBefore` is not 0: a batch of nothing makes no progress.
    function _spend(uint64 id, Outcome memory outcome) internal {
        (uint256 loss, uint256 turnover) = _used();
        loss += _requireLossBudget(Bucket.share(outcome.loss, outcome.navBefore), loss);
        turnover += _requireTurnoverBudget(Bucket.share(outcome.turnover, outcome.navBefore), turnover);
        uint40 now_ = uint40(block.timestamp);
        _spent = Spent({
            lastId: uint48(id), lastRebalance: now_, time: now_, loss: uint64(loss), turnover: uint64(turnover)
        });
    }

    /// @notice Takes a change of weights out of the weigher's bucket.
    /// @param  shiftBps half the sum of `|new - old|`, rounded up
    function _shift(uint256 shiftBps) internal {
        uint256 used = _usedShift();
        used += _requireShiftBudget(Bucket.capacity(shiftBps), used);
        _shifted = Shifted({time: uint40(block.timestamp), shift: uint64(used)});
    }

    function _used() private view returns (uint256 loss, uint256 turnover) {
        uint256 elapsed = block.timestamp - _spent.time;
        loss = Bucket.usedNow(_spent.loss, elapsed, _limits.lossCapBps, _limits.window);
        turnover = Bucket.usedNow(_spent.turnover, elapsed, _limits.turnoverCapBps, _limits.window);
    }

    function _usedShift() private view returns (uint256) {
        uint256 elapsed = block.timestamp - _shifted.time;
        return Bucket.usedNow(_shifted.shift, elapsed, _limits.shiftCapBps, _limits.window);
    }

    // -------------------------------------------------------------------------------------------- guards

    function _requireLossBudget(uint256 wanted, uint256 used) private view returns (uint256) {
        uint256 left = Bucket.left(used, _limits.lossCapBps);
        if (wanted > left) revert LossBudget(wanted, left);
        return wanted;
    }

    function _requireTurnoverBudget(uint256 wanted, uint256 used) private view returns (uint256) {
        uint256 left = Bucket.left(used, _limits.turnoverCapBps);
        if (wanted > left) revert TurnoverBudget(wanted, left);
        return wanted;
    }

    function _requireShiftBudget(uint256 wanted, uint256 used) private view returns (uint256) {
        uint256 left = Bucket.left(used, _limits.shiftCapBps);
        if (wanted > left) revert ShiftBudget(wanted, left);
        return wanted;
    }
}
