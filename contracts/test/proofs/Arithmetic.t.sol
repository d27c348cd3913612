// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bps} from "../../src/libraries/Bps.sol";
import {Bucket} from "../../src/libraries/Bucket.sol";

/// @title Bounds of the arithmetic under the limits, for every input
contract ArithmeticProof {
    function check_capacity(uint16 capBps) public pure {
        assert(Bucket.capacity(capBps) <= 6.5535e18);
        assert(capBps != Bps.ONE || Bucket.capacity(capBps) == Bucket.ONE);
    }

    /// @dev Time only ever refills.
    function check_refill_never_uses(uint64 used, uint32 elapsed, uint16 capBps) public pure {
        assert(Bucket.usedNow(used, elapsed, capBps, 1 days) <= used);
    }

    /// @dev A part of nothing is nothing, whatever the whole is: no division by 0.
    function check_share_of_nothing(uint256 whole) public pure {
        assert(Bucket.share(0, whole) == 0);
    }
}
