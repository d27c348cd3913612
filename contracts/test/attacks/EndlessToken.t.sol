// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {InKind} from "../support/InKind.sol";
import {vm} from "../support/Vm.sol";

/// @title A listed token that somebody can mint without end, given to the fund: numbers that no product fits
/// @dev   Whoever holds shares leaves with everything; batches stop until the owner retires the token.
contract EndlessTokenTest is InKind {
    DevToken private endless;
    uint8 private index;

    function setUp() public override {
        super.setUp();
        endless = new DevToken("Endless", "END", 18);
        index = treasury.addAsset(_asset(address(endless), address(feed[USDC]), 18, 1e8));
        mintShares(ALICE, ALICE, 100e18);
    }

    /// @dev Any gift up to all that a word holds.
    function testFuzz_redemption_goes_on(uint256 gift, uint256 shares) public {
        _give(gift);
        shares = within(shares, 1, 100e18);
        uint256[] memory expected = treasury.previewRedeem(shares);
        redeemShares(ALICE, ALICE, shares, 0);
        same(balances(ALICE), expected, "all of it, the endless token too");
    }

    /// @dev The largest balances that a token can tell, and shares of the largest holder.
    function test_redemption_of_nearly_everything() public {
        _give(type(uint256).max);
        redeemShares(address(this), BOB, treasury.balanceOf(address(this)), 0);
        redeemShares(ALICE, BOB, 100e18, 0);
        same(treasury.totalSupply(), 1e6, "the burned ones remain");
    }

    function test_batches_stop_and_retirement_brings_them_back() public {
        _give(type(uint256).max);
        bytes memory panic = abi.encodeWithSignature("Panic(uint256)", 0x11);
        expect(panic, honest());
        vm.expectRevert(panic);
        treasury.nav();
        treasury.retireAsset(index);
        same(treasury.nav(), 1_010_000e18, "NAV of the others");
        rebalance(honest());
    }

    /// @dev Whoever wants to mint must bring his part of it too: nobody mints cheaply.
    function test_mint_asks_for_its_part() public {
        _give(type(uint256).max);
        treasury.retireAsset(index);
        uint256[] memory maxIn = most();
        uint256 wanted = treasury.previewMint(1e18)[index];
        holds(wanted > type(uint256).max / 20_000, "a ten-thousandth of all there is");
        uint256[] memory amounts = treasury.previewMint(1e18);
        amounts[index] = 0;
        provide(treasury, BOB, amounts);
        bytes4 short_ = IERC20Errors.ERC20InsufficientAllowance.selector;
        vm.expectRevert(abi.encodeWithSelector(short_, address(treasury), 0, wanted));
        vm.prank(BOB);
        treasury.mint(1e18, BOB, maxIn);
    }

    function _give(uint256 gift) private {
        uint256 left = type(uint256).max - endless.totalSupply();
        endless.mint(address(treasury), gift > left ? left : gift);
    }
}
