"""Calibrations that all services on one catalog have alike: as the catalog keeps them, and followed while a service
runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import orjson

from kenspeckle.domain import Calibration
from kenspeckle.domain.pack import make_measured
from kenspeckle.errors import KenspeckleError
from kenspeckle.ports import Engines, SharedKind, SharedSettings

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
"""The catalog is asked so often."""


def format_calibration(pack: str, calibration: Calibration) -> str:
    """JSON for `ports.SharedSettings`; `pack` is for people, the contract is the name that it is stored by."""
    knots = [list(knot) for knot in zip(calibration.distances, calibration.similarities, strict=True)]
    return orjson.dumps({"pack": pack, "sample": calibration.sample, "knots": knots}).decode()


def read_calibrations(stored: Mapping[str, str]) -> dict[str, Calibration]:
    """Calibrations by contract; one that can't be read, as a newer version may have written it, is left out and
    logged."""
    found = {}
    for contract, text in stored.items():
        try:
            facts = orjson.loads(text)
            found[contract] = make_measured(facts["knots"], str(facts["sample"]))
        except (ValueError, TypeError, KeyError) as error:
            log.warning("the catalog's calibration of the contract %s is not used: %s", contract[:12], error)
    return found


class SharedFollower:
    """One thread from `start` to `close`, which has engines use the calibrations of the catalog as they change, and
    logs where a shared setting was changed since this service started with `settings`, its own by their names."""

    def __init__(self, shared: SharedSettings, engines: Engines, settings: Mapping[str, str]) -> None:
        self._shared = shared
        self._engines = engines
        self._settings = settings
        self._calibrations: Mapping[str, str] | None = None
        self._told: dict[str, str] = dict(settings)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="shared-settings", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def round(self) -> None:
        """Look once. Raises StorageUnavailable."""
        stored = self._shared.shared(SharedKind.CALIBRATION)
        if stored != self._calibrations:
            self._engines.use_calibrations(read_calibrations(stored))
            if self._calibrations is not None:
                log.info("what similarity means was changed for all services on the catalog")
            self._calibrations = stored
        for name, value in self._shared.shared(SharedKind.SETTING).items():
            if name in self._told and self._told[name] != value:
                self._told[name] = value
                log.warning(
                    "%s is %s in the catalog now; this service goes on with %s until it is started again",
                    name,
                    value,
                    self._settings[name],
                )

    def _run(self) -> None:
        while not self._closing.wait(EVERY_SECONDS):
            try:
                self.round()
            except KenspeckleError:
                continue  # /readyz says that the catalog does not answer; it is asked again
            except Exception:
                log.exception("shared settings could not be followed")
