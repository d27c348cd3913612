"""`keeper deploy` from a configuration to a treasury that is as configured: look, check, plan, send, look again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from keeper.app.setup.ports import Ledger, Node
from keeper.app.setup.sender import Sender
from keeper.core.mistakes import ConfigurationError, SetupStopped
from keeper.core.setup.calls import Call, Sent, Status
from keeper.core.setup.changes import changes
from keeper.core.setup.checks import Finding, Severity, affordable, examine, payable
from keeper.core.setup.config import FundConfig, digest, plain
from keeper.core.setup.listing import initial
from keeper.core.setup.state import Facts
from keeper.core.setup.steps import remaining
from keeper.core.units import Address, Wei
from keeper.ports import SimulatedRevert

CREATE = "treasury"
"""The step that creates it."""


class Looker(Protocol):
    """Reads the facts of one configuration. Raises ChainUnavailable."""

    async def read(self, treasury: Address | None, keepers: Iterable[Address] = ()) -> Facts: ...


class Creator(Protocol):
    """The treasury's creation as bytes."""

    proxy: Address

    def encode(self, function: str, arguments: tuple[Any, ...], /) -> bytes: ...
    def code(self, config: FundConfig, owner: Address) -> bytes: ...
    def arguments(self, config: FundConfig, owner: Address) -> tuple[Any, ...]: ...
    def address(self, salt: bytes, code: bytes) -> Address: ...
    def plain_address(self, deployer: Address, nonce: int) -> Address: ...


