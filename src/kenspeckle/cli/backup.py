"""`kenspeckle backup`: all of the local data folder in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from kenspeckle import __version__
from kenspeckle.atomic_file import PARTIAL, sweep, whole_file
from kenspeckle.cli import options
from kenspeckle.cli.failures import FAILED, NEGATIVE, report_errors
from kenspeckle.cli.output import emit, remark, say
from kenspeckle.cli.progress import steps
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.data_folder import key_file
from kenspeckle.settings import Settings, load
from kenspeckle.text import plural
from kenspeckle.usecases.backup import keyring_file as rings
from kenspeckle.usecases.backup.backup import Backup, Source, back_up
from kenspeckle.usecases.backup.keyring_file import NAME

_DATED = re.compile(r"kenspeckle-\d{8}T\d{6}Z\.tar")
"""Names that a backup into a folder gives."""

Destination = Annotated[
    Path, typer.Argument(metavar="DEST", help="File to write, or a folder to write a dated file into.")
]
WithMasterKey = Annotated[
    bool,
    typer.Option(
        "--with-master-key",
        help="Include the master key. Anyone with such a backup can read everything that is encrypted under it.",
    ),
]
Keyring = Annotated[
    Path | None,
    typer.Option(
        "--keyring",
        metavar="FILE",
        help="File for the keys of encrypted collections, replaced by each backup.",
        show_default="kenspeckle.keyring beside DEST",
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep",
        metavar="N",
        min=1,
        help="Where DEST is a folder: once this one is whole, delete all but the newest N there.",
        show_default="all stay",
    ),
]


@report_errors(FAILED)
def backup(
    destination: Destination,
    with_master_key: WithMasterKey = False,
    keyring: Keyring = None,
    keep: Keep = None,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Back up everything into one file, while the service runs.

    All collections, faces, users, keys and photographs, as they were at one moment. The file gets its name only when it
    is complete; run it again after an interruption. It is biometric data: protect it like the data folder. Exit code: 0
    all is in it, 1 it failed, or photographs were missing in the store (they are named).

    Encrypted collections are encrypted in it, and their keys are in a file of their own, the keyring. Keep only one:
    data that is deleted here can't be read in any backup once the next backup has replaced the keyring.
    """

    if keep is not None and not destination.is_dir():
        raise CommandFailed("--keep needs a folder to write dated backups into.", f"{destination} is none.")
    settings = settings_of(data_dir)
    source = _source(settings, with_master_key)
    path = _name_file(destination)
    place = keyring or beside(path)
    made, facts = _back_up(settings, source, path, place)
    if json:
        emit(facts)
    else:
        _tell_backup(settings, made, facts)
    if made.missing:
        _tell_missing(made.missing)
        raise typer.Exit(NEGATIVE)  # and older backups stay, which may have what is missing
    if keep is not None:
        _keep_newest(destination, keep)


def _back_up(settings: Settings, source: Source, path: Path, place: Path) -> tuple[Backup, dict[str, Any]]:
    """Write the file and replace the keyring at `place`; returns the result, also as JSON."""
    from kenspeckle.compose import backups  # late: the catalog's libraries take a second

    rings.replaceable(place, source.copies.keyring())  # before an hour of copying
    destroyed, with_master_key = 0, source.master_key is not None
    titles = {"catalog": "Copying the catalog", "photographs": "Copying photographs"}
    with whole_file(path) as file, steps(**titles) as progress:
        made = back_up(source, file, path.with_name(f"{path.name}{PARTIAL}.db"), progress)
        # Recorded before the file has its name, so that every copy has its row.
        row = {"file": path.name, "photographs": made.photographs, "with_master_key": with_master_key}
        recorded = backups.record_backup(settings, made.counts["faces"], row)
        ring = source.copies.keyring()
        if made.encrypted or place.exists():
            destroyed = rings.replaceable(place, ring)
            rings.write(place, ring)
    return made, {
        "path": str(path),
        "bytes": path.stat().st_size,
        "counts": made.counts,
        "photographs": made.photographs,
        "photograph_bytes": made.photograph_bytes,
        "missing": list(made.missing),
        "erased_meanwhile": made.erased,
        "master_key": with_master_key,
        "recorded": recorded,
        "keyring": str(place) if place.exists() else None,
        "keys_destroyed": destroyed,
    }


