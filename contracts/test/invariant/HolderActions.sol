// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IMintable} from "../support/Uniswap.sol";
import {vm} from "../support/Vm.sol";
import {KeeperActions} from "./KeeperActions.sol";

/// @title What holders do: mint, redeem, pass shares on, give tokens away
abstract contract HolderActions is KeeperActions {
    using SafeERC20 for IERC20;

    address[3] internal holders = [address(0xa11ce), address(0xb0b), address(0xca401)];
    bool internal paused;

    function holderMints(uint256 seed) external {
        _sow(seed);
        address holder = holders[_roll(3)];
        uint256 shares = _magnitude(treasury.totalSupply() / 5) + (_roll(20) == 0 ? 0 : 1);
        (bool ok,) = _mintShares(holder, shares, holders[_roll(3)]);
        _must(ok || paused || shares == 0, 10, "nobody may mint");
        if (ok) _tally("mints");
    }

    function _mintShares(address holder, uint256 shares, address to) private returns (bool ok, bytes memory answer) {
        uint256[] memory most = _purse(holder);
        Picture memory a;
        Picture memory b;
        (ok, answer, a, b) = _act(Who.Holder, holder, abi.encodeCall(ITreasury.mint, (shares, to, most)), address(0));
        _checkUnits(a, b);
    }

    /// @dev Gives the holder more of everything than a mint can take, and the treasury leave to take it.
    function _purse(address holder) private returns (uint256[] memory most) {
        uint256 length;
        for (uint256 i; i < tokens.length; ++i) {
            if (listed[i]) ++length;
        }
        most = new uint256[](length);
        for (uint256 i; i < length; ++i) {
            most[i] = IERC20(tokens[i]).balanceOf(address(treasury)) / 4 + 1;
            uint256 has = IERC20(tokens[i]).balanceOf(holder);
            if (has < most[i]) IMintable(tokens[i]).mint(holder, most[i] - has);
            if (IERC20(tokens[i]).allowance(holder, address(treasury)) >= most[i]) continue;
            _allow(holder, tokens[i], 0);
            _allow(holder, tokens[i], type(uint256).max / 2);
        }
    }

    function _allow(address holder, address token_, uint256 amount) private {
        vm.prank(holder);
        (bool ok,) = token_.call(abi.encodeCall(IERC20.approve, (address(treasury), amount)));
        require(ok, "approve");
    }

    /// @notice Any part of a holding, at times with assets given up. Must work while paused and with dead feeds.
    function holderRedeems(uint256 seed) external {
        _sow(seed);
        address holder = holders[_roll(3)];
        uint256 shares = treasury.balanceOf(holder);
        if (shares == 0) return;
        if (_roll(4) != 0) shares = _magnitude(shares);
        uint256 mask = _roll(5) == 0 ? _roll(32) : 0;
        bool ok = _redeemShares(holder, shares, mask);
        _must(ok || shares == 0, 12, "a holder cannot redeem");
        if (!ok) return;
        _tally("redemptions");
        if (paused) _tally("redemptions while paused");
        if (feedsBroken) _tally("redemptions while a feed is dead");
    }

    function _redeemShares(address holder, uint256 shares, uint256 mask) private returns (bool ok) {
        uint256[] memory least = treasury.previewRedeem(shares);
        Picture memory a;
        Picture memory b;
        bytes memory data = abi.encodeCall(ITreasury.redeem, (shares, holder, least, mask));
        (ok,, a, b) = _act(Who.Holder, holder, data, holder);
        _checkUnits(a, b);
        for (uint256 i; ok && i < tokens.length; ++i) {
            _must(
                a.balances[i] - b.balances[i] <= a.balances[i] * shares / a.supply, 10, "redeemed more than the shares"
            );
        }
    }

    /// @dev Per share in whole fractions, nothing rounded: `b1 / s1 >= b0 / s0`.
    function _checkUnits(Picture memory a, Picture memory b) private {
        for (uint256 i; i < tokens.length; ++i) {
            _must(b.balances[i] * a.supply >= a.balances[i] * b.supply, 11, "less of an asset behind each share");
        }
    }

    /// @notice In and out at once.
    function holderMintsAndRedeems(uint256 seed) external {
        _sow(seed);
        address holder = holders[_roll(3)];
        _purse(holder);
        uint256[] memory before = _wallet(holder);
        uint256 shares = _magnitude(treasury.totalSupply() / 5) + 1;
        (bool ok,) = _mintShares(holder, shares, holder);
        if (!ok) return;
        _redeemShares(holder, shares, 0);
        uint256[] memory after_ = _wallet(holder);
        for (uint256 i; i < tokens.length; ++i) {
            _must(after_[i] <= before[i], 10, "mint and redeem made a profit");
        }
        _tally("mints redeemed at once");
    }

    function _wallet(address holder) private view returns (uint256[] memory amounts) {
        amounts = new uint256[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            amounts[i] = IERC20(tokens[i]).balanceOf(holder);
        }
    }

    function holderPassesShares(uint256 seed) external {
        _sow(seed);
        address holder = holders[_roll(3)];
        uint256 shares = _magnitude(treasury.balanceOf(holder));
        vm.prank(holder);
        treasury.transfer(holders[_roll(3)], shares);
    }

    function anybodyDonates(uint256 seed) external {
        _sow(seed);
        uint256 asset = _roll(tokens.length);
        IMintable(tokens[asset]).mint(address(treasury), _magnitude(_someAmount(asset) / 10));
        _tally("donations");
    }
}
