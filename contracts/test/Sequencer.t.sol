// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Lens} from "../src/Lens.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {ILens} from "../src/interfaces/ILens.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Guzzles} from "./support/Hostile.sol";
import {InKind} from "./support/InKind.sol";
import {vm} from "./support/Vm.sol";

/// @title A rollup whose sequencer is up, down, just back, or not heard of yet
contract SequencerTest is InKind {
    DevFeed private uptime;

    function setUp() public override {
        uptime = new DevFeed("L2 sequencer uptime", 0);
        super.setUp();
        uptime.setAnswerAt(0, time - 1 days);
    }

    function sequencer() internal view override returns (address) {
        return address(uptime);
    }

    function test_up() public {
        same(treasury.sequencerFeed(), address(uptime), "the feed");
        _works();
    }

    function test_grace_period_ends_in_its_last_second() public {
        uptime.setAnswerAt(0, time - 1 hours);
        uint256 state = vm.snapshotState();
        _works();
        vm.revertToState(state);
        uptime.setAnswerAt(0, time - 1 hours + 1);
        _refuses(abi.encodeWithSelector(ITreasury.SequencerDown.selector, 0, time - 1 hours + 1));
    }

    function test_just_back() public {
        uptime.setAnswerAt(0, time);
        _refuses(abi.encodeWithSelector(ITreasury.SequencerDown.selector, 0, time));
    }

    function test_up_since_tomorrow() public {
        uptime.setAnswerAt(0, time + 1);
        _refuses(abi.encodeWithSelector(ITreasury.SequencerDown.selector, 0, time + 1));
    }

    /// @dev Down for long is as down as just now; any answer but 0 is one.
    function test_down() public {
        int256[3] memory answers = [int256(1), -1, 2];
        for (uint256 i; i < answers.length; ++i) {
            uptime.setAnswerAt(answers[i], time - 1 days);
            _refuses(abi.encodeWithSelector(ITreasury.SequencerDown.selector, answers[i], time - 1 days));
        }
    }

    function test_round_that_has_not_begun() public {
        uptime.setAnswerAt(0, 0);
        _refuses(abi.encodeWithSelector(ITreasury.SequencerDown.selector, 0, 0));
    }

    /// @dev A feed's own error is passed on.
    function test_feed_that_never_answered() public {
        vm.mockCallRevert(
            address(uptime),
            abi.encodeCall(DevFeed.latestRoundData, ()),
            abi.encodeWithSelector(DevFeed.NoData.selector)
        );
        _refuses(abi.encodeWithSelector(DevFeed.NoData.selector));
    }

    /// @dev It is asked before the prices: their age means nothing now.
    function test_asked_before_the_prices() public {
        uptime.setAnswerAt(1, time);
        feed[WETH].setAnswer(0);
        _refuses(abi.encodeWithSelector(ITreasury.SequencerDown.selector, 1, time));
    }

    // -------------------------------------------------------------------------------------------- the Lens

    function test_lens_tells_what_the_feed_says() public {
        _told(true, 0, time - 1 days);
        uptime.setAnswerAt(1, time - 5);
        _told(true, 1, time - 5);
        uptime.setAnswerAt(-1, 0);
        _told(true, -1, 0);
    }

    function test_lens_tells_of_a_feed_that_does_not_answer() public {
        vm.mockCallRevert(address(uptime), abi.encodeCall(DevFeed.latestRoundData, ()), "");
        _told(false, 0, 0);
    }

    function test_lens_survives_a_feed_that_eats_its_gas() public {
        vm.etch(address(uptime), type(Guzzles).runtimeCode);
        _told(false, 0, 0);
    }

    function _told(bool ok, int256 answer, uint256 since) private {
        ILens.Query[] memory queries = new ILens.Query[](1);
        queries[0] = ILens.Query({treasury: address(treasury), keeper: KEEPER});
        (,,,, ILens.FundState[] memory funds) = new Lens().observe(queries, address(0));
        holds(funds[0].ok, "the fund is whole");
        same(funds[0].sequencerFeed, address(uptime), "feed");
        holds(funds[0].sequencerOk == ok, "answered");
        holds(funds[0].sequencerAnswer == answer, "answer");
        same(funds[0].sequencerSince, since, "since");
        same(funds[0].assets.length, 4, "assets");
    }

    /// @dev On a chain without a sequencer nobody is asked.
    function test_no_sequencer() public {
        treasury = deployTreasury(v2Factory, v3Factory, address(0));
        same(treasury.sequencerFeed(), address(0), "no feed");
        same(treasury.nav(), 0, "answers");
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _works() private {
        same(treasury.nav(), 1_000_000e18, "NAV");
        same(treasury.sharePrice(), 100e18, "share price");
        same(treasury.trackingError(), 100_000e18, "tracking error");
        rebalance(honest());
        _works_in_kind();
    }

    /// @dev What needs a price is refused; shares and what tells of the fund's state do not.
    function _refuses(bytes memory reason) private {
        uint256 state = vm.snapshotState();
        expect(reason, honest());
        vm.expectRevert(reason);
        treasury.nav();
        vm.expectRevert(reason);
        treasury.sharePrice();
        vm.expectRevert(reason);
        treasury.trackingError();
        same(treasury.snapshot().lastId, 0, "snapshot");
        same(treasury.budgets().loss, 5e14, "budgets");
        same(treasury.componentUnits()[USDC], 35e6, "component units");
        _works_in_kind();
        vm.revertToState(state);
    }

    function _works_in_kind() private {
        uint256[] memory given = mintShares(ALICE, ALICE, 10e18);
        redeemShares(ALICE, ALICE, 10e18, 0);
        uint256[] memory got = balances(ALICE);
        for (uint256 i; i < got.length; ++i) {
            holds(got[i] <= given[i] && got[i] + 1 >= given[i], "what was given comes back, but for a unit");
        }
    }
}
