"""How commands speak: foreign names are shown as they are."""

import pytest

from keeper.entrypoints.cli.console import show_table

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", ["[red]USDC[/red]", "[/b]", ":smile:", "[link=http://x]y[/link]"])
def test_a_name_is_no_markup(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anybody names a token: what stands in its name neither vanishes nor ends the command."""
    show_table("", ["asset", "amount"], [[name, 1]])
    assert name in capsys.readouterr().out
