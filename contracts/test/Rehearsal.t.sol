// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Rehearsal} from "../src/Rehearsal.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title A batch tried out from the keeper's own address: its gas, or its very error
contract RehearsalTest is World {
    function setUp() public override {
        super.setUp();
        vm.etch(KEEPER, address(new Rehearsal()).code);
    }

    function test_gas_of_a_batch_that_goes_through() public {
        bytes memory data = abi.encodeCall(ITreasury.rebalance, (honest(), 1, uint64(time), DECISION));
        uint256 gasUsed = Rehearsal(KEEPER).rehearse(address(treasury), data);
        holds(gasUsed > 100_000 && gasUsed < 400_000, "of the call");
        same(treasury.snapshot().lastId, 1, "it was the real thing");
    }

    function test_error_is_passed_on() public {
        bytes memory data = abi.encodeCall(ITreasury.rebalance, (honest(), 2, uint64(time), DECISION));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadId.selector, 2, 1));
        Rehearsal(KEEPER).rehearse(address(treasury), data);
    }
}
