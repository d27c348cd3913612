// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {FixedPool, OraclePool} from "./support/Pools.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title A batch must bring the fund nearer to its targets, and may lose in proportion to that
contract ProgressTest is World {
    /// @dev Floor, sizes and budgets wide open: progress alone stands in the way. `maxCostBps` is the default, 150.
    function setUp() public override {
        super.setUp();
        _open(150);
    }

    // -------------------------------------------------------------------------------------------- attacks

    /// @dev USDC is over-weight: burning it on a round trip at the floor removes tracking error, and costs more than that.
    function test_round_trip_at_the_floor() public {
        _poolTakes(100);
        ITreasury.Swap[] memory swaps = _roundTrip(20_000e6, 9.9e18);
        uint256 usdcAfter = 350_000e18 - 20_000e18 + 19_602e18;
        uint256 teAfter = _naive(usdcAfter, 300_000e18, 250_000e18, 100_000e18);
        holds(teAfter < 100_000e18, "burning alone counts as nearer");
        uint256 maximum = (100_000e18 - teAfter) * 150 / 10_000;
        holds(maximum < 5e18, "but by next to nothing");
        bytes4 error_ = ITreasury.NoProgress.selector;
        expect(abi.encodeWithSelector(error_, 100_000e18, teAfter, 398e18, maximum), swaps);
        // Not even an owner who allows a cost of all that is removed lets it pass.
        _open(10_000);
        expect(abi.encodeWithSelector(error_, 100_000e18, teAfter, 398e18, 100_000e18 - teAfter), swaps);
    }

    /// @dev The same without a loss moves nothing: equal is not nearer.
    function test_round_trip_for_nothing() public {
        _poolTakes(0);
        expect(
            abi.encodeWithSelector(ITreasury.NoProgress.selector, 100_000e18, 100_000e18, 0, 0),
            _roundTrip(20_000e6, 10e18)
        );
    }

    /// @dev A sale at 3 % below the feed: nearer, at double the cost that is allowed.
    function test_burning_an_over_weight_asset() public {
        _poolTakes(300);
        uint256 teAfter = _naive(330_000e18, 319_400e18, 250_000e18, 100_000e18);
        uint256 maximum = (100_000e18 - teAfter) * 150 / 10_000;
        expect(abi.encodeWithSelector(ITreasury.NoProgress.selector, 100_000e18, teAfter, 600e18, maximum), _sale());
    }

    function test_selling_the_under_weight_asset() public {
        _poolTakes(0);
        uint256 teAfter = _naive(370_000e18, 280_000e18, 250_000e18, 100_000e18);
        expect(
            abi.encodeWithSelector(ITreasury.NoProgress.selector, 100_000e18, teAfter, 0, 0),
            batch(order(V3_POOL, WETH, 10e18))
        );
    }

    /// @dev Beyond the target and out on the other side: as far off as before, or a unit less.
    function test_overshooting() public {
        _poolTakes(0);
        treasury.setTargets(_weights(3000, 3500, 2500, 1000));
        expect(
            abi.encodeWithSelector(ITreasury.NoProgress.selector, 50_000e18, 50_000e18, 0, 0),
            batch(order(V3_POOL, USDC, 100_000e6))
        );
        same(rebalance(batch(order(V3_POOL, USDC, 100_000e6 - 1))).teAfter, 50_000e18 - 1e12, "a unit nearer");
    }

    // -------------------------------------------------------------------------------------------- to the unit

    /// @dev The least that the pool may pay by the naive formula passes, a wei of WETH less is refused.
    function test_cost_at_the_limit_and_one_unit_above() public {
        uint256 short_ = _largestShort(150);
        _poolPays(10e18 - short_ - 1);
        (uint256 teAfter, uint256 loss, uint256 maximum) = _after(short_ + 1, 150);
        expect(abi.encodeWithSelector(ITreasury.NoProgress.selector, 100_000e18, teAfter, loss, maximum), _sale());
        _poolPays(10e18 - short_);
        ITreasury.Outcome memory outcome = rebalance(_sale());
        (teAfter, loss, maximum) = _after(short_, 150);
        same(outcome.loss, loss, "loss");
        same(outcome.teAfter, teAfter, "TE after");
        holds(maximum - loss < 4_000, "no room for another wei of WETH");
    }

    function test_smallest_step() public {
        _poolTakes(0);
        ITreasury.Outcome memory outcome = rebalance(batch(order(V3_POOL, USDC, 1)));
        same(outcome.teBefore - outcome.teAfter, 1e12, "0.000001 USD nearer");
    }

    /// @dev With a limit of 0 only what loses nothing may trade.
    function test_cost_of_zero() public {
        _open(0);
        _poolPays(10e18 - 1);
        (uint256 teAfter,,) = _after(1, 0);
        expect(abi.encodeWithSelector(ITreasury.NoProgress.selector, 100_000e18, teAfter, 2_000, 0), _sale());
        _poolPays(10e18);
        rebalance(_sale());
    }

    /// @dev Each side is measured against the NAV of its own time: with the old one a loss would look like less.
    function test_each_side_with_its_own_nav() public {
        _open(10_000);
        _poolTakes(300);
        ITreasury.Outcome memory outcome = rebalance(_sale());
        same(outcome.navBefore, 1_000_000e18, "NAV before");
        same(outcome.navAfter, 999_400e18, "NAV after");
        same(outcome.teBefore, 100_000e18, "TE before");
        same(outcome.teAfter, _naive(330_000e18, 319_400e18, 250_000e18, 100_000e18), "TE after");
        // |330,000 - 250,000| + |319,400 - 400,000| + 0 + 0, halved, is what the old NAV would give.
        holds(outcome.teAfter != 80_300e18, "not by the old NAV");
        same(treasury.trackingError(), outcome.teAfter, "what the view says");
    }

    // -------------------------------------------------------------------------------------------- everything else

    /// @dev Any size and any payment: the verdict is that of the rule as it is written down.
    function testFuzz_verdict(uint256 amount, uint256 lossBps, uint256 maxCost) public {
        amount = within(amount, 1e6, 340_000e6);
        maxCost = within(maxCost, 0, 10_000);
        _open(uint16(maxCost));
        _poolTakes(within(lossBps, 0, 300));
        ITreasury.Swap[] memory swaps = batch(order(V3_POOL, USDC, amount));
        uint256 got = amount * 5e8 * (10_000 - within(lossBps, 0, 300)) / 10_000;
        uint256 teAfter = _naive(350_000e18 - amount * 1e12, 300_000e18 + got * 2_000, 250_000e18, 100_000e18);
        uint256 loss = (amount * 5e8 - got) * 2_000;
        uint256 removed = teAfter < 100_000e18 ? 100_000e18 - teAfter : 0;
        if (removed != 0 && loss * 10_000 <= removed * maxCost) {
            same(rebalance(swaps).teAfter, teAfter, "TE after");
        } else {
            expect(
                abi.encodeWithSelector(
                    ITreasury.NoProgress.selector, 100_000e18, teAfter, loss, removed * maxCost / 10_000
                ),
                swaps
            );
        }
    }

    /// @dev Uniswap's own pools, default limits but for the size: a fund may always go where it should.
    function testFuzz_honest_batches_pass(uint256 amount, uint8 venue) public {
        treasury.setLimits(_defaults());
        amount = within(amount, 100e6, 40_000e6);
        ITreasury.Outcome memory outcome =
            rebalance(batch(order(uint16(within(venue, V2_PAIR, V3_ROUTER)), USDC, amount)));
        holds(outcome.teAfter < outcome.teBefore, "nearer");
        holds(outcome.loss * 10_000 <= (outcome.teBefore - outcome.teAfter) * 150, "in proportion");
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _open(uint16 maxCost) private {
        ITreasury.Limits memory wide = opened(300, 10_000, 0, 0);
        wide.maxCostBps = maxCost;
        treasury.setLimits(wide);
    }

    function _defaults() private view returns (ITreasury.Limits memory limits_) {
        limits_ = limits(100, 1_000, 10, 900);
        (limits_.lossCapBps, limits_.turnoverCapBps, limits_.maxCostBps) = (5, 2_500, 150);
    }

    /// @dev 20,000 USD of the over-weight asset into the under-weight one, worth 10 WETH.
    function _sale() private view returns (ITreasury.Swap[] memory) {
        return batch(order(V3_POOL, USDC, 20_000e6));
    }

    function _roundTrip(uint256 there, uint256 back) private view returns (ITreasury.Swap[] memory swaps) {
        swaps = new ITreasury.Swap[](2);
        (swaps[0], swaps[1]) = (order(V3_POOL, USDC, there), order(V3_POOL, WETH, back));
    }

    /// @dev The listed pool trades at the feeds' prices, less `bps`.
    function _poolTakes(uint256 bps) private {
        ITreasury.Venue memory venue = treasury.snapshot().venues[V3_POOL];
        (uint256 px0, uint256 px1) = venue.i0 == USDC ? (uint256(1e30), uint256(2_000e18)) : (2_000e18, 1e30);
        vm.etch(venue.target, address(new OraclePool(token[venue.i0], px0, token[venue.i1], px1, bps)).code);
    }

    function _poolPays(uint256 weth) private {
        vm.etch(treasury.snapshot().venues[V3_POOL].target, address(new FixedPool(token[WETH], int256(weth))).code);
    }

    /// @dev What `_sale` would leave when the pool pays `short_` wei of WETH less than 10.
    function _after(uint256 short_, uint256 maxCost)
        private
        pure
        returns (uint256 teAfter, uint256 loss, uint256 maximum)
    {
        loss = short_ * 2_000;
        teAfter = _naive(330_000e18, 320_000e18 - loss, 250_000e18, 100_000e18);
        maximum = (100_000e18 - teAfter) * maxCost / 10_000;
    }

    function _largestShort(uint256 maxCost) private pure returns (uint256 low) {
        uint256 high = 0.3e18;
        while (low < high) {
            uint256 middle = (low + high + 1) / 2;
            (, uint256 loss, uint256 maximum) = _after(middle, maxCost);
            if (loss <= maximum) low = middle;
            else high = middle - 1;
        }
    }

    /// @dev Half the sum of the distances, from values in USD and the weights of the world: 25, 40, 25 and 10 %.
    function _naive(uint256 usdc, uint256 weth, uint256 wbtc, uint256 usdt) private pure returns (uint256) {
        int256 nav = int256(usdc + weth + wbtc + usdt);
        int256[4] memory gaps = [
            int256(usdc) - nav * 2500 / 10_000,
            int256(weth) - nav * 4000 / 10_000,
            int256(wbtc) - nav * 2500 / 10_000,
            int256(usdt) - nav * 1000 / 10_000
        ];
        uint256 sum;
        for (uint256 i; i < 4; ++i) {
            sum += uint256(gaps[i] < 0 ? -gaps[i] : gaps[i]);
        }
        return sum / 2;
    }
}
