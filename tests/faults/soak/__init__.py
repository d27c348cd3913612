"""A soak: the real keeper, Anvil, a proxy that breaks and a market, for hundreds of cycles; then the verdict."""
