// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Bps} from "./Bps.sol";

/// @title  A budget that starts full and refills evenly: what is left of it, and what a use of it is
/// @notice Quantities are fractions of a whole, 1e18 is all of it. Every rounding leaves less to spend.
/// @dev    The arithmetic of OpenZeppelin's `RateLimiter.RefillingBucket`, without its storage: there a bucket takes two
///         slots, here two buckets and the id share the one that a rebalance writes anyway.
library Bucket {
    uint256 internal constant ONE = 1e18;

    function capacity(uint256 capBps) internal pure returns (uint256) {
        return capBps * (ONE / Bps.ONE);
    }

    /// @param used    what was used when it was last written, `elapsed` seconds ago
    /// @return what counts as used now
    function usedNow(uint256 used, uint256 elapsed, uint256 capBps, uint256 window) internal pure returns (uint256) {
        return Math.saturatingSub(used, elapsed * capacity(capBps) / window);
    }

    function left(uint256 used, uint256 capBps) internal pure returns (uint256) {
        return Math.saturatingSub(capacity(capBps), used);
    }

    /// @notice `ceil(part / whole)`; for nothing of nothing it is 0.
    function share(uint256 part, uint256 whole) internal pure returns (uint256) {
        return part == 0 ? 0 : Math.mulDiv(part, ONE, whole, Math.Rounding.Ceil);
    }
}
