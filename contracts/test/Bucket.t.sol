// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bucket} from "../src/libraries/Bucket.sol";
import {Checks} from "./support/Checks.sol";

/// @title The arithmetic of a bucket against exact fractions
contract BucketTest is Checks {
    /// @dev Any cap, window and whole. The reference keeps numerators over `window * whole` and never rounds.
    function testFuzz_sequence(
        uint16 capBps,
        uint32 window,
        uint96 whole,
        uint32[6] memory waits,
        uint96[6] memory parts
    ) public pure {
        window = uint32(within(window, 1 hours, 30 days));
        whole = uint96(within(whole, 1, type(uint96).max));
        (uint256 one, uint256 cap) = (uint256(window) * whole, Bucket.capacity(capBps));
        (uint256 used, uint256 exact) = (0, 0);
        for (uint256 i; i < 6; ++i) {
            uint256 wait = within(waits[i], 0, window / 2);
            used = Bucket.usedNow(used, wait, capBps, window);
            exact = exact > wait * cap * whole ? exact - wait * cap * whole : 0;
            _agree(used, exact, one, i);
            // Anything from nothing to a tenth of the whole; what does not fit is refused.
            uint256 part = within(parts[i], 0, whole / 10);
            uint256 share = Bucket.share(part, whole);
            holds(share * whole >= part * 1e18 && share * whole - part * 1e18 < whole, "rounded up, by less than one");
            if (share > Bucket.left(used, capBps)) continue;
            used += share;
            exact += part * 1e18 * window;
            _agree(used, exact, one, i + 1);
            same(Bucket.left(used, capBps), cap - used, "what is left");
        }
    }

    /// @dev Never less than what was used, never more than two units per step above it.
    function _agree(uint256 used, uint256 exact, uint256 one, uint256 steps) private pure {
        holds(used * one >= exact, "rounded against the keeper");
        holds(used * one - exact <= 2 * (steps + 1) * one, "by its roundings alone");
    }

    function test_nothing_of_nothing() public pure {
        same(Bucket.share(0, 0), 0, "share");
    }

    function test_largest_cap_fits_its_field() public pure {
        holds(Bucket.capacity(type(uint16).max) <= type(uint64).max, "turnover is kept in 64 bits");
    }

    /// @dev A cap that was lowered below what is used leaves nothing, not an underflow.
    function testFuzz_never_less_than_nothing(uint64 used, uint16 capBps) public pure {
        uint256 cap = uint256(capBps) * 1e14;
        same(Bucket.left(used, capBps), used > cap ? 0 : cap - used, "left");
    }
}
