// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {IFund} from "./support/IFund.sol";
import {InKind} from "./support/InKind.sol";
import {WeirdToken} from "./support/WeirdToken.sol";
import {vm} from "./support/Vm.sol";

/// @title Seed, mint and redemption with tokens that take fees, refuse or lie: a named error, and a way out without them
contract WeirdSharesTest is InKind {
    uint8 private constant WEIRD = 4;

    WeirdToken private weird;
    IFund private fresh;

    /// @dev 100,000 WEIRD in the fund, ten for a share; well behaved until told otherwise. `fresh` has no other asset, and
    ///      is not seeded. The test contract may give enough to either.
    function setUp() public override {
        super.setUp();
        weird = new WeirdToken();
        treasury.addAsset(_asset(address(weird), address(feed[USDC]), 18, 1e8));
        weird.mint(address(treasury), 100_000e18);
        fresh = deployTreasury(v2Factory, v3Factory, address(0));
        fresh.addAsset(_asset(address(weird), address(feed[USDC]), 18, 1e8));
        uint16[] memory all = new uint16[](1);
        all[0] = 10_000;
        fresh.setTargets(all);
        provide(treasury, address(this), treasury.previewMint(10e18));
        weird.mint(address(this), 1_000e18);
        weird.approve(address(fresh), 1_000e18);
    }

    function test_behaves_at_first() public {
        _seeds();
        treasury.mint(10e18, ALICE, most());
        redeemShares(ALICE, BOB, 10e18, 0);
        same(weird.balanceOf(BOB), 100e18, "ten a share");
    }

    function test_takes_a_fee() public {
        weird.takeFee(100);
        _isRefused(
            abi.encodeWithSelector(ITreasury.InexactTransfer.selector, address(weird), 990e18, 1_000e18),
            abi.encodeWithSelector(ITreasury.InexactTransfer.selector, address(weird), 99e18, 100e18)
        );
        // On the way out it is the receiver's.
        redeemShares(address(this), BOB, 10e18, 0);
        same(weird.balanceOf(BOB), 99e18, "less the token's fee");
    }

    /// @dev What a token charges on top is the giver's own affair on the way in: the fund has what was meant. On the way
    ///      out the giver is the fund: nobody should list such a token.
    function test_charges_the_sender() public {
        weird.chargeSender(100);
        weird.mint(address(this), 11e18);
        _seeds();
        treasury.mint(10e18, ALICE, most());
        same(weird.balanceOf(address(treasury)), 100_100e18, "what was meant");
        redeemShares(ALICE, BOB, 10e18, 0);
        same(weird.balanceOf(BOB), 100e18, "paid whole");
        same(weird.balanceOf(address(treasury)), 99_999e18, "the others bear the charge");
    }

    function test_answers_false() public {
        weird.answerFalse();
        bytes memory reason = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(weird));
        _isRefused(reason, reason);
        _isNotPaid(reason);
    }

    function test_halted() public {
        weird.halt(true);
        bytes memory reason = abi.encodeWithSelector(WeirdToken.Halted.selector);
        _isRefused(reason, reason);
        _isNotPaid(reason);
        weird.halt(false);
        redeemShares(address(this), BOB, 5_000e18, 0);
        // Those who left without it left their part: 100,000 for 9,990 shares.
        same(weird.balanceOf(BOB), uint256(100_000e18) * 5_000 / 9_990, "a part of what others gave up");
    }

    function test_receiver_is_blocked() public {
        weird.blockAccount(BOB);
        _isNotPaid(abi.encodeWithSelector(WeirdToken.Blocked.selector, BOB));
        redeemShares(address(this), ALICE, 10e18, 0);
        holds(weird.balanceOf(ALICE) > 100e18, "another receiver is paid");
    }

    function test_giver_is_blocked() public {
        weird.blockAccount(address(this));
        bytes memory reason = abi.encodeWithSelector(WeirdToken.Blocked.selector, address(this));
        _isRefused(reason, reason);
    }

    function test_treasury_is_blocked() public {
        weird.blockAccount(address(treasury));
        weird.blockAccount(address(fresh));
        _isRefused(
            abi.encodeWithSelector(WeirdToken.Blocked.selector, address(fresh)),
            abi.encodeWithSelector(WeirdToken.Blocked.selector, address(treasury))
        );
        _isNotPaid(abi.encodeWithSelector(WeirdToken.Blocked.selector, address(treasury)));
    }

    /// @dev Nothing of a token is never moved, so it cannot refuse: no seed of it, no balance, less than a unit.
    function test_refuses_zero() public {
        weird.refuseZero();
        fresh.seed(new uint256[](1), 1e18);
        fresh.mint(1e18, ALICE, new uint256[](1));
        fresh.redeem(1e17, BOB, new uint256[](1), 0);
        treasury.redeem(1, BOB, none(), 0);
        same(treasury.previewRedeem(1)[WETH], 0, "less than a unit");
        redeemShares(address(this), BOB, 10e18, 0);
        holds(weird.balanceOf(BOB) >= 100e18, "something is paid");
    }

    function test_hides_balances() public {
        weird.hideBalances(true);
        bytes memory reason = abi.encodeWithSelector(WeirdToken.Hidden.selector);
        _isRefused(reason, reason);
        uint256[] memory least = none();
        vm.expectRevert(reason);
        treasury.redeem(10e18, BOB, least, 0);
        treasury.redeem(10e18, BOB, least, 1 << WEIRD);
        _paidTheOthers();
        vm.expectRevert(reason);
        treasury.previewMint(1e18);
        vm.expectRevert(reason);
        treasury.previewRedeem(1e18);
        vm.expectRevert(reason);
        treasury.componentUnits();
    }

    // -------------------------------------------------------------------------------------------- helpers

    /// @dev Neither seed nor mint goes through, and nothing at all has moved.
    function _isRefused(bytes memory ofSeed, bytes memory ofMint) private {
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = 1_000e18;
        vm.expectRevert(ofSeed);
        fresh.seed(amounts, 1e18);
        uint256[] memory maxIn = most();
        uint256 usdc = held(USDC);
        vm.expectRevert(ofMint);
        treasury.mint(10e18, ALICE, maxIn);
        same(held(USDC), usdc, "nothing moved");
        same(treasury.balanceOf(ALICE), 0, "no shares");
    }

    /// @dev With it a redemption fails by its name, without it the others are paid whole and its claim stays.
    function _isNotPaid(bytes memory reason) private {
        uint256[] memory least = none();
        vm.expectRevert(reason);
        treasury.redeem(10e18, BOB, least, 0);
        treasury.redeem(10e18, BOB, least, 1 << WEIRD);
        _paidTheOthers();
        same(weird.balanceOf(address(treasury)), 100_000e18, "its claim stays with the fund");
    }

    function _paidTheOthers() private view {
        same(IERC20(token[USDC]).balanceOf(BOB), 350e6, "USDC");
        same(IERC20(token[WETH]).balanceOf(BOB), 0.15e18, "WETH");
        same(IERC20(token[WBTC]).balanceOf(BOB), 625_000, "WBTC");
        same(IERC20(token[USDT]).balanceOf(BOB), 100e6, "USDT");
    }

    function _seeds() private {
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = 1_000e18;
        fresh.seed(amounts, 1e18);
        same(weird.balanceOf(address(fresh)), 1_000e18, "seeded");
    }
}
