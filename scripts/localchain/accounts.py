"""Who is who on the local chain: accounts of Anvil's public mnemonic, one per role."""

from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from scripts.localchain.anvil import MNEMONIC

LIQUIDITY_PROVIDER: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # account 0; also pays for deployments
OWNER: Final = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # 1
GUARDIAN: Final = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"  # 2
WEIGHER: Final = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"  # 3
KEEPER: Final = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"  # 4
ARBITRAGEUR: Final = "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"  # 5
DEPLOYER: Final = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"  # 7: sets funds up, and hands them over to the owner
HOLDERS: Final = (
    "0xBcd4042DE499D14e55001CcbB24a551F3b954096",  # 10
    "0x71bE63f3384f5fb98995898A86B02Fb2426c5788",  # 11
)
"""Who hold the funds' shares."""

ALL: Final = (LIQUIDITY_PROVIDER, OWNER, GUARDIAN, WEIGHER, KEEPER, ARBITRAGEUR, DEPLOYER, *HOLDERS)


def keeper_key() -> LocalAccount:
    """The keeper's account with its private key."""
    return _account(4)


def deployer_key() -> LocalAccount:
    return _account(7)


def owner_key() -> LocalAccount:
    return _account(1)


def weigher_key() -> LocalAccount:
    return _account(3)


def _account(number: int) -> LocalAccount:
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}")
    return account
