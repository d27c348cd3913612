// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Vm, vm} from "../support/Vm.sol";
import {Pictures} from "./Pictures.sol";

/// @title Watches every call to the treasury and keeps its own books of what may be
/// @dev   Nothing is asked of the treasury but its `snapshot`, for comparing: values come from token balances and feeds,
///        swaps from the tokens' own Transfer events, limits and lists from what the actors were seen to do. A broken
///        invariant is written down under its number with the first reason; it never reverts.
abstract contract Ledger is Pictures {
    uint256 internal constant INVARIANTS = 19;

    enum Who {
        Keeper,
        Weigher,
        Guardian,
        Owner,
        Holder,
        Stranger
    }

    /// @param loss     fraction of NAV, 1e18 is all of it, rounded down
    /// @param turnover likewise
    struct Spending {
        uint256 time;
        uint256 loss;
        uint256 turnover;
    }

    string[INVARIANTS + 1] public broken;

    // What the actors were seen to do.
    ITreasury.Limits internal limitsNow;
    uint256[] internal targetOf;
    bool[] internal listed;
    bool[] internal retired;
    bool[] internal stopped;
    mapping(uint256 venue => bool) internal disabled;
    Spending[] internal history;
    uint256 internal lastTime;
    uint64 internal lastId;

    function setUp() public virtual override {
        super.setUp();
        ITreasury.Snapshot memory s = treasury.snapshot();
        limitsNow = s.limits;
        for (uint256 i; i < s.assets.length; ++i) {
            _watch(s.assets[i].targetBps);
        }
    }

    function _watch(uint256 target) internal {
        targetOf.push(target);
        listed.push(true);
        retired.push(false);
        stopped.push(false);
    }

    function _break(uint256 invariant, string memory why) internal {
        if (bytes(broken[invariant]).length == 0) broken[invariant] = why;
    }

    function _must(bool condition, uint256 invariant, string memory why) internal {
        if (!condition) _break(invariant, why);
    }

    // -------------------------------------------------------------------------------------------- values

    function _nav(Picture memory p) internal view returns (uint256 nav) {
        for (uint256 i; i < tokens.length; ++i) {
            if (listed[i] && !retired[i]) nav += valueOf(i, p.balances[i]);
        }
    }

    /// @dev Twice the tracking error, so that nothing is halved: `sum |value - weight * NAV|`.
    function _drift(Picture memory p, uint256 nav) internal view returns (uint256 sum) {
        for (uint256 i; i < tokens.length; ++i) {
            if (!listed[i] || retired[i]) continue;
            (uint256 actual, uint256 target) = (valueOf(i, p.balances[i]), nav * targetOf[i] / 1e4);
            sum += actual > target ? actual - target : target - actual;
        }
    }

    // -------------------------------------------------------------------------------------------- any call

    /// @notice Calls the treasury and checks what must hold of every call.
    /// @param  to who may be paid, besides pools in a rebalance; zero for nobody
    function _act(Who who, address sender, bytes memory data, address to)
        internal
        returns (bool ok, bytes memory answer, Picture memory a, Picture memory b)
    {
        a = _picture();
        vm.recordLogs();
        vm.prank(sender);
        (ok, answer) = address(treasury).call(data);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        b = _picture();
        bool isRebalance = bytes4(data) == ITreasury.rebalance.selector;
        _must(ok || _digest(a) == _digest(b), 7, "a call that reverted changed something");
        _must(_lastIdOf(b.raw) == _lastIdOf(a.raw) + (ok && isRebalance ? 1 : 0), 8, "lastId is not one more");
        _must(_targets(b.raw) == 10_000, 14, "targets do not sum to 10,000");
        if (who == Who.Keeper || who == Who.Weigher || who == Who.Stranger || who == Who.Holder) {
            bool same_ = _configuration(a.raw, who != Who.Weigher) == _configuration(b.raw, who != Who.Weigher);
            _must(same_, 6, "configuration changed by one who may not");
        }
        if (who == Who.Guardian) _must(_isTighter(a.raw, b.raw), 16, "the guardian did more than tighten");
        if (!ok) return (ok, answer, a, b);
        _checkTransfers(logs, to, isRebalance);
        if (isRebalance) {
            _checkAllowances();
            _checkRebalance(data, logs, a, b);
        }
    }

    function _checkTransfers(Vm.Log[] memory logs, address to, bool isRebalance) private {
        for (uint256 i; i < logs.length; ++i) {
            if (!_isTransfer(logs[i]) || _party(logs[i], 1) != address(treasury)) continue;
            address receiver = _party(logs[i], 2);
            _must(
                isRebalance ? isPool[receiver] : receiver == to && to != address(0),
                3,
                "paid to one who is neither pool nor redeemer"
            );
        }
    }

    function _isTransfer(Vm.Log memory log) private view returns (bool) {
        return log.topics.length == 3 && log.topics[0] == IERC20.Transfer.selector && log.emitter != address(treasury);
    }

    function _party(Vm.Log memory log, uint256 topic) private pure returns (address) {
        return address(uint160(uint256(log.topics[topic])));
    }

    function _checkAllowances() internal {
        for (uint256 i; i < tokens.length; ++i) {
            uint256 allowed = IERC20(tokens[i]).allowance(address(treasury), v2Router)
                + IERC20(tokens[i]).allowance(address(treasury), v3Router);
            for (uint256 j; j < pools.length; ++j) {
                allowed += IERC20(tokens[i]).allowance(address(treasury), pools[j].target);
            }
            _must(allowed == 0, 4, "an allowance is left");
        }
    }

    // -------------------------------------------------------------------------------------------- rebalance

    /// @dev Every swap is one transfer out and one in, in an order that depends on the venue.
    function _checkRebalance(bytes memory data, Vm.Log[] memory logs, Picture memory a, Picture memory b) private {
        (ITreasury.Swap[] memory swaps,,,) = abi.decode(_arguments(data), (ITreasury.Swap[], uint64, uint64, bytes32));
        uint256 nav = _nav(a);
        Spending memory spent = _checkSwaps(swaps, logs, nav);
        (uint256 before, uint256 after_) = (_drift(a, nav), _drift(b, _nav(b)));
        _must(after_ < before, 5, "the tracking error did not fall");
        // Half of each drift is rounded down by the treasury: two units of room.
        uint256 removed = before > after_ ? (before - after_ + 2) / 2 : 0;
        _must(spent.loss <= removed * limitsNow.maxCostBps / 1e4, 19, "lost more than the progress is worth");
        _must(lastTime == 0 || time >= lastTime + limitsNow.cooldown, 9, "cooldown was not over");
        (lastTime, lastId) = (time, lastId + 1);
        history.push(Spending(time, spent.loss * 1e18 / nav, spent.turnover * 1e18 / nav));
        _checkBudgets();
    }

    function _arguments(bytes memory data) private pure returns (bytes memory arguments) {
        arguments = new bytes(data.length - 4);
        for (uint256 i; i < arguments.length; i += 32) {
            assembly ("memory-safe") {
                mstore(add(add(arguments, 0x20), i), mload(add(add(data, 0x24), i)))
            }
        }
    }

    function _checkSwaps(ITreasury.Swap[] memory swaps, Vm.Log[] memory logs, uint256 nav)
        private
        returns (Spending memory spent)
    {
        uint256 seen;
        uint256 valueIn;
        uint256 valueOut;
        for (uint256 i; i < logs.length; ++i) {
            if (!_isTransfer(logs[i])) continue;
            bool out = _party(logs[i], 1) == address(treasury);
            if (!out && _party(logs[i], 2) != address(treasury)) continue;
            uint256 asset = _indexOf(logs[i].emitter);
            uint256 value = valueOf(asset, abi.decode(logs[i].data, (uint256)));
            if (out) valueIn = value;
            else (valueOut, stoppedIn) = (value, stopped[asset] || retired[asset]);
            if (++seen % 2 != 0) continue;
            _must(!disabled[swaps[seen / 2 - 1].venue], 15, "swapped through a disabled venue");
            _must(!stoppedIn, 15, "bought a stopped asset");
            _must(valueOut * 1e4 >= valueIn * (1e4 - limitsNow.maxSlipBps), 18, "a swap below the floor");
            _must(valueIn * 1e4 <= nav * limitsNow.perTradeBps, 18, "a swap larger than allowed");
            spent.turnover += valueIn;
            spent.loss += valueIn > valueOut ? valueIn - valueOut : 0;
        }
        _must(seen == 2 * swaps.length, 3, "transfers that belong to no swap");
    }

    /// @dev Only within `_checkSwaps`: a local variable too many for the stack.
    bool private stoppedIn;

    function _indexOf(address token_) internal view returns (uint256 i) {
        while (tokens[i] != token_) ++i;
    }

    /// @notice The guarantee in its own words: within any T seconds at most `cap * (1 + T / window)`.
    function _checkBudgets() private {
        (uint256 loss, uint256 turnover) = (0, 0);
        (uint256 lossCap, uint256 turnoverCap) =
            (uint256(limitsNow.lossCapBps) * 1e14, uint256(limitsNow.turnoverCapBps) * 1e14);
        for (uint256 i = history.length; i > 0; --i) {
            Spending memory s = history[i - 1];
            (loss, turnover) = (loss + s.loss, turnover + s.turnover);
            uint256 t = time - s.time;
            _must(loss <= lossCap + lossCap * t / limitsNow.window, 1, "lost more than the budget");
            _must(turnover <= turnoverCap + turnoverCap * t / limitsNow.window, 2, "turned over more than the budget");
        }
    }

    /// @return of NAV, 1e18 is all of it
    function _lossLeft() internal view returns (uint256) {
        (uint256 loss, uint256 worst) = (0, 0);
        uint256 cap = uint256(limitsNow.lossCapBps) * 1e14;
        for (uint256 i = history.length; i > 0; --i) {
            loss += history[i - 1].loss;
            uint256 refilled = cap * (time - history[i - 1].time) / limitsNow.window;
            if (loss > refilled + worst) worst = loss - refilled;
        }
        return cap > worst ? cap - worst : 0;
    }

    /// @notice The owner changed the limits: the bound holds across the change unless one of the budgets became smaller.
    function _limitsChanged(ITreasury.Limits memory now_) internal {
        ITreasury.Limits memory old = limitsNow;
        bool looser = now_.lossCapBps >= old.lossCapBps && now_.turnoverCapBps >= old.turnoverCapBps
            && uint256(now_.lossCapBps) * old.window >= uint256(old.lossCapBps) * now_.window
            && uint256(now_.turnoverCapBps) * old.window >= uint256(old.turnoverCapBps) * now_.window;
        if (!looser) delete history;
        limitsNow = now_;
    }
}
