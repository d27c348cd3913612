"""Runs forge, Slither and halmos on contracts/, with everything they write below .cache/audit."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"
PROOFS = CONTRACTS / "test" / "proofs"
WORK = ROOT / ".cache" / "audit"
BIN = ROOT / ".venv" / "audit" / "bin"
# Longer than the slowest question takes on a busy machine; a proof that has no answer by then is not one.
SOLVER_TIMEOUT = "30s"
# Every list of a proof's arguments: as many as the fund of the proofs has assets.
ARRAY_LENGTHS = "2"

# halmos colours what nobody's terminal reads, and prints the whole bytecode of every contract that it has no source of.
COLOUR = re.compile(r"\x1b\[\d+m")
NOISE = re.compile(r" {9}|WARNING +unknown deployed bytecode")


class ToolError(Exception):
    """A tool did not do its work: what it said."""


class Proof(NamedTuple):
    """One `check_` function. `problem` is empty when it was proved."""

    name: str
    seconds: float
    problem: str


def build() -> None:
    """Compiles sources and proofs afresh, and puts what ships where the proofs look for it."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    _run(["node", "tools/forge.mjs", "build", "--ast"])
    shipped = json.loads((ROOT / "abis" / "Treasury.json").read_text())
    # `vm.getCode` wants an artifact of forge.
    (WORK / "Treasury.json").write_text(json.dumps({"bytecode": {"object": shipped["bytecode"]}}))


def slither() -> dict[str, Any]:
    """Slither's JSON report on contracts/src."""
    report = WORK / "slither.json"
    told = _run(
        [
            str(BIN / "slither"),
            ".",
            "--ignore-compile",
            *("--foundry-out-directory", str(WORK / "out")),
            *("--filter-paths", "node_modules|test/"),
            *("--json", str(report)),
            "--fail-none",
        ]
    )
    if not report.exists():
        raise ToolError(told)
    answer: dict[str, Any] = json.loads(report.read_text())
    return answer


def proof_contracts() -> dict[str, list[str]]:
    """Contract -> names of its `check_` functions, as the sources spell them."""
    found = {}
    for path in sorted(PROOFS.glob("*.t.sol")):
        text = path.read_text()
        contract = re.search(r"^contract (\w+)", text, re.M)
        if contract is None:
            raise ToolError(f"{path.name}: no contract in it")
        found[contract[1]] = re.findall(r"function (check_\w+)\(", text)
    return found


def halmos(contract: str, checks: list[str]) -> list[Proof]:
    """Each check of one contract. One that halmos did not run is a problem like one that it refuted."""
    report = WORK / f"{contract}.json"
    told = _run(
        [
            str(BIN / "halmos"),
            *("--forge-build-out", os.path.relpath(WORK / "out", CONTRACTS)),
            *("--contract", contract),
            *("--default-array-lengths", ARRAY_LENGTHS),
            *("--solver-command", f"{BIN / 'yices-smt2'} --smt2-model-format"),
            *("--solver-timeout-assertion", SOLVER_TIMEOUT),
            *("--json-output", str(report)),
            "--no-status",
        ],
        may_fail=True,
    )
    if not report.exists():
        raise ToolError(told)
    results = [result for results in json.loads(report.read_text())["test_results"].values() for result in results]
    told = "\n".join(
        line for line in told.splitlines() if not re.match(r" {9}|WARNING +unknown deployed bytecode", line)
    )
    by_name = {result["name"].split("(")[0]: result for result in results}
    return [_proof(name, by_name.get(name), told) for name in checks]


def _proof(name: str, result: dict[str, Any] | None, told: str) -> Proof:
    if result is None:
        return Proof(name, 0.0, f"was not run\n{told}")
    seconds = float(result["time"][0]) if result.get("time") else 0.0
    if result["exitcode"] != 0:
        return Proof(name, seconds, f"not proved\n{told}")
    if result.get("num_bounded_loops"):
        return Proof(name, seconds, f"not all paths were followed: a loop is longer than halmos unrolls\n{told}")
    return Proof(name, seconds, "")


def _run(command: list[str], may_fail: bool = False) -> str:
    """What the command printed; `ToolError` with it when it fails, unless it may."""
    forge = next(CONTRACTS.glob("node_modules/@foundry-rs/forge-*/bin"), None)
    if forge is None:
        raise ToolError("forge is not installed: run `npm ci` in contracts/")
    environment = os.environ | {
        "FOUNDRY_PROFILE": "audit",
        "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1",
        "PATH": os.pathsep.join([str(BIN), os.environ["PATH"], str(forge)]),
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        command,
        cwd=CONTRACTS,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0 and not may_fail:
        raise ToolError(f"{Path(command[0]).name} failed with {done.returncode}\n{done.stdout}")
    return done.stdout
