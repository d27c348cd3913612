// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {DevFeed} from "../../src/devnet/DevFeed.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {InKind} from "./InKind.sol";
import {vm} from "./Vm.sol";

/// @title Every way into the treasury that can change it: the call, who may make it, and what a stranger hears
abstract contract Entries is InKind {
    // Who may, bit by bit; the role with bit i is `_roles()[i]`.
    uint256 internal constant BY_OWNER = 1;
    uint256 internal constant BY_GUARDIAN = 2;
    uint256 internal constant BY_WEIGHER = 4;
    uint256 internal constant BY_KEEPER = 8;
    uint256 internal constant BY_STRANGER = 16;
    uint256 internal constant BY_ALL = 31;

    /// @param name    of the function
    /// @param data    a call that goes through when an allowed role makes it
    /// @param allowed bits of the roles that may
    /// @param refusal error of the rule for all others; what follows it is their address
    /// @param outcome error that an allowed caller meets behind the rule; empty when the call goes through
    /// @param locked  closed while a batch, a mint or a redemption runs
    struct Entry {
        string name;
        bytes data;
        uint256 allowed;
        bytes4 refusal;
        bytes outcome;
        bool locked;
    }

    Entry[] internal entries;

    function roles() internal view returns (address[5] memory) {
        return [address(this), GUARDIAN, WEIGHER, KEEPER, STRANGER];
    }

    /// @dev For the world as `setUp` leaves it; USDT has target 0, is empty and retired, and `lost` is here by mistake.
    function listEntries() internal {
        ITreasury.Snapshot memory s = treasury.snapshot();
        DevToken lost = new DevToken("Lost", "LOST", 18);
        lost.mint(address(treasury), 1);
        ITreasury.Asset memory fresh =
            _asset(address(new DevToken("New", "NEW", 18)), address(new DevFeed("NEW", 8)), 18, 1e8);
        bytes4 notOwner = Ownable.OwnableUnauthorizedAccount.selector;

        _ofOwner("addAsset", abi.encodeCall(ITreasury.addAsset, (fresh)));
        _ofOwner("setAsset", abi.encodeCall(ITreasury.setAsset, (0, s.assets[0])));
        _ofOwner("retireAsset", abi.encodeCall(ITreasury.retireAsset, (USDT)));
        _ofOwner("dropAsset", abi.encodeCall(ITreasury.dropAsset, (USDT)));
        _ofOwner("addVenue", abi.encodeCall(ITreasury.addVenue, (s.venues[0])));
        _ofOwner("setLimits", abi.encodeCall(ITreasury.setLimits, (s.limits)));
        _ofOwner("setKeeper", abi.encodeCall(ITreasury.setKeeper, (STRANGER, uint64(time))));
        _ofOwner("setWeigher", abi.encodeCall(ITreasury.setWeigher, (STRANGER)));
        _ofOwner("setGuardian", abi.encodeCall(ITreasury.setGuardian, (STRANGER)));
        _ofOwner("unpause", abi.encodeCall(ITreasury.unpause, ()));
        _ofOwner("rescue", abi.encodeCall(ITreasury.rescue, (address(lost), BOB, 1)));
        entries.push(
            Entry(
                "seed",
                abi.encodeCall(ITreasury.seed, (new uint256[](4), 1e18)),
                BY_OWNER,
                notOwner,
                abi.encodeWithSelector(ITreasury.AlreadySeeded.selector),
                true
            )
        );
        _ofGuardian("pause", abi.encodeCall(ITreasury.pause, ()));
        _ofGuardian("disableVenue", abi.encodeCall(ITreasury.disableVenue, (0)));
        _ofGuardian("stopBuying", abi.encodeCall(ITreasury.stopBuying, (0)));
        _ofGuardian("revokeKeeper", abi.encodeCall(ITreasury.revokeKeeper, (KEEPER)));
        _ofGuardian("revokeWeigher", abi.encodeCall(ITreasury.revokeWeigher, ()));
        entries.push(
            Entry(
                "setTargets",
                abi.encodeCall(ITreasury.setTargets, (_weights(2500, 4500, 3000, 0))),
                BY_OWNER | BY_WEIGHER,
                ITreasury.NotWeigher.selector,
                "",
                true
            )
        );
        entries.push(
            Entry(
                "rebalance",
                abi.encodeCall(ITreasury.rebalance, (honest(), 1, uint64(time), DECISION)),
                BY_KEEPER,
                ITreasury.NotKeeper.selector,
                "",
                true
            )
        );
        _ofAll("mint", abi.encodeCall(ITreasury.mint, (1, BOB, most())), true);
        _ofAll("redeem", abi.encodeCall(ITreasury.redeem, (1, BOB, none(), 0)), true);
        entries.push(
            Entry(
                "uniswapV3SwapCallback",
                abi.encodeWithSignature("uniswapV3SwapCallback(int256,int256,bytes)", int256(1), int256(-1), ""),
                0,
                ITreasury.BadCallback.selector,
                "",
                false
            )
        );
        _handover(notOwner);
        _ofAll("transfer", abi.encodeCall(IERC20.transfer, (BOB, 1)), false);
        _ofAll("approve", abi.encodeCall(IERC20.approve, (BOB, 1)), false);
        _ofAll("transferFrom", abi.encodeCall(IERC20.transferFrom, (ALICE, BOB, 1)), false);
    }

    /// @dev OpenZeppelin's own: they touch nothing that a batch or a redemption reads.
    function _handover(bytes4 notOwner) private {
        entries.push(
            Entry("transferOwnership", abi.encodeCall(Ownable.transferOwnership, (BOB)), BY_OWNER, notOwner, "", false)
        );
        entries.push(
            Entry("renounceOwnership", abi.encodeCall(Ownable.renounceOwnership, ()), BY_OWNER, notOwner, "", false)
        );
        // Nobody was offered it.
        entries.push(Entry("acceptOwnership", abi.encodeCall(Ownable2Step.acceptOwnership, ()), 0, notOwner, "", false));
    }

    function _ofOwner(string memory name, bytes memory data) private {
        entries.push(Entry(name, data, BY_OWNER, Ownable.OwnableUnauthorizedAccount.selector, "", true));
    }

    function _ofGuardian(string memory name, bytes memory data) private {
        entries.push(Entry(name, data, BY_OWNER | BY_GUARDIAN, ITreasury.NotGuardian.selector, "", true));
    }

    function _ofAll(string memory name, bytes memory data, bool locked) private {
        entries.push(Entry(name, data, BY_ALL, bytes4(0), "", locked));
    }

    /// @dev The table against what ships, where each entry of the ABI has a line: all functions that can change anything.
    function requireComplete() internal view {
        string[] memory lines = vm.split(vm.readFile("../abis/Treasury.json"), "\n");
        uint256 count;
        for (uint256 i; i < lines.length; ++i) {
            if (!vm.contains(lines[i], '"type":"function"') || vm.contains(lines[i], '"stateMutability":"view"')) {
                continue;
            }
            string memory name = vm.split(vm.split(lines[i], '"name":"')[1], '"')[0];
            holds(_isListed(name), name);
            ++count;
        }
        same(count, entries.length, "as many entries as the ABI has");
    }

    function _isListed(string memory name) private view returns (bool) {
        for (uint256 i; i < entries.length; ++i) {
            if (keccak256(bytes(entries[i].name)) == keccak256(bytes(name))) return true;
        }
        return false;
    }
}
