// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {Lens} from "../src/Lens.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {V3TwapFeed} from "../src/feeds/V3TwapFeed.sol";
import {AggregatorV3Interface} from "../src/interfaces/IAggregatorV3.sol";
import {ILens} from "../src/interfaces/ILens.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Probe} from "../src/libraries/Probe.sol";
import {TwapPools} from "./support/TwapPools.sol";
import {vm} from "./support/Vm.sol";
import {World} from "./support/World.sol";

/// @title The fund prices WBTC by a pool: what spikes do to it, what they cost, and that it works as any feed
contract V3TwapFundTest is World, TwapPools {
    uint32 private constant WINDOW = 30 minutes;
    uint24 private constant MAX_JUMP = 500;
    /// 1.0001^4055 is 1.5.
    int24 private constant HALF_MORE = 4055;

    V3TwapFeed private twap;
    DevFeed private wethInUsd;
    IUniswapV3Pool private pool;
    /// Of the pool at rest, and +1 or -1: the direction in which WBTC is dearer.
    int24 private rest;
    int24 private up;

    function setUp() public override {
        super.setUp();
        wethInUsd = new DevFeed("WETH in USD", 8);
        wethInUsd.setAnswer(2_000e8);
        pool = IUniswapV3Pool(treasury.snapshot().venues[WBTC_V3_POOL].target);
        pool.increaseObservationCardinalityNext(10);
        (, rest,,,,,) = pool.slot0();
        note(rest);
        up = pool.token0() == token[WBTC] ? int24(1) : int24(-1);
        // Half of the pool's liquidity must have been there.
        twap = new V3TwapFeed(pool, token[WBTC], wethInUsd, WINDOW, pool.liquidity() / 2, MAX_JUMP);
        ITreasury.Asset memory asset = treasury.snapshot().assets[WBTC];
        (asset.feed, asset.feedDecimals, asset.maxAge) = (address(twap), 18, 2 hours);
        (asset.minPrice, asset.maxPrice) = (4_000e18, 400_000e18);
        treasury.setAsset(WBTC, asset);
        _wait(1 hours);
    }

    function now_() internal view override returns (uint256) {
        return time;
    }

    function _wait(uint256 seconds_) private {
        pass(seconds_);
        wethInUsd.setAnswer(2_000e8);
    }

    function _answer() private view returns (uint256) {
        (, int256 answer,,,) = twap.latestRoundData();
        return uint256(answer);
    }

    // -------------------------------------------------------------------------------------------- spikes

    function test_a_spike_within_a_block_moves_nothing() public {
        uint256 before = _answer();
        move(pool, rest + up * HALF_MORE);
        same(_answer(), before, "the same block");
        move(pool, rest);
        _wait(12);
        same(_answer(), before, "the next block");
    }

    function test_spike_of_a_half_for_one_block() public {
        // 1.5^(12/1800), and a tick for the mean's rounding.
        _spike(HALF_MORE, 12, 1.002707e18);
    }

    function test_spike_of_a_fifth_for_five_blocks() public {
        // 1.2^(60/1800)
        _spike(1_823, 60, 1.006195e18);
    }

    /// @dev A half for five blocks, a thousand times the price for one: a part is too far off, and the fund waits.
    function test_larger_spikes_are_refused() public {
        _refusedFor(HALF_MORE, 60);
        _wait(1 hours);
        _refusedFor(69_081, 12);
    }

    function _refusedFor(int24 height, uint256 seconds_) private {
        uint256 before = _answer();
        move(pool, rest + up * height);
        _wait(seconds_);
        move(pool, rest);
        // However long it takes until the next block: for a window.
        for (uint256 i; i < 6; ++i) {
            vm.expectRevert(jumpIn(WINDOW, MAX_JUMP));
            treasury.nav();
            _wait(5 minutes);
        }
        same(_answer(), before, "and then as if nothing had been");
        treasury.nav();
    }

    function testFuzz_any_spike_stays_below_the_theory(uint24 ticks, uint16 seconds_) public {
        int24 height = int24(int256(within(ticks, 1, 20_000)));
        uint256 length = within(seconds_, 1, WINDOW);
        (uint256 mantissa, int256 exponent) = power(int256(uint256(uint24(height)) * length / WINDOW) + 1);
        _spike(height, length, (mantissa * 1e18) >> uint256(-exponent));
    }

    /// @param most `f ^ (d / window)`, 1e18 is 1
    function _spike(int24 height, uint256 seconds_, uint256 most) private {
        uint256 before = _answer();
        move(pool, rest + up * height);
        _wait(seconds_);
        bytes memory refusal = jumpIn(WINDOW, MAX_JUMP);
        if (refusal.length == 0) {
            uint256 peak = _answer();
            emit log_named_decimal_uint("  answer is at most, times what it was", most, 18);
            emit log_named_decimal_uint("  answer has become", peak * 1e18 / before, 18);
            // The mean is rounded down to a tick, before and after.
            holds(peak <= before * most / 1e18 * 10_001 / 10_000, "no more than the theory");
            holds(peak >= before * most / 1e18 * 9_998 / 10_000, "and the test has moved it");
        } else {
            vm.expectRevert(refusal);
            twap.latestRoundData();
        }
        move(pool, rest);
        _wait(WINDOW);
        same(_answer(), before, "forgotten after a window");
    }

    /// @dev What it costs to hold a wrong price: arbitrage trades against it. `L * sqrt(p) * (sqrt(f) + 1/sqrt(f) - 2)`.
    function test_cost_of_a_spike() public {
        IERC20 weth = IERC20(token[WETH]);
        IERC20 wbtc = IERC20(token[WBTC]);
        (uint256 wethBefore, uint256 wbtcBefore) = (weth.balanceOf(address(pool)), wbtc.balanceOf(address(pool)));
        move(pool, rest + up * HALF_MORE);
        uint256 paid = weth.balanceOf(address(pool)) - wethBefore;
        uint256 got = wbtcBefore - wbtc.balanceOf(address(pool));
        // WBTC is worth 20 WETH; 50,000 WETH is what L * sqrt(p) is in the whole range.
        uint256 lost = paid - got * 20e10;
        uint256 fee = paid * 500 / 1e6;
        emit log_named_decimal_uint("  WETH lost to arbitrage, of 50,000 in the pool", lost - fee, 18);
        // 50,000 * (1.224745 + 0.816497 - 2)
        near(lost - fee, 2_062.1e18, 1_000, "cost");
    }

    // -------------------------------------------------------------------------------------------- as a feed

    function test_treasury_values_and_trades_with_it() public {
        near(treasury.nav(), 1_000_000e18, 5_000, "NAV");
        rebalance(honest());
        // And through the very pool that the price is from.
        _wait(15 minutes);
        treasury.setTargets(_weights(2500, 3000, 3500, 1000));
        ITreasury.Outcome memory outcome = rebalance(batch(order(WBTC_V3_POOL, WETH, 10e18)));
        holds(outcome.teAfter < outcome.teBefore, "nearer to the targets");
    }

    /// @dev A spike of a half for a block moves a fund with a quarter in WBTC by less than a tenth of a percent.
    function test_nav_under_a_spike() public {
        uint256 before = treasury.nav();
        move(pool, rest + up * HALF_MORE);
        _wait(12);
        holds(treasury.nav() > before && treasury.nav() - before < before / 1_000, "NAV");
    }

    function test_pool_without_a_trade_is_stale() public {
        _wait(1 hours);
        treasury.nav();
        _wait(1);
        bytes4 stale = ITreasury.StalePrice.selector;
        vm.expectRevert(abi.encodeWithSelector(stale, token[WBTC], time - 2 hours - 1, time - 2 hours));
        treasury.nav();
        // Any move writes it anew.
        move(pool, rest + 1);
        treasury.nav();
    }

    function test_quote_that_the_treasury_refuses() public {
        wethInUsd.setAnswer(-5);
        expect(abi.encodeWithSelector(ITreasury.BadPrice.selector, token[WBTC], -5), honest());
        wethInUsd.setAnswerAt(2_000e8, time - 2 hours - 1);
        bytes4 stale = ITreasury.StalePrice.selector;
        expect(abi.encodeWithSelector(stale, token[WBTC], time - 2 hours - 1, time - 2 hours), honest());
        wethInUsd.setAnswerAt(2_000e8, time + 1);
        expect(abi.encodeWithSelector(stale, token[WBTC], time + 1, time - 2 hours), honest());
    }

    function test_empty_pool_stops_the_fund_by_name() public {
        uint128 liquidity = pool.liquidity();
        pool.burn(-887270, 887270, liquidity - liquidity / 100);
        _wait(60);
        vm.expectPartialRevert(V3TwapFeed.TooLittleLiquidity.selector);
        treasury.nav();
    }

    function test_lens_reads_it() public {
        ILens.FundState memory fund = new Lens().fund(ILens.Query(address(treasury), KEEPER));
        ILens.AssetState memory asset = fund.assets[WBTC];
        holds(asset.feedOk && asset.feedDecimals == 18, "read");
        same(uint256(asset.answer), _answer(), "answer");
        same(asset.updatedAt, time - 1 hours, "time");
    }

    /// @dev The Lens gives a feed 300,000; with all 400 observations written it takes the longest search.
    function test_gas() public {
        emit log_named_uint("  gas of latestRoundData, 1 observation", _gas());
        pool.increaseObservationCardinalityNext(400);
        for (uint256 i; i < 400; ++i) {
            move(pool, rest + int24(int256(i % 2)) * 3);
            _wait(12);
        }
        uint256 gas = _gas();
        emit log_named_uint("  gas of latestRoundData, 400 observations", gas);
        holds(gas < Probe.GAS / 2, "gas");
    }

    /// @dev In a transaction of its own, as far as what is warm goes.
    function _gas() private returns (uint256 used) {
        vm.cool(address(pool));
        vm.cool(address(wethInUsd));
        vm.cool(address(twap));
        used = gasleft();
        twap.latestRoundData();
        used -= gasleft();
    }

    // -------------------------------------------------------------------------------------------- construction

    function test_windows() public {
        bytes4 bad = V3TwapFeed.BadWindow.selector;
        _refused(abi.encodeWithSelector(bad, 30 minutes - 1, 30 minutes, 1 days), pool, token[WBTC], 30 minutes - 1);
        _refused(abi.encodeWithSelector(bad, 1 days + 1, 30 minutes, 1 days), pool, token[WBTC], 1 days + 1);
        new V3TwapFeed(pool, token[WBTC], wethInUsd, 1 days, 0, MAX_JUMP);
    }

    function test_jumps() public {
        bytes4 bad = V3TwapFeed.BadJump.selector;
        vm.expectRevert(abi.encodeWithSelector(bad, 0, 1, 5_000));
        new V3TwapFeed(pool, token[WBTC], wethInUsd, WINDOW, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(bad, 5_001, 1, 5_000));
        new V3TwapFeed(pool, token[WBTC], wethInUsd, WINDOW, 0, 5_001);
        new V3TwapFeed(pool, token[WBTC], wethInUsd, WINDOW, 0, 1);
        new V3TwapFeed(pool, token[WBTC], wethInUsd, WINDOW, 0, 5_000);
    }

    function test_token_that_is_not_in_the_pool() public {
        _refused(abi.encodeWithSelector(V3TwapFeed.NotInPool.selector, token[USDC]), pool, token[USDC], WINDOW);
    }

    function test_pool_that_its_factory_does_not_know() public {
        bytes memory notAPool = abi.encodeWithSelector(V3TwapFeed.NotAPool.selector, STRANGER);
        _refused(notAPool, IUniswapV3Pool(STRANGER), token[WBTC], WINDOW);
        // Its code at another address.
        vm.etch(STRANGER, address(pool).code);
        _refused(notAPool, IUniswapV3Pool(STRANGER), token[WBTC], WINDOW);
    }

    function _refused(bytes memory reason, IUniswapV3Pool pool_, address base, uint32 window) private {
        vm.expectRevert(reason);
        new V3TwapFeed(pool_, base, wethInUsd, window, 0, MAX_JUMP);
    }

    function test_what_it_says_of_itself() public view {
        same(twap.decimals(), 18, "decimals");
        same(twap.description(), "Uniswap V3 TWAP in USD", "description");
        same(address(twap.pool()), address(pool), "pool");
        same(twap.pool().factory(), treasury.v3Factory(), "factory");
        same(twap.baseToken(), token[WBTC], "base");
        same(twap.quoteToken(), token[WETH], "quote");
        same(address(AggregatorV3Interface(twap.quoteFeed())), address(wethInUsd), "quote feed");
        same(twap.window(), WINDOW, "window");
        same(twap.minLiquidity(), pool.liquidity() / 2, "least liquidity");
        same(twap.maxJump(), MAX_JUMP, "largest jump");
    }
}
