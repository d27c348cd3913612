// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IUniswapV2Factory} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Factory.sol";
import {IUniswapV2Pair} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Pair.sol";
import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {ICallback} from "../support/Pools.sol";
import {IMintable} from "../support/Uniswap.sol";
import {TwapPools} from "../support/TwapPools.sol";
import {vm} from "../support/Vm.sol";
import {World} from "../support/World.sol";

/// @title Genuine pools in the worst states that anybody can bring them into
/// @dev   Whatever a pool does, a batch through it fails by name or keeps every rule, and the other venues go on.
contract HostilePoolsTest is World, TwapPools {
    IUniswapV2Pair private pair;
    IUniswapV3Pool private pool;

    function setUp() public override {
        super.setUp();
        pair = IUniswapV2Pair(treasury.snapshot().venues[V2_PAIR].target);
        pool = IUniswapV3Pool(treasury.snapshot().venues[V3_POOL].target);
    }

    function now_() internal view override returns (uint256) {
        return time;
    }

    // -------------------------------------------------------------------------------------------- V3

    /// @dev A factory knows a pool from its creation on, with or without a price.
    function test_pool_without_a_price() public {
        uint16 venue = _listEmpty();
        expect(abi.encodeWithSignature("Error(string)", "LOK"), batch(order(venue, USDC, 20_000e6)));
        _othersWork();
    }

    /// @dev It asks for nothing and gives nothing.
    function test_pool_without_liquidity() public {
        uint16 venue = _listEmpty();
        IUniswapV3Pool empty = IUniswapV3Pool(treasury.snapshot().venues[venue].target);
        (uint160 price,,,,,,) = pool.slot0();
        empty.initialize(price);
        expect(
            abi.encodeWithSelector(ITreasury.BadCallback.selector, address(empty)), batch(order(venue, USDC, 20_000e6))
        );
        _othersWork();
    }

    /// @dev Sold out half-way: the pool takes what it can use, which is less than was meant.
    function test_pool_that_is_sold_out() public {
        uint16 venue = _listEmpty();
        IUniswapV3Pool thin = IUniswapV3Pool(treasury.snapshot().venues[venue].target);
        (uint160 price, int24 tick,,,,,) = pool.slot0();
        thin.initialize(price);
        int24 middle = tick / 10 * 10;
        thin.mint(address(this), middle - 100, middle + 100, 1e16, "");
        uint256 before = IERC20(token[USDC]).balanceOf(address(thin));
        uint256 state = vm.snapshotState();
        bool zeroForOne = thin.token0() == token[USDC];
        uint160 end = TickMath.getSqrtPriceAtTick(zeroForOne ? int24(-887271) : int24(887271));
        thin.swap(address(this), zeroForOne, 300_000e6, end, "");
        uint256 used = IERC20(token[USDC]).balanceOf(address(thin)) - before;
        vm.revertToState(state);
        holds(used != 0 && used < 100_000e6, "some of it");
        expect(
            abi.encodeWithSelector(ITreasury.InexactTransfer.selector, token[USDC], used, 100_000e6),
            batch(order(venue, USDC, 100_000e6))
        );
        _othersWork();
    }

    /// @dev Where no lower price exists there is nothing to swap towards.
    function test_pool_at_the_end_of_all_prices() public {
        bool zeroForOne = pool.token0() == token[USDC];
        uint160 end = zeroForOne ? uint160(4295128740) : uint160(1461446703485210103287273052203988822378723970341);
        // Somebody has sold without end.
        pool.swap(address(this), zeroForOne, type(int256).max, end, "");
        (uint160 price,,,,,,) = pool.slot0();
        same(price, end, "at the end");
        expect(abi.encodeWithSignature("Error(string)", "SPL"), batch(order(V3_POOL, USDC, 20_000e6)));
        _othersWork();
    }

    /// @dev After a batch, in the same transaction: the door that the pool came through is closed again.
    function test_pool_comes_back_after_its_batch() public {
        rebalance(batch(order(V3_POOL, USDC, 20_000e6)));
        bytes memory reason = abi.encodeWithSelector(ITreasury.BadCallback.selector, address(pool));
        int256[3] memory owed = [int256(0), 1, 20_000e6];
        for (uint256 i; i < owed.length; ++i) {
            vm.expectRevert(reason);
            vm.prank(address(pool));
            ICallback(address(treasury)).uniswapV3SwapCallback(owed[i], -1, "");
        }
    }

    /// @dev Out and back through one pool, and through a token that is bought and sold: every balance is the measured one.
    function test_both_directions_of_one_pool() public {
        treasury.setLimits(opened(300, 10_000, 0, 0));
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](5);
        swaps[0] = order(V3_POOL, USDC, 60_000e6);
        swaps[1] = order(V3_POOL, WETH, 1e18);
        swaps[2] = order(V2_PAIR, WETH, 1e18);
        swaps[3] = order(V2_ROUTER, USDC, 10_000e6);
        swaps[4] = order(V3_ROUTER, WETH, 1e18);
        ITreasury.Outcome memory outcome = rebalance(swaps);
        same(outcome.navAfter, treasury.nav(), "NAV as it is");
        same(outcome.teAfter, treasury.trackingError(), "tracking error as it is");
        // What one swap gains pays for no other's loss.
        holds(outcome.navBefore - outcome.navAfter < outcome.loss, "lost less than was counted as lost");
    }

    /// @dev Prices that do not divide: each swap's loss is counted to a unit of 1e-18 USD, and hundreds do not add up to more.
    function testFuzz_dust_does_not_add_up(uint256 price, uint256 seed) public {
        treasury.setLimits(opened(300, 10_000, 0, 0));
        int256 odd = int256(within(price, 1_995e8, 2_005e8)) | 1;
        feed[WETH].setAnswer(odd);
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](60);
        for (uint256 i; i < swaps.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            // A few units out, and what they bought back.
            uint256 amount = within(seed, 1_000, 20_000);
            bool out = i % 3 != 2;
            uint16 venue = seed >> 200 & 1 == 0 ? V2_PAIR : V3_POOL;
            swaps[i] = out ? order(venue, USDC, amount) : order(venue, WETH, amount * 1e8);
        }
        ITreasury.Outcome memory outcome = rebalance(swaps);
        uint256 fallen = outcome.navBefore - outcome.navAfter;
        holds(fallen <= outcome.loss + swaps.length, "no more is gone than was counted, but for a unit a swap");
    }

    // -------------------------------------------------------------------------------------------- V2

    /// @dev A gift that waits in the pair for the next `skim`: the fund gets what the reserves say, the gift stays or goes.
    function testFuzz_gift_in_the_pair(uint256 usdc, uint256 weth) public {
        IMintable(token[USDC]).mint(address(pair), within(usdc, 0, 1e15));
        IMintable(token[WETH]).mint(address(pair), within(weth, 0, 1e22));
        uint256 state = vm.snapshotState();
        uint256 got = held(WETH);
        rebalance(honest());
        got = held(WETH) - got;
        vm.revertToState(state);
        pair.skim(STRANGER);
        uint256 without = held(WETH);
        rebalance(honest());
        same(got, held(WETH) - without, "the same with the gift and without");
    }

    /// @dev More than a pair can count stops that pair, which its giver has paid for, and no other.
    function test_gift_that_a_pair_cannot_count() public {
        IMintable(token[USDC]).mint(address(pair), type(uint112).max);
        expect(abi.encodeWithSignature("Error(string)", "UniswapV2: OVERFLOW"), honest());
        rebalance(batch(order(V3_POOL, USDC, 20_000e6)));
    }

    /// @dev The factory's switch takes from the liquidity's growth, not from a swap.
    function test_fee_switch_of_v2() public {
        uint256 state = vm.snapshotState();
        uint256 got = rebalance(honest()).navAfter;
        vm.revertToState(state);
        IUniswapV2Factory(v2Factory).setFeeTo(STRANGER);
        same(rebalance(honest()).navAfter, got, "the same");
        pair.sync();
    }

    /// @dev And that of V3 takes from the fee.
    function test_protocol_fee_of_v3() public {
        uint256 state = vm.snapshotState();
        uint256 got = rebalance(batch(order(V3_POOL, USDC, 20_000e6))).navAfter;
        vm.revertToState(state);
        pool.setFeeProtocol(4, 4);
        same(rebalance(batch(order(V3_POOL, USDC, 20_000e6))).navAfter, got, "the same");
    }

    /// @dev A stranger's flash swap names the treasury as its receiver: the pair's call finds no entry.
    function test_flash_swap_into_the_treasury() public {
        bool usdcIs0 = pair.token0() == token[USDC];
        vm.expectRevert("");
        pair.swap(usdcIs0 ? 1e6 : 0, usdcIs0 ? 0 : 1e6, address(treasury), "x");
    }

    // -------------------------------------------------------------------------------------------- helpers

    /// @dev A pool of the fee 500 between USDC and WETH, as its factory makes it.
    function _listEmpty() private returns (uint16) {
        address empty = IUniswapV3Factory(v3Factory).createPool(token[USDC], token[WETH], 500);
        return addVenue(ITreasury.Kind.V3Pool, empty, USDC, WETH, 500);
    }

    function _othersWork() private {
        rebalance(honest());
    }
}
