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

    /// @param token         ERC-20; its position in the list changes only when another asset is dropped
    /// @param feed          answers `AggregatorV3Interface`, USD
    /// @param maxAge        seconds after `updatedAt` beyond which an answer is stale
    /// @param targetBps     target weight
    /// @param buyable       false: may be sold, never bought
    /// @param retired       true: neither priced nor traded, only minted and redeemed in kind
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
        bool retired;
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

    /// @dev Of NAV unless said otherwise. The buckets of `lossCapBps`, `turnoverCapBps` and `shiftCapBps` start full and
    ///      refill evenly over `window` seconds: at most `cap * (1 + T / window)` is spent within any T seconds.
    /// @param maxSlipBps     largest oracle-valued loss of one swap, of its input's value
    /// @param lossCapBps     bucket of oracle-valued losses
    /// @param turnoverCapBps bucket of values sold; above 10,000 is more than the whole fund
    /// @param perTradeBps    largest input of one swap
    /// @param maxCostBps     largest loss of a batch, of the tracking error that it removes
    /// @param minDriftBps    tracking error below which nothing may be traded
    /// @param maxWeightBps   largest target weight that the weigher may set
    /// @param shiftCapBps    bucket of what the weigher may shift: half the sum of `|new - old|` target weights
    /// @param cooldown       seconds between two rebalances
    /// @param window         seconds in which an empty bucket is full again
    struct Limits {
        uint16 maxSlipBps;
        uint16 lossCapBps;
        uint16 turnoverCapBps;
        uint16 perTradeBps;
        uint16 maxCostBps;
        uint16 minDriftBps;
        uint16 maxWeightBps;
        uint16 shiftCapBps;
        uint32 cooldown;
        uint32 window;
    }

    /// @notice What is left in the buckets now, 1e18 is the whole NAV (the whole weight for `shift`).
    struct Budgets {
        uint256 loss;
        uint256 turnover;
        uint256 shift;
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
        Budgets budgets;
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
    event Minted(address indexed by, address indexed to, uint256 shares, uint256[] amounts);
    event Redeemed(address indexed by, address indexed to, uint256 shares, uint256[] amounts, uint256 skipMask);
    event Rescued(address indexed token, address indexed to, uint256 amount);
    event Paused(address by);
    event Unpaused(address by);
    event KeeperSet(address indexed keeper, uint64 until);
    event WeigherSet(address indexed weigher);
    event GuardianSet(address indexed guardian);
    event AssetSet(uint8 indexed index, Asset asset);
    event AssetDropped(uint8 indexed index, address token, uint8 moved);
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
    error IsRetired(address token);
    error StalePrice(address token, uint256 updatedAt, uint256 oldest);
    error BadPrice(address token, int256 answer);
    error SequencerDown(int256 answer, uint256 since);
    error MinOut(uint16 venue, uint256 got, uint256 minimum);
    error Slippage(uint16 venue, uint256 valueOut, uint256 minimum);
    error TradeTooBig(uint16 venue, uint256 valueIn, uint256 maximum);
    error NoDrift(uint256 te, uint256 minimum);
    error NoProgress(uint256 teBefore, uint256 teAfter, uint256 loss, uint256 maximum);
    error LossBudget(uint256 wanted, uint256 left);
    error TurnoverBudget(uint256 wanted, uint256 left);
    error ShiftBudget(uint256 wanted, uint256 left);
    error WeightTooBig(uint8 asset, uint256 bps, uint256 maximum);
    error BadCallback(address caller);
    error InexactTransfer(address token, uint256 moved, uint256 expected);
    error BadTargets(uint256 sumBps);
    error BadAsset(address token);
    error BadLimit(uint256 given, uint256 ceiling);
    error BadWindow(uint256 given, uint256 minimum, uint256 maximum);
    error AlreadySeeded();
    error NotSeeded();
    error NoShares();
    error MaxIn(address token, uint256 amount, uint256 maximum);
    error MinRedeemed(address token, uint256 amount, uint256 minimum);
    error NotRetired(address token);
    error NotEmpty(address token, uint256 balance);
    error WasAsset(address token);
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

    /// @notice Once, by the owner: takes `amounts` of every asset and issues `shares`, of which 1e6 are burned.
    function seed(uint256[] calldata amounts, uint256 shares) external;

    /// @notice Issues `shares` against `ceil(balance * shares / supply)` of every asset, retired ones included.
    /// @param  maxIn most that the caller gives of each asset, in the order of the list
    function mint(uint256 shares, address to, uint256[] calldata maxIn) external;

    /// @notice Burns the caller's `shares` and pays `floor(balance * shares / supply)` of every asset. Reads no price,
    ///         works while paused.
    /// @param  minOut   least that is paid of each asset, in the order of the list; not asked of skipped ones
    /// @param  skipMask bit i gives up asset i, whose claim stays with the other holders: for a token that cannot be
    ///         paid out
    function redeem(uint256 shares, address to, uint256[] calldata minOut, uint256 skipMask) external;

    function pause() external;
    function unpause() external;
    function disableVenue(uint16 venue) external;
    function stopBuying(uint8 asset) external;
    function revokeKeeper(address keeper) external;
    function revokeWeigher() external;

    function addAsset(Asset calldata asset) external returns (uint8 index);
    function setAsset(uint8 index, Asset calldata asset) external;
    function retireAsset(uint8 index) external;
    function dropAsset(uint8 index) external;
    function addVenue(Venue calldata venue) external returns (uint16 index);
    function setTargets(uint16[] calldata targetBps) external;
    function setLimits(Limits calldata limits) external;
    function setKeeper(address keeper, uint64 until) external;
    function setWeigher(address weigher) external;
    function setGuardian(address guardian) external;
    function rescue(address token, address to, uint256 amount) external;

    // ---------------------------------------------------------------------------------------------- views

    function snapshot() external view returns (Snapshot memory);
    function keeperUntil(address keeper) external view returns (uint64);
    function nav() external view returns (uint256);
    function sharePrice() external view returns (uint256);
    function componentUnits() external view returns (uint256[] memory);
    function trackingError() external view returns (uint256);
    function budgets() external view returns (Budgets memory);
    function previewMint(uint256 shares) external view returns (uint256[] memory);
    function previewRedeem(uint256 shares) external view returns (uint256[] memory);
    function v2Factory() external view returns (address);
    function v3Factory() external view returns (address);
    function sequencerFeed() external view returns (address);
}
