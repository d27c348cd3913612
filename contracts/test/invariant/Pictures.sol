// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {Market} from "../support/Market.sol";

/// @title The treasury before and after a call, and what differs
abstract contract Pictures is Market {
    /// @param raw      ABI of `snapshot()`
    /// @param balances of the treasury, by the index of `tokens`
    struct Picture {
        bytes raw;
        uint256[] balances;
        uint256 supply;
    }

    /// Words of the snapshot, behind its leading offset.
    uint256 private constant LAST_ID = 4;
    uint256 private constant SUPPLY = 6;
    uint256 private constant BUDGETS = 17;
    uint256 private constant ASSETS = 22;
    uint256 private constant ASSET_WORDS = 10;
    uint256 private constant TARGET = 5;

    function _picture() internal view returns (Picture memory p) {
        p = _holdings();
        (, p.raw) = address(treasury).staticcall(abi.encodeCall(ITreasury.snapshot, ()));
        p.supply = _word(p.raw, SUPPLY);
    }

    /// @dev Of a picture only the balances, which is all that values need: a snapshot is most of what an action costs.
    function _holdings() internal view returns (Picture memory p) {
        p.balances = new uint256[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            p.balances[i] = IERC20(tokens[i]).balanceOf(address(treasury));
        }
    }

    /// @dev Without decoding the whole snapshot.
    function _lastIdOf(bytes memory raw) internal pure returns (uint256) {
        return _word(raw, LAST_ID);
    }

    function _word(bytes memory raw, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(raw, add(0x40, mul(index, 0x20))))
        }
    }

    function _digest(Picture memory p) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(p.raw), p.balances));
    }

    /// @dev Without what a rebalance, a mint and a redemption may change; with the target weights only when asked for.
    function _configuration(bytes memory raw, bool weightsToo) internal pure returns (bytes32) {
        uint256 assets = _word(raw, ASSETS);
        bytes memory copy = bytes.concat(raw);
        for (uint256 i; i < 3; ++i) {
            _erase(copy, LAST_ID + i);
            _erase(copy, BUDGETS + i);
        }
        for (uint256 i; i < assets && !weightsToo; ++i) {
            _erase(copy, ASSETS + 1 + i * ASSET_WORDS + TARGET);
        }
        return keccak256(copy);
    }

    function _erase(bytes memory raw, uint256 index) private pure {
        assembly ("memory-safe") {
            mstore(add(raw, add(0x40, mul(index, 0x20))), 0)
        }
    }

    function _targets(bytes memory raw) internal pure returns (uint256 sum) {
        for (uint256 i; i < _word(raw, ASSETS); ++i) {
            sum += _word(raw, ASSETS + 1 + i * ASSET_WORDS + TARGET);
        }
    }

    /// @notice Pause, weigher, what may be bought and which venues are enabled went one way only, all else stayed.
    function _isTighter(bytes memory before, bytes memory after_) internal pure returns (bool tighter) {
        ITreasury.Snapshot memory a = abi.decode(before, (ITreasury.Snapshot));
        ITreasury.Snapshot memory b = abi.decode(after_, (ITreasury.Snapshot));
        tighter = b.paused || !a.paused;
        tighter = tighter && (b.weigher == a.weigher || b.weigher == address(0));
        (a.paused, a.weigher) = (b.paused, b.weigher);
        for (uint256 i; i < a.assets.length && i < b.assets.length; ++i) {
            tighter = tighter && (a.assets[i].buyable || !b.assets[i].buyable);
            a.assets[i].buyable = b.assets[i].buyable;
        }
        for (uint256 i; i < a.venues.length && i < b.venues.length; ++i) {
            tighter = tighter && (a.venues[i].enabled || !b.venues[i].enabled);
            a.venues[i].enabled = b.venues[i].enabled;
        }
        // Whatever else there is must be the same.
        return tighter && keccak256(abi.encode(a)) == keccak256(abi.encode(b));
    }
}
