// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {GreedyPool, TwicePool} from "./support/Pools.sol";
import {WeirdToken} from "./support/WeirdToken.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title Batches with tokens that take fees, refuse, lie, call back or keep an allowance, and strangers at the callback
contract WeirdTokensTest is World {
    uint8 private constant WEIRD = 4;
    uint16 private constant PAIR = 9;
    uint16 private constant POOL = 10;
    uint16 private constant ROUTER2 = 11;
    uint16 private constant ROUTER3 = 12;

    WeirdToken private weird;

    /// @dev WEIRD at 1 USD, 100,000 of it, in all four kinds of venue against WETH; well behaved until told otherwise.
    function setUp() public override {
        super.setUp();
        weird = new WeirdToken();
        DevFeed price = new DevFeed("WRD", 8);
        price.setAnswer(1e8);
        treasury.addAsset(_asset(address(weird), address(price), 18, 1e8));
        address pair = v2Pair(address(weird), 10_000_000e18, token[WETH], 5_000e18);
        address pool = v3Pool(address(weird), 10_000_000e18, token[WETH], 5_000e18, 3000);
        addVenue(ITreasury.Kind.V2Pair, pair, WEIRD, WETH, 3000);
        addVenue(ITreasury.Kind.V3Pool, pool, WEIRD, WETH, 3000);
        addVenue(ITreasury.Kind.V2Router, v2Router, WEIRD, WETH, 3000);
        addVenue(ITreasury.Kind.V3Router, v3Router, WEIRD, WETH, 3000);
        weird.mint(address(treasury), 100_000e18);
    }

    function test_behaves_at_first() public {
        for (uint16 venue = PAIR; venue <= ROUTER3; ++venue) {
            rebalance(batch(order(venue, WEIRD, 1_000e18)));
            pass(15 minutes);
        }
        same(weird.balanceOf(address(treasury)), 96_000e18, "sold in every venue");
    }

    // -------------------------------------------------------------------------------------------- fees

    function test_fee_on_input_of_a_pair_or_pool() public {
        weird.takeFee(100);
        bytes memory reason =
            abi.encodeWithSelector(ITreasury.InexactTransfer.selector, address(weird), 990e18, 1_000e18);
        expect(reason, batch(order(PAIR, WEIRD, 1_000e18)));
        expect(reason, batch(order(POOL, WEIRD, 1_000e18)));
    }

    /// @dev A router pays the pool out of our sight: the pool's own check has to stop it.
    function test_fee_on_input_of_a_router() public {
        weird.takeFee(100);
        expect(abi.encodeWithSignature("Error(string)", "UniswapV2: K"), batch(order(ROUTER2, WEIRD, 1_000e18)));
        expect(abi.encodeWithSignature("Error(string)", "IIA"), batch(order(ROUTER3, WEIRD, 1_000e18)));
    }

    /// @dev What the venue computed is what each pays to a token without a fee; a basis point of it is missing.
    function test_fee_on_output() public {
        _wantWeird();
        for (uint16 venue = PAIR; venue <= ROUTER3; ++venue) {
            uint256 state = vm.snapshotState();
            ITreasury.Swap[] memory swaps = batch(order(venue, WETH, 1e18));
            rebalance(swaps);
            uint256 got = weird.balanceOf(address(treasury)) - 100_000e18;
            vm.revertToState(state);
            weird.takeFee(1);
            expect(
                abi.encodeWithSelector(ITreasury.InexactTransfer.selector, address(weird), got - got / 10_000, got),
                swaps
            );
            vm.revertToState(state);
        }
    }

    function test_extra_charge_on_the_sender() public {
        weird.chargeSender(100);
        bytes memory reason =
            abi.encodeWithSelector(ITreasury.InexactTransfer.selector, address(weird), 1_010e18, 1_000e18);
        for (uint16 venue = PAIR; venue <= ROUTER3; ++venue) {
            expect(reason, batch(order(venue, WEIRD, 1_000e18)));
        }
    }

    // -------------------------------------------------------------------------------------------- allowance

    function test_sticky_allowance_is_taken_back() public {
        weird.keepAllowances();
        rebalance(batch(order(ROUTER2, WEIRD, 1_000e18)));
        same(weird.allowance(address(treasury), v2Router), 0, "V2 router's allowance");
        pass(15 minutes);
        rebalance(batch(order(ROUTER3, WEIRD, 1_000e18)));
        same(weird.allowance(address(treasury), v3Router), 0, "V3 router's allowance");
    }

    // -------------------------------------------------------------------------------------------- refusals

    /// @dev A transfer that moves nothing and says so is told as such by whoever called it.
    function test_answers_false() public {
        weird.answerFalse();
        _soldIsRefused(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(weird)));
        _boughtIsRefused(abi.encodeWithSignature("Error(string)", "UniswapV2: TRANSFER_FAILED"));
    }

    function test_halted() public {
        weird.halt(true);
        _soldIsRefused(abi.encodeWithSelector(WeirdToken.Halted.selector));
        _boughtIsRefused(abi.encodeWithSignature("Error(string)", "UniswapV2: TRANSFER_FAILED"));
        // The rest of the fund trades on.
        rebalance(honest());
    }

    function test_treasury_is_blocked() public {
        weird.blockAccount(address(treasury));
        _soldIsRefused(abi.encodeWithSelector(WeirdToken.Blocked.selector, address(treasury)));
        _boughtIsRefused(abi.encodeWithSignature("Error(string)", "UniswapV2: TRANSFER_FAILED"));
        rebalance(honest());
    }

    function test_pool_is_blocked() public {
        ITreasury.Venue[] memory venues = treasury.snapshot().venues;
        weird.blockAccount(venues[PAIR].target);
        weird.blockAccount(venues[POOL].target);
        expect(
            abi.encodeWithSelector(WeirdToken.Blocked.selector, venues[PAIR].target),
            batch(order(PAIR, WEIRD, 1_000e18))
        );
        expect(
            abi.encodeWithSelector(WeirdToken.Blocked.selector, venues[POOL].target),
            batch(order(POOL, WEIRD, 1_000e18))
        );
    }

    /// @dev A batch never moves nothing: with a token that refuses it everything goes as with any other.
    function test_refuses_zero() public {
        weird.refuseZero();
        for (uint16 venue = PAIR; venue <= ROUTER3; ++venue) {
            rebalance(batch(order(venue, WEIRD, 1_000e18)));
            pass(15 minutes);
        }
        expect(abi.encodeWithSelector(WeirdToken.NothingMoved.selector), batch(order(PAIR, WEIRD, 0)));
    }

    /// @dev One token whose balance cannot be read stops every batch, by its own error, until it is retired.
    function test_hides_balances() public {
        weird.hideBalances(true);
        expect(abi.encodeWithSelector(WeirdToken.Hidden.selector), honest());
        vm.expectRevert(abi.encodeWithSelector(WeirdToken.Hidden.selector));
        treasury.nav();
        treasury.retireAsset(WEIRD);
        rebalance(honest());
        vm.expectRevert(abi.encodeWithSelector(WeirdToken.Hidden.selector));
        treasury.dropAsset(WEIRD);
    }

    /// @dev Pair and pool pass on the error of the treasury's own transfer, the routers have words of theirs.
    function _soldIsRefused(bytes memory reason) private {
        expect(reason, batch(order(PAIR, WEIRD, 1_000e18)));
        expect(reason, batch(order(POOL, WEIRD, 1_000e18)));
        expect(
            abi.encodeWithSignature("Error(string)", "TransferHelper: TRANSFER_FROM_FAILED"),
            batch(order(ROUTER2, WEIRD, 1_000e18))
        );
        expect(abi.encodeWithSignature("Error(string)", "STF"), batch(order(ROUTER3, WEIRD, 1_000e18)));
    }

    /// @dev Paid out by the pools themselves, each with its version's words.
    function _boughtIsRefused(bytes memory ofV2) private {
        expect(ofV2, batch(order(PAIR, WETH, 1e18)));
        expect(ofV2, batch(order(ROUTER2, WETH, 1e18)));
        bytes memory ofV3 = abi.encodeWithSignature("Error(string)", "TF");
        expect(ofV3, batch(order(POOL, WETH, 1e18)));
        expect(ofV3, batch(order(ROUTER3, WETH, 1e18)));
    }

    // -------------------------------------------------------------------------------------------- call-backs

    /// @dev A pool pays out before it asks to be paid: the bought token runs while the door is open, for the pool alone.
    function test_bought_token_cannot_take_the_payment() public {
        _wantWeird();
        uint256 wethBefore = held(WETH);
        weird.callOnTransfer(address(treasury), _callback(1e18));
        rebalance(batch(order(POOL, WETH, 1e18)));
        _wasRefused(abi.encodeWithSelector(ITreasury.BadCallback.selector, address(weird)));
        same(wethBefore - held(WETH), 1e18, "paid once");
    }

    /// @dev While the pool is being paid the door is closed already.
    function test_sold_token_cannot_be_paid_again() public {
        _answers(_callback(1_000e18), abi.encodeWithSelector(ITreasury.BadCallback.selector, address(weird)));
    }

    /// @dev WEIRD is under-weight, WETH over-weight.
    function _wantWeird() private {
        uint16[] memory targets = new uint16[](5);
        (targets[0], targets[1], targets[2], targets[3], targets[4]) = (2500, 1500, 2500, 1000, 2500);
        treasury.setTargets(targets);
    }

    /// @dev The amount is positive whichever of the two tokens is meant.
    function _callback(int256 amount) private pure returns (bytes memory) {
        return abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", amount, int256(-1), bytes(""));
    }

    /// @dev WEIRD makes `data` its call to the treasury in the middle of a sale through the V3 pool.
    function _answers(bytes memory data, bytes memory expected) private {
        uint256 state = vm.snapshotState();
        weird.callOnTransfer(address(treasury), data);
        rebalance(batch(order(POOL, WEIRD, 1_000e18)));
        _wasRefused(expected);
        vm.revertToState(state);
    }

    function _wasRefused(bytes memory reason) private view {
        holds(weird.called(), "the token called back");
        holds(keccak256(weird.answer()) == keccak256(reason), "and was refused");
    }

    // -------------------------------------------------------------------------------------------- callback

    function test_callback_from_a_stranger() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadCallback.selector, STRANGER));
        vm.prank(STRANGER);
        treasury.uniswapV3SwapCallback(1, -1, "");
    }

    /// @dev Also a listed pool is a stranger while nothing was asked of it.
    function test_callback_from_a_listed_pool_out_of_turn() public {
        address pool = treasury.snapshot().venues[V3_POOL].target;
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadCallback.selector, pool));
        vm.prank(pool);
        treasury.uniswapV3SwapCallback(1, -1, "");
    }

    function test_callback_from_address_zero() public {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadCallback.selector, address(0)));
        vm.prank(address(0));
        treasury.uniswapV3SwapCallback(0, 0, "");
    }

    function test_pool_that_asks_for_more_than_was_meant() public {
        _poolThatAsks(int256(1_000e18 + 1));
    }

    function test_pool_that_asks_for_nothing() public {
        _poolThatAsks(0);
    }

    /// @dev The listed pool's code is replaced by one that owes an amount of its choice.
    function _poolThatAsks(int256 owed) private {
        address pool = treasury.snapshot().venues[POOL].target;
        ITreasury.Swap[] memory swaps = batch(order(POOL, WEIRD, 1_000e18));
        vm.etch(pool, address(new GreedyPool(owed)).code);
        expect(abi.encodeWithSelector(ITreasury.BadCallback.selector, pool), swaps);
    }

    /// @dev A pool that asks twice is paid once.
    function test_pool_that_asks_twice() public {
        address pool = treasury.snapshot().venues[POOL].target;
        ITreasury.Swap[] memory swaps = batch(order(POOL, WEIRD, 1_000e18));
        vm.etch(pool, address(new TwicePool()).code);
        expect(abi.encodeWithSelector(ITreasury.BadCallback.selector, pool), swaps);
    }

    /// @dev A pool that runs out of liquidity takes less than was meant: not what the keeper decided.
    function test_pool_that_takes_less_than_was_meant() public {
        address pool = treasury.snapshot().venues[POOL].target;
        ITreasury.Swap[] memory swaps = batch(order(POOL, WEIRD, 1_000e18));
        vm.etch(pool, address(new GreedyPool(999e18)).code);
        expect(abi.encodeWithSelector(ITreasury.InexactTransfer.selector, address(weird), 999e18, 1_000e18), swaps);
    }
}
