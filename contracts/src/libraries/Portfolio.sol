// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Bps} from "./Bps.sol";
import {Pricing} from "./Pricing.sol";

/// @notice One asset as a batch sees it: price read once, balance kept up to date swap by swap. All zero when retired.
struct Holding {
    address token;
    uint256 px;
    uint256 balance;
    uint256 targetBps;
    bool buyable;
    bool retired;
}

/// @title Net asset value and distance from the target weights
library Portfolio {
    /// @return total USD, 18 decimals: each holding's value is floored, then added
    function nav(Holding[] memory holdings) internal pure returns (uint256 total) {
        for (uint256 i; i < holdings.length; ++i) {
            Holding memory holding = holdings[i];
            total += Pricing.value(holding.balance, holding.px);
        }
    }

    /// @notice `TE = 1/2 * sum |v_i - w_i * NAV|`: the USD that would have to change hands to stand on target.
    /// @param  total the holdings' own net asset value
    function trackingError(Holding[] memory holdings, uint256 total) internal pure returns (uint256) {
        uint256 sum;
        for (uint256 i; i < holdings.length; ++i) {
            Holding memory holding = holdings[i];
            uint256 actual = Pricing.value(holding.balance, holding.px);
            uint256 target = Bps.floor(total, holding.targetBps);
            sum += actual > target ? actual - target : target - actual;
        }
        return sum / 2;
    }
}
