"""Whole copies of the SQLite database: made while others use it, and put in place of another in one step."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from kenspeckle.atomic_file import is_full
from kenspeckle.catalog.base import chunks
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite import backup_keys, engine, residue
from kenspeckle.catalog.sqlite.locks import NameLocks
from kenspeckle.errors import Conflict, KenspeckleError, StorageFull, StorageUnavailable
from kenspeckle.ports import CopyFacts, Keyring

STEP_PAGES = 1024
"""Pages that one step copies: 8 MiB, some milliseconds."""

RESTORED = "A backup was restored: it may have arrived since the backup was made. Retry it if it has not."
"""Messages of webhooks that wait in a backup: they may have been sent since."""

NOT_GONE_ON = "A backup was restored that was made during the upgrade. Nothing was changed; start it again."

_SIDE_FILES = ("-wal", "-shm", "-journal")
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_ACCESS = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
_NEARLY_FULL = 1 << 20

_MAGIC = b"SQLite format 3\0"
_ALIVE = "collection_id IS NOT NULL"
"""Deleted collections have no id until their contents are removed."""
_KEPT = (
    f"SELECT DISTINCT digest FROM images WHERE kept AND collection_row IN (SELECT row FROM collections WHERE {_ALIVE})"
)


def see(path: Path) -> None:
    """Raises StorageUnavailable where there is no database, so that opening it does not create one."""
    if not path.is_file():
        raise StorageUnavailable(f"There is no catalog at {path}; check KENSPECKLE_DATA_DIR or --data-dir.")


class SqliteCopies:
    """Implements `ports.Copies` over one database file, of any schema that this program or an older one wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self, target: Path, progress: Callable[[int, int], None]) -> CopyFacts:
        """SQLite's online backup. A reading transaction that is begun first fixes the moment: without it, every write
        of another process would restart the copy, and a busy service could never be backed up."""
        see(self._path)
        with _translate_errors(target), closing(_connect(self._path, "mode=rw")) as source:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            page = int(source.execute("PRAGMA page_size").fetchone()[0])
            os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            with _no_files_beside(target), closing(_connect(target, "mode=rw")) as copy:
                copy.execute("PRAGMA synchronous=OFF")  # one fsync at the end does for all
                source.backup(
                    copy,
                    pages=STEP_PAGES,
                    progress=lambda _, left, total: progress((total - left) * page, total * page),
                )
                _leave_out_staged(copy)
                had_keys = backup_keys.take_out(copy)
                # One plain file, without files beside it.
                copy.execute("PRAGMA journal_mode=DELETE")
                _check(copy)
            if had_keys:
                residue.wipe_all(target, page)
        _sync(target)
        _sync(target.parent)
        return facts(target)

    def keyring(self) -> Keyring:
        see(self._path)
        with _translate_errors(self._path), closing(_connect(self._path, "mode=rw")) as connection:
            return backup_keys.read(connection)

    def digests(self, copy: Path) -> Iterator[str]:
        with _translate_errors(copy), closing(_connect(copy, "mode=ro&immutable=1")) as connection:
            for (digest,) in connection.execute(f"{_KEPT} ORDER BY digest"):
                yield digest

    def find_referenced(self, among: Iterable[str]) -> set[str]:
        found: set[str] = set()
        with _translate_errors(self._path), closing(_connect(self._path, "mode=rw")) as connection:
            for some in chunks(list(among)):
                holes = ",".join("?" * len(some))
                rows = connection.execute(f"{_KEPT} AND digest IN ({holes})", list(some))
                found.update(digest for (digest,) in rows)
        return found

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        return NameLocks(self._path, engine.BUSY_SECONDS).hold(names)


