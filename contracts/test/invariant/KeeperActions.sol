// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IMintable} from "../support/Uniswap.sol";
import {Ledger} from "./Ledger.sol";
import {vm} from "../support/Vm.sol";

/// @title What keepers do: good batches, random ones and hostile ones, through every kind of venue
abstract contract KeeperActions is Ledger {
    uint256 internal constant EXTRA = 4;
    uint256 internal constant PAIRS = 10;

    /// What has happened, by name; read by the campaign.
    mapping(string what => uint256) public count;
    string[] private names;

    /// A venue that was disabled comes back under another number.
    uint16[PAIRS] internal numberOf = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

    uint256 private _state;
    bool internal feedsBroken;

    function _tally(string memory what) internal {
        if (count[what]++ == 0) names.push(what);
    }

    function counts() external view returns (string[] memory what, uint256[] memory often) {
        (what, often) = (names, new uint256[](names.length));
        for (uint256 i; i < often.length; ++i) {
            often[i] = count[names[i]];
        }
    }

    // -------------------------------------------------------------------------------------------- chance

    function _sow(uint256 seed) internal {
        _state = seed;
    }

    function _roll(uint256 sides) internal returns (uint256) {
        _state = uint256(keccak256(abi.encode(_state)));
        return (_state >> 128) % sides;
    }

    function _between(uint256 low, uint256 high) internal returns (uint256) {
        return low + _roll(high - low + 1);
    }

    /// @dev Small numbers as likely as large ones.
    function _magnitude(uint256 largest) internal returns (uint256) {
        return largest >> _roll(40) * _roll(2);
    }

    // -------------------------------------------------------------------------------------------- time

    /// @dev Feeds that are alive report again.
    function _wait(uint256 seconds_) internal {
        time += seconds_;
        vm.warp(time);
        if (feedsBroken) return;
        for (uint256 i; i < feeds.length; ++i) {
            feeds[i].setAnswer(int256(answerOf(i)));
        }
    }

    function _coolDown() internal {
        uint256 until = lastTime + limitsNow.cooldown;
        if (time < until) _wait(until - time);
    }

    // -------------------------------------------------------------------------------------------- good

    /// @notice Sells what is most over its weight for what is most under it, through any venue, directly or by WETH.
    function keeperGood(uint256 seed) external {
        _sow(seed);
        if (!feedsBroken) restoreAll();
        if (_roll(8) != 0) _coolDown();
        (uint256 sold, uint256 bought, uint256 value) = _plan();
        if (value == 0) return;
        value = value * _between(10, 100) / 100;
        if (_rebalance(_route(sold, bought, amountOf(sold, value)), KEEPER)) _tally("rebalanced, good");
    }

    /// @dev  USD that may go at once: the smaller drift, and what size and budgets allow
    function _plan() private view returns (uint256 sold, uint256 bought, uint256 value) {
        Picture memory p = _holdings();
        uint256 nav = _nav(p);
        int256 most;
        int256 least;
        for (uint256 i; i < tokens.length; ++i) {
            if (!listed[i] || retired[i] || answerOf(i) == 0) continue;
            int256 drift = int256(valueOf(i, p.balances[i])) - int256(nav * targetOf[i] / 1e4);
            if (drift > most) (most, sold) = (drift, i);
            if (drift < least && !stopped[i]) (least, bought) = (drift, i);
        }
        if (most == 0 || least == 0) return (0, 0, 0);
        value = Math.min(uint256(most), uint256(-least));
        value = Math.min(value, nav * limitsNow.perTradeBps / 1e4);
    }

    function _route(uint256 sold, uint256 bought, uint256 amount) internal returns (ITreasury.Swap[] memory swaps) {
        bool direct = sold == WETH || bought == WETH;
        swaps = new ITreasury.Swap[](direct ? 1 : 2);
        swaps[0] = _order(_venueFor(sold == WETH ? bought : sold), sold, amount);
        if (direct) return swaps;
        // Without a price any amount: it will be refused.
        uint256 hop = pxOf(WETH) == 0 ? 1e18 : amountOf(WETH, valueOf(sold, amount)) * 99 / 100;
        swaps[1] = _order(_venueFor(bought), WETH, hop);
    }

    /// @dev Against WETH.
    function _venueFor(uint256 asset) internal returns (uint16) {
        if (asset == WBTC) return WBTC_V3_POOL;
        if (asset == EXTRA) return uint16(WBTC_V3_POOL + 1);
        uint256 kind = _roll(4);
        return uint16((asset == USDC ? V2_PAIR : USDT_V2_PAIR) + kind);
    }

    /// @param venue as `World` numbers it; beyond the last one for a venue that does not exist
    function _order(uint16 venue, uint256 sold, uint256 amount) internal view returns (ITreasury.Swap memory) {
        uint16 number = venue < PAIRS ? numberOf[venue] : 999;
        return ITreasury.Swap(number, poolOf(venue).i0 == sold, uint112(Math.min(amount, type(uint112).max)), 0);
    }

    // -------------------------------------------------------------------------------------------- random

    /// @notice Swaps through any venue, any way round, of any size.
    function keeperRandom(uint256 seed) external {
        _sow(seed);
        if (_roll(4) != 0) _coolDown();
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](_between(0, 4));
        for (uint256 i; i < swaps.length; ++i) {
            uint16 venue = uint16(_roll(PAIRS + 1));
            uint256 sold = _roll(2) == 0 ? poolOf(venue).i0 : poolOf(venue).i1;
            swaps[i] = _order(venue, sold, _magnitude(_someAmount(sold)));
            if (_roll(8) == 0) swaps[i].minOut = uint112(_magnitude(type(uint112).max));
        }
        if (_rebalance(swaps, KEEPER)) _tally("rebalanced, random");
    }

    /// @dev Up to 15 % of NAV.
    function _someAmount(uint256 asset) internal returns (uint256) {
        uint256 px = pxOf(asset);
        return px == 0 ? _roll(1e24) : _nav(_holdings()) * _roll(1500) / 1e4 * 1e18 / px;
    }

    // -------------------------------------------------------------------------------------------- hostile

    /// @notice A stolen key: sandwiches that just pass the floor, one way or round trip, in one trade or many, with or
    ///         without a donation before.
    function keeperHostile(uint256 seed) external {
        _sow(seed);
        if (feedsBroken || _roll(10) == 0) return _attempt();
        restoreAll();
        if (_roll(8) != 0) _coolDown();
        (uint256 sold, uint256 bought, uint256 value) = _plan();
        if (value == 0) return;
        bool gift = _roll(3) == 0;
        Picture memory before = _holdings();
        uint256 navBefore = _nav(before);
        uint256 most = Math.min(_lossLeft() * navBefore / 1e18, _drift(before, navBefore) * limitsNow.maxCostBps / 2e4);
        if (gift) _gift(sold);
        if (_roll(4) != 0) value = Math.min(value, _budgeted(navBefore) * _between(50, 120) / 100);
        ITreasury.Swap[] memory swaps = _hostileBatch(sold, bought, amountOf(sold, value));
        if (swaps.length == 0 || !_rebalance(swaps, KEEPER)) return;
        _tally("rebalanced, hostile");
        if (!gift) return;
        _tally("rebalanced, hostile after a donation");
        // Rounding of values: a unit of each token for each swap.
        uint256 room = swaps.length * 1e15;
        _must(_nav(_holdings()) + most + room >= navBefore, 17, "a donation let the keeper take more than without it");
    }

    /// @dev What the loss budget allows at the floor, so that not every attack is refused.
    function _budgeted(uint256 nav) private view returns (uint256) {
        return _lossLeft() * nav / 1e18 * 1e4 / limitsNow.maxSlipBps;
    }

    function _gift(uint256 asset) private {
        uint256 amount = _magnitude(_someAmount(asset));
        IMintable(tokens[asset]).mint(address(treasury), amount);
        _tally("donations");
    }

    function _hostileBatch(uint256 sold, uint256 bought, uint256 amount)
        private
        returns (ITreasury.Swap[] memory swaps)
    {
        swaps = _route(sold, bought, amount);
        uint16 venue = _logical(swaps[0].venue);
        _sandwich(venue, sold, amount);
        uint256 shape = _roll(4);
        if (shape == 0) {
            // Round trip: back through the same pool.
            (sold, amount) = (swaps.length == 1 ? bought : WETH, amountOf(WETH, valueOf(sold, amount)));
            swaps = _two(swaps[0], _order(venue, sold, type(uint112).max));
        } else if (shape == 1 && swaps.length == 1) {
            swaps[0].amountIn = uint112(amount / 2);
            swaps = _two(swaps[0], swaps[0]);
        }
    }

    function _two(ITreasury.Swap memory a, ITreasury.Swap memory b) private pure returns (ITreasury.Swap[] memory two) {
        two = new ITreasury.Swap[](2);
        (two[0], two[1]) = (a, b);
    }

    function _sandwich(uint16 venue, uint256 sold, uint256 amount) private {
        Pool memory pool = poolOf(venue);
        uint256 bought = pool.i0 == sold ? pool.i1 : pool.i0;
        uint256 least = Math.ceilDiv(valueOf(sold, amount) * (1e4 - limitsNow.maxSlipBps), 1e4);
        frontRun(pool, pool.i0 == sold, amount, Math.ceilDiv(least * 1e18, pxOf(bought)));
    }

    /// @dev Wrong id, past deadline, no key.
    function _attempt() private {
        ITreasury.Swap[] memory swaps = _route(USDC, WETH, 1_000e6);
        uint256 mistake = _roll(3);
        uint64 id = lastId + (mistake == 0 ? uint64(_between(2, 9)) : 1);
        uint64 deadline = uint64(mistake == 1 ? time - 1 : time);
        address caller = mistake == 2 ? STRANGER : KEEPER;
        bytes memory data = abi.encodeCall(ITreasury.rebalance, (swaps, id, deadline, DECISION));
        (bool ok,,,) = _act(Who.Keeper, caller, data, address(0));
        _must(!ok, mistake == 0 ? 8 : 6, "a batch with a wrong id, a past deadline or no key");
        _tally("batches with a wrong id, deadline or key");
    }

    // -------------------------------------------------------------------------------------------- the call

    function _rebalance(ITreasury.Swap[] memory swaps, address by) internal returns (bool ok) {
        uint64 id = lastId + 1;
        bytes memory data = abi.encodeCall(ITreasury.rebalance, (swaps, id, uint64(time), DECISION));
        bytes memory answer;
        (ok, answer,,) = _act(Who.Keeper, by, data, address(0));
        if (!ok) {
            _tally(_nameOf(bytes4(answer)));
            return false;
        }
        for (uint256 i; i < swaps.length; ++i) {
            _tally(_kindOf(_logical(swaps[i].venue)));
        }
    }

    function _logical(uint256 number) internal view returns (uint16 venue) {
        while (numberOf[venue] != number) ++venue;
    }

    function _kindOf(uint256 venue) private pure returns (string memory) {
        if (venue == WBTC_V3_POOL) return "swaps through V3 pools";
        if (venue > WBTC_V3_POOL || venue % 4 == 0) return "swaps through V2 pairs";
        if (venue % 4 == 1) return "swaps through V3 pools";
        return venue % 4 == 2 ? "swaps through the V2 router" : "swaps through the V3 router";
    }

    function _nameOf(bytes4 error_) private pure returns (string memory) {
        if (error_ == ITreasury.LossBudget.selector) return "refused: LossBudget";
        if (error_ == ITreasury.TurnoverBudget.selector) return "refused: TurnoverBudget";
        if (error_ == ITreasury.NoProgress.selector) return "refused: NoProgress";
        if (error_ == ITreasury.Slippage.selector) return "refused: Slippage";
        if (error_ == ITreasury.TradeTooBig.selector) return "refused: TradeTooBig";
        if (error_ == ITreasury.Cooldown.selector) return "refused: Cooldown";
        if (error_ == ITreasury.NoDrift.selector) return "refused: NoDrift";
        if (error_ == ITreasury.NotBuyable.selector) return "refused: NotBuyable";
        if (error_ == ITreasury.BadVenue.selector) return "refused: BadVenue";
        if (error_ == ITreasury.MinOut.selector) return "refused: MinOut";
        if (error_ == ITreasury.StalePrice.selector) return "refused: StalePrice";
        if (error_ == ITreasury.BadPrice.selector) return "refused: BadPrice";
        if (error_ == ITreasury.IsPaused.selector) return "refused: IsPaused";
        if (error_ == ITreasury.NotKeeper.selector) return "refused: NotKeeper";
        if (error_ == ITreasury.EmptyBatch.selector) return "refused: EmptyBatch";
        if (error_ == ITreasury.IsRetired.selector) return "refused: IsRetired";
        return "refused: by a pool or otherwise";
    }
}
