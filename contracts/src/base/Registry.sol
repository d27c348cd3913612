// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {AggregatorV3Interface} from "../interfaces/IAggregatorV3.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Bps} from "../libraries/Bps.sol";
import {Pricing} from "../libraries/Pricing.sol";
import {Venues} from "../libraries/Venues.sol";
import {Roles} from "./Roles.sol";

/// @title The lists of assets and venues, the target weights and the limits, and how each may change
abstract contract Registry is Roles {
    /// Every rebalance reads every price: a longer list would not fit a block for long.
    uint256 internal constant MAX_ASSETS = 64;
    /// Observers read the whole list; a disabled venue stays in it.
    uint256 internal constant MAX_VENUES = 256;
    /// A floor lower than this would be no floor.
    uint256 internal constant MAX_SLIP_BPS = 300;

    /// The factories whose pools may be listed; the zero address for a version that is not used.
    address internal immutable V2_FACTORY;
    address internal immutable V3_FACTORY;

    Limits internal _limits;
    Asset[] internal _assets;
    Venue[] internal _venues;

    constructor(address v2Factory, address v3Factory) {
        V2_FACTORY = v2Factory;
        V3_FACTORY = v3Factory;
        _setLimits(Limits({maxSlipBps: 100, perTradeBps: 1000, minDriftBps: 10, cooldown: 15 minutes}));
    }

    // -------------------------------------------------------------------------------------------- guards

    function _requireVenue(uint16 index) internal view returns (Venue memory venue) {
        if (index >= _venues.length || !_venues[index].enabled) revert BadVenue(index);
        return _venues[index];
    }

    function _requireAsset(uint8 index) private view returns (Asset storage) {
        if (index >= _assets.length) revert BadLength(index, _assets.length);
        return _assets[index];
    }

    /// @dev What the owner says of token and feed must be what they say of themselves.
    function _requireConsistent(Asset calldata asset) private view {
        if (
            asset.tokenDecimals != IERC20Metadata(asset.token).decimals()
                || asset.feedDecimals != AggregatorV3Interface(asset.feed).decimals()
                || uint256(asset.tokenDecimals) + asset.feedDecimals > Pricing.MAX_DECIMALS || asset.minPrice == 0
                || asset.minPrice > asset.maxPrice || asset.maxAge == 0
        ) revert BadAsset(asset.token);
    }

    function _requireUnlisted(address token) private view {
        if (token == address(this)) revert BadAsset(token);
        for (uint256 i; i < _assets.length; ++i) {
            if (_assets[i].token == token) revert BadAsset(token);
        }
    }

    function _requireAtMost(uint256 given, uint256 ceiling) private pure {
        if (given > ceiling) revert BadLimit(given, ceiling);
    }

    // -------------------------------------------------------------------------------------------- assets

    /// @inheritdoc ITreasury
    /// @dev `targetBps` must be 0: weights change together, in `setTargets`, so that they always sum to 10,000.
    function addAsset(Asset calldata asset) external onlyOwner nonReentrant returns (uint8 index) {
        _requireAtMost(_assets.length + 1, MAX_ASSETS);
        _requireUnlisted(asset.token);
        _requireConsistent(asset);
        if (asset.targetBps != 0) revert BadTargets(asset.targetBps);
        index = uint8(_assets.length);
        _assets.push();
        _store(index, asset);
    }

    /// @inheritdoc ITreasury
    /// @dev Token and `targetBps` must be those of the list: this changes feed, bounds and `buyable`.
    function setAsset(uint8 index, Asset calldata asset) external onlyOwner nonReentrant {
        Asset storage listed = _requireAsset(index);
        if (asset.token != listed.token) revert BadAsset(asset.token);
        _requireConsistent(asset);
        if (asset.targetBps != listed.targetBps) revert BadTargets(asset.targetBps);
        _store(index, asset);
    }

    /// @inheritdoc ITreasury
    function stopBuying(uint8 index) external onlyGuardian nonReentrant {
        Asset storage asset = _requireAsset(index);
        asset.buyable = false;
        emit AssetSet(index, asset);
    }

    function _store(uint8 index, Asset calldata asset) private {
        _assets[index] = asset;
        emit AssetSet(index, _assets[index]);
    }

    // -------------------------------------------------------------------------------------------- venues

    /// @inheritdoc ITreasury
    /// @dev A disabled venue comes back by being added again.
    function addVenue(Venue calldata venue) external onlyOwner nonReentrant returns (uint16 index) {
        _requireAtMost(_venues.length + 1, MAX_VENUES);
        index = uint16(_venues.length);
        address token0 = _requireAsset(venue.i0).token;
        address token1 = _requireAsset(venue.i1).token;
        address factory = Venues.isV2(venue.kind) ? V2_FACTORY : V3_FACTORY;
        if (!Venues.isGenuine(venue, token0, token1, factory)) revert BadVenue(index);
        _venues.push(venue);
        emit VenueSet(index, _venues[index]);
    }

    /// @inheritdoc ITreasury
    function disableVenue(uint16 index) external onlyGuardian nonReentrant {
        if (index >= _venues.length) revert BadVenue(index);
        _venues[index].enabled = false;
        emit VenueSet(index, _venues[index]);
    }

    // -------------------------------------------------------------------------------------------- weights, limits

    /// @inheritdoc ITreasury
    function setTargets(uint16[] calldata targetBps) external nonReentrant {
        _requireWeigher();
        if (targetBps.length != _assets.length) revert BadLength(targetBps.length, _assets.length);
        uint256 sum;
        for (uint256 i; i < targetBps.length; ++i) {
            sum += targetBps[i];
            _assets[i].targetBps = targetBps[i];
        }
        if (sum != Bps.ONE) revert BadTargets(sum);
        emit TargetsSet(targetBps);
    }

    /// @inheritdoc ITreasury
    function setLimits(Limits calldata limits) external onlyOwner nonReentrant {
        _setLimits(limits);
    }

    function _setLimits(Limits memory limits) private {
        _requireAtMost(limits.maxSlipBps, MAX_SLIP_BPS);
        _requireAtMost(limits.perTradeBps, Bps.ONE);
        _requireAtMost(limits.minDriftBps, Bps.ONE);
        _limits = limits;
        emit LimitsSet(limits);
    }
}
