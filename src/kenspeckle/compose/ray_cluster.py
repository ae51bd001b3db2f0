"""Photographs looked at by actors on a Ray cluster: one on each core, each with the networks of the collections' packs.

The process that starts them reads the photographs, asks the catalog what it has, and stores in batches; actors hold
nothing that is not there again when they are started anew. Importing this package has switched Ray's usage statistics
off, for the processes that are started here too.
"""

from __future__ import annotations

import os
import queue
import re
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kenspeckle import __version__, cpu
from kenspeckle.domain import Collection
from kenspeckle.errors import DamagedImage, KenspeckleError, SettingError, StorageUnavailable
from kenspeckle.ports import Asked, Examined
from kenspeckle.settings import Settings

if TYPE_CHECKING:
    from kenspeckle.compose.service import Service

IN_FLIGHT = 2
"""Photographs of an actor: one that it looks at, one that is on its way."""

BATCH = 32
"""Photographs that are stored together; so many actors more need a batch more under way."""

DEATHS = 5
"""Actors that may die while they look at a photograph before it is refused."""

START_SECONDS = 300.0
"""For actors to load their networks."""

CONNECT_SECONDS = 10.0
"""For the first connection to a cluster that is named."""

LOOK_SECONDS = 0.5
"""How often it is seen whether an actor was started anew."""

WAIT_SECONDS = 5.0
"""How often it is seen whether an actor has died that has not answered."""

STORE_BYTES = 200 * 1024 * 1024
"""Of shared memory for a Ray that is started here: photographs on their way."""


