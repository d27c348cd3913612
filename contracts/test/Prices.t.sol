// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {AggregatorV3Interface} from "../src/interfaces/IAggregatorV3.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Bps} from "../src/libraries/Bps.sol";
import {Holding, Portfolio} from "../src/libraries/Portfolio.sol";
import {Pricing} from "../src/libraries/Pricing.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title What a price must be before anything is valued with it, and the arithmetic of value
contract PricesTest is World {
    // -------------------------------------------------------------------------------------------- bounds

    function test_answer_of_zero_or_less() public {
        _badPrice(0);
        _badPrice(-1);
        _badPrice(type(int256).min);
    }

    function test_answer_below_our_minimum() public {
        feed[WETH].setAnswer(200e8);
        treasury.nav();
        _badPrice(200e8 - 1);
    }

    function test_answer_above_our_maximum() public {
        feed[WETH].setAnswer(20_000e8);
        treasury.nav();
        _badPrice(20_000e8 + 1);
        _badPrice(type(int256).max);
    }

    /// @dev An asset that the batch does not touch still counts: NAV would be wrong without it.
    function test_bad_price_of_an_untouched_asset() public {
        feed[WBTC].setAnswer(1);
        expect(abi.encodeWithSelector(ITreasury.BadPrice.selector, token[WBTC], 1), honest());
    }

    // -------------------------------------------------------------------------------------------- age

    function test_answer_at_the_age_limit_and_a_second_older() public {
        feed[WETH].setAnswerAt(2_000e8, time - 1 hours);
        uint256 state = vm.snapshotState();
        rebalance(honest());
        vm.revertToState(state);
        _stalePrice(time - 1 hours - 1);
    }

    function test_answer_from_the_future() public {
        feed[WETH].setAnswerAt(2_000e8, time);
        treasury.nav();
        _stalePrice(time + 1);
    }

    /// @dev A young chain's clock may be smaller than the age limit.
    function test_age_limit_longer_than_the_chain_is_old() public {
        vm.warp(10);
        for (uint256 i; i < 4; ++i) {
            (, int256 answer,,,) = feed[i].latestRoundData();
            feed[i].setAnswer(answer);
        }
        same(treasury.nav(), 1_000_000e18, "NAV");
    }

    /// @dev A feed's own error is passed on.
    function test_dead_feed() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[WETH];
        asset.feed = address(new DevFeed("never answered", 8));
        treasury.setAsset(WETH, asset);
        expect(abi.encodeWithSelector(DevFeed.NoData.selector), honest());
    }

    function _badPrice(int256 answer) private {
        feed[WETH].setAnswer(answer);
        expect(abi.encodeWithSelector(ITreasury.BadPrice.selector, token[WETH], answer), honest());
    }

    function _stalePrice(uint256 updatedAt) private {
        feed[WETH].setAnswerAt(2_000e8, updatedAt);
        expect(abi.encodeWithSelector(ITreasury.StalePrice.selector, token[WETH], updatedAt, time - 1 hours), honest());
    }

    // -------------------------------------------------------------------------------------------- arithmetic

    function test_nav_of_decimals_six_eight_eighteen() public view {
        same(treasury.nav(), 1_000_000e18, "NAV");
        same(treasury.trackingError(), 100_000e18, "tracking error");
    }

    /// @dev `amount / 10^tokenDecimals * answer / 10^feedDecimals`, in 18 decimals, without the detour over `px`.
    function testFuzz_value(uint112 amount, uint128 answer, uint8 tokenDecimals, uint8 feedDecimals) public pure {
        tokenDecimals = uint8(within(tokenDecimals, 0, 18));
        feedDecimals = uint8(within(feedDecimals, 0, 18));
        answer = uint128(within(answer, 1, 1e9 * 10 ** feedDecimals));
        amount = uint112(within(amount, 0, Math.min(type(uint112).max, 1e12 * 10 ** tokenDecimals)));
        uint256 px = Pricing.scale(answer, feedDecimals, tokenDecimals);
        uint256 expected = Math.mulDiv(uint256(amount) * answer, 1e18, 10 ** (uint256(tokenDecimals) + feedDecimals));
        same(Pricing.value(amount, px), expected, "value");
    }

    function testFuzz_bps_round_apart_by_at_most_one(uint128 amount, uint16 bps) public pure {
        bps = uint16(within(bps, 0, 10_000));
        (uint256 low, uint256 high) = (Bps.floor(amount, bps), Bps.ceil(amount, bps));
        uint256 exact = uint256(amount) * bps;
        holds(low * 10_000 <= exact && exact - low * 10_000 < 10_000, "floor");
        holds(high * 10_000 >= exact && high * 10_000 - exact < 10_000, "ceil");
    }

    /// @dev Against the naive double loop over signed differences, and within NAV, as a distance of weights must be.
    function testFuzz_tracking_error(uint96[5] memory balances, uint64[5] memory prices, uint16[4] memory cuts)
        public
        pure
    {
        Holding[] memory holdings = new Holding[](5);
        uint256 left = 10_000;
        for (uint256 i; i < 5; ++i) {
            uint256 weight = i < 4 ? within(cuts[i], 0, left) : left;
            left -= weight;
            holdings[i] = Holding(address(0), uint256(prices[i]) * 1e10, balances[i], weight, true, false);
        }
        uint256 nav = Portfolio.nav(holdings);
        (uint256 over, uint256 under, uint256 sum) = (0, 0, 0);
        for (uint256 i; i < 5; ++i) {
            uint256 value = uint256(balances[i]) * (uint256(prices[i]) * 1e10) / 1e18;
            int256 gap = int256(value) - int256(nav * holdings[i].targetBps / 10_000);
            if (gap > 0) over += uint256(gap);
            else under += uint256(-gap);
            sum += value;
        }
        same(nav, sum, "NAV");
        uint256 te = Portfolio.trackingError(holdings, nav);
        same(te, (over + under) / 2, "tracking error");
        // Over- and under-weights cancel but for the five floors of the targets.
        holds(over >= under && over - under < 5, "what one asset has too much others have too little");
        holds(te <= nav, "at most all of it is misplaced");
    }
}
