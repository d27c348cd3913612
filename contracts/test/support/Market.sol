// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUniswapV2Pair} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Pair.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {DevFeed} from "../../src/devnet/DevFeed.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IMintable} from "./Uniswap.sol";
import {World} from "./World.sol";

/// @title Everybody else in the pools: traders, arbitrage back to the feeds' prices, and the largest sandwich
/// @dev   Values are computed here from balances and feeds, not asked of the treasury. Whoever trades has an endless purse:
///        tokens are minted as they are paid, `gain` keeps the account.
abstract contract Market is World {
    struct Pool {
        address target;
        uint8 i0;
        uint8 i1;
        bool isV3;
        uint24 feePips;
    }

    uint256 internal constant PIPS = 1e6;
    uint160 private constant LOWEST_SQRT_PRICE = 4295128740;
    uint160 private constant HIGHEST_SQRT_PRICE = 1461446703485210103287273052203988822378723970341;

    address[] internal tokens;
    DevFeed[] internal feeds;
    uint256[] internal tokenDecimals;
    Pool[] internal pools;
    mapping(address => bool) internal isPool;
    /// USD, 18 decimals, at the feeds' prices: what the traders' own trades have brought them.
    int256 internal gain;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i; i < token.length; ++i) {
            _follow(token[i], feed[i], i == WETH ? 18 : i == WBTC ? 8 : 6);
        }
        ITreasury.Venue[] memory venues = treasury.snapshot().venues;
        for (uint256 i; i < venues.length; ++i) {
            bool isV3 = venues[i].kind == ITreasury.Kind.V3Pool;
            if (!isV3 && venues[i].kind != ITreasury.Kind.V2Pair) continue;
            isPool[venues[i].target] = true;
            pools.push(Pool(venues[i].target, venues[i].i0, venues[i].i1, isV3, venues[i].feePips));
        }
    }

    /// @dev In the order of `World`: pair, pool and two routers for each stable, then the hop.
    function poolOf(uint256 venue) internal view returns (Pool memory) {
        if (venue >= WBTC_V3_POOL) {
            return pools[venue - WBTC_V3_POOL + 4 < pools.length ? venue - WBTC_V3_POOL + 4 : 4];
        }
        return pools[venue / 4 * 2 + venue % 2];
    }

    // -------------------------------------------------------------------------------------------- values

    function _follow(address token_, DevFeed feed_, uint256 decimals) internal {
        tokens.push(token_);
        feeds.push(feed_);
        tokenDecimals.push(decimals);
    }

    /// @dev Feeds have 8 decimals; what is not positive is no price.
    function answerOf(uint256 asset) internal view returns (uint256) {
        (, int256 answer,,,) = feeds[asset].latestRoundData();
        return answer > 0 ? uint256(answer) : 0;
    }

    /// @dev USD of 1e18 base units, 18 decimals.
    function pxOf(uint256 asset) internal view returns (uint256) {
        return answerOf(asset) * 10 ** (28 - tokenDecimals[asset]);
    }

    function valueOf(uint256 asset, uint256 amount) internal view returns (uint256) {
        return amount * answerOf(asset) * 1e18 / 10 ** (8 + tokenDecimals[asset]);
    }

    function amountOf(uint256 asset, uint256 value) internal view returns (uint256) {
        return value * 1e18 / pxOf(asset);
    }

    // -------------------------------------------------------------------------------------------- trading

    /// @notice Sells `amountIn` to a pool.
    function trade(Pool memory pool, bool zeroForOne, uint256 amountIn) internal returns (uint256 amountOut) {
        if (amountIn == 0) return 0;
        if (pool.isV3) {
            (, amountOut) = _tradeV3(pool, zeroForOne, amountIn, zeroForOne ? LOWEST_SQRT_PRICE : HIGHEST_SQRT_PRICE);
            return amountOut;
        }
        amountOut = quote(pool, zeroForOne, amountIn);
        if (amountOut == 0) return 0;
        IMintable(tokens[zeroForOne ? pool.i0 : pool.i1]).mint(pool.target, amountIn);
        IUniswapV2Pair(pool.target).swap(zeroForOne ? 0 : amountOut, zeroForOne ? amountOut : 0, address(this), "");
        _account(pool, zeroForOne, amountIn, amountOut);
    }

    /// @dev As far as a price, or `amountIn`, whichever comes first.
    function _tradeV3(Pool memory pool, bool zeroForOne, uint256 amountIn, uint160 limit)
        private
        returns (uint256 paid, uint256 got)
    {
        (int256 amount0, int256 amount1) =
            IUniswapV3Pool(pool.target).swap(address(this), zeroForOne, int256(amountIn), limit, "");
        (paid, got) = zeroForOne ? (uint256(amount0), uint256(-amount1)) : (uint256(amount1), uint256(-amount0));
        _account(pool, zeroForOne, paid, got);
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        if (amount0 > 0) IMintable(IUniswapV3Pool(msg.sender).token0()).mint(msg.sender, uint256(amount0));
        if (amount1 > 0) IMintable(IUniswapV3Pool(msg.sender).token1()).mint(msg.sender, uint256(amount1));
    }

    function _account(Pool memory pool, bool zeroForOne, uint256 paid, uint256 got) private {
        (uint8 sold, uint8 bought) = zeroForOne ? (pool.i0, pool.i1) : (pool.i1, pool.i0);
        gain += int256(valueOf(bought, got)) - int256(valueOf(sold, paid));
    }

    /// @dev V2 only.
    function quote(Pool memory pool, bool zeroForOne, uint256 amountIn) internal view returns (uint256) {
        (uint256 rIn, uint256 rOut) = reserves(pool, zeroForOne);
        uint256 net = amountIn * (PIPS - pool.feePips);
        return net * rOut / (rIn * PIPS + net);
    }

    /// @return rIn  of a V3 pool the virtual reserve, `L / sqrtP` or `L * sqrtP`
    /// @return rOut likewise
    function reserves(Pool memory pool, bool zeroForOne) internal view returns (uint256 rIn, uint256 rOut) {
        if (pool.isV3) {
            (uint160 sqrtPrice,,,,,,) = IUniswapV3Pool(pool.target).slot0();
            uint256 liquidity = IUniswapV3Pool(pool.target).liquidity();
            (rIn, rOut) = (Math.mulDiv(liquidity, 1 << 96, sqrtPrice), Math.mulDiv(liquidity, sqrtPrice, 1 << 96));
        } else {
            (rIn, rOut,) = IUniswapV2Pair(pool.target).getReserves();
        }
        if (!zeroForOne) (rIn, rOut) = (rOut, rIn);
    }

    // -------------------------------------------------------------------------------------------- arbitrage

    function restoreAll() internal {
        for (uint256 i; i < pools.length; ++i) {
            restore(pools[i]);
        }
    }

    /// @notice Trades a pool to where one token costs what the feeds say.
    /// @dev    V2: `(rIn + x) (rIn + f x) = rIn rOut pxOut / pxIn`, f = 1 - fee, solved for x.
    function restore(Pool memory pool) internal {
        (uint256 px0, uint256 px1) = (pxOf(pool.i0), pxOf(pool.i1));
        if (px0 == 0 || px1 == 0) return;
        if (pool.isV3) {
            moveV3(pool, uint160(Math.sqrt(Math.mulDiv(px0, 1 << 192, px1))));
            return;
        }
        (uint256 r0, uint256 r1) = reserves(pool, true);
        bool zeroForOne = r0 * px0 < r1 * px1;
        (uint256 rIn, uint256 rOut, uint256 pxIn, uint256 pxOut) = zeroForOne ? (r0, r1, px0, px1) : (r1, r0, px1, px0);
        uint256 f = PIPS - pool.feePips;
        uint256 k = Math.mulDiv(rIn * rOut, pxOut, pxIn);
        uint256 root = Math.sqrt((PIPS - f) ** 2 * rIn * rIn + 4 * f * PIPS * k);
        trade(pool, zeroForOne, Math.saturatingSub(root, (PIPS + f) * rIn) / (2 * f));
    }

    function moveV3(Pool memory pool, uint160 target) internal {
        (uint160 current,,,,,,) = IUniswapV3Pool(pool.target).slot0();
        if (current != target) _tradeV3(pool, current > target, uint256(type(int256).max), target);
    }

    // -------------------------------------------------------------------------------------------- sandwich

    /// @notice Front-runs a sale of `amount`, so far that it still brings `least` and no more.
    /// @dev    V2: `(r + f a) (r + a + f x) = f x rIn rOut / least`, r = rIn, solved for a. V3 with all liquidity in one
    ///         range: the fee stays outside, so the virtual reserve R before the sale has `least R^2 + least f x R = f x L^2`.
    ///         Does nothing when the sale brings less already.
    /// @return bought what the front run bought, to be sold after
    function frontRun(Pool memory pool, bool zeroForOne, uint256 amount, uint256 least)
        internal
        returns (uint256 bought)
    {
        (uint256 rIn, uint256 rOut) = reserves(pool, zeroForOne);
        uint256 f = PIPS - pool.feePips;
        uint256 net = amount * f / PIPS;
        if (net == 0 || least == 0 || net * rOut / (rIn + net) <= least) return 0;
        if (pool.isV3) {
            uint256 liquidity = IUniswapV3Pool(pool.target).liquidity();
            uint256 c = Math.mulDiv(net, liquidity * liquidity, least);
            uint256 reserve = Math.ceilDiv(Math.saturatingSub(Math.sqrt(net * net + 4 * c), net), 2);
            // One part in 10^15 short of it: the pool's own roundings.
            reserve -= reserve / 1e15 + 1;
            if (reserve <= rIn) return 0;
            uint256 limit =
                zeroForOne ? Math.mulDiv(liquidity, 1 << 96, reserve) : Math.mulDiv(reserve, 1 << 96, liquidity);
            (, bought) = _tradeV3(pool, zeroForOne, uint256(type(int256).max), uint160(limit));
            return bought;
        }
        // f a^2 + b a = c, all of it times 10^6
        uint256 b = (PIPS + f) * rIn + f * net;
        uint256 rest = Math.saturatingSub(Math.mulDiv(net, rIn * rOut, least), rIn * (rIn + net));
        uint256 front = Math.saturatingSub(Math.sqrt(b * b + 4 * f * PIPS * rest), b) / (2 * f);
        front -= front / 1e15;
        return trade(pool, zeroForOne, front);
    }
}
