// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Proof} from "./Proof.sol";

/// @title What each role can change, with any call of any function
contract RolesProof is Proof {
    function check_keeper_only_rebalances(address keeper) public {
        (bytes32 before, bytes32 owned) = (digest(configuration()), wealth());
        uint64 until = treasury.keeperUntil(keeper);
        bytes4 selector = anyCallBut(ITreasury.rebalance.selector, KEEPER);
        assert(digest(configuration()) == before);
        requireUntouched(selector, owned);
        assert(treasury.keeperUntil(keeper) == until);
    }

    /// @dev Only target weights, within its own limits.
    function check_weigher_only_weighs(address keeper) public {
        ITreasury.Snapshot memory before = configuration();
        bytes32 owned = wealth();
        uint64 until = treasury.keeperUntil(keeper);
        bytes4 selector = anyCall(WEIGHER);
        ITreasury.Snapshot memory now_ = configuration();
        uint256 sum;
        uint256 shifted;
        for (uint256 i; i < 2; ++i) {
            (uint256 from, uint256 to) = (before.assets[i].targetBps, now_.assets[i].targetBps);
            assert(to <= before.limits.maxWeightBps || to == from);
            sum += to;
            shifted += to > from ? to - from : from - to;
            now_.assets[i].targetBps = before.assets[i].targetBps;
        }
        assert(sum == 10_000);
        assert(shifted <= 2 * uint256(before.limits.shiftCapBps));
        now_.budgets.shift = before.budgets.shift;
        assert(digest(now_) == digest(before));
        requireUntouched(selector, owned);
        assert(treasury.keeperUntil(keeper) == until);
    }

    /// @dev Pauses, stops buying, disables venues, revokes keepers and the weigher. Never the other way.
    function check_guardian_only_tightens(address keeper) public {
        ITreasury.Snapshot memory before = configuration();
        bytes32 owned = wealth();
        uint64 until = treasury.keeperUntil(keeper);
        bytes4 selector = anyCall(GUARDIAN);
        ITreasury.Snapshot memory now_ = configuration();
        assert(now_.paused || !before.paused);
        assert(now_.weigher == before.weigher || now_.weigher == address(0));
        (now_.paused, now_.weigher) = (before.paused, before.weigher);
        for (uint256 i; i < 2; ++i) {
            assert(before.assets[i].buyable || !now_.assets[i].buyable);
            now_.assets[i].buyable = before.assets[i].buyable;
        }
        assert(before.venues[0].enabled || !now_.venues[0].enabled);
        now_.venues[0].enabled = before.venues[0].enabled;
        assert(digest(now_) == digest(before));
        requireUntouched(selector, owned);
        uint64 changed = treasury.keeperUntil(keeper);
        assert(changed == until || changed == 0);
    }

    /// @dev Whom the owner named takes the fund over, and does nothing else before.
    function check_heir_only_becomes_owner(address keeper) public {
        ITreasury.Snapshot memory before = configuration();
        bytes32 owned = wealth();
        uint64 until = treasury.keeperUntil(keeper);
        bytes4 selector = anyCall(HEIR);
        ITreasury.Snapshot memory now_ = configuration();
        assert(now_.owner == HEIR || now_.owner == OWNER);
        assert(treasury.pendingOwner() == (now_.owner == HEIR ? address(0) : HEIR));
        now_.owner = before.owner;
        assert(keccak256(abi.encode(now_)) == keccak256(abi.encode(before)));
        requireUntouched(selector, owned);
        assert(treasury.keeperUntil(keeper) == until);
    }
}
