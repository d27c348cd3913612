// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../interfaces/ITreasury.sol";

/// @notice A contract whose code is data: nothing can be called on it, nothing can change it.
/// @dev    The data begins with the ABI's offset 0x00..20, so its first byte is the opcode STOP.
contract Page {
    constructor(bytes memory data) {
        assembly ("memory-safe") {
            return(add(data, 0x20), mload(data))
        }
    }
}

/// @title The list of assets, kept as the code of a contract
/// @notice Every entry needs the whole list. From storage it would take three cold slots an asset, 6,300 gas; as code it
///         is one cold account for all of them. A change writes the list anew.
library Book {
    /// Words an asset takes: token and its numbers, feed, bounds.
    uint256 private constant WORDS = 3;

    /// @return page the zero address stands for the empty list
    function write(ITreasury.Asset[] memory assets) internal returns (address page) {
        uint256[] memory words = new uint256[](assets.length * WORDS);
        for (uint256 i; i < assets.length; ++i) {
            ITreasury.Asset memory asset = assets[i];
            words[i * WORDS] = uint160(asset.token) | uint256(asset.targetBps) << 160 | uint256(asset.maxAge) << 176
                | uint256(asset.tokenDecimals) << 208 | uint256(asset.feedDecimals) << 216
                | (asset.buyable ? 1 << 224 : 0) | (asset.retired ? 1 << 225 : 0);
            words[i * WORDS + 1] = uint160(asset.feed);
            words[i * WORDS + 2] = asset.minPrice | uint256(asset.maxPrice) << 128;
        }
        return address(new Page(abi.encode(words)));
    }

    function read(address page) internal view returns (ITreasury.Asset[] memory assets) {
        uint256[] memory words = _words(page);
        assets = new ITreasury.Asset[](words.length / WORDS);
        for (uint256 i; i < assets.length; ++i) {
            ITreasury.Asset memory asset = assets[i];
            (uint256 head, uint256 feed, uint256 bounds) =
                (words[i * WORDS], words[i * WORDS + 1], words[i * WORDS + 2]);
            asset.token = address(uint160(head));
            asset.targetBps = uint16(head >> 160);
            asset.maxAge = uint32(head >> 176);
            asset.tokenDecimals = uint8(head >> 208);
            asset.feedDecimals = uint8(head >> 216);
            asset.buyable = head >> 224 & 1 != 0;
            asset.retired = head >> 225 & 1 != 0;
            asset.feed = address(uint160(feed));
            asset.minPrice = uint128(bounds);
            asset.maxPrice = uint128(bounds >> 128);
        }
    }

    /// @notice The tokens alone, for who asks nothing else.
    function tokens(address page) internal view returns (address[] memory list) {
        uint256[] memory words = _words(page);
        list = new address[](words.length / WORDS);
        for (uint256 i; i < list.length; ++i) {
            list[i] = address(uint160(words[i * WORDS]));
        }
    }

    function _words(address page) private view returns (uint256[] memory) {
        return page == address(0) ? new uint256[](0) : abi.decode(page.code, (uint256[]));
    }
}
