"""From a deployed treasury to holders with their shares: what stands in the way, and what is to be sent next.

All of it follows from the configuration, the list and one block of the chain. Nothing depends on what an earlier run
remembers: a lost record, a second process or a stranger who pays a batch change nothing in who is paid how much.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from keeper.core.model import Asset, Block, SequencerAnswer, Treasury
from keeper.core.overview import Overview, Surroundings, overview
from keeper.core.setup.airdrop import (
    Act,
    Drop,
    ShareBook,
    contradictions,
    next_step,
    open_ends,
    shares,
    strange_spenders,
)
from keeper.core.setup.config import FundConfig
from keeper.core.setup.investors import InvestorList
from keeper.core.units import BPS, Address, BaseUnits, Wei, scaled
from keeper.core.words import plain


@dataclass(frozen=True, slots=True)
class LaunchFacts:
    """One block. `held` and `allowed` are the deployer's tokens and what it lets the treasury take of them, by asset;
    None is a token that does not answer. `proxy`: the deterministic deployment proxy stands on this chain."""

    block: Block
    treasury: Treasury
    sequencer: SequencerAnswer | None
    held: tuple[BaseUnits | None, ...]
    allowed: tuple[BaseUnits | None, ...]
    book: ShareBook
    proxy: bool
    coins: Wei
    tip: Wei


class Move(StrEnum):
    ALLOW_ASSET = "allow asset"
    SEED = "seed"
    ALLOW_BATCH = "allow batch"
    PAY_BATCH = "pay batch"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Task:
    """One transaction to come. `asset` and `amount` are of an allowance, `drop` of a batch, `spender` of an allowance
    that is taken back. `waits`: it can only be estimated when those before it are mined."""

    move: Move
    asset: int | None = None
    amount: BaseUnits | None = None
    drop: Drop | None = None
    spender: Address | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be launched, and by whom."""

    config: FundConfig
    listed: InvestorList
    deployer: Address
    drops: tuple[Drop, ...]

    # ---------------------------------------------------------------------------------------------- figures

    def amounts(self, treasury: Treasury) -> tuple[BaseUnits, ...]:
        """What the seed takes, base units by asset of the treasury; nothing of what the configuration does not name."""
        wanted = {self.config.asset(symbol).token: amount for symbol, amount in self.config.seed.amounts.items()}
        return tuple(
            BaseUnits(int(Fraction(wanted[asset.token]) * 10**asset.decimals))
            if asset.token in wanted
            else BaseUnits(0)
            for asset in treasury.assets
        )

    def start(self, facts: LaunchFacts) -> Overview:
        """The fund as it is once it is seeded; as it is now when it was."""
        treasury = facts.treasury
        if facts.book.seeding is None:
            assets = tuple(
                asset if asset.balance is None else replace(asset, balance=BaseUnits(asset.balance + amount))
                for asset, amount in zip(treasury.assets, self.amounts(treasury), strict=True)
            )
            treasury = replace(treasury, assets=assets, total_supply=self.listed.issue)
        around = Surroundings(self.config.name, self.config.symbol, None, facts.sequencer)
        return overview(treasury, facts.block, around)

    # ---------------------------------------------------------------------------------------------- checks

    def problems(self, facts: LaunchFacts) -> list[str]:
        """Why nothing may be sent; empty when it may."""
        found = list(self._seed_problems(facts))
        if not facts.proxy and not self._complete(facts):
            found.append("the deterministic deployment proxy, which creates the batches, is not on this chain")
        found += contradictions(self.listed, self.drops, facts.book)
        if not found and (cost := self.cost(facts)) > facts.coins:
            has, needs = (f"{scaled(amount, 18):.6f}" for amount in (facts.coins, cost))
            found.append(f"{self.deployer} has {has} of the native coin, the launch may cost {needs}")
        return found

    def _complete(self, facts: LaunchFacts) -> bool:
        return all(drop.address in facts.book.created for drop in self.drops)

    def _seed_problems(self, facts: LaunchFacts) -> Iterator[str]:
        treasury, seeding = facts.treasury, facts.book.seeding
        if not self.config.seed.amounts:
            yield "seed: the configuration has no amounts"
            return
        listed = {asset.token for asset in treasury.assets}
        for symbol in self.config.seed.amounts:
            if self.config.asset(symbol).token not in listed:
                yield f"seed: {symbol} is not on the treasury's list: `keeper deploy` first"
        yield from _rounded(self.config, treasury)
        amounts = self.amounts(treasury)
        if seeding is not None:
            if other := _differences(treasury, seeding.amounts, amounts):
                yield f"seed: the fund was seeded with other amounts: {other}"
            return
        if treasury.total_supply:
            yield "seed: the fund has shares, but the node does not show the event of its seed"
            return
        if treasury.owner != self.deployer:
            yield f"seed: only the owner, {treasury.owner}, can seed; the deployer is {self.deployer}"
        if (total := sum(asset.target for asset in treasury.assets)) != BPS:
            yield f"seed: the target weights sum to {total} bps, not to 10000: `keeper deploy` first"
        yield from _lacks(treasury, facts.held, amounts)
        yield from (f"seed: {line}" for line in self.start(facts).missing)

    # ---------------------------------------------------------------------------------------------- steps

    def tasks(self, facts: LaunchFacts) -> list[Task]:
        """What comes next; empty when all is done. What follows is asked for again, of a newer block."""
        if facts.book.seeding is None:
            return [*self._allowances(facts, self.amounts(facts.treasury)), Task(Move.SEED, waits=True)]
        step = next_step(self.drops, facts.book)
        if step is not None:
            if strangers := strange_spenders(self.drops, facts.book):
                return [Task(Move.REVOKE, amount=BaseUnits(0), spender=spender) for spender in strangers]
            move = Move.ALLOW_BATCH if step.act is Act.APPROVE else Move.PAY_BATCH
            return [Task(move, amount=step.drop.batch.total, drop=step.drop)]
        nothing = [BaseUnits(0)] * len(facts.allowed)
        left = [
            Task(Move.ALLOW_BATCH, amount=BaseUnits(0), drop=drop)
            for drop in self.drops
            if facts.book.allowance(drop.address)
        ]
        return [*self._allowances(facts, nothing), *left]

    def _allowances(self, facts: LaunchFacts, wanted: Sequence[BaseUnits]) -> Iterator[Task]:
        """By way of 0: some tokens refuse to change an allowance that is not."""
        for index, (has, wants) in enumerate(zip(facts.allowed, wanted, strict=True)):
            if has is None or has == wants:
                continue
            if has:
                yield Task(Move.ALLOW_ASSET, asset=index, amount=BaseUnits(0))
            if wants:
                yield Task(Move.ALLOW_ASSET, asset=index, amount=wants, waits=bool(has))

    def gas(self, facts: LaunchFacts) -> int:
        """What all of it may still take, roughly and rather too much; measured with tokens of the usual kind."""
        gas = 0
        if facts.book.seeding is None:
            amounts = [amount for amount in self.amounts(facts.treasury) if amount]
            gas += 200_000 + 160_000 * len(amounts)
        for drop in self.drops:
            if drop.address not in facts.book.created:
                gas += 200_000 + 40_000 * len(drop.batch.investors)
        return gas

    def cost(self, facts: LaunchFacts) -> Wei:
        """Of that gas at today's prices."""
        return Wei(self.gas(facts) * (facts.block.base_fee + facts.tip))

    def open_ends(self, facts: LaunchFacts) -> list[str]:
        """What is missing or wrong; empty when every investor has what the list says and nothing is left over."""
        found = open_ends(self.listed, self.drops, facts.book)
        for asset, left in zip(facts.treasury.assets, facts.allowed, strict=True):
            if left:
                found.append(f"the treasury may still take {_amount(asset, left)} of the deployer")
        return found