class RayExaminer:
    """Implements `ports.Examiner`. `cores` is how many actors there are."""

    def __init__(self, ray: Any, settings: Settings) -> None:
        """Raises SettingError where the cluster can't run Kenspeckle."""
        self._ray = ray
        self.cores = int(ray.cluster_resources().get("CPU", 0))
        if self.cores < 1:
            raise SettingError("The Ray cluster has no core to offer; start its workers, or give them CPUs.")
        # Nothing of the settings that an actor does not need: no keys, no places of data.
        needed = replace(
            Settings(),
            models_dir=settings.models_dir,
            pack=settings.pack,
            max_image_bytes=settings.max_image_bytes,
            max_image_pixels=settings.max_image_pixels,
            device=settings.device,
            precision=settings.precision,
            gender=settings.gender,
            workers=1,
        )
        actor = ray.remote(num_cpus=1, max_restarts=-1)(Looker)
        self.actors = [actor.remote(needed) for _ in range(self.cores)]
        try:
            ray.get([one.ready.remote() for one in self.actors], timeout=START_SECONDS)
            versions = set(ray.get([one.version.remote() for one in self.actors]))
        except ray.exceptions.GetTimeoutError as error:
            raise SettingError(
                f"Not all {self.cores} workers of the Ray cluster have loaded their networks within "
                f"{START_SECONDS:.0f} s. See `ray status` and the logs of its nodes: a worker takes a few hundred "
                "MB, and where memory is short Ray ends them as they start."
            ) from error
        except Exception as error:
            raise SettingError(
                "The nodes of the Ray cluster can't run Kenspeckle: each needs this very version of it and the model "
                f"packs (kenspeckle models pull). The first one says: {_first_line(error)}"
            ) from error
        if others := versions - {__version__}:
            raise SettingError(
                f"Nodes of the Ray cluster have Kenspeckle {', '.join(sorted(others))}, and this command is "
                f"{__version__}: install the same version on every node."
            )
        exceptions = ray.exceptions
        self._lost = (
            exceptions.RayActorError,
            exceptions.OutOfMemoryError,
            exceptions.NodeDiedError,
            exceptions.ObjectLostError,
        )
        """What a photograph's actor, or its node, has died of: another one looks at it."""
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._reviving: list[threading.Thread] = []
        for worker in [_Worker(one) for one in self.actors] * IN_FLIGHT:
            self._free.put(worker)

    def __call__(self, collection: Collection, image: bytes, asked: Asked, opened: Callable[[], None]) -> Examined:
        deaths = 0
        while deaths < DEATHS:
            worker = self._take()
            turn = _Turn()
            try:
                found = self._look(worker, turn, collection, image, asked)
            except self._lost:
                deaths += self._mark_down(worker, turn)
                continue
            except self._ray.exceptions.RayError as error:
                raise StorageUnavailable(f"The Ray cluster can't go on: {_first_line(error)}") from error
            finally:
                worker.end(turn)
                self._give(worker)
            if isinstance(found, KenspeckleError):
                raise found
            opened()
            examined: Examined = found
            return examined
        raise DamagedImage(f"{DEATHS} workers have died over this photograph, so it was left out.")

    def _look(self, worker: _Worker, turn: _Turn, collection: Collection, image: bytes, asked: Asked) -> Any:
        """Raises RayActorError where the actor has died, also where Ray waits for a place to start it anew."""
        with worker.lock:
            turn.before = worker.deaths
            worker.turns_under_way.append(turn)
            found = worker.actor.look.remote(collection, image, asked)
        while not self._ray.wait([found], timeout=WAIT_SECONDS)[0]:
            if worker.down:
                raise self._ray.exceptions.RayActorError
        return self._ray.get(found)

    def _take(self) -> _Worker:
        """One that lives and is free. Raises StorageUnavailable where none comes."""
        while True:
            try:
                worker = self._free.get(timeout=START_SECONDS)
            except queue.Empty as error:
                raise StorageUnavailable(
                    "The workers of the Ray cluster have died and do not come back; see `ray status`, and run this "
                    "again: what is stored is not looked at again."
                ) from error
            if not worker.is_parked():
                return worker

    def _give(self, worker: _Worker) -> None:
        if not worker.is_parked():
            self._free.put(worker)

    def _mark_down(self, worker: _Worker, turn: _Turn) -> bool:
        """Its photographs go to others until Ray has started it anew: on its node, or on another that has a core.
        Whether it died over this one: an actor looks at the first that it was given, the next one only waits there."""
        with worker.lock:
            if worker.down or worker.deaths != turn.before:  # told before, by the other photograph
                return worker.blamed is turn
            worker.down, worker.blamed = True, worker.turns_under_way[0]
            worker.deaths += 1
            blamed = worker.blamed is turn
        thread = threading.Thread(target=self._revive, args=(worker,), name="ray actor", daemon=True)
        self._reviving.append(thread)
        thread.start()
        return blamed

    def _revive(self, worker: _Worker) -> None:
        ready = worker.actor.ready.remote()
        while not self._is_ready(ready):
            if self._closing.is_set():
                return
            if self._ray.wait([ready], timeout=0)[0]:
                self._closing.wait(LOOK_SECONDS)
                ready = worker.actor.ready.remote()  # it died again
        with worker.lock:
            worker.down, turns, worker.turns = False, worker.turns, 0
        for _ in range(turns):
            self._free.put(worker)

    def _is_ready(self, ready: Any) -> bool:
        try:
            return bool(self._ray.wait([ready], timeout=LOOK_SECONDS)[0] and self._ray.get(ready))
        except self._ray.exceptions.RayError:
            return False

    def close(self) -> None:
        """Wait no longer for actors that have died. Before Ray ends: it ends a process that asks it afterwards."""
        self._closing.set()
        for one in self._reviving:
            one.join()


@dataclass(slots=True, eq=False)
class _Turn:
    """One photograph with one actor, which had died `before` so often."""

    before: int = 0


