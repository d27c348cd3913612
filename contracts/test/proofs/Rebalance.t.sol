// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {proofVm} from "../support/Svm.sol";
import {Proof} from "./Proof.sol";

/// @title The guards of a rebalance that stand before its arithmetic, for any caller, batch, time and id
contract RebalanceProof is Proof {
    /// @dev While paused nobody trades, whatever the batch.
    function check_no_rebalance_while_paused(
        address caller,
        ITreasury.Swap[] calldata swaps,
        uint64 id,
        uint64 deadline,
        bytes32 decision
    ) public {
        proofVm.prank(GUARDIAN);
        treasury.pause();
        assert(!tryCall(caller, abi.encodeCall(ITreasury.rebalance, (swaps, id, deadline, decision))));
    }

    /// @dev While paused nobody is issued shares. (Redeeming goes on: that is for the tests to show.)
    function check_no_mint_while_paused(address caller, uint256 shares, address to, uint256[] calldata maxIn) public {
        proofVm.prank(GUARDIAN);
        treasury.pause();
        assert(!tryCall(caller, abi.encodeCall(ITreasury.mint, (shares, to, maxIn))));
    }

    /// @dev Nobody but a keeper, and no keeper once its time is over.
    function check_only_a_keeper_in_time(
        address caller,
        uint32 time,
        ITreasury.Swap[] calldata swaps,
        uint64 id,
        uint64 deadline,
        bytes32 decision
    ) public {
        proofVm.assume(time >= NOW && (caller != KEEPER || time > NOW + 30 days));
        proofVm.warp(time);
        assert(!tryCall(caller, abi.encodeCall(ITreasury.rebalance, (swaps, id, deadline, decision))));
    }

    /// @dev Only the next id; and not after the deadline.
    function check_only_the_next_id_before_the_deadline(
        ITreasury.Swap[] calldata swaps,
        uint64 id,
        uint64 deadline,
        bytes32 decision
    ) public {
        proofVm.assume(id != treasury.snapshot().lastId + 1 || deadline < NOW);
        assert(!tryCall(KEEPER, abi.encodeCall(ITreasury.rebalance, (swaps, id, deadline, decision))));
    }

    /// @dev A batch that is known to be good, with any id, deadline and decision, at any time, by anybody: when it goes
    ///      through, everything above held, the id is the next and is written down, and it cannot go through again.
    function check_id_after_a_rebalance(address caller, uint64 id, uint64 deadline, bytes32 decision) public {
        uint64 last = treasury.snapshot().lastId;
        bytes memory call_ = abi.encodeCall(ITreasury.rebalance, (_good(), id, deadline, decision));
        bool done = tryCall(caller, call_);
        proofVm.assume(done);
        ITreasury.Snapshot memory now_ = treasury.snapshot();
        assert(caller == KEEPER && deadline >= NOW);
        assert(id == last + 1 && now_.lastId == id && now_.lastRebalance == NOW);
        assert(!tryCall(caller, call_));
    }

    /// @dev It does go through: without this the proof above could be one of nothing.
    function check_the_good_batch_is_good() public {
        assert(tryCall(KEEPER, abi.encodeCall(ITreasury.rebalance, (_good(), 1, uint64(NOW), bytes32(0)))));
    }

    /// @dev 50 USD of the over-weight asset.
    function _good() private pure returns (ITreasury.Swap[] memory swaps) {
        swaps = new ITreasury.Swap[](1);
        swaps[0] = ITreasury.Swap({venue: 0, zeroForOne: false, amountIn: 50e18, minOut: 0});
    }
}
