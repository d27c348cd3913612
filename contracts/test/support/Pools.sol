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

/// @dev Pays what the two prices say, less a share of it, both ways.
contract OraclePool {
    address private immutable TOKEN0;
    address private immutable TOKEN1;
    uint256 private immutable PX0;
    uint256 private immutable PX1;
    uint256 private immutable LOSS_BPS;

    /// @param px0 USD with 18 decimals for 10^18 base units of `token0`
    constructor(address token0, uint256 px0, address token1, uint256 px1, uint256 lossBps) {
        (TOKEN0, PX0, TOKEN1, PX1, LOSS_BPS) = (token0, px0, token1, px1, lossBps);
    }

    function swap(address to, bool zeroForOne, int256 amount, uint160, bytes calldata)
        external
        returns (int256, int256)
    {
        (uint256 pxIn, uint256 pxOut) = zeroForOne ? (PX0, PX1) : (PX1, PX0);
        uint256 got = uint256(amount) * pxIn * (10_000 - LOSS_BPS) / (pxOut * 10_000);
        IERC20(zeroForOne ? TOKEN1 : TOKEN0).transfer(to, got);
        (int256 amount0, int256 amount1) = zeroForOne ? (amount, -int256(got)) : (-int256(got), amount);
        ICallback(msg.sender).uniswapV3SwapCallback(amount0, amount1, "");
        return (amount0, amount1);
    }
}
