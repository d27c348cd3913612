// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AggregatorV3Interface} from "../interfaces/IAggregatorV3.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";

/// @title  From a feed's answer to the USD value of an amount
/// @notice `px = answer * 10^(36 - feedDecimals - tokenDecimals)`; `value = amount * px / 1e18`, 18 decimals, floor.
library Pricing {
    /// Decimals of token and feed together: beyond it `px` would need a negative exponent.
    uint256 internal constant MAX_DECIMALS = 36;

    /// @notice Price of one asset now, refused when it is out of bounds or too old.
    function read(ITreasury.Asset memory asset) internal view returns (uint256 px) {
        (, int256 answer,, uint256 updatedAt,) = AggregatorV3Interface(asset.feed).latestRoundData();
        requireInBounds(asset, answer);
        requireFresh(asset, updatedAt);
        return scale(uint256(answer), asset.feedDecimals, asset.tokenDecimals);
    }

    /// @dev The bounds are ours: a feed's own floor kept LUNA's price at 0.10 USD while it traded far below.
    function requireInBounds(ITreasury.Asset memory asset, int256 answer) internal pure {
        if (answer <= 0 || uint256(answer) < asset.minPrice || uint256(answer) > asset.maxPrice) {
            revert ITreasury.BadPrice(asset.token, answer);
        }
    }

    /// @dev An answer from the future is as wrong as an old one.
    function requireFresh(ITreasury.Asset memory asset, uint256 updatedAt) internal view {
        uint256 oldest = block.timestamp > asset.maxAge ? block.timestamp - asset.maxAge : 0;
        if (updatedAt < oldest || updatedAt > block.timestamp) {
            revert ITreasury.StalePrice(asset.token, updatedAt, oldest);
        }
    }

    /// @dev No overflow: an answer within bounds is below 2^128, the power below 2^120.
    function scale(uint256 answer, uint256 feedDecimals, uint256 tokenDecimals) internal pure returns (uint256) {
        return answer * 10 ** (MAX_DECIMALS - feedDecimals - tokenDecimals);
    }

    function value(uint256 amount, uint256 px) internal pure returns (uint256) {
        return amount * px / 1e18;
    }
}
