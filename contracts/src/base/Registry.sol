// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {AggregatorV3Interface} from "../interfaces/IAggregatorV3.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Bps} from "../libraries/Bps.sol";
import {Pricing} from "../libraries/Pricing.sol";
import {Venues} from "../libraries/Venues.sol";
import {Spending} from "./Spending.sol";

/// @title The lists of assets and venues and the target weights, and how each may change
abstract contract Registry is Spending {
    using SafeERC20 for IERC20;

    /// Every rebalance reads every price: a longer list would not fit a block for long.
    uint256 internal constant MAX_ASSETS = 64;
    /// Observers read the whole list; a disabled venue stays in it.
    uint256 internal constant MAX_VENUES = 256;

    /// @inheritdoc ITreasury
    /// @dev Only its pairs may be listed; the zero address when V2 is not used.
    address public immutable override v2Factory;
    /// @inheritdoc ITreasury
    /// @dev Only its pools may be listed; the zero address when V3 is not used.
    address public immutable override v3Factory;

    Asset[] internal _assets;
    Venue[] internal _venues;

    /// What was ever listed can never be rescued, even after it left the list.
    mapping(address token => bool) private _wasAsset;

    constructor(address v2Factory_, address v3Factory_) {
        (v2Factory, v3Factory) = (v2Factory_, v3Factory_);
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
    function _requireConsistent(Asset memory asset) private view {
        if (
            asset.tokenDecimals != IERC20Metadata(asset.token).decimals()
                || asset.feedDecimals != AggregatorV3Interface(asset.feed).decimals()
                || uint256(asset.tokenDecimals) + asset.feedDecimals > Pricing.MAX_DECIMALS || asset.minPrice == 0
                || asset.minPrice > asset.maxPrice || asset.maxAge == 0 || asset.retired
        ) revert BadAsset(asset.token);
    }

    function _requireUnlisted(address token) private view {
        if (token == address(this)) revert BadAsset(token);
        for (uint256 i; i < _assets.length; ++i) {
            if (_assets[i].token == token) revert BadAsset(token);
        }
    }

    function _requireLength(uint256 given) internal view {
        if (given != _assets.length) revert BadLength(given, _assets.length);
    }

    function _requireWeights() internal view {
        uint256 sum;
        for (uint256 i; i < _assets.length; ++i) {
            sum += _assets[i].targetBps;
        }
        if (sum != Bps.ONE) revert BadTargets(sum);
    }

    function _requireUntargeted(uint256 targetBps) private pure {
        if (targetBps != 0) revert BadTargets(targetBps);
    }

    // -------------------------------------------------------------------------------------------- assets

    /// @inheritdoc ITreasury
    /// @dev `targetBps` must be 0: weights change together, in `setTargets`, so that they always sum to 10,000.
    function addAsset(Asset memory asset) external onlyOwner nonReentrant returns (uint8 index) {
        _requireAtMost(_assets.length + 1, MAX_ASSETS);
        _requireUnlisted(asset.token);
        _requireConsistent(asset);
        _requireUntargeted(asset.targetBps);
        index = uint8(_assets.length);
        _wasAsset[asset.token] = true;
        _assets.push();
        _store(index, asset);
    }

    /// @inheritdoc ITreasury
    /// @dev Token and `targetBps` must be those of the list: this changes feed, bounds and `buyable`, and brings a retired
    ///      asset back.
    function setAsset(uint8 index, Asset memory asset) external onlyOwner nonReentrant {
        Asset storage listed = _requireAsset(index);
        if (asset.token != listed.token) revert BadAsset(asset.token);
        _requireConsistent(asset);
        if (asset.targetBps != listed.targetBps) revert BadTargets(asset.targetBps);
        _store(index, asset);
    }

    /// @inheritdoc ITreasury
    function stopBuying(uint8 index) external onlyGuardian nonReentrant {
        Asset memory asset = _requireAsset(index);
        asset.buyable = false;
        _store(index, asset);
    }

    /// @inheritdoc ITreasury
    /// @dev Asks neither token nor feed: this is for those that are dead. A price beyond its bounds or a donated unit then
    ///      no longer stops the fund.
    function retireAsset(uint8 index) external onlyOwner nonReentrant {
        Asset memory asset = _requireAsset(index);
        _requireUntargeted(asset.targetBps);
        (asset.retired, asset.buyable) = (true, false);
        _store(index, asset);
    }

    /// @inheritdoc ITreasury
    /// @dev The last asset of the list takes its place. Its venues stay in their places, disabled.
    function dropAsset(uint8 index) external onlyOwner nonReentrant {
        Asset storage asset = _requireAsset(index);
        address token = asset.token;
        if (!asset.retired) revert NotRetired(token);
        uint256 balance = IERC20(token).balanceOf(address(this));
        if (balance != 0) revert NotEmpty(token, balance);
        uint8 last = uint8(_assets.length - 1);
        _assets[index] = _assets[last];
        _assets.pop();
        for (uint256 i; i < _venues.length; ++i) {
            _readdress(_venues[i], index, last);
        }
        emit AssetDropped(index, token, last);
    }

    function _readdress(Venue storage venue, uint8 dropped, uint8 moved) private {
        (uint8 i0, uint8 i1) = (venue.i0, venue.i1);
        if (i0 == dropped || i1 == dropped) (venue.enabled, venue.i0, venue.i1) = (false, 0, 0);
        else if (i0 == moved) venue.i0 = dropped;
        else if (i1 == moved) venue.i1 = dropped;
    }

    /// @inheritdoc ITreasury
    function rescue(address token, address to, uint256 amount) external onlyOwner nonReentrant {
        if (_wasAsset[token]) revert WasAsset(token);
        IERC20(token).safeTransfer(to, amount);
        emit Rescued(token, to, amount);
    }

    function _store(uint8 index, Asset memory asset) private {
        _assets[index] = asset;
        emit AssetSet(index, asset);
    }

    // -------------------------------------------------------------------------------------------- venues

    /// @inheritdoc ITreasury
    /// @dev A disabled venue comes back by being added again.
    function addVenue(Venue memory venue) external onlyOwner nonReentrant returns (uint16 index) {
        _requireAtMost(_venues.length + 1, MAX_VENUES);
        index = uint16(_venues.length);
        address token0 = _requireAsset(venue.i0).token;
        address token1 = _requireAsset(venue.i1).token;
        address factory = Venues.isV2(venue.kind) ? v2Factory : v3Factory;
        if (!Venues.isGenuine(venue, token0, token1, factory)) revert BadVenue(index);
        _venues.push(venue);
        emit VenueSet(index, venue);
    }

    /// @inheritdoc ITreasury
    function disableVenue(uint16 index) external onlyGuardian nonReentrant {
        if (index >= _venues.length) revert BadVenue(index);
        _venues[index].enabled = false;
        emit VenueSet(index, _venues[index]);
    }

    // -------------------------------------------------------------------------------------------- weights

    /// @inheritdoc ITreasury
    /// @dev The weigher moves within its own limits, the owner is not bound by them.
    function setTargets(uint16[] calldata targetBps) external nonReentrant {
        _requireWeigher();
        _requireLength(targetBps.length);
        uint256 shifted;
        for (uint256 i; i < targetBps.length; ++i) {
            Asset storage asset = _assets[i];
            (uint256 from, uint256 to) = (asset.targetBps, targetBps[i]);
            if (asset.retired && to != 0) revert IsRetired(asset.token);
            shifted += to > from ? to - from : from - to;
            asset.targetBps = uint16(to);
        }
        _requireWeights();
        if (msg.sender != owner()) _requireWithinWeigherLimits(targetBps, Math.ceilDiv(shifted, 2));
        emit TargetsSet(targetBps);
    }

    function _requireWithinWeigherLimits(uint16[] calldata targetBps, uint256 shiftBps) private {
        uint256 maximum = _limits.maxWeightBps;
        for (uint256 i; i < targetBps.length; ++i) {
            if (targetBps[i] > maximum) revert WeightTooBig(uint8(i), targetBps[i], maximum);
        }
        _shift(shiftBps);
    }
}
