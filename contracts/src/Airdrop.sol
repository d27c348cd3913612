// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title  A list of payments that can be made once
/// @dev    The constructor pays. Created by CREATE2 its address follows from this code and the list, and no address takes
///         code twice: whether the list was paid is whether there is code. `from` allows that address the sum before it
///         exists: the allowance is bound to these payments, nobody can turn it to others, and whoever creates it pays
///         the same people. All are paid or none. The code that stays has no entry and refuses every call.
contract Airdrop {
    using SafeERC20 for IERC20;

    error BadLength(uint256 receivers, uint256 amounts);

    /// @param from    whose tokens are paid out
    /// @param to      receivers
    /// @param amounts base units, in the order of `to`
    constructor(IERC20 token, address from, address[] memory to, uint256[] memory amounts) {
        if (to.length != amounts.length) revert BadLength(to.length, amounts.length);
        for (uint256 i; i < to.length; ++i) {
            token.safeTransferFrom(from, to[i], amounts[i]);
        }
    }
}
