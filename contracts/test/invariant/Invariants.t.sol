// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {vm} from "../support/Vm.sol";
import {Handler} from "./Handler.sol";

/// @title The invariants of the treasury, under everything that its actors can do
/// @dev   forge runs a campaign of its own for each invariant. To show each of them the same actions, `setUp` runs
///        a seeded campaign that all share: episodes of 500 actions, each on a fresh fund. A set-up is one transaction and
///        keeps all that ever happened in it, so the campaign comes in 8 parts. Forge then runs a short campaign for each
///        invariant, which shrinks what it finds.
abstract contract Campaign {
    event log_named_uint(string key, uint256 value);

    /// @param episode of the shared campaign; the largest number for forge's own
    error Broken(string why, uint256 episode);
    error TooFew(string what, uint256 found, uint256 expected);

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint256 private constant ACTIONS = 500;
    uint256 private constant EPISODES = 2;
    uint256 private constant DEEP_EPISODES = 8;

    Handler private handler;
    uint256 private immutable PART;
    string[20] private broken;
    mapping(uint256 invariant => uint256) private episodeOf;
    mapping(string what => uint256) private count;
    string[] private names;

    constructor(uint256 part) {
        PART = part;
    }

    // -------------------------------------------------------------------------------------------- campaign

    function setUp() public {
        uint256 episodes = vm.envOr("CAMPAIGN_EPISODES", _isDeep() ? DEEP_EPISODES : EPISODES);
        uint256 salt = vm.envOr("CAMPAIGN_SALT", uint256(0));
        for (uint256 i; i < episodes; ++i) {
            _episode((salt * 1_000 + PART) * 1_000 + i);
        }
        _newHandler();
    }

    function _newHandler() private {
        handler = new Handler();
        handler.setUp();
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

    function _episode(uint256 number) private {
        _newHandler();
        for (uint256 i; i < ACTIONS; ++i) {
            handler.step(uint256(keccak256(abi.encode("episode", number, i))));
        }
        for (uint256 i; i < 20; ++i) {
            if (bytes(broken[i]).length != 0) continue;
            (broken[i], episodeOf[i]) = (handler.broken(i), number);
        }
        (string[] memory what, uint256[] memory often) = handler.counts();
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
        if (count["actions"] < EPISODES * ACTIONS) return;
        // A third or less of what a part usually sees.
        _atLeast("rebalanced, good", 10);
        _atLeast("rebalanced, hostile", 3);
        _atLeast("rebalanced, hostile after a donation", 1);
        _atLeast("swaps through V2 pairs", 6);
        _atLeast("swaps through V3 pools", 6);
        _atLeast("swaps through the V2 router", 1);
        _atLeast("swaps through the V3 router", 1);
        _atLeast("mints", 10);
        _atLeast("redemptions", 6);
        _atLeast("redemptions while a feed is dead", 1);
        _atLeast("mints redeemed at once", 3);
        _atLeast("refused: LossBudget", 5);
        _atLeast("refused: NoProgress", 3);
        _atLeast("refused: Slippage", 3);
        _atLeast("refused: TradeTooBig", 3);
        _atLeast("refused: Cooldown", 1);
        _atLeast("callbacks by outsiders", 5);
        _atLeast("entries tried by those who may not", 5);
    }

    function _atLeast(string memory what, uint256 expected) private view {
        if (count[what] < expected) revert TooFew(what, count[what], expected);
    }
}

contract Invariants01Test is Campaign(1) {}

contract Invariants02Test is Campaign(2) {}

contract Invariants03Test is Campaign(3) {}

contract Invariants04Test is Campaign(4) {}

contract Invariants05Test is Campaign(5) {}

contract Invariants06Test is Campaign(6) {}

contract Invariants07Test is Campaign(7) {}

contract Invariants08Test is Campaign(8) {}
