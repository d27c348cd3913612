// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {DevToken} from "../src/devnet/DevToken.sol";
import {V3TwapFeed} from "../src/feeds/V3TwapFeed.sol";
import {TwapPools} from "./support/TwapPools.sol";
import {vm} from "./support/Vm.sol";

/// @title What a TWAP feed answers, against a reference of its own, and when it refuses
contract V3TwapFeedTest is TwapPools {
    uint128 private constant DEEP = 1e18;

    uint256 private time = 1_700_000_000;
    DevToken private base;
    DevToken private quote;
    DevFeed private quoteFeed;
    IUniswapV3Pool private pool;

    function setUp() public {
        vm.warp(time);
        deployUniswap();
    }

    function now_() internal view override returns (uint256) {
        return time;
    }

    function _pass(uint256 seconds_) private {
        time += seconds_;
        vm.warp(time);
    }

    /// @dev A pool with room for 50 observations, its tokens, and a quote feed that answered `answer` now.
    function _open(
        bool baseIsToken0,
        uint8 baseDecimals,
        uint8 quoteDecimals,
        uint8 feedDecimals,
        int256 answer,
        int24 tick
    ) private {
        (base, quote) = tokenPair(baseIsToken0, baseDecimals, quoteDecimals);
        quoteFeed = new DevFeed("quote", feedDecimals);
        quoteFeed.setAnswer(answer);
        pool = poolAt(address(base), address(quote), tick, DEEP);
        pool.increaseObservationCardinalityNext(50);
    }

    function _feed(uint32 window) private returns (V3TwapFeed) {
        return new V3TwapFeed(pool, address(base), quoteFeed, window, 0, 500);
    }

    function _answer(V3TwapFeed feed) private view returns (uint256) {
        (, int256 answer,,,) = feed.latestRoundData();
        return uint256(answer);
    }

    // -------------------------------------------------------------------------------------------- the answer

    /// @dev Exact fractions, worked out by another program.
    function test_answers_known_prices() public {
        _vector(true, 18, 6, 8, 99970000, -200000, 2062596704743185274474);
        _vector(true, 8, 18, 8, 100000000, 253300, 10002976057683112081);
        _vector(false, 18, 6, 8, 100012345, 193380, 4000247022635330639910);
        _vector(false, 6, 18, 18, 3123456789012345678901, -78244, 7808351459152);
        _vector(true, 18, 18, 8, 300000000000, 1, 3000300000000000000000);
        _vector(false, 18, 18, 8, 300000000000, -1, 3000300000000000000000);
        _vector(true, 18, 8, 8, 4000000000000, -414000, 419920783599631);
        _vector(false, 0, 18, 8, 100000000, -460000, 94743048965431443141);
    }

    function _vector(
        bool isToken0,
        uint8 baseDec,
        uint8 quoteDec,
        uint8 feedDec,
        uint256 answer,
        int24 tick,
        uint256 usd
    ) private {
        _open(isToken0, baseDec, quoteDec, feedDec, int256(answer), tick);
        V3TwapFeed feed = _feed(30 minutes);
        _pass(30 minutes);
        near(_answer(feed), usd, 1e12, "answer");
        near(priceAt(isToken0 ? tick : -tick, answer, feedDec, baseDec, quoteDec), usd, 1e18, "the reference itself");
    }

    /// @dev Up to eight moves at any times, up to twice the largest jump; any window, both orders, decimals as they occur.
    function testFuzz_answers_as_the_reference(
        bool isToken0,
        uint8[3] memory decimals,
        uint64 answer,
        int24[9] memory ticks,
        uint16[8] memory waits,
        uint32[2] memory bounds
    ) public {
        uint8[4] memory common = [6, 8, 18, 0];
        (uint8 baseDec, uint8 quoteDec) = (common[decimals[0] % 4], common[decimals[1] % 4]);
        uint8 feedDec = decimals[2] % 2 == 0 ? 8 : 18;
        uint256 usd = within(answer, 1, 100_000 * 10 ** feedDec);
        _open(isToken0, baseDec, quoteDec, feedDec, int256(usd), ticks[0] % 400_000);
        bounds = [uint32(within(bounds[0], 30 minutes, 1 days)), uint32(within(bounds[1], 1, 5_000))];
        _pass(bounds[0]);
        for (uint256 i; i < 8; ++i) {
            move(pool, ticks[0] % 400_000 + ticks[i + 1] % int24(int32(2 * bounds[1])));
            _pass(uint256(waits[i]) + 1);
        }
        int256 mean = meanTick(bounds[0]);
        usd = priceAt(isToken0 ? mean : -mean, usd, feedDec, baseDec, quoteDec);
        _asReference(new V3TwapFeed(pool, address(base), quoteFeed, bounds[0], 0, uint24(bounds[1])), usd);
    }

    function _asReference(V3TwapFeed feed, uint256 expected) private {
        bytes memory refusal = jumpIn(feed.window(), feed.maxJump());
        if (refusal.length == 0) {
            near(_answer(feed), expected, 1e12, "answer");
        } else {
            vm.expectRevert(refusal);
            feed.latestRoundData();
        }
    }

    /// @dev Uniswap's own root has 96 binary places, so at the lowest ticks only 32 significant bits are left.
    function testFuzz_whole_range_of_ticks(bool isToken0, int24 tick, uint64 answer) public {
        int256 usd = int256(within(answer, 1, 100_000e8));
        tick = int24(int256(within(uint24(tick), 0, 2 * 887_000))) - 887_000;
        _open(isToken0, 18, 18, 8, usd, tick);
        _pass(30 minutes);
        uint256 expected = priceAt(isToken0 ? tick : -tick, uint256(usd), 8, 18, 18);
        near(_answer(_feed(30 minutes)), expected, 1e9, "answer");
    }

    function test_mean_is_rounded_towards_minus_infinity() public {
        _open(true, 18, 18, 8, 1e8, 0);
        _pass(30 minutes - 1);
        move(pool, -1);
        _pass(1);
        // The mean is -1/1800 of a tick.
        near(_answer(_feed(30 minutes)), priceAt(-1, 1e8, 8, 18, 18), 1e12, "answer");
    }

    /// @dev A price too small for 18 decimals is none; the treasury refuses it.
    function test_price_below_the_smallest_unit_is_zero() public {
        _open(true, 0, 18, 8, 1e8, -500_000);
        _pass(30 minutes);
        same(_answer(_feed(30 minutes)), 0, "answer");
    }

    // -------------------------------------------------------------------------------------------- its time

    function test_no_fresher_than_the_quote() public {
        _open(true, 18, 6, 8, 1e8, 0);
        V3TwapFeed feed = _feed(30 minutes);
        _pass(1 hours);
        move(pool, 5);
        _pass(60);
        quoteFeed.setAnswerAt(1e8, time - 100);
        same(_updatedAt(feed), time - 100, "the quote's time");
        quoteFeed.setAnswerAt(1e8, time - 10);
        same(_updatedAt(feed), time - 60, "the pool's last observation");
    }

    /// @dev A pool without a trade repeats its last price for ever: the time says so.
    function test_no_fresher_than_the_last_trade() public {
        _open(true, 18, 6, 8, 1e8, 0);
        V3TwapFeed feed = _feed(30 minutes);
        uint256 created = time;
        _pass(20 days);
        quoteFeed.setAnswer(1e8);
        same(_updatedAt(feed), created, "nothing has happened since");
        (,, uint256 startedAt,,) = feed.latestRoundData();
        same(startedAt, time - 30 minutes, "start of the window");
    }

    function test_quote_from_the_future_stays_one() public {
        _open(true, 18, 6, 8, 1e8, 0);
        _pass(1 hours);
        quoteFeed.setAnswerAt(1e8, time + 1);
        same(_updatedAt(_feed(30 minutes)), time + 1, "time");
    }

    /// @dev A pool keeps 32 bits of the time; in 2106 they start again.
    function test_when_the_pool_clock_wraps() public {
        time = 2 ** 32 - 600;
        vm.warp(time);
        _open(true, 18, 18, 8, 1e8, 0);
        _pass(1200);
        move(pool, 100);
        uint256 moved = time;
        _pass(900);
        quoteFeed.setAnswer(1e8);
        V3TwapFeed feed = _feed(30 minutes);
        same(_updatedAt(feed), moved, "the pool's last observation");
        near(_answer(feed), priceAt(meanTick(30 minutes), 1e8, 8, 18, 18), 1e12, "answer");
    }

    function _updatedAt(V3TwapFeed feed) private view returns (uint256 updatedAt) {
        (,,, updatedAt,) = feed.latestRoundData();
    }

    // -------------------------------------------------------------------------------------------- refusals

    function test_quote_of_zero_or_less_comes_through() public {
        _open(true, 18, 6, 8, 0, 0);
        V3TwapFeed feed = _feed(30 minutes);
        // The pool, which is too young, is not even asked.
        same(_answer(feed), 0, "answer");
        _pass(1 hours);
        quoteFeed.setAnswerAt(-3, time - 7);
        (uint80 round, int256 answer,, uint256 updatedAt, uint80 answeredIn) = feed.latestRoundData();
        holds(answer == -3 && updatedAt == time - 7 && round == 2 && answeredIn == 2, "as the quote feed says it");
    }

    function test_pool_that_does_not_reach_back() public {
        (base, quote) = tokenPair(true, 18, 18);
        quoteFeed = new DevFeed("quote", 8);
        quoteFeed.setAnswer(1e8);
        pool = poolAt(address(base), address(quote), 0, DEEP);
        V3TwapFeed feed = _feed(30 minutes);
        _pass(30 minutes - 1);
        _short(feed, 30 minutes - 1);
        _pass(1);
        feed.latestRoundData();
        // Room for one observation only: the next trade forgets the past.
        move(pool, 10);
        _short(feed, 0);
        // Room for four, of which two are written to.
        pool.increaseObservationCardinalityNext(4);
        _pass(100);
        move(pool, 20);
        _pass(100);
        _short(feed, 200);
        // All four, the oldest of them overwritten.
        for (uint256 i; i < 4; ++i) {
            move(pool, int24(int256(i)));
            _pass(500);
        }
        feed.latestRoundData();
        move(pool, 50);
        move(pool, 51);
        _short(feed, 1500);
    }

    function test_pool_that_was_never_initialized() public {
        _open(true, 18, 18, 8, 1e8, 0);
        pool = IUniswapV3Pool(IUniswapV3Factory(v3Factory).createPool(address(base), address(quote), 3000));
        _short(_feed(30 minutes), 0);
    }

    function _short(V3TwapFeed feed, uint256 covered) private {
        vm.expectRevert(abi.encodeWithSelector(V3TwapFeed.ShortHistory.selector, covered, 30 minutes));
        feed.latestRoundData();
    }

    /// @dev The harmonic mean: a spike over an empty range counts most.
    function test_too_little_liquidity() public {
        _open(true, 18, 18, 8, 1e8, 0);
        V3TwapFeed feed = new V3TwapFeed(pool, address(base), quoteFeed, 30 minutes, DEEP - 1, 500);
        _pass(30 minutes);
        // The pool's own sums are rounded: a part may be a unit off.
        feed.latestRoundData();
        pool.burn(-887270, 887270, DEEP - DEEP / 1000);
        _pass(12);
        // Of the last part alone.
        uint256 mean = uint256(5 minutes) * DEEP / (5 minutes - 12 + 12 * 1000);
        try feed.latestRoundData() {
            holds(false, "answered");
        } catch (bytes memory reason) {
            (bytes4 selector, uint256 found, uint256 minimum) = _decode(reason);
            holds(selector == V3TwapFeed.TooLittleLiquidity.selector, "error");
            near(found, mean, 1e12, "harmonic mean");
            same(minimum, DEEP - 1, "minimum");
        }
    }

    /// @dev Each part is asked, so a moment counts six times as much as it does in the whole, whichever part it is in.
    function test_too_little_liquidity_in_one_part() public {
        _open(true, 18, 18, 8, 1e8, 0);
        V3TwapFeed feed = new V3TwapFeed(pool, address(base), quoteFeed, 30 minutes, DEEP * 2 / 5, 500);
        _pass(1 hours);
        pool.burn(-887270, 887270, DEEP - DEEP / 100);
        _pass(12);
        pool.mint(address(this), -887270, 887270, DEEP - DEEP / 100, "");
        // 0.6 of it over the whole window, 0.2 over the part.
        holds(uint256(30 minutes) * 10 / (30 minutes - 12 + 12 * 100) >= 6, "the whole is deep enough");
        for (uint256 i; i < 6; ++i) {
            vm.expectPartialRevert(V3TwapFeed.TooLittleLiquidity.selector);
            feed.latestRoundData();
            _pass(5 minutes);
        }
        feed.latestRoundData();
    }

    function test_no_liquidity_at_all_counts_as_one() public {
        _open(true, 18, 18, 8, 1e8, 0);
        pool.burn(-887270, 887270, DEEP);
        _pass(30 minutes);
        new V3TwapFeed(pool, address(base), quoteFeed, 30 minutes, 1, 500).latestRoundData();
        V3TwapFeed feed = new V3TwapFeed(pool, address(base), quoteFeed, 30 minutes, 2, 500);
        vm.expectRevert(abi.encodeWithSelector(V3TwapFeed.TooLittleLiquidity.selector, 1, 2));
        feed.latestRoundData();
    }

    function _decode(bytes memory reason) private pure returns (bytes4 selector, uint256 a, uint256 b) {
        assembly ("memory-safe") {
            selector := mload(add(reason, 0x20))
            a := mload(add(reason, 0x24))
            b := mload(add(reason, 0x44))
        }
    }
}
