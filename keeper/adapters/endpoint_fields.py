"""Fields that name endpoints. All are secrets: providers put keys into any part of a URL."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, PlainValidator, SecretStr

_SCHEMES: Final = ("http://", "https://")
HASH_PLACE: Final = "{hash}"
DEEPEST_FINALITY: Final = 10_000


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
StatusUrl = Annotated[SecretStr, AfterValidator(status_url)]
Finality = Annotated[Literal["finalized"] | int, PlainValidator(finality)]
