"""Documentation can't drift: what the code has, the docs name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from docs.generate import PAGES

from kenspeckle.api.routes import entries
from kenspeckle.doctor import runner
from kenspeckle.serving import metrics, problems
from kenspeckle.settings import list_settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_what_is_made_from_code_is_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), "run: make docs"


def test_the_pages_that_are_made_tell_everything() -> None:
    """Counted apart from what makes the pages."""
    told = {name: (DOCS / f"{name}.md").read_text("utf-8") for name in ("settings", "errors", "metrics", "routes")}
    assert [one.name for one in list_settings() if f"`KENSPECKLE_{one.name.upper()}`" not in told["settings"]] == []
    assert [code for code in problems.TITLES if f"`{code}`" not in told["errors"]] == []
    counted = set(re.findall(r'"(kenspeckle_\w+)"', Path(metrics.__file__).read_text("utf-8")))
    assert [name for name in counted if name not in told["metrics"]] == []
    routes = [entry.path.replace(":path", "") for entry in entries().values()]
    assert [path for path in routes if f" {path}\n" not in told["routes"]] == []


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


def test_every_threat_names_tests_that_exist() -> None:
    """A row's first test is a path; those after it may leave out its folder."""
    table = (DOCS / "security.md").read_text("utf-8").split("| threat |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert len(rows) > 20
    known = {str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("*")}
    names = {Path(one).name for one in known}
    wrong = []
    for threat, _, tests in rows:
        named = re.findall(r"`([^`]+)`", tests)
        missing = [one for one in named if one not in (known if "/" in one else names)]
        if missing or (not named and not tests.startswith(("none:", "see "))):
            wrong.append((threat, missing))
    assert wrong == []


def test_the_page_of_the_doctor_has_every_check() -> None:
    table = (DOCS / "operations.md").read_text("utf-8").partition("## The doctor")[2]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [one.name for one in (*runner.PLACES, *runner.CATALOG)]
