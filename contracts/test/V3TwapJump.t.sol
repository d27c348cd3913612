// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {DevToken} from "../src/devnet/DevToken.sol";
import {V3TwapFeed} from "../src/feeds/V3TwapFeed.sol";
import {TwapPools} from "./support/TwapPools.sol";
import {vm} from "./support/Vm.sol";

/// @title Spikes over an empty range, with liquidity lent there: what a TWAP feed refuses, what is left below that, and
///        what it cannot see
/// @dev   The pool's liquidity lies within 5 % of the price, as in real ones, so going further costs next to nothing.
contract V3TwapJumpTest is TwapPools {
    uint128 private constant L = 10_000_000e18;
    uint32 private constant WINDOW = 30 minutes;
    uint256 private constant PART = 5 minutes;
    uint24 private constant MAX_JUMP = 500;
    /// With less than this the lent range would lie within the pool's own.
    int24 private constant EDGE = 500;

    uint256 private time = 1_700_000_000;
    DevToken private base;
    DevToken private quote;
    DevFeed private usd;
    IUniswapV3Pool private pool;
    V3TwapFeed private twap;

    function setUp() public {
        vm.warp(time);
        deployUniswap();
        (base, quote) = tokenPair(true, 18, 18);
        usd = new DevFeed("quote", 8);
        pool = IUniswapV3Pool(IUniswapV3Factory(v3Factory).createPool(address(base), address(quote), 500));
        pool.initialize(TickMath.getSqrtPriceAtTick(0));
        pool.mint(address(this), -490, 490, L, "");
        pool.increaseObservationCardinalityNext(160);
        note(0);
        // The attacker has to lend half of it.
        twap = new V3TwapFeed(pool, address(base), usd, WINDOW, L / 2, MAX_JUMP);
        _pass(1 hours);
    }

    function now_() internal view override returns (uint256) {
        return time;
    }

    function _pass(uint256 seconds_) private {
        time += seconds_;
        vm.warp(time);
        usd.setAnswer(1e8);
    }

    /// @dev Lends twice the least liquidity from `height` upwards, goes to its edge for `seconds_`, and others bring the
    ///      pool back.
    /// @param height a multiple of 10
    /// @return lost to them and in fees, of base and quote token: both are worth 1
    function _spike(int24 height, uint256 seconds_) private returns (uint256 lost) {
        pool.mint(address(0xbad), height, height + 10, L, "");
        (uint256 bases, uint256 quotes) = (base.balanceOf(address(pool)), quote.balanceOf(address(pool)));
        move(pool, height);
        lost = quote.balanceOf(address(pool)) - quotes - (bases - base.balanceOf(address(pool)));
        _pass(seconds_);
        move(pool, 0);
    }

    function _refuses() private {
        bytes memory refusal = jumpIn(WINDOW, MAX_JUMP);
        holds(refusal.length != 0, "a part is too far off");
        vm.expectRevert(refusal);
        twap.latestRoundData();
    }

    /// @return ticks that the answer is away from 1, to the nearest
    function _moved() private view returns (uint256 ticks) {
        (, int256 answer,,,) = twap.latestRoundData();
        same(jumpIn(WINDOW, MAX_JUMP).length, 0, "no part is too far off");
        int256 mean = meanTick(WINDOW);
        near(uint256(answer), priceAt(mean, 1e8, 8, 18, 18), 1e12, "answer");
        return uint256(mean < 0 ? -mean : mean);
    }

    // -------------------------------------------------------------------------------------------- refused

    /// @dev Without the parts this moved the answer by 59 % for 0.06 % of `L * sqrt(p)`.
    function test_one_block_at_the_end_of_an_empty_range() public {
        uint256 lost = _spike(700_000, 12);
        emit log_named_decimal_uint("  lost, of L sqrt(p)", lost * 1e18 / L, 18);
        holds(lost < L / 1_000, "cheap");
        _refusedUntilForgotten();
    }

    function test_one_block_the_other_way() public {
        // What the pool pays on the way down comes from the same narrow range.
        pool.mint(address(0xbad), -700_010, -699_980, L, "");
        move(pool, -700_000);
        _pass(12);
        move(pool, 0);
        _refusedUntilForgotten();
    }

    /// @dev A thousandth of the liquidity in full range does not make it dear.
    function test_one_block_over_thin_full_range() public {
        pool.mint(address(this), -887270, 887270, L / 1000, "");
        uint256 lost = _spike(69_080, 12);
        emit log_named_decimal_uint("  lost, of L sqrt(p)", lost * 1e18 / L, 18);
        _refusedUntilForgotten();
    }

    function _refusedUntilForgotten() private {
        for (uint256 i; i < WINDOW / 12; ++i) {
            _refuses();
            _pass(12);
        }
        same(_moved(), 0, "forgotten after a window");
    }

    // -------------------------------------------------------------------------------------------- just below

    /// @dev 15,000 ticks for 12 s make 600 of a part and 100 of the window: 500 apart. A fifth of the largest jump.
    function test_largest_spike_in_one_part() public {
        _spike(15_000, 12);
        same(_moved(), MAX_JUMP / 5, "moved");
        _pass(WINDOW);
        _spike(15_030, 12);
        _refuses();
    }

    /// @dev Half in one part and half in the next: 750 of each and 250 of the window. Half of the largest jump.
    function test_largest_spike_across_two_parts() public {
        _spike(37_500, 12);
        _refuses();
        _pass(PART - 6);
        same(_moved(), MAX_JUMP / 2, "moved");
        _pass(WINDOW);
        _spike(37_560, 12);
        _pass(PART - 6);
        _refuses();
    }

    /// @dev 1,000 in each of three parts, 500 of the window: all of it. More parts do not help him while one is left.
    function test_largest_spikes_in_three_parts() public {
        _spikes(3, 25_000);
        same(_moved(), MAX_JUMP, "moved");
        _pass(WINDOW);
        _spikes(3, 25_050);
        _refuses();
        _pass(WINDOW);
        _spikes(5, 15_000);
        same(_moved(), MAX_JUMP, "moved");
        _pass(WINDOW);
        _spikes(5, 15_030);
        _refuses();
    }

    /// @dev One in each of so many parts, the last of which ends now.
    function _spikes(uint256 count, int24 height) private returns (uint256 lost) {
        for (uint256 i; i < count; ++i) {
            if (i != 0) _pass(PART - 12);
            lost += _spike(height, 12);
        }
    }

    /// @dev Up to four spikes anywhere in the 25 minutes before an untouched part, or after one: whatever is answered is
    ///      within the largest jump, and a tick for rounding.
    function testFuzz_bounded_while_a_part_is_untouched(int24[4] memory heights, uint16[8] memory waits, bool before)
        public
    {
        uint256 left = WINDOW - PART;
        if (before) _pass(PART);
        for (uint256 i; i < 4; ++i) {
            uint256 wait = within(waits[i], 0, 300);
            uint256 length = within(waits[i + 4], 1, 75);
            // Low for long or far for short: up to some 800 ticks of a part each, so that both outcomes are common.
            uint256 area = within(uint24(heights[i]), 0, 250_000);
            int24 height = EDGE + int24(int256(area / length)) / 10 * 10;
            _pass(wait);
            _spike(height, length);
            left -= wait + length;
        }
        if (!before) _pass(left + PART);
        if (jumpIn(WINDOW, MAX_JUMP).length != 0) _refuses();
        else holds(_moved() <= uint256(MAX_JUMP) + 1, "within the largest jump");
    }

    // -------------------------------------------------------------------------------------------- not seen

    /// @dev The same spike in every part leaves none that is true. It costs six times as much, takes 25 minutes, in which
    ///      the feed refuses, and then moves the answer as one did before: only the treasury's own bounds are left.
    function test_a_spike_in_every_part_is_not_seen() public {
        uint256 lost = _spike(700_000, 12);
        for (uint256 i; i < 5; ++i) {
            _refuses();
            _pass(PART - 12);
            _refuses();
            lost += _spike(700_000, 12);
        }
        same(_moved(), 28_000, "six blocks of 150");
        emit log_named_decimal_uint("  lost, of L sqrt(p)", lost * 1e18 / L, 18);
        holds(lost > L * 6 / 2_000 && lost < L * 6 / 1_000, "cost");
    }

    // -------------------------------------------------------------------------------------------- honest moves

    /// @dev Anywhere within a band of the largest jump, up and down.
    function testFuzz_slow_moves_pass(uint256 seed) public {
        pool.mint(address(this), -887270, 887270, L, "");
        for (uint256 i; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            move(pool, int24(int256(within(seed, 0, MAX_JUMP))));
            _pass(12 * within(seed >> 128, 1, 25));
            _moved();
        }
    }

    /// @dev A steady move of 2.4 times the largest jump in a window: the ends are 5/12 of it from the middle.
    function test_steady_move_passes() public {
        pool.mint(address(this), -887270, 887270, L, "");
        for (int24 i; i < 300; ++i) {
            move(pool, i * 8);
            _pass(12);
            if (i % 7 == 0) _moved();
        }
        same(_moved(), 299 * 8 - 149 * 4, "half a window behind");
    }

    /// @dev A step of 6/5 of the largest jump is never refused; a larger one is, for no longer than a window.
    function test_sudden_moves() public {
        pool.mint(address(this), -887270, 887270, L, "");
        move(pool, 600);
        for (uint256 i; i < 150; ++i) {
            _pass(12);
            _moved();
        }
        same(_moved(), 600, "arrived");
        move(pool, 600 + 660);
        _pass(PART);
        _refuses();
        _pass(WINDOW - PART);
        same(_moved(), 1_260, "arrived");
    }
}
