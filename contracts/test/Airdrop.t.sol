// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Airdrop} from "../src/Airdrop.sol";
import {vm} from "./support/Vm.sol";
import {World} from "./support/World.sol";

/// @title A list is paid once, wholly, to those who stand on it, whoever creates it
contract AirdropTest is World {
    /// The deployer at a known address of most chains, and its runtime code. It fails when the creation does.
    address private constant PROXY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    bytes private constant PROXY_CODE =
        hex"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3";
    bytes32 private constant SALT = keccak256("the whole list");
    uint256 private constant LARGEST = 200;

    function setUp() public override {
        super.setUp();
        vm.etch(PROXY, PROXY_CODE);
    }

    function test_pays_everybody_on_the_list() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(3);
        address drop = _allowed(to, amounts, sum);
        uint256 mine = treasury.balanceOf(address(this));
        holds(_create(address(this), to, amounts), "created");
        for (uint256 i; i < to.length; ++i) {
            same(treasury.balanceOf(to[i]), amounts[i], "received");
        }
        same(treasury.balanceOf(address(this)), mine - sum, "paid");
        same(treasury.allowance(address(this), drop), 0, "allowance");
        holds(drop.code.length != 0, "code stays");
    }

    function test_a_second_creation_fails_even_with_a_new_allowance() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(3);
        _allowed(to, amounts, sum);
        holds(_create(address(this), to, amounts), "created");
        _allowed(to, amounts, sum);
        holds(!_create(address(this), to, amounts), "created again");
        same(treasury.balanceOf(to[0]), amounts[0], "received once");
    }

    function test_whoever_creates_it_pays_the_same_people() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(3);
        _allowed(to, amounts, sum);
        holds(_create(STRANGER, to, amounts), "created by a stranger");
        same(treasury.balanceOf(to[2]), amounts[2], "received");
        same(treasury.balanceOf(STRANGER), 0, "the stranger's");
    }

    function test_another_list_has_no_allowance() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(3);
        _allowed(to, amounts, sum);
        to[1] = STRANGER;
        holds(!_create(STRANGER, to, amounts), "created with another receiver");
        (to,,) = _list(3);
        amounts[1] += 1;
        holds(!_create(STRANGER, to, amounts), "created with another amount");
    }

    function test_all_or_none() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(3);
        address drop = _allowed(to, amounts, sum - 1);
        holds(!_create(address(this), to, amounts), "created without enough allowance");
        same(treasury.balanceOf(to[0]), 0, "received");
        same(treasury.allowance(address(this), drop), sum - 1, "allowance");
        same(drop.code.length, 0, "code");
        _allowed(to, amounts, sum);
        holds(_create(address(this), to, amounts), "created later");
    }

    function test_needs_allowance() public {
        (address[] memory to, uint256[] memory amounts,) = _list(2);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientAllowance.selector);
        new Airdrop(treasury, address(this), to, amounts);
    }

    function test_needs_an_amount_for_each() public {
        (address[] memory to,,) = _list(3);
        vm.expectRevert(abi.encodeWithSelector(Airdrop.BadLength.selector, 3, 2));
        new Airdrop(treasury, address(this), to, new uint256[](2));
    }

    function test_too_little_gas_pays_nobody_and_can_be_repeated() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(50);
        address drop = _allowed(to, amounts, sum);
        bytes memory call = _call(to, amounts);
        (bool done,) = PROXY.call{gas: 700_000}(call);
        holds(!done, "ran out of gas");
        same(drop.code.length, 0, "code");
        same(treasury.balanceOf(to[0]), 0, "received");
        (done,) = PROXY.call(call);
        holds(done, "repeated");
        same(treasury.balanceOf(to[49]), amounts[49], "received");
    }

    /// @dev EIP-7825 allows a transaction 16,777,216, EIP-3860 creation code 49,152 bytes.
    function test_the_largest_list_fits_a_transaction() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(LARGEST);
        _allowed(to, amounts, sum);
        uint256 before = gasleft();
        holds(_create(address(this), to, amounts), "created");
        holds(before - gasleft() < 8_000_000, "gas");
        holds(_code(to, amounts).length < 20_000, "size");
    }

    function test_what_stays_refuses_every_call() public {
        (address[] memory to, uint256[] memory amounts, uint256 sum) = _list(1);
        address drop = _allowed(to, amounts, sum);
        _create(address(this), to, amounts);
        (bool done,) = drop.call("");
        holds(!done, "empty call");
        (done,) = drop.call{value: 1}("");
        holds(!done, "coin");
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _list(uint256 count) private pure returns (address[] memory to, uint256[] memory amounts, uint256 sum) {
        (to, amounts) = (new address[](count), new uint256[](count));
        for (uint256 i; i < count; ++i) {
            to[i] = address(uint160(uint256(keccak256(abi.encode("investor", i)))));
            amounts[i] = 1e18 + i * 1e15;
            sum += amounts[i];
        }
    }

    function _code(address[] memory to, uint256[] memory amounts) private view returns (bytes memory) {
        return bytes.concat(type(Airdrop).creationCode, abi.encode(treasury, address(this), to, amounts));
    }

    function _call(address[] memory to, uint256[] memory amounts) private view returns (bytes memory) {
        return bytes.concat(SALT, _code(to, amounts));
    }

    /// @return drop where the list will be (EIP-1014), with an allowance of `sum`
    function _allowed(address[] memory to, uint256[] memory amounts, uint256 sum) private returns (address drop) {
        bytes32 hash = keccak256(bytes.concat(hex"ff", bytes20(PROXY), SALT, keccak256(_code(to, amounts))));
        drop = address(uint160(uint256(hash)));
        treasury.approve(drop, sum);
    }

    function _create(address by, address[] memory to, uint256[] memory amounts) private returns (bool done) {
        bytes memory call = _call(to, amounts);
        vm.prank(by);
        (done,) = PROXY.call(call);
    }
}
