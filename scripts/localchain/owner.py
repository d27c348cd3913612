"""What a fund's owner does from time to time after the handover: renews the keepers' roles, which end by themselves."""

from collections.abc import Sequence

from scripts.localchain import accounts
from scripts.localchain.config import DAY
from scripts.localchain.fund import Treasury
from scripts.localchain.fund_files import KEEPER_DAYS
from scripts.localchain.node import Node, Tx


def renew_keepers(node: Node, treasuries: Sequence[Treasury], now: int) -> list[Tx]:
    """For roles that end within half a term of `now` (chain time, seconds)."""
    pairs = [(treasury, keeper) for treasury in treasuries for keeper in treasury.spec.keepers]
    query = "keeperUntil(address)(uint64)"
    ends = node.rpc.views([(treasury.address, query, (keeper,)) for treasury, keeper in pairs])
    term = KEEPER_DAYS * DAY
    return [
        Tx.call("keeper", accounts.OWNER, treasury.address, "setKeeper(address,uint64)", keeper, now + term)
        for (treasury, keeper), end in zip(pairs, ends, strict=True)
        if end < now + term // 2
    ]
