"""A catalog in an SQLite file, as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kenspeckle.catalog.sqlite.copies import SqliteCopies, SqliteReplacer, see
from kenspeckle.catalog.sqlite.inspect import SqliteInspection
from kenspeckle.ports import Sealer

MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class SqliteStorage:
    """Implements `ports.Storage`."""

    file: Path

    def see(self) -> None:
        see(self.file)

    def readable(self) -> bool:
        try:
            with self.file.open("rb") as opened:
                return opened.read(len(MAGIC)) == MAGIC
        except OSError:
            return False

    def inspect(self, master: Sealer | None = None) -> SqliteInspection:
        return SqliteInspection(self.file, master)

    def beside(self, folder: Path) -> SqliteStorage:
        return SqliteStorage(folder / self.file.name)

    def copies(self) -> SqliteCopies:
        return SqliteCopies(self.file)

    def replacer(self) -> SqliteReplacer:
        return SqliteReplacer(self.file)
