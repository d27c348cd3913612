// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";

/// @title  Who may do what, and the pause
/// @dev    owner: everything but taking assets. guardian: only tightens. weigher: target weights.
///         keeper: `rebalance`, until its time is over. The owner may do what guardian and weigher may.
///         One lock closes every entry while a batch runs: it ends under the rules it began with.
abstract contract Roles is ITreasury, Ownable2Step, ReentrancyGuardTransient {
    /// A keeper's key is hot: its right ends by itself unless the owner renews it.
    uint256 internal constant MAX_KEEPER_TERM = 30 days;

    /// @inheritdoc ITreasury
    mapping(address keeper => uint64) public override keeperUntil;

    address internal _guardian;
    bool internal _paused;
    address internal _weigher;

    modifier onlyGuardian() {
        _requireGuardian();
        _;
    }

    /// @dev For entries that change what a batch runs under. They call nothing that could call back, so they look at the
    ///      lock and need not take it.
    modifier whenIdle() {
        _requireIdle();
        _;
    }

    // -------------------------------------------------------------------------------------------- guards

    function _requireIdle() private view {
        if (_reentrancyGuardEntered()) revert ReentrancyGuardReentrantCall();
    }

    /// @dev The last valid second is `until` itself; 0 was never a keeper.
    function _requireKeeper() internal view {
        uint64 until = keeperUntil[msg.sender];
        if (block.timestamp > until) revert NotKeeper(msg.sender, until);
    }

    function _requireGuardian() internal view {
        if (msg.sender != _guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
    }

    function _requireWeigher() internal view {
        if (msg.sender != _weigher && msg.sender != owner()) revert NotWeigher(msg.sender);
    }

    function _requireNotPaused() internal view {
        if (_paused) revert IsPaused();
    }

    // -------------------------------------------------------------------------------------------- owner

    /// @inheritdoc ITreasury
    function setKeeper(address keeper, uint64 until) external onlyOwner whenIdle {
        uint256 latest = block.timestamp + MAX_KEEPER_TERM;
        if (until > latest) revert BadLimit(until, latest);
        _setKeeper(keeper, until);
    }

    /// @inheritdoc ITreasury
    function setWeigher(address weigher) external onlyOwner whenIdle {
        _setWeigher(weigher);
    }

    /// @inheritdoc ITreasury
    function setGuardian(address guardian) external onlyOwner whenIdle {
        _guardian = guardian;
        emit GuardianSet(guardian);
    }

    /// @inheritdoc ITreasury
    function unpause() external onlyOwner whenIdle {
        _paused = false;
        emit Unpaused(msg.sender);
    }

    // -------------------------------------------------------------------------------------------- guardian

    /// @inheritdoc ITreasury
    function pause() external onlyGuardian whenIdle {
        _paused = true;
        emit Paused(msg.sender);
    }

    /// @inheritdoc ITreasury
    function revokeKeeper(address keeper) external onlyGuardian whenIdle {
        _setKeeper(keeper, 0);
    }

    /// @inheritdoc ITreasury
    function revokeWeigher() external onlyGuardian whenIdle {
        _setWeigher(address(0));
    }

    function _setKeeper(address keeper, uint64 until) private {
        keeperUntil[keeper] = until;
        emit KeeperSet(keeper, until);
    }

    function _setWeigher(address weigher) private {
        _weigher = weigher;
        emit WeigherSet(weigher);
    }
}
