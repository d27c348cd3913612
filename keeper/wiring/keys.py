"""The keys of this process: opened once, held nowhere else. A dry run has none."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
            elif settings.keystore_file and settings.keystore_password_file:
                address = self._keep(
                    LocalSigner.from_keystore(
                        settings.keystore_file, settings.keystore_password_file, settings.chain_id
                    )
                )
            elif settings.private_key:
                address = self._keep(
                    LocalSigner.from_raw_key(settings.private_key.get_secret_value(), settings.chain_id)
                )
            else:
                address = ZERO_ADDRESS
        wanted = settings.keeper_address
        if wanted and address not in (wanted, ZERO_ADDRESS):
            raise ConfigurationError([f"KEEPER_ADDRESS is {wanted}, but the key is that of {address}"])
        return address

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


def played_address(settings: Settings) -> Address:
    """Whom a dry run plays: KEEPER_ADDRESS, else the address that the keystore or the raw key belongs to."""
    if settings.keeper_address:
        return Address(settings.keeper_address)
    if settings.private_key:
        return LocalSigner.from_raw_key(settings.private_key.get_secret_value(), settings.chain_id).address
    return ZERO_ADDRESS if settings.keystore_file is None else keystore_address(settings.keystore_file)


def keystore_address(path: Path) -> Address:
    """The address that a keystore names, without decrypting it. Raises KeystoreError when it names none."""
    try:
        named = json.loads(path.read_text(encoding="utf-8"))["address"]
        return Address(to_checksum_address("0x" + str(named).removeprefix("0x")))
    except (OSError, ValueError, KeyError, TypeError):
        raise KeystoreError(f"{path} is not a keystore that names its address") from None
