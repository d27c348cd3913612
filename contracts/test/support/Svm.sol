// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The cheat codes of halmos that the proofs use: values that stand for every value of their type.
interface Svm {
    function createAddress(string calldata name) external returns (address);
    function createUint256(string calldata name) external returns (uint256);
    /// Every call of every function that may change state, and calls of none. Arrays have the lengths of the command line.
    function createCalldata(string calldata file, string calldata contractName) external returns (bytes memory);
}

/// @notice The cheat codes of forge that halmos knows.
interface ProofVm {
    function assume(bool condition) external pure;
    function getCode(string calldata artifact) external returns (bytes memory);
    function load(address account, bytes32 slot) external returns (bytes32);
    function prank(address sender) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function warp(uint256 timestamp) external;
}

Svm constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));
ProofVm constant proofVm = ProofVm(address(uint160(uint256(keccak256("hevm cheat code")))));
