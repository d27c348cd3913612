// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevFeed} from "../src/devnet/DevFeed.sol";
import {DevToken} from "../src/devnet/DevToken.sol";
import {DevTokenNoReturn} from "../src/devnet/DevTokenNoReturn.sol";
import {Checks} from "./support/Checks.sol";
import {vm} from "./support/Vm.sol";

/// @title The local chain's tokens and feeds behave as those they stand for
contract DevnetTest is Checks {
    address private constant STRANGER = address(0x53);

    function test_only_the_deployer_mints() public {
        DevToken token = new DevToken("USD Coin", "USDC", 6);
        token.mint(STRANGER, 5e6);
        same(token.balanceOf(STRANGER), 5e6, "balance");
        same(token.decimals(), 6, "decimals");
        vm.expectRevert(abi.encodeWithSelector(DevToken.NotMinter.selector, STRANGER));
        vm.prank(STRANGER);
        token.mint(STRANGER, 1);
    }

    function test_no_return_token_returns_nothing() public {
        DevTokenNoReturn token = new DevTokenNoReturn("Tether", "USDT", 6);
        token.mint(address(this), 10e6);
        _returnsNothing(address(token), abi.encodeCall(token.transfer, (STRANGER, 1e6)));
        _returnsNothing(address(token), abi.encodeCall(token.approve, (address(this), 2e6)));
        _returnsNothing(address(token), abi.encodeCall(token.transferFrom, (address(this), STRANGER, 2e6)));
        same(token.balanceOf(STRANGER), 3e6, "moved");
        same(token.allowance(address(this), address(this)), 0, "counted down");
        same(token.totalSupply(), 10e6, "supply");
    }

    function test_no_return_token_refuses() public {
        DevTokenNoReturn token = new DevTokenNoReturn("Tether", "USDT", 6);
        token.mint(address(this), 10e6);
        token.approve(STRANGER, 1e6);
        vm.expectRevert(abi.encodeWithSelector(DevTokenNoReturn.AllowanceNotZero.selector, STRANGER, 1e6));
        token.approve(STRANGER, 2e6);
        vm.expectRevert(abi.encodeWithSelector(DevTokenNoReturn.InsufficientAllowance.selector, STRANGER, 1e6, 1e6 + 1));
        vm.prank(STRANGER);
        token.transferFrom(address(this), STRANGER, 1e6 + 1);
        vm.expectRevert(
            abi.encodeWithSelector(DevTokenNoReturn.InsufficientBalance.selector, address(this), 10e6, 10e6 + 1)
        );
        token.transfer(STRANGER, 10e6 + 1);
        vm.expectRevert(abi.encodeWithSelector(DevTokenNoReturn.NotMinter.selector, STRANGER));
        vm.prank(STRANGER);
        token.mint(STRANGER, 1);
    }

    function test_feed_counts_rounds() public {
        DevFeed feed = new DevFeed("ETH / USD", 8);
        vm.expectRevert(abi.encodeWithSelector(DevFeed.NoData.selector));
        feed.latestRoundData();
        vm.warp(1_000);
        feed.setAnswer(7);
        feed.setAnswerAt(8, 900);
        (uint80 round, int256 answer, uint256 started, uint256 updated, uint80 answeredIn) = feed.latestRoundData();
        same(round, 2, "round");
        same(answeredIn, 2, "answered in");
        same(uint256(answer), 8, "answer");
        same(updated, 900, "updated");
        same(started, 900, "started");
        same(feed.decimals(), 8, "decimals");
        same(feed.description(), "ETH / USD", "description");
        vm.expectRevert(abi.encodeWithSelector(DevFeed.NotOwner.selector, STRANGER));
        vm.prank(STRANGER);
        feed.setAnswer(1);
    }

    function _returnsNothing(address target, bytes memory call_) private {
        (bool ok, bytes memory answer) = target.call(call_);
        holds(ok && answer.length == 0, "works, and returns nothing");
    }
}
