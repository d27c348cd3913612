// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Entries} from "./support/Entries.sol";
import {vm} from "./support/Vm.sol";

/// @title Every entry by every role: who may, who may not, and that a guardian only tightens
contract RolesTest is Entries {
    using SafeERC20 for IERC20;

    /// @dev USDT is retired and gone, everybody has shares and something of every asset.
    function setUp() public override {
        super.setUp();
        treasury.setTargets(_weights(2500, 4000, 3500, 0));
        treasury.retireAsset(USDT);
        vm.startPrank(address(treasury));
        IERC20(token[USDT]).safeTransfer(address(0xdead), 100_000e6);
        vm.stopPrank();
        address[5] memory all = roles();
        for (uint256 i; i < all.length; ++i) {
            if (i != 0) treasury.transfer(all[i], 1e18);
            provide(treasury, all[i], treasury.previewMint(1e18));
            vm.prank(ALICE);
            treasury.approve(all[i], 1);
            treasury.transfer(ALICE, 1);
        }
        listEntries();
    }

    function test_table_has_every_entry() public view {
        requireComplete();
    }

    /// @dev Each entry by each role: it goes through, or the rule refuses by its name and with the caller's address.
    function test_every_entry_by_every_role() public {
        uint256 state = vm.snapshotState();
        address[5] memory all = roles();
        for (uint256 i; i < entries.length; ++i) {
            for (uint256 j; j < all.length; ++j) {
                (bool ok, bytes memory answer) = _call(all[j], entries[i].data);
                string memory what = entries[i].name;
                if (entries[i].allowed >> j & 1 == 0) {
                    holds(!ok && keccak256(answer) == keccak256(_refusal(entries[i], all[j])), what);
                } else if (entries[i].outcome.length == 0) {
                    holds(ok, what);
                } else {
                    holds(!ok && keccak256(answer) == keccak256(entries[i].outcome), what);
                }
                vm.revertToState(state);
            }
        }
    }

    /// @dev What the owner does goes for a new owner and no more for the old one.
    function test_ownership_moves_in_two_steps() public {
        treasury.transferOwnership(STRANGER);
        same(treasury.owner(), address(this), "still ours");
        same(treasury.pendingOwner(), STRANGER, "offered");
        vm.prank(STRANGER);
        treasury.acceptOwnership();
        same(treasury.owner(), STRANGER, "theirs");
        for (uint256 i; i < entries.length; ++i) {
            if (entries[i].allowed & BY_OWNER == 0 || entries[i].allowed == BY_ALL) continue;
            (bool ok, bytes memory answer) = _call(address(this), entries[i].data);
            holds(!ok && keccak256(answer) == keccak256(_refusal(entries[i], address(this))), entries[i].name);
        }
        vm.prank(STRANGER);
        treasury.pause();
    }

    /// @dev Nobody set: the zero address has no rights either.
    function test_empty_roles_belong_to_nobody() public {
        treasury.setGuardian(address(0));
        treasury.setWeigher(address(0));
        for (uint256 i; i < entries.length; ++i) {
            if (entries[i].allowed & (BY_GUARDIAN | BY_WEIGHER) == 0 || entries[i].allowed == BY_ALL) continue;
            address who = entries[i].allowed & BY_GUARDIAN != 0 ? GUARDIAN : WEIGHER;
            (bool ok, bytes memory answer) = _call(who, entries[i].data);
            holds(!ok && keccak256(answer) == keccak256(_refusal(entries[i], who)), entries[i].name);
        }
    }

    function test_treasury_without_an_owner_cannot_be_made() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        vm.deployCode("Treasury.sol:Treasury", abi.encode("Index", "IDX", address(0), v2Factory, v3Factory, address(0)));
    }

    // -------------------------------------------------------------------------------------------- keeper

    function test_keeper_for_thirty_days_at_most() public {
        uint64 latest = uint64(time + 30 days);
        vm.expectEmit(address(treasury));
        emit ITreasury.KeeperSet(STRANGER, latest);
        treasury.setKeeper(STRANGER, latest);
        same(treasury.keeperUntil(STRANGER), latest, "until");
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLimit.selector, latest + 1, latest));
        treasury.setKeeper(STRANGER, latest + 1);
    }

    function test_two_keepers_and_one_revoked() public {
        treasury.setKeeper(STRANGER, uint64(time + 1 days));
        vm.expectEmit(address(treasury));
        emit ITreasury.KeeperSet(KEEPER, 0);
        vm.prank(GUARDIAN);
        treasury.revokeKeeper(KEEPER);
        expect(abi.encodeWithSelector(ITreasury.NotKeeper.selector, KEEPER, 0), honest());
        ITreasury.Swap[] memory swaps = honest();
        vm.prank(STRANGER);
        treasury.rebalance(swaps, 1, uint64(time), DECISION);
    }

    // -------------------------------------------------------------------------------------------- the others

    function test_weigher_is_set_and_revoked() public {
        vm.expectEmit(address(treasury));
        emit ITreasury.WeigherSet(STRANGER);
        treasury.setWeigher(STRANGER);
        same(treasury.snapshot().weigher, STRANGER, "weigher");
        vm.expectEmit(address(treasury));
        emit ITreasury.WeigherSet(address(0));
        vm.prank(GUARDIAN);
        treasury.revokeWeigher();
        same(treasury.snapshot().weigher, address(0), "weigher");
    }

    function test_guardian_is_set() public {
        vm.expectEmit(address(treasury));
        emit ITreasury.GuardianSet(STRANGER);
        treasury.setGuardian(STRANGER);
        same(treasury.snapshot().guardian, STRANGER, "guardian");
    }

    function test_pause_and_unpause_say_who() public {
        vm.expectEmit(address(treasury));
        emit ITreasury.Paused(GUARDIAN);
        vm.prank(GUARDIAN);
        treasury.pause();
        holds(treasury.snapshot().paused, "paused");
        vm.expectEmit(address(treasury));
        emit ITreasury.Unpaused(address(this));
        treasury.unpause();
        holds(!treasury.snapshot().paused, "not paused");
    }

    /// @dev After anything a guardian can do, nothing is allowed that was not: a venue more closed, an asset less bought,
    ///      a role less, never the other way round.
    function test_guardian_only_tightens() public {
        ITreasury.Snapshot memory before = treasury.snapshot();
        vm.startPrank(GUARDIAN);
        treasury.pause();
        treasury.pause();
        treasury.disableVenue(V2_PAIR);
        treasury.stopBuying(WETH);
        treasury.revokeKeeper(KEEPER);
        treasury.revokeKeeper(BOB);
        treasury.revokeWeigher();
        vm.stopPrank();
        ITreasury.Snapshot memory now_ = treasury.snapshot();
        holds(now_.paused && !now_.venues[V2_PAIR].enabled && !now_.assets[WETH].buyable, "tightened");
        same(treasury.keeperUntil(KEEPER) + treasury.keeperUntil(BOB), 0, "no keepers");
        same(now_.weigher, address(0), "no weigher");
        (now_.paused, now_.weigher) = (false, WEIGHER);
        (now_.venues[V2_PAIR].enabled, now_.assets[WETH].buyable) = (true, true);
        holds(keccak256(abi.encode(before)) == keccak256(abi.encode(now_)), "and nothing else");
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _call(address sender, bytes memory data) private returns (bool, bytes memory) {
        vm.prank(sender);
        return address(treasury).call(data);
    }

    /// @dev `NotKeeper` also tells until when the caller was one.
    function _refusal(Entry storage entry, address caller) private view returns (bytes memory) {
        if (entry.refusal == ITreasury.NotKeeper.selector) return abi.encodeWithSelector(entry.refusal, caller, 0);
        return abi.encodeWithSelector(entry.refusal, caller);
    }
}
