"""Which names became which identities in a run, in a temporary file: memory does not grow with their number."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

from kenspeckle.intake.files import Photograph, same_person


class Identities:
    """Tells apart names that become one identity. Close it."""

    def __init__(self) -> None:
        self.shared = 0
        """Identities whose names lie in several folders."""
        self._taken = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a file, which has no name
        self._taken.execute("PRAGMA synchronous = OFF")
        self._taken.execute("PRAGMA journal_mode = OFF")
        self._taken.execute(
            "CREATE TABLE taken (identity TEXT PRIMARY KEY, path BLOB, original BLOB, folder BLOB, several INTEGER) "
            "WITHOUT ROWID"
        )
        self._taken.execute("BEGIN")

    def close(self) -> None:
        self._taken.close()

    def refusal(self, photograph: Photograph) -> str:
        """Why it is not indexed: another name became the same identity; empty where it may be."""
        identity, folder = photograph.identity, os.fsencode(photograph.path.parent)
        found = self._taken.execute(
            "SELECT path, original, folder, several FROM taken WHERE identity = ?", (identity,)
        ).fetchone()
        if found is None:
            row = (identity, os.fsencode(photograph.path), os.fsencode(photograph.original), folder)
            self._taken.execute("INSERT INTO taken VALUES (?, ?, ?, ?, 0)", row)
            return ""
        first = replace(photograph, path=Path(os.fsdecode(found[0])), original=os.fsdecode(found[1]))
        if not same_person(first.original, photograph.original):
            return f"Its identity would be {identity}, as that of {first.path}; rename one of them"
        if found[2] != folder and not found[3]:
            self._taken.execute("UPDATE taken SET several = 1 WHERE identity = ?", (identity,))
            self.shared += 1
        return ""
