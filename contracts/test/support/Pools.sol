// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

// Pools that no factory makes: their code takes the place of a listed V3 pool's.

interface ICallback {
    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata data) external;
}

/// @dev Asks for a fixed amount of whatever it is sold.
contract GreedyPool {
    int256 private immutable OWED;

    constructor(int256 owed) {
        OWED = owed;
    }

    function swap(address, bool zeroForOne, int256, uint160, bytes calldata) external returns (int256, int256) {
        (int256 amount0, int256 amount1) = zeroForOne ? (OWED, int256(-1)) : (int256(-1), OWED);
        ICallback(msg.sender).uniswapV3SwapCallback(amount0, amount1, "");
        return (amount0, amount1);
    }
}

/// @dev Asks for half, then for the other half.
contract TwicePool {
    function swap(address, bool, int256 amount, uint160, bytes calldata) external returns (int256, int256) {
        ICallback(msg.sender).uniswapV3SwapCallback(amount / 2, -1, "");
        ICallback(msg.sender).uniswapV3SwapCallback(amount / 2, -1, "");
        return (amount, -1);
    }
}

/// @dev Takes what it is sold and pays a fixed amount.
contract FixedPool {
    address private immutable TOKEN;
    int256 private immutable AMOUNT;

    constructor(address token, int256 amount) {
        (TOKEN, AMOUNT) = (token, amount);
    }

    function swap(address to, bool zeroForOne, int256 amount, uint160, bytes calldata)
        external
        returns (int256, int256)
    {
        (int256 amount0, int256 amount1) = zeroForOne ? (amount, -AMOUNT) : (-AMOUNT, amount);
        IERC20(TOKEN).transfer(to, uint256(AMOUNT));
        ICallback(msg.sender).uniswapV3SwapCallback(amount0, amount1, "");
        return (amount0, amount1);
    }
}
