// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevToken} from "../../src/devnet/DevToken.sol";

/// @title A token whose habits are switched on one at a time: a fee, an extra charge, a call-back, a sticky allowance
contract WeirdToken is DevToken {
    uint256 private constant BPS = 10_000;

    uint256 public feeBps;
    uint256 public chargeBps;
    bool public stickyAllowance;
    address public calls;
    bytes public callData;
    bool public called;
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

    /// @notice The next transfer calls `target` first and keeps what it answered.
    function callOnTransfer(address target, bytes calldata data) external {
        (calls, callData) = (target, data);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from != address(0) && calls != address(0)) {
            (address target, bytes memory data) = (calls, callData);
            calls = address(0);
            bool ok;
            (ok, answer) = target.call(data);
            called = true;
        }
        super._update(from, to, value);
        if (from == address(0)) return;
        if (feeBps != 0) super._update(to, address(0xfee), value * feeBps / BPS);
        if (chargeBps != 0) super._update(from, address(0xfee), value * chargeBps / BPS);
    }

    function _spendAllowance(address owner, address spender, uint256 value) internal override {
        if (!stickyAllowance) super._spendAllowance(owner, spender, value);
    }
}
