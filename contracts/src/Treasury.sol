// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Registry} from "./base/Registry.sol";
import {Shares} from "./base/Shares.sol";
import {V3Payer} from "./base/V3Payer.sol";
import {ITreasury} from "./interfaces/ITreasury.sol";
import {Book} from "./libraries/Book.sol";
import {Bps} from "./libraries/Bps.sol";
import {Holding, Portfolio} from "./libraries/Portfolio.sol";
import {Pricing} from "./libraries/Pricing.sol";
import {Sequencer} from "./libraries/Sequencer.sol";
import {Swapping} from "./libraries/Swapping.sol";

/// @title  The treasury of an index fund: holds its tokens, is its share token, lets a keeper swap within bounds
/// @dev    Not upgradeable. Read `rebalance` first; each of its guards is a function below it, those of the budgets are
///         in `Spending`. `Roles` says who may do what, `Registry` what is listed, `Shares` what a share is worth in
///         kind, `V3Payer` how a V3 pool is paid.
contract Treasury is Shares, V3Payer {
    using Portfolio for Holding[];

    /// @inheritdoc ITreasury
    /// @dev The zero address on chains that have no sequencer.
    address public immutable override sequencerFeed;

    /// @param v2Factory      Uniswap V2 factory whose pairs may be listed, or zero
    /// @param v3Factory      Uniswap V3 factory whose pools may be listed, or zero
    /// @param sequencerFeed_ uptime feed of the rollup's sequencer, or zero
    constructor(
        string memory name,
        string memory symbol,
        address owner,
        address v2Factory,
        address v3Factory,
        address sequencerFeed_
    ) ERC20(name, symbol) Ownable(owner) Registry(v2Factory, v3Factory) {
        sequencerFeed = sequencerFeed_;
    }

    // -------------------------------------------------------------------------------------------- rebalance

    /// @inheritdoc ITreasury
    function rebalance(Swap[] calldata swaps, uint64 id, uint64 deadline, bytes32 decision)
        external
        nonReentrant
        returns (Outcome memory outcome)
    {
        _requireKeeper();
        _requireNotPaused();
        _requireInTime(deadline);
        _requireNextId(id);
        _requireCooledDown();
        _requireSwaps(swaps);

        Holding[] memory holdings = _holdings();
        outcome.navBefore = holdings.nav();
        outcome.teBefore = holdings.trackingError(outcome.navBefore);
        _requireDrift(outcome, holdings, swaps);

        for (uint256 i; i < swaps.length; ++i) {
            _swap(swaps[i], id, holdings, outcome);
        }

        outcome.navAfter = holdings.nav();
        outcome.teAfter = holdings.trackingError(outcome.navAfter);
        _requireProgress(outcome);
        _spend(id, outcome);
        emit Rebalanced(
            id,
            msg.sender,
            decision,
            outcome.navBefore,
            outcome.navAfter,
            outcome.turnover,
            outcome.loss,
            outcome.teBefore,
            outcome.teAfter
        );
    }

    /// @dev Updates the two holdings, adds to `outcome.turnover` and `outcome.loss`.
    function _swap(Swap calldata order, uint64 id, Holding[] memory holdings, Outcome memory outcome) private {
        Venue memory venue = _requireVenue(order.venue);
        (Holding memory sold, Holding memory bought) = _sides(order, venue, holdings);
        _requireLive(sold);
        _requireBuyable(bought);
        uint256 amountIn = Math.min(order.amountIn, sold.balance);
        uint256 valueIn = Pricing.value(amountIn, sold.px);
        _requireSize(order.venue, valueIn, outcome.navBefore);

        uint256 amountOut = _execute(venue, order.zeroForOne, sold.token, bought.token, amountIn);

        _settle(sold, bought, amountIn, amountOut);
        _requireMinOut(order, amountOut);
        uint256 valueOut = Pricing.value(amountOut, bought.px);
        _requireNoSlippage(order.venue, valueIn, valueOut);
        outcome.turnover += valueIn;
        outcome.loss += Math.saturatingSub(valueIn, valueOut);
        emit SwapExecuted(id, order.venue, sold.token, bought.token, amountIn, amountOut, valueIn, valueOut);
    }

    /// @return what the venue computed as output
    function _execute(Venue memory venue, bool zeroForOne, address tokenIn, address tokenOut, uint256 amountIn)
        private
        returns (uint256)
    {
        IERC20 paid = IERC20(tokenIn);
        if (venue.kind == Kind.V2Pair) {
            return Swapping.throughV2Pair(venue.target, paid, zeroForOne, amountIn, venue.feePips);
        }
        if (venue.kind == Kind.V3Pool) return _throughV3Pool(venue.target, paid, zeroForOne, amountIn);
        if (venue.kind == Kind.V2Router) return Swapping.throughV2Router(venue.target, paid, tokenOut, amountIn);
        return Swapping.throughV3Router(venue.target, paid, tokenOut, amountIn, venue.feePips);
    }

    /// @notice Exactly what was meant has moved, measured on both balances; the holdings are brought up to date.
    function _settle(Holding memory sold, Holding memory bought, uint256 spent, uint256 got) private view {
        uint256 soldBalance = IERC20(sold.token).balanceOf(address(this));
        uint256 moved = Math.saturatingSub(sold.balance, soldBalance);
        if (moved != spent) revert InexactTransfer(sold.token, moved, spent);
        uint256 boughtBalance = IERC20(bought.token).balanceOf(address(this));
        moved = Math.saturatingSub(boughtBalance, bought.balance);
        if (moved != got) revert InexactTransfer(bought.token, moved, got);
        (sold.balance, bought.balance) = (soldBalance, boughtBalance);
    }

    function _sides(Swap calldata order, Venue memory venue, Holding[] memory holdings)
        private
        pure
        returns (Holding memory sold, Holding memory bought)
    {
        (sold, bought) =
            order.zeroForOne ? (holdings[venue.i0], holdings[venue.i1]) : (holdings[venue.i1], holdings[venue.i0]);
    }

    // -------------------------------------------------------------------------------------------- guards

    function _requireInTime(uint64 deadline) private view {
        if (block.timestamp > deadline) revert Expired(block.timestamp, deadline);
    }

    function _requireNextId(uint64 id) private view {
        uint64 expected = uint64(_spent.lastId) + 1;
        if (id != expected) revert BadId(id, expected);
    }

    function _requireCooledDown() private view {
        uint256 until = uint256(_spent.lastRebalance) + _limits.cooldown;
        if (block.timestamp < until) revert Cooldown(block.timestamp, until);
    }

    function _requireSwaps(Swap[] calldata swaps) private pure {
        if (swaps.length == 0) revert EmptyBatch();
    }

    /// @dev Waived when an asset with target 0 is sold: an exit of half a percent must be possible.
    function _requireDrift(Outcome memory outcome, Holding[] memory holdings, Swap[] calldata swaps) private view {
        uint256 minimum = Bps.ceil(outcome.navBefore, _limits.minDriftBps);
        if (outcome.teBefore >= minimum) return;
        for (uint256 i; i < swaps.length; ++i) {
            (Holding memory sold,) = _sides(swaps[i], _requireVenue(swaps[i].venue), holdings);
            if (sold.targetBps == 0) return;
        }
        revert NoDrift(outcome.teBefore, minimum);
    }

    /// @dev A retired asset has no price: nothing would bound what it is sold for.
    function _requireLive(Holding memory sold) private pure {
        if (sold.retired) revert IsRetired(sold.token);
    }

    function _requireBuyable(Holding memory bought) private pure {
        if (!bought.buyable) revert NotBuyable(bought.token);
    }

    function _requireSize(uint16 venue, uint256 valueIn, uint256 navBefore) private view {
        uint256 maximum = Bps.floor(navBefore, _limits.perTradeBps);
        if (valueIn > maximum) revert TradeTooBig(venue, valueIn, maximum);
    }

    function _requireMinOut(Swap calldata order, uint256 got) private pure {
        if (got < order.minOut) revert MinOut(order.venue, got, order.minOut);
    }

    function _requireNoSlippage(uint16 venue, uint256 valueIn, uint256 valueOut) private view {
        uint256 minimum = Bps.ceil(valueIn, Bps.ONE - _limits.maxSlipBps);
        if (valueOut < minimum) revert Slippage(venue, valueOut, minimum);
    }

    /// @notice The batch brought the fund nearer to its targets, and what it lost is in proportion.
    /// @dev    A limit on turnover alone is not enough: a round trip at the floor loses NAV, and losing an over-weight
    ///         asset counts as progress.
    function _requireProgress(Outcome memory outcome) private view {
        uint256 maximum = Bps.floor(Math.saturatingSub(outcome.teBefore, outcome.teAfter), _limits.maxCostBps);
        if (outcome.teAfter >= outcome.teBefore || outcome.loss > maximum) {
            revert NoProgress(outcome.teBefore, outcome.teAfter, outcome.loss, maximum);
        }
    }

    // -------------------------------------------------------------------------------------------- views

    /// @inheritdoc ITreasury
    /// @dev Reads no other contract: it answers whatever feeds and tokens do.
    function snapshot() external view returns (Snapshot memory) {
        return Snapshot({
            owner: owner(),
            guardian: _guardian,
            weigher: _weigher,
            paused: _paused,
            lastId: _spent.lastId,
            lastRebalance: _spent.lastRebalance,
            totalSupply: totalSupply(),
            limits: _limits,
            budgets: budgets(),
            assets: Book.read(_page),
            venues: _listedVenues()
        });
    }

    /// @inheritdoc ITreasury
    function nav() external view nonReentrantView returns (uint256) {
        return _holdings().nav();
    }

    /// @inheritdoc ITreasury
    /// @dev USD of 1e18 shares, 18 decimals; 0 before the seed. For display: nothing here pays by it.
    function sharePrice() external view nonReentrantView returns (uint256) {
        return totalSupply() == 0 ? 0 : Math.mulDiv(_holdings().nav(), 1e18, totalSupply());
    }

    /// @inheritdoc ITreasury
    function trackingError() external view nonReentrantView returns (uint256) {
        Holding[] memory holdings = _holdings();
        return holdings.trackingError(holdings.nav());
    }

    /// @dev Every price and balance, read once. A retired asset counts for nothing and nobody is asked about it.
    function _holdings() private view returns (Holding[] memory holdings) {
        Sequencer.requireUp(sequencerFeed);
        Asset[] memory assets = Book.read(_page);
        holdings = new Holding[](assets.length);
        for (uint256 i; i < assets.length; ++i) {
            (Asset memory asset, Holding memory holding) = (assets[i], holdings[i]);
            (holding.token, holding.retired) = (asset.token, asset.retired);
            if (asset.retired) continue;
            holding.px = Pricing.read(asset);
            holding.balance = IERC20(asset.token).balanceOf(address(this));
            (holding.targetBps, holding.buyable) = (asset.targetBps, asset.buyable);
        }
    }
}
