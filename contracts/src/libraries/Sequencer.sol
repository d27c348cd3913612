// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AggregatorV3Interface} from "../interfaces/IAggregatorV3.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";

/// @title  Whether a rollup's sequencer is up
/// @notice While it is down feeds stand still and only some can trade: what was fresh is not. Chainlink's uptime feed
///         answers 0 when it is up, and `startedAt` is when that began.
library Sequencer {
    /// After an outage prices need time to catch up with the world.
    uint256 internal constant GRACE = 1 hours;

    /// @param feed the zero address on chains that have no sequencer
    function requireUp(address feed) internal view {
        if (feed == address(0)) return;
        (, int256 answer, uint256 since,,) = AggregatorV3Interface(feed).latestRoundData();
        // A round that has not begun has `since` 0.
        if (answer != 0 || since == 0 || block.timestamp < since + GRACE) {
            revert ITreasury.SequencerDown(answer, since);
        }
    }
}
