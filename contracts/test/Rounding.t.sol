// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DevFeed} from "../src/devnet/DevFeed.sol";
import {DevToken} from "../src/devnet/DevToken.sol";
import {ITreasury} from "../src/interfaces/ITreasury.sol";
import {FixedPool} from "./support/Pools.sol";
import {World} from "./support/World.sol";
import {vm} from "./support/Vm.sol";

/// @title Where a limit falls between two units, the keeper gets the smaller one
/// @notice A fund of two tokens whose unit is worth 1e-18 USD, and of so few units that every fraction shows.
contract RoundingTest is World {
    address private _over;
    address private _under;
    address private _pool;
    bool private _zeroForOne;

    function setUp() public override {
        vm.warp(time);
        deployUniswap();
        treasury = deployTreasury(v2Factory, v3Factory, address(0));
        (_over, _under) = (_listAtOneDollar(), _listAtOneDollar());
        _pool = v3Pool(_over, 1e24, _under, 1e24, 3000);
        _zeroForOne = _over < _under;
        (uint8 i0, uint8 i1) = _zeroForOne ? (0, 1) : (1, 0);
        treasury.addVenue(ITreasury.Venue(_pool, ITreasury.Kind.V3Pool, i0, i1, 3000, true));
        uint16[] memory weights = new uint16[](2);
        (weights[0], weights[1]) = (5000, 5000);
        treasury.setTargets(weights);
        treasury.setKeeper(KEEPER, uint64(time + 30 days));
    }

    /// @dev 0.1 % of 1,000,005 is 1,000.005: a tracking error of 1,000 is not enough.
    function test_least_drift_is_rounded_up() public {
        _hold(501_003, 499_002);
        same(treasury.trackingError(), 1_000, "tracking error");
        expect(abi.encodeWithSelector(ITreasury.NoDrift.selector, 1_000, 1_001), _sell(100, 100));
    }

    /// @dev A tenth of 1,000,005 is 100,000.5.
    function test_largest_trade_is_rounded_down() public {
        _hold(800_005, 200_000);
        expect(abi.encodeWithSelector(ITreasury.TradeTooBig.selector, 0, 100_001, 100_000), _sell(100_001, 100_001));
        rebalance(_sell(100_000, 100_000));
    }

    /// @dev 992 units nearer at 150 bps may cost 14.88.
    function test_cost_of_progress_is_rounded_down() public {
        _hold(800_005, 200_000);
        treasury.setLimits(limits(300, 1000, 10, 900));
        expect(abi.encodeWithSelector(ITreasury.NoProgress.selector, 300_002, 299_010, 15, 14), _sell(1_000, 985));
        same(rebalance(_sell(1_000, 986)).loss, 14, "loss");
    }

    // -------------------------------------------------------------------------------------------- building

    function _listAtOneDollar() private returns (address token_) {
        token_ = address(new DevToken("Token", "TKN", 18));
        DevFeed feed_ = new DevFeed("price", 8);
        feed_.setAnswer(1e8);
        treasury.addAsset(_asset(token_, address(feed_), 18, 1e8));
    }

    function _hold(uint256 over, uint256 under) private {
        uint256[] memory amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (over, under);
        DevToken(_over).mint(address(this), over);
        DevToken(_under).mint(address(this), under);
        IERC20(_over).approve(address(treasury), over);
        IERC20(_under).approve(address(treasury), under);
        treasury.seed(amounts, 1e18);
    }

    /// @dev The pool pays `out`, whatever it is given.
    function _sell(uint256 amount, uint256 out) private returns (ITreasury.Swap[] memory) {
        vm.etch(_pool, address(new FixedPool(_under, int256(out))).code);
        return batch(ITreasury.Swap({venue: 0, zeroForOne: _zeroForOne, amountIn: uint112(amount), minOut: 0}));
    }
}
