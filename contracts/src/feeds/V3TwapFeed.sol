// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {AggregatorV3Interface} from "../interfaces/IAggregatorV3.sol";

/// @title  A token's price in USD from a Uniswap V3 pool's own history, for tokens that have no feed
/// @notice `1.0001 ^ (mean tick over the window)`, times what a feed says of the pool's other token.
/// @dev    The arithmetic mean of ticks is the geometric mean of prices: a price that is `f` times the true one for `d`
///         seconds multiplies the answer by `f ^ (d / window)`, and liquidity that is lent to an empty range makes any
///         `f` cheap. So the window is looked at in parts as well: one whose mean is far from the whole's is refused.
///         What moving it costs, and what this does not stop, is in contracts/README.md. Nobody owns it and nothing in
///         it changes.
contract V3TwapFeed is AggregatorV3Interface {
    /// Shorter than this, whoever proposes a few blocks in a row makes the price.
    uint32 private constant MIN_WINDOW = 30 minutes;
    /// Longer than this, the answer lags behind any market.
    uint32 private constant MAX_WINDOW = 1 days;
    /// Equal up to a second.
    uint256 private constant PARTS = 6;
    /// 5,000 ticks are 65 %: whoever wants more wants no bound.
    uint24 private constant MAX_JUMP = 5_000;

    error BadJump(uint256 given, uint256 minimum, uint256 maximum);
    error BadWindow(uint256 given, uint256 minimum, uint256 maximum);
    error Jump(int24 part, int24 mean, uint24 maximum);
    error NotAPool(address pool);
    error NotInPool(address token);
    error ShortHistory(uint256 covered, uint256 window);
    error TooLittleLiquidity(uint256 mean, uint256 minimum);

    /// @inheritdoc AggregatorV3Interface
    uint8 public constant override decimals = 18;
    /// @inheritdoc AggregatorV3Interface
    string public constant override description = "Uniswap V3 TWAP in USD";

    IUniswapV3Pool public immutable pool;
    address public immutable baseToken;
    address public immutable quoteToken;
    AggregatorV3Interface public immutable quoteFeed;
    /// Seconds.
    uint32 public immutable window;
    /// Least harmonic mean of the liquidity in range over each part of the window, in the pool's units: `sqrt(x * y)`.
    uint128 public immutable minLiquidity;
    /// Ticks that the mean of a part may be away from that of the whole window.
    uint24 public immutable maxJump;

    bool private immutable _baseIsToken0;
    /// The power of ten from base units and feed decimals to ours: one of the two is 1.
    uint256 private immutable _scaleUp;
    uint256 private immutable _scaleDown;

    /// @param pool_      must be the one that its own factory knows. Which factory that is the pool says itself: who
    ///                   deploys a feed for a treasury compares `pool().factory()` with the treasury's `v3Factory()`
    /// @param baseToken_ whose price this is; the pool's other token is the quote token
    /// @param quoteFeed_ USD price of the quote token
    /// @param maxJump_   from 1 to 5,000 ticks; 500 is about 5 %
    constructor(
        IUniswapV3Pool pool_,
        address baseToken_,
        AggregatorV3Interface quoteFeed_,
        uint32 window_,
        uint128 minLiquidity_,
        uint24 maxJump_
    ) {
        if (window_ < MIN_WINDOW || window_ > MAX_WINDOW) {
            revert BadWindow(window_, MIN_WINDOW, MAX_WINDOW);
        }
        if (maxJump_ == 0 || maxJump_ > MAX_JUMP) revert BadJump(maxJump_, 1, MAX_JUMP);
        (address token0, address token1) = _tokens(pool_);
        if (baseToken_ != token0 && baseToken_ != token1) revert NotInPool(baseToken_);
        (pool, quoteFeed, window, minLiquidity, maxJump) = (pool_, quoteFeed_, window_, minLiquidity_, maxJump_);
        _baseIsToken0 = baseToken_ == token0;
        (baseToken, quoteToken) = _baseIsToken0 ? (token0, token1) : (token1, token0);

        uint256 up = uint256(decimals) + IERC20Metadata(baseToken).decimals();
        uint256 down = uint256(quoteFeed_.decimals()) + IERC20Metadata(quoteToken).decimals();
        (_scaleUp, _scaleDown) = up > down ? (10 ** (up - down), uint256(1)) : (uint256(1), 10 ** (down - up));
    }

    function _tokens(IUniswapV3Pool pool_) private view returns (address token0, address token1) {
        if (address(pool_).code.length == 0) revert NotAPool(address(pool_));
        (token0, token1) = (pool_.token0(), pool_.token1());
        address known = IUniswapV3Factory(pool_.factory()).getPool(token0, token1, pool_.fee());
        if (known != address(pool_)) revert NotAPool(address(pool_));
    }

    /// @inheritdoc AggregatorV3Interface
    /// @dev `updatedAt` is that of the quote feed or of the pool's newest observation, whichever is older: `observe`
    ///      continues the last tick up to now, however long ago that was. Rounds are the quote feed's. A quote that is 0
    ///      or less comes through as it is, for the reader to refuse.
    function latestRoundData()
        external
        view
        override
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        (roundId, answer,, updatedAt, answeredInRound) = quoteFeed.latestRoundData();
        startedAt = block.timestamp - window;
        if (answer <= 0) return (roundId, answer, startedAt, updatedAt, answeredInRound);
        answer = SafeCast.toInt256(_inUsd(_meanTick(), uint256(answer)));
        // A quote from the future stays one.
        if (updatedAt <= block.timestamp) updatedAt = Math.min(updatedAt, _newestObservation());
    }

    /// @notice Mean tick over the window, when no part of it is thin or far from the whole.
    function _meanTick() private view returns (int24 mean) {
        uint32[] memory ago = _parts();
        try pool.observe(ago) returns (int56[] memory ticks, uint160[] memory secondsPerLiquidity) {
            mean = _mean(ticks[0], ticks[PARTS], window);
            for (uint256 i; i < PARTS; ++i) {
                uint32 length = ago[i] - ago[i + 1];
                _requireLiquidity(secondsPerLiquidity[i], secondsPerLiquidity[i + 1], length);
                _requireNoJump(_mean(ticks[i], ticks[i + 1], length), mean);
            }
        } catch {
            revert ShortHistory(_history(), window);
        }
    }

    /// @return ago seconds back to the start of each part, oldest first, and 0 for the end of the last
    function _parts() private view returns (uint32[] memory ago) {
        ago = new uint32[](PARTS + 1);
        for (uint256 i; i < PARTS; ++i) {
            ago[i] = uint32(window * (PARTS - i) / PARTS);
        }
    }

    /// @notice Mean tick between two sums, rounded down as Uniswap's own library does.
    function _mean(int56 from, int56 to, uint32 length) private pure returns (int24) {
        // The pool's sums are meant to wrap around; their differences do not.
        unchecked {
            int56 sum = to - from;
            int56 mean = sum / int56(uint56(length));
            return int24(sum < 0 && sum % int56(uint56(length)) != 0 ? mean - 1 : mean);
        }
    }

    /// @dev A pool counts no liquidity as 1, so its sum of seconds over liquidity, 128 binary places, always grows.
    function _requireLiquidity(uint160 from, uint160 to, uint32 length) private view {
        unchecked {
            uint256 mean = (uint256(length) << 128) / (to - from);
            if (mean < minLiquidity) revert TooLittleLiquidity(mean, minLiquidity);
        }
    }

    /// @dev A part that nobody touched is at the true price: while there is one, the whole is at most `maxJump` from it.
    function _requireNoJump(int24 part, int24 mean) private view {
        int24 apart = part > mean ? part - mean : mean - part;
        if (apart > int24(maxJump)) revert Jump(part, mean, maxJump);
    }

    /// @param quote USD of one quote token, in the quote feed's decimals
    /// @return USD of one base token, 18 decimals, floor
    function _inUsd(int24 tick, uint256 quote) private view returns (uint256) {
        // `sqrt(quote units per base unit)`: the tick is of token1 per token0.
        uint256 root = TickMath.getSqrtPriceAtTick(_baseIsToken0 ? tick : -tick);
        uint256 scaled = quote * _scaleUp;
        // Squared it has 192 binary places, or 128 when it would not fit.
        uint256 usd = root <= type(uint128).max
            ? Math.mulDiv(root * root, scaled, 1 << 192)
            : Math.mulDiv(Math.mulDiv(root, root, 1 << 64), scaled, 1 << 128);
        return usd / _scaleDown;
    }

    function _newestObservation() private view returns (uint256) {
        (,, uint16 index,,,,) = pool.slot0();
        (uint32 written,,,) = pool.observations(index);
        return _unwrapped(written);
    }

    /// @return seconds that the pool's observations reach back
    function _history() private view returns (uint256) {
        (,, uint16 index, uint16 cardinality,,,) = pool.slot0();
        if (cardinality == 0) return 0;
        (uint32 written,,, bool initialized) = pool.observations((uint256(index) + 1) % cardinality);
        // Room that was made and not yet written to: then the first is the oldest.
        if (!initialized) (written,,,) = pool.observations(0);
        return block.timestamp - _unwrapped(written);
    }

    /// @dev A pool keeps the lowest 32 bits of the time.
    function _unwrapped(uint32 written) private view returns (uint256) {
        unchecked {
            return block.timestamp - (uint32(block.timestamp) - written);
        }
    }
}
