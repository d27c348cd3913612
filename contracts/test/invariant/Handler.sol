// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DevFeed} from "../../src/devnet/DevFeed.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {vm} from "../support/Vm.sol";
import {RoleActions} from "./RoleActions.sol";

/// @title A fund and everybody around it; one public function for each thing that they do
contract Handler is RoleActions {
    /// No action needs as much; one that runs wild shall not eat the campaign.
    uint256 private constant STEP_GAS = 30_000_000;

    /// Seeds that are the same in all campaigns do something else in each.
    uint256 private immutable SALT;
    uint256 public steps;

    constructor(uint256 salt) {
        SALT = salt;
    }

    /// @dev A fifth asset of 5 USD with a target of 0, which is retired and brought back. One pair, with WETH.
    function setUp() public override {
        super.setUp();
        DevToken extra = new DevToken("Extra", "XTR", 18);
        DevFeed price = new DevFeed("XTR", 8);
        price.setAnswer(5e8);
        treasury.addAsset(_asset(address(extra), address(price), 18, 5e8));
        _follow(address(extra), price, 18);
        _watch(0);
        address pair = v2Pair(address(extra), 1_000_000e18, token[WETH], 2_500e18);
        addVenue(ITreasury.Kind.V2Pair, pair, uint8(EXTRA), WETH, 3000);
        ITreasury.Venue memory venue = treasury.snapshot().venues[PAIRS - 1];
        pools.push(Pool(pair, venue.i0, venue.i1, false, 3000));
        isPool[pair] = true;
        extra.mint(address(treasury), 4_000e18);
        for (uint256 i; i < holders.length; ++i) {
            treasury.transfer(holders[i], 2_000e18);
        }
    }

    // -------------------------------------------------------------------------------------------- time and markets

    function timePasses(uint256 seed) external {
        _sow(seed);
        _wait(_magnitude(6 hours) + 1);
    }

    /// @notice A price moves by up to 3 %; the pools follow, or not yet.
    function priceMoves(uint256 seed) external {
        _sow(seed);
        if (feedsBroken) return;
        uint256 i = _roll(tokens.length);
        (uint256 low, uint256 high) = ([uint256(0.5e8), 1_000e8, 20_000e8, 0.5e8, 2e8][i], answerOf(i) * 103 / 100);
        uint256 answer = answerOf(i) * _between(970, 1_030) / 1_000;
        feeds[i].setAnswer(int256(answer < low ? low : answer > low * 4 ? low * 4 : high > answer ? answer : high));
        if (_roll(3) != 0) restoreAll();
    }

    function traderTrades(uint256 seed) external {
        _sow(seed);
        Pool memory pool = pools[_roll(pools.length)];
        bool zeroForOne = _roll(2) == 0;
        (uint256 rIn,) = reserves(pool, zeroForOne);
        trade(pool, zeroForOne, _magnitude(rIn / 30));
    }

    function arbitrageurRestores(uint256) external {
        if (!feedsBroken) restoreAll();
    }

    /// @notice A feed dies: no price, one beyond its bounds, or none any more.
    function feedBreaks(uint256 seed) external {
        _sow(seed);
        feedsBroken = true;
        uint256 i = _roll(tokens.length);
        uint256 how = _roll(4);
        if (how == 0) feeds[i].setAnswer(0);
        if (how == 1) feeds[i].setAnswer(-1);
        if (how == 2) feeds[i].setAnswer(int256(answerOf(i) * 100));
        if (how == 3) _wait(2 hours);
        _tally("feeds that broke");
    }

    // -------------------------------------------------------------------------------------------- one of them

    /// @notice The clock is shared by all funds of a test: sets it to when this one was made.
    function begin() external {
        vm.warp(time);
    }

    /// @notice One action, drawn from `seed` and the salt alone. Never reverts.
    function step(uint256 seed) external {
        ++steps;
        seed = uint256(keccak256(abi.encode(SALT, seed)));
        bytes memory action = abi.encodeWithSelector(_chosen(seed % 100), uint256(keccak256(abi.encode(seed))));
        (bool ok, bytes memory why) = address(this).call{gas: STEP_GAS}(action);
        if (ok) return;
        _tally("actions that reverted");
        _break(0, string.concat("an action of the test itself reverted: ", string(abi.encodePacked(why))));
    }

    /// @dev Out of 100.
    function _chosen(uint256 dice) private pure returns (bytes4) {
        if (dice < 24) return this.keeperGood.selector;
        if (dice < 34) return this.keeperRandom.selector;
        if (dice < 46) return this.keeperHostile.selector;
        if (dice < 54) return this.priceMoves.selector;
        if (dice < 60) return this.timePasses.selector;
        if (dice < 64) return this.traderTrades.selector;
        if (dice < 66) return this.arbitrageurRestores.selector;
        if (dice < 71) return this.holderMints.selector;
        if (dice < 77) return this.holderRedeems.selector;
        if (dice < 79) return this.holderMintsAndRedeems.selector;
        if (dice < 80) return this.holderPassesShares.selector;
        if (dice < 82) return this.anybodyDonates.selector;
        if (dice < 85) return this.weigherSetsTargets.selector;
        if (dice < 86) return this.ownerSetsTargets.selector;
        if (dice < 87) return this.ownerSetsLimits.selector;
        if (dice < 88) return this.guardianTightens.selector;
        if (dice < 89) return this.feedBreaks.selector;
        if (dice < 93) return this.ownerRepairs.selector;
        if (dice < 94) return this.ownerRetires.selector;
        if (dice < 95) return this.ownerRescues.selector;
        if (dice < 96) return this.guardianTightens.selector;
        return dice < 98 ? this.outsidersTry.selector : this.outsidersCallBack.selector;
    }
}
