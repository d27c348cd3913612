// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Handler} from "./Handler.sol";

/// @title What happens in a campaign: with it one sees that the invariants were put to the test
/// @dev   Twelve funds of 500 actions each, as the campaigns of the invariants play them, added up. A third or less of what
///        is usual must have happened.
contract HappenedTest {
    event log_named_uint(string key, uint256 value);

    error TooFew(string what, uint256 found, uint256 expected);
    error Broken(uint256 invariant, string why, uint256 fund);

    uint256 private constant FUNDS = 12;
    uint256 private constant ACTIONS = 500;

    mapping(string what => uint256) private count;
    string[] private names;

    function test_campaign_ran() public {
        for (uint256 i; i < FUNDS; ++i) {
            this.play(100 + i);
        }
        for (uint256 i; i < names.length; ++i) {
            emit log_named_uint(names[i], count[names[i]]);
        }
        _atLeast("rebalanced, good", 60);
        _atLeast("rebalanced, random", 5);
        _atLeast("rebalanced, hostile", 18);
        _atLeast("rebalanced, hostile after a donation", 6);
        _atLeast("swaps through V2 pairs", 30);
        _atLeast("swaps through V3 pools", 50);
        _atLeast("swaps through the V2 router", 15);
        _atLeast("swaps through the V3 router", 15);
        _atLeast("mints", 100);
        _atLeast("redemptions", 60);
        _atLeast("redemptions while paused", 2);
        _atLeast("redemptions while a feed is dead", 10);
        _atLeast("mints redeemed at once", 40);
        _atLeast("weigher's changes of targets", 40);
        _atLeast("guardian's acts", 30);
        _atLeast("owner's changes of limits", 25);
        _atLeast("retirements", 3);
        _atLeast("refused: LossBudget", 100);
        _atLeast("refused: TurnoverBudget", 4);
        _atLeast("refused: ShiftBudget", 6);
        _atLeast("refused: NoProgress", 60);
        _atLeast("refused: Slippage", 250);
        _atLeast("refused: TradeTooBig", 30);
        _atLeast("refused: Cooldown", 9);
        _atLeast("refused: NotBuyable", 1);
        _atLeast("refused: BadVenue", 30);
        _atLeast("refused: IsPaused", 40);
        _atLeast("refused: StalePrice", 30);
        _atLeast("callbacks by outsiders", 35);
        _atLeast("entries tried by those who may not", 35);
    }

    function _atLeast(string memory what, uint256 expected) private view {
        if (count[what] < expected) revert TooFew(what, count[what], expected);
    }

    /// @dev A call of its own: its memory is given back when it ends.
    function play(uint256 salt) external {
        Handler handler = new Handler(salt);
        handler.setUp();
        handler.begin();
        for (uint256 i; i < ACTIONS; ++i) {
            handler.step(i);
        }
        for (uint256 i; i < 20; ++i) {
            string memory why = handler.broken(i);
            if (bytes(why).length != 0) revert Broken(i, why, salt);
        }
        (string[] memory what, uint256[] memory often) = handler.counts();
        for (uint256 i; i < what.length; ++i) {
            if (count[what[i]] == 0) names.push(what[i]);
            count[what[i]] += often[i];
        }
    }
}
