"""File names that are no text: whatever is written goes under them all the same, and what has to be text is told."""

from __future__ import annotations

import os
from pathlib import Path

from tests.moving.conftest import Command
from tests.moving.folders import PEOPLE, make, shown

NAME = os.fsdecode(b"caf\xe9")


def test_any_name_of_a_file_will_do(command: Command, tmp_path: Path) -> None:
    data = make(tmp_path / f"data {NAME}", range(2))
    before = shown(data)
    there = ("--data-dir", data)
    assert command("export", PEOPLE, f"{NAME}.jsonl", *there, "--json").json["path"] == f"{NAME}.jsonl"
    assert command("import", f"{NAME}.jsonl", "--collection", "two", *there).code == 0
    made = command("backup", f"{NAME}.tar", *there, "--json")
    assert made.code == 0, made.err
    done = command("restore", f"{NAME}.tar", "--data-dir", f"new {NAME}", "--json")
    assert done.code == 0, done.err
    assert shown(tmp_path / f"new {NAME}") == before
    examined = command("doctor", *there, "--json")
    assert {one["check"]: one["state"] for one in examined.json["checks"]}["database"] != "fault", examined.json
    assert command("audit", "export", f"{NAME}.audit", *there).code == 0


def test_what_has_to_be_text_is_told(command: Command, tmp_path: Path) -> None:
    data = make(tmp_path / "data", range(1))
    for words in (
        ("export", NAME, "x.jsonl"),
        ("audit", "show", "--key", NAME),
        ("audit", "show", "--operation", NAME),
    ):
        refused = command(*words, "--data-dir", data)
        assert refused.code == 1
        assert "is no valid text" in refused.err
        assert "unexpected" not in refused.err
