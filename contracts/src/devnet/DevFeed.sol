// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AggregatorV3Interface} from "../interfaces/IAggregatorV3.sol";

/// @title  A price feed for local chains: answers as Chainlink's do, with what its owner sets
/// @dev    Local chains only: whoever owns it makes the price. Before the first answer it reverts, as Chainlink's.
contract DevFeed is AggregatorV3Interface {
    error NotOwner(address caller);
    error NoData();

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    address public immutable owner;
    uint8 public immutable override decimals;
    string public override description;

    uint80 private _round;
    int256 private _answer;
    uint256 private _updatedAt;

    constructor(string memory description_, uint8 decimals_) {
        (owner, description, decimals) = (msg.sender, description_, decimals_);
    }

    /// @notice A new round, written now.
    function setAnswer(int256 answer) external {
        setAnswerAt(answer, block.timestamp);
    }

    /// @notice A new round, written at a time of choice: old to play a stale feed, ahead to play a broken clock.
    function setAnswerAt(int256 answer, uint256 updatedAt) public {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        (_answer, _updatedAt) = (answer, updatedAt);
        emit AnswerUpdated(answer, ++_round, updatedAt);
    }

    /// @inheritdoc AggregatorV3Interface
    function latestRoundData() external view override returns (uint80, int256, uint256, uint256, uint80) {
        if (_round == 0) revert NoData();
        return (_round, _answer, _updatedAt, _updatedAt, _round);
    }
}
