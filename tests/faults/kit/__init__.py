"""A kit for breaking things on purpose: node, chain, process and disk. See README.md beside this file."""
