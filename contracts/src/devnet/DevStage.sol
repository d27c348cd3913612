// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title  Plays scripts of many calls in one, so that a treasury meets thousands of drawn states in seconds
/// @notice The stage sends every call, so it can be a treasury's owner, keeper and holder at once; it is also the factory
///         that knows the venues among its props.
/// @dev    Local chains only: whoever calls speaks with its voice. A script is a row of calls, each 20 bytes of target,
///         3 bytes of length and the data. The answer is a row of results, each 1 byte (1 when it succeeded), 3 bytes of
///         length and what was returned.
contract DevStage {
    event Played(bytes results);

    mapping(address token0 => mapping(address token1 => address)) private _venues;

    /// @notice Plays and keeps what happened; the results are in the event.
    function perform(bytes calldata script) external {
        emit Played(_play(script));
    }

    /// @notice Plays, and hands the results back.
    function play(bytes calldata script) external returns (bytes memory) {
        return _play(script);
    }

    /// @notice Plays and undoes everything: reverts with the results, without selector or length.
    function rehearse(bytes calldata script) external {
        bytes memory results = _play(script);
        assembly ("memory-safe") {
            revert(add(results, 0x20), mload(results))
        }
    }

    function _play(bytes calldata script) private returns (bytes memory results) {
        assembly ("memory-safe") {
            results := mload(0x40)
            let free := add(results, 0x20)
            let at := script.offset
            let end := add(at, script.length)
            for {} lt(at, end) {} {
                let target := shr(96, calldataload(at))
                let length := shr(232, calldataload(add(at, 20)))
                calldatacopy(free, add(at, 23), length)
                let success := call(gas(), target, 0, free, length, 0, 0)
                mstore8(free, success)
                mstore(add(free, 1), shl(232, returndatasize()))
                returndatacopy(add(free, 4), 0, returndatasize())
                free := add(free, add(4, returndatasize()))
                at := add(at, add(23, length))
            }
            mstore(results, sub(sub(free, results), 0x20))
            mstore(0x40, and(add(free, 0x3f), not(0x1f)))
        }
    }

    // -------------------------------------------------------------------------------------------- props

    function newToken() external returns (PropToken) {
        return new PropToken();
    }

    function newFeed() external returns (PropFeed) {
        return new PropFeed();
    }

    /// @notice One venue for any two tokens, in the order given.
    function newVenue(address token0, address token1) external returns (PropVenue venue) {
        venue = new PropVenue(PropToken(token0), PropToken(token1));
        (_venues[token0][token1], _venues[token1][token0]) = (address(venue), address(venue));
    }

    /// @notice As a V2 factory answers.
    function getPair(address tokenA, address tokenB) external view returns (address) {
        return _venues[tokenA][tokenB];
    }

    /// @notice As a V3 factory answers; every fee is the same venue.
    function getPool(address tokenA, address tokenB, uint24) external view returns (address) {
        return _venues[tokenA][tokenB];
    }
}

/// @title An ERC-20 whose decimals and balances anybody may set
contract PropToken {
    uint8 public decimals;
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function setDecimals(uint8 decimals_) external {
        decimals = decimals_;
    }

    function put(address account, uint256 balance) external {
        balanceOf[account] = balance;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        if (allowance[from][msg.sender] != type(uint256).max) allowance[from][msg.sender] -= amount;
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}

/// @title A feed whose decimals and answer anybody may set
contract PropFeed {
    uint8 public decimals;
    int256 private _answer;
    uint256 private _updatedAt;

    function set(uint8 decimals_, int256 answer, uint256 updatedAt) external {
        (decimals, _answer, _updatedAt) = (decimals_, answer, updatedAt);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (1, _answer, _updatedAt, _updatedAt, 1);
    }
}

interface IV3Payer {
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata data) external;
}

/// @title A V2 pair, a V3 pool and a router of either, that pays what it was told to pay
/// @dev   As a pair it pays what is asked of it: there the reserves decide.
contract PropVenue {
    struct ExactInputSingle {
        address tokenIn;
        address tokenOut;
        uint24 fee;
        address recipient;
        uint256 deadline;
        uint256 amountIn;
        uint256 amountOutMinimum;
        uint160 sqrtPriceLimitX96;
    }

    PropToken public immutable token0;
    PropToken public immutable token1;
    address public immutable factory = msg.sender;

    uint112 private _reserve0;
    uint112 private _reserve1;
    uint256 private _amountOut;

    constructor(PropToken token0_, PropToken token1_) {
        (token0, token1) = (token0_, token1_);
    }

    /// @notice Its balances become the reserves.
    function set(uint112 reserve0, uint112 reserve1, uint256 amountOut) external {
        (_reserve0, _reserve1, _amountOut) = (reserve0, reserve1, amountOut);
        token0.put(address(this), reserve0);
        token1.put(address(this), reserve1);
    }

    function getReserves() external view returns (uint112, uint112, uint32) {
        return (_reserve0, _reserve1, 0);
    }

    /// @dev V2 pair.
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata) external {
        _pay(token0, to, amount0Out);
        _pay(token1, to, amount1Out);
    }

    /// @dev V3 pool.
    function swap(address to, bool zeroForOne, int256 amountIn, uint160, bytes calldata)
        external
        returns (int256, int256)
    {
        _pay(zeroForOne ? token1 : token0, to, _amountOut);
        (int256 delta0, int256 delta1) = (amountIn, -int256(_amountOut));
        if (!zeroForOne) (delta0, delta1) = (delta1, delta0);
        IV3Payer(msg.sender).uniswapV3SwapCallback(delta0, delta1, "");
        return (delta0, delta1);
    }

    /// @dev V2 router.
    function swapExactTokensForTokens(uint256 amountIn, uint256, address[] calldata path, address to, uint256)
        external
        returns (uint256[] memory amounts)
    {
        PropToken(path[0]).transferFrom(msg.sender, address(this), amountIn);
        _pay(PropToken(path[1]), to, _amountOut);
        amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (amountIn, _amountOut);
    }

    /// @dev V3 router.
    function exactInputSingle(ExactInputSingle calldata order) external returns (uint256) {
        PropToken(order.tokenIn).transferFrom(msg.sender, address(this), order.amountIn);
        _pay(PropToken(order.tokenOut), order.recipient, _amountOut);
        return _amountOut;
    }

    function _pay(PropToken token, address to, uint256 amount) private {
        token.put(to, token.balanceOf(to) + amount);
    }
}
