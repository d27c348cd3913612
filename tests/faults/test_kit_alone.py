"""The kit can be used without this project, and its README leaves out no fault."""

import ast
import inspect

import pytest

from scripts.localchain.anvil import ROOT
from tests.faults.kit import chain_faults, rules

pytestmark = pytest.mark.unit

KIT = ROOT / "tests" / "faults" / "kit"
OURS = ("keeper", "scripts", "tests")


def test_it_imports_nothing_of_this_project() -> None:
    imported = set()
    for path in KIT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    ours = {name for name in imported if name.split(".")[0] in OURS}
    assert ours
    assert all(name.startswith("tests.faults.kit") for name in ours)


def test_the_readme_names_every_fault() -> None:
    told = (KIT / "README.md").read_text()
    faults = [name for name, made in vars(rules).items() if inspect.isclass(made) and issubclass(made, rules.Fault)]
    ready = [name for name, made in vars(rules).items() if isinstance(made, rules.Fault)]
    helpers = [
        name
        for name, made in vars(chain_faults).items()
        if inspect.isfunction(made) and made.__module__ == chain_faults.__name__ and not name.startswith("_")
    ]
    assert len(faults) > 15
    assert len(ready) >= 5
    missing = [name for name in [*faults, *ready, *helpers, *dir(chain_faults.Fate)] if name.isidentifier()]
    missing = [name for name in missing if not name.startswith("_") and name not in told]
    assert set(missing) <= {"head", "pool_size", "name", "value"}
