"""Whether a deployer can still do anything to a fund. Pure: configuration and facts in, findings out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keeper.core.overview import KeeperRole
from keeper.core.prices import TEST_CHAINS
from keeper.core.setup.config import FundConfig
from keeper.core.setup.state import TreasuryState
from keeper.core.units import ZERO_ADDRESS, Address, BaseUnits, Timestamp
from keeper.core.words import utc

OPEN_TO_ALL: Final[Mapping[str, str]] = {
    "mint": "issues shares to whoever pays for them in kind",
    "redeem": "burns the caller's own shares",
    "transfer": "moves the caller's own shares",
    "approve": "lets others move the caller's own shares",
    "transferFrom": "moves shares that their holder lets the caller move",
}
"""The functions that change something and that anybody may call, with the reason why that is no right over the fund."""

ACCESS_ERRORS: Final = frozenset(
    {"OwnableUnauthorizedAccount", "NotGuardian", "NotWeigher", "NotKeeper", "BadCallback"}
)
"""What the treasury says to somebody who may not. Another error means that it asked for something else first."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One function, called as the deployer without sending. `error` is what the treasury refused with, by name; None:
    the call would have gone through. `said` is the same in words."""

    function: str
    error: str | None
    said: str

    @property
    def refused(self) -> bool:
        return self.error in ACCESS_ERRORS


class Standing(StrEnum):
    """PENDING: nothing is wrong, the new owner has not accepted yet. FAILED: what is wrong does not mend by waiting."""

    COMPLETE = "complete"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HandoverFacts:
    """One look. `keepers` are all who may trade, as far as the logs tell; None where the node serves none, with the
    reason in `no_keepers`. `same_code`: what stands there is this treasury's code, so the ABI is all of it."""

    now: Timestamp
    treasury: TreasuryState
    same_code: bool
    probes: tuple[Probe, ...]
    owner_is_contract: bool
    shares: BaseUnits
    keepers: tuple[KeeperRole, ...] | None = None
    no_keepers: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`faults` are why it failed, `missing` what is still to happen, `warnings` what a person should know."""

    standing: Standing
    faults: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]


def judge(config: FundConfig, deployer: Address, facts: HandoverFacts) -> Verdict:
    """Complete when the owner is the configured one, the limits are closed and nothing is left to the deployer."""
    treasury = facts.treasury
    faults = list(_rights(deployer, facts))
    missing: list[str] = []
    if config.owner == deployer:
        faults.append(f"owner: the configuration names the deployer itself, {deployer}")
    elif config.owner == treasury.address:
        faults.append(f"owner: the configuration names the treasury itself, {treasury.address}, which cannot accept")
    elif treasury.owner == config.owner:
        faults += _leftovers(config, facts)
    elif treasury.owner == deployer:
        missing += _to_come(config, treasury)
    else:
        faults.append(f"the owner is {treasury.owner}, neither the deployer nor the configured {config.owner}")
    if not facts.same_code:
        faults.append("the code at the treasury's address is not this keeper's treasury: what it can do is unknown")
    standing = Standing.FAILED if faults else Standing.PENDING if missing else Standing.COMPLETE
    return Verdict(standing, tuple(faults), tuple(missing), tuple(_warnings(config, deployer, facts)))


def _rights(deployer: Address, facts: HandoverFacts) -> Iterator[str]:
    """What the deployer has beside the ownership, and would keep."""
    treasury = facts.treasury
    if treasury.guardian == deployer:
        yield f"the deployer {deployer} is the guardian"
    if treasury.weigher == deployer:
        yield f"the deployer {deployer} is the weigher"
    until = treasury.keepers.get(deployer, Timestamp(0))
    if until >= facts.now:
        yield f"the deployer {deployer} is a keeper until {utc(until)}"


def _leftovers(config: FundConfig, facts: HandoverFacts) -> Iterator[str]:
    treasury = facts.treasury
    if treasury.pending_owner != ZERO_ADDRESS:
        yield f"{treasury.pending_owner} may still take the ownership over (pending owner)"
    if config.opening_limits is not None and treasury.limits == config.opening_limits != config.limits:
        yield "the opening limits are still open: the owner must set [limits]"
    for probe in facts.probes:
        if probe.function not in OPEN_TO_ALL and not probe.refused:
            yield f"{probe.function} does not refuse the deployer: {probe.said}"
    if not any(probe.function not in OPEN_TO_ALL for probe in facts.probes):
        yield "no function was tried"


def _to_come(config: FundConfig, treasury: TreasuryState) -> Iterator[str]:
    if treasury.limits != config.limits:
        yield "the limits are not those of the configuration yet"
    if treasury.pending_owner == config.owner:
        yield f"{config.owner} has not accepted the ownership yet"
    elif treasury.pending_owner == ZERO_ADDRESS:
        yield f"the ownership is not offered to {config.owner} yet"
    else:
        yield f"the ownership is offered to {treasury.pending_owner}, not to {config.owner}"


def _warnings(config: FundConfig, deployer: Address, facts: HandoverFacts) -> Iterator[str]:
    treasury = facts.treasury
    if not facts.owner_is_contract and config.chain_id not in TEST_CHAINS:
        yield f"the owner {config.owner} is a plain account: one lost or stolen key is the whole fund; use a timelock"
    if not treasury.total_supply:
        yield "the fund is not seeded: only its owner can seed it"
    if facts.shares:
        yield f"the deployer holds {facts.shares} base units of shares"
    for role in ("guardian", "weigher"):
        found, wanted = getattr(treasury, role), getattr(config.roles, role) or ZERO_ADDRESS
        if found not in (wanted, deployer):
            yield f"the {role} is {found}, the configuration says {wanted}"
    if facts.keepers is None:
        yield f"whether others are keepers cannot be told: {facts.no_keepers}"
    configured = {keeper.address for keeper in config.roles.keepers}
    for role_ in facts.keepers or ():
        if role_.address not in configured | {deployer} and role_.until >= facts.now:
            yield f"{role_.address} is a keeper until {utc(role_.until)}, the configuration does not name it"
    if treasury.owner == config.owner and treasury.limits not in (config.limits, config.opening_limits):
        yield "the limits are not those of the configuration"
    if treasury.paused:
        yield "the fund is paused"
