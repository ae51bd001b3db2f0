"""Private interfaces of dependencies that the service uses: each behind one module, in the versions that were tested.

Where a version changes here (constraints.txt pins them), run the tests that are named, then write the new version down.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "kenspeckle"


@dataclass(frozen=True)
class Used:
    """`pattern` of the source finds the use; `module` alone may have it."""

    package: str
    tested: str
    module: str
    pattern: str
    tests: str


USED = (
    Used("uvicorn", "0.54", "serving/http_protocol.py", r"uvicorn\._types|httptools_impl", "tests/serving"),
    Used("uvicorn", "0.54", "serving/flow.py", r"uvicorn\.protocols\.http\.flow_control", "tests/serving"),
    Used("fastapi", "0.165", "api/guard.py", r"\.dependant\b", "tests/api"),
    Used("faiss-cpu", "1.15", "index/scan.py", r"select_InvertedListScanner|scan_codes|swig_ptr", "tests/index"),
    Used("typer", "0.29", "cli/parsing.py", r"typer\._\w+", "tests/cli/test_help.py"),
)


@pytest.mark.parametrize("one", USED, ids=lambda one: f"{one.package}-{Path(one.module).stem}")
def test_a_private_interface_is_behind_one_module(one: Used) -> None:
    places = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if re.search(one.pattern, file.read_text("utf-8"))
    }
    assert places == {one.module}


@pytest.mark.parametrize("one", USED, ids=lambda one: f"{one.package}-{Path(one.module).stem}")
def test_it_was_tested_with_the_version_that_is_installed(one: Used) -> None:
    assert f"{version(one.package)}.".startswith(f"{one.tested}."), f"run {one.tests}, then write the version down here"


def test_there_are_no_others() -> None:
    """Imports of modules whose names begin with an underscore."""
    known = {one.module for one in USED}
    found = {
        f"{file.relative_to(SOURCE)}: {name}"
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        if re.search(r"(^|\.)_(?!_future)[a-z]", name) and str(file.relative_to(SOURCE)) not in known
    }
    assert found == set()
