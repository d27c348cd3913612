// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IUniswapV2Pair} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Pair.sol";
import {DevToken} from "../src/devnet/DevToken.sol";
import {DevTokenNoReturn} from "../src/devnet/DevTokenNoReturn.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {InKind} from "./support/InKind.sol";
import {WeirdToken} from "./support/WeirdToken.sol";
import {vm} from "./support/Vm.sol";

/// @title What was sent here by mistake can be sent on; what was ever an asset cannot
contract RescueTest is InKind {
    function test_token_that_was_never_listed() public {
        DevToken lost = new DevToken("Lost", "LOST", 18);
        lost.mint(address(treasury), 100);
        vm.expectEmit(address(treasury));
        emit ITreasury.Rescued(address(lost), BOB, 60);
        treasury.rescue(address(lost), BOB, 60);
        same(lost.balanceOf(BOB), 60, "sent on");
        same(lost.balanceOf(address(treasury)), 40, "the rest stays");
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, address(treasury), 40, 41)
        );
        treasury.rescue(address(lost), BOB, 41);
    }

    function test_token_that_returns_nothing() public {
        DevTokenNoReturn lost = new DevTokenNoReturn("Lost", "LOST", 6);
        lost.mint(address(treasury), 100);
        treasury.rescue(address(lost), BOB, 100);
        same(lost.balanceOf(BOB), 100, "sent on");
    }

    function test_token_that_returns_false() public {
        WeirdToken lost = new WeirdToken();
        lost.mint(address(treasury), 100);
        lost.answerFalse();
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lost)));
        treasury.rescue(address(lost), BOB, 100);
    }

    function test_what_is_no_token() public {
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, STRANGER));
        treasury.rescue(STRANGER, BOB, 0);
    }

    /// @dev A pair's own shares are a token like any other.
    function test_liquidity_tokens() public {
        IUniswapV2Pair pair = IUniswapV2Pair(treasury.snapshot().venues[V2_PAIR].target);
        pair.transfer(address(treasury), 5);
        treasury.rescue(address(pair), BOB, 5);
        same(pair.balanceOf(BOB), 5, "sent on");
    }

    /// @dev Shares that somebody sent to the fund itself are a claim that nobody else could ever use.
    function test_own_shares() public {
        treasury.transfer(address(treasury), 5e18);
        treasury.rescue(address(treasury), BOB, 5e18);
        same(treasury.balanceOf(BOB), 5e18, "sent on");
    }

    function test_listed_assets() public {
        for (uint8 i; i < 4; ++i) {
            _refused(token[i], 1);
            _refused(token[i], 0);
        }
    }

    /// @dev Retired, dropped, sent here again after: still not the owner's to take.
    function test_what_was_ever_an_asset() public {
        treasury.setTargets(_weights(2500, 5000, 2500, 0));
        treasury.retireAsset(USDT);
        _refused(token[USDT], 1);
        vm.prank(address(treasury));
        DevTokenNoReturn(token[USDT]).transfer(BOB, 100_000e6);
        treasury.dropAsset(USDT);
        same(treasury.snapshot().assets.length, 3, "dropped");
        DevTokenNoReturn(token[USDT]).mint(address(treasury), 7);
        _refused(token[USDT], 7);
        // Nor by the way over a listing of another token in its place.
        DevToken other = new DevToken("Other", "OTH", 18);
        treasury.addAsset(_asset(address(other), address(feed[USDC]), 18, 1e8));
        _refused(token[USDT], 7);
        _refused(address(other), 0);
    }

    function _refused(address token_, uint256 amount) private {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.WasAsset.selector, token_));
        treasury.rescue(token_, BOB, amount);
    }
}
