"""What a deployer can still do to a fund, judged from one look."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from keeper.core.overview import KeeperRole
from keeper.core.setup.config import AssetConfig, FundConfig, KeeperConfig, LimitsConfig, RolesConfig, SeedConfig
from keeper.core.setup.handover import OPEN_TO_ALL, HandoverFacts, Probe, Standing, judge
from keeper.core.setup.state import TreasuryState
from keeper.core.units import ZERO_ADDRESS, Bps, Timestamp
from tests.factories import NOW, TREASURY, address, hash32

pytestmark = pytest.mark.unit

DEPLOYER, OWNER, GUARDIAN, WEIGHER, KEEPER, STRANGER = (address(n, "c") for n in range(1, 7))
OPENED = LimitsConfig(loss_cap_bps=Bps(100))

CONFIG = FundConfig(
    name="Index",
    symbol="IDX",
    chain_id=1,
    owner=OWNER,
    assets=(AssetConfig("ONE", address(1), address(1, "f"), 3_600, Decimal(1), Decimal(2), Bps(10_000)),),
    venues=(),
    roles=RolesConfig(GUARDIAN, WEIGHER, (KeeperConfig(KEEPER, 30),)),
    opening_limits=OPENED,
    seed=SeedConfig({"ONE": Decimal(1)}),
)
STATE = TreasuryState(
    address=TREASURY,
    code_hash=hash32(1),
    name="Index",
    symbol="IDX",
    owner=OWNER,
    pending_owner=ZERO_ADDRESS,
    v2_factory=ZERO_ADDRESS,
    v3_factory=ZERO_ADDRESS,
    sequencer_feed=ZERO_ADDRESS,
    guardian=GUARDIAN,
    weigher=WEIGHER,
    paused=False,
    total_supply=10**18,  # type: ignore[arg-type]
    limits=LimitsConfig(),
    assets=(),
    venues=(),
    keepers={DEPLOYER: Timestamp(0), KEEPER: Timestamp(NOW + 86_400)},
)
REFUSED = Probe("setLimits", "OwnableUnauthorizedAccount", "OwnableUnauthorizedAccount: account 0x")
FACTS = HandoverFacts(
    now=NOW,
    treasury=STATE,
    same_code=True,
    probes=(REFUSED, *(Probe(name, None, "the call would go through") for name in OPEN_TO_ALL)),
    owner_is_contract=True,
    shares=0,  # type: ignore[arg-type]
    keepers=(KeeperRole(KEEPER, Timestamp(NOW + 86_400)),),
)


def facts(of: HandoverFacts = FACTS, **changes: Any) -> HandoverFacts:
    return replace(of, treasury=replace(of.treasury, **changes))


def test_complete() -> None:
    verdict = judge(CONFIG, DEPLOYER, FACTS)
    assert verdict.standing is Standing.COMPLETE
    assert (verdict.faults, verdict.missing, verdict.warnings) == ((), (), ())


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, [f"the ownership is not offered to {OWNER} yet"]),
        ({"pending_owner": OWNER}, [f"{OWNER} has not accepted the ownership yet"]),
        ({"pending_owner": STRANGER}, [f"the ownership is offered to {STRANGER}, not to {OWNER}"]),
        (
            {"pending_owner": OWNER, "limits": OPENED},
            ["the limits are not those of the configuration yet", f"{OWNER} has not accepted the ownership yet"],
        ),
    ],
)
def test_pending_while_the_deployer_owns(changes: dict[str, Any], missing: list[str]) -> None:
    verdict = judge(CONFIG, DEPLOYER, facts(owner=DEPLOYER, **changes))
    assert verdict.standing is Standing.PENDING
    assert list(verdict.missing) == missing


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"guardian": DEPLOYER}, f"the deployer {DEPLOYER} is the guardian"),
        ({"weigher": DEPLOYER}, f"the deployer {DEPLOYER} is the weigher"),
        ({"keepers": {DEPLOYER: NOW}}, f"the deployer {DEPLOYER} is a keeper until 2023-11-14T22:13:20Z"),
        ({"pending_owner": DEPLOYER}, f"{DEPLOYER} may still take the ownership over (pending owner)"),
        ({"limits": OPENED}, "the opening limits are still open: the owner must set [limits]"),
        (
            {"owner": STRANGER},
            f"the owner is {STRANGER}, neither the deployer nor the configured {OWNER}",
        ),
    ],
)
def test_what_is_left_over_is_named(changes: dict[str, Any], fault: str) -> None:
    verdict = judge(CONFIG, DEPLOYER, facts(**changes))
    assert verdict.standing is Standing.FAILED
    assert verdict.faults == (fault,)


@pytest.mark.parametrize("role", ["guardian", "weigher"])
def test_a_role_that_the_deployer_would_keep_fails_before_the_ownership_is_gone(role: str) -> None:
    verdict = judge(CONFIG, DEPLOYER, facts(owner=DEPLOYER, **{role: DEPLOYER}))
    assert verdict.standing is Standing.FAILED
    assert verdict.faults == (f"the deployer {DEPLOYER} is the {role}",)


def test_a_term_that_is_over_is_no_right() -> None:
    assert judge(CONFIG, DEPLOYER, facts(keepers={DEPLOYER: Timestamp(NOW - 1)})).standing is Standing.COMPLETE


@pytest.mark.parametrize(
    "probe",
    [
        Probe("newFunction", None, "the call would go through"),
        Probe("setLimits", "BadWindow", "BadWindow: given 0"),  # it got beyond the question who calls
        Probe("setLimits", "Reverted", "execution reverted"),
    ],
)
def test_every_function_must_refuse_the_deployer_for_who_it_is(probe: Probe) -> None:
    verdict = judge(CONFIG, DEPLOYER, replace(FACTS, probes=(REFUSED, probe)))
    assert verdict.standing is Standing.FAILED
    assert verdict.faults == (f"{probe.function} does not refuse the deployer: {probe.said}",)


def test_no_probes_prove_nothing() -> None:
    assert judge(CONFIG, DEPLOYER, replace(FACTS, probes=())).faults == ("no function was tried",)


def test_other_code_proves_nothing() -> None:
    verdict = judge(CONFIG, DEPLOYER, replace(FACTS, same_code=False))
    assert verdict.standing is Standing.FAILED
    assert "not this keeper's treasury" in verdict.faults[0]


def test_an_owner_that_is_the_deployer_is_no_handover() -> None:
    verdict = judge(replace(CONFIG, owner=DEPLOYER), DEPLOYER, facts(owner=DEPLOYER))
    assert verdict.faults == (f"owner: the configuration names the deployer itself, {DEPLOYER}",)


def test_an_owner_that_is_the_treasury_can_never_accept() -> None:
    verdict = judge(replace(CONFIG, owner=TREASURY), DEPLOYER, facts(owner=DEPLOYER))
    assert verdict.standing is Standing.FAILED
    assert verdict.faults == (f"owner: the configuration names the treasury itself, {TREASURY}, which cannot accept",)


@pytest.mark.parametrize(
    ("of", "warning"),
    [
        (replace(FACTS, owner_is_contract=False), f"the owner {OWNER} is a plain account"),
        (facts(total_supply=0), "the fund is not seeded"),
        (replace(FACTS, shares=7), "the deployer holds 7 base units of shares"),
        (facts(guardian=STRANGER), f"the guardian is {STRANGER}, the configuration says {GUARDIAN}"),
        (
            replace(FACTS, keepers=(KeeperRole(STRANGER, Timestamp(NOW)),)),
            f"{STRANGER} is a keeper until 2023-11-14T22:13:20Z, the configuration does not name it",
        ),
        (replace(FACTS, keepers=None, no_keepers="no logs"), "whether others are keepers cannot be told: no logs"),
        (facts(limits=LimitsConfig(loss_cap_bps=Bps(7))), "the limits are not those of the configuration"),
        (facts(paused=True), "the fund is paused"),
    ],
)
def test_warnings(of: HandoverFacts, warning: str) -> None:
    verdict = judge(CONFIG, DEPLOYER, of)
    assert verdict.standing is Standing.COMPLETE
    assert len(verdict.warnings) == 1
    assert verdict.warnings[0].startswith(warning)


def test_on_a_test_chain_an_account_may_own() -> None:
    verdict = judge(replace(CONFIG, chain_id=31_337), DEPLOYER, replace(FACTS, owner_is_contract=False))
    assert verdict.warnings == ()
