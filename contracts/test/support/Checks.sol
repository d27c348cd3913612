// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Assertions that say what was found and what was expected
abstract contract Checks {
    error Differs(string what, uint256 found, uint256 expected);
    error NotTrue(string what);

    function same(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert Differs(what, found, expected);
    }

    function same(address found, address expected, string memory what) internal pure {
        same(uint160(found), uint160(expected), what);
    }

    function same(string memory found, string memory expected, string memory what) internal pure {
        holds(keccak256(bytes(found)) == keccak256(bytes(expected)), string.concat(what, ": ", found));
    }

    function holds(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    /// @dev Folds any number into [low, high], evenly enough for fuzzing.
    function within(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + x % (high - low + 1);
    }
}
