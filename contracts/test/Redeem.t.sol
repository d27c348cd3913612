// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {IFund} from "./support/IFund.sol";
import {Guzzles, Reverts} from "./support/Hostile.sol";
import {InKind} from "./support/InKind.sol";
import {IMintable} from "./support/Uniswap.sol";
import {WeirdToken} from "./support/WeirdToken.sol";
import {vm} from "./support/Vm.sol";

/// @title The way out in kind: never a unit too much, and open whatever happens elsewhere
contract RedeemTest is InKind {
    function test_one_share() public {
        redeemShares(address(this), BOB, 1e18, 0);
        uint256[] memory got = balances(BOB);
        same(got[USDC], 35e6, "USDC");
        same(got[WETH], 0.015e18, "WETH");
        same(got[WBTC], 62_500, "WBTC");
        same(got[USDT], 10e6, "USDT");
        same(treasury.totalSupply(), 9_999e18, "supply");
        same(treasury.balanceOf(address(this)), 9_999e18 - 1e6, "the caller's shares");
    }

    /// @dev Preview, event, what left the fund, what arrived: the floor of the naive formula, for any size.
    function testFuzz_floor_of_every_asset(uint256 shares, uint256 donation) public {
        shares = within(shares, 1, 10_000e18 - 1e6);
        IMintable(token[WETH]).mint(address(treasury), within(donation, 0, 1e24));
        uint256[] memory expected = portions(shares, false);
        uint256[] memory before = balances(address(treasury));
        same(treasury.previewRedeem(shares), expected, "preview");
        vm.expectEmit(address(treasury));
        emit ITreasury.Redeemed(address(this), BOB, shares, expected, 0);
        treasury.redeem(shares, BOB, expected, 0);
        same(balances(BOB), expected, "all arrived");
        for (uint256 i; i < 4; ++i) {
            same(held(uint8(i)), before[i] - expected[i], "all left");
        }
        same(treasury.totalSupply(), 10_000e18 - shares, "supply");
    }

    /// @dev Less than a unit of anything is nothing: no token is even asked to move.
    function test_less_than_a_unit() public {
        vm.expectEmit(address(treasury));
        emit ITreasury.Redeemed(address(this), BOB, 1, new uint256[](4), 0);
        treasury.redeem(1, BOB, new uint256[](4), 0);
        same(balances(BOB), new uint256[](4), "nothing");
        same(treasury.totalSupply(), 10_000e18 - 1, "but the share is gone");
    }

    // -------------------------------------------------------------------------------------------- limits

    function test_min_out_at_the_amount_and_one_above() public {
        uint256[] memory least = treasury.previewRedeem(1e18 + 1);
        for (uint256 i; i < 4; ++i) {
            ++least[i];
            vm.expectRevert(abi.encodeWithSelector(ITreasury.MinRedeemed.selector, token[i], least[i] - 1, least[i]));
            treasury.redeem(1e18 + 1, BOB, least, 0);
            --least[i];
        }
        treasury.redeem(1e18 + 1, BOB, least, 0);
    }

    function test_length_of_min_out() public {
        for (uint256 length; length < 6; ++length) {
            if (length == 4) continue;
            vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, length, 4));
            treasury.redeem(1e18, BOB, new uint256[](length), 0);
        }
    }

    function test_no_shares() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NoShares.selector));
        treasury.redeem(0, BOB, new uint256[](4), 0);
    }

    function test_more_than_the_caller_has() public {
        treasury.transfer(ALICE, 5);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, ALICE, 5, 6));
        vm.prank(ALICE);
        treasury.redeem(6, ALICE, new uint256[](4), 0);
    }

    /// @dev An allowance on shares is no right to redeem them.
    function test_somebody_elses_shares() public {
        treasury.approve(ALICE, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, ALICE, 0, 1e18));
        vm.prank(ALICE);
        treasury.redeem(1e18, ALICE, new uint256[](4), 0);
    }

    function test_not_seeded() public {
        IFund fresh = deployTreasury(v2Factory, v3Factory, address(0));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotSeeded.selector));
        fresh.redeem(1e18, BOB, new uint256[](0), 0);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.NotSeeded.selector));
        fresh.previewRedeem(1e18);
    }

    // -------------------------------------------------------------------------------------------- skipping

    /// @dev A dead token is not asked for anything, and what was given up of it stays with the others.
    function test_skipped_token_is_not_even_called() public {
        uint256 state = vm.snapshotState();
        bytes[2] memory codes = [type(Reverts).runtimeCode, type(Guzzles).runtimeCode];
        for (uint256 i; i < codes.length; ++i) {
            vm.etch(token[WBTC], codes[i]);
            uint256[] memory least = new uint256[](4);
            // Nothing is asked of what is skipped.
            least[WBTC] = type(uint256).max;
            treasury.redeem{gas: 1_000_000}(1e18, BOB, least, 1 << WBTC);
            same(DevFeed(token[WETH]).decimals(), 18, "the others are alive");
            vm.revertToState(state);
        }
        vm.etch(token[WBTC], type(Reverts).runtimeCode);
        vm.expectRevert(abi.encodeWithSignature("Error(string)", "no"));
        treasury.redeem(1e18, BOB, new uint256[](4), 0);
    }

    function test_skipped_claim_stays_with_the_others() public {
        uint256[] memory before = treasury.componentUnits();
        uint256[] memory expected = portions(5_000e18, false);
        expected[WBTC] = 0;
        vm.expectEmit(address(treasury));
        emit ITreasury.Redeemed(address(this), BOB, 5_000e18, expected, 1 << WBTC);
        treasury.redeem(5_000e18, BOB, new uint256[](4), 1 << WBTC);
        same(balances(BOB), expected, "all but the skipped one");
        same(held(WBTC), 6.25e8, "which stays whole");
        uint256[] memory units = treasury.componentUnits();
        same(units[WBTC], 2 * before[WBTC], "for half the shares");
        same(units[WETH], before[WETH], "the others are as before");
    }

    function testFuzz_any_mask(uint256 skipMask) public {
        uint256[] memory expected = portions(123e18 + 456, false);
        for (uint256 i; i < 4; ++i) {
            if (skipMask / 2 ** i % 2 == 1) expected[i] = 0;
        }
        vm.expectEmit(address(treasury));
        emit ITreasury.Redeemed(address(this), BOB, 123e18 + 456, expected, skipMask);
        treasury.redeem(123e18 + 456, BOB, expected, skipMask);
        same(balances(BOB), expected, "all that was not skipped");
    }

    // -------------------------------------------------------------------------------------------- receivers

    /// @dev Tokens refuse the zero address; who names it keeps the shares.
    function test_nobody_receives() public {
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(0)));
        treasury.redeem(1e18, address(0), new uint256[](4), 0);
        same(treasury.balanceOf(address(this)), 10_000e18 - 1e6, "shares");
    }

    /// @dev A gift to the others: the shares are gone, the assets stay.
    function test_treasury_receives() public {
        uint256[] memory before = balances(address(treasury));
        redeemShares(address(this), address(treasury), 5_000e18, 0);
        same(balances(address(treasury)), before, "assets");
        same(treasury.totalSupply(), 5_000e18, "supply");
    }

    // -------------------------------------------------------------------------------------------- troubles elsewhere

    function test_works_while_paused_and_without_a_price() public {
        vm.prank(GUARDIAN);
        treasury.pause();
        feed[USDC].setAnswer(0);
        feed[WETH].setAnswerAt(2_000e8, 0);
        vm.etch(address(feed[WBTC]), type(Reverts).runtimeCode);
        vm.etch(address(feed[USDT]), "");
        redeemShares(address(this), BOB, 1e18, 0);
        same(balances(BOB)[USDC], 35e6, "as ever");
    }

    function test_retired_assets_are_paid_too() public {
        treasury.setTargets(_weights(3500, 4000, 2500, 0));
        treasury.retireAsset(USDT);
        redeemShares(address(this), BOB, 1e18, 0);
        same(balances(BOB)[USDT], 10e6, "USDT");
    }

    /// @dev No roles, no lists: also when nobody is left to run the fund.
    function test_without_an_owner() public {
        treasury.renounceOwnership();
        redeemShares(address(this), BOB, 1e18, 0);
        same(balances(BOB)[USDC], 35e6, "as ever");
    }

    /// @dev The burned shares keep the rest: the last holder leaves, and the fund is still one.
    function test_last_holder() public {
        redeemShares(address(this), BOB, 10_000e18 - 1e6, 0);
        same(treasury.totalSupply(), 1e6, "the burned ones");
        // 1e6 of 1e22 shares: a 1e-16th of everything, and a unit for the rounding.
        same(held(USDC), 1, "USDC");
        same(held(WETH), 15_000, "WETH");
        uint256[] memory given = mintShares(ALICE, ALICE, 1e18);
        same(given[WETH], 0.015e18, "WETH, as at first");
        same(given[USDC], 1e12, "USDC: a unit for each 1e6 shares");
        redeemShares(ALICE, ALICE, 1e18, 0);
        same(balances(ALICE), given, "all of it back");
    }

    /// @dev A token whose transfers take a fee pays less than the event says: the receiver's loss, nobody else's.
    function test_fee_on_the_way_out() public {
        WeirdToken weird = new WeirdToken();
        treasury.addAsset(_asset(address(weird), address(feed[USDC]), 18, 1e8));
        weird.mint(address(treasury), 100_000e18);
        weird.takeFee(100);
        uint256[] memory units = treasury.componentUnits();
        redeemShares(address(this), BOB, 1e18, 0);
        same(weird.balanceOf(BOB), 9.9e18, "ten, less the token's own fee");
        same(treasury.componentUnits(), units, "the others' claim");
    }
}
