"""Commands load late: each is imported when it is chosen, with no library that it does not need."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kenspeckle.cli
from kenspeckle.cli.app import ENTRIES
from kenspeckle.cli.commands import Entry, Loading, first_sentence
from tests.cli.conftest import Command

HEAVY = [
    "PIL",
    "alembic",
    "botocore",
    "cryptography",
    "faiss",
    "fastapi",
    "httpx",
    "numpy",
    "onnx",
    "onnxruntime",
    "pydantic",
    "sqlalchemy",
    "starlette",
    "uvicorn",
]
CATALOG = {"alembic", "cryptography", "numpy", "sqlalchemy"}
"""What a command needs that opens the catalog."""
WITH_PIL = ("watch", "demo")
WITH_CRYPTOGRAPHY = ("serve", "receipts")
HELP = {name: {"PIL"} for name in WITH_PIL} | {name: {"cryptography"} for name in WITH_CRYPTOGRAPHY}
"""Heavy modules that a command's module may import; those of any other import none."""
RUNS = (
    ("settings", set[str]()),
    ("keys list", CATALOG),
    ("audit verify", CATALOG),
    ("backup DATA/one.tar", CATALOG | {"botocore"}),
    ("collections list --url http://127.0.0.1:9", {"httpx"}),
    ("search DATA/none.jpg --url http://127.0.0.1:9", {"httpx"}),
)
"""Commands that are run, and heavy modules that they may import at most."""
PROGRAM = """
import json, os, sys
import kenspeckle.cli.failures, kenspeckle.domain, kenspeckle.settings, rich.progress  # light; quicker once than often
from kenspeckle.cli.app import run
told = os.dup(1)
for line in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        sys.argv = ["kenspeckle", *line.split()]
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            run()
        finally:
            heavy = [one for one in HEAVY if one in sys.modules]
            os.write(told, (json.dumps([line, heavy]) + "\\n").encode())
            os._exit(0)
    os.waitpid(child, 0)
"""


def loaded(lines: list[str], data: Path) -> dict[str, set[str]]:
    """Heavy modules that are there after each command, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {HEAVY}\n{PROGRAM}"],
        input=json.dumps(lines),
        env={**os.environ, "KENSPECKLE_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {line: set(heavy) for line, heavy in map(json.loads, done.stdout.splitlines())}


def test_a_command_is_imported_when_it_is_chosen_with_what_it_needs(tmp_path: Path) -> None:
    names = [one.name for one in ENTRIES]
    seen = loaded(["--help", *(f"{name} --help" for name in names)], tmp_path)
    assert seen.pop("--help") == set()
    assert len(seen) == len(names)
    assert {line: heavy for line, heavy in seen.items() if heavy - HELP.get(line.split()[0], set())} == {}


def test_a_command_that_runs_imports_what_it_needs(tmp_path: Path) -> None:
    lines = [line.replace("DATA", str(tmp_path)) for line, _ in RUNS]
    seen = loaded(lines, tmp_path)
    wrong = {line: seen[line] - most for line, (_, most) in zip(lines, RUNS, strict=True) if seen[line] - most}
    assert not wrong


def test_help_loads_no_command() -> None:
    program = (
        "import sys; from kenspeckle.cli import main; sys.argv = ['kenspeckle', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith(('kenspeckle', 'rich'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ours = {"kenspeckle", "kenspeckle.cli", "kenspeckle.cli.app", "kenspeckle.cli.commands"}
    assert set(ast.literal_eval(done.stdout.splitlines()[-1])) == ours


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda one: one.name)
def test_the_line_of_help_is_what_the_command_says_of_itself(entry: Entry) -> None:
    assert entry.help == first_sentence(entry.load().help)


def test_the_table_of_commands_is_not_changed_from_elsewhere() -> None:
    commands = Loading(ENTRIES)
    assert list(commands) == [one.name for one in ENTRIES]
    assert len(commands) == len(ENTRIES)
    assert "search" in commands
    assert "nothing" not in commands
    assert commands["search"] is commands["search"]
    with pytest.raises(TypeError):
        commands["other"] = commands["search"]
    with pytest.raises(TypeError):
        del commands["search"]


def test_an_import_in_a_function_says_why_it_is_late() -> None:
    silent = []
    for file in sorted(Path(kenspeckle.cli.__file__).parent.glob("*.py")):
        text = file.read_text()
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef):
                for one in ast.walk(function):
                    if isinstance(one, ast.Import | ast.ImportFrom):
                        line = text.splitlines()[one.lineno - 1]
                        silent += [f"{file.name}:{one.lineno}"] if "# late" not in line else []
    assert not silent


def test_every_command_says_which_variable_is_no_setting(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KENSPECKLE_MAX_FACE", "3")
    said = command("faces", "list", "--data-dir", tmp_path)
    assert said.err.startswith("KENSPECKLE_MAX_FACE is no setting and is not used; did you mean KENSPECKLE_MAX_FACES?")
    assert command("settings").err.count("did you mean") == 1
    assert command("settings", "--config", tmp_path / "none.toml").code == 2
