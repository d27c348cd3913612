"""A fund of three investors that is about to be launched."""

from pathlib import Path

from scripts.localchain.chain import LocalChain
from tests.e2e.nursery import Nursery
from tests.e2e.setups import Operator, holders

SHARE = 10**18
ALICE, BOB, CAROL = holders(3)
THREE = {ALICE: "100", BOB: "250.5", CAROL: "0.000000000000000001"}
DUE = {ALICE: 100 * SHARE, BOB: 250_500_000_000_000_000_000, CAROL: 1}


def inviting_operator(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Operator:
    """With a treasury that is as configured, a full purse and a list of three."""
    it = Operator.of(chain, tmp_path / "operator", nursery)
    it.fill_purse()
    it.deploy()
    it.invite(THREE)
    return it


def treasury_of(operator: Operator) -> str:
    return str(operator.record()["treasury"])


def view(operator: Operator, signature: str, *arguments: object) -> int:
    found: int = operator.chain.node.rpc.view(treasury_of(operator), signature, *arguments)
    return found
