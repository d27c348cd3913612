"""What CoinGecko's refusals mean, in words that say what to do.

Statuses and codes are those of its documentation (Errors & Rate Limits). The body of a 429 has come in three shapes:
`{"status": {"error_code": 429, ...}}`, `{"error": {"status": {...}}}` and `{"error": "..."}`.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from keeper.adapters.foreign import exact
from keeper.core.quotes import FaultKind

FIREWALL: Final = 1020
_NO_KEY, _PLAN, _PRO_KEY, _DEMO_KEY = 10002, 10005, 10010, 10011
_CLOUDFLARE: Final = re.compile(rb"error code: (\d{4})\b", re.IGNORECASE)
_FORBIDDEN: Final = {
    401: "the key is missing or wrong: check COINGECKO_API_KEY and COINGECKO_PLAN",
    403: "access is blocked by the server: check the key in CoinGecko's dashboard, or ask its support",
    FIREWALL: "a firewall in front of CoinGecko blocks this machine: ask from another address, or its support",
    _NO_KEY: "no key came with the question, or a wrong one: set COINGECKO_API_KEY, and COINGECKO_PLAN to its kind",
    _PLAN: "the plan does not include this question: a higher plan of CoinGecko is needed for it",
    _PRO_KEY: "the key is of another kind than the host: with a Pro key set COINGECKO_PLAN=pro",
    _DEMO_KEY: "the key is of another kind than the host: with a Demo key set COINGECKO_PLAN=demo",
}
_LIMIT: Final = (
    "too many calls: lower COINGECKO_CALLS_PER_MINUTE, see whether the month's credits are used up, "
    "or take a higher plan"
)
_OTHERS: Final = {
    400: (FaultKind.REFUSED, "the question is called wrong: check the names of the coins"),
    404: (FaultKind.REFUSED, "there is no such thing: check COINGECKO_URL and the names in the question"),
    408: (FaultKind.UNAVAILABLE, "the question took too long to arrive: is the network slow?"),
    500: (FaultKind.UNAVAILABLE, "CoinGecko's server failed: it is asked again by itself"),
    503: (FaultKind.UNAVAILABLE, "CoinGecko is out of service: see status.coingecko.com"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`whole`: it is not of this question alone, whatever is asked next would be refused too."""

    kind: FaultKind
    reason: str
    whole: bool = False


def of_status(status: int, body: bytes) -> Refusal:
    """An answer whose status is not 200. `body` may be anything."""
    code, message = _said(body)
    return _refusal(status, code, message)


def of_document(document: Any) -> Refusal | None:
    """An error that came with status 200. There is a coin called `status`: its entry has no error code."""
    if not isinstance(document, dict):
        return None
    code, message = _read(document)
    if code is None and not isinstance(document.get("error"), str):
        return None
    return _refusal(200, code, message)


def _refusal(status: int, code: int | None, message: str) -> Refusal:
    number = code if code in _FORBIDDEN or (status == 200 and code is not None) else status
    if number in _FORBIDDEN:
        kind, words, whole = FaultKind.FORBIDDEN, _FORBIDDEN[number], number != _PLAN
    elif 429 in (status, code):
        kind, words, whole = FaultKind.LIMITED, _LIMIT, True
    elif 300 <= number < 400:
        kind, words, whole = FaultKind.UNAVAILABLE, "redirects, which is not followed: check COINGECKO_URL", False
    elif number in _OTHERS:
        (kind, words), whole = _OTHERS[number], False
    else:
        refused = 400 <= number < 500
        kind = FaultKind.REFUSED if refused else FaultKind.UNAVAILABLE
        words, whole = "the question is refused" if refused else "CoinGecko failed: it is asked again by itself", False
    told = [f"HTTP status {status}"] + ([f"error code {code}"] if code not in (None, status) else [])
    return Refusal(kind, f"{words} ({', '.join(told)}{f': {message}' if message else ''})", whole)


def _said(body: bytes) -> tuple[int | None, str]:
    """Error code and message, as far as they are there."""
    if found := _CLOUDFLARE.search(body[:2_000]):
        return int(found[1]), ""
    try:
        document = exact(body)
    except ValueError:
        return None, ""
    return _read(document) if isinstance(document, dict) else (None, "")


def _read(document: dict[str, Any]) -> tuple[int | None, str]:
    error = document.get("error")
    places = [document.get("status"), error, error.get("status") if isinstance(error, dict) else None, document]
    if isinstance(errors := document.get("errors"), list):  # as its on-chain questions are refused
        places += errors[:1]
    objects = [place for place in places if isinstance(place, dict)]
    codes = [_code(place.get("error_code")) for place in objects]
    texts = [place.get(name) for place in objects for name in ("error_message", "error", "title")]
    return (
        next((code for code in codes if code is not None), None),
        next((text for text in texts if isinstance(text, str) and text.strip()), ""),
    )


def _code(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 6:
        return int(value)
    if isinstance(value, Decimal) and 0 < value < 1_000_000 and value == int(value):
        return int(value)
    return None
