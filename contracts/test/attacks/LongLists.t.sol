// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DevFeed} from "../../src/devnet/DevFeed.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {InKind} from "../support/InKind.sol";
import {vm} from "../support/Vm.sol";

/// @title As many assets and venues as there can be: everything still fits one transaction
/// @dev   A transaction may use 16,777,216 gas since Fusaka, whatever the block's limit. Everything is cold.
contract LongListsTest is InKind {
    uint256 private constant MOST_GAS = 16_777_216;

    address[] private all;

    function setUp() public override {
        super.setUp();
        for (uint256 i; i < 4; ++i) {
            all.push(token[i]);
            all.push(address(feed[i]));
        }
        for (uint256 i = 4; i < 64; ++i) {
            DevToken more = new DevToken("More", "MORE", 18);
            DevFeed price = new DevFeed("price", 8);
            price.setAnswer(1e8);
            treasury.addAsset(_asset(address(more), address(price), 18, 1e8));
            more.mint(address(treasury), 1_000e18);
            all.push(address(more));
            all.push(address(price));
        }
        ITreasury.Venue memory venue = treasury.snapshot().venues[V2_PAIR];
        for (uint256 i = 9; i < 256; ++i) {
            treasury.addVenue(venue);
        }
    }

    function test_redemption() public {
        uint256[] memory least = none();
        _cool();
        uint256 gas = gasleft();
        treasury.redeem(1e18, BOB, least, 0);
        _fits(gas);
        same(IERC20(all[126]).balanceOf(BOB), 0.1e18, "of the last one too");
    }

    function test_mint() public {
        provide(treasury, ALICE, treasury.previewMint(1e18));
        uint256[] memory maxIn = most();
        _cool();
        vm.prank(ALICE);
        uint256 gas = gasleft();
        treasury.mint(1e18, ALICE, maxIn);
        _fits(gas);
    }

    function test_rebalance() public {
        ITreasury.Swap[] memory swaps = honest();
        _cool();
        vm.prank(KEEPER);
        uint256 gas = gasleft();
        treasury.rebalance(swaps, 1, uint64(time), DECISION);
        _fits(gas);
    }

    function test_targets() public {
        uint16[] memory targets = new uint16[](64);
        for (uint256 i; i < 64; ++i) {
            targets[i] = i < 16 ? 157 : 156;
        }
        _cool();
        uint256 gas = gasleft();
        treasury.setTargets(targets);
        _fits(gas);
    }

    /// @dev Every venue names the asset that goes, or the one that moves: each is written anew.
    function test_drop() public {
        uint16[] memory targets = new uint16[](64);
        targets[WETH] = 10_000;
        treasury.setTargets(targets);
        treasury.retireAsset(USDC);
        uint256 balance = held(USDC);
        vm.prank(address(treasury));
        IERC20(token[USDC]).transfer(address(1), balance);
        _cool();
        uint256 gas = gasleft();
        treasury.dropAsset(USDC);
        _fits(gas);
    }

    function test_snapshot_of_everything() public {
        _cool();
        uint256 gas = gasleft();
        ITreasury.Snapshot memory snapshot = treasury.snapshot();
        _fits(gas);
        same(snapshot.assets.length, 64, "assets");
        same(snapshot.venues.length, 256, "venues");
    }

    function _cool() private {
        vm.cool(address(treasury));
        for (uint256 i; i < all.length; ++i) {
            vm.cool(all[i]);
        }
    }

    event log_named_uint(string key, uint256 value);

    function _fits(uint256 before) private {
        uint256 used = before - gasleft();
        emit log_named_uint("  gas", used);
        holds(used < MOST_GAS / 2, "half of a transaction");
    }
}
