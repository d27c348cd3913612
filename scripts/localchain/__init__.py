"""The local chain: Anvil with the real Uniswap, tokens, feeds, a treasury, and a market that moves them."""
