// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {IFund} from "./support/IFund.sol";
import {InKind} from "./support/InKind.sol";
import {IMintable} from "./support/Uniswap.sol";
import {Reverts} from "./support/Hostile.sol";
import {vm} from "./support/Vm.sol";

/// @title Shares against every asset in kind: never a unit too little
contract MintTest is InKind {
    function test_one_share() public {
        uint256[] memory amounts = mintShares(ALICE, ALICE, 1e18);
        same(amounts[USDC], 35e6, "USDC");
        same(amounts[WETH], 0.015e18, "WETH");
        same(amounts[WBTC], 62_500, "WBTC");
        same(amounts[USDT], 10e6, "USDT");
        same(treasury.balanceOf(ALICE), 1e18, "shares");
        same(treasury.totalSupply(), 10_001e18, "supply");
    }

    /// @dev The smallest mint takes a unit of each, not nothing.
    function test_smallest_mint_takes_a_unit_of_each() public {
        uint256[] memory amounts = mintShares(ALICE, ALICE, 1);
        for (uint256 i; i < 4; ++i) {
            same(amounts[i], 1, "one unit");
        }
        same(treasury.balanceOf(ALICE), 1, "one share unit");
    }

    /// @dev Preview, event, what left the caller, what arrived: the ceiling of the naive formula, for any size.
    function testFuzz_ceiling_of_every_asset(uint256 shares, uint256 donation) public {
        shares = within(shares, 1, 1e30);
        IMintable(token[WETH]).mint(address(treasury), within(donation, 0, 1e24));
        uint256[] memory expected = portions(shares, true);
        uint256[] memory before = balances(address(treasury));
        same(treasury.previewMint(shares), expected, "preview");
        provide(treasury, ALICE, expected);
        vm.expectEmit(address(treasury));
        emit ITreasury.Minted(ALICE, BOB, shares, expected);
        vm.prank(ALICE);
        treasury.mint(shares, BOB, expected);
        same(balances(ALICE), new uint256[](4), "all was taken");
        for (uint256 i; i < 4; ++i) {
            same(held(uint8(i)), before[i] + expected[i], "all arrived");
        }
        same(treasury.balanceOf(BOB), shares, "shares of the receiver");
        same(treasury.balanceOf(ALICE), 0, "none of the giver");
        same(treasury.totalSupply(), 10_000e18 + shares, "supply");
    }

    // -------------------------------------------------------------------------------------------- limits

    function test_max_in_at_the_amount_and_one_below() public {
        uint256 shares = 1e18 + 1;
        uint256[] memory amounts = treasury.previewMint(shares);
        provide(treasury, ALICE, amounts);
        for (uint256 i; i < 4; ++i) {
            --amounts[i];
            vm.expectRevert(abi.encodeWithSelector(ITreasury.MaxIn.selector, token[i], amounts[i] + 1, amounts[i]));
            vm.prank(ALICE);
            treasury.mint(shares, ALICE, amounts);
            ++amounts[i];
        }
        vm.prank(ALICE);
        treasury.mint(shares, ALICE, amounts);
    }

    function test_length_of_max_in() public {
        for (uint256 length; length < 6; ++length) {
            if (length == 4) continue;
            vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, length, 4));
            treasury.mint(1e18, ALICE, new uint256[](length));
        }
    }

    function test_no_shares() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NoShares.selector));
        treasury.mint(0, ALICE, new uint256[](4));
    }

    function test_not_seeded() public {
        IFund fresh = deployTreasury(v2Factory, v3Factory, address(0));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotSeeded.selector));
        fresh.mint(1e18, ALICE, new uint256[](0));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotSeeded.selector));
        fresh.previewMint(1e18);
    }

    /// @dev A fund in trouble takes no newcomers.
    function test_refused_while_paused() public {
        uint256[] memory amounts = treasury.previewMint(1e18);
        provide(treasury, ALICE, amounts);
        vm.prank(GUARDIAN);
        treasury.pause();
        vm.expectRevert(abi.encodeWithSelector(ITreasury.IsPaused.selector));
        vm.prank(ALICE);
        treasury.mint(1e18, ALICE, amounts);
        treasury.unpause();
        vm.prank(ALICE);
        treasury.mint(1e18, ALICE, amounts);
    }

    function test_allowance_one_short() public {
        uint256[] memory amounts = treasury.previewMint(1e18);
        provide(treasury, ALICE, amounts);
        vm.prank(ALICE);
        IERC20(token[WETH]).approve(address(treasury), amounts[WETH] - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(treasury), amounts[WETH] - 1, amounts[WETH]
            )
        );
        vm.prank(ALICE);
        treasury.mint(1e18, ALICE, amounts);
        same(balances(ALICE), amounts, "nothing was taken");
    }

    // -------------------------------------------------------------------------------------------- receivers

    function test_nobody_receives() public {
        uint256[] memory amounts = treasury.previewMint(1e18);
        provide(treasury, ALICE, amounts);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        vm.prank(ALICE);
        treasury.mint(1e18, address(0), amounts);
    }

    /// @dev Shares of the fund itself are a gift that leaves everybody else's claim as it was.
    function test_treasury_receives() public {
        uint256[] memory units = treasury.componentUnits();
        mintShares(ALICE, address(treasury), 1e18);
        same(treasury.balanceOf(address(treasury)), 1e18, "shares");
        same(treasury.componentUnits(), units, "component units");
    }

    // -------------------------------------------------------------------------------------------- troubles elsewhere

    /// @dev No price is asked: neither a stale nor a dead feed, nor a price out of bounds keeps anybody out.
    function test_feeds_do_not_matter() public {
        feed[USDC].setAnswer(0);
        feed[WETH].setAnswerAt(2_000e8, 0);
        vm.etch(address(feed[WBTC]), type(Reverts).runtimeCode);
        vm.etch(address(feed[USDT]), "");
        same(mintShares(ALICE, ALICE, 1e18)[USDC], 35e6, "as ever");
    }

    function test_retired_assets_are_given_too() public {
        treasury.setTargets(_weights(3500, 4000, 2500, 0));
        treasury.retireAsset(USDT);
        same(mintShares(ALICE, ALICE, 1e18)[USDT], 10e6, "USDT");
    }

    /// @dev What the fund has none of costs nothing and is not asked to move.
    function test_asset_without_a_balance() public {
        vm.prank(address(treasury));
        IERC20(token[WBTC]).transfer(BOB, 6.25e8);
        uint256[] memory amounts = mintShares(ALICE, ALICE, 1e18);
        same(amounts[WBTC], 0, "none");
        same(treasury.balanceOf(ALICE), 1e18, "shares");
    }

    /// @dev A gift before a mint belongs to those who were there; the newcomer pays for a share of it.
    function test_donation_before_and_after() public {
        IMintable(token[WBTC]).mint(address(treasury), 6.25e8);
        same(mintShares(ALICE, ALICE, 1e18)[WBTC], 125_000, "twice as much each");
        uint256[] memory mine = treasury.previewRedeem(1e18);
        IMintable(token[WBTC]).mint(address(treasury), 1e8);
        holds(treasury.previewRedeem(1e18)[WBTC] > mine[WBTC], "what comes after is for all");
    }
}