def _tell_backup(settings: Settings, made: Backup, facts: dict[str, Any]) -> None:

    what = f"{describe_counts(made.counts)} and {plural(made.photographs, 'photograph')}"
    say(f"{what} are in {facts['path']} ({facts['bytes'] / 1e6:,.1f} MB).")
    if not facts["master_key"] and source_key(settings).is_file():
        remark(f"The master key is not in it: keep a copy of {source_key(settings)} in another place.")
    if not facts["recorded"]:
        remark("Not recorded in the audit trail: the catalog has an older schema, and was left as it is.", "yellow")
    if made.encrypted:
        keys = plural(made.encrypted, "encrypted collection")
        remark(f"The keys of {keys} are not in it, but in {facts['keyring']}.")
    if facts["keys_destroyed"]:
        gone = plural(facts["keys_destroyed"], "deleted collection")
        remark(f"{gone} went from that keyring: no older backup beside it can be read of them any more.")


def _tell_missing(digests: Sequence[str]) -> None:

    shown, more = ", ".join(digests[:5]), ", ..." if len(digests) > 5 else ""
    remark(f"{plural(len(digests), 'photograph')} missing or damaged in the store: {shown}{more}", "red")


@contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, to be read more than once. Raises CommandFailed for anything else."""
    if not path.exists():
        raise CommandFailed(f"{path} does not exist.", "Check the name; quote it if it has spaces.")
    if not path.is_file():
        raise CommandFailed(f"{path} is no regular file.", "Name the file that was written, not a folder or a pipe.")
    with path.open("rb") as file:
        yield file


def beside(path: Path) -> Path:
    """The default place of a backup's keyring."""

    return path.absolute().parent / NAME


def source_key(settings: Settings) -> Path:
    """The file of the master key, whether it is there or not."""

    return key_file(settings)


def software() -> str:
    """The name and version in the header of backups and exports."""

    return f"kenspeckle {__version__}"


def settings_of(data_dir: Path | None) -> Settings:
    """The settings, by environment and option. Raises SettingError."""

    return load({"data_dir": data_dir})


def _source(settings: Settings, with_master_key: bool) -> Source:
    from kenspeckle.compose import backups  # late, as above

    key, has_key = None, source_key(settings).is_file() and not settings.master_key
    if with_master_key:
        if settings.master_key:
            raise CommandFailed(
                "The master key is a setting (KENSPECKLE_MASTER_KEY) and lies in no file.",
                "Keep it where you keep other secrets, and leave --with-master-key out.",
            )
        if not has_key:
            raise CommandFailed(f"There is no master key at {source_key(settings)}.", "Leave --with-master-key out.")
        key = source_key(settings).read_bytes()
    return backups.source(settings, software(), key, has_key=has_key)


def _name_file(destination: Path) -> Path:
    """The file to write. In a folder, remains of killed backups are removed, because no later backup has their
    names."""

    if destination.is_dir():
        sweep(destination, "kenspeckle-*.tar")
        return destination / f"kenspeckle-{stamp()}.tar"
    if not destination.parent.is_dir():
        raise CommandFailed(f"There is no folder {destination.parent}.", "Make it first.")
    return destination


def _keep_newest(folder: Path, count: int) -> None:
    """Delete dated backups but the newest `count`; files of other names stay."""
    dated = sorted(one for one in folder.glob("kenspeckle-*.tar") if _DATED.fullmatch(one.name) and one.is_file())
    for old in dated[:-count]:
        old.unlink()
        remark(f"Deleted {old}.")


def stamp() -> str:
    """The time, for names of files."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def describe_counts(counts: dict[str, int]) -> str:
    """What a backup holds, in words."""
    return ", ".join(plural(counts[f"{noun}s"], noun) for noun in ("collection", "face", "user"))
