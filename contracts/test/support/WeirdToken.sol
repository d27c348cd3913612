// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevToken} from "../../src/devnet/DevToken.sol";

/// @title A token whose habits are switched on one at a time: fees, call-backs, refusals, lies
contract WeirdToken is DevToken {
    uint256 private constant BPS = 10_000;

    error Blocked(address account);
    error Halted();
    error NothingMoved();
    error Hidden();

    uint256 public feeBps;
    uint256 public chargeBps;
    bool public stickyAllowance;
    address public calls;
    bytes public callData;
    bool public called;
    bool private _answersFalse;
    bool private _halted;
    bool private _refusesZero;
    bool private _hidesBalances;
    mapping(address account => bool) private _blocked;
    bytes public answer;

    constructor() DevToken("Weird", "WRD", 18) {}

    /// @notice Part of every transfer does not arrive.
    function takeFee(uint256 bps) external {
        feeBps = bps;
    }

    /// @notice The sender pays more than it sends.
    function chargeSender(uint256 bps) external {
        chargeBps = bps;
    }

    /// @notice `transferFrom` does not count the allowance down.
    function keepAllowances() external {
        stickyAllowance = true;
    }

    /// @notice Transfers move nothing and say so, without reverting.
    function answerFalse() external {
        _answersFalse = true;
    }

    /// @notice Nothing moves from or to `account`: a stablecoin's list of the sanctioned.
    function blockAccount(address account) external {
        _blocked[account] = true;
    }

    /// @notice Nothing moves at all until it is turned off.
    function halt(bool on) external {
        _halted = on;
    }

    /// @notice A transfer of nothing is refused.
    function refuseZero() external {
        _refusesZero = true;
    }

    /// @notice A broken upgrade: not even balances can be read.
    function hideBalances(bool on) external {
        _hidesBalances = on;
    }

    /// @notice The next transfer calls `target` first and keeps what it answered.
    function callOnTransfer(address target, bytes calldata data) external {
        (calls, callData) = (target, data);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return !_answersFalse && super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return !_answersFalse && super.transferFrom(from, to, value);
    }

    function balanceOf(address account) public view override returns (uint256) {
        if (_hidesBalances) revert Hidden();
        return super.balanceOf(account);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from != address(0) && calls != address(0)) {
            (address target, bytes memory data) = (calls, callData);
            calls = address(0);
            bool ok;
            (ok, answer) = target.call(data);
            called = true;
        }
        if (_blocked[from]) revert Blocked(from);
        if (_blocked[to]) revert Blocked(to);
        if (_halted) revert Halted();
        if (_refusesZero && value == 0) revert NothingMoved();
        super._update(from, to, value);
        if (from == address(0)) return;
        if (feeBps != 0) super._update(to, address(0xfee), value * feeBps / BPS);
        if (chargeBps != 0) super._update(from, address(0xfee), value * chargeBps / BPS);
    }

    function _spendAllowance(address owner, address spender, uint256 value) internal override {
        if (!stickyAllowance) super._spendAllowance(owner, spender, value);
    }
}
