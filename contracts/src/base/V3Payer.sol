// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IUniswapV3SwapCallback} from "@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3SwapCallback.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Swapping} from "../libraries/Swapping.sol";

/// @title  Swaps with a V3 pool directly, and pays it when it calls back
/// @dev    The callback is the one door that an outsider can knock at while the treasury is at work. It opens once,
///         for the pool that was just called, for the token that was meant and for no more than was meant.
abstract contract V3Payer is IUniswapV3SwapCallback {
    using SafeERC20 for IERC20;

    /// The outermost prices that a pool accepts as limit: `TickMath.MIN_SQRT_RATIO + 1`, `MAX_SQRT_RATIO - 1`.
    uint160 private constant LOWEST_SQRT_PRICE = 4295128740;
    uint160 private constant HIGHEST_SQRT_PRICE = 1461446703485210103287273052203988822378723970341;

    address private transient _expectedPool;
    IERC20 private transient _expectedToken;
    uint256 private transient _expectedMaximum;

    /// @return amountOut what the pool computed
    function _throughV3Pool(address pool, IERC20 tokenIn, bool zeroForOne, uint256 amountIn)
        internal
        returns (uint256 amountOut)
    {
        (_expectedPool, _expectedToken, _expectedMaximum) = (pool, tokenIn, amountIn);
        (int256 amount0, int256 amount1) = IUniswapV3Pool(pool)
            .swap(address(this), zeroForOne, int256(amountIn), zeroForOne ? LOWEST_SQRT_PRICE : HIGHEST_SQRT_PRICE, "");
        return uint256(-(zeroForOne ? amount1 : amount0));
    }

    /// @inheritdoc IUniswapV3SwapCallback
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external override {
        uint256 owed = _requireExpected(amount0Delta > amount1Delta ? amount0Delta : amount1Delta);
        IERC20 token = _expectedToken;
        // Cleared before paying: a token that calls back finds the door closed.
        (_expectedPool, _expectedToken, _expectedMaximum) = (address(0), IERC20(address(0)), 0);
        uint256 balanceBefore = token.balanceOf(msg.sender);
        token.safeTransfer(msg.sender, owed);
        Swapping.requireReceived(token, msg.sender, balanceBefore, owed);
    }

    function _requireExpected(int256 owed) private view returns (uint256) {
        if (msg.sender != _expectedPool || owed <= 0 || uint256(owed) > _expectedMaximum) {
            revert ITreasury.BadCallback(msg.sender);
        }
        return uint256(owed);
    }
}
