// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Book} from "../libraries/Book.sol";
import {Registry} from "./Registry.sol";

/// @title  The share token: issued and redeemed in kind
/// @dev    Nothing here reads a price: a broken feed can neither dilute anybody nor lock anybody in. Who mints gives a
///         unit too much of each asset rather than too little, who redeems gets a unit too little.
abstract contract Shares is ERC20, Registry {
    using SafeERC20 for IERC20;

    /// The first shares go where nobody can redeem them: the supply can never shrink to a handful of units.
    uint256 private constant DEAD_SHARES = 1e6;
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;

    // -------------------------------------------------------------------------------------------- entries

    /// @inheritdoc ITreasury
    /// @dev The target weights come first: from the seed on they always sum to 10,000.
    function seed(uint256[] calldata amounts, uint256 shares) external onlyOwner nonReentrant {
        if (totalSupply() != 0) revert AlreadySeeded();
        Asset[] memory assets = Book.read(_page);
        _requireWeights(assets);
        _requireLength(amounts.length, assets.length);
        for (uint256 i; i < amounts.length; ++i) {
            IERC20 token = IERC20(assets[i].token);
            _pull(token, token.balanceOf(address(this)), amounts[i]);
        }
        _mint(msg.sender, shares);
        _transfer(msg.sender, DEAD, DEAD_SHARES);
        emit Seeded(amounts, shares);
    }

    /// @inheritdoc ITreasury
    function mint(uint256 shares, address to, uint256[] calldata maxIn) external nonReentrant {
        _requireNotPaused();
        uint256 supply = _requireSeeded();
        _requireShares(shares);
        address[] memory tokens = Book.tokens(_page);
        _requireLength(maxIn.length, tokens.length);
        uint256[] memory amounts = new uint256[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            IERC20 token = IERC20(tokens[i]);
            uint256 balance = token.balanceOf(address(this));
            amounts[i] = Math.mulDiv(balance, shares, supply, Math.Rounding.Ceil);
            if (amounts[i] > maxIn[i]) revert MaxIn(address(token), amounts[i], maxIn[i]);
            _pull(token, balance, amounts[i]);
        }
        _mint(to, shares);
        emit Minted(msg.sender, to, shares, amounts);
    }

    /// @inheritdoc ITreasury
    function redeem(uint256 shares, address to, uint256[] calldata minOut, uint256 skipMask) external nonReentrant {
        uint256 supply = _requireSeeded();
        _requireShares(shares);
        address[] memory tokens = Book.tokens(_page);
        _requireLength(minOut.length, tokens.length);
        _burn(msg.sender, shares);
        uint256[] memory amounts = new uint256[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            // A skipped token is not even asked for its balance.
            if (skipMask >> i & 1 != 0) continue;
            IERC20 token = IERC20(tokens[i]);
            amounts[i] = Math.mulDiv(token.balanceOf(address(this)), shares, supply);
            if (amounts[i] < minOut[i]) revert MinRedeemed(address(token), amounts[i], minOut[i]);
            if (amounts[i] != 0) token.safeTransfer(to, amounts[i]);
        }
        emit Redeemed(msg.sender, to, shares, amounts, skipMask);
    }

    /// @dev Takes exactly `amount` from the caller.
    function _pull(IERC20 token, uint256 balanceBefore, uint256 amount) private {
        if (amount == 0) return;
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint256 moved = Math.saturatingSub(token.balanceOf(address(this)), balanceBefore);
        if (moved != amount) revert InexactTransfer(address(token), moved, amount);
    }

    // -------------------------------------------------------------------------------------------- guards

    function _requireSeeded() private view returns (uint256 supply) {
        supply = totalSupply();
        if (supply == 0) revert NotSeeded();
    }

    function _requireShares(uint256 shares) private pure {
        if (shares == 0) revert NoShares();
    }

    // -------------------------------------------------------------------------------------------- views

    /// @inheritdoc ITreasury
    /// @dev What `mint` would take of each asset now.
    function previewMint(uint256 shares) external view nonReentrantView returns (uint256[] memory) {
        return _portions(shares, _requireSeeded(), Math.Rounding.Ceil);
    }

    /// @inheritdoc ITreasury
    /// @dev What `redeem` would pay of each asset now.
    function previewRedeem(uint256 shares) external view nonReentrantView returns (uint256[] memory) {
        return _portions(shares, _requireSeeded(), Math.Rounding.Floor);
    }

    /// @inheritdoc ITreasury
    /// @dev Base units of each asset behind 1e18 shares; zeros before the seed.
    function componentUnits() external view nonReentrantView returns (uint256[] memory) {
        uint256 supply = totalSupply();
        return _portions(supply == 0 ? 0 : 1e18, Math.max(supply, 1), Math.Rounding.Floor);
    }

    function _portions(uint256 shares, uint256 supply, Math.Rounding rounding)
        private
        view
        returns (uint256[] memory amounts)
    {
        address[] memory tokens = Book.tokens(_page);
        amounts = new uint256[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            amounts[i] = Math.mulDiv(IERC20(tokens[i]).balanceOf(address(this)), shares, supply, rounding);
        }
    }
}
