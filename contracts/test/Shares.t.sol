// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {IFund} from "./support/IFund.sol";
import {IMintable} from "./support/Uniswap.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title The seed in kind, and what the shares stand for
contract SharesTest is World {
    address private constant DEAD = 0x000000000000000000000000000000000000dEaD;

    function test_seed_issues_shares_and_burns_a_million() public view {
        same(treasury.totalSupply(), 10_000e18, "supply");
        same(treasury.balanceOf(DEAD), 1e6, "burned");
        same(treasury.balanceOf(address(this)), 10_000e18 - 1e6, "the owner's");
        same(held(USDC), 350_000e6, "USDC");
        same(held(WETH), 150e18, "WETH");
        same(held(USDT), 100_000e6, "USDT");
    }

    function test_seed_once() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.AlreadySeeded.selector));
        treasury.seed(new uint256[](4), 1e18);
    }

    /// @dev Weights first: from the seed on they sum to 10,000.
    function test_seed_needs_weights() public {
        IFund fresh = deployTreasury(v2Factory, v3Factory, address(0));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadTargets.selector, 0));
        fresh.seed(new uint256[](0), 1e18);
        ITreasury.Asset memory asset = treasury.snapshot().assets[WETH];
        asset.targetBps = 0;
        fresh.addAsset(asset);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadTargets.selector, 0));
        fresh.seed(new uint256[](1), 1e18);
    }

    /// @dev Exactly what was said is taken, whatever lies there already; the shares count what lies there too.
    function test_seed_takes_what_was_said() public {
        IFund fresh = _fresh();
        IMintable(token[WETH]).mint(address(fresh), 3e18);
        IMintable(token[WETH]).mint(address(this), 7e18);
        IERC20(token[WETH]).approve(address(fresh), 7e18);
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = 7e18;
        vm.expectEmit(address(fresh));
        emit ITreasury.Seeded(amounts, 5e18);
        fresh.seed(amounts, 5e18);
        same(IERC20(token[WETH]).balanceOf(address(this)), 0, "taken");
        same(fresh.componentUnits()[0], 2e18, "ten for five shares");
        same(fresh.balanceOf(address(this)), 5e18 - 1e6, "the owner's");
    }

    /// @dev Possible and unwise: a claim on nothing costs nothing, and whatever comes later is shared with who took it.
    function test_seed_of_nothing_gives_shares_away() public {
        IFund fresh = _fresh();
        fresh.seed(new uint256[](1), 1e18);
        vm.prank(STRANGER);
        fresh.mint(1e30, STRANGER, new uint256[](1));
        same(fresh.balanceOf(STRANGER), 1e30, "for nothing");
    }

    function test_seed_without_an_allowance() public {
        IFund fresh = _fresh();
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = 7e18;
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(fresh), 0, 7e18)
        );
        fresh.seed(amounts, 5e18);
    }

    /// @dev The least there can be: all shares are burned ones.
    function test_smallest_seed() public {
        IFund fresh = _fresh();
        fresh.seed(new uint256[](1), 1e6);
        same(fresh.balanceOf(DEAD), 1e6, "burned");
        same(fresh.balanceOf(address(this)), 0, "none left");
    }

    function test_seed_names_every_asset() public {
        IFund fresh = _fresh();
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 3, 1));
        fresh.seed(new uint256[](3), 1e18);
    }

    function test_seed_needs_more_than_the_burned_shares() public {
        IFund fresh = _fresh();
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, address(this), 1e6 - 1, 1e6)
        );
        fresh.seed(new uint256[](1), 1e6 - 1);
    }

    // -------------------------------------------------------------------------------------------- views

    function test_share_price_is_nav_over_supply() public {
        same(treasury.sharePrice(), 100e18, "1,000,000 USD over 10,000 shares");
        feed[WETH].setAnswer(4_000e8);
        same(treasury.sharePrice(), 130e18, "WETH doubled");
    }

    function test_component_units_are_balances_over_supply() public view {
        uint256[] memory units = treasury.componentUnits();
        same(units.length, 4, "one for each asset");
        same(units[USDC], 35e6, "USDC of one share");
        same(units[WETH], 0.015e18, "WETH of one share");
        same(units[WBTC], 62_500, "WBTC of one share");
        same(units[USDT], 10e6, "USDT of one share");
    }

    function test_views_before_the_seed() public {
        IFund fresh = _fresh();
        same(fresh.nav(), 0, "NAV");
        same(fresh.sharePrice(), 0, "share price");
        same(fresh.trackingError(), 0, "tracking error");
        same(fresh.componentUnits()[0], 0, "component units");
    }

    function test_snapshot_answers_while_a_feed_is_dead() public {
        feed[WETH].setAnswer(0);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadPrice.selector, token[WETH], 0));
        treasury.nav();
        ITreasury.Snapshot memory s = treasury.snapshot();
        same(s.owner, address(this), "owner");
        same(s.guardian, GUARDIAN, "guardian");
        same(s.weigher, WEIGHER, "weigher");
        holds(!s.paused, "not paused");
        same(s.totalSupply, 10_000e18, "supply");
        same(s.assets.length, 4, "assets");
        same(s.venues.length, 9, "venues");
        vm.prank(GUARDIAN);
        treasury.pause();
        holds(treasury.snapshot().paused, "paused");
    }

    /// @dev One asset, nothing held, nothing issued.
    function _fresh() private returns (IFund fresh) {
        fresh = deployTreasury(v2Factory, v3Factory, address(0));
        ITreasury.Asset memory asset = treasury.snapshot().assets[WETH];
        asset.targetBps = 0;
        fresh.addAsset(asset);
        uint16[] memory all = new uint16[](1);
        all[0] = 10_000;
        fresh.setTargets(all);
    }
}
