"""Static analysis and proofs of the contracts: Slither and halmos, and what makes their answers pass or fail."""
