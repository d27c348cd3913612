// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title  A transaction tried out: whether it goes through, and what gas it takes, in one `eth_call`
/// @dev    Never deployed: the keeper puts its runtime code at the sender's own address by a state override, so that
///         `target` sees the right caller. One run tells what `eth_estimateGas` searches for in a dozen.
contract Rehearsal {
    /// @notice Reverts with `target`'s own data when `target` does.
    /// @return gasUsed by the call before refunds, without what a transaction costs before its first instruction
    function rehearse(address target, bytes calldata data) external returns (uint256 gasUsed) {
        uint256 gasBefore = gasleft();
        (bool ok, bytes memory answer) = target.call(data);
        gasUsed = gasBefore - gasleft();
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}
