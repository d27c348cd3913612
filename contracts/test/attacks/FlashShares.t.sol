// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {InKind} from "../support/InKind.sol";
import {IMintable} from "../support/Uniswap.sol";
import {TwapPools} from "../support/TwapPools.sol";
import {vm} from "../support/Vm.sol";

/// @title Attacks that make the fund large or small around a batch, within one block
/// @dev   The keeper is the thief, and has every token without end. The pool that he sells through has his own liquidity in
///        it and is tilted so that the fund gets what the floor leaves. The cooldown is 0: nothing but budgets counts.
contract FlashSharesTest is InKind, TwapPools {
    uint256 private constant CAP = 5e14; // 5 bps

    IUniswapV3Pool private pool;
    int24 private rest;

    function setUp() public override {
        super.setUp();
        pool = IUniswapV3Pool(treasury.snapshot().venues[V3_POOL].target);
        (, rest,,,,,) = pool.slot0();
        pool.mint(address(this), -887220, 887220, pool.liquidity() * 1_000_000, "");
        treasury.setTargets(_weights(0, 6500, 2500, 1000));
        treasury.setLimits(limits(100, 1_000, 10, 0));
        // A hundredth of the price, of which the pool's fee is a third.
        move(pool, pool.token0() == token[USDC] ? rest - 68 : rest + 68);
    }

    function now_() internal view override returns (uint256) {
        return time;
    }

    /// @dev However large the fund is while the batch runs: a share loses no more than the cap.
    function testFuzz_minting_before_the_batch(uint256 times, uint256 part) public {
        uint256 before = treasury.sharePrice();
        uint256 shares = treasury.totalSupply() * within(times, 1, 1_000);
        mintShares(KEEPER, KEEPER, shares);
        _takeAll();
        redeemShares(KEEPER, KEEPER, shares - shares / within(part, 2, 1e9), 0);
        _bounded(before, CAP);
        // Nor did the size bring the budget back.
        _refused();
    }

    /// @dev Nor however small it is: whoever holds nearly all of it leaves and comes back.
    function testFuzz_redeeming_before_the_batch(uint256 kept) public {
        uint256 shares = treasury.totalSupply() - 1e6;
        shares -= within(kept, 1e15, shares / 2);
        redeemShares(address(this), KEEPER, shares, 0);
        uint256 before = treasury.sharePrice();
        _takeAll();
        mintShares(KEEPER, KEEPER, shares);
        _bounded(before, CAP);
        _refused();
    }

    /// @dev Minted, sold, redeemed, and again, ten times in one block: what is left of the budget is a part of any NAV.
    function test_in_and_out_between_batches() public {
        uint256 before = treasury.sharePrice();
        for (uint256 i; i < 10; ++i) {
            uint256 shares = treasury.totalSupply() * (i + 1);
            mintShares(KEEPER, KEEPER, shares);
            _take(treasury.budgets().loss / 3);
            redeemShares(KEEPER, KEEPER, shares, 0);
        }
        _takeAll();
        _bounded(before, CAP);
        pass(1 days);
        _takeAll();
        _bounded(before, 2 * CAP);
    }

    /// @dev A gift makes the tracking error that a batch may then remove: it is larger than the loss that it opens.
    function testFuzz_donation_makes_room(uint256 gift) public {
        treasury.setTargets(_weights(3500, 3000, 2500, 1000));
        expect(abi.encodeWithSelector(ITreasury.NoDrift.selector, 0, 1_000e18), honest());
        gift = within(gift, 2_000e6, 500_000e6);
        uint256 before = treasury.nav();
        IMintable(token[USDC]).mint(address(treasury), gift);
        // As much as WETH is short of then.
        uint256 room = gift * 1e12 * 30 / 100;
        _take(Math.min(treasury.budgets().loss, room / 100 * 1e18 / treasury.nav()));
        holds(treasury.nav() > before, "the holders have gained");
    }

    /// @dev Shares are worth their portion of what is there: who mints, gives, trades and redeems has no more than before.
    function testFuzz_thief_is_also_a_holder(uint256 times, uint256 gift) public {
        uint256 shares = treasury.totalSupply() * within(times, 1, 1_000);
        uint256 theirs = treasury.nav();
        uint256[] memory given = mintShares(KEEPER, KEEPER, shares);
        uint256 spent = _value(given);
        gift = within(gift, 0, 1_000_000e6);
        IMintable(token[USDT]).mint(address(treasury), gift);
        uint256 inside = treasury.nav();
        _takeAll();
        uint256 taken = inside - treasury.nav();
        uint256[] memory before = balances(KEEPER);
        redeemShares(KEEPER, KEEPER, shares, 0);
        uint256[] memory after_ = balances(KEEPER);
        for (uint256 i; i < after_.length; ++i) {
            after_[i] -= before[i];
        }
        // What the pool took is his: with all of it he has at most what the cap takes from the others.
        uint256 back = _value(after_) + taken;
        holds(back <= spent + gift * 1e12 + theirs * CAP / 1e18, "no more than the cap");
        holds(treasury.nav() >= theirs - theirs * CAP / 1e18, "the others have the rest");
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _takeAll() private {
        _take(treasury.budgets().loss);
    }

    /// @param loss of NAV, 1e18 is all of it: sells as much USDC as loses that
    function _take(uint256 loss) private {
        uint256 amount = loss * treasury.nav() / 1e28 * 9_990 / 9_999;
        ITreasury.Outcome memory outcome = rebalance(batch(order(V3_POOL, USDC, amount)));
        holds(outcome.loss > outcome.turnover * 95 / 10_000, "at the floor");
    }

    function _refused() private {
        uint64 id = treasury.snapshot().lastId + 1;
        ITreasury.Swap[] memory swaps = batch(order(V3_POOL, USDC, treasury.nav() / 1e12 / 500));
        vm.expectPartialRevert(ITreasury.LossBudget.selector);
        vm.prank(KEEPER);
        treasury.rebalance(swaps, id, uint64(time), DECISION);
    }

    function _bounded(uint256 before, uint256 most_) private view {
        uint256 now__ = treasury.sharePrice();
        holds(before - now__ <= before * most_ / 1e18 + 1, "a share lost no more than the cap");
        holds(before - now__ >= before * most_ / 1e18 * 9 / 10, "and the attack took nearly all of it");
    }

    function _value(uint256[] memory amounts) private pure returns (uint256) {
        return amounts[USDC] * 1e12 + amounts[WETH] * 2_000 + amounts[WBTC] * 40_000e10 + amounts[USDT] * 1e12;
    }
}
