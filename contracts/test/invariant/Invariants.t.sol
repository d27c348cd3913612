// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {vm} from "../support/Vm.sol";
import {Handler} from "./Handler.sol";

/// @title The invariants of the treasury, under everything that its actors can do
/// @dev   forge runs a campaign of its own for each invariant. To show each of them the same 100,000 calls, `setUp` runs one
///        seeded campaign that all share: episodes of 500 actions, each on a fresh fund, in a call that reverts with what it
///        found, so that memory stays small. Forge then runs a short campaign for each, which shrinks what it finds.
contract InvariantsTest {
    event log_named_uint(string key, uint256 value);

    /// @param episode of the shared campaign; the largest number for forge's own
    error Broken(string why, uint256 episode);
    error TooFew(string what, uint256 found, uint256 expected);
    error Report(string[20] broken, string[] names, uint256[] counts);

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint256 private constant ACTIONS = 500;

    Handler private handler;
    string[20] private broken;
    mapping(uint256 invariant => uint256) private episodeOf;
    mapping(string what => uint256) private count;
    string[] private names;

    // -------------------------------------------------------------------------------------------- campaign

    function setUp() public {
        handler = new Handler();
        handler.setUp();
        handler.begin();
        uint256 episodes = vm.envOr("CAMPAIGN_EPISODES", _isDeep() ? uint256(2_000) : 200);
        for (uint256 i; i < episodes; ++i) {
            (, bytes memory answer) = address(this).call(abi.encodeCall(this.episode, (i)));
            _collect(i, answer);
        }
        handler.begin();
    }

    /// @notice For forge's own campaigns.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), handler.actions());
    }

    function _isDeep() private view returns (bool) {
        return keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", ""))) == keccak256("deep");
    }

    /// @notice Always reverts, with a report.
    function episode(uint256 number) external {
        handler.begin();
        for (uint256 i; i < ACTIONS; ++i) {
            handler.step(uint256(keccak256(abi.encode("episode", number, i))));
        }
        string[20] memory found;
        for (uint256 i; i < 20; ++i) {
            found[i] = handler.broken(i);
        }
        (string[] memory what, uint256[] memory often) = handler.counts();
        revert Report(found, what, often);
    }

    function _collect(uint256 number, bytes memory answer) private {
        require(bytes4(answer) == Report.selector, "an episode ended without a report");
        assembly ("memory-safe") {
            mstore(add(answer, 4), sub(mload(answer), 4))
            answer := add(answer, 4)
        }
        (string[20] memory found, string[] memory what, uint256[] memory often) =
            abi.decode(answer, (string[20], string[], uint256[]));
        for (uint256 i; i < 20; ++i) {
            if (bytes(found[i]).length == 0 || bytes(broken[i]).length != 0) continue;
            (broken[i], episodeOf[i]) = (found[i], number);
        }
        for (uint256 i; i < what.length; ++i) {
            if (count[what[i]] == 0) names.push(what[i]);
            count[what[i]] += often[i];
        }
        count["actions"] += ACTIONS;
    }

    function _check(uint256 invariant) private view {
        if (bytes(broken[invariant]).length != 0) {
            revert Broken(broken[invariant], episodeOf[invariant]);
        }
        string memory why = handler.broken(invariant);
        if (bytes(why).length != 0) revert Broken(why, type(uint256).max);
    }

    // -------------------------------------------------------------------------------------------- the invariants

    function invariant_01_loss_within_the_budget() public view {
        _check(1);
    }

    function invariant_02_turnover_within_the_budget() public view {
        _check(2);
    }

    function invariant_03_paid_only_to_pools_and_redeemers() public view {
        _check(3);
    }

    function invariant_04_no_allowance_is_left() public view {
        _check(4);
    }

    function invariant_05_tracking_error_falls() public view {
        _check(5);
    }

    function invariant_06_keeper_and_weigher_change_nothing_else() public view {
        _check(6);
    }

    function invariant_07_nothing_changes_on_a_revert() public view {
        _check(7);
    }

    function invariant_08_id_rises_by_one() public view {
        _check(8);
    }

    function invariant_09_cooldown_between_rebalances() public view {
        _check(9);
    }

    function invariant_10_mint_and_redeem_make_no_profit() public view {
        _check(10);
    }

    function invariant_11_component_units_never_fall() public view {
        _check(11);
    }

    function invariant_12_redemption_always_works() public view {
        _check(12);
    }

    function invariant_13_callback_refuses_outsiders() public view {
        _check(13);
    }

    function invariant_14_targets_sum_to_ten_thousand() public view {
        _check(14);
    }

    function invariant_15_nothing_stopped_is_bought() public view {
        _check(15);
    }

    function invariant_16_guardian_only_tightens() public view {
        _check(16);
    }

    function invariant_17_donations_give_the_keeper_nothing() public view {
        _check(17);
    }

    function invariant_18_each_swap_within_floor_and_size() public view {
        _check(18);
    }

    function invariant_19_loss_in_proportion_to_progress() public view {
        _check(19);
    }

    // -------------------------------------------------------------------------------------------- is it worth anything

    /// @dev No action of the campaign itself may fail.
    function test_campaign_ran() public {
        for (uint256 i; i < names.length; ++i) {
            emit log_named_uint(names[i], count[names[i]]);
        }
        emit log_named_uint("actions", count["actions"]);
        _check(0);
        if (count["actions"] < 100_000) return;
        _atLeast("rebalanced, good", 4_000);
        _atLeast("rebalanced, random", 50);
        _atLeast("rebalanced, hostile", 1_000);
        _atLeast("rebalanced, hostile after a donation", 200);
        _atLeast("swaps through V2 pairs", 2_000);
        _atLeast("swaps through V3 pools", 2_000);
        _atLeast("swaps through the V2 router", 700);
        _atLeast("swaps through the V3 router", 700);
        _atLeast("mints", 3_000);
        _atLeast("redemptions", 2_000);
        _atLeast("redemptions while paused", 30);
        _atLeast("redemptions while a feed is dead", 300);
        _atLeast("mints redeemed at once", 1_000);
        _atLeast("refused: LossBudget", 1_000);
        _atLeast("refused: TurnoverBudget", 5);
        _atLeast("refused: ShiftBudget", 100);
        _atLeast("refused: NoProgress", 1_000);
        _atLeast("refused: Slippage", 1_000);
        _atLeast("refused: TradeTooBig", 500);
        _atLeast("refused: Cooldown", 300);
        _atLeast("refused: NoDrift", 100);
        _atLeast("refused: NotBuyable", 20);
        _atLeast("refused: BadVenue", 300);
        _atLeast("retirements", 200);
        _atLeast("callbacks by outsiders", 1_000);
        _atLeast("entries tried by those who may not", 1_000);
    }

    function _atLeast(string memory what, uint256 expected) private view {
        if (count[what] < expected) revert TooFew(what, count[what], expected);
    }
}
