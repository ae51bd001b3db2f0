"""The loop of `kenspeckle watch` at a camera: opens its stream again and again, and hands each appearance on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import CameraAddress
from kenspeckle.intake.watch.worker import LONGEST_PAUSE, Backoff
from kenspeckle.ports import CameraAway, CameraDecoder, CameraRefused

if TYPE_CHECKING:
    from kenspeckle.usecases.videos.live import Live, SeenPerson

Tell: TypeAlias = "Callable[[SeenPerson, float], None]"
"""Takes an appearance and the time, in seconds since the epoch, that its milliseconds count from; must not wait."""


@dataclass(slots=True)
class CameraLoop:
    """Looks until `stop` is set, or with `once` until the stream ends. `live` makes what follows the faces of one
    stream."""

    camera: CameraAddress
    decoder: CameraDecoder
    rate: float
    live: Callable[[], Live]
    tell: Tell
    backoff: Backoff
    stop: threading.Event
    clock: Callable[[], float] = time.time
    samples: int = field(default=0, init=False)
    """Pictures that were looked at."""

    def run(self, *, once: bool = False) -> None:
        """Raises CommandFailed where a person has to mend something; with `once`, and the patience of the back-off,
        also where the camera does not answer."""
        attempt = 0
        while not self.stop.is_set():
            began, before = time.monotonic(), self.samples
            error = self._follow()
            came = self.samples > before
            if self.stop.is_set() or (once and came):
                return
            if came and time.monotonic() - began > LONGEST_PAUSE:
                attempt = 0
            if not self.backoff.pause(attempt, error):
                return
            attempt += 1

    def _follow(self) -> CommandFailed:
        """One stream up to its end, and why it has ended."""
        live, since = self.live(), self.clock()
        try:
            with self.decoder.open(self.camera, self.rate, self.stop.is_set) as reader:
                since = self.clock()
                for sample in reader:
                    if self.stop.is_set():
                        break
                    if sample is not None:
                        self.backoff.reset()
                        self.samples += 1
                        self._tell(live.take(sample), since)
        except CameraRefused as error:
            raise CommandFailed(str(error)) from error
        except CameraAway as error:
            return CommandFailed(str(error))
        finally:
            self._tell(live.rest(), since)
        return CommandFailed("The camera has ended its stream.")

    def _tell(self, seen: Iterable[SeenPerson], since: float) -> None:
        for one in seen:
            self.tell(one, since)
