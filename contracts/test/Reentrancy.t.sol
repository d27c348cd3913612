// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {Entries} from "./support/Entries.sol";
import {IFund} from "./support/IFund.sol";
import {WeirdToken} from "./support/WeirdToken.sol";
import {vm} from "./support/Vm.sol";

/// @title While a batch, a seed, a mint, a redemption or a rescue runs, no token gets in by any door
/// @dev   The token that calls back is owner, guardian, weigher and keeper at once: only the lock stands in its way.
contract ReentrancyTest is Entries {
    uint8 private constant WEIRD = 4;
    uint16 private constant PAIR = 9;

    // What runs when the token calls back: 0 to 3 sell it, 4 to 7 buy it in the four kinds of venue, and then:
    uint256 private constant MINT = 8;
    uint256 private constant REDEEM = 9;
    uint256 private constant SEED = 10;
    uint256 private constant RESCUE = 11;
    uint256 private constant LAST = RESCUE;

    bytes private locked = abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);

    WeirdToken private weird;
    /// Not seeded; knows nothing but the token.
    IFund private fresh;
    /// Never listed it.
    IFund private stranger;

    function setUp() public override {
        super.setUp();
        weird = new WeirdToken();
        treasury.addAsset(_asset(address(weird), address(feed[USDC]), 18, 1e8));
        address pair = v2Pair(address(weird), 10_000_000e18, token[WETH], 5_000e18);
        address pool = v3Pool(address(weird), 10_000_000e18, token[WETH], 5_000e18, 3000);
        addVenue(ITreasury.Kind.V2Pair, pair, WEIRD, WETH, 3000);
        addVenue(ITreasury.Kind.V3Pool, pool, WEIRD, WETH, 3000);
        addVenue(ITreasury.Kind.V2Router, v2Router, WEIRD, WETH, 3000);
        addVenue(ITreasury.Kind.V3Router, v3Router, WEIRD, WETH, 3000);
        weird.mint(address(treasury), 100_000e18);
        treasury.transfer(BOB, 10e18);
        treasury.transfer(address(weird), 10e18);
        provide(treasury, ALICE, treasury.previewMint(10e18));

        fresh = deployTreasury(v2Factory, v3Factory, address(0));
        fresh.addAsset(_asset(address(weird), address(feed[USDC]), 18, 1e8));
        uint16[] memory all = new uint16[](1);
        all[0] = 10_000;
        fresh.setTargets(all);

        stranger = deployTreasury(v2Factory, v3Factory, address(0));
        listEntries();
        _giveEveryRole(treasury);
        _giveEveryRole(fresh);
        _giveEveryRole(stranger);
    }

    /// @dev Every entry of the table, in the middle of everything that calls a token.
    function test_no_entry_is_open() public {
        uint256 state = vm.snapshotState();
        for (uint256 outer; outer <= LAST; ++outer) {
            for (uint256 i; i < entries.length; ++i) {
                bytes memory answer = _callsBack(outer, entries[i].data);
                if (entries[i].locked) holds(keccak256(answer) == keccak256(locked), entries[i].name);
                else holds(keccak256(answer) != keccak256(locked), entries[i].name);
                vm.revertToState(state);
            }
        }
    }

    /// @dev What is not closed by the lock has a door of its own, for a pool that was just called and for it alone.
    function test_callback_is_refused_by_its_own_guard() public {
        uint256 state = vm.snapshotState();
        bytes memory data =
            abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", int256(1), int256(-1), "");
        for (uint256 outer; outer <= LAST; ++outer) {
            bytes memory answer = _callsBack(outer, data);
            holds(
                keccak256(answer) == keccak256(abi.encodeWithSelector(ITreasury.BadCallback.selector, address(weird))),
                "refused"
            );
            vm.revertToState(state);
        }
    }

    /// @dev A half-done batch has no NAV that anybody should believe. What asks nobody answers as ever.
    function test_views_do_not_answer() public {
        bytes[6] memory closed = [
            abi.encodeCall(ITreasury.nav, ()),
            abi.encodeCall(ITreasury.sharePrice, ()),
            abi.encodeCall(ITreasury.componentUnits, ()),
            abi.encodeCall(ITreasury.trackingError, ()),
            abi.encodeCall(ITreasury.previewMint, (1e18)),
            abi.encodeCall(ITreasury.previewRedeem, (1e18))
        ];
        uint256 state = vm.snapshotState();
        for (uint256 outer; outer <= LAST; ++outer) {
            for (uint256 i; i < closed.length; ++i) {
                holds(keccak256(_callsBack(outer, closed[i])) == keccak256(locked), "closed");
                vm.revertToState(state);
            }
        }
        bytes memory answer = _callsBack(0, abi.encodeCall(ITreasury.snapshot, ()));
        same(abi.decode(answer, (ITreasury.Snapshot)).lastId, 0, "the batch is not over");
    }

    /// @dev Handing over ownership in the middle is the owner's right and changes nothing of what runs.
    function test_new_owner_in_the_middle_of_a_batch() public {
        uint256 state = vm.snapshotState();
        _run(0);
        uint256 expected = held(WETH);
        vm.revertToState(state);
        _callsBack(0, abi.encodeWithSignature("renounceOwnership()"));
        same(treasury.owner(), address(0), "gone");
        same(held(WETH), expected, "the batch is the same");
    }

    /// @dev The lock is gone with the call: nothing stays closed.
    function test_everything_is_open_afterwards() public {
        _callsBack(REDEEM, entries[0].data);
        _callsBack(MINT, entries[0].data);
        _run(0);
        vm.prank(address(weird));
        treasury.pause();
        holds(treasury.snapshot().paused, "paused");
    }

    // -------------------------------------------------------------------------------------------- helpers

    /// @return answer what the token heard when it called in the middle of `outer`, which went through all the same
    function _callsBack(uint256 outer, bytes memory data) private returns (bytes memory answer) {
        IFund fund = outer == SEED ? fresh : outer == RESCUE ? stranger : treasury;
        weird.callOnTransfer(address(fund), data);
        _run(outer);
        holds(weird.called(), "the token called back");
        return weird.answer();
    }

    function _run(uint256 outer) private {
        if (outer == MINT) return _mint();
        if (outer == REDEEM) return _redeem();
        if (outer == SEED) return _seedFresh();
        if (outer == RESCUE) return _rescue();
        bool sells = outer < 4;
        // All of it is wanted elsewhere, or everything in it.
        uint16[] memory targets = new uint16[](5);
        targets[sells ? WETH : WEIRD] = 10_000;
        vm.prank(address(weird));
        treasury.setTargets(targets);
        uint16 venue = PAIR + uint16(outer % 4);
        rebalance(batch(sells ? order(venue, WEIRD, 1_000e18) : order(venue, WETH, 1e18)));
    }

    function _mint() private {
        uint256[] memory maxIn = most();
        vm.prank(ALICE);
        treasury.mint(10e18, ALICE, maxIn);
    }

    function _redeem() private {
        uint256[] memory least = none();
        vm.prank(BOB);
        treasury.redeem(10e18, BOB, least, 0);
    }

    function _seedFresh() private {
        uint256[] memory amounts = new uint256[](1);
        amounts[0] = 1_000e18;
        weird.mint(address(weird), 1_000e18);
        vm.startPrank(address(weird));
        weird.approve(address(fresh), 1_000e18);
        fresh.seed(amounts, 1e18);
        vm.stopPrank();
    }

    function _rescue() private {
        weird.mint(address(stranger), 1);
        vm.prank(address(weird));
        stranger.rescue(address(weird), BOB, 1);
    }

    function _giveEveryRole(IFund fund) private {
        fund.setKeeper(address(weird), uint64(time + 1 days));
        fund.setGuardian(address(weird));
        fund.setWeigher(address(weird));
        fund.transferOwnership(address(weird));
        vm.prank(address(weird));
        fund.acceptOwnership();
    }
}
