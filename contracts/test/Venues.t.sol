// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {World} from "./support/World.sol";
import {Vm, vm} from "./support/Vm.sol";

/// @title The honest path through all four kinds of venue, both ways, on Uniswap's own bytecode
contract VenuesTest is World {
    /// @dev Both stables are over-weight: selling either for WETH is progress.
    function setUp() public override {
        super.setUp();
        treasury.setTargets(_weights(2500, 5000, 2500, 0));
    }

    function test_v2_pair() public {
        _sells(V2_PAIR, USDC, WETH);
    }

    function test_v3_pool() public {
        _sells(V3_POOL, USDC, WETH);
    }

    function test_v2_router() public {
        _sells(V2_ROUTER, USDC, WETH);
    }

    function test_v3_router() public {
        _sells(V3_ROUTER, USDC, WETH);
    }

    function test_no_return_token_through_v2_pair() public {
        _sells(USDT_V2_PAIR, USDT, WETH);
    }

    function test_no_return_token_through_v3_pool() public {
        _sells(USDT_V3_POOL, USDT, WETH);
    }

    function test_no_return_token_through_v2_router() public {
        _sells(USDT_V2_ROUTER, USDT, WETH);
    }

    function test_no_return_token_through_v3_router() public {
        _sells(USDT_V3_ROUTER, USDT, WETH);
    }

    function test_other_direction_through_every_venue() public {
        treasury.setTargets(_weights(5000, 0, 2500, 2500));
        treasury.setLimits(opened(100, 1000, 10, 900));
        for (uint16 venue = V2_PAIR; venue <= USDT_V3_ROUTER; ++venue) {
            uint8 bought = venue < USDT_V2_PAIR ? USDC : USDT;
            uint256 before = held(bought);
            pass(15 minutes);
            ITreasury.Outcome memory outcome = rebalance(batch(order(venue, WETH, 10e18)));
            same(outcome.turnover, 20_000e18, "turnover");
            // 0.3 % fee and, at 20,000 into 10,000,000 USD, 0.2 % impact; two venues share each pool.
            uint256 got = held(bought) - before;
            holds(got > 19_820e6 && got < 19_905e6, "amount bought");
        }
    }

    /// @dev Through one pool there is one price: the pair and the router give the same to the unit.
    function test_router_and_pair_give_the_same() public {
        uint256 state = vm.snapshotState();
        rebalance(batch(order(V2_PAIR, USDC, 20_000e6)));
        uint256 direct = held(WETH);
        vm.revertToState(state);
        rebalance(batch(order(V2_ROUTER, USDC, 20_000e6)));
        same(held(WETH), direct, "WETH");
    }

    /// @dev The second hop asks for more than there is and spends all of it, to the unit.
    function test_two_hops_spend_what_arrived() public {
        treasury.setTargets(_weights(2500, 0, 6500, 1000));
        treasury.setLimits(opened(100, 10_000, 10, 900));
        ITreasury.Swap[] memory swaps = new ITreasury.Swap[](2);
        swaps[0] = order(V2_PAIR, USDC, 20_000e6);
        swaps[1] = order(WBTC_V3_POOL, WETH, type(uint112).max);
        ITreasury.Outcome memory outcome = rebalance(swaps);
        same(held(WETH), 0, "WETH left");
        holds(held(WBTC) > 14.1e8, "WBTC bought");
        holds(outcome.turnover > 339_000e18, "turnover counts both hops");
        holds(outcome.teAfter < outcome.teBefore, "closer to the targets");
    }

    // -------------------------------------------------------------------------------------------- helpers

    /// @dev Sells 20,000 USD worth of a stable and compares balances, events and outcome with each other.
    function _sells(uint16 venue, uint8 tokenIn, uint8 tokenOut) private {
        uint256 amountIn = 20_000e6;
        (uint256 beforeIn, uint256 beforeOut) = (held(tokenIn), held(tokenOut));
        vm.recordLogs();

        ITreasury.Outcome memory outcome = rebalance(batch(order(venue, tokenIn, amountIn)));

        uint256 got = held(tokenOut) - beforeOut;
        same(beforeIn - held(tokenIn), amountIn, "spent");
        holds(got > 9.9e18 && got < 9.96e18, "amount bought");
        same(outcome.turnover, 20_000e18, "turnover");
        same(outcome.loss, 20_000e18 - got * 2_000, "loss");
        same(outcome.navAfter, outcome.navBefore - outcome.loss, "NAV after");
        same(outcome.navAfter, treasury.nav(), "NAV now");
        same(outcome.teAfter, treasury.trackingError(), "tracking error now");
        _sawSwap(venue, tokenIn, tokenOut, amountIn, got);
        _leftNoAllowance(tokenIn);
    }

    function _sawSwap(uint16 venue, uint8 tokenIn, uint8 tokenOut, uint256 amountIn, uint256 amountOut) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory log = logs[logs.length - 2];
        holds(log.topics[0] == ITreasury.SwapExecuted.selector, "last but one event is the swap");
        same(uint256(log.topics[1]), 1, "id");
        same(uint256(log.topics[2]), venue, "venue");
        bytes memory expected =
            abi.encode(token[tokenIn], token[tokenOut], amountIn, amountOut, 20_000e18, amountOut * 2_000);
        holds(keccak256(log.data) == keccak256(expected), "data of the swap's event");
    }

    function _leftNoAllowance(uint8 index) private view {
        same(IERC20(token[index]).allowance(address(treasury), v2Router), 0, "V2 router's allowance");
        same(IERC20(token[index]).allowance(address(treasury), v3Router), 0, "V3 router's allowance");
    }
}
