"""The record of a set-up: one JSON file per fund, replaced as a whole and on the disk before anything leaves.

`deployments/<chain>/<name>.json`; people read it, `keeper deploy`, `launch` and `handover` go on from it.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from eth_utils.address import is_hex_address

from keeper.adapters.known_addresses import chain_name
from keeper.core.mistakes import ConfigurationError, SetupStopped
from keeper.core.setup.calls import Sent, Status
from keeper.core.units import Address, Hash32

SCHEMA: Final = 1
FOLDER: Final = Path("deployments")
ORDER: Final = (
    "schema",
    "name",
    "symbol",
    "chain_id",
    "genesis",
    "deployer",
    "treasury",
    "created_by",
    "code_hash",
    "constructor",
    "deployed_block",
    "config_digest",
    "config",
    "keepers",
    "limits_closed",
    "transactions",
)
"""Of the first fields; others, such as the sections of launch and handover, follow by name."""


class DeploymentRecord:
    """A fund's record, open. It is the `Ledger` of the set-up's transactions. Use `open_record`, or `look` to read.

    Facts are top-level fields, JSON values under a name. A section is a fact that is an object, of one command.
    """

    def __init__(self, path: Path, document: dict[str, Any], *, read_only: bool) -> None:
        self.path = path
        self._read_only = read_only
        self._sent = {sent.hash: sent for sent in map(_sent, document.pop("transactions", []))}
        self._facts = document

    @classmethod
    def look(cls, folder: Path, chain_id: int, name: str) -> Self:
        """The record to read only; an empty one when there is none. Raises ConfigurationError when it is damaged."""
        path = record_path(folder, chain_id, name)
        return cls(path, _read(path), read_only=True)

    @property
    def is_new(self) -> bool:
        """Nothing was ever signed: whatever stands in it binds nobody."""
        return not self._sent

    # ---------------------------------------------------------------------------------------------- facts

    def fact(self, name: str, default: Any = None) -> Any:
        return self._facts.get(name, default)

    def address(self, name: str) -> Address | None:
        found = self._facts.get(name)
        return None if found is None else Address(found)

    def set_facts(self, **facts: Any) -> None:
        """Written at once; nothing is written when nothing changes. Raises SetupStopped when it cannot be."""
        if all(name in self._facts and self._facts[name] == value for name, value in facts.items()):
            return
        self._facts.update(facts)
        self._save()

    def section(self, name: str) -> Mapping[str, Any]:
        """What a command keeps under its name; empty when it has not begun."""
        found = self._facts.get(name, {})
        return found if isinstance(found, Mapping) else {}

    def set_section(self, name: str, **entries: Any) -> None:
        """Adds to a section, or replaces in it."""
        self.set_facts(**{name: {**self.section(name), **entries}})

    # ---------------------------------------------------------------------------------------------- ledger

    def entries(self) -> tuple[Sent, ...]:
        """Every transaction, by signer in the order of the nonces."""
        return tuple(sorted(self._sent.values(), key=lambda sent: sent.nonce))

    def write(self, entries: Sequence[Sent]) -> None:
        """`Ledger.write`. Raises SetupStopped when the disk does not take it: then nothing may be sent."""
        if entries:
            self._sent.update({sent.hash: sent for sent in entries})
            self._save()

    def _save(self) -> None:
        if self._read_only:
            raise RuntimeError("a record that was opened to look at is not written")
        facts = {"schema": SCHEMA, **self._facts, "transactions": [_plain(sent) for sent in self.entries()]}
        rank = {name: number for number, name in enumerate(ORDER)}
        ordered = {name: facts[name] for name in sorted(facts, key=lambda name: (rank.get(name, len(rank)), name))}
        _replace(self.path, json.dumps(ordered, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def open_record(folder: Path, chain_id: int, name: str) -> Iterator[DeploymentRecord]:
    """The record of a fund, ours alone until the context ends or the process dies. Made when it is first written.

    Raises ConfigurationError when another process has it, or it is damaged.
    """
    path = record_path(folder, chain_id, name)
    lock_path = path.with_name(f".{path.stem}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_path.open("a")  # it may be a link: nothing is cut
    except OSError as error:
        raise ConfigurationError([f"{path.parent}: cannot be written to ({error.strerror})"]) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError([f"{path}: another process is setting this fund up"]) from None
        yield DeploymentRecord(path, _read(path), read_only=False)


def siblings(path: Path) -> Iterator[DeploymentRecord]:
    """The other records of the same chain that can be read."""
    for other in sorted(path.parent.glob("*.json")):
        if other != path:
            with suppress(ConfigurationError):
                yield DeploymentRecord(other, _read(other), read_only=True)


def record_path(folder: Path, chain_id: int, name: str) -> Path:
    return folder / chain_name(chain_id) / f"{slug(name)}.json"


def slug(name: str) -> str:
    """A fund's name as a file's: lower-case ASCII letters, digits and dashes. A name without any becomes its hash."""
    found = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return found or f"fund-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read ({error.strerror})"]) from None
    except (ValueError, RecursionError):
        raise ConfigurationError([f"{path}: is not a deployment record (no JSON)"]) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ConfigurationError([f"{path}: is not a deployment record of this version (schema {SCHEMA})"])
    try:
        for entry in document.get("transactions", []):
            _sent(entry)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigurationError([f"{path}: is damaged: a transaction of it cannot be read"]) from None
    if damaged := [name for name, is_sound in _SOUND.items() if name in document and not is_sound(document[name])]:
        raise ConfigurationError(f"{path}: is damaged: `{name}` cannot be what it says" for name in damaged)
    del document["schema"]
    return document


def _is_address(value: object) -> bool:
    return isinstance(value, str) and is_hex_address(value)


_SOUND: Final[Mapping[str, Callable[[Any], bool]]] = {
    "treasury": _is_address,
    "deployer": _is_address,
    "keepers": lambda value: isinstance(value, list) and all(map(_is_address, value)),
    "deployed_block": lambda value: isinstance(value, int) and value >= 0,
    "config": lambda value: isinstance(value, dict),
}
"""Facts that commands act on."""


def _replace(path: Path, text: str) -> None:
    """Old or new, never half: written beside it, on the disk, then put in its place."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SetupStopped(f"the record {path} cannot be written ({error.strerror}): nothing more is sent") from None


