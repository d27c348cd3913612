// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Contracts that answer any call in one bad way
contract Reverts {
    fallback() external {
        revert("no");
    }
}

/// @dev Burns whatever gas it is given.
contract Guzzles {
    fallback() external {
        while (true) {}
    }
}

/// @dev Returns as much as its gas can pay for.
contract Bombs {
    fallback() external {
        assembly {
            // Memory of w words costs 3w + w^2/512; 32 sqrt(gas) words stay below what there is.
            let size := 300000
            if gt(gas(), 1000000) { size := 1500000 }
            return(0, size)
        }
    }
}

/// @dev Answers with fewer words than anybody asked for.
contract Mumbles {
    fallback() external {
        assembly {
            mstore(0, 1)
            return(0, 31)
        }
    }
}

/// @dev Answers with words that are no decimals, no address, no offset.
contract Lies {
    fallback() external {
        assembly {
            for { let i := 0 } lt(i, 2048) { i := add(i, 32) } { mstore(i, not(0)) }
            return(0, 2048)
        }
    }
}

/// @dev As MKR answers: its symbol is 32 bytes, not a string.
contract OldToken {
    uint8 public constant decimals = 18;
    bytes32 public constant symbol = "MKR";
}

/// @dev A symbol that is longer than a word and shorter than any string.
contract HalfString {
    uint8 public constant decimals = 18;

    function symbol() external pure {
        assembly {
            mstore(0, 32)
            return(0, 63)
        }
    }
}
