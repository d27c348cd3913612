// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUniswapV2Pair} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Pair.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {Lens} from "../src/Lens.sol";
import {ILens} from "../src/interfaces/ILens.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Probe} from "../src/libraries/Probe.sol";
import {Bombs, Guzzles, HalfString, Lies, Mumbles, OldToken, Reverts} from "./support/Hostile.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title One call tells everything, and what is dead or hostile hides nothing else
contract LensTest is World {
    /// The Lens is never deployed: its runtime code is put at an unused address.
    ILens private lens = ILens(address(0x1e45));

    function setUp() public override {
        super.setUp();
        vm.etch(address(lens), address(new Lens()).code);
        vm.deal(KEEPER, 3 ether);
    }

    // -------------------------------------------------------------------------------------------- what it tells

    function test_block_and_native_price() public view {
        (
            uint256 chainId,
            uint256 number,
            uint256 timestamp,
            ILens.FeedState memory native,
            ILens.FundState[] memory f
        ) = lens.observe(new ILens.Query[](0), address(feed[WETH]));
        same(chainId, block.chainid, "chain");
        same(number, block.number, "block");
        same(timestamp, time, "time");
        holds(native.ok, "native feed answers");
        same(native.decimals, 8, "decimals");
        same(uint256(native.answer), 2_000e8, "answer");
        same(native.updatedAt, time, "updated");
        same(f.length, 0, "funds");
    }

    function test_no_native_feed() public view {
        (,,, ILens.FeedState memory native,) = lens.observe(new ILens.Query[](0), address(0));
        holds(!native.ok && native.answer == 0, "nothing");
    }

    function test_fund() public {
        rebalance(honest());
        ITreasury.Snapshot memory s = treasury.snapshot();
        ILens.FundState memory f = _fund();
        holds(f.ok, "ok");
        same(f.treasury, address(treasury), "treasury");
        same(f.owner, address(this), "owner");
        same(f.guardian, GUARDIAN, "guardian");
        same(f.weigher, WEIGHER, "weigher");
        same(f.keeperUntil, time + 30 days, "keeper until");
        same(f.keeperBalance, 3 ether, "keeper's balance");
        same(f.lastId, 1, "last id");
        same(f.lastRebalance, time, "last rebalance");
        same(f.totalSupply, 10_000e18, "supply");
        holds(keccak256(abi.encode(f.limits)) == keccak256(abi.encode(s.limits)), "limits");
        holds(!f.paused, "not paused");
        treasury.pause();
        holds(_fund().paused, "paused");
    }

    function test_assets() public {
        feed[WBTC].setAnswerAt(41_000e8, time - 5);
        ITreasury.Asset[] memory assets = treasury.snapshot().assets;
        ILens.AssetState[] memory states = _fund().assets;
        same(states.length, 4, "assets");
        for (uint8 i; i < 4; ++i) {
            ILens.AssetState memory a = states[i];
            ITreasury.Asset memory told = ITreasury.Asset(
                a.token,
                a.feed,
                a.tokenDecimals,
                a.feedDecimals,
                a.maxAge,
                a.targetBps,
                a.buyable,
                a.retired,
                a.minPrice,
                a.maxPrice
            );
            holds(keccak256(abi.encode(told)) == keccak256(abi.encode(assets[i])), "as listed");
            holds(a.balanceOk && a.feedOk, "ok");
            same(a.balance, held(i), "balance");
            holds(a.codehash == token[i].codehash, "code hash");
        }
        same(uint256(states[WBTC].answer), 41_000e8, "answer");
        same(states[WBTC].updatedAt, time - 5, "updated");
    }

    function test_venues_of_every_kind() public view {
        ITreasury.Venue[] memory venues = treasury.snapshot().venues;
        ILens.VenueState[] memory states = _fund().venues;
        same(states.length, venues.length, "venues");
        for (uint256 i; i < venues.length; ++i) {
            ILens.VenueState memory v = states[i];
            ITreasury.Venue memory told =
                ITreasury.Venue(v.target, ITreasury.Kind(v.kind), v.i0, v.i1, v.feePips, v.enabled);
            holds(keccak256(abi.encode(told)) == keccak256(abi.encode(venues[i])), "as listed");
            holds(v.ok, "ok");
        }
        for (uint256 i; i <= USDT_V2_PAIR; i += USDT_V2_PAIR) {
            (uint256 reserve0, uint256 reserve1, uint256 last) = IUniswapV2Pair(venues[i].target).getReserves();
            _tells(states[i + V2_PAIR], venues[i].target, reserve0, reserve1, last);
            _tells(states[i + V2_ROUTER], venues[i].target, reserve0, reserve1, last);
            IUniswapV3Pool pool = IUniswapV3Pool(venues[i + V3_POOL].target);
            (uint160 price, int24 tick,,,,,) = pool.slot0();
            uint256 tickWord = uint256(int256(tick));
            _tells(states[i + V3_POOL], address(pool), price, tickWord, pool.liquidity());
            _tells(states[i + V3_ROUTER], address(pool), price, tickWord, pool.liquidity());
        }
    }

    function _tells(ILens.VenueState memory v, address pool, uint256 a, uint256 b, uint256 c) private pure {
        same(v.pool, pool, "pool");
        same(v.a, a, "a");
        same(v.b, b, "b");
        same(v.c, c, "c");
    }

    /// @dev V2 tells its sums as of its last change, V3 those of now and of 1,800 s ago. Whoever is not enabled is not
    ///      asked: it has no voice.
    function test_sums_of_prices_over_time() public {
        ITreasury.Venue[] memory venues = treasury.snapshot().venues;
        IUniswapV3Pool pool = IUniswapV3Pool(venues[V3_POOL].target);
        IUniswapV2Pair pair = IUniswapV2Pair(venues[V2_PAIR].target);
        pass(3_600);
        pair.sync();
        vm.prank(GUARDIAN);
        treasury.disableVenue(USDT_V2_PAIR);
        ILens.VenueState[] memory states = _fund().venues;

        uint32[] memory ago = new uint32[](2);
        ago[0] = 1_800;
        (int56[] memory ticks,) = pool.observe(ago);
        holds(ticks[0] != ticks[1], "the price is not one to one");
        _sums(states[V3_POOL], uint256(int256(ticks[0])), uint256(int256(ticks[1])));
        _sums(states[V3_ROUTER], uint256(int256(ticks[0])), uint256(int256(ticks[1])));
        holds(pair.price0CumulativeLast() > 0, "time has passed");
        _sums(states[V2_PAIR], pair.price0CumulativeLast(), pair.price1CumulativeLast());
        _sums(states[V2_ROUTER], pair.price0CumulativeLast(), pair.price1CumulativeLast());
        holds(states[USDT_V2_PAIR].ok && !states[USDT_V2_PAIR].sumsOk, "not asked");
        same(states[USDT_V2_PAIR].sum0 + states[USDT_V2_PAIR].sum1, 0, "zeros");
    }

    /// @dev Room for one observation, which a swap has just overwritten: `OLD`. Everything else is told.
    function test_a_history_that_is_too_short() public {
        address pool = treasury.snapshot().venues[V3_POOL].target;
        pass(3_600);
        uint32[] memory ago = new uint32[](2);
        ago[0] = 1_800;
        vm.mockCallRevert(
            pool, abi.encodeWithSignature("observe(uint32[])", ago), abi.encodeWithSignature("Error(string)", "OLD")
        );
        ILens.VenueState memory v = _fund().venues[V3_POOL];
        holds(v.ok && v.a != 0 && v.c != 0, "its price and liquidity are told");
        holds(!v.sumsOk && v.sum0 == 0 && v.sum1 == 0, "its sums are not had");
    }

    /// @dev Arrays of another shape are not taken for sums.
    function test_sums_of_another_shape() public {
        address pool = treasury.snapshot().venues[V3_POOL].target;
        uint32[] memory ago = new uint32[](2);
        ago[0] = 1_800;
        bytes memory question = abi.encodeWithSignature("observe(uint32[])", ago);
        vm.mockCall(pool, question, abi.encode(uint256(64), uint256(96), uint256(0), uint256(2), uint256(7)));
        holds(!_fund().venues[V3_POOL].sumsOk, "no two elements");
        vm.mockCall(pool, question, abi.encode(uint256(96), uint256(64), uint256(2), uint256(2), uint256(7)));
        holds(!_fund().venues[V3_POOL].sumsOk, "elsewhere");
    }

    function _sums(ILens.VenueState memory v, uint256 sum0, uint256 sum1) private pure {
        holds(v.sumsOk, "sums are there");
        same(v.sum0, sum0, "sum0");
        same(v.sum1, sum1, "sum1");
    }

    function test_tokens() public {
        address[] memory list = new address[](4);
        (list[0], list[1], list[2]) = (token[USDT], token[WETH], address(new OldToken()));
        list[3] = address(new HalfString());
        ILens.TokenState[] memory states = lens.tokens(list);
        holds(states[0].ok && states[1].ok && states[2].ok, "ok");
        same(states[0].symbol, "USDT", "symbol");
        same(states[0].decimals, 6, "decimals");
        same(states[1].symbol, "WETH", "symbol");
        same(states[2].symbol, "MKR", "symbol of 32 bytes");
        same(states[2].decimals, 18, "decimals");
        holds(states[1].codehash == token[WETH].codehash, "code hash");
        holds(states[3].ok, "decimals are enough");
        same(states[3].symbol, "", "no symbol");
    }

    // -------------------------------------------------------------------------------------------- isolation

    /// @dev Each hostile contract takes the place of a treasury, between two whole ones.
    function test_hostile_treasury_hides_no_other() public {
        bytes[6] memory codes = _hostile();
        for (uint256 i; i < codes.length; ++i) {
            vm.etch(STRANGER, codes[i]);
            ILens.Query[] memory queries = new ILens.Query[](3);
            (queries[0].treasury, queries[1].treasury, queries[2].treasury) =
            (address(treasury), STRANGER, address(treasury));
            (,,,, ILens.FundState[] memory funds) = lens.observe{gas: 30_000_000}(queries, address(feed[WETH]));
            holds(!funds[1].ok, "the hostile one is not ok");
            same(funds[1].treasury, STRANGER, "and can be told apart");
            same(funds[1].assets.length, 0, "and is empty");
            holds(funds[0].ok && funds[2].ok, "its neighbours are");
            holds(keccak256(abi.encode(funds[0])) == keccak256(abi.encode(funds[2])), "and whole");
        }
    }

    function test_hostile_feed_hides_no_other() public {
        bytes[6] memory codes = _hostile();
        for (uint256 i; i < codes.length; ++i) {
            uint256 state = vm.snapshotState();
            bytes32 others = _allBut(WETH);
            vm.etch(address(feed[WETH]), codes[i]);
            ILens.AssetState memory a = _fund().assets[WETH];
            // Some answer with five words of nonsense: then it is an answer, and the treasury's bounds refuse it.
            holds(!a.feedOk || a.answer < 0 || a.answer > 1e30 || a.updatedAt == 0, "no usable answer");
            holds(a.feedOk || (a.answer == 0 && a.updatedAt == 0), "zero when not ok");
            holds(a.balanceOk && a.balance == 150e18, "its balance is there");
            holds(others == _allBut(WETH), "the others are as before");
            vm.revertToState(state);
        }
    }

    function test_hostile_token_hides_no_other() public {
        bytes[6] memory codes = _hostile();
        for (uint256 i; i < codes.length; ++i) {
            uint256 state = vm.snapshotState();
            bytes32 others = _allBut(WBTC);
            vm.etch(token[WBTC], codes[i]);
            ILens.AssetState memory a = _fund().assets[WBTC];
            holds(!a.balanceOk || a.balance == 0 || a.balance > 1e30, "no believable balance");
            holds(a.feedOk && a.answer == 40_000e8, "its price is there");
            holds(others == _allBut(WBTC), "the others are as before");
            vm.revertToState(state);
        }
    }

    function test_hostile_pool_or_router_hides_no_other() public {
        bytes[6] memory codes = _hostile();
        address[] memory victims = new address[](4);
        ITreasury.Venue[] memory venues = treasury.snapshot().venues;
        for (uint256 i; i < 4; ++i) {
            victims[i] = venues[i].target;
        }
        for (uint256 i; i < codes.length; ++i) {
            for (uint256 j; j < victims.length; ++j) {
                uint256 state = vm.snapshotState();
                vm.etch(victims[j], codes[i]);
                ILens.FundState memory f = _fund();
                holds(f.ok && f.venues[WBTC_V3_POOL].ok, "a pool of other code is whole");
                holds(f.assets[0].balanceOk && f.assets[0].feedOk, "assets are whole");
                if (j >= V2_ROUTER) holds(!f.venues[j].ok, "a router without a pool is not ok");
                vm.revertToState(state);
            }
        }
    }

    function test_dead_pool_is_zero() public {
        vm.etch(treasury.snapshot().venues[V2_PAIR].target, type(Reverts).runtimeCode);
        vm.etch(treasury.snapshot().venues[V3_POOL].target, type(Mumbles).runtimeCode);
        ILens.VenueState[] memory venues = _fund().venues;
        for (uint256 i; i < 4; ++i) {
            holds(!venues[i].ok, "not ok, directly or through a router");
            same(venues[i].a + venues[i].b + venues[i].c, 0, "zeros");
        }
    }

    function test_hostile_tokens_in_the_list() public {
        bytes[6] memory codes = _hostile();
        for (uint256 i; i < codes.length; ++i) {
            vm.etch(STRANGER, codes[i]);
            address[] memory list = new address[](2);
            (list[0], list[1]) = (STRANGER, token[WETH]);
            ILens.TokenState[] memory states = lens.tokens(list);
            holds(!states[0].ok || states[0].decimals == 0, "no believable decimals");
            same(states[0].symbol, "", "no symbol");
            holds(states[1].ok, "the next one");
            same(states[1].symbol, "WETH", "is whole");
        }
    }

    /// @dev Too little gas must not look like a dead fund.
    function test_too_little_gas_is_an_error() public view {
        ILens.Query[] memory queries = new ILens.Query[](1);
        queries[0] = ILens.Query(address(treasury), KEEPER);
        for (uint256 gas_ = 100_000; gas_ <= 8_000_000; gas_ += 395_000) {
            try lens.observe{gas: gas_}(queries, address(feed[WETH])) {
                holds(false, "must not answer");
            } catch (bytes memory reason) {
                holds(bytes4(reason) == Probe.Starved.selector, "Starved");
            }
        }
        (,,,, ILens.FundState[] memory funds) = lens.observe{gas: 9_000_000}(queries, address(feed[WETH]));
        holds(funds[0].ok, "with enough it answers");
    }

    /// @dev The same for what is read outside of a fund.
    function test_too_little_gas_for_one_read_is_an_error() public view {
        address[] memory list = new address[](1);
        list[0] = token[WETH];
        try lens.tokens{gas: 250_000}(list) {
            holds(false, "must not answer");
        } catch (bytes memory reason) {
            holds(bytes4(reason) == Probe.Starved.selector, "Starved");
        }
        holds(lens.tokens{gas: 500_000}(list)[0].ok, "with enough it answers");
        try lens.observe{gas: 250_000}(new ILens.Query[](0), address(feed[WETH])) {
            holds(false, "must not answer");
        } catch (bytes memory reason) {
            holds(bytes4(reason) == Probe.Starved.selector, "Starved");
        }
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _hostile() private pure returns (bytes[6] memory codes) {
        codes[0] = type(Reverts).runtimeCode;
        codes[1] = type(Guzzles).runtimeCode;
        codes[2] = type(Bombs).runtimeCode;
        codes[3] = type(Mumbles).runtimeCode;
        codes[4] = type(Lies).runtimeCode;
        codes[5] = "";
    }

    function _fund() private view returns (ILens.FundState memory) {
        ILens.Query[] memory queries = new ILens.Query[](1);
        queries[0] = ILens.Query({treasury: address(treasury), keeper: KEEPER});
        (,,,, ILens.FundState[] memory funds) = lens.observe(queries, address(0));
        return funds[0];
    }

    /// @dev Fingerprint of the fund without one asset's token and feed, and without the pools that hold the token.
    function _allBut(uint8 index) private view returns (bytes32) {
        ILens.AssetState[] memory assets = _fund().assets;
        delete assets[index];
        return keccak256(abi.encode(assets));
    }
}
