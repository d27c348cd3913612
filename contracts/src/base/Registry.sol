// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {AggregatorV3Interface} from "../interfaces/IAggregatorV3.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Book} from "../libraries/Book.sol";
import {Bps} from "../libraries/Bps.sol";
import {Pricing} from "../libraries/Pricing.sol";
import {Venues} from "../libraries/Venues.sol";
import {Spending} from "./Spending.sol";

/// @title The lists of assets and venues and the target weights, and how each may change
abstract contract Registry is Spending {
    using SafeERC20 for IERC20;

    /// Every rebalance reads every price: a longer list would not fit a block for long.
    uint256 private constant MAX_ASSETS = 64;
    /// Observers read the whole list; a disabled venue stays in it.
    uint256 private constant MAX_VENUES = 256;

    /// @inheritdoc ITreasury
    /// @dev Only its pairs may be listed; the zero address when V2 is not used.
    address public immutable override v2Factory;
    /// @inheritdoc ITreasury
    /// @dev Only its pools may be listed; the zero address when V3 is not used.
    address public immutable override v3Factory;

    /// Where `Book` keeps the assets.
    address internal _page;
    uint16 internal _venueCount;
    Venue[MAX_VENUES] internal _venues;

    /// What was ever listed can never be rescued, even after it left the list.
    mapping(address token => bool) private _wasAsset;

    constructor(address v2Factory_, address v3Factory_) {
        (v2Factory, v3Factory) = (v2Factory_, v3Factory_);
    }

    // -------------------------------------------------------------------------------------------- guards

    function _requireVenue(uint16 index) internal view returns (Venue memory venue) {
        if (index < MAX_VENUES) venue = _venues[index];
        if (!venue.enabled) revert BadVenue(index);
    }

    function _requireLength(uint256 given, uint256 expected) internal pure {
        if (given != expected) revert BadLength(given, expected);
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

    function _requireUnlisted(address token, Asset[] memory assets) private view {
        if (token == address(this)) revert BadAsset(token);
        for (uint256 i; i < assets.length; ++i) {
            if (assets[i].token == token) revert BadAsset(token);
        }
    }

    function _requireUntargeted(uint256 targetBps) private pure {
        if (targetBps != 0) revert BadTargets(targetBps);
    }

    function _requireWeights(Asset[] memory assets) internal pure {
        uint256 sum;
        for (uint256 i; i < assets.length; ++i) {
            sum += assets[i].targetBps;
        }
        if (sum != Bps.ONE) revert BadTargets(sum);
    }

    // -------------------------------------------------------------------------------------------- assets

    /// @inheritdoc ITreasury
    /// @dev `targetBps` must be 0: weights change together, in `setTargets`, so that they always sum to 10,000.
    function addAsset(Asset memory asset) external onlyOwner whenIdle returns (uint8 index) {
        Asset[] memory assets = Book.read(_page);
        _requireAtMost(assets.length + 1, MAX_ASSETS);
        _requireUnlisted(asset.token, assets);
        _requireConsistent(asset);
        _requireUntargeted(asset.targetBps);
        index = uint8(assets.length);
        _wasAsset[asset.token] = true;
        _store(_resized(assets, assets.length + 1), index, asset);
    }

    /// @inheritdoc ITreasury
    /// @dev Token and `targetBps` must be those of the list: this changes feed, bounds and `buyable`, and brings a retired
    ///      asset back.
    function setAsset(uint8 index, Asset memory asset) external onlyOwner whenIdle {
        (Asset[] memory assets, Asset memory listed) = _find(index);
        if (asset.token != listed.token) revert BadAsset(asset.token);
        _requireConsistent(asset);
        if (asset.targetBps != listed.targetBps) revert BadTargets(asset.targetBps);
        _store(assets, index, asset);
    }

    /// @inheritdoc ITreasury
    function stopBuying(uint8 index) external onlyGuardian whenIdle {
        (Asset[] memory assets, Asset memory asset) = _find(index);
        asset.buyable = false;
        _store(assets, index, asset);
    }

    /// @inheritdoc ITreasury
    /// @dev Asks neither token nor feed: this is for those that are dead. A price beyond its bounds or a donated unit then
    ///      no longer stops the fund.
    function retireAsset(uint8 index) external onlyOwner whenIdle {
        (Asset[] memory assets, Asset memory asset) = _find(index);
        _requireUntargeted(asset.targetBps);
        (asset.retired, asset.buyable) = (true, false);
        _store(assets, index, asset);
    }

    /// @inheritdoc ITreasury
    /// @dev The last asset of the list takes its place. Its venues stay in their places, disabled.
    function dropAsset(uint8 index) external onlyOwner whenIdle {
        (Asset[] memory assets, Asset memory asset) = _find(index);
        if (!asset.retired) revert NotRetired(asset.token);
        uint256 balance = IERC20(asset.token).balanceOf(address(this));
        if (balance != 0) revert NotEmpty(asset.token, balance);
        uint8 last = uint8(assets.length - 1);
        assets[index] = assets[last];
        _page = Book.write(_resized(assets, last));
        for (uint256 i; i < _venueCount; ++i) {
            _readdress(_venues[i], index, last);
        }
        emit AssetDropped(index, asset.token, last);
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

    function _find(uint256 index) private view returns (Asset[] memory assets, Asset memory asset) {
        assets = Book.read(_page);
        if (index >= assets.length) revert BadLength(index, assets.length);
        asset = assets[index];
    }

    function _store(Asset[] memory assets, uint8 index, Asset memory asset) private {
        assets[index] = asset;
        _page = Book.write(assets);
        emit AssetSet(index, asset);
    }

    /// @dev The same assets in a list of another length.
    function _resized(Asset[] memory assets, uint256 length) private pure returns (Asset[] memory list) {
        list = new Asset[](length);
        for (uint256 i; i < Math.min(assets.length, length); ++i) {
            list[i] = assets[i];
        }
    }

    // -------------------------------------------------------------------------------------------- venues

    /// @inheritdoc ITreasury
    /// @dev A disabled venue comes back by being added again.
    function addVenue(Venue memory venue) external onlyOwner whenIdle returns (uint16 index) {
        index = _venueCount++;
        _requireAtMost(_venueCount, MAX_VENUES);
        (, Asset memory asset0) = _find(venue.i0);
        (, Asset memory asset1) = _find(venue.i1);
        address factory = Venues.isV2(venue.kind) ? v2Factory : v3Factory;
        if (!Venues.isGenuine(venue, asset0.token, asset1.token, factory)) revert BadVenue(index);
        _venues[index] = venue;
        emit VenueSet(index, venue);
    }

    /// @inheritdoc ITreasury
    function disableVenue(uint16 index) external onlyGuardian whenIdle {
        if (index >= _venueCount) revert BadVenue(index);
        _venues[index].enabled = false;
        emit VenueSet(index, _venues[index]);
    }

    function _listedVenues() internal view returns (Venue[] memory list) {
        list = new Venue[](_venueCount);
        for (uint256 i; i < list.length; ++i) {
            list[i] = _venues[i];
        }
    }

    // -------------------------------------------------------------------------------------------- weights

    /// @inheritdoc ITreasury
    /// @dev The weigher moves within its own limits, the owner is not bound by them.
    function setTargets(uint16[] calldata targetBps) external whenIdle {
        _requireWeigher();
        Asset[] memory assets = Book.read(_page);
        _requireLength(targetBps.length, assets.length);
        uint256 shifted;
        for (uint256 i; i < assets.length; ++i) {
            (uint256 from, uint256 to) = (assets[i].targetBps, targetBps[i]);
            if (assets[i].retired && to != 0) revert IsRetired(assets[i].token);
            shifted += to > from ? to - from : from - to;
            assets[i].targetBps = uint16(to);
        }
        _requireWeights(assets);
        if (msg.sender != owner()) _requireWithinWeigherLimits(targetBps, Math.ceilDiv(shifted, 2));
        _page = Book.write(assets);
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
