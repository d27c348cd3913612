// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Registry} from "./base/Registry.sol";
import {V3Payer} from "./base/V3Payer.sol";
import {ITreasury} from "./interfaces/ITreasury.sol";
import {Bps} from "./libraries/Bps.sol";
import {Holding, Portfolio} from "./libraries/Portfolio.sol";
import {Pricing} from "./libraries/Pricing.sol";
import {Swapping} from "./libraries/Swapping.sol";

/// @title  The treasury of an index fund: holds its tokens, is its share token, lets a keeper swap within bounds
/// @dev    Not upgradeable. Read `rebalance` first; each of its guards is a function below it. `Roles` says who may
///         do what, `Registry` what is listed, `V3Payer` how a V3 pool is paid.
contract Treasury is ERC20, Registry, V3Payer {
    using SafeERC20 for IERC20;
    using Portfolio for Holding[];

    /// The first shares go where nobody can redeem them: the supply can never shrink to a handful of units.
    uint256 private constant DEAD_SHARES = 1e6;
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;

    uint64 private _lastId;
    uint64 private _lastRebalance;

    /// @param v2Factory Uniswap V2 factory whose pairs may be listed, or zero
    /// @param v3Factory Uniswap V3 factory whose pools may be listed, or zero
    constructor(string memory name, string memory symbol, address owner, address v2Factory, address v3Factory)
        ERC20(name, symbol)
        Ownable(owner)
        Registry(v2Factory, v3Factory)
    {}

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
        (_lastId, _lastRebalance) = (id, uint64(block.timestamp));

        Holding[] memory holdings = _holdings();
        outcome.navBefore = holdings.nav();
        outcome.teBefore = holdings.trackingError(outcome.navBefore);
        _requireDrift(outcome, holdings, swaps);

        for (uint256 i; i < swaps.length; ++i) {
            _swap(swaps[i], id, holdings, outcome);
        }

        outcome.navAfter = holdings.nav();
        outcome.teAfter = holdings.trackingError(outcome.navAfter);
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
        if (id != _lastId + 1) revert BadId(id, _lastId + 1);
    }

    function _requireCooledDown() private view {
        uint256 until = uint256(_lastRebalance) + _limits.cooldown;
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

    // -------------------------------------------------------------------------------------------- shares

    /// @inheritdoc ITreasury
    function seed(uint256[] calldata amounts, uint256 shares) external onlyOwner nonReentrant {
        if (totalSupply() != 0) revert AlreadySeeded();
        if (amounts.length != _assets.length) revert BadLength(amounts.length, _assets.length);
        for (uint256 i; i < amounts.length; ++i) {
            _pull(IERC20(_assets[i].token), amounts[i]);
        }
        _mint(msg.sender, shares);
        _transfer(msg.sender, DEAD, DEAD_SHARES);
        emit Seeded(amounts, shares);
    }

    function _pull(IERC20 token, uint256 amount) private {
        uint256 balanceBefore = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 moved = token.balanceOf(address(this)) - balanceBefore;
        if (moved != amount) revert InexactTransfer(address(token), moved, amount);
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
            lastId: _lastId,
            lastRebalance: _lastRebalance,
            totalSupply: totalSupply(),
            limits: _limits,
            assets: _assets,
            venues: _venues
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
    /// @dev Base units of each asset behind 1e18 shares; zeros before the seed.
    function componentUnits() external view nonReentrantView returns (uint256[] memory units) {
        units = new uint256[](_assets.length);
        if (totalSupply() == 0) return units;
        for (uint256 i; i < units.length; ++i) {
            units[i] = Math.mulDiv(IERC20(_assets[i].token).balanceOf(address(this)), 1e18, totalSupply());
        }
    }

    /// @inheritdoc ITreasury
    function trackingError() external view nonReentrantView returns (uint256) {
        Holding[] memory holdings = _holdings();
        return holdings.trackingError(holdings.nav());
    }

    /// @dev Every price and balance, read once.
    function _holdings() private view returns (Holding[] memory holdings) {
        holdings = new Holding[](_assets.length);
        for (uint256 i; i < holdings.length; ++i) {
            Asset memory asset = _assets[i];
            holdings[i] = Holding({
                token: asset.token,
                px: Pricing.read(asset),
                balance: IERC20(asset.token).balanceOf(address(this)),
                targetBps: asset.targetBps,
                buyable: asset.buyable
            });
        }
    }
}
