// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {DevToken} from "../src/devnet/DevToken.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {InKind} from "./support/InKind.sol";
import {IMintable} from "./support/Uniswap.sol";
import {vm} from "./support/Vm.sol";

/// @title Nobody's claim on any asset ever falls by what others mint, redeem or give
contract SharesFuzzTest is InKind {
    /// @dev A fund of two assets, not seeded yet.
    function setUp() public override {
        super.setUp();
        treasury = deployTreasury(v2Factory, v3Factory, address(0));
        uint16[] memory weights = new uint16[](2);
        (weights[0], weights[1]) = (4_000, 6_000);
        for (uint256 i; i < 2; ++i) {
            DevToken token_ = new DevToken("Any", "ANY", 18);
            treasury.addAsset(_asset(address(token_), address(feed[USDC]), 18, 1e8));
        }
        treasury.setTargets(weights);
    }

    /// @dev Any amounts, any supply from the burned shares alone to 1e33.
    function _found(uint256 a, uint256 b, uint256 supply) private {
        uint256[] memory amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (within(a, 0, 1e30), within(b, 0, 1e30));
        provide(treasury, address(this), amounts);
        treasury.seed(amounts, within(supply, 1e6, 1e33));
    }

    function testFuzz_mint_then_redeem_never_profits(
        uint256 a,
        uint256 b,
        uint256 supply,
        uint256 shares,
        uint256 gift,
        uint256 mask
    ) public {
        _found(a, b, supply);
        shares = within(shares, 1, 1e33);
        uint256[] memory given = mintShares(ALICE, ALICE, shares);
        gift = within(gift, 0, 1e24);
        bool isGiven = gift % 2 == 1;
        if (isGiven) IMintable(treasury.snapshot().assets[0].token).mint(address(treasury), gift);
        redeemShares(ALICE, ALICE, shares, within(mask, 0, 3));
        uint256[] memory got = balances(ALICE);
        holds(got[1] <= given[1], "nothing gained");
        holds(got[0] <= given[0] + (isGiven ? gift : 0), "nothing but a part of the gift");
    }

    /// @dev What it costs to come and go at once is a rounding of each asset: less than two units.
    function testFuzz_mint_then_redeem_costs_next_to_nothing(uint256 a, uint256 b, uint256 supply, uint256 shares)
        public
    {
        _found(a, b, supply);
        shares = within(shares, 1, 1e33);
        uint256[] memory given = mintShares(ALICE, ALICE, shares);
        redeemShares(ALICE, ALICE, shares, 0);
        uint256[] memory got = balances(ALICE);
        for (uint256 i; i < 2; ++i) {
            holds(given[i] - got[i] <= 1, "one unit at most");
        }
    }

    /// @dev To come in two steps is never cheaper than in one, to leave in two never pays more.
    function testFuzz_splitting_gains_nothing(uint256 a, uint256 b, uint256 x, uint256 y) public {
        _found(a, b, 1e24);
        (x, y) = (within(x, 1, 1e24), within(y, 1, 1e24));
        uint256 state = vm.snapshotState();
        uint256[] memory whole = mintShares(ALICE, ALICE, x + y);
        redeemShares(ALICE, BOB, x + y, 0);
        uint256[] memory out = balances(BOB);
        vm.revertToState(state);
        uint256[] memory first = mintShares(ALICE, ALICE, x);
        uint256[] memory second = mintShares(ALICE, ALICE, y);
        for (uint256 i; i < 2; ++i) {
            holds(first[i] + second[i] >= whole[i], "two steps in");
        }
        vm.revertToState(state);
        mintShares(ALICE, ALICE, x + y);
        redeemShares(ALICE, BOB, x, 0);
        redeemShares(ALICE, BOB, y, 0);
        for (uint256 i; i < 2; ++i) {
            holds(balances(BOB)[i] <= out[i], "two steps out");
        }
    }

    /// @dev Two holders and somebody who gives, in any order: each asset per share only ever rises, compared crosswise
    ///      without a division. In the end nobody has more of anything than came in, and the fund has the rest.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_component_units_never_fall(uint256 supply, uint256[12] memory acts) public {
        _found(acts[0], acts[1], supply);
        uint256[] memory cameIn = balances(address(treasury));
        for (uint256 i; i < acts.length; ++i) {
            uint256[] memory before = balances(address(treasury));
            uint256 supplyBefore = treasury.totalSupply();
            _act(acts[i], cameIn);
            uint256[] memory now_ = balances(address(treasury));
            for (uint256 j; j < 2; ++j) {
                // now_ / supply now >= before / supply before
                holds(_atLeast(now_[j], supplyBefore, before[j], treasury.totalSupply()), "per share");
            }
        }
        for (uint256 j; j < 2; ++j) {
            uint256 everywhere = balances(address(treasury))[j] + balances(ALICE)[j] + balances(BOB)[j];
            same(everywhere, cameIn[j], "nothing is made or lost");
        }
    }

    function _act(uint256 seed_, uint256[] memory cameIn) private {
        address who = seed_ % 2 == 0 ? ALICE : BOB;
        uint256 kind = seed_ / 2 % 4;
        uint256 size = seed_ / 8;
        if (kind < 2) {
            uint256[] memory given = mintShares(who, who, within(size, 1, 1e30));
            (cameIn[0], cameIn[1]) = (cameIn[0] + given[0], cameIn[1] + given[1]);
        } else if (kind == 2) {
            uint256 has = treasury.balanceOf(who);
            if (has != 0) redeemShares(who, who, within(size, 1, has), size / 2 ** 200 % 4);
        } else {
            uint256 gift = within(size, 0, 1e27);
            IMintable(treasury.snapshot().assets[0].token).mint(address(treasury), gift);
            cameIn[0] += gift;
        }
    }

    /// @dev `a * b >= c * d`, in 512 bits.
    function _atLeast(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        (uint256 highAb, uint256 lowAb) = Math.mul512(a, b);
        (uint256 highCd, uint256 lowCd) = Math.mul512(c, d);
        return highAb > highCd || (highAb == highCd && lowAb >= lowCd);
    }

    /// @dev The classic attack on the first deposit: the burned shares make it a gift.
    function test_inflation_does_not_pay() public {
        _found(1e6, 1e6, 1e6 + 1);
        address first = treasury.snapshot().assets[0].token;
        IMintable(first).mint(address(treasury), 1e24);
        uint256[] memory given = mintShares(ALICE, ALICE, 5e5);
        redeemShares(ALICE, ALICE, 5e5, 0);
        uint256 lost = given[0] - IERC20(first).balanceOf(ALICE);
        holds(lost <= 1, "a newcomer loses a unit");
        treasury.redeem(1, BOB, new uint256[](2), 0);
        // Of 1e24 the attacker has a millionth back: the burned shares own the rest.
        holds(IERC20(first).balanceOf(BOB) < 1.1e18, "who inflated it loses nearly all");
    }
}
