"""`keeper config`: what is in force, and the versions of a fund's policy."""

import getpass
from typing import Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table, unicode_text

app = typer.Typer(no_args_is_help=True, help="Settings and policies.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FundName = Annotated[str | None, typer.Argument(help="The fund; may be left out when there is one.")]


@app.command()
def show(fund: FundName = None, as_json: Json = False) -> None:
    """The environment's settings, or a fund's policy in force. Secrets are never shown."""
    perform(lambda: _show(fund, as_json))


@app.command("set")
def set_(
    fund: Annotated[str, typer.Argument(help="The fund.")],
    changes: Annotated[list[str], typer.Argument(help="NAME=VALUE; NAME= goes back to the environment's value.")],
    why: Annotated[str, typer.Option(help="Kept with the change.")] = "",
) -> None:
    """Change a fund's policy from its next cycle on. The daemon need not be restarted."""
    perform(lambda: _set(fund, changes, why))


@app.command()
def history(fund: FundName = None, as_json: Json = False) -> None:
    """Every version of a fund's policy: who changed what, when and why."""
    perform(lambda: _history(fund, as_json))


async def _show(name: str | None, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.settings import PolicyFields, Settings

    settings = load_settings()
    values = {key.upper(): _shown(key, getattr(settings, key)) for key in Settings.model_fields}
    if name is not None:
        from keeper.wiring.known import fund_named
        from keeper.wiring.places import open_library

        async with open_library(settings, settings.mode(), read_only=True) as library:
            fund = fund_named(await library.books.funds(), name)
            newest = (await library.books.policy_history(fund.id))[0]
        values = {key: newest["effective"][key] for key in PolicyFields.as_variables(settings)}
        values["version"] = newest["version"]
    if as_json:
        show_json(values)
    else:
        show_table("", ["variable", "value"], values.items())
    return Exit.FINE


def _shown(name: str, value: Any) -> Any:
    """Settings as anybody may see them: an endpoint by its origin, any other secret only whether it is set."""
    from pydantic import SecretStr

    from keeper.core.redact import origin, redact

    match value:
        case SecretStr() if name in ("rpc_url", "coingecko_url"):
            return origin(value.get_secret_value())
        case SecretStr() if name == "database_url":
            return redact(value.get_secret_value()) if "@" in value.get_secret_value() else value.get_secret_value()
        case SecretStr():
            return "(set)"
        case None:
            return None
        case _:
            return str(value)


async def _set(name: str, changes: list[str], why: str) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.settings import ConfigurationError, PolicyFields, Settings, policy_fields
    from keeper.wiring.known import fund_named
    from keeper.wiring.places import open_library

    settings = load_settings()
    defaults = PolicyFields.as_variables(settings)
    malformed = [f"{change}: expected NAME=VALUE" for change in changes if "=" not in change]
    pairs = [change.split("=", 1) for change in changes if "=" in change]
    wanted = {key.strip().upper(): value.strip() for key, value in pairs}
    try:
        policy_fields(defaults | {key: value for key, value in wanted.items() if value or key not in defaults})
    except ConfigurationError as error:
        raise ConfigurationError([*malformed, *error.problems]) from None
    if malformed:
        raise ConfigurationError(malformed)
    Settings.load(**{key.lower(): value for key, value in wanted.items() if value})  # what goes together with the rest
    async with open_library(settings, settings.mode()) as library:
        fund = fund_named(await library.books.funds(), name)
        newest = (await library.books.policy_history(fund.id))[0]
        overrides = {key: value for key, value in (newest["overrides"] | wanted).items() if value}
        effective = policy_fields(defaults | overrides).as_variables()
        pinned = await library.books.put_policy(
            fund.id, effective, overrides, by=getpass.getuser(), why=unicode_text(why)
        )
    print(f"{fund.name}: policy version {pinned.version}")
    return Exit.FINE


async def _history(name: str | None, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.known import fund_named
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        fund = fund_named(await library.books.funds(), name)
        versions = await library.books.policy_history(fund.id)
    if as_json:
        show_json(versions)
        return Exit.FINE
    rows = []
    for newer, older in zip(versions, [*versions[1:], {"effective": {}}], strict=True):
        changed = {k: v for k, v in newer["effective"].items() if older["effective"].get(k) != v}
        words = ", ".join(f"{k}={v}" for k, v in changed.items()) if older["effective"] else "first version"
        rows.append([newer["version"], f"{newer['created_at']:%Y-%m-%d %H:%M:%S}", newer["by"], words, newer["why"]])
    show_table(f"Policy of {fund.name}", ["version", "time (UTC)", "by", "changed", "why"], rows)
    return Exit.FINE
