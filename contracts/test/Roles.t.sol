// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title Every entry by every role: who may, who may not, and that a guardian only tightens
contract RolesTest is World {
    /// @dev Ways into the treasury that change it, besides `rebalance`.
    function _entries()
        private
        view
        returns (bytes[] memory ofOwner, bytes[] memory ofGuardian, bytes memory ofWeigher)
    {
        ITreasury.Snapshot memory s = treasury.snapshot();
        ofOwner = new bytes[](10);
        ofOwner[0] = abi.encodeCall(ITreasury.addAsset, (s.assets[0]));
        ofOwner[1] = abi.encodeCall(ITreasury.setAsset, (0, s.assets[0]));
        ofOwner[2] = abi.encodeCall(ITreasury.addVenue, (s.venues[0]));
        ofOwner[3] = abi.encodeCall(ITreasury.setLimits, (s.limits));
        ofOwner[4] = abi.encodeCall(ITreasury.setKeeper, (STRANGER, uint64(time)));
        ofOwner[5] = abi.encodeCall(ITreasury.setWeigher, (STRANGER));
        ofOwner[6] = abi.encodeCall(ITreasury.setGuardian, (STRANGER));
        ofOwner[7] = abi.encodeCall(ITreasury.unpause, ());
        ofOwner[8] = abi.encodeCall(ITreasury.seed, (new uint256[](4), 1e18));
        ofOwner[9] = abi.encodeCall(Ownable.transferOwnership, (STRANGER));
        ofGuardian = new bytes[](5);
        ofGuardian[0] = abi.encodeCall(ITreasury.pause, ());
        ofGuardian[1] = abi.encodeCall(ITreasury.disableVenue, (0));
        ofGuardian[2] = abi.encodeCall(ITreasury.stopBuying, (0));
        ofGuardian[3] = abi.encodeCall(ITreasury.revokeKeeper, (KEEPER));
        ofGuardian[4] = abi.encodeCall(ITreasury.revokeWeigher, ());
        ofWeigher = abi.encodeCall(ITreasury.setTargets, (_weights(2500, 2500, 2500, 2500)));
    }

    function test_only_the_owner() public {
        (bytes[] memory ofOwner,,) = _entries();
        address[4] memory others = [KEEPER, GUARDIAN, WEIGHER, STRANGER];
        for (uint256 i; i < ofOwner.length; ++i) {
            for (uint256 j; j < others.length; ++j) {
                _refuses(
                    others[j],
                    ofOwner[i],
                    abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, others[j])
                );
            }
        }
    }

    function test_only_guardian_and_owner() public {
        (, bytes[] memory ofGuardian,) = _entries();
        address[3] memory others = [KEEPER, WEIGHER, STRANGER];
        for (uint256 i; i < ofGuardian.length; ++i) {
            for (uint256 j; j < others.length; ++j) {
                _refuses(others[j], ofGuardian[i], abi.encodeWithSelector(ITreasury.NotGuardian.selector, others[j]));
            }
            _lets(GUARDIAN, ofGuardian[i]);
            _lets(address(this), ofGuardian[i]);
        }
    }

    function test_only_weigher_and_owner() public {
        (,, bytes memory ofWeigher) = _entries();
        address[3] memory others = [KEEPER, GUARDIAN, STRANGER];
        for (uint256 j; j < others.length; ++j) {
            _refuses(others[j], ofWeigher, abi.encodeWithSelector(ITreasury.NotWeigher.selector, others[j]));
        }
        _lets(WEIGHER, ofWeigher);
        _lets(address(this), ofWeigher);
    }

    /// @dev Nobody set: the zero address has no rights either.
    function test_empty_roles_belong_to_nobody() public {
        treasury.setGuardian(address(0));
        treasury.setWeigher(address(0));
        (, bytes[] memory ofGuardian, bytes memory ofWeigher) = _entries();
        _refuses(GUARDIAN, ofGuardian[0], abi.encodeWithSelector(ITreasury.NotGuardian.selector, GUARDIAN));
        _refuses(WEIGHER, ofWeigher, abi.encodeWithSelector(ITreasury.NotWeigher.selector, WEIGHER));
    }

    // -------------------------------------------------------------------------------------------- keeper

    function test_keeper_for_thirty_days_at_most() public {
        uint64 latest = uint64(time + 30 days);
        treasury.setKeeper(STRANGER, latest);
        same(treasury.keeperUntil(STRANGER), latest, "until");
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLimit.selector, latest + 1, latest));
        treasury.setKeeper(STRANGER, latest + 1);
    }

    function test_two_keepers_and_one_revoked() public {
        treasury.setKeeper(STRANGER, uint64(time + 1 days));
        vm.prank(GUARDIAN);
        treasury.revokeKeeper(KEEPER);
        expect(abi.encodeWithSelector(ITreasury.NotKeeper.selector, KEEPER, 0), honest());
        ITreasury.Swap[] memory swaps = honest();
        vm.prank(STRANGER);
        treasury.rebalance(swaps, 1, uint64(time), DECISION);
    }

    function test_revoked_weigher() public {
        vm.prank(GUARDIAN);
        treasury.revokeWeigher();
        (,, bytes memory ofWeigher) = _entries();
        _refuses(WEIGHER, ofWeigher, abi.encodeWithSelector(ITreasury.NotWeigher.selector, WEIGHER));
        same(treasury.snapshot().weigher, address(0), "weigher");
    }

    // -------------------------------------------------------------------------------------------- owner

    function test_ownership_moves_in_two_steps() public {
        treasury.transferOwnership(STRANGER);
        same(treasury.owner(), address(this), "still ours");
        vm.prank(STRANGER);
        treasury.acceptOwnership();
        same(treasury.owner(), STRANGER, "theirs");
        (bytes[] memory ofOwner,,) = _entries();
        _refuses(
            address(this),
            ofOwner[3],
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(this))
        );
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _refuses(address sender, bytes memory call_, bytes memory reason) private {
        vm.prank(sender);
        (bool ok, bytes memory why) = address(treasury).call(call_);
        holds(!ok && keccak256(why) == keccak256(reason), "refused, with the name of the rule");
    }

    function _lets(address sender, bytes memory call_) private {
        vm.prank(sender);
        (bool ok,) = address(treasury).call(call_);
        holds(ok, "allowed");
    }
}
