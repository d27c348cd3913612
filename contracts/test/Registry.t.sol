// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevFeed} from "../src/devnet/DevFeed.sol";
import {DevToken} from "../src/devnet/DevToken.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title What asset may be listed, and what sum the weights must have
contract RegistryTest is World {
    // -------------------------------------------------------------------------------------------- assets

    function test_asset_of_the_list_again() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[WETH];
        asset.targetBps = 0;
        _badAsset(asset);
    }

    function test_own_share_token() public {
        _badAsset(_asset(address(treasury), address(feed[0]), 18, 1e8));
    }

    function test_asset_that_is_not_what_it_is_said_to_be() public {
        ITreasury.Asset memory good = _fresh(18, 8);
        ITreasury.Asset memory bad = _copy(good);
        bad.tokenDecimals = 17;
        _badAsset(bad);
        bad = _copy(good);
        bad.feedDecimals = 9;
        _badAsset(bad);
        bad = _copy(good);
        bad.minPrice = 0;
        _badAsset(bad);
        bad = _copy(good);
        bad.maxPrice = bad.minPrice - 1;
        _badAsset(bad);
        bad = _copy(good);
        bad.maxAge = 0;
        _badAsset(bad);
        same(treasury.addAsset(good), 4, "index");
    }

    function test_decimals_of_token_and_feed_together() public {
        same(treasury.addAsset(_fresh(18, 18)), 4, "36 is the limit");
        _badAsset(_fresh(19, 18));
    }

    /// @dev A weight of its own would break the sum of all.
    function test_new_asset_comes_without_a_weight() public {
        ITreasury.Asset memory asset = _fresh(18, 8);
        asset.targetBps = 1;
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadTargets.selector, 1));
        treasury.addAsset(asset);
    }

    function test_set_asset_changes_feed_and_bounds_alone() public {
        ITreasury.Asset memory asset = treasury.snapshot().assets[WETH];
        (asset.maxAge, asset.minPrice, asset.buyable) = (60, 1, false);
        treasury.setAsset(WETH, asset);
        ITreasury.Asset memory now_ = treasury.snapshot().assets[WETH];
        holds(keccak256(abi.encode(now_)) == keccak256(abi.encode(asset)), "as set");

        asset.targetBps += 1;
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadTargets.selector, asset.targetBps));
        treasury.setAsset(WETH, asset);
        asset = treasury.snapshot().assets[USDC];
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadAsset.selector, token[USDC]));
        treasury.setAsset(WETH, asset);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 4, 4));
        treasury.setAsset(4, asset);
    }

    function test_changes_of_assets_are_told() public {
        ITreasury.Asset memory asset = _fresh(18, 8);
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetSet(4, asset);
        treasury.addAsset(asset);
        asset = treasury.snapshot().assets[WETH];
        asset.maxAge = 60;
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetSet(WETH, asset);
        treasury.setAsset(WETH, asset);
        asset.buyable = false;
        vm.expectEmit(address(treasury));
        emit ITreasury.AssetSet(WETH, asset);
        vm.prank(GUARDIAN);
        treasury.stopBuying(WETH);
        holds(keccak256(abi.encode(treasury.snapshot().assets[WETH])) == keccak256(abi.encode(asset)), "as told");
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 5, 5));
        treasury.stopBuying(5);
    }

    /// @dev Every field at its largest and at its smallest comes back as it was written, next to its neighbours.
    function testFuzz_assets_are_kept_as_given(ITreasury.Asset memory asset, uint8 index) public {
        index = uint8(within(index, 0, 3));
        ITreasury.Snapshot memory before = treasury.snapshot();
        (asset.token, asset.targetBps, asset.retired) = (token[index], before.assets[index].targetBps, false);
        asset.tokenDecimals = before.assets[index].tokenDecimals;
        asset.feedDecimals = uint8(within(asset.feedDecimals, 0, 36 - asset.tokenDecimals));
        asset.feed = address(new DevFeed("any", asset.feedDecimals));
        (asset.maxAge, asset.minPrice) =
        (asset.maxAge == 0 ? 1 : asset.maxAge, asset.minPrice == 0 ? 1 : asset.minPrice);
        if (asset.maxPrice < asset.minPrice) asset.maxPrice = asset.minPrice;
        treasury.setAsset(index, asset);
        before.assets[index] = asset;
        holds(keccak256(abi.encode(treasury.snapshot())) == keccak256(abi.encode(before)), "this one and no other");
    }

    function test_at_most_sixty_four_assets() public {
        for (uint256 i = 4; i < 64; ++i) {
            treasury.addAsset(_fresh(18, 8));
        }
        ITreasury.Asset memory one = _fresh(18, 8);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLimit.selector, 65, 64));
        treasury.addAsset(one);
    }

    // -------------------------------------------------------------------------------------------- weights

    function testFuzz_targets_sum_to_ten_thousand(uint16 a, uint16 b, uint16 c, uint16 d) public {
        // Half of the runs sum up, so that both verdicts are seen.
        if (a % 2 == 0) {
            a = uint16(within(a, 0, 10_000));
            b = uint16(within(b, 0, 10_000 - a));
            c = uint16(within(c, 0, 10_000 - a - b));
            d = 10_000 - a - b - c;
        }
        uint256 sum = uint256(a) + b + c + d;
        bytes32 before = keccak256(abi.encode(treasury.snapshot()));
        if (sum != 10_000) {
            vm.expectRevert(abi.encodeWithSelector(ITreasury.BadTargets.selector, sum));
            treasury.setTargets(_weights(a, b, c, d));
            holds(before == keccak256(abi.encode(treasury.snapshot())), "nothing changed");
        } else {
            treasury.setTargets(_weights(a, b, c, d));
            ITreasury.Asset[] memory assets = treasury.snapshot().assets;
            same(assets[0].targetBps, a, "first");
            same(assets[3].targetBps, d, "last");
        }
    }

    function test_one_target_for_each_asset() public {
        uint16[] memory three = new uint16[](3);
        (three[0], three[1], three[2]) = (5000, 2500, 2500);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 3, 4));
        treasury.setTargets(three);
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _fresh(uint8 tokenDecimals, uint8 feedDecimals) private returns (ITreasury.Asset memory asset) {
        address token_ = address(new DevToken("New", "NEW", tokenDecimals));
        asset = _asset(token_, address(new DevFeed("NEW", feedDecimals)), tokenDecimals, 1e8);
        asset.feedDecimals = feedDecimals;
    }

    function _copy(ITreasury.Asset memory asset) private pure returns (ITreasury.Asset memory) {
        return abi.decode(abi.encode(asset), (ITreasury.Asset));
    }

    function _badAsset(ITreasury.Asset memory asset) private {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadAsset.selector, asset.token));
        treasury.addAsset(asset);
    }
}
