"""Help of every command: examples that parse, defaults that are told, `help` and `version`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from kenspeckle import __version__
from kenspeckle.cli import examples, parsing
from kenspeckle.cli.app import ENTRIES
from tests.cli.conftest import Command

ALTERNATIVES = {
    *(("erase", one) for one in ("--identity", "--user", "--person", "--image")),
    *(("users search", one) for one in ("--face", "--user")),
    ("models add", "--embedder"),
    *((f"keys {verb}", one) for verb in ("create", "adopt", "limit") for one in ("--rate", "--burst", "--quota")),
    ("audit verify", "--anchor"),
    ("webhooks change", "--url"),
    ("import", "--collection"),
}
"""Options without a default: one of several is to be given, or what is not given stays as it is. Of keys, scope and
command decide; the help says how."""


def commands() -> Iterator[tuple[str, Any]]:
    for entry in ENTRIES:
        found = entry.load()
        below = getattr(found, "commands", None)
        if below is None:
            yield entry.name, found
        else:
            yield from ((f"{entry.name} {name}", one) for name, one in below.items() if not one.hidden)


def test_every_command_has_examples_that_parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = dict(commands())
    assert set(examples.EXAMPLES) == set(found)
    for words, lines in examples.EXAMPLES.items():
        assert lines, words
        for line in lines:
            program, *rest = shlex.split(line)
            assert (program, rest[: len(words.split())]) == ("kenspeckle", words.split())
            with found[words].make_context(words, rest[len(words.split()) :]):
                pass


def test_keys_and_webhooks_of_a_server_are_managed_by_its_url() -> None:
    """`keys adopt` asks for a secret, which only the machine of the data folder may take."""
    for name, one in commands():
        if name.startswith(("keys ", "webhooks ")) and name != "keys adopt":
            assert any("--url" in option.opts for option in one.params), name


def test_help_shows_them(command: Command) -> None:
    said = command("users", "search", "--help")
    assert "Examples:\n  kenspeckle users search door.jpg\n" in said.out
    assert "Examples" not in command("users", "--help").out


def test_every_option_tells_its_default() -> None:
    silent = [
        (words, option.opts[0])
        for words, one in commands()
        for option in one.params
        if option.param_type_name == "option" and not option.is_flag and not option.required
        for _, told in [option.get_help_record(typer.Context(one))]
        if "default: " not in told and "Without it: " not in told and (words, option.opts[0]) not in ALTERNATIVES
    ]
    assert silent == []


def test_help_and_version_are_commands(command: Command) -> None:
    assert command("help").out == command("--help").out
    assert command("help", "search").out == command("search", "--help").out
    assert command("help", "faces").out == command("faces", "--help").out
    assert command("help", "faces", "list").out == command("faces", "list", "--help").out
    for words in (("nothing",), ("faces", "nothing"), ("search", "more")):
        wrong = command("help", *words)
        assert (wrong.code, f"No such command '{words[-1]}'" in wrong.err) == (2, True)
    assert command("version").out == command("--version").out == f"kenspeckle {__version__}\n"
    assert "Exit codes: 0 fine" in command("--help").out


def test_a_threshold_on_another_scale_is_told(command: Command) -> None:
    for words in (("search", "a.jpg"), ("compare", "a.jpg", "b.jpg"), ("users", "search", "a.jpg")):
        wrong = command(*words, "--threshold", "0.8")
        assert wrong.code == 2
        assert "similarities go from 0 to 100. Write 80?" in wrong.err
    assert "0.8" not in command("search", "a.jpg", "--threshold", "1").err


def read(*words: str) -> dict[str, Any]:
    """What a command with parameters of each kind gets."""
    seen: dict[str, Any] = {}
    made = typer.Typer()

    @made.command()
    def one(
        text: str,
        path: Path = Path("here"),
        texts: list[str] | None = typer.Option(None),  # noqa: B008
        paths: list[Path] | None = typer.Option(None),  # noqa: B008
        number: int = 3,
        least: float | None = typer.Option(None, min=0),
        found: Path | None = typer.Option(None, exists=True),  # noqa: B008
        is_on: bool = False,
    ) -> None:
        seen.update(locals())

    command: Any = typer.main.get_command(made)
    if LIGHT:
        parsing.parse_lightly(command)
    command.main(list(words), standalone_mode=False)
    seen.pop("seen", None)
    return seen


LIGHT = False


@pytest.mark.parametrize(
    "words",
    [
        ("a",),
        (
            "a",
            "--path",
            "b",
            "--texts",
            "c",
            "--texts",
            "d",
            "--paths",
            "e",
            "--number",
            "4",
            "--least",
            "2",
            "--is-on",
        ),
        ("a", "--number", "four"),
        ("a", "--least", "-1"),
        ("a", "--found", "nowhere"),
        ("a", "--found", "/"),
    ],
)
def test_values_are_read_as_typer_reads_them(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The private interface that `cli/parsing.py` uses is there in the version that constraints.txt pins."""
    assert parsing.AVAILABLE

    def outcome() -> object:
        try:
            return read(*words)
        except Exception as error:
            return type(error), str(error)

    usual = outcome()
    monkeypatch.setattr(f"{__name__}.LIGHT", True)
    assert outcome() == usual
