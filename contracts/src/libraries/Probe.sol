// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title  Reads of contracts that may be dead, hostile or not there
/// @dev    A high-level call would revert with the callee, spend all gas on it and copy whatever it returns. This one
///         does none of that; it is the reason for the assembly.
library Probe {
    /// What a balance, a feed's answer or a pool's state may cost. Rebasing tokens take about 60,000.
    uint256 internal constant GAS = 300_000;

    error Starved(uint256 gasLeft, uint256 needed);

    /// @param  words length of the answer, at most 5; what is returned beyond it is not copied
    /// @return ok    false when the callee reverted, ran out of gas, or returned less
    /// @return out   the answer, word by word; zeros when not `ok`
    function read(address target, bytes memory call_, uint256 words)
        internal
        view
        returns (bool ok, uint256[5] memory out)
    {
        requireGas(GAS);
        uint256 size = words * 32;
        assembly ("memory-safe") {
            ok := staticcall(GAS, target, add(call_, 0x20), mload(call_), out, size)
            ok := and(ok, iszero(lt(returndatasize(), size)))
        }
        if (!ok) delete out;
    }

    /// @notice Like `read`, for an answer of any length up to `maximum` bytes; longer ones are cut.
    function readBytes(address target, bytes memory call_, uint256 maximum)
        internal
        view
        returns (bool ok, bytes memory out)
    {
        requireGas(GAS);
        out = new bytes(maximum);
        assembly ("memory-safe") {
            ok := staticcall(GAS, target, add(call_, 0x20), mload(call_), add(out, 0x20), maximum)
            if lt(returndatasize(), maximum) { mstore(out, returndatasize()) }
        }
    }

    /// @dev A callee gets at most 63/64 of what is left. Without this check a caller's low gas limit would look like
    ///      a dead token.
    function requireGas(uint256 gasCap) internal view {
        uint256 needed = gasCap + gasCap / 32 + 5_000;
        if (gasleft() < needed) revert Starved(gasleft(), needed);
    }
}
