// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DevFeed} from "../../src/devnet/DevFeed.sol";
import {DevToken} from "../../src/devnet/DevToken.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IFund} from "../support/IFund.sol";
import {proofVm, svm} from "../support/Svm.sol";

/// @dev Knows one pair, and says of it what a factory says.
contract ProofFactory {
    address private _pair;

    function set(address pair) external {
        _pair = pair;
    }

    function getPair(address, address) external view returns (address) {
        return _pair;
    }
}

/// @dev A V2 pair of a million to a million that pays what it is asked for: what it computes is not what is proved.
contract ProofPair {
    address public immutable token0;
    address public immutable token1;

    constructor(address token0_, address token1_) {
        (token0, token1) = (token0_, token1_);
    }

    function getReserves() external pure returns (uint112, uint112, uint32) {
        return (1e24, 1e24, 0);
    }

    function swap(uint256 out0, uint256 out1, address to, bytes calldata) external {
        if (out0 != 0) IERC20(token0).transfer(to, out0);
        if (out1 != 0) IERC20(token1).transfer(to, out1);
    }
}

/// @title The fund that the proofs start from: two assets, a venue, every role held, the bytecode that ships
/// @dev   What halmos proves holds for every caller and every argument, at this fund's state. `SHIPPED` is written by
///        scripts/audit_contracts out of abis/Treasury.json.
abstract contract Proof {
    string private constant SHIPPED = "../.cache/audit/Treasury.json";

    address internal constant OWNER = address(0x4f);
    address internal constant HEIR = address(0x48);
    address internal constant GUARDIAN = address(0x47);
    address internal constant WEIGHER = address(0x57);
    address internal constant KEEPER = address(0x4b);
    address internal constant HOLDER = address(0x53);
    uint256 internal constant NOW = 1_700_000_000;

    IFund internal treasury;
    DevToken[2] internal token;

    function setUp() public virtual {
        proofVm.warp(NOW);
        ProofFactory factory = new ProofFactory();
        treasury = _deploy(address(factory));
        for (uint256 i; i < 2; ++i) {
            token[i] = _list();
        }
        ProofPair pair = new ProofPair(address(token[0]), address(token[1]));
        factory.set(address(pair));
        token[0].mint(address(pair), 1e24);
        token[1].mint(address(pair), 1e24);
        treasury.addVenue(ITreasury.Venue(address(pair), ITreasury.Kind.V2Pair, 0, 1, 3000, true));
        _fill();
        treasury.setGuardian(GUARDIAN);
        treasury.setWeigher(WEIGHER);
        treasury.setKeeper(KEEPER, uint64(NOW + 30 days));
        treasury.transferOwnership(OWNER);
        proofVm.prank(OWNER);
        treasury.acceptOwnership();
        proofVm.prank(OWNER);
        treasury.transferOwnership(HEIR);
    }

    function _deploy(address factory) private returns (IFund) {
        bytes memory arguments = abi.encode("Index", "IDX", address(this), factory, address(0), address(0));
        bytes memory code = bytes.concat(proofVm.getCode(SHIPPED), arguments);
        address deployed;
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        require(deployed != address(0), "not deployed");
        return IFund(deployed);
    }

    function _list() private returns (DevToken listed) {
        listed = new DevToken("Token", "T", 18);
        DevFeed feed = new DevFeed("feed", 8);
        feed.setAnswer(1e8);
        treasury.addAsset(
            ITreasury.Asset(address(listed), address(feed), 18, 8, 1 hours, 0, true, false, 1, type(uint128).max)
        );
        listed.mint(address(this), 500e18);
        listed.approve(address(treasury), 500e18);
        listed.mint(HOLDER, 500e18);
        proofVm.prank(HOLDER);
        listed.approve(address(treasury), type(uint256).max);
    }

    /// @dev 500 USD of each, 60 % and 40 % wanted; a tenth of the shares is the holder's.
    function _fill() private {
        uint16[] memory weights = new uint16[](2);
        (weights[0], weights[1]) = (6000, 4000);
        treasury.setTargets(weights);
        uint256[] memory amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (500e18, 500e18);
        treasury.seed(amounts, 1000e18);
        treasury.transfer(HOLDER, 100e18);
    }

    // -------------------------------------------------------------------------------------------- acting

    /// @dev Any call of any function that goes through: one that reverts changes nothing, the EVM sees to that.
    function anyCall(address caller) internal returns (bytes4 selector) {
        return anyCallBut(0, caller);
    }

    function anyCallBut(bytes4 excepted, address caller) internal returns (bytes4 selector) {
        bytes memory data = svm.createCalldata("Treasury.sol", "Treasury");
        selector = bytes4(data);
        proofVm.assume(selector != excepted);
        proofVm.assume(tryCall(caller, _plain(selector, data)));
    }

    function tryCall(address caller, bytes memory data) internal returns (bool done) {
        proofVm.prank(caller);
        (done,) = address(treasury).call(data);
    }

    /// @dev halmos cannot follow a symbolic index into a list of structs: the two that exist are taken one by one, and all
    ///      others together.
    function _plain(bytes4 selector, bytes memory data) private pure returns (bytes memory) {
        if (selector != ITreasury.stopBuying.selector && selector != ITreasury.disableVenue.selector) return data;
        uint256 index;
        assembly ("memory-safe") {
            index := mload(add(data, 0x24))
        }
        if (index == 0) return abi.encodeWithSelector(selector, 0);
        if (index == 1) return abi.encodeWithSelector(selector, 1);
        return data;
    }

    // -------------------------------------------------------------------------------------------- looking

    /// @dev Everything that is configured, and what was spent: all of the state but shares, tokens and `keeperUntil`.
    function configuration() internal view returns (ITreasury.Snapshot memory state) {
        state = treasury.snapshot();
        state.totalSupply = 0;
    }

    function digest(ITreasury.Snapshot memory state) internal view returns (bytes32) {
        return keccak256(abi.encode(state, treasury.pendingOwner()));
    }

    /// @dev What the fund owns and owes.
    function wealth() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                treasury.totalSupply(),
                token[0].balanceOf(address(treasury)),
                token[1].balanceOf(address(treasury)),
                token[0].allowance(address(treasury), HOLDER),
                token[1].allowance(address(treasury), HOLDER)
            )
        );
    }

    /// @dev Shares for their part of the tokens is what anybody may take and give: the arithmetic of it is for the tests.
    function requireUntouched(bytes4 selector, bytes32 owned) internal view {
        if (selector != ITreasury.mint.selector && selector != ITreasury.redeem.selector) assert(wealth() == owned);
    }
}
