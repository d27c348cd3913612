"""What the keeper costs, measured against the real contracts: a subcommand per subject. `scripts/bench --help`."""
