// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {vm} from "../support/Vm.sol";
import {Attacker} from "./Attacker.sol";

/// @title What a stolen keeper's key can take within a day, guard by guard: run with -vv for the table
contract AdversaryTest is Attacker {
    event log(string line);

    uint256 private constant BP = 1e14;
    /// A fund that has lost this much is as good as gone: the rest of the day is not played.
    uint256 private constant GONE = 0.95e18;

    // -------------------------------------------------------------------------------------------- guard by guard

    function test_floor_alone() public {
        Result memory r = _day(Guards("floor alone", false, false, false, false, false, false), 12, 7_200, 0);
        holds(r.lost > 0.5e18, "a floor alone lets the fund be taken");
    }

    function test_floor_and_cooldown() public {
        Result memory r = _day(Guards("+ cooldown", true, false, false, false, false, false), 900, 96, 0);
        holds(r.lost > 0.1e18, "a cooldown alone only slows it down");
    }

    function test_and_per_trade() public {
        Result memory r = _day(Guards("+ per trade", true, true, false, false, false, false), 900, 96, 0);
        holds(r.lost > 0.1e18, "a limit of size only splits it");
    }

    function test_and_progress() public {
        Result memory r = _day(Guards("+ progress", true, true, true, false, false, false), 900, 96, 2_400);
        holds(r.lost > 10 * BP && r.lost < 20 * BP, "progress pays for 150 bps of the tracking error");
    }

    function test_and_loss_budget() public {
        Result memory r = _day(Guards("+ loss budget", true, true, true, true, false, false), 900, 96, 2_400);
        holds(r.lost > 9 * BP && r.lost <= 10 * BP, "twice the loss budget in a day");
    }

    function test_and_turnover_budget() public {
        Result memory r = _day(Guards("+ turnover budget", true, true, true, true, true, false), 900, 96, 2_400);
        holds(r.lost > 9 * BP && r.lost <= 10 * BP, "twice the loss budget in a day");
    }

    // -------------------------------------------------------------------------------------------- the claim

    /// @notice With the limits as they come: at most 0.1 % of NAV on the first day, whatever the rhythm.
    function test_default_limits() public {
        uint256[4] memory pauses = [uint256(900), 3_600, 21_600, 86_400];
        for (uint256 i; i < 4; ++i) {
            for (uint256 hop; hop <= 2_400; hop += 2_400) {
                uint256 state = vm.snapshotState();
                string memory name =
                    string.concat("all defaults, every ", vm.toString(pauses[i]), " s", hop == 0 ? "" : ", hop");
                // The last batch is the day's last second.
                uint256 batches = 86_400 / pauses[i] + 1;
                Result memory r = _day(Guards(name, true, true, true, true, true, true), pauses[i], batches, hop);
                holds(r.lost <= 10 * BP, "at most 0.1 % of NAV on the first day");
                holds(r.lost > 9 * BP, "an attack worth its name");
                holds(r.gained <= int256(r.lost), "what is gained was lost");
                vm.revertToState(state);
                vm.warp(time);
            }
        }
    }

    /// @notice From a smaller tracking error progress binds before the budget does.
    function test_default_limits_from_half_the_drift() public {
        treasury.setTargets(_weights(3000, 3500, 2500, 1000));
        Result memory r = _day(Guards("all defaults, from 5 %", true, true, true, true, true, true), 900, 97, 2_400);
        holds(r.lost <= 7.5e14, "150 bps of 5 %");
        holds(r.lost > 6 * BP, "an attack worth its name");
    }

    /// @notice Day after day, with targets that move every day so that there is always drift: `lossCap * (1 + T / window)`.
    function test_days() public {
        Guards memory all = Guards("all defaults", true, true, true, true, true, true);
        uint256 before = worth();
        uint256 valued;
        for (uint256 day = 1; day <= 7; ++day) {
            valued += _run(all, 900, 96, 0).valued;
            uint256 lost = (before - worth()) * 1e18 / before;
            emit log(string.concat("  day ", vm.toString(day), ": ", _bps(lost), " of NAV lost since the first"));
            holds(lost <= 5 * BP * (1 + day), "the guarantee");
            holds(lost > 5 * BP * (1 + day) * 9 / 10, "an attack worth its name");
            bool even = day % 2 == 0;
            treasury.setTargets(even ? _weights(2500, 4000, 2500, 1000) : _weights(3500, 3000, 2500, 1000));
        }
    }

    // -------------------------------------------------------------------------------------------- playing

    function _day(Guards memory g, uint256 pause, uint256 batches, uint256 hop) private returns (Result memory r) {
        _guard(g);
        r = _run(g, pause, batches, hop);
        emit log(string.concat(
                g.name,
                ": lost ",
                _bps(r.lost),
                ", by the feeds ",
                _bps(r.valued),
                ", attacker's gain ",
                r.gained < 0 ? "-" : "",
                _bps(uint256(r.gained < 0 ? -r.gained : r.gained)),
                " of NAV, ",
                vm.toString(r.batches),
                " batches, ",
                vm.toString(r.refused),
                " refused"
            ));
    }

    function _run(Guards memory g, uint256 pause, uint256 batches, uint256 hop) private returns (Result memory r) {
        uint256 before = worth();
        gain = 0;
        for (uint256 i; i < batches; ++i) {
            bool ok = g.progress ? _progress(hop) : _everything(i % 2 == 0);
            if (ok) (r.batches, r.valued) = (r.batches + 1, r.valued + lossOfBatch);
            else ++r.refused;
            pass(pause);
            r.lost = (before - worth()) * 1e18 / before;
            if (r.lost > GONE) break;
        }
        (r.valued, r.gained) = (r.valued * 1e18 / before, gain * 1e18 / int256(before));
    }

    /// @dev Two digits behind the point.
    function _bps(uint256 share) private pure returns (string memory) {
        uint256 hundredths = share * 100 / BP;
        uint256 rest = hundredths % 100;
        return string.concat(vm.toString(hundredths / 100), rest < 10 ? ".0" : ".", vm.toString(rest), " bps");
    }
}
