"""What killed backups have left goes with the next."""

from __future__ import annotations

from pathlib import Path

from tests.moving.conftest import Command
from tests.moving.folders import make


def test_dated_leftovers_go_with_the_next_backup(command: Command, tmp_path: Path) -> None:
    """Each has a name of its own, and no other would overwrite it."""
    data = make(tmp_path / "data", range(2))
    place = tmp_path / "backups"
    place.mkdir()
    for name in ("kenspeckle-20260101T000000Z.tar.partial", "kenspeckle-20260101T000000Z.tar.partial.db"):
        (place / name).write_bytes(b"faces")
    (place / "kenspeckle-20260101T000000Z.tar").write_bytes(b"whole")
    (place / "other.partial").write_bytes(b"another program's")
    made = command("backup", place, "--data-dir", data, "--json")
    assert made.code == 0, made.err
    assert {one.name for one in place.iterdir()} == {
        "kenspeckle-20260101T000000Z.tar",
        "other.partial",
        Path(made.json["path"]).name,
    }
