"""`kenspeckle backup` and `restore`: all of the local data folder in one file, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer
from kenspeckle.cli import moved, options
from kenspeckle.cli.failures import FAILED, NEGATIVE, CommandFailed, reported
from kenspeckle.counts import plural

if TYPE_CHECKING:
    from kenspeckle.settings import Settings
    from kenspeckle.usecases.backup import Source
    from kenspeckle.usecases.restore import Restored, Target


@reported(FAILED)
def backup(
    destination: Annotated[
        Path, typer.Argument(metavar="DEST", help="File to write, or a folder to write a dated file into.")
    ],
    with_master_key: Annotated[
        bool,
        typer.Option(
            "--with-master-key",
            help="Put the master key in too. Whoever has such a backup has everything that is encrypted under it.",
        ),
    ] = False,
    keyring: Annotated[
        Path | None,
        typer.Option(
            "--keyring",
            metavar="FILE",
            help="File for the keys of encrypted collections, replaced by each backup; kenspeckle.keyring beside DEST.",
        ),
    ] = None,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Back up everything into one file, while the service runs.

    All collections, faces, users, keys and photographs, as they were at one moment. The file has its name only once it
    is whole; run it again after an interruption. It is biometric data: keep it as closely as the data folder. Exit
    code: 0 all is in it, 1 it failed, or photographs were missing in the store (they are named).

    Encrypted collections are encrypted in it, and their keys are in a file of their own, the keyring. There has to be
    one only: what is deleted here is gone from all backups when the next backup replaces it.
    """
    from kenspeckle.cli.output import emit, remark, say
    from kenspeckle.cli.progress import steps
    from kenspeckle.usecases import keyring as rings
    from kenspeckle.usecases.backup import back_up
    from kenspeckle.usecases.whole_file import PARTIAL, whole_file

    settings = _settings(data_dir)
    source = _source(settings, with_master_key)
    path = _named(destination)
    place = keyring or path.absolute().parent / rings.NAME
    rings.replaceable(place, source.copies.keyring())  # before an hour of copying
    destroyed = 0
    titles = {"catalog": "Copying the catalog", "photographs": "Copying photographs"}
    with whole_file(path) as file, steps(**titles) as told:
        made = back_up(source, file, path.with_name(f"{path.name}{PARTIAL}.db"), told)
        # Before the file has its name: nothing leaves without its row.
        facts = {"file": path.name, "photographs": made.photographs, "with_master_key": with_master_key}
        recorded = moved.backed_up(settings, made.counts["faces"], facts)
        ring = source.copies.keyring()
        if made.encrypted or place.exists():
            destroyed = rings.replaceable(place, ring)
            rings.write(place, ring)
    size = path.stat().st_size
    if json:
        emit(
            {
                "path": str(path),
                "bytes": size,
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
        )
    else:
        what = f"{_counted(made.counts)} and {plural(made.photographs, 'photograph')}"
        say(f"{what} are in {path} ({size / 1e6:,.1f} MB).")
        if not with_master_key and source_key(settings).is_file():
            remark(f"The master key is not in it: keep a copy of {source_key(settings)} in another place.")
        if not recorded:
            remark("Not recorded in the audit trail: the catalog has an older schema, and was left as it is.", "yellow")
        if made.encrypted:
            remark(f"The keys of {plural(made.encrypted, 'encrypted collection')} are not in it, but in {place}.")
        if destroyed:
            gone = plural(destroyed, "deleted collection")
            remark(f"{gone} went from that keyring: no older backup beside it can be read of them any more.")
    if made.missing:
        shown, more = ", ".join(made.missing[:5]), ", ..." if len(made.missing) > 5 else ""
        remark(f"{plural(len(made.missing), 'photograph')} missing or damaged in the store: {shown}{more}", "red")
        raise typer.Exit(NEGATIVE)


@reported(FAILED)
def restore(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A file that `kenspeckle backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Move aside the catalog that is in the data folder already.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only verify the backup; restore nothing.")] = False,
    keyring: Annotated[
        Path | None,
        typer.Option(
            "--keyring", metavar="FILE", help="Keys of encrypted collections; kenspeckle.keyring beside SRC, if there."
        ),
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out collections whose keys were destroyed.")
    ] = False,
    json: options.Json = False,
    data_dir: options.DataDir = None,
) -> None:
    """Restore a backup into the local data folder, with the service stopped.

    Every byte is verified before anything is touched. Until all is ready the old service is there, then the new one,
    whatever interrupts it; run it again then.
    """
    from kenspeckle.cli.output import emit, remark, say
    from kenspeckle.cli.progress import steps
    from kenspeckle.usecases import keyring as rings
    from kenspeckle.usecases import restore as use
    from kenspeckle.usecases.archive.reading import Archive

    titles = {"verify": "Verifying", "photographs": "Restoring photographs", "finish": "Putting in place"}
    with opened_file(source) as file, steps(**titles) as told:
        archive = Archive(file)
        if check:
            manifest = use.check(archive, told).manifest
            facts: dict[str, Any] = {name: manifest.get(name) for name in use.SHOWN}
        else:
            settings = _settings(data_dir)
            target = _target(settings)
            place = keyring or source.absolute().parent / rings.NAME
            ring = rings.read(place) if keyring or place.exists() else None
            done = use.restore(
                archive, target, replace=replace, told=told, keyring=ring, skip_unreadable=skip_unreadable
            )
            facts = {
                "data_dir": str(settings.data_dir),
                "counts": done.counts,
                "photographs": done.photographs,
                "missing": done.missing,
                "master_key": done.master_key,
                "master_key_needed": done.key_needed,
                "aside": str(done.aside) if done.aside else None,
                "recorded": _record_restore(settings, source, done),
                "left_out": list(done.left_out),
            }
    if json:
        emit(facts)
        return
    what = f"{_counted(facts['counts'])} and {plural(facts['photographs'], 'photograph')}"
    say(f"{what} {'are whole' if check else 'restored'}.")
    if facts.get("left_out"):
        remark(f"{plural(len(facts['left_out']), 'collection')} left out, whose keys were destroyed.", "yellow")
    if facts.get("master_key_needed"):
        remark(f"Put the copy of the master key that you kept at {source_key(settings)} before you start it.", "yellow")
    if facts.get("aside"):
        remark(f"What was there before is in {facts['aside']}; remove it when you no longer need it.")
    if facts.get("recorded") is False:
        remark("Not recorded in the audit trail: that needs the backup's master key.", "yellow")
    if facts["missing"]:
        remark(f"{plural(facts['missing'], 'photograph')} missing already when the backup was made.", "yellow")


def _record_restore(settings: Settings, source: Path, done: Restored) -> bool:
    """In the trail as it is now, with the newest row of the one that it has replaced."""
    from kenspeckle.catalog.backup import file_of

    facts: dict[str, object] = {"file": source.name, "made": done.made, "replaced": ""}
    if done.aside is not None:
        facts["replaced"] = moved.anchor_of(done.aside / file_of(settings.catalog).name)
    return moved.restored(settings, done.counts["faces"], facts)


@contextmanager
def opened_file(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, to be read more than once. Raises CommandFailed for anything else."""
    if not path.exists():
        raise CommandFailed(f"{path} does not exist.", "Check the name; quote it if it has spaces.")
    if not path.is_file():
        raise CommandFailed(f"{path} is no regular file.", "Name the file that was written, not a folder or a pipe.")
    with path.open("rb") as file:
        yield file


def source_key(settings: Settings) -> Path:
    """The file of the master key, whether it is there or not."""
    from kenspeckle.catalog.master import file_of

    return file_of(settings)


def software() -> str:
    """The name and version that backups and exports bear."""
    from importlib.metadata import version

    return f"kenspeckle {version('kenspeckle')}"


def _settings(data_dir: Path | None) -> Settings:
    from kenspeckle.settings import load

    return load({"data_dir": data_dir})


def _source(settings: Settings, with_master_key: bool) -> Source:
    from kenspeckle.catalog.backup import SqliteCopies, file_of
    from kenspeckle.images.store import open_images
    from kenspeckle.usecases.backup import Source

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
    return Source(SqliteCopies(file_of(settings.catalog)), open_images(settings.images), software(), key, has_key)


def _target(settings: Settings) -> Target:
    from kenspeckle.catalog.backup import SqliteSeats, file_of
    from kenspeckle.images.aside import Shelf
    from kenspeckle.images.store import open_images
    from kenspeckle.images.urls import parse
    from kenspeckle.usecases.restore import Target

    file = file_of(settings.catalog)
    place = parse(settings.images, "IMAGES_URL")
    return Target(
        folder=file.parent,
        seats=SqliteSeats(file),
        images=open_images(settings.images),
        shelf=Shelf(place) if isinstance(place, Path) else None,
        master_key=source_key(settings),
        aside=file.parent / f"before-restore-{_stamp()}",
    )


def _named(destination: Path) -> Path:
    if destination.is_dir():
        return destination / f"kenspeckle-{_stamp()}.tar"
    if not destination.parent.is_dir():
        raise CommandFailed(f"There is no folder {destination.parent}.", "Make it first.")
    return destination


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(plural(counts[f"{noun}s"], noun) for noun in ("collection", "face", "user"))
