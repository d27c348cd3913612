// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IFund} from "./IFund.sol";
import {IMintable} from "./Uniswap.sol";
import {World} from "./World.sol";
import {vm} from "./Vm.sol";

/// @title Minting and redeeming in kind, and the naive arithmetic of portions
abstract contract InKind is World {
    using SafeERC20 for IERC20;

    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);
    address internal constant DEAD = 0x000000000000000000000000000000000000dEaD;

    /// @dev Gives `who` the amounts and lets `fund` take them.
    function provide(IFund fund, address who, uint256[] memory amounts) internal {
        ITreasury.Asset[] memory assets = fund.snapshot().assets;
        for (uint256 i; i < amounts.length; ++i) {
            IERC20 token_ = IERC20(assets[i].token);
            IMintable(address(token_)).mint(who, amounts[i]);
            vm.startPrank(who);
            token_.forceApprove(address(fund), amounts[i]);
            vm.stopPrank();
        }
    }

    /// @return amounts what was taken: what the preview said
    function mintShares(address by, address to, uint256 shares) internal returns (uint256[] memory amounts) {
        amounts = treasury.previewMint(shares);
        provide(treasury, by, amounts);
        vm.prank(by);
        treasury.mint(shares, to, amounts);
    }

    function redeemShares(address by, address to, uint256 shares, uint256 skipMask) internal {
        uint256[] memory least = none();
        vm.prank(by);
        treasury.redeem(shares, to, least, skipMask);
    }

    /// @dev A zero for each asset.
    function none() internal view returns (uint256[] memory) {
        return new uint256[](treasury.snapshot().assets.length);
    }

    /// @dev No limit for any asset.
    function most() internal view returns (uint256[] memory amounts) {
        amounts = none();
        for (uint256 i; i < amounts.length; ++i) {
            amounts[i] = type(uint256).max;
        }
    }

    function balances(address who) internal view returns (uint256[] memory amounts) {
        ITreasury.Asset[] memory assets = treasury.snapshot().assets;
        amounts = new uint256[](assets.length);
        for (uint256 i; i < amounts.length; ++i) {
            amounts[i] = IERC20(assets[i].token).balanceOf(who);
        }
    }

    /// @dev `balance * shares / supply` of every asset, plus one where there is a remainder and `up`.
    function portions(uint256 shares, bool up) internal view returns (uint256[] memory amounts) {
        amounts = balances(address(treasury));
        uint256 supply = treasury.totalSupply();
        for (uint256 i; i < amounts.length; ++i) {
            uint256 product = amounts[i] * shares;
            amounts[i] = product / supply + (up && product % supply != 0 ? 1 : 0);
        }
    }

    function same(uint256[] memory found, uint256[] memory expected, string memory what) internal pure {
        same(found.length, expected.length, what);
        for (uint256 i; i < found.length; ++i) {
            same(found[i], expected[i], what);
        }
    }
}
