// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {proofVm} from "../support/Svm.sol";
import {Proof} from "./Proof.sol";

/// @title What each role can change, with any call of any function
contract RolesProof is Proof {
    /// Nobody's: the seed burned shares there.
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;

    /// @dev Nothing: not what is configured, not what others hold; what the fund owns only by minting and redeeming.
    function check_stranger_changes_nothing(address caller, address keeper) public {
        proofVm.assume(caller != address(0) && caller != address(this));
        proofVm.assume(caller != OWNER && caller != HEIR && caller != GUARDIAN && caller != WEIGHER);
        proofVm.assume(caller != KEEPER && caller != HOLDER && caller != DEAD);
        _changesNothing(caller, keeper);
    }

    function _changesNothing(address caller, address keeper) private {
        (bytes32 before, bytes32 owned) = (digest(configuration()), wealth());
        uint64 until = treasury.keeperUntil(keeper);
        (uint256 founder, uint256 holder) = (treasury.balanceOf(address(this)), treasury.balanceOf(HOLDER));
        bytes4 selector = anyCall(caller);
        assert(digest(configuration()) == before);
        _untouched(selector, owned);
        assert(treasury.keeperUntil(keeper) == until);
        assert(treasury.balanceOf(address(this)) >= founder);
        assert(treasury.balanceOf(HOLDER) >= holder);
    }

    /// @dev Shares for their part of the tokens is what anybody may take and give: the arithmetic of it is for the tests.
    function _untouched(bytes4 selector, bytes32 owned) private view {
        if (selector != ITreasury.mint.selector && selector != ITreasury.redeem.selector) assert(wealth() == owned);
    }

    /// @dev Only his own shares, and the fund's tokens only by minting and redeeming.
    function check_holder_only_mints_redeems_and_transfers(address keeper) public {
        (bytes32 before, bytes32 owned) = (digest(configuration()), wealth());
        uint64 until = treasury.keeperUntil(keeper);
        uint256 founder = treasury.balanceOf(address(this));
        bytes4 selector = anyCall(HOLDER);
        assert(digest(configuration()) == before);
        assert(treasury.keeperUntil(keeper) == until);
        assert(treasury.balanceOf(address(this)) >= founder);
        _untouched(selector, owned);
    }

    function check_keeper_only_rebalances(address keeper) public {
        (bytes32 before, bytes32 owned) = (digest(configuration()), wealth());
        uint64 until = treasury.keeperUntil(keeper);
        bytes4 selector = anyCall(KEEPER);
        proofVm.assume(selector != ITreasury.rebalance.selector);
        assert(digest(configuration()) == before);
        _untouched(selector, owned);
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
        _untouched(selector, owned);
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
        _untouched(selector, owned);
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
        _untouched(selector, owned);
        assert(treasury.keeperUntil(keeper) == until);
    }

    /// @dev Paused by the owner or the guardian, ended by the owner alone.
    function check_only_the_owner_unpauses(address caller) public {
        proofVm.assume(caller != OWNER && caller != HEIR && caller != address(0));
        proofVm.prank(GUARDIAN);
        treasury.pause();
        anyCall(caller);
        assert(configuration().paused);
    }
}