def _plain(sent: Sent) -> dict[str, Any]:
    """In reading order, without what is not known."""
    entry: dict[str, Any] = {
        "step": sent.step,
        "label": sent.label,
        "status": sent.status.value,
        "hash": sent.hash,
        "nonce": sent.nonce,
        "signer": sent.signer,
        "to": sent.to,
        "data_hash": sent.data_hash,
        "block": sent.block,
        "gas_used": sent.gas_used,
        "cost_wei": None if sent.cost_wei is None else str(sent.cost_wei),
        "created": sent.created,
        "reason": sent.reason,
        "raw": None if sent.raw is None else "0x" + sent.raw.hex(),
    }
    return {name: value for name, value in entry.items() if value is not None}


def _sent(entry: Mapping[str, Any]) -> Sent:
    return Sent(
        step=str(entry["step"]),
        label=str(entry["label"]),
        signer=Address(entry["signer"]),
        to=None if entry.get("to") is None else Address(entry["to"]),
        data_hash=Hash32(entry["data_hash"]),
        nonce=int(entry["nonce"]),
        hash=Hash32(entry["hash"]),
        status=Status(entry["status"]),
        raw=None if entry.get("raw") is None else bytes.fromhex(entry["raw"].removeprefix("0x")),
        block=entry.get("block"),
        gas_used=entry.get("gas_used"),
        cost_wei=None if entry.get("cost_wei") is None else int(entry["cost_wei"]),
        reason=entry.get("reason"),
        created=None if entry.get("created") is None else Address(entry["created"]),
    )