class SqliteReplacer:
    """Implements `ports.CatalogReplacer` for one database file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def reserve(self, *, replace: bool) -> Iterator[SqliteReservedPlace]:
        here = [self._path, *(beside(self._path, ending) for ending in _SIDE_FILES)]
        taken = any(one.exists() for one in here)
        if not taken:
            yield SqliteReservedPlace(self._path, (), sound=True)
            return
        if not replace:
            raise Conflict(
                f"{self._path} is a catalog already. Restore into another folder (--data-dir), "
                "or add --replace, which moves this one aside."
            )
        with _translate_errors(self._path):
            holder = _hold(self._path)
        try:
            yield SqliteReservedPlace(self._path, tuple(one for one in here if one.exists()), sound=holder is not None)
        finally:
            if holder is not None:
                with suppress(sqlite3.Error):
                    holder.rollback()
                holder.close()

    def prepare(self, new: Path) -> CopyFacts:
        with _translate_errors(new), closing(_connect(new, "mode=ro&immutable=1")) as connection:
            _check(connection)
        return _migrate_copy(new)

    def unlock(self, new: Path, keys: Mapping[str, bytes]) -> tuple[str, ...]:
        with _translate_errors(new), closing(_connect(new, "mode=rw")) as connection:
            locked = backup_keys.put_in(connection, keys)
        _sync(new)
        return locked

    def leave_out(self, new: Path, collections: Sequence[str]) -> CopyFacts:
        return _migrate_copy(new, without=collections)

    def digests(self, among: Iterable[str]) -> set[str]:
        return SqliteCopies(self._path).find_referenced(among)

    def lock(self, names: Iterable[str]) -> AbstractContextManager[None]:
        return SqliteCopies(self._path).lock(names)


class SqliteReservedPlace:
    """Implements `ports.ReservedPlace`: `files` are those of the database that is there, `sound` whether SQLite can
    open it."""

    def __init__(self, path: Path, files: Sequence[Path], *, sound: bool) -> None:
        self._path = path
        self._files = files
        self._sound = sound

    @property
    def taken(self) -> bool:
        return bool(self._files)

    def keep(self, aside: Path) -> None:
        with _translate_errors(self._path):
            for one in self._files:
                os.link(one, aside / one.name)
            _sync(aside)

    def put(self, new: Path) -> None:
        with _translate_errors(self._path):
            if not self.taken:
                try:
                    os.link(new, self._path)  # unlike renaming, this replaces nothing
                except FileExistsError as error:
                    raise Conflict("A catalog was made there while the backup was being restored.") from error
                new.unlink()
            else:
                if not self._sound:
                    # Beside a new database these would be taken for its own. Copies of them are kept.
                    for one in self._files:
                        if one != self._path:
                            one.unlink(missing_ok=True)
                new.replace(self._path)
            _sync(self._path.parent)


def _migrate_copy(copy: Path, without: Sequence[str] = ()) -> CopyFacts:
    """Opening a copy migrates it; closing the last connection folds the write-ahead log back into the file. `without`
    are collections to delete."""
    catalog = SqlCatalog.open(f"sqlite:///{copy}")
    try:
        catalog.hold_deliveries(RESTORED)
        catalog.end_staged(NOT_GONE_ON)
        catalog.forget_mirrors()
        for collection in without:
            catalog.delete_collection(collection)
    finally:
        catalog.close()
    with _translate_errors(copy), closing(_connect(copy, "mode=rw")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    _sync(copy)
    return facts(copy)


def settle(copy: Path) -> None:
    """Make one plain file of a database that nobody has open, checked and on disk."""
    with _translate_errors(copy), closing(_connect(copy, "mode=rw")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        _check(connection)
    _sync(copy)
    _sync(copy.parent)


def facts(copy: Path) -> CopyFacts:
    """What a copy holds that no process has open. Raises StorageUnavailable where it is no catalog."""
    with _translate_errors(copy), closing(_connect(copy, "mode=ro&immutable=1")) as connection:
        try:
            (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            counted = connection.execute(
                "SELECT count(*), coalesce(sum(face_count), 0), coalesce(sum(user_count), 0), "
                f"coalesce(sum(image_count), 0) FROM collections WHERE {_ALIVE}"
            ).fetchone()
            encrypted = backup_keys.count_encrypted(connection)
            packs = connection.execute(f"SELECT DISTINCT contract, pack FROM collections WHERE {_ALIVE}").fetchall()
        except (sqlite3.OperationalError, TypeError) as error:
            raise StorageUnavailable(f"{copy.name} is no catalog of Kenspeckle.") from error
    counts = dict(zip(("collections", "faces", "users", "images"), map(int, counted), strict=True))
    return CopyFacts(str(schema), counts, dict(packs), encrypted)


def beside(path: Path, ending: str) -> Path:
    """The file that SQLite keeps beside a database under this ending."""
    return path.with_name(path.name + ending)


def _hold(path: Path) -> sqlite3.Connection | None:
    """A connection with an exclusive lock and an empty write-ahead log; None where SQLite can't open the file. Raises
    Conflict where others have it open."""
    if not path.is_file() or _begin(path) != _MAGIC:
        return None  # SQLite would remove what lies beside it
    connection = _connect(path, "mode=rw", patience=engine.ALONE_SECONDS)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
        # A process that opened the old file meanwhile finds that it has moved, and can't write to it.
        connection.execute("BEGIN EXCLUSIVE")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
            raise Conflict(engine.IN_USE)
    except sqlite3.DatabaseError as error:
        connection.close()
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            raise Conflict(engine.IN_USE) from error
        if code in _BROKEN:
            return None
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_MAGIC))


def _connect(path: Path, how: str, *, patience: float = engine.BUSY_SECONDS) -> sqlite3.Connection:
    # An absolute path in a URI: no name of a file is taken for an option.
    name = quote(bytes(path.absolute()))
    return sqlite3.connect(f"file:{name}?{how}", uri=True, timeout=patience, isolation_level=None)


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found is None or found[0] != "ok":
        raise StorageUnavailable(
            f"The catalog's database is damaged ({found[0] if found else 'no answer'}); go back to an older backup."
        )


@contextmanager
def _no_files_beside(target: Path) -> Iterator[None]:
    """Where a copy fails, SQLite may leave its files beside it: a full disk does not let it end them."""
    try:
        yield
    except BaseException:
        for suffix in _SIDE_FILES:
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        raise


def _leave_out_staged(connection: sqlite3.Connection) -> None:
    """An upgrade that is under way belongs to the service that does it; what it has staged can be made anew."""
    wanted = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'staged_templates'"
    if connection.execute(wanted).fetchone() is not None:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA journal_mode=MEMORY")
        connection.execute("DELETE FROM staged_templates")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and the file system into domain errors; `path` is the file that is read or written."""
    try:
        yield
    except sqlite3.Error as error:
        raise _meaning(error, path) from error
    except OSError as error:
        if is_full(error):
            raise _no_room(path) from error
        raise StorageUnavailable(f"{path} can't be used: {error.strerror}.") from error


def _meaning(error: sqlite3.Error, path: Path) -> KenspeckleError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _nearly_full(path)):
        return _no_room(path)
    if code in _BUSY:
        return StorageUnavailable(engine.BUSY, retry_after=1)
    if code in _BROKEN:
        return StorageUnavailable(f"{path} is damaged or is no database; go back to an older backup.")
    if code in _NO_ACCESS:
        return StorageUnavailable(f"{path} can't be opened or written; check its path, owner and modes.")
    return StorageUnavailable(f"SQLite reports of {path}: {error}.")


def _nearly_full(path: Path) -> bool:
    # The index of the write-ahead log that can't grow is reported as a mere I/O error.
    with suppress(OSError):
        return shutil.disk_usage(path.parent).free < _NEARLY_FULL
    return False


def _no_room(path: Path) -> StorageFull:
    return StorageFull(f"There is no disk space in {path.parent}; free some and run this again.")
