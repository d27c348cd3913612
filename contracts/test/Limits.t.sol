// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {IFund} from "./support/IFund.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title What the limits are at first, and how far an owner may open them
contract LimitsTest is World {
    function test_defaults() public {
        IFund fresh = deployTreasury(v2Factory, v3Factory, address(0));
        ITreasury.Limits memory expected = ITreasury.Limits({
            maxSlipBps: 100,
            lossCapBps: 5,
            turnoverCapBps: 2_500,
            perTradeBps: 1_000,
            maxCostBps: 150,
            minDriftBps: 10,
            maxWeightBps: 5_000,
            shiftCapBps: 2_500,
            cooldown: 900,
            window: 86_400
        });
        holds(keccak256(abi.encode(fresh.snapshot().limits)) == keccak256(abi.encode(expected)), "of a new treasury");
    }

    /// @dev All at once at their ceilings, turnover and cooldown at whatever their fields hold.
    function test_ceilings() public {
        ITreasury.Limits memory widest = _widest();
        vm.expectEmit(address(treasury));
        emit ITreasury.LimitsSet(widest);
        treasury.setLimits(widest);
        holds(keccak256(abi.encode(treasury.snapshot().limits)) == keccak256(abi.encode(widest)), "as set");
    }

    function test_one_above_each_ceiling() public {
        bytes32 before = keccak256(abi.encode(treasury.snapshot()));
        ITreasury.Limits memory bad = _widest();
        bad.maxSlipBps = 301;
        _badLimit(bad, 301, 300);
        bad = _widest();
        bad.lossCapBps = 201;
        _badLimit(bad, 201, 200);
        bad = _widest();
        bad.perTradeBps = 10_001;
        _badLimit(bad, 10_001, 10_000);
        bad = _widest();
        bad.maxCostBps = 10_001;
        _badLimit(bad, 10_001, 10_000);
        bad = _widest();
        bad.minDriftBps = 10_001;
        _badLimit(bad, 10_001, 10_000);
        bad = _widest();
        bad.maxWeightBps = 10_001;
        _badLimit(bad, 10_001, 10_000);
        bad = _widest();
        bad.shiftCapBps = 10_001;
        _badLimit(bad, 10_001, 10_000);
        holds(before == keccak256(abi.encode(treasury.snapshot())), "nothing changed");
    }

    function test_window_between_an_hour_and_thirty_days() public {
        ITreasury.Limits memory changed = treasury.snapshot().limits;
        uint32[2] memory good = [uint32(1 hours), 30 days];
        uint32[4] memory bad = [uint32(0), 1 hours - 1, 30 days + 1, type(uint32).max];
        for (uint256 i; i < good.length; ++i) {
            changed.window = good[i];
            treasury.setLimits(changed);
        }
        for (uint256 i; i < bad.length; ++i) {
            changed.window = bad[i];
            vm.expectRevert(abi.encodeWithSelector(ITreasury.BadWindow.selector, bad[i], 1 hours, 30 days));
            treasury.setLimits(changed);
        }
    }

    /// @dev Everything closed is a setting too: nothing trades, holders are not concerned.
    function test_all_zero() public {
        ITreasury.Limits memory zero;
        zero.window = 1 days;
        treasury.setLimits(zero);
        expect(abi.encodeWithSelector(ITreasury.TradeTooBig.selector, V2_PAIR, 20_000e18, 0), honest());
        treasury.redeem(1e18, address(this), new uint256[](4), 0);
    }

    function _widest() private pure returns (ITreasury.Limits memory) {
        return ITreasury.Limits({
            maxSlipBps: 300,
            lossCapBps: 200,
            turnoverCapBps: type(uint16).max,
            perTradeBps: 10_000,
            maxCostBps: 10_000,
            minDriftBps: 10_000,
            maxWeightBps: 10_000,
            shiftCapBps: 10_000,
            cooldown: type(uint32).max,
            window: 30 days
        });
    }

    function _badLimit(ITreasury.Limits memory bad, uint256 given, uint256 ceiling) private {
        vm.expectRevert(abi.encodeWithSelector(ITreasury.BadLimit.selector, given, ceiling));
        treasury.setLimits(bad);
    }
}
