"""Implements `ports.CameraDecoder` by a child process, which has the network and the password."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kenspeckle.domain import CameraAddress
from kenspeckle.errors import NotOffered
from kenspeckle.ports import CameraAway, CameraRefused
from kenspeckle.vision import camera_child
from kenspeckle.vision.video import LONGEST, MEMORY, MISSING, Reader, folders, start_child

CHILD: Final = Path(camera_child.__file__)
STALLED_SECONDS: Final = 60.0
"""How long the child may say nothing; it ends by itself before that."""
BLIND_SECONDS: Final = 20.0
"""How long a stream may go on without a picture that can be decoded."""
DEVICES: Final = {"linux": "v4l2", "darwin": "avfoundation"}
"""FFmpeg's input for cameras of this machine, by system."""

AWAY: Final = {
    "no_host": "The name of the camera is not known to this network.",
    "refused": "Nothing listens at the camera's port.",
    "unreachable": "The camera can't be reached.",
    "no_tls": "The camera does not speak TLS at this port.",
    "busy": "The camera has no place for another viewer.",
    "not_found": "The camera has no stream at this path.",
    "declined": "The camera declines to send its stream.",
    "silent": "The camera sends nothing.",
    "blind": "The camera sends a stream, but no picture that can be decoded.",
    "ended": "The camera has ended its stream.",
    "no_camera": "What the camera sends is no stream of RTSP.",
    "no_video_stream": "The camera's stream has no video.",
    "damaged": "The camera's stream can't be decoded.",
    "no_memory": "The camera's stream needs more memory to decode than it is given; set fewer pixels in the camera.",
    "too_many_pixels": "The camera's pictures have {more} pixels; at most 8192 a side and 35,651,584 in all are taken. "
    "Set fewer in the camera.",
    "no_codec": "The camera's codec{more} can't be decoded here; set H.264 in the camera.",
    "crashed": "The decoder crashed over the camera's stream.",
    "stalled": "The decoder came to a standstill over the camera's stream.",
    "stopped": "It was stopped.",
    "no_device": "The device is no camera that can be opened.",
}
"""Errors that may pass: it is tried again."""
REFUSED: Final = {
    "credentials": "The camera does not accept user and password.",
    "redirect": "The camera sends to another address, which is not followed: name that address itself.",
    "certificate": "The camera's certificate can't be verified; name the file of the one that it has, or of who signed "
    "it, in SSL_CERT_FILE.",
    "no_tcp": "The camera sends by UDP alone; RTSP over TCP is needed. Switch it on in the camera.",
    "long_password": "User and password are too long: 127 characters in all, of which all but letters and digits "
    "count three times.",
}
"""Errors that a person has to mend."""


class CameraChild:
    """`ports.CameraDecoder`."""

    def __init__(
        self,
        *,
        stalled_seconds: float = STALLED_SECONDS,
        blind_seconds: float = BLIND_SECONDS,
        memory: int = MEMORY,
    ) -> None:
        self._blind = blind_seconds
        self._stalled = stalled_seconds
        self._memory = memory

    @contextmanager
    def open(self, camera: CameraAddress, rate: float, stopped: Callable[[], bool] = lambda: False) -> Iterator[Reader]:
        if importlib.util.find_spec("av") is None:
            raise NotOffered(MISSING)
        asked = {
            "device": camera.device,
            "format": DEVICES.get(sys.platform, ""),
            "host": camera.host,
            "port": camera.port,
            "tls": camera.tls,
            "path": camera.path,
            "user": camera.user,
            "password": camera.password,
            "certificates": os.environ.get("SSL_CERT_FILE", ""),
            "rate": rate,
            "blind_seconds": self._blind,
            "longest": LONGEST,
            "memory": self._memory,
            "folders": folders(),
        }
        with start_child(CHILD, asked) as child:
            yield Reader(child, self._stalled, _refusal, stopped)


def _refusal(code: str, more: str) -> Exception:
    if code in REFUSED:
        return CameraRefused(REFUSED[code])
    return CameraAway(AWAY.get(code, AWAY["damaged"]).format(more=more))
