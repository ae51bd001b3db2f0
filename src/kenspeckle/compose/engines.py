"""The engines of a server, one for each model pack: the default one from the start, others from their first use until
they are idle."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from kenspeckle import memory
from kenspeckle.domain import Attribute, Box, Calibration, Collection, FaceDetail, PackInfo, Sample, Vector
from kenspeckle.errors import InvalidValue, PackMismatch
from kenspeckle.models import registry
from kenspeckle.ports import Engine, Photo
from kenspeckle.settings import Settings

if TYPE_CHECKING:
    from kenspeckle.vision import engine as vision

log = logging.getLogger(__name__)

IDLE: Final = 900.0
"""Seconds without a request after which the networks of a pack other than the default one are unloaded."""

EVERY: Final = 60.0
"""Seconds between two checks for idle engines, as long as any is loaded."""

Load = Callable[[str], Engine]


@dataclass
class _Slot:
    """The place of one pack's engine. `lock` is held while it is loaded, so that it is loaded once."""

    engine: Engine | None = None
    asked: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class PackEngines:
    """Implements `ports.Engines`. Memory is bounded by the packs in use: an engine without a request for IDLE seconds
    is unloaded, once its last photograph is done. `packs` are asked for again where one is wanted that was not there;
    `load` makes the engine of one, by name; `clock` gives seconds and never goes back."""

    def __init__(
        self,
        default: Engine,
        packs: Callable[[], Mapping[str, PackInfo]],
        load: Load,
        installed: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._default = default
        self._known = packs
        self._own: dict[str, PackInfo] = {}
        self._shared: Mapping[str, Calibration] = {}
        self._packs: dict[str, PackInfo] = {}
        self._versions: dict[str, str] = {}
        self._by_contract: dict[str, PackInfo] = {}
        self._slots: dict[str, _Slot] = {}
        self._load = load
        self._installed = installed
        self._clock = clock
        self._lock = threading.Lock()
        self._learn()
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    def _learn(self) -> None:
        """Find packs that were added. Those that are known stay as they are, whatever their folder says now."""
        with self._lock:
            for one in (self._default.pack, *self._known().values()):
                if one.name not in self._packs and one.contract not in self._by_contract:
                    self._slots[one.contract] = _Slot()
                    self._versions[one.name] = one.version
                    self._own[one.contract] = one
                    self._describe(one)

    def _describe(self, own: PackInfo) -> None:
        """Tell everybody of a pack, with the calibration that holds."""
        shared = self._shared.get(own.contract)
        told = own if shared is None else replace(own, calibration=shared)
        self._by_contract[told.contract] = self._packs[told.name] = told
        loaded = self._slots[told.contract].engine
        if loaded is not None:
            loaded.pack = told
        if told.contract == self._default.pack.contract:
            self._default.pack = told

    def use_calibrations(self, shared: Mapping[str, Calibration]) -> None:
        """As `ports.Engines.use_calibrations`."""
        with self._lock:
            self._shared = dict(shared)
            for own in self._own.values():
                self._describe(own)

    def list_measured(self) -> Sequence[PackInfo]:
        """The packs whose calibration was measured on this machine."""
        return tuple(one for one in list(self._own.values()) if one.calibration.kind == "measured")

    @property
    def default(self) -> Engine:
        return self._default

    @property
    def packs(self) -> Sequence[PackInfo]:
        """As `ports.Engines.packs`."""
        return tuple(self._packs.values())

    def of(self, collection: Collection) -> Engine:
        """As `ports.Engines.of`."""
        pack = self.pack_of(collection)
        if pack.contract == self._default.pack.contract:
            return self._default
        slot = self._slots[pack.contract]
        with slot.lock:
            if slot.engine is None:
                slot.engine = self._load(pack.name)
                with self._lock:
                    self._describe(self._own[pack.contract])
                log.info("model pack loaded", extra={"pack": pack.name})
            slot.asked = self._clock()
            engine = slot.engine
        self._watch()
        return engine

    def pack_of(self, collection: Collection) -> PackInfo:
        """As `ports.Engines.pack_of`."""
        if collection.contract not in self._by_contract:
            self._learn()
        pack = self._by_contract.get(collection.contract)
        if pack is None:
            raise PackMismatch(
                f"Collection '{collection.collection_id}' holds templates of the pack '{collection.pack}' (contract "
                f"{collection.contract[:12]}), which this server does not know, and they are comparable with none of "
                f"those that it knows ({', '.join(self._packs)}). Serve it with the version of Kenspeckle that made "
                "it, add its pack again (kenspeckle models add), or index the photographs into a new collection.",
                field="collection",
            )
        return pack

    def find_pack(self, name: str | None) -> PackInfo:
        """As `ports.Engines.find_pack`."""
        if name is None or name == self._default.pack.name:
            return self._default.pack
        if name not in self._packs:
            self._learn()
        if name not in self._packs:
            raise InvalidValue(f"There is no model pack '{name}'. Packs are: {', '.join(self._packs)}.", field="pack")
        self._installed(name)
        return self._packs[name]

    @property
    def versions(self) -> Mapping[str, str]:
        """What answers call each pack by (FaceModelVersion), by name, the default one first; it grows as packs are
        found."""
        return self._versions

    def list_loaded(self) -> tuple[str, ...]:
        """Names of the packs whose networks are in memory, the default one first."""
        others = (
            self._by_contract[contract].name for contract, slot in list(self._slots.items()) if slot.engine is not None
        )
        return (self._default.pack.name, *others)

    def release(self) -> None:
        """Unload engines without a request for IDLE seconds. A request that has an engine keeps it to its end."""
        gone = []
        for contract, slot in list(self._slots.items()):
            with slot.lock:
                if slot.engine is not None and self._clock() - slot.asked > IDLE:
                    slot.engine = None
                    gone.append(self._by_contract[contract].name)
        if gone:
            memory.trim()
            log.info("idle model packs let go", extra={"packs": gone})

    def close(self) -> None:
        """End the thread that checks for idle engines."""
        self._closing.set()
        with self._lock:
            watcher = self._watcher
        if watcher is not None:
            watcher.join()

    def _watch(self) -> None:
        """Start the thread that checks for idle engines; it ends with the last of them."""
        if self._watcher is not None:
            return
        with self._lock:
            if self._watcher is None and not self._closing.is_set():
                self._watcher = threading.Thread(target=self._look, name="idle-packs", daemon=True)
                self._watcher.start()

    def _look(self) -> None:
        while not self._closing.wait(EVERY):
            self.release()
            with self._lock:
                if all(slot.engine is None for slot in list(self._slots.values())):
                    self._watcher = None
                    return


class UnloadedEngine:
    """Implements `ports.Engine` for a pack whose networks are loaded when the first photograph is opened: most commands
    open none."""

    def __init__(self, pack: PackInfo, load: Callable[[], Engine]) -> None:
        self.pack = pack
        self._load = load
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @property
    def _loaded(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._load()
            return self._engine

    def open(self, data: bytes) -> Photo:
        return self._loaded.open(data)

    def frame(self, sample: Sample) -> Photo:
        return self._loaded.frame(sample)

    def detect(self, photo: Photo, *, largest_only: bool = False, part: float = 1.0) -> tuple[FaceDetail, ...]:
        return self._loaded.detect(photo, largest_only=largest_only, part=part)

    def embed(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[Vector]:
        return self._loaded.embed(photo, faces)

    def clarity(self, photo: Photo, faces: Sequence[FaceDetail]) -> list[float]:
        return self._loaded.clarity(photo, faces)

    def attributes(self, photo: Photo, faces: Sequence[FaceDetail], asked: frozenset[Attribute]) -> list[FaceDetail]:
        return self._loaded.attributes(photo, faces, asked)

    def thumbnail(self, photo: Photo, box: Box) -> bytes:
        return self._loaded.thumbnail(photo, box)


def open_engines(settings: Settings, *, at_once: bool = True) -> PackEngines:
    """The engines of all packs that this program knows. That of `settings.pack` is loaded `at_once`, or with the first
    photograph, which then raises ModelMissing where it is not installed.

    Raises SettingError, ModelMissing."""
    pack = registry.find_pack(settings.models_dir, settings.pack)
    first: list[vision.Engine] = []

    def find(name: str) -> registry.InstalledPack:
        from kenspeckle.vision.sessions import choose  # late: NumPy and the runtimes, which most commands do without

        return registry.find(settings.models_dir, name, choose(settings.device, settings.precision).name)

    def load(name: str) -> Engine:
        from kenspeckle.vision import engine as vision  # late: as above

        engine = vision.Engine(find(name), settings, beside=first[0] if first else None)
        first[:] = first or [engine]
        return engine

    def packs() -> Mapping[str, PackInfo]:
        return registry.infos(settings.models_dir)

    default = load(pack.name) if at_once else UnloadedEngine(packs()[pack.name], lambda: load(pack.name))
    return PackEngines(default, packs, load, find)
