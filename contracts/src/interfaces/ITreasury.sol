// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title  A fund's tokens, and the rules under which a hot key may swap them
/// @notice The keeper names swaps among listed assets and venues; the treasury builds every call itself, prices
///         every swap with its own feeds and reverts the whole batch when a bound is broken.
/// @dev    USD values have 18 decimals. A price `px` is the USD value of 10^18 base units of a token with 18
///         decimals: `px = answer * 10^(36 - feedDecimals - tokenDecimals)`, `value = amount * px / 1e18`.
///         Times are seconds of `block.timestamp`. `bps` are 1/10,000.
interface ITreasury {
    // ---------------------------------------------------------------------------------------------- types

    enum Kind {
        V2Pair,
        V3Pool,
        V2Router,
        V3Router
    }

    /// @param token         ERC-20; its position in the list never changes
    /// @param feed          answers `AggregatorV3Interface`, USD
    /// @param maxAge        seconds after `updatedAt` beyond which an answer is stale
    /// @param targetBps     target weight
    /// @param buyable       false: may be sold, never bought
    /// @param minPrice      our own lower bound of the feed's answer, in feed decimals
    /// @param maxPrice      our own upper bound of the feed's answer, in feed decimals
    struct Asset {
        address token;
        address feed;
        uint8 tokenDecimals;
        uint8 feedDecimals;
        uint32 maxAge;
        uint16 targetBps;
        bool buyable;
        uint128 minPrice;
        uint128 maxPrice;
    }

    /// @param target  pair, pool or router
    /// @param i0      index of the asset that is token0 of the pair or pool
    /// @param i1      index of the asset that is token1
    /// @param feePips pool fee, 1/1,000,000
    struct Venue {
        address target;
        Kind kind;
        uint8 i0;
        uint8 i1;
        uint24 feePips;
        bool enabled;
    }

    /// @param maxSlipBps  largest oracle-valued loss of one swap, of its input's value
    /// @param perTradeBps largest input of one swap, of NAV
    /// @param minDriftBps tracking error below which nothing may be traded, of NAV
    /// @param cooldown    seconds between two rebalances
    struct Limits {
        uint16 maxSlipBps;
        uint16 perTradeBps;
        uint16 minDriftBps;
        uint32 cooldown;
    }

    /// @param amountIn spends `min(amountIn, balance)`
    struct Swap {
        uint16 venue;
        bool zeroForOne;
        uint112 amountIn;
        uint112 minOut;
    }

    /// @dev USD, 18 decimals. `turnover` is the sum of the swaps' input values, `loss` the sum of
    ///      `max(0, valueIn - valueOut)`, `te` half the sum of `|value - weight * NAV|`.
    struct Outcome {
        uint256 navBefore;
        uint256 navAfter;
        uint256 turnover;
        uint256 loss;
        uint256 teBefore;
        uint256 teAfter;
    }

    /// @notice What an observer needs that is not another contract's state.
    struct Snapshot {
        address owner;
        address guardian;
        address weigher;
        bool paused;
        uint64 lastId;
        uint64 lastRebalance;
        uint256 totalSupply;
        Limits limits;
        Asset[] assets;
        Venue[] venues;
    }

    // --------------------------------------------------------------------------------------------- events

    event SwapExecuted(
        uint64 indexed id,
        uint16 indexed venue,
        address tokenIn,
        address tokenOut,
        uint256 amountIn,
        uint256 amountOut,
        uint256 valueIn,
        uint256 valueOut
    );
    event Rebalanced(
        uint64 indexed id,
        address indexed keeper,
        bytes32 indexed decision,
        uint256 navBefore,
        uint256 navAfter,
        uint256 turnover,
        uint256 loss,
        uint256 teBefore,
        uint256 teAfter
    );
    event Seeded(uint256[] amounts, uint256 shares);
    event Paused(address by);
    event Unpaused(address by);
    event KeeperSet(address indexed keeper, uint64 until);
    event WeigherSet(address indexed weigher);
    event GuardianSet(address indexed guardian);
    event AssetSet(uint8 indexed index, Asset asset);
    event VenueSet(uint16 indexed index, Venue venue);
    event TargetsSet(uint16[] targetBps);
    event LimitsSet(Limits limits);

    // --------------------------------------------------------------------------------------------- errors

    error NotKeeper(address caller, uint64 until);
    error NotWeigher(address caller);
    error NotGuardian(address caller);
    error IsPaused();
    error Expired(uint256 timestamp, uint64 deadline);
    error BadId(uint64 given, uint64 expected);
    error Cooldown(uint256 timestamp, uint256 until);
    error EmptyBatch();
    error BadVenue(uint16 venue);
    error NotBuyable(address token);
    error StalePrice(address token, uint256 updatedAt, uint256 oldest);
    error BadPrice(address token, int256 answer);
    error MinOut(uint16 venue, uint256 got, uint256 minimum);
    error Slippage(uint16 venue, uint256 valueOut, uint256 minimum);
    error TradeTooBig(uint16 venue, uint256 valueIn, uint256 maximum);
    error NoDrift(uint256 te, uint256 minimum);
    error BadCallback(address caller);
    error InexactTransfer(address token, uint256 moved, uint256 expected);
    error BadTargets(uint256 sumBps);
    error BadAsset(address token);
    error BadLimit(uint256 given, uint256 ceiling);
    error AlreadySeeded();
    error BadLength(uint256 given, uint256 expected);

    // -------------------------------------------------------------------------------------------- actions

    /// @notice Swaps through listed venues; reverts as a whole when any check fails.
    /// @param  swaps    run in this order
    /// @param  id       `lastId + 1`: a replaced transaction cannot execute twice
    /// @param  deadline last `block.timestamp` at which this may run
    /// @param  decision hash of the keeper's decision record, emitted so that the journal is anchored here
    function rebalance(Swap[] calldata swaps, uint64 id, uint64 deadline, bytes32 decision)
        external
        returns (Outcome memory);

    /// @notice Once, by the owner: takes `amounts` of every asset and issues `shares`.
    function seed(uint256[] calldata amounts, uint256 shares) external;

    function pause() external;
    function unpause() external;
    function disableVenue(uint16 venue) external;
    function stopBuying(uint8 asset) external;
    function revokeKeeper(address keeper) external;
    function revokeWeigher() external;

    function addAsset(Asset calldata asset) external returns (uint8 index);
    function setAsset(uint8 index, Asset calldata asset) external;
    function addVenue(Venue calldata venue) external returns (uint16 index);
    function setTargets(uint16[] calldata targetBps) external;
    function setLimits(Limits calldata limits) external;
    function setKeeper(address keeper, uint64 until) external;
    function setWeigher(address weigher) external;
    function setGuardian(address guardian) external;

    // ---------------------------------------------------------------------------------------------- views

    function snapshot() external view returns (Snapshot memory);
    function keeperUntil(address keeper) external view returns (uint64);
    function nav() external view returns (uint256);
    function sharePrice() external view returns (uint256);
    function componentUnits() external view returns (uint256[] memory);
    function trackingError() external view returns (uint256);
}
