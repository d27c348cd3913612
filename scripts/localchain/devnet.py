"""`scripts/devnet`: a local chain with everything on it, until Ctrl-C or SIGTERM."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.localchain import accounts, tokens
from scripts.localchain.anvil import CHAIN_ID, ROOT, AnvilError
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY, default_config
from scripts.localchain.deployment import Deployment
from scripts.localchain.node import TransactionFailed
from scripts.localchain.paths import random_walk
from scripts.localchain.rpc import RpcError
from scripts.localchain.state import StateInUse, environment_lines, locked
from scripts.localchain.stopping import Stopped, stopping_on_signals


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    try:
        with stopping_on_signals():
            _run(options)
    except (AnvilError, StateInUse, RpcError, TransactionFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Stopped:
        print("stopped", file=sys.stderr)
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/devnet", description=__doc__)
    parser.add_argument("--fork-url", metavar="URL", help="fork this chain (as chain id 31337), deploy what is missing")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--block-time", type=int, default=1, metavar="S", help="seconds between blocks (default 1)")
    parser.add_argument("--market", type=int, metavar="S", help="move prices every S seconds as half a day would")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of text")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="default: .devnet, or .devnet/fork for a fork")
    options = parser.parse_args(argv)
    if options.block_time < 1:
        parser.error("--block-time must be at least 1 second")
    if options.market is not None and options.market < 1:
        parser.error("--market must be at least 1 second")
    if not 0 <= options.port <= 65_535:
        parser.error("--port must be between 0 and 65535")
    return options


def _run(options: argparse.Namespace) -> None:
    """Ends by `Stopped` only."""
    default = ROOT / ".devnet" / "fork" if options.fork_url else ROOT / ".devnet"
    folder: Path = (options.state_dir or default).absolute()
    with (
        locked(folder),
        local_chain(folder, default_config(), port=options.port, fork_url=options.fork_url) as chain,
    ):
        chain.node.mine_every(options.block_time)
        environment = chain.keeper_environment(folder)
        (folder / "env").write_text(environment_lines(environment))
        show = _as_json if options.json else _as_text
        print(show(chain.deployment, environment, folder / "env", options), flush=True)
        if options.market is None:
            signal.pause()
        else:
            _move(chain, options.market)


def _move(chain: LocalChain, seconds: int) -> None:
    """The market walks on from where the feeds are, for ever; a step that a trade got in the way of is lost."""
    prices = tokens.prices(chain.node, chain.deployment.tokens)
    assets = [
        asset if asset.pegged else replace(asset, price=prices[asset.symbol])
        for asset in chain.deployment.config.assets
    ]
    for step in random_walk(assets, seed=time.time_ns(), step_seconds=DAY // 2):
        time.sleep(seconds)
        try:
            moved = chain.market.step(step, at=max(chain.node.head()[1] + 1, int(time.time())))
            print(f"market moved in block {moved.block}: {moved.swaps} swaps", file=sys.stderr, flush=True)
        except TransactionFailed as error:
            print(f"market: {error}", file=sys.stderr, flush=True)


def _as_text(deployment: Deployment, environment: dict[str, str], env_file: Path, options: argparse.Namespace) -> str:
    source = f"fork of {options.fork_url}" if options.fork_url else "new chain"
    dex = deployment.uniswap
    lines = [
        f"Local chain {CHAIN_ID} at {environment['RPC_URL']}  ({source}, a block every {options.block_time} s)",
        f"deployed {len(deployment.deployed)}, reused {len(deployment.reused)}, in {deployment.seconds:.1f} s",
        "",
        "Treasuries",
        *(f"  {each.address}  {each.spec.name}, set up from {each.files.config}" for each in deployment.treasuries),
        "Assets (token, feed)",
        *(f"  {t.address}  {t.feed}  {t.symbol:6} {t.spec.decimals:2} decimals" for t in deployment.tokens),
        "Pools",
        *(f"  {pool.address}  {pool.label}" for pool in deployment.pools),
        "Uniswap",
        *(f"  {getattr(dex, name)}  {name}" for name in dex.__slots__),
        "Accounts",
        *(f"  {address}  {role}" for role, address in _roles().items()),
        "",
        f"Environment of the keeper (also in {env_file}):",
        *(f"  {line}" for line in environment_lines(environment).splitlines()),
        "",
        f"Start one with:  set -a; . {env_file}; set +a; .venv/bin/keeper run",
        "Ctrl-C ends the chain.",
    ]
    return "\n".join(lines)


def _as_json(deployment: Deployment, environment: dict[str, str], env_file: Path, options: argparse.Namespace) -> str:
    dex = deployment.uniswap
    facts = {
        "chain_id": CHAIN_ID,
        "rpc_url": environment["RPC_URL"],
        "fork_url": options.fork_url,
        "deployed": deployment.deployed,
        "reused": deployment.reused,
        "treasuries": {treasury.spec.name: treasury.address for treasury in deployment.treasuries},
        "configurations": {treasury.spec.name: str(treasury.files.config) for treasury in deployment.treasuries},
        "tokens": {token.symbol: token.address for token in deployment.tokens},
        "feeds": {token.symbol: token.feed for token in deployment.tokens},
        "pools": {pool.label: pool.address for pool in deployment.pools},
        "uniswap": {name: getattr(dex, name) for name in dex.__slots__},
        "accounts": _roles(),
        "environment": environment,
        "environment_file": str(env_file),
    }
    return json.dumps(facts)


def _roles() -> dict[str, str]:
    return {
        "owner": accounts.OWNER,
        "guardian": accounts.GUARDIAN,
        "weigher": accounts.WEIGHER,
        "keeper": accounts.KEEPER,
        "liquidity_provider": accounts.LIQUIDITY_PROVIDER,
        "arbitrageur": accounts.ARBITRAGEUR,
        "deployer": accounts.DEPLOYER,
        "first_holder": accounts.HOLDERS[0],
        "second_holder": accounts.HOLDERS[1],
    }


if __name__ == "__main__":
    sys.exit(main())
