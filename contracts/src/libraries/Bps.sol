// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Shares of a whole in basis points, with the rounding in the name
library Bps {
    uint256 internal constant ONE = 10_000;

    /// @notice `floor(amount * bps / 10,000)`: for what a caller may have at most.
    function floor(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return amount * bps / ONE;
    }

    /// @notice `ceil(amount * bps / 10,000)`: for what a caller must reach at least.
    function ceil(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return Math.ceilDiv(amount * bps, ONE);
    }
}
