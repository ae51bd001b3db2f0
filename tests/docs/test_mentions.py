"""What pages show exists: commands with their options, routes with their parameters, settings, targets of make."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from kenspeckle.cli.app import app
from kenspeckle.settings import PREFIX, Settings
from tests.docs.blocks import DOCS, ROOT, blocks

PAGES = [*sorted(DOCS.glob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
NO_SETTINGS = {"URL", "API_KEY", "CAMERA_CREDENTIALS", "CONFIG", "DEBUG", "SOAK", "KILLS", "SOAK_MINUTES"}
"""Environment variables that are no settings: of the command line's client, of tests."""
SHELL = ("", "sh", "bash", "console", "text")
CURL = re.compile(r"curl .*?http://127\.0\.0\.1:8080(/(?:v1|healthz|readyz|metrics)[^\s'\"?]*)\??([^\s'\"]*)")
PLACE = re.compile(r"\.\.\.|[A-Z][A-Z_]*(\.\.\.)?|\[.*\]|\|")


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `kenspeckle ...` of a shell text, without redirections and comments."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"\||&&|;|\$\(", line):
            found = re.match(r"\s*(?:\$ )?(?:\w+=\S* )*(kenspeckle\s.*)", part)
            if found:
                yield shlex.split(re.sub(r"\d?>+ *\S+|\)+\"?(/\S*)?.*$", "", found[1]), comments=True)


def shown() -> list[Any]:
    """(page and line, words) of every command that a block of a page shows."""
    return [
        pytest.param(words, id=f"{page.name}:{block.line} {' '.join(words)[:60]}")
        for page in PAGES
        for block in blocks(page)
        if block.language in SHELL and page.name != "commands.md"
        for words in commands(block.text)
    ]


@cache
def kenspeckle() -> Any:
    """The root of all commands."""
    return typer.main.get_command(app)


def found(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words begin with, and the words after it."""
    command = kenspeckle()
    for at, word in enumerate(words[1:], start=1):
        inner = getattr(command, "commands", {})
        if word not in inner:
            return command, words[at:]
        command = inner[word]
    return command, []


@pytest.mark.parametrize("words", shown())
def test_a_command_of_a_page_is_one_that_is_understood(words: list[str]) -> None:
    command, rest = found(words)
    if rest == ["--version"] or rest == ["--help"] or rest[:1] == ["COMMAND"] or rest == ["..."]:
        return
    assert not getattr(command, "commands", None), f"no such command: {' '.join(words)}"
    try:
        command.make_context(words[0], [word for word in rest if word != "..."])
    except Exception as error:
        said = str(getattr(error, "message", error))
        assert "does not exist" in said, f"{' '.join(words)}: {said}"


def test_commands_that_the_prose_names_exist() -> None:
    wrong = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for code in re.findall(r"`(kenspeckle [^`]+)`", text):
            command, rest = found(code.split())
            names = {name for one in getattr(command, "params", ()) for name in (*one.opts, *one.secondary_opts)}
            unknown = [word for word in rest if word.startswith("--") and word not in {*names, "--help", "--version"}]
            group = getattr(command, "commands", None)
            if unknown or (group and rest and not PLACE.fullmatch(rest[0]) and rest[0] not in group):
                wrong.append(f"{page.name}: {code}")
    assert wrong == []


def test_settings_that_pages_name_exist() -> None:
    names = {name.upper() for name in Settings.__dataclass_fields__} | NO_SETTINGS
    wrong = [
        f"{page.name}: {PREFIX}{name}"
        for page in PAGES
        for name in re.findall(rf"{PREFIX}([A-Z][A-Z0-9_]*[A-Z0-9])", page.read_text("utf-8"))
        if name not in names
    ]
    assert wrong == []


def test_targets_of_make_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    wrong = []
    for page in PAGES:
        code = [block.text for block in blocks(page)] + re.findall(r"`[^`\n]+`", page.read_text("utf-8"))
        named = [one for text in code for one in re.findall(r"(?:^|`|&& )make ([a-z-]+)", text, re.MULTILINE)]
        wrong += [f"{page.name}: make {target}" for target in named if target not in targets]
    assert wrong == []


def requests() -> Iterator[tuple[str, str, str, list[str]]]:
    """(page, method, path, names of parameters) of every curl that a page shows."""
    for page in PAGES:
        for block in blocks(page):
            for line in block.text.replace("\\\n", " ").splitlines():
                if url := CURL.search(line):
                    yield page.name, method_of(line), url[1], re.findall(r"(\w+)=", url[2])


def method_of(line: str) -> str:
    """The method that curl uses, lower case."""
    if said := re.search(r"(?:-X|--request) (\w+)", line):
        return said[1].lower()
    if re.search(r" (?:-T|--upload-file) ", line):
        return "put"
    return "post" if re.search(r" (?:-F|-d|--data\S*) ", line) else "get"


def test_routes_that_curl_asks_exist() -> None:
    paths = json.loads((DOCS / "openapi.json").read_text("utf-8"))["paths"]
    asked = list(requests())
    assert len(asked) > 10
    wrong = []
    for page, method, path, names in asked:
        match = [one for one in paths if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path) and method in paths[one]]
        known = {one["name"] for template in match for one in paths[template][method].get("parameters", ())}
        if not match or not known.issuperset(names):
            wrong.append(f"{page}: {method} {path} {names}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_that_a_page_shows_is_python(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, f"{page.name}:{block.line}", "exec")
