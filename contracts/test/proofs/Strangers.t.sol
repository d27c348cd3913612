// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {proofVm} from "../support/Svm.sol";
import {Proof} from "./Proof.sol";

/// @title What those without a role can change, with any call of any function
contract StrangersProof is Proof {
    /// Nobody's: the seed burned shares there.
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;

    /// @dev Nothing: not what is configured, not what others hold; what the fund owns only by minting and redeeming.
    function check_stranger_changes_nothing(address caller, address keeper) public {
        proofVm.assume(caller != address(0) && caller != address(this));
        proofVm.assume(caller != OWNER && caller != HEIR && caller != GUARDIAN && caller != WEIGHER);
        proofVm.assume(caller != KEEPER && caller != HOLDER && caller != DEAD);
        (bytes32 before, bytes32 owned) = (digest(configuration()), wealth());
        uint64 until = treasury.keeperUntil(keeper);
        (uint256 founder, uint256 holder) = (treasury.balanceOf(address(this)), treasury.balanceOf(HOLDER));
        bytes4 selector = anyCall(caller);
        assert(digest(configuration()) == before);
        requireUntouched(selector, owned);
        assert(treasury.keeperUntil(keeper) == until);
        assert(treasury.balanceOf(address(this)) >= founder);
        assert(treasury.balanceOf(HOLDER) >= holder);
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
        requireUntouched(selector, owned);
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
