// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {FixedPool} from "./support/Pools.sol";
import {IMintable} from "./support/Uniswap.sol";
import {InKind} from "./support/InKind.sol";
import {vm} from "./support/Vm.sol";

/// @title What may be lost and turned over within a window, to the unit
/// @dev   NAV is 2,000,000 USD, all of it is wanted in WETH: whatever buys WETH is progress, and only the buckets stand
///        in the way.
contract BudgetsTest is InKind {
    uint256 private constant NAV = 2_000_000e18;
    uint256 private constant LOSS = 5e14; // 5 bps
    uint256 private constant TURNOVER = 25e16; // 2,500 bps
    uint256 private constant WINDOW = 1 days;

    function setUp() public override {
        super.setUp();
        IMintable(token[USDC]).mint(address(treasury), 1_000_000e6);
        treasury.setTargets(_weights(0, 10_000, 0, 0));
        _open(5, 2_500, 1 days);
    }

    // -------------------------------------------------------------------------------------------- to the unit

    function test_buckets_start_full() public view {
        _left(LOSS, TURNOVER);
    }

    function test_turnover_at_the_budget_and_one_unit_above() public {
        _pays(500_000e6 + 1, 0);
        expect(
            abi.encodeWithSelector(ITreasury.TurnoverBudget.selector, TURNOVER + 5e5, TURNOVER), _sale(500_000e6 + 1)
        );
        _sell(500_000e6, 0);
        _left(LOSS, 0);
    }

    /// @dev 1,000 USD are 5 bps; a wei of WETH less is 2,000 more, of which NAV makes one unit of the bucket.
    function test_loss_at_the_budget_and_one_unit_above() public {
        _pays(50_000e6, 0.5e18 + 1);
        expect(abi.encodeWithSelector(ITreasury.LossBudget.selector, LOSS + 1, LOSS), _sale(50_000e6));
        _sell(50_000e6, 0.5e18);
        _left(0, TURNOVER - 25e15);
    }

    /// @dev With nothing left to lose, what loses nothing can still be sold.
    function test_buckets_are_apart() public {
        _sell(50_000e6, 0);
        _sell(50_000e6, 0.5e18);
        _left(0, TURNOVER - 5e16);
        _pays(50_000e6, 1);
        expect(abi.encodeWithSelector(ITreasury.LossBudget.selector, 1, 0), _sale(50_000e6));
        _sell(50_000e6, 0);
    }

    /// @dev What `budgets` says after any use and wait is what the next batch can spend: all of it, not a unit more.
    function testFuzz_turnover_left_can_be_spent(uint256 first, uint256 wait) public {
        _sell(within(first, 1, 500_000e6), 0);
        pass(within(wait, 0, 2 days));
        uint256 left = treasury.budgets().turnover;
        uint256 most_ = left * NAV / 1e30;
        uint256 wanted = ((most_ + 1) * 1e30 + NAV - 1) / NAV;
        _pays(most_ + 1, 0);
        expect(abi.encodeWithSelector(ITreasury.TurnoverBudget.selector, wanted, left), _sale(most_ + 1));
        if (most_ == 0) return;
        _sell(most_, 0);
        same(treasury.budgets().turnover, left - (most_ * 1e30 + NAV - 1) / NAV, "what was spent is gone");
    }

    function testFuzz_loss_left_can_be_spent(uint256 first, uint256 wait) public {
        _sell(50_000e6, within(first, 0, 0.5e18));
        pass(within(wait, 0, 2 days));
        uint256 left = treasury.budgets().loss;
        uint256 nav = treasury.nav();
        uint256 short_ = left * nav / 1e18 / 2_000;
        uint256 wanted = ((short_ + 1) * 2_000e18 + nav - 1) / nav;
        _pays(50_000e6, short_ + 1);
        expect(abi.encodeWithSelector(ITreasury.LossBudget.selector, wanted, left), _sale(50_000e6));
        _sell(50_000e6, short_);
        same(treasury.budgets().loss, left - (short_ * 2_000e18 + nav - 1) / nav, "what was spent is gone");
    }

    // -------------------------------------------------------------------------------------------- refill

    function test_refill_is_linear_and_ends_at_the_cap() public {
        _sell(500_000e6, 5e17);
        _left(0, 0);
        uint256[7] memory waits = [uint256(1), 2, 3_600, 43_200, 86_399, 86_400, 200_000];
        for (uint256 i; i < waits.length; ++i) {
            uint256 state = vm.snapshotState();
            vm.warp(time + waits[i]);
            uint256 filled = waits[i] < WINDOW ? waits[i] : WINDOW;
            _left(LOSS * filled / WINDOW, TURNOVER * filled / WINDOW);
            vm.revertToState(state);
        }
    }

    /// @dev A sequence of sales and waits against exact fractions: numerators over `WINDOW * NAV`, no rounding at all.
    ///      The contract never allows more than they do, and less by no more than two units per sale.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_refill_rounds_against_the_keeper(uint32[8] memory waits, uint64[8] memory sales) public {
        uint256 one = WINDOW * NAV;
        uint256 used;
        for (uint256 i; i < waits.length; ++i) {
            uint256 wait = within(waits[i], 0, 8 hours);
            pass(wait);
            uint256 refilled = TURNOVER * wait * NAV;
            used = used > refilled ? used - refilled : 0;
            uint256 exact = TURNOVER * one - used;
            uint256 left = treasury.budgets().turnover;
            holds(left * one <= exact, "never more than was refilled");
            holds(exact - left * one <= 2 * i * one, "less by the roundings alone");
            uint256 amount = within(sales[i], 0, left * NAV / 1e30);
            // The fund may have no more.
            amount = amount < held(USDC) ? amount : held(USDC);
            if (amount == 0) continue;
            _sell(amount, 0);
            used += amount * 1e30 * WINDOW;
        }
    }

    // -------------------------------------------------------------------------------------------- who moves them

    function test_mint_and_redeem_leave_the_budgets() public {
        _sell(250_000e6, 0.25e18);
        _left(LOSS / 2, TURNOVER / 2);
        mintShares(ALICE, ALICE, 5_000e18);
        _left(LOSS / 2, TURNOVER / 2);
        redeemShares(ALICE, ALICE, 5_000e18, 0);
        redeemShares(address(this), BOB, 5_000e18, 0);
        _left(LOSS / 2, TURNOVER / 2);
        // They are fractions of NAV: of half the fund as many USD are half of what they were.
        uint256 most_ = TURNOVER / 2 * treasury.nav() / 1e30;
        holds(most_ < 125_000e6, "half of 250,000 USD, less the loss");
        _pays(most_ + 1, 0);
        uint64 id = treasury.snapshot().lastId + 1;
        ITreasury.Swap[] memory swaps = _sale(most_ + 1);
        vm.expectPartialRevert(ITreasury.TurnoverBudget.selector);
        vm.prank(KEEPER);
        treasury.rebalance(swaps, id, uint64(time), DECISION);
        _sell(most_, 0);
    }

    function test_snapshot_tells_the_same() public {
        _sell(100_000e6, 0.1e18);
        pass(1 hours);
        holds(
            keccak256(abi.encode(treasury.snapshot().budgets)) == keccak256(abi.encode(treasury.budgets())), "the same"
        );
    }

    /// @dev What is refused spends nothing.
    function test_refused_batch_spends_nothing() public {
        _pays(500_000e6, 0.5e18 + 1);
        expect(abi.encodeWithSelector(ITreasury.LossBudget.selector, LOSS + 1, LOSS), _sale(500_000e6));
        _left(LOSS, TURNOVER);
    }

    // -------------------------------------------------------------------------------------------- new limits

    function test_opening_keeps_what_was_used() public {
        _sell(100_000e6, 0.1e18);
        (uint256 loss, uint256 turnover) = (LOSS / 5, 5e16);
        _open(200, 20_000, 1 days);
        _left(2e16 - loss, 2e18 - turnover);
        _open(5, 2_500, 1 days);
        _left(LOSS - loss, TURNOVER - turnover);
    }

    /// @dev Opened for a first allocation and closed again: empty, not in debt for weeks.
    function test_closing_leaves_empty_buckets_and_no_debt() public {
        _open(200, 20_000, 1 days);
        _sell(1_000_000e6, 10e18);
        _open(5, 2_500, 1 days);
        _left(0, 0);
        pass(WINDOW / 2);
        _left(LOSS / 2, TURNOVER / 2);
        pass(WINDOW / 2);
        _left(LOSS, TURNOVER);
    }

    /// @dev What passed before counts by the old window, what comes after by the new one.
    function test_new_window_counts_from_now() public {
        _sell(500_000e6, 0.5e18);
        pass(6 hours);
        _left(LOSS / 4, TURNOVER / 4);
        _open(5, 2_500, 1 hours);
        _left(LOSS / 4, TURNOVER / 4);
        pass(15 minutes);
        _left(LOSS / 2, TURNOVER / 2);
        pass(30 minutes);
        _left(LOSS, TURNOVER);
    }

    function test_caps_of_zero() public {
        _open(0, 0, 1 days);
        _left(0, 0);
        _pays(1e6, 0);
        expect(abi.encodeWithSelector(ITreasury.TurnoverBudget.selector, 5e11, 0), _sale(1e6));
    }

    // -------------------------------------------------------------------------------------------- helpers

    /// @dev The listed pool pays `short_` wei of WETH less than its feed's worth of `amount` USDC.
    function _pays(uint256 amount, uint256 short_) private {
        address pool = treasury.snapshot().venues[V3_POOL].target;
        vm.etch(pool, address(new FixedPool(token[WETH], int256(amount * 5e8 - short_))).code);
    }

    function _sale(uint256 amount) private view returns (ITreasury.Swap[] memory) {
        return batch(order(V3_POOL, USDC, amount));
    }

    function _sell(uint256 amount, uint256 short_) private {
        _pays(amount, short_);
        rebalance(_sale(amount));
    }

    /// @dev Everything wide open but the two buckets.
    function _open(uint16 lossCap, uint16 turnoverCap, uint32 window) private {
        ITreasury.Limits memory wide = opened(300, 10_000, 0, 0);
        (wide.lossCapBps, wide.turnoverCapBps, wide.window) = (lossCap, turnoverCap, window);
        treasury.setLimits(wide);
    }

    function _left(uint256 loss, uint256 turnover) private view {
        ITreasury.Budgets memory left = treasury.budgets();
        same(left.loss, loss, "loss left");
        same(left.turnover, turnover, "turnover left");
        same(left.shift, 25e16, "the weigher's is another's");
    }
}
