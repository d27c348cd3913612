// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IFund} from "../support/IFund.sol";
import {HolderActions} from "./HolderActions.sol";

/// @title What weigher, guardian, owner and strangers do
abstract contract RoleActions is HolderActions {
    // -------------------------------------------------------------------------------------------- weigher

    function weigherSetsTargets(uint256 seed) external {
        _sow(seed);
        uint16[] memory targets = _someTargets();
        bytes memory data = abi.encodeCall(ITreasury.setTargets, (targets));
        (bool ok, bytes memory answer,,) = _act(Who.Weigher, WEIGHER, data, address(0));
        if (!ok) {
            if (bytes4(answer) == ITreasury.ShiftBudget.selector) _tally("refused: ShiftBudget");
            return;
        }
        _tally("weigher's changes of targets");
        _newTargets(targets);
    }

    function _newTargets(uint16[] memory targets) private {
        for (uint256 i; i < targets.length; ++i) {
            targetOf[i] = targets[i];
        }
    }

    /// @dev Some weight goes from one asset to another; at times to nowhere, or too much of it.
    function _someTargets() private returns (uint16[] memory targets) {
        targets = new uint16[](listed[EXTRA] ? 5 : 4);
        for (uint256 i; i < targets.length; ++i) {
            targets[i] = uint16(targetOf[i]);
        }
        for (uint256 moves = _between(1, 3); moves > 0; --moves) {
            (uint256 from, uint256 to) = (_roll(targets.length), _roll(targets.length));
            uint16 moved = uint16(_roll(_roll(3) == 0 ? targets[from] + 1 : targets[from] / 5 + 1));
            (targets[from], targets[to]) = (targets[from] - moved, targets[to] + (from == to ? 0 : moved));
            if (from == to) targets[from] += _roll(10) == 0 ? 0 : moved;
        }
    }

    // -------------------------------------------------------------------------------------------- guardian

    function guardianTightens(uint256 seed) external {
        _sow(seed);
        uint256 what = _roll(5);
        bytes memory data;
        uint256 venue = _roll(PAIRS);
        uint256 asset = _roll(4);
        if (what == 0) data = abi.encodeCall(ITreasury.pause, ());
        if (what == 1) data = abi.encodeCall(ITreasury.disableVenue, (numberOf[venue]));
        if (what == 2) data = abi.encodeCall(ITreasury.stopBuying, (uint8(asset)));
        if (what == 3) data = abi.encodeCall(ITreasury.revokeKeeper, (KEEPER));
        if (what == 4) data = abi.encodeCall(ITreasury.revokeWeigher, ());
        (bool ok,,,) = _act(Who.Guardian, GUARDIAN, data, address(0));
        _must(ok, 16, "the guardian cannot tighten");
        if (what == 0) paused = true;
        if (what == 1) disabled[numberOf[venue]] = true;
        if (what == 2) stopped[asset] = true;
        _tally("guardian's acts");
    }

    // -------------------------------------------------------------------------------------------- owner

    /// @notice Puts right what the guardian stopped and what the world broke.
    function ownerRepairs(uint256) external {
        treasury.unpause();
        paused = false;
        treasury.setKeeper(KEEPER, uint64(time + 30 days));
        treasury.setWeigher(WEIGHER);
        ITreasury.Snapshot memory s = treasury.snapshot();
        for (uint256 i; i < s.assets.length; ++i) {
            if (s.assets[i].buyable) continue;
            (s.assets[i].buyable, s.assets[i].retired) = (true, false);
            treasury.setAsset(uint8(i), s.assets[i]);
            (stopped[i], retired[i]) = (false, false);
        }
        for (uint256 i; i < PAIRS; ++i) {
            ITreasury.Venue memory venue = s.venues[numberOf[i]];
            if (venue.enabled) continue;
            venue.enabled = true;
            numberOf[i] = treasury.addVenue(venue);
        }
        for (uint256 i; i < tokens.length; ++i) {
            int256 fair = [int256(1e8), 2_000e8, 40_000e8, 1e8, 5e8][i];
            if (feedsBroken) feeds[i].setAnswer(fair);
        }
        feedsBroken = false;
    }

    function ownerSetsLimits(uint256 seed) external {
        _sow(seed);
        ITreasury.Limits memory changed = limitsNow;
        uint256 what = _roll(4);
        if (what == 0) {
            changed.lossCapBps = uint16(_between(2, 20));
            changed.turnoverCapBps = uint16(_between(500, 20_000));
            changed.window = uint32(_between(1 hours, 3 days));
        } else if (what == 1) {
            changed.maxSlipBps = uint16(_between(60, 301));
            changed.perTradeBps = uint16(_between(300, 5_000));
            changed.cooldown = uint32(_roll(1 hours));
        } else if (what == 2) {
            (changed.maxCostBps, changed.minDriftBps) = (uint16(_between(60, 1_000)), uint16(_roll(50)));
            (changed.maxWeightBps, changed.shiftCapBps) = (uint16(_between(4_500, 10_000)), uint16(_roll(4_000)));
        }
        bytes memory data = abi.encodeCall(ITreasury.setLimits, (changed));
        (bool ok,,,) = _act(Who.Owner, address(this), data, address(0));
        _must(ok == (changed.maxSlipBps <= 300), 6, "limits beyond their ceiling, or none within");
        if (!ok) return;
        _limitsChanged(changed);
        _tally("owner's changes of limits");
    }

    function ownerSetsTargets(uint256 seed) external {
        _sow(seed);
        uint16[] memory targets = _someTargets();
        (bool ok,,,) = _act(Who.Owner, address(this), abi.encodeCall(ITreasury.setTargets, (targets)), address(0));
        if (ok) _newTargets(targets);
    }

    /// @notice The fifth asset is retired and comes back; what is in it stays redeemable in between.
    function ownerRetires(uint256 seed) external {
        _sow(seed);
        bytes memory data = abi.encodeCall(ITreasury.retireAsset, (uint8(EXTRA)));
        (bool ok,,,) = _act(Who.Owner, address(this), data, address(0));
        _must(ok == (targetOf[EXTRA] == 0), 14, "retired with a weight, or not without one");
        if (!ok) return;
        (retired[EXTRA], stopped[EXTRA]) = (true, true);
        _tally("retirements");
    }

    /// @dev What is or was listed stays; what came by mistake goes out.
    function ownerRescues(uint256 seed) external {
        _sow(seed);
        address asset = tokens[_roll(tokens.length)];
        (bool ok,,,) =
            _act(Who.Owner, address(this), abi.encodeCall(ITreasury.rescue, (asset, STRANGER, 1)), address(0));
        _must(!ok, 3, "an asset was rescued");
    }

    // -------------------------------------------------------------------------------------------- those who may not

    /// @notice Every entry that is not theirs, by keeper, weigher, guardian, holders and strangers.
    function outsidersTry(uint256 seed) external {
        _sow(seed);
        uint256 what = _roll(17);
        address[5] memory all = [STRANGER, KEEPER, WEIGHER, GUARDIAN, holders[0]];
        address caller = all[_roll(what < 5 ? 3 : 5)];
        if ((what == 16 && caller == WEIGHER) || (what == 15 && caller == KEEPER)) return;
        // The guardian is watched as a stranger here: none of this is its right.
        (bool ok,,,) = _act(Who.Stranger, caller, _foreign(what), address(0));
        _must(!ok, caller == GUARDIAN ? 16 : 6, "an entry was open to one who may not");
        _tally("entries tried by those who may not");
    }

    function _foreign(uint256 what) private returns (bytes memory) {
        ITreasury.Snapshot memory s = treasury.snapshot();
        uint256 i = _roll(s.assets.length);
        if (what == 0) return abi.encodeCall(ITreasury.pause, ());
        if (what == 1) return abi.encodeCall(ITreasury.disableVenue, (uint16(_roll(s.venues.length))));
        if (what == 2) return abi.encodeCall(ITreasury.stopBuying, (uint8(i)));
        if (what == 3) return abi.encodeCall(ITreasury.revokeKeeper, (KEEPER));
        if (what == 4) return abi.encodeCall(ITreasury.revokeWeigher, ());
        if (what == 5) return abi.encodeCall(ITreasury.unpause, ());
        if (what == 6) return abi.encodeCall(ITreasury.setAsset, (uint8(i), s.assets[i]));
        if (what == 7) return abi.encodeCall(ITreasury.addVenue, (s.venues[_roll(s.venues.length)]));
        if (what == 8) return abi.encodeCall(ITreasury.setLimits, (s.limits));
        if (what == 9) return abi.encodeCall(ITreasury.setKeeper, (STRANGER, uint64(time + 1 days)));
        if (what == 10) return abi.encodeCall(ITreasury.setWeigher, (STRANGER));
        if (what == 11) return abi.encodeCall(ITreasury.setGuardian, (STRANGER));
        if (what == 12) return abi.encodeCall(ITreasury.rescue, (address(0xdead), STRANGER, 0));
        if (what == 13) return abi.encodeCall(ITreasury.retireAsset, (uint8(EXTRA)));
        if (what == 14) return abi.encodeCall(IFund.transferOwnership, (STRANGER));
        if (what == 16) return abi.encodeCall(ITreasury.setTargets, (_someTargets()));
        ITreasury.Swap[] memory swaps = _route(USDC, WETH, 1_000e6);
        return abi.encodeCall(ITreasury.rebalance, (swaps, s.lastId + 1, uint64(time), DECISION));
    }

    /// @notice The callback, by pools that were not called, tokens, roles and strangers.
    function outsidersCallBack(uint256 seed) external {
        _sow(seed);
        uint256 who = _roll(4);
        address caller = who == 0
            ? pools[_roll(pools.length)].target
            : who == 1 ? tokens[_roll(tokens.length)] : who == 2 ? v3Router : [KEEPER, STRANGER, address(0)][_roll(3)];
        (int256 a, int256 b) = (int256(_magnitude(1e30)), int256(_magnitude(1e30)));
        if (_roll(2) == 0) a = -a;
        if (_roll(2) == 0) b = -b;
        bytes memory data = abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", a, b, bytes(""));
        (bool ok, bytes memory answer,,) = _act(Who.Stranger, caller, data, address(0));
        _must(!ok && bytes4(answer) == ITreasury.BadCallback.selector, 13, "the callback answered an outsider");
        _tally("callbacks by outsiders");
    }
}
