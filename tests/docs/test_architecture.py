"""The page of the architecture knows every folder of the package, and has the layers that import-linter checks."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, ROOT

PACKAGE = ROOT / "src" / "kenspeckle"
PAGE = (DOCS / "architecture.md").read_text("utf-8")
DEEPER = "usecases"
"""Its folders have rows of their own."""


def folders() -> set[str]:
    """The package's folders, those of DEEPER as `usecases/audit`."""
    found = {one.parent.relative_to(PACKAGE).as_posix() for one in PACKAGE.glob("*/__init__.py")}
    deeper = {one.parent.relative_to(PACKAGE).as_posix() for one in PACKAGE.glob(f"{DEEPER}/*/__init__.py")}
    return found - {DEEPER} | deeper


def test_every_folder_has_its_row() -> None:
    rows = re.findall(r"^\| (`[a-z_/]+/`(?:, `[a-z_/]+/`)*) \|", PAGE, re.MULTILINE)
    told: set[str] = set()
    for row in rows:
        names = re.findall(r"`([a-z_/]+)/`", row)
        above = f"{names[0].rpartition('/')[0]}/" if "/" in names[0] else ""
        told |= {names[0], *(f"{above}{name}" for name in names[1:])}
    assert told == folders()


def test_the_layers_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    checked = [set(re.findall(r"kenspeckle\.(\w+)", layer)) for layer in contracts[0]["layers"]]
    shown = [set(re.findall(r"`(\w+)`", line)) for line in re.findall(r"^\d+\. (`\w+`.*)$", PAGE, re.MULTILINE)]
    assert shown[: len(checked)] == checked


@pytest.mark.parametrize("page", [DOCS / "architecture.md", DOCS / "adding.md", ROOT / "CONTRIBUTING.md"], ids=str)
def test_what_a_page_says_is_of_a_file_is_defined_there(page: Path) -> None:
    said = re.findall(r"`@?(\w+)(?:\([^`]*\))?` (?:of|in) `([\w/]+\.py)`", page.read_text("utf-8"))
    wrong, folders = [], (PACKAGE, PACKAGE / "usecases" / "recognition", ROOT)
    for name, file in said:
        (place,) = [one / file for one in folders if (one / file).exists()]
        defined = rf"^\s*(?:async )?(?:def|class) {name}\b|^\s*(?:self\.)?{name}\b.*="
        if not re.search(defined, place.read_text("utf-8"), re.MULTILINE):
            wrong.append(f"{name} of {file}")
    assert wrong == []


def _imports(folder: str) -> set[str]:
    """Names that the modules of a folder import, as `module.name`."""
    found: set[str] = set()
    for file in (PACKAGE / folder).rglob("*.py"):
        for one in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(one, ast.ImportFrom):
                found |= {f"{one.module}.{alias.name}" for alias in one.names}
            elif isinstance(one, ast.Import):
                found |= {alias.name for alias in one.names}
    return found


@pytest.mark.parametrize("edge", ["api", "rekognition", "compreface"])
def test_all_edges_decide_of_access_by_the_same_function(edge: str) -> None:
    assert "kenspeckle.usecases.access.authorization.decide" in _imports(edge)


def test_one_module_uses_what_is_private_in_the_command_lines_library() -> None:
    private = re.compile(r"(?:typer|click)(?:\.\w+)*\._")
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if private.search(file.read_text("utf-8"))
    }
    assert users == {"cli/parsing.py"}