@dataclass(slots=True)
class _Worker:
    """An actor; while it is `down`, its turns are kept back. `blamed` is the photograph over which it died last."""

    actor: Any
    down: bool = False
    turns: int = 0
    deaths: int = 0
    blamed: _Turn | None = None
    turns_under_way: list[_Turn] = field(default_factory=list)
    """In the order in which the actor has been given them."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self, turn: _Turn) -> None:
        with self.lock:
            if turn in self.turns_under_way:
                self.turns_under_way.remove(turn)

    def is_parked(self) -> bool:
        """Whether a turn of it is kept back now."""
        with self.lock:
            self.turns += self.down
            return self.down


class Looker:
    """The actor: engines of packs on one core."""

    def __init__(self, settings: Settings) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        from kenspeckle.compose.engines import open_engines

        # Another actor has the core that a network would take as its second one; and it would be loaded twice for it.
        cpu.limit_cores(1)
        self._engines = open_engines(settings, at_once=True)

    def ready(self) -> int:
        """Its process."""
        return os.getpid()

    def version(self) -> str:
        """That of Kenspeckle on its node."""
        return __version__

    def look(self, collection: Collection, image: bytes, asked: Asked) -> Examined | KenspeckleError:
        """What is seen; an error of the photograph is an answer too."""
        from kenspeckle.usecases.recognition.examination import examine

        try:
            return examine(self._engines.of(collection), image, asked)
        except KenspeckleError as error:
            return error


def batches_for(cores: int) -> int:
    """Batches under way that keep so many cores busy, each with a photograph that waits for it."""
    return 3 + IN_FLIGHT * cores // BATCH


@contextmanager
def join(service: Service, address: str) -> Iterator[int]:
    """Have photographs looked at on the Ray cluster for the length of the block; how many batches keep it busy. `auto`
    is the cluster that RAY_ADDRESS names or that runs on this machine, or else one that is started here.

    Raises SettingError where Ray is not installed, or the cluster can't be joined."""
    own = address == "auto" and not _is_running()
    if own:
        # Its processes listen on all addresses, so they ask for a token that nobody else has. Ray reads both when it is
        # imported.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        ray: Any = import_module("ray")  # not by its types, which are there only with the extra
    except ImportError as error:
        raise SettingError("Ray is not installed. Run: pip install 'kenspeckle[ray]'") from error
    if not own:
        _check_listens(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "namespace": "kenspeckle"}
    try:
        if own:
            ray.init(
                num_cpus=service.settings.workers,
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                _node_ip_address="127.0.0.1",
                **quiet,
            )
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # none there, another version of Ray or Python, no memory
        where = "Ray can't be started here" if own else f"The Ray cluster at '{address}' can't be joined"
        raise SettingError(f"{where}: {_message_of(error)}") from error
    examiner = None
    try:
        examiner = RayExaminer(ray, service.settings)
        service.local.bulk.examine_by(examiner, examiner.cores * IN_FLIGHT)
        if service.local.index_work is not None:
            service.local.index_work.at_once = batches_for(examiner.cores)
        yield batches_for(examiner.cores)
    finally:
        if examiner is not None:
            examiner.close()
        ray.shutdown()


def _is_running() -> bool:
    """Whether a cluster is named, or one was started on this machine, which Ray notes in this file."""
    noted = Path(os.environ.get("RAY_TMPDIR", tempfile.gettempdir()), "ray", "ray_current_cluster")
    return bool(os.environ.get("RAY_ADDRESS")) or noted.exists()


def _check_listens(address: str) -> None:
    """Ray tries for minutes to reach a cluster that is not there. Raises SettingError."""
    found = re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d{1,5})", address)
    if found is None:
        return
    try:
        socket.create_connection((found[1], int(found[2])), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"The Ray cluster at '{address}' can't be joined: {error}. --ray takes the address of its head node, which "
            "`ray status` shows there, or auto."
        ) from error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]


def _message_of(error: BaseException) -> str:
    """All of a message of several lines, such as that of other versions, which has both on lines of their own."""
    return (" ".join(str(error).split()) or type(error).__name__)[:400]
