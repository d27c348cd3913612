// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Market} from "../support/Market.sol";
import {vm} from "../support/Vm.sol";

/// @title A stolen keeper's key and a purse without end: sandwiches every swap so that it just passes the floor
/// @dev   Between blocks arbitrage brings the pools back to the feeds' prices. Feeds are right all the time, so that the
///        fund's value at their prices is its real value.
abstract contract Attacker is Market {
    /// @param progress false: the owner sets targets to wherever the batch goes, which makes anything progress
    struct Guards {
        string name;
        bool cooldown;
        bool perTrade;
        bool progress;
        bool loss;
        bool turnover;
        bool drift;
    }

    /// @param lost     of NAV, 1e18 is all of it: the fund's real value
    /// @param valued   sum of the batches' `loss`, of the NAV at the beginning
    /// @param gained   by the attacker, of the NAV at the beginning
    /// @param batches  that went through
    /// @param refused  that did not
    struct Result {
        uint256 lost;
        uint256 valued;
        int256 gained;
        uint256 batches;
        uint256 refused;
    }

    uint256 private constant OFF = 65_535;

    // The batch being prepared, and what its front runs bought.
    ITreasury.Swap[] internal planned;
    uint256[] private toSell;
    uint256 internal lossOfBatch;
    bytes internal refusal;

    // -------------------------------------------------------------------------------------------- guards

    /// @dev Writes the limits into the treasury's storage: `setLimits` would not open them this far.
    function _guard(Guards memory g) internal {
        ITreasury.Limits memory l = treasury.snapshot().limits;
        uint256 slot;
        while (uint256(vm.load(address(treasury), bytes32(slot))) != _packed(l)) ++slot;
        if (!g.cooldown) l.cooldown = 0;
        if (!g.perTrade) l.perTradeBps = uint16(OFF);
        if (!g.progress) l.maxCostBps = uint16(OFF);
        if (!g.turnover) l.turnoverCapBps = uint16(OFF);
        if (!g.drift) l.minDriftBps = 0;
        // Six and a half times the NAV, full again within a second.
        if (!g.loss) (l.lossCapBps, l.window) = (uint16(OFF), 1);
        vm.store(address(treasury), bytes32(slot), bytes32(_packed(l)));
        holds(keccak256(abi.encode(treasury.snapshot().limits)) == keccak256(abi.encode(l)), "limits as written");
    }

    function _packed(ITreasury.Limits memory l) private pure returns (uint256) {
        return uint256(l.maxSlipBps) | uint256(l.lossCapBps) << 16 | uint256(l.turnoverCapBps) << 32
            | uint256(l.perTradeBps) << 48 | uint256(l.maxCostBps) << 64 | uint256(l.minDriftBps) << 80
            | uint256(l.maxWeightBps) << 96 | uint256(l.shiftCapBps) << 112 | uint256(l.cooldown) << 128
            | uint256(l.window) << 160;
    }

    // -------------------------------------------------------------------------------------------- the fund

    /// @notice The fund's value by balances and feeds.
    function worth() internal view returns (uint256 value) {
        for (uint8 i; i < 4; ++i) {
            value += valueOf(i, held(i));
        }
    }

    function drift(uint8 asset) internal view returns (int256) {
        uint256 target = worth() * treasury.snapshot().assets[asset].targetBps / 1e4;
        return int256(valueOf(asset, held(asset))) - int256(target);
    }

    // -------------------------------------------------------------------------------------------- one swap

    /// @notice The largest sale whose price impact and fee alone pass the floor: `x = r (f / (1 - s) - 1) / f`.
    function _room(uint16 venue, uint8 sold) internal view returns (uint256) {
        Pool memory pool = poolOf(venue);
        (uint256 rIn,) = reserves(pool, pool.i0 == sold);
        (uint256 f, uint256 least) = (PIPS - pool.feePips, PIPS - treasury.snapshot().limits.maxSlipBps * 100);
        return f <= least ? 0 : rIn * (f - least) / least * PIPS / f * 9_999 / 10_000;
    }

    /// @notice Plans to sell up to `amount`, as much as venue and holding allow, and front-runs it down to the floor.
    /// @return least value that it will bring
    function _plan(uint16 venue, uint8 sold, uint256 amount) internal returns (uint256 least) {
        Pool memory pool = poolOf(venue);
        amount = Math.min(amount, _room(venue, sold));
        if (amount == 0) return 0;
        uint8 bought = pool.i0 == sold ? pool.i1 : pool.i0;
        uint256 slip = treasury.snapshot().limits.maxSlipBps;
        least = Math.ceilDiv(valueOf(sold, amount) * (1e4 - slip), 1e4);
        uint256 front = frontRun(pool, pool.i0 == sold, amount, Math.ceilDiv(least * 1e18, pxOf(bought)));
        _planned(venue, pool.i0 == sold, amount, front);
    }

    /// @param front what a front run has bought, to be sold after the batch
    function _planned(uint16 venue, bool zeroForOne, uint256 amount, uint256 front) internal {
        toSell.push(front);
        planned.push(ITreasury.Swap(venue, zeroForOne, uint112(amount), 0));
    }

    /// @notice Runs what was planned, sells what the front runs bought, lets arbitrage do the rest.
    function _strike() internal returns (bool ok) {
        uint64 id = treasury.snapshot().lastId + 1;
        vm.prank(KEEPER);
        try treasury.rebalance(planned, id, uint64(time), DECISION) returns (ITreasury.Outcome memory outcome) {
            (ok, lossOfBatch) = (true, outcome.loss);
        } catch (bytes memory why) {
            refusal = why;
        }
        for (uint256 i = planned.length; i > 0; --i) {
            trade(poolOf(planned[i - 1].venue), !planned[i - 1].zeroForOne, toSell[i - 1]);
        }
        delete planned;
        delete toSell;
        int256 gained = gain;
        restoreAll();
        gain = gained;
    }

    // -------------------------------------------------------------------------------------------- batches

    /// @notice Where nothing asks for progress: everything into WETH, then everything out of it, through every pool.
    function _everything(bool intoWeth) internal returns (bool) {
        // Targets follow the batch: any of it is progress.
        treasury.setTargets(intoWeth ? _weights(0, 10_000, 0, 0) : _weights(10_000, 0, 0, 0));
        uint256 largest = worth() * treasury.snapshot().limits.perTradeBps / 1e4;
        uint16[5] memory venues = [V2_PAIR, V3_POOL, USDT_V2_PAIR, USDT_V3_POOL, WBTC_V3_POOL];
        uint256 rest = held(WETH);
        for (uint256 i; i < 5; ++i) {
            uint8 other = i < 2 ? USDC : i < 4 ? USDT : WBTC;
            uint8 sold = intoWeth ? other : WETH;
            uint256 most = intoWeth ? held(other) / (i < 4 ? 2 : 1) : rest;
            most = Math.min(Math.min(most, amountOf(sold, largest)), _room(venues[i], sold));
            if (!intoWeth) rest -= most;
            _plan(venues[i], sold, most);
        }
        return planned.length != 0 && _strike();
    }

    /// @notice Where progress is asked for: from the over-weight to the under-weight one of USDC and WETH, as much as
    ///         drift, size and budgets allow, and a round trip through USDT that loses what progress still pays for.
    /// @param hopBps of the sale that makes the round trip; at 2,400 the batch costs 148 bps of the tracking error removed
    function _progress(uint256 hopBps) internal returns (bool) {
        int256 over = drift(USDC);
        (uint8 sold, uint8 bought) = over > 0 ? (USDC, WETH) : (WETH, USDC);
        uint256 value = Math.min(_abs(over), _abs(drift(bought)));
        ITreasury.Snapshot memory s = treasury.snapshot();
        value = Math.min(value, worth() * s.limits.perTradeBps / 1e4);
        uint256 cost = uint256(s.limits.maxSlipBps) * (1e4 + 2 * hopBps) / 1e4;
        value = Math.min(value, s.budgets.loss * worth() / 1e18 * 1e4 / cost);
        value = Math.min(value, s.budgets.turnover * worth() / 1e18 * 1e4 / (1e4 + 2 * hopBps));
        // Through the pair and the pool, half each.
        for (uint16 venue = V2_PAIR; venue <= V3_POOL; ++venue) {
            _plan(venue, sold, amountOf(sold, value / 2 - value / 1e9));
        }
        if (hopBps != 0) {
            uint256 least = _plan(USDT_V2_PAIR, WETH, amountOf(WETH, value * hopBps / 1e4));
            _plan(USDT_V3_POOL, USDT, amountOf(USDT, least));
        }
        return planned.length != 0 && _strike();
    }

    function _abs(int256 x) private pure returns (uint256) {
        return uint256(x < 0 ? -x : x);
    }
}