def _rounded(config: FundConfig, treasury: Treasury) -> Iterator[str]:
    for asset in treasury.assets:
        for symbol, amount in config.seed.amounts.items():
            if config.asset(symbol).token == asset.token and (Fraction(amount) * 10**asset.decimals).denominator != 1:
                yield f"seed: {plain(amount)} {symbol}: the token has {asset.decimals} decimals"


def _lacks(treasury: Treasury, held: Sequence[BaseUnits | None], amounts: Sequence[BaseUnits]) -> Iterator[str]:
    for asset, has, needs in zip(treasury.assets, held, amounts, strict=True):
        if has is None:
            if needs:
                yield f"seed: {asset.symbol} does not say what the deployer holds"
        elif has < needs:
            yield f"seed: the deployer holds {_amount(asset, has)}, the seed takes {_amount(asset, needs)}"


def _differences(treasury: Treasury, was: Sequence[BaseUnits], wants: Sequence[BaseUnits]) -> str:
    """In words; empty when there are none. Assets that were listed after the seed were seeded with nothing."""
    if len(was) > len(wants):
        return f"{len(was)} assets were seeded, {len(wants)} are listed"
    before = [*was, *[BaseUnits(0)] * (len(wants) - len(was))]
    return ", ".join(
        f"{_amount(asset, had)}, not {_amount(asset, has)}"
        for asset, had, has in zip(treasury.assets, before, wants, strict=True)
        if had != has
    )


def _amount(asset: Asset, amount: BaseUnits) -> str:
    return f"{plain(scaled(amount, asset.decimals))} {asset.symbol}"


def described(task: Task, launch: Launch, treasury: Treasury) -> tuple[str, str]:
    """Label and step of a task, as people read them and the record names them."""
    if task.move is Move.SEED:
        return f"seed the fund: {shares(launch.listed.issue)} for {len(launch.listed.investors)} investors", "seed"
    if task.drop is not None:
        number, count = task.drop.batch.number, len(launch.drops)
        people = len(task.drop.batch.investors)
        if task.move is Move.PAY_BATCH:
            return f"pay batch {number} of {count}: {shares(task.drop.batch.total)} to {people}", f"batch {number}"
        return f"allow batch {number} of {count} {shares(task.amount or BaseUnits(0))}", f"allow batch {number}"
    if task.spender is not None:
        return f"take back what {task.spender} may take of the deployer's shares", "revoke"
    asset = treasury.assets[task.asset or 0]
    return f"allow the treasury {_amount(asset, task.amount or BaseUnits(0))}", f"allow {asset.symbol}"
