"""A fund's configuration from a file: TOML, or YAML by its suffix. Every mistake is told at once, with its place."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from keeper.adapters.config_fields import FundFields
from keeper.adapters.known_addresses import known_addresses
from keeper.adapters.yaml_strict import StrictLoader
from keeper.core.mistakes import ConfigurationError
from keeper.core.setup.config import FundConfig
from keeper.core.setup.static import mistakes_of

SHOWN: Final = 60
"""Characters of a wrong value that its error repeats."""
LONGEST: Final = 1 << 20
"""Bytes of a file: a fund of 64 assets and 256 venues has 40,000."""


def read_fund_config(path: Path) -> FundConfig:
    """The configuration in that file, checked as far as that goes without a chain.

    Raises ConfigurationError with every mistake, each naming its place (`assets[2].feed: ...`).
    """
    config = parse_fund_config(path)
    if mistakes := mistakes_of(config):
        raise ConfigurationError(mistakes)
    return config


def parse_fund_config(path: Path) -> FundConfig:
    """The same, with names, types and addresses checked only: what they say together is `mistakes_of`."""
    document = _document(path)
    chain_id = document.get("chain_id")
    known = known_addresses(chain_id if isinstance(chain_id, int) else 0)
    try:
        fields = FundFields.model_validate(document, context=known)
    except ValidationError as error:
        raise ConfigurationError(_line(dict(mistake)) for mistake in error.errors()) from None
    return fields.to_config(known)


def _document(path: Path) -> dict[str, Any]:
    text = _text(path)
    is_yaml = path.suffix.lower() in (".yaml", ".yml")
    try:
        document = yaml.load(text, Loader=StrictLoader) if is_yaml else tomllib.loads(text)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, AttributeError) as error:  # the last of a tag that its value does not fit
        kind, told = "YAML" if is_yaml else "TOML", " ".join(str(error).split())
        raise ConfigurationError([f"{path}: is not {kind}: {told}"]) from None
    except RecursionError:
        raise ConfigurationError([f"{path}: is nested too deep"]) from None
    if not isinstance(document, dict):
        raise ConfigurationError([f"{path}: holds no names and values"])
    return document


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST + 1)
        if len(raw) > LONGEST:
            raise ConfigurationError([f"{path}: is longer than {LONGEST >> 20} MiB"])
        return raw.decode("utf-8-sig")  # editors on Windows put a mark in front
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path}: is not UTF-8 text"]) from None


def _line(mistake: Mapping[str, Any]) -> str:
    """A mistake as `place: what is wrong (it is ...)`."""
    place = _place(mistake["loc"])
    match mistake["type"]:
        case "missing":
            return f"{place}: is missing"
        case "extra_forbidden":
            return f"{place}: is not known here: a misspelt name?"
    text = mistake["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    given = mistake["input"]
    if isinstance(given, dict | list):
        return f"{place}: {text}"
    try:
        shown = str(given)
    except ValueError:  # `0xfff...`: Python writes no number of more than 4,300 digits
        return f"{place}: {text}"
    return f"{place}: {text} (it is {shown[:SHOWN]!r}{'...' if len(shown) > SHOWN else ''})"


def _place(parts: tuple[str | int, ...]) -> str:
    """`("assets", 2, "feed")` as `assets[2].feed`. What no text of a file says, `[key]`, is left out."""
    place = ""
    for part in parts:
        if part == "[key]":
            continue
        place += f"[{part}]" if isinstance(part, int) else f".{_name(part)}" if place else _name(part)
    return place or "configuration"


def _name(key: str) -> str:
    """A key of the file as a terminal can show it."""
    shown = "".join(char if char.isprintable() else "?" for char in key)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
