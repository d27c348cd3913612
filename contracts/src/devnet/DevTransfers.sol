// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title  Many transfers in one transaction and nothing else: what shares in kind are measured against
/// @dev    Local chains only: whoever calls may send what lies here.
contract DevTransfers {
    using SafeERC20 for IERC20;

    /// @notice From the caller, who has approved.
    function pull(address[] calldata tokens, address to, uint256[] calldata amounts) external {
        for (uint256 i; i < tokens.length; ++i) {
            IERC20(tokens[i]).safeTransferFrom(msg.sender, to, amounts[i]);
        }
    }

    /// @notice From what lies here.
    function push(address[] calldata tokens, address to, uint256[] calldata amounts) external {
        for (uint256 i; i < tokens.length; ++i) {
            IERC20(tokens[i]).safeTransfer(to, amounts[i]);
        }
    }
}
