"""Takes secrets out of text before a person, a log or a record sees it: URLs, private keys, passwords."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

HIDDEN: Final = "***"
SHORTEST_SECRET: Final = 4
"""A shorter text is not replaced: it would match by chance everywhere and give itself away by that."""

_URL = re.compile(r"\b(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>[^\s'\"<>`|\\^{}]+)", re.IGNORECASE)
_ENDPOINT_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
# Hashes of transactions and blocks look like private keys with 0x in front, and must stay readable. So 64 hex digits
# are hidden when they stand without 0x, or when the text before them calls them a key.
_BARE_KEY = re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{64}(?![0-9a-zA-Z])")
_NAMED_KEY = re.compile(
    r"(?P<name>(?:private|secret|signing)[ _-]?key['\"]?\s*(?:[:=]|is)?\s*['\"]?)0x[0-9a-fA-F]{64}(?![0-9a-zA-Z])",
    re.IGNORECASE,
)


class Redactor:
    """Text in, the same text without secrets out: URLs cut down, private keys and the given secrets hidden.

    A given hex secret is found with and without 0x and in any case. A secret that is a URL counts by its parts.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        cores: set[str] = set()
        for secret in secrets:
            cores.update(url_secrets(secret) if "://" in secret else [secret.removeprefix("0x")])
        # Longest first: a secret that contains another must not leave its rest behind.
        known = sorted((core for core in cores if len(core) >= SHORTEST_SECRET), key=len, reverse=True)
        alternatives = "|".join(re.escape(core) for core in known)
        self._given = re.compile(f"(?:0x)?(?:{alternatives})", re.IGNORECASE) if known else None

    def __call__(self, text: str) -> str:
        if self._given is not None:
            text = self._given.sub(HIDDEN, text)
        text = _URL.sub(_cut_url, text)
        text = _NAMED_KEY.sub(rf"\g<name>{HIDDEN}", text)
        return _BARE_KEY.sub(HIDDEN, text)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`Redactor(secrets)(text)`, for one text; who has many keeps the Redactor."""
    return Redactor(secrets)(text)


def origin(url: str) -> str:
    """`scheme://host[:port]` of a URL: providers put their keys into user, path and query. Never raises."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return HIDDEN
    if not parts.scheme or not host:
        return HIDDEN
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port is None else f":{port}")


def url_secrets(url: str) -> list[str]:
    """The parts of a URL that may be secret on their own, for text that quotes only a piece of it.

    Of an endpoint: user, password, path and query. Of anything else, a database, the password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url]
    password = [parts.password] if parts.password else []
    if parts.scheme not in _ENDPOINT_SCHEMES:
        return password
    pieces = [parts.username or "", parts.query, parts.path.strip("/"), *parts.path.split("/")]
    pieces += [value for pair in parts.query.split("&") for value in pair.split("=")[1:]]
    # Short pieces are words such as "v2" or "rpc"; providers' keys are longer than any of them.
    return password + [piece for piece in pieces if len(piece) >= 8]


def _cut_url(match: re.Match[str]) -> str:
    scheme, rest = match["scheme"], match["rest"]
    if scheme.lower() in _ENDPOINT_SCHEMES:
        cut = origin(match[0])
        return f"{scheme}://{HIDDEN}" if cut == HIDDEN else cut
    # A database: its path is its name, which operators need; user and password go, whatever signs they are made of.
    _, at, place = rest.rpartition("@")
    return f"{scheme}://{HIDDEN}@{place}" if at else match[0]
