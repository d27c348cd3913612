// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Handler} from "./Handler.sol";

/// @title One campaign: a fund, its actors and the invariant that gives the campaign its name
/// @dev   Forge makes the calls, so that each action is a transaction of its own: a set-up that plays them all keeps
///        whatever happened in it and becomes slower with each. All campaigns have forge's same seeds; the number salts them.
abstract contract Campaign {
    /// @param invariant which of the 19; 0 is an action of the test itself
    error Broken(uint256 invariant, string why);
    error TooFew(string what, uint256 found, uint256 expected);

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// Shorter runs need not have seen everything: forge shortens those that fail.
    uint256 private constant FULL = 500;

    uint256 private immutable NUMBER;
    Handler private handler;

    constructor(uint256 number) {
        NUMBER = number;
    }

    function setUp() public {
        handler = new Handler(NUMBER);
        handler.setUp();
        handler.begin();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), new bytes4[](1));
        targets[0].selectors[0] = Handler.step.selector;
    }

    function _holds() internal view {
        _check(NUMBER);
    }

    function _check(uint256 invariant) private view {
        string memory why = handler.broken(invariant);
        if (bytes(why).length != 0) revert Broken(invariant, why);
    }

    /// @notice After each run: the other invariants held as well, no action of the test itself failed, and enough happened.
    function afterInvariant() external view {
        for (uint256 i; i < 20; ++i) {
            _check(i);
        }
        if (handler.steps() < FULL) return;
        // That a run is alive, with room for the unluckiest of 2,000; how much happens in all is in Happened.t.sol.
        _atLeast("mints", 2);
        _atLeast("redemptions", 1);
        _atLeast("donations", 3);
        _atLeast("entries tried by those who may not", 1);
    }

    function _atLeast(string memory what, uint256 expected) private view {
        uint256 found = handler.count(what);
        if (found < expected) revert TooFew(what, found, expected);
    }
}
