"""Fields that name endpoints. All are secrets: providers put keys into any part of a URL."""

import ipaddress
import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator, SecretStr

_SCHEMES: Final = ("http://", "https://")
HASH_PLACE: Final = "{hash}"
DEEPEST_FINALITY: Final = 10_000
_KEY: Final = re.compile(r"[A-Za-z0-9._~+=-]{8,200}")


def listed(urls: SecretStr | None) -> list[str]:
    """The URLs of a comma-separated list."""
    return [] if urls is None else [url.strip() for url in urls.get_secret_value().split(",")]


def endpoint(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(_SCHEMES):
        raise ValueError("must start with http:// or https://")
    return value


def endpoints(value: SecretStr) -> SecretStr:
    """One URL or more with commas between them. A comma inside of one is written %2C."""
    urls = listed(value)
    for number, url in enumerate(urls, start=1):
        if not url.startswith(_SCHEMES):
            raise ValueError(f"number {number} must start with http:// or https://")
    if len(set(urls)) < len(urls):
        raise ValueError("one of them is there twice")
    return value


def base_url(value: SecretStr) -> SecretStr:
    """A URL to which paths and queries are added."""
    try:
        parts = urlsplit(endpoint(value).get_secret_value())
        is_place = bool(parts.hostname) and parts.port != 0
    except ValueError:  # urlsplit's own words may quote it
        is_place = False
    if not is_place:
        raise ValueError("must start with http:// or https:// and name a host")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("must be a host and a path: no user, no query")
    return value


def is_private_way(url: str) -> bool:
    """Whether nobody can read along: it is encrypted, or does not leave this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    return parts.scheme == "https" or here


def api_key(value: SecretStr) -> SecretStr:
    """What can be sent as a header, and is long enough to be found in a text that must not show it."""
    if not _KEY.fullmatch(value.get_secret_value()):
        raise ValueError("must be 8 to 200 letters, digits and . _ ~ + = -")
    return value


def status_url(value: SecretStr) -> SecretStr:
    if HASH_PLACE not in endpoint(value).get_secret_value():
        raise ValueError(f"must have {HASH_PLACE} where the transaction's hash belongs")
    return value


def finality(value: object) -> Literal["finalized"] | int:
    """The word, or a number of blocks. One message for both."""
    text = str(value).strip()
    if text == "finalized":
        return "finalized"
    if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= DEEPEST_FINALITY:
        return int(text)
    raise ValueError(f'must be "finalized" or a number of blocks from 1 to {DEEPEST_FINALITY}')


EndpointUrl = Annotated[SecretStr, AfterValidator(endpoint)]
EndpointUrls = Annotated[SecretStr, AfterValidator(endpoints)]
BaseUrl = Annotated[SecretStr, AfterValidator(base_url)]
ApiKey = Annotated[SecretStr, AfterValidator(api_key)]
StatusUrl = Annotated[SecretStr, AfterValidator(status_url)]
Finality = Annotated[Literal["finalized"] | int, PlainValidator(finality)]
