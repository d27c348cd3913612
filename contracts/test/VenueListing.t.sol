// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUniswapV2Factory} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Factory.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {IFund} from "./support/IFund.sol";
import {Uniswap} from "./support/Uniswap.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title What pair, pool or router may be listed
contract VenueListingTest is World {
    /// @dev Every kind with every single thing wrong.
    function test_venue_that_is_not_what_it_is_said_to_be() public {
        ITreasury.Venue[] memory listed = treasury.snapshot().venues;
        for (uint256 i; i <= V3_ROUTER; ++i) {
            ITreasury.Venue memory bad = _copy(listed[i]);
            (bad.i0, bad.i1) = (bad.i1, bad.i0);
            _badVenue(bad);
            bad = _copy(listed[i]);
            bad.i0 = bad.i1;
            _badVenue(bad);
            bad = _copy(listed[i]);
            bad.feePips = 500;
            _badVenue(bad);
            // A V2 pair is no V3 pool, and a router of one version does not know the other's factory.
            bad = _copy(listed[i]);
            bad.target = listed[i ^ 1].target;
            _badVenue(bad);
        }
    }

    function test_changes_of_venues_are_told() public {
        ITreasury.Venue memory venue = treasury.snapshot().venues[V3_POOL];
        vm.expectEmit(address(treasury));
        emit ITreasury.VenueSet(9, venue);
        same(treasury.addVenue(venue), 9, "index");
        venue.enabled = false;
        vm.expectEmit(address(treasury));
        emit ITreasury.VenueSet(9, venue);
        vm.prank(GUARDIAN);
        treasury.disableVenue(9);
        holds(keccak256(abi.encode(treasury.snapshot().venues[9])) == keccak256(abi.encode(venue)), "as told");
    }

    function test_venue_of_an_unknown_asset() public {
        ITreasury.Venue memory venue = treasury.snapshot().venues[V2_PAIR];
        (uint8 i0, uint8 i1) = (venue.i0, venue.i1);
        venue.i0 = 4;
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 4, 4));
        treasury.addVenue(venue);
        (venue.i0, venue.i1) = (i0, 255);
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLength.selector, 255, 4));
        treasury.addVenue(venue);
        venue.i1 = i1;
        treasury.addVenue(venue);
    }

    function test_factories() public view {
        same(treasury.v2Factory(), v2Factory, "V2");
        same(treasury.v3Factory(), v3Factory, "V3");
    }

    function test_pool_of_other_tokens() public {
        ITreasury.Venue[] memory listed = treasury.snapshot().venues;
        for (uint256 i; i <= V3_POOL; ++i) {
            ITreasury.Venue memory bad = _copy(listed[i]);
            bad.target = listed[USDT_V2_PAIR + i].target;
            _badVenue(bad);
        }
    }

    function test_pool_that_does_not_exist() public {
        _badVenue(_venue(ITreasury.Kind.V3Router, v3Router, USDC, WBTC, 3000));
        _badVenue(_venue(ITreasury.Kind.V2Router, v2Router, USDC, WBTC, 3000));
        _badVenue(_venue(ITreasury.Kind.V2Pair, address(0), USDC, WBTC, 3000));
        _badVenue(_venue(ITreasury.Kind.V3Pool, address(0), USDC, WBTC, 3000));
    }

    /// @dev A real pair of tokens that are listed, from a factory that anybody may have deployed.
    function test_pair_of_another_factory() public {
        OtherUniswap other = new OtherUniswap();
        address pair = other.createPair(token[USDC], token[WETH]);
        _badVenue(_venue(ITreasury.Kind.V2Pair, pair, USDC, WETH, 3000));
        _badVenue(_venue(ITreasury.Kind.V2Router, other.router(), USDC, WETH, 3000));
    }

    function test_version_without_a_factory() public {
        IFund without = deployTreasury(address(0), address(0), address(0));
        ITreasury.Snapshot memory s = treasury.snapshot();
        for (uint256 i; i < 4; ++i) {
            s.assets[i].targetBps = 0;
            without.addAsset(s.assets[i]);
        }
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ITreasury.BadVenue.selector, 0));
            without.addVenue(s.venues[i]);
        }
    }

    function test_disabled_venue_comes_back_by_being_added() public {
        vm.prank(GUARDIAN);
        treasury.disableVenue(V2_PAIR);
        ITreasury.Venue memory venue = treasury.snapshot().venues[V2_PAIR];
        holds(!venue.enabled, "disabled");
        venue.enabled = true;
        uint16 index = treasury.addVenue(venue);
        rebalance(batch(order(index, USDC, 20_000e6)));
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadVenue.selector, index + 1));
        treasury.disableVenue(index + 1);
    }

    function test_at_most_two_hundred_and_fifty_six_venues() public {
        ITreasury.Venue memory venue = treasury.snapshot().venues[0];
        for (uint256 i = treasury.snapshot().venues.length; i < 256; ++i) {
            treasury.addVenue(venue);
        }
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLimit.selector, 257, 256));
        treasury.addVenue(venue);
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _copy(ITreasury.Venue memory venue) private pure returns (ITreasury.Venue memory) {
        return abi.decode(abi.encode(venue), (ITreasury.Venue));
    }

    function _badVenue(ITreasury.Venue memory venue) private {
        uint256 index = treasury.snapshot().venues.length;
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadVenue.selector, index));
        treasury.addVenue(venue);
    }
}

/// @dev A second deployment of the same Uniswap.
contract OtherUniswap is Uniswap {
    constructor() {
        deployUniswap();
    }

    function createPair(address a, address b) external returns (address) {
        return IUniswapV2Factory(v2Factory).createPair(a, b);
    }

    function router() external view returns (address) {
        return v2Router;
    }
}
