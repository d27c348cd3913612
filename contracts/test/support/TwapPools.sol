// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {V3TwapFeed} from "../../src/feeds/V3TwapFeed.sol";
import {Checks} from "./Checks.sol";
import {IMintable, Uniswap} from "./Uniswap.sol";
import {vm} from "./Vm.sol";

/// @title V3 pools that are moved from tick to tick, what they should remember of it, and the price of a tick
/// @dev   The reference shares nothing with what it checks: the mean is taken of the test's own notes, the power by
///        squaring a 128-bit floating 1.0001.
abstract contract TwapPools is Checks, Uniswap {
    struct Note {
        uint256 from;
        int256 tick;
    }

    Note[] private _notes;

    /// Printed by `forge test -vv`.
    event log_named_decimal_uint(string key, uint256 value, uint256 decimals);
    event log_named_uint(string key, uint256 value);

    // -------------------------------------------------------------------------------------------- pools

    /// @dev Addresses decide which of two tokens is token0: deploys again until they are as wanted.
    function tokenPair(bool baseIsToken0, uint8 baseDecimals, uint8 quoteDecimals)
        internal
        returns (DevToken base, DevToken quote)
    {
        quote = new DevToken("Quote", "Q", quoteDecimals);
        do {
            base = new DevToken("Base", "B", baseDecimals);
        } while ((address(base) < address(quote)) != baseIsToken0);
    }

    /// @param liquidity over the whole range
    function poolAt(address tokenA, address tokenB, int24 tick, uint128 liquidity)
        internal
        returns (IUniswapV3Pool pool)
    {
        pool = IUniswapV3Pool(IUniswapV3Factory(v3Factory).createPool(tokenA, tokenB, 500));
        pool.initialize(TickMath.getSqrtPriceAtTick(tick));
        pool.mint(address(this), -887270, 887270, liquidity, "");
        note(tick);
    }

    function move(IUniswapV3Pool pool, int24 tick) internal {
        (, int24 from,,,,,) = pool.slot0();
        // A price on the very edge counts as the lower tick when it is reached from above.
        uint160 target = TickMath.getSqrtPriceAtTick(tick) + 1;
        if (tick != from) pool.swap(address(this), tick < from, type(int256).max, target, "");
        (, int24 reached,,,,,) = pool.slot0();
        holds(reached == tick, "the pool is where it was moved to");
        note(tick);
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        IUniswapV3Pool pool = IUniswapV3Pool(msg.sender);
        if (amount0 > 0) IMintable(pool.token0()).mint(msg.sender, uint256(amount0));
        if (amount1 > 0) IMintable(pool.token1()).mint(msg.sender, uint256(amount1));
    }

    // -------------------------------------------------------------------------------------------- reference

    function note(int256 tick) internal {
        _notes.push(Note(now_(), tick));
    }

    /// @dev Mean tick of the last `window` seconds, rounded down, out of what was noted.
    function meanTick(uint256 window) internal view returns (int256) {
        return meanTick(now_() - window, now_());
    }

    function meanTick(uint256 start, uint256 end) internal view returns (int256) {
        int256 sum;
        for (uint256 i; i < _notes.length; ++i) {
            uint256 from = Math.max(_notes[i].from, start);
            uint256 to = i + 1 < _notes.length ? Math.min(_notes[i + 1].from, end) : end;
            if (to > from) sum += _notes[i].tick * int256(to - from);
        }
        int256 length = int256(end - start);
        return (sum - ((sum % length) + length) % length) / length;
    }

    /// @dev What a feed is to say of the last `window` seconds.
    /// @return refusal its error, empty when no sixth of the window is further than `maxJump` from the whole
    function jumpIn(uint256 window, uint24 maxJump) internal view returns (bytes memory refusal) {
        int256 mean = meanTick(window);
        for (uint256 i = 6; i != 0; --i) {
            int256 part = meanTick(now_() - window * i / 6, now_() - window * (i - 1) / 6);
            if (part > mean + int256(uint256(maxJump)) || part < mean - int256(uint256(maxJump))) {
                return abi.encodeWithSelector(V3TwapFeed.Jump.selector, part, mean, maxJump);
            }
        }
    }

    /// @return mantissa in [2^127, 2^128)
    /// @return exponent `1.0001^tick = mantissa * 2^exponent`
    function power(int256 tick) internal pure returns (uint256 mantissa, int256 exponent) {
        (mantissa, exponent) = (1 << 127, -127);
        (uint256 m, int256 e) = tick < 0
            ? (10_000 * 2 ** 128 / uint256(10_001), int256(-128))
            : (10_001 * 2 ** 127 / uint256(10_000), int256(-127));
        for (uint256 n = uint256(tick < 0 ? -tick : tick); n != 0; n >>= 1) {
            if (n & 1 != 0) (mantissa, exponent) = _times(mantissa, exponent, m, e);
            (m, e) = _times(m, e, m, e);
        }
    }

    function _times(uint256 a, int256 ea, uint256 b, int256 eb) private pure returns (uint256, int256) {
        uint256 product = a * b;
        uint256 shift = product >> 255 == 0 ? 127 : 128;
        return (product >> shift, ea + eb + int256(shift));
    }

    /// @dev USD of a whole base token, 18 decimals, floor.
    /// @param tick as if the base token were token0
    function priceAt(int256 tick, uint256 quote, uint8 feedDecimals, uint8 baseDecimals, uint8 quoteDecimals)
        internal
        pure
        returns (uint256)
    {
        (uint256 mantissa, int256 exponent) = power(tick);
        uint256 scaled = quote * 10 ** (18 - feedDecimals) * 10 ** baseDecimals;
        // 112 bits of the mantissa: the product then fits for every token.
        (mantissa, exponent) = (Math.mulDiv(scaled, mantissa >> 16, 10 ** quoteDecimals), exponent + 16);
        return exponent < 0 ? mantissa >> uint256(-exponent) : mantissa << uint256(exponent);
    }

    /// @dev Equal up to a unit and one part in `precision`.
    function near(uint256 found, uint256 expected, uint256 precision, string memory what) internal pure {
        uint256 apart = found > expected ? found - expected : expected - found;
        if (apart > 1 + expected / precision) revert Differs(what, found, expected);
    }

    function now_() internal view virtual returns (uint256);
}
