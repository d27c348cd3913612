"""Keeper: keeps the tokens of on-chain index funds at their target weights."""

__version__ = "0.1.0"
