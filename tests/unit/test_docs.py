"""Documentation can't drift: what the code has, the docs name."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kenspeckle.errors import KenspeckleError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_settings_in_the_docs_are_those_of_the_code(generate: ModuleType) -> None:
    assert generate.PAGE.read_text("utf-8") == generate.page(), "run: make docs"


def codes(error: type[KenspeckleError]) -> Iterator[str]:
    for one in error.__subclasses__():
        yield one.code
        yield from codes(one)


def test_every_error_code_is_documented() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    assert [code for code in sorted(set(codes(KenspeckleError))) if f"`{code}`" not in text] == []


def test_every_dependency_has_a_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert listed is not None
    names = re.findall(r'"([a-z0-9\-]+)', listed[1])
    reasons = (DOCS / "architecture.md").read_text("utf-8")
    assert names
    assert [name for name in names if not re.search(rf"\b{name}\b", reasons)] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*DOCS.glob("*.md"), *ROOT.glob("*.md")]
    missing = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not re.match(r"https?://|mailto:", link) and not (page.parent / link).exists()
    ]
    assert missing == []


def test_nothing_names_a_path_of_one_machine() -> None:
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = [ROOT / name for name in files.split("\0") if name.endswith((".py", ".md", ".toml", ".txt", ".json"))]
    secret = re.compile(r"/(?:work|root)/\w")
    assert [str(file) for file in texts if file.exists() and secret.search(file.read_text("utf-8"))] == []