class Record(Ledger, Protocol):
    """The ledger, and facts beside it."""

    def fact(self, name: str, default: Any = None) -> Any: ...
    def address(self, name: str) -> Address | None: ...
    def set_facts(self, **facts: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. `gas` has an estimate or a limit per call; `creation` says that the treasury is not there.

    `treasury` is None when its address is known only after its creation. `changed` are lines, against the record.
    """

    facts: Facts
    findings: tuple[Finding, ...]
    changed: tuple[str, ...]
    treasury: Address | None
    creation: bool
    calls: tuple[Call, ...]
    gas: tuple[int, ...]

    @property
    def problems(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is not Severity.WARNING]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is Severity.WARNING]

    def require(self) -> None:
        """Raises ConfigurationError with every problem, or SetupStopped when all of them are the world's."""
        problems = self.problems
        if any(finding.severity is Severity.CONFIGURATION for finding in problems):
            raise ConfigurationError(str(finding) for finding in problems)
        if problems:
            raise SetupStopped("; ".join(str(finding) for finding in problems))


@dataclass(slots=True)
class Deployer:
    """One configuration, one deploying account. `known_money`: its balance counts, it is not only played. `max_fee` is
    the most that is offered for gas, wei; None: whoever only looks where the treasury stands."""

    config: FundConfig
    deployer: Address
    node: Node
    looker: Looker
    creator: Creator
    record: Record
    close_limits: bool = False
    known_money: bool = True
    max_fee: Wei | None = None

    # ---------------------------------------------------------------------------------------------- looking

    async def plan(self) -> Plan:
        """Looks at the chain and says what is wrong and what is left. Sends and writes nothing."""
        facts, treasury = await self._look()
        findings = examine(self.config, facts, self.deployer, self.record.fact("code_hash"))
        before = self.record.fact("config")
        changed = tuple(changes(before, plain(self.config))) if before else ()
        creation = facts.treasury is None
        if any(finding.severity is Severity.CONFIGURATION for finding in findings):
            return Plan(facts, tuple(findings), changed, treasury, creation, (), ())
        calls = self._calls(facts, treasury)
        if calls and facts.treasury is not None and facts.treasury.owner != self.deployer:
            text = f"only {facts.treasury.owner}, its owner, could now {calls[0].label}"
            findings.append(Finding(Severity.CONFIGURATION, "treasury", text))
        gas = await self._gas(calls, creation, findings)
        if self.known_money:
            findings += affordable(sum(gas) * (2 * facts.base_fee + facts.tip), facts, self.deployer)
        if calls and self.max_fee is not None:
            findings += payable(facts, self.max_fee)
        return Plan(facts, tuple(findings), changed, treasury, creation, tuple(calls), tuple(gas))

    async def locate(self) -> Address | None:
        """Where the treasury stands, or would be created; None where only its creation will tell."""
        return (await self._look())[1]

    async def _look(self) -> tuple[Facts, Address | None]:
        """The treasury of the record when it stands, else where it would be created."""
        recorded, planned = self._recorded(), self._planned()
        keepers = self.keepers
        facts = await self.looker.read(recorded or planned, keepers)
        if recorded is not None and facts.treasury is None and recorded != planned:
            recorded, facts = None, await self.looker.read(planned, keepers)
        return facts, recorded or (planned if facts.proxy or facts.treasury else None)

    def _recorded(self) -> Address | None:
        """By the receipt of its creation, or as it was written down before that was sent."""
        for sent in reversed(self.record.entries()):
            if sent.step == CREATE and sent.status is Status.MINED and sent.created is not None:
                return sent.created
        return self.record.address("treasury")

    def _planned(self) -> Address:
        return self.creator.address(self.salt, self.creator.code(self.config, self.deployer))

    @property
    def salt(self) -> bytes:
        """Of what a treasury cannot change: the same configuration finds the same treasury again."""
        config = self.config
        identity = "\0".join(("keeper treasury", str(config.chain_id), config.name, config.symbol, self.deployer))
        return sha256(identity.encode()).digest()

    @property
    def keepers(self) -> tuple[Address, ...]:
        """Everybody who was ever made one."""
        return tuple(Address(keeper) for keeper in self.record.fact("keepers", ()))

    # ---------------------------------------------------------------------------------------------- planning

    def _calls(self, facts: Facts, treasury: Address | None) -> list[Call]:
        """Creation first. Without the proxy the others are only to be looked at: the nonce, and with it the address, is
        settled when the creation is signed."""
        if facts.treasury is not None:
            return self._configuration(facts)
        address = treasury or self.creator.plain_address(self.deployer, facts.nonce)
        state = initial(address, facts, self.deployer, self.config)
        rest = remaining(self.config, facts, state, self.creator.encode, closed=self.closed)
        return [self._creation(facts), *rest]

    def _configuration(self, facts: Facts) -> list[Call]:
        assert facts.treasury is not None
        return remaining(
            self.config,
            facts,
            facts.treasury,
            self.creator.encode,
            closed=self.closed,
        )

    @property
    def closed(self) -> bool:
        return self.close_limits or bool(self.record.fact("limits_closed", False))

    def _creation(self, facts: Facts) -> Call:
        code = self.creator.code(self.config, self.deployer)
        return Call(
            to=self.creator.proxy if facts.proxy else None,
            function="constructor",
            arguments=self.creator.arguments(self.config, self.deployer),
            data=self.salt + code if facts.proxy else code,
            label="create the treasury",
            step=CREATE,
        )

    async def _gas(self, calls: Sequence[Call], creation: bool, findings: list[Finding]) -> list[int]:
        """Estimates where they mean something: of the creation, or of everything once the treasury stands."""
        asked = list(calls[:1] if creation else calls)
        answers = await self.node.estimate(asked, self.deployer)
        gas = [call.gas_limit or 0 for call in calls]
        for index, answer in enumerate(answers):
            if not isinstance(answer, SimulatedRevert):
                gas[index] = answer
            elif index == 0 and not any(finding.severity is Severity.CONFIGURATION for finding in findings):
                findings.append(Finding(Severity.WORLD, calls[0].step, f"would revert: {answer.detail}"))
        return gas

    # ---------------------------------------------------------------------------------------------- doing

    async def execute(self, plan: Plan, sender: Sender) -> tuple[Sent, ...]:
        """Sends what is left, and looks again. The plan must be without problems and of after `sender.finish`.

        Raises SetupStopped, ChainUnavailable.
        """
        plan.require()
        self._write_head(plan)
        if plan.creation and plan.treasury is None:
            sent = await self._create_plainly(plan, sender)
        else:
            sent = await sender.run(plan.calls)
        await self._confirm()
        return sent

    async def _create_plainly(self, plan: Plan, sender: Sender) -> tuple[Sent, ...]:
        """Without the proxy the address follows from the nonce: the receipt says it, then the others are made."""
        created = await sender.run(plan.calls[:1])
        address = created[0].created
        self.record.set_facts(treasury=address, created_by="create")
        facts = await self.looker.read(address, self.keepers)
        if facts.treasury is None or facts.treasury.code_hash != facts.expected_code:
            raise SetupStopped(f"the code at {address} is not the treasury's: nothing more was sent")
        return created + await sender.run(self._configuration(facts))

    def _write_head(self, plan: Plan) -> None:
        """What a later run needs to know, before anything is sent."""
        configured = [keeper.address for keeper in self.config.roles.keepers]
        facts: dict[str, Any] = {"treasury": plan.treasury} if plan.treasury else {}
        if plan.creation and plan.treasury:
            facts["created_by"] = "create2"
        self.record.set_facts(
            name=self.config.name,
            symbol=self.config.symbol,
            chain_id=self.config.chain_id,
            genesis=plan.facts.genesis,
            deployer=self.deployer,
            config_digest=digest(self.config),
            config=plain(self.config),
            constructor=list(self.creator.arguments(self.config, self.deployer)),
            keepers=list(dict.fromkeys([*self.keepers, *configured])),
            limits_closed=self.closed,
            **facts,
        )

    async def _confirm(self) -> None:
        """The chain says the same as the configuration now."""
        facts, treasury = await self._look()
        known = (facts.expected_code, self.record.fact("code_hash"))
        if facts.treasury is None or facts.treasury.code_hash not in known:
            raise SetupStopped(f"there is no treasury of this configuration at {treasury} after all")
        if left := self._configuration(facts):
            raise SetupStopped(f"not as configured yet: {left[0].label} is still to be done; start again")
        block = next((sent.block for sent in self.record.entries() if sent.step == CREATE and sent.block), None)
        self.record.set_facts(
            code_hash=facts.treasury.code_hash,
            **({} if block is None else {"deployed_block": block}),
        )
