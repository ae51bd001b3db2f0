"""Adds and removes packs of one's own: read, converted, tried on two people, and only then put in place."""

from __future__ import annotations

import hashlib
import stat
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kenspeckle.compose import pack_trial
from kenspeckle.compose.data_folder import storage
from kenspeckle.compose.pack_trial import Trial
from kenspeckle.errors import AlreadyExists, Conflict, InvalidValue, KenspeckleError, SettingError
from kenspeckle.models import install, own, own_onnx, registry
from kenspeckle.models.download import staging, write
from kenspeckle.models.own import OwnPack, Source
from kenspeckle.models.own_description import Description
from kenspeckle.models.samples import FOLDER as SAMPLES
from kenspeckle.progress import Progress
from kenspeckle.settings import Settings
from kenspeckle.vision.engine import Engine


@dataclass(frozen=True, slots=True)
class Added:
    """`trial` is None where the same pack was there already."""

    pack: OwnPack
    folder: Path
    trial: Trial | None


def add(settings: Settings, description: Description, progress: Progress) -> Added:
    """Install the pack in `settings.models_dir`; nothing is changed where anything is wrong.

    Raises InvalidValue, AlreadyExists, ModelMissing (detectors or samples), StorageFull, StorageUnavailable."""
    models = settings.models_dir
    data = _read(description.embedder)
    digest = hashlib.sha256(data).hexdigest()
    _refuse_built_in(description, digest)
    way = registry.find(models, description.detector)
    samples = install.samples(models, progress)
    progress("reading the network", 0, 0)
    network, side = own_onnx.convert(data, description)
    source = Source(
        description.embedder.name,
        len(data),
        digest,
        description.licence,
        description.author,
        description.home,
        description.trained_on,
    )
    del data
    with install.alone(models, progress), staging(models) as stage:
        write(stage / own.EMBEDDER, network)
        pack = OwnPack(
            name=description.name,
            version=description.version,
            behind=description.detector,
            source=source,
            preprocessing=description.preprocessing,
            alignment=description.align(side),
            metric=description.metric or ("euclidean" if description.is_dlib else "cosine"),
            dimension=pack_trial.dimension(stage / own.EMBEDDER, side),
            calibration=own.careful("cosine", 1.0),
            output=description.output,
        )
        if _is_there(models, pack):
            found = registry.find(models, pack.name)
            assert isinstance(found.pack, OwnPack)
            return Added(found.pack, found.folder, None)
        files = {file: (way.folder / file).read_bytes() for file in pack.borrowed}
        for file, content in files.items():
            write(stage / file, content)
        progress("trying it on two people", 0, 0)
        trial = _try_out(settings, stage, pack, samples)
        pack = replace(pack, calibration=own.careful(pack.metric, trial.mean))
        folder = install.publish_own(models, pack, {**files, own.EMBEDDER: network})
    return Added(pack, folder, trial)


def _try_out(settings: Settings, stage: Path, pack: OwnPack, samples: registry.Samples) -> Trial:
    """What this machine's runtime makes of the pack, which is compared with ONNX Runtime where it is another. Raises
    InvalidValue."""
    engine = Engine(registry.find_installed(stage, pack), settings)
    trial = pack_trial.try_out(engine, samples)
    if engine.runtime.name != "onnxruntime":
        plain = replace(settings, device="cpu", precision="float32")
        pack_trial.compare_runtimes(engine, Engine(registry.find_installed(stage, pack), plain), samples)
    return trial


def _read(file: Path) -> bytes:
    """Raises InvalidValue."""
    try:
        with file.open("rb") as stream:
            if not stat.S_ISREG(file.stat().st_mode):
                raise InvalidValue(f"{file} is no file.", field="embedder")
            data = stream.read(own_onnx.MOST_BYTES + 1)
    except OSError as error:
        raise InvalidValue(f"{file} can't be read: {error.strerror}.", field="embedder") from error
    if len(data) > own_onnx.MOST_BYTES:
        raise InvalidValue(f"{file} has more than {own_onnx.MOST_BYTES >> 20} MiB.", field="embedder")
    return data


def _refuse_built_in(description: Description, digest: str) -> None:
    for name, pack in registry.PACKS.items():
        if pack.embedder.member.sha256 == digest and description.detector == name:
            raise AlreadyExists(
                f"{description.embedder} is the embedder of the pack '{name}', which is built in. Run: kenspeckle "
                f"models pull {name}",
                field="embedder",
            )


def _is_there(models: Path, pack: OwnPack) -> bool:
    """Whether the very pack is there, whole. Raises AlreadyExists where name or embedder belong to another one."""
    other = registry.own_packs(models).get(pack.name)
    whole = other is not None and not any(registry.check(models, pack.name).values())
    if (models / pack.name).exists() or (models / pack.name).is_symlink():
        if whole and other is not None and other.contract == pack.contract:
            return True
        raise AlreadyExists(
            f"There is a pack '{pack.name}' in {models}, {'with another embedder' if whole else 'damaged'}. Choose "
            f"another name, or run: kenspeckle models remove {pack.name}",
            field="name",
        )
    if (same := registry.of_contract(models, pack.contract)) is not None:
        raise AlreadyExists(
            f"This embedder with this alignment and preprocessing is the pack '{same.name}' already; their templates "
            "are comparable. Use that one.",
            field="embedder",
        )
    return False


def remove(settings: Settings, name: str, progress: Progress, *, force: bool = False) -> Path:
    """Remove the pack and what was measured of it; returns where it was. Without `force` not while collections of the
    local data folder are of it. Raises InvalidValue, SettingError, Conflict, StorageUnavailable."""
    models = settings.models_dir
    if name in registry.PACKS:
        raise InvalidValue(f"'{name}' is built in and not one of your own packs.", field="name")
    if not own.is_name(name) or name == SAMPLES or not (models / name).is_dir():
        raise SettingError(f"There is no pack '{name}' in {models}.", field="name")
    if settings.pack == name and not force:
        raise Conflict(f"The setting PACK names '{name}', so that no service would start. Set another one first.")
    pack = registry.own_packs(models).get(name)
    if pack is not None and not force and (names := _collections(settings, pack.contract)):
        raise Conflict(
            f"Collections of {settings.data_dir} are of this pack: {', '.join(names[:5])}. Without it they can't be "
            "searched. Delete them first, or remove it all the same: --force",
        )
    install.remove(models, name, progress)
    return models / name


def _collections(settings: Settings, contract: str) -> list[str]:
    """Names of the local collections of that contract; none where there is no catalog that can be read here."""
    with suppress(KenspeckleError, OSError):
        place = storage(settings)
        if settings.recognizer == "local" and place.readable():
            with closing(place.inspect(None)) as inspection:
                found = [inspection.collection(name) for name in inspection.names()]
                return [one.collection_id for one in found if one is not None and one.contract == contract]
    return []
