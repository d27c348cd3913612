// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IUniswapV2Pair} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Pair.sol";
import {IUniswapV2Router01} from "@uniswap/v2-periphery/contracts/interfaces/IUniswapV2Router01.sol";
import {ISwapRouter} from "@uniswap/v3-periphery/contracts/interfaces/ISwapRouter.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";

/// @title  The calls to pairs and routers: always exact input, always paid out to the treasury itself
/// @notice Each function returns the output that the venue computed; the treasury compares it with what arrived.
/// @dev    Routers get a minimum of 0: the treasury's own `MinOut` and `Slippage` follow, and have names.
library Swapping {
    using SafeERC20 for IERC20;

    uint256 private constant PIPS = 1_000_000;

    function throughV2Pair(address pair, IERC20 tokenIn, bool zeroForOne, uint256 amountIn, uint256 feePips)
        internal
        returns (uint256 amountOut)
    {
        tokenIn.safeTransfer(pair, amountIn);
        (uint256 reserve0, uint256 reserve1,) = IUniswapV2Pair(pair).getReserves();
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        requireReceived(tokenIn, pair, reserveIn, amountIn);
        amountOut = v2AmountOut(amountIn, reserveIn, reserveOut, feePips);
        (uint256 out0, uint256 out1) = zeroForOne ? (uint256(0), amountOut) : (amountOut, uint256(0));
        IUniswapV2Pair(pair).swap(out0, out1, address(this), "");
    }

    function throughV2Router(address router, IERC20 tokenIn, address tokenOut, uint256 amountIn)
        internal
        returns (uint256 amountOut)
    {
        address[] memory path = new address[](2);
        (path[0], path[1]) = (address(tokenIn), tokenOut);
        tokenIn.forceApprove(router, amountIn);
        uint256[] memory amounts =
            IUniswapV2Router01(router).swapExactTokensForTokens(amountIn, 0, path, address(this), block.timestamp);
        endAllowance(tokenIn, router);
        return amounts[1];
    }

    function throughV3Router(address router, IERC20 tokenIn, address tokenOut, uint256 amountIn, uint24 feePips)
        internal
        returns (uint256 amountOut)
    {
        tokenIn.forceApprove(router, amountIn);
        amountOut = ISwapRouter(router)
            .exactInputSingle(
                ISwapRouter.ExactInputSingleParams({
                tokenIn: address(tokenIn),
                tokenOut: tokenOut,
                fee: feePips,
                recipient: address(this),
                deadline: block.timestamp,
                amountIn: amountIn,
                amountOutMinimum: 0,
                sqrtPriceLimitX96: 0
            })
            );
        endAllowance(tokenIn, router);
    }

    /// @notice `UniswapV2Library.getAmountOut`, with the fee in pips: the quotient is the same to the unit.
    function v2AmountOut(uint256 amountIn, uint256 reserveIn, uint256 reserveOut, uint256 feePips)
        internal
        pure
        returns (uint256)
    {
        uint256 afterFee = amountIn * (PIPS - feePips);
        return afterFee * reserveOut / (reserveIn * PIPS + afterFee);
    }

    /// @dev A fee taken on the way to the pool would surface as the pool's own "K" or "IIA"; this gives it a name.
    ///      More than `amountIn` is a donation that the pool's next `skim` would have given away: not our concern.
    function requireReceived(IERC20 token, address pool, uint256 balanceBefore, uint256 amount) internal view {
        uint256 balance = token.balanceOf(pool);
        uint256 received = balance > balanceBefore ? balance - balanceBefore : 0;
        if (received < amount) revert ITreasury.InexactTransfer(address(token), received, amount);
    }

    /// @dev No allowance outlives the swap, also when the token did not count it down.
    function endAllowance(IERC20 token, address router) private {
        if (token.allowance(address(this), router) != 0) token.forceApprove(router, 0);
    }
}
