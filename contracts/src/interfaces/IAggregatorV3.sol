// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title  The part of Chainlink's feed interface that a price needs
/// @dev    Anything that answers like this is a feed: Chainlink's proxies, a TWAP adapter, a test feed.
interface AggregatorV3Interface {
    function decimals() external view returns (uint8);

    function description() external view returns (string memory);

    /// @return roundId         of the answer
    /// @return answer          price, in `decimals`
    /// @return startedAt       seconds
    /// @return updatedAt       seconds, when the answer was written
    /// @return answeredInRound legacy
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
