// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Campaign} from "./Campaign.sol";

// The invariants of the treasury, each with a campaign of its own. All campaigns watch all of them: what another one finds
// fails its `afterInvariant` and names the number.

contract Invariant01Test is Campaign(1) {
    function invariant_01_loss_within_the_budget() external view {
        _holds();
    }
}

contract Invariant02Test is Campaign(2) {
    function invariant_02_turnover_within_the_budget() external view {
        _holds();
    }
}

contract Invariant03Test is Campaign(3) {
    function invariant_03_paid_only_to_pools_and_redeemers() external view {
        _holds();
    }
}

contract Invariant04Test is Campaign(4) {
    function invariant_04_no_allowance_is_left() external view {
        _holds();
    }
}

contract Invariant05Test is Campaign(5) {
    function invariant_05_tracking_error_falls() external view {
        _holds();
    }
}

contract Invariant06Test is Campaign(6) {
    function invariant_06_keeper_and_weigher_change_nothing_else() external view {
        _holds();
    }
}

contract Invariant07Test is Campaign(7) {
    function invariant_07_nothing_changes_on_a_revert() external view {
        _holds();
    }
}

contract Invariant08Test is Campaign(8) {
    function invariant_08_id_rises_by_one() external view {
        _holds();
    }
}

contract Invariant09Test is Campaign(9) {
    function invariant_09_cooldown_between_rebalances() external view {
        _holds();
    }
}

contract Invariant10Test is Campaign(10) {
    function invariant_10_mint_and_redeem_make_no_profit() external view {
        _holds();
    }
}

contract Invariant11Test is Campaign(11) {
    function invariant_11_component_units_never_fall() external view {
        _holds();
    }
}

contract Invariant12Test is Campaign(12) {
    function invariant_12_redemption_always_works() external view {
        _holds();
    }
}

contract Invariant13Test is Campaign(13) {
    function invariant_13_callback_refuses_outsiders() external view {
        _holds();
    }
}

contract Invariant14Test is Campaign(14) {
    function invariant_14_targets_sum_to_ten_thousand() external view {
        _holds();
    }
}

contract Invariant15Test is Campaign(15) {
    function invariant_15_nothing_stopped_is_bought() external view {
        _holds();
    }
}

contract Invariant16Test is Campaign(16) {
    function invariant_16_guardian_only_tightens() external view {
        _holds();
    }
}

contract Invariant17Test is Campaign(17) {
    function invariant_17_donations_give_the_keeper_nothing() external view {
        _holds();
    }
}

contract Invariant18Test is Campaign(18) {
    function invariant_18_each_swap_within_floor_and_size() external view {
        _holds();
    }
}

contract Invariant19Test is Campaign(19) {
    function invariant_19_loss_in_proportion_to_progress() external view {
        _holds();
    }
}
