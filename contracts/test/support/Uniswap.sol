// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUniswapV2Factory} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Factory.sol";
import {IUniswapV2Pair} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Pair.sol";
import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {vm} from "./Vm.sol";

interface IMintable {
    function mint(address to, uint256 amount) external;
}

/// @title The Uniswap of main net, from the bytecode its packages publish, and pools filled by minting
abstract contract Uniswap {
    string private constant NPM = "node_modules/@uniswap/";

    address internal v2Factory;
    address internal v3Factory;
    address internal v2Router;
    address internal v3Router;

    function deployUniswap() internal {
        // No WETH: the treasury never swaps native coin.
        bytes memory noWeth = abi.encode(address(0));
        v2Factory = _deploy("v2-core/build/UniswapV2Factory.json", abi.encode(address(this)));
        v2Router = _deploy("v2-periphery/build/UniswapV2Router02.json", bytes.concat(abi.encode(v2Factory), noWeth));
        v3Factory = _deploy("v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json", "");
        v3Router = _deploy(
            "v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json",
            bytes.concat(abi.encode(v3Factory), noWeth)
        );
    }

    /// @dev Price and depth come from the two amounts.
    function v2Pair(address tokenA, uint256 amountA, address tokenB, uint256 amountB) internal returns (address pair) {
        pair = IUniswapV2Factory(v2Factory).createPair(tokenA, tokenB);
        IMintable(tokenA).mint(pair, amountA);
        IMintable(tokenB).mint(pair, amountB);
        IUniswapV2Pair(pair).mint(address(this));
    }

    /// @dev Liquidity over the whole range, so price and depth come from the two amounts as in V2.
    function v3Pool(address tokenA, uint256 amountA, address tokenB, uint256 amountB, uint24 fee)
        internal
        returns (address pool)
    {
        pool = IUniswapV3Factory(v3Factory).createPool(tokenA, tokenB, fee);
        (uint256 amount0, uint256 amount1) = tokenA < tokenB ? (amountA, amountB) : (amountB, amountA);
        IUniswapV3Pool(pool).initialize(uint160(Math.sqrt(Math.mulDiv(amount1, 1 << 192, amount0))));
        int24 spacing = IUniswapV3Pool(pool).tickSpacing();
        int24 edge = int24(887272) / spacing * spacing;
        IUniswapV3Pool(pool).mint(address(this), -edge, edge, uint128(Math.sqrt(amount0 * amount1)), "");
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        IMintable(IUniswapV3Pool(msg.sender).token0()).mint(msg.sender, amount0);
        IMintable(IUniswapV3Pool(msg.sender).token1()).mint(msg.sender, amount1);
    }

    function _deploy(string memory artifact, bytes memory arguments) private returns (address deployed) {
        string memory json = vm.readFile(string.concat(NPM, artifact));
        bytes memory code = bytes.concat(vm.parseJsonBytes(json, ".bytecode"), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        require(deployed != address(0), artifact);
    }
}
