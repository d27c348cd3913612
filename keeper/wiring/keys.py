"""The keys of this process: opened once, held nowhere else. A dry run has none."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_utils.address import to_checksum_address

from keeper.adapters.ethereum.signer import KeystoreError, LocalSigner
from keeper.core.ledger import Mode
from keeper.core.model import Fund
from keeper.core.units import ZERO_ADDRESS, Address
from keeper.ports import Signer
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.places import configuration_errors


@dataclass(slots=True)
class Keys:
    """The signers of this process. A dry run has none: it only knows whom it plays."""

    settings: Settings
    mode: Mode
    paths: dict[int, tuple[str, str]] = field(default_factory=dict)
    opened: dict[Address, Signer] = field(default_factory=dict)

    def open_environment(self) -> Address:
        """The environment's key, decrypted; in a dry run its address alone. Raises ConfigurationError."""
        settings = self.settings
        with configuration_errors():
            if self.mode is Mode.DRY_RUN:
                address = played_address(settings)
            else:
                signer = KEEPER.open(settings)
                address = ZERO_ADDRESS if signer is None else self._keep(signer)
        wanted = settings.keeper_address
        if wanted and address not in (wanted, ZERO_ADDRESS):
            raise ConfigurationError([f"KEEPER_ADDRESS is {wanted}, but the key is that of {address}"])
        return address

    def open_weigher(self) -> Address | None:
        """The key that sends new targets, decrypted; in a dry run its address alone. None: each fund's own signer
        sends them. Raises ConfigurationError."""
        if WEIGHER.lacks_password(self.settings):
            raise ConfigurationError(["WEIGHER_KEYSTORE_FILE needs WEIGHER_KEYSTORE_PASSWORD_FILE"])
        with configuration_errors():
            if self.mode is Mode.DRY_RUN:
                address = WEIGHER.address(self.settings)
                return None if address == ZERO_ADDRESS else address
            signer = WEIGHER.open(self.settings)
        return None if signer is None else self._keep(signer)

    def learn(self, funds: Iterable[Mapping[str, Any]]) -> None:
        """Where the keystores of these funds are. `funds` are rows of the books; the environment's has none."""
        for row in funds:
            if row["keystore_file"]:
                self.paths[row["id"]] = (row["keystore_file"], row["password_file"])

    def of(self, fund: Fund) -> Signer | None:
        """The key that signs for a fund. Raises KeystoreError when it cannot be had."""
        if self.mode is Mode.DRY_RUN:
            return None
        if fund.signer not in self.opened and fund.id in self.paths:
            keystore, password = self.paths[fund.id]
            self._keep(LocalSigner.from_keystore(Path(keystore), Path(password), self.settings.chain_id))
        signer = self.opened.get(fund.signer)
        if signer is None:
            raise KeystoreError(f"no key for {fund.signer}, the signer of fund {fund.name}")
        return signer

    def _keep(self, signer: LocalSigner) -> Address:
        self.opened[signer.address] = signer
        return signer.address


@dataclass(frozen=True, slots=True)
class KeyVariables:
    """Where a key is, by the settings' names: those of the keeper, or with a word before them another role's."""

    prefix: str = ""

    def open(self, settings: Settings) -> LocalSigner | None:
        """The key, decrypted; None when none is set. Raises KeystoreError."""
        keystore, password, raw = (self._of(settings, name) for name in _VARIABLES)
        if keystore and password:
            return LocalSigner.from_keystore(keystore, password, settings.chain_id)
        return LocalSigner.from_raw_key(raw.get_secret_value(), settings.chain_id) if raw else None

    def address(self, settings: Settings) -> Address:
        """Of the key, without decrypting it; the zero address when none is set. Raises KeystoreError."""
        keystore, _, raw = (self._of(settings, name) for name in _VARIABLES)
        if raw:
            return LocalSigner.from_raw_key(raw.get_secret_value(), settings.chain_id).address
        return ZERO_ADDRESS if keystore is None else keystore_address(keystore)

    def lacks_password(self, settings: Settings) -> bool:
        keystore, password, _ = (self._of(settings, name) for name in _VARIABLES)
        return bool(keystore) and not password

    def _of(self, settings: Settings, name: str) -> Any:
        return getattr(settings, self.prefix + name)


_VARIABLES: Final = ("keystore_file", "keystore_password_file", "private_key")
KEEPER: Final = KeyVariables()
DEPLOYER: Final = KeyVariables("deployer_")
OWNER: Final = KeyVariables("owner_")
WEIGHER: Final = KeyVariables("weigher_")


def played_address(settings: Settings) -> Address:
    """Whom a dry run plays: KEEPER_ADDRESS, else the address that the keystore or the raw key belongs to."""
    return Address(settings.keeper_address) if settings.keeper_address else KEEPER.address(settings)


def open_deployer(settings: Settings) -> Signer:
    """The key that deploys. Raises ConfigurationError when there is none, or it is not DEPLOYER_ADDRESS."""
    signer = _open(DEPLOYER, settings)
    if settings.deployer_address not in (None, signer.address):
        wanted = settings.deployer_address
        raise ConfigurationError([f"DEPLOYER_ADDRESS is {wanted}, but the key is that of {signer.address}"])
    return signer


def open_owner(settings: Settings) -> Signer:
    """The key that accepts a handover. Raises ConfigurationError when there is none."""
    return _open(OWNER, settings)


def _open(which: KeyVariables, settings: Settings) -> Signer:
    name = which.prefix.upper()
    if which.lacks_password(settings):
        raise ConfigurationError([f"{name}KEYSTORE_FILE needs {name}KEYSTORE_PASSWORD_FILE"])
    with configuration_errors():
        signer = which.open(settings)
    if signer is None:
        raise ConfigurationError([f"sending needs a key: set {name}KEYSTORE_FILE and {name}KEYSTORE_PASSWORD_FILE"])
    return signer


def deployer_address(settings: Settings) -> Address | None:
    """Whom a dry run plays: DEPLOYER_ADDRESS, else that of the key; None when nothing says it."""
    if settings.deployer_address:
        return Address(settings.deployer_address)
    with configuration_errors():
        address = DEPLOYER.address(settings)
    return None if address == ZERO_ADDRESS else address


def keystore_address(path: Path) -> Address:
    """The address that a keystore names, without decrypting it. Raises KeystoreError when it names none."""
    try:
        named = json.loads(path.read_text(encoding="utf-8"))["address"]
        return Address(to_checksum_address("0x" + str(named).removeprefix("0x")))
    except (OSError, ValueError, KeyError, TypeError):
        raise KeystoreError(f"{path} is not a keystore that names its address") from None
