// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUniswapV2Factory} from "@uniswap/v2-core/contracts/interfaces/IUniswapV2Factory.sol";
import {IUniswapV3Factory} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Factory.sol";
import {IUniswapV3Pool} from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";

/// @notice What V2's and V3's periphery have in common.
interface IRouterFactory {
    function factory() external view returns (address);
}

/// @title What a pair, pool or router must say of itself before it is listed
library Venues {
    /// The one fee of every Uniswap V2 pair, 1/1,000,000.
    uint24 internal constant V2_FEE_PIPS = 3000;

    /// @notice True when the venue, and the factory that the treasury trusts, agree with what the owner says.
    /// @param  token0 of the pair or pool that the venue is, or that the router would use
    /// @param  factory of the venue's Uniswap version; the zero address when that version is not used
    function isGenuine(ITreasury.Venue memory venue, address token0, address token1, address factory)
        internal
        view
        returns (bool)
    {
        if (factory == address(0)) return false;
        address pool = isV2(venue.kind)
            ? v2Pair(factory, token0, token1, venue.feePips)
            : IUniswapV3Factory(factory).getPool(token0, token1, venue.feePips);
        return pool != address(0) && isTarget(venue, factory, pool) && isOrdered(pool, token0, token1);
    }

    function isV2(ITreasury.Kind kind) internal pure returns (bool) {
        return kind == ITreasury.Kind.V2Pair || kind == ITreasury.Kind.V2Router;
    }

    /// @dev A pool must be the one its factory made; a router must trade through that factory.
    function isTarget(ITreasury.Venue memory venue, address factory, address pool) private view returns (bool) {
        bool isPool = venue.kind == ITreasury.Kind.V2Pair || venue.kind == ITreasury.Kind.V3Pool;
        return isPool ? venue.target == pool : IRouterFactory(venue.target).factory() == factory;
    }

    /// @dev A factory finds its pool by either order of the tokens. Pairs and pools answer this alike.
    function isOrdered(address pool, address token0, address token1) private view returns (bool) {
        return IUniswapV3Pool(pool).token0() == token0 && IUniswapV3Pool(pool).token1() == token1;
    }

    function v2Pair(address factory, address token0, address token1, uint24 feePips) private view returns (address) {
        return feePips == V2_FEE_PIPS ? IUniswapV2Factory(factory).getPair(token0, token1) : address(0);
    }
}
