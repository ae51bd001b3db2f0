"""Decodes the stream of a camera in a process of its own: an address in, sampled pictures out. Run by `camera.py`.

Imports nothing of the package but its two neighbours. What it is to do, the password included, comes as one line of
JSON on standard input, which stays open as long as the parent lives; it answers as `video_child.py` does. Pictures are
sampled by the clock, not by the times that the camera states, and where the parent is slower than the camera, what lies
between is left out: a picture is never old.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

OPEN_SECONDS = 20.0
"""For the answers of a camera and for what tells the kind of its stream."""
SILENT_SECONDS = 15.0
"""Without a byte of the stream."""
MOST_AUTH = 127
"""Bytes of user and password, as FFmpeg keeps them."""


def neighbour(name: str) -> Any:
    """The module in the same folder; the interpreter is isolated and would not look there."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from kenspeckle.vision import rtsp_relay, video_child
else:
    rtsp_relay, video_child = neighbour("rtsp_relay"), neighbour("video_child")


def main() -> int:
    """One stream, as standard input says."""
    asked = json.loads(sys.stdin.buffer.readline())
    sys.path.extend(asked["folders"])
    threading.Thread(target=video_child.end_with_parent, daemon=True).start()
    try:
        import av
    except ImportError as error:
        video_child.tell(error="no_decoder", detail=str(error)[:500])
        return 0
    av.logging.set_level(None)
    video_child.limit(asked["memory"], None)
    try:
        follow(av, asked)
    except (video_child.Refused, rtsp_relay.Unusable) as refused:
        video_child.tell(error=str(refused.args[0]), detail=str(refused.args[1]) if len(refused.args) > 1 else "")
    except MemoryError:
        video_child.tell(error="no_memory")
    except BrokenPipeError:
        return 1
    except Exception as error:
        # Only the kind: the text may hold the address with the password.
        memory = getattr(error, "errno", None) == 12
        video_child.tell(error="no_memory" if memory else "damaged", detail=type(error).__name__)
    return 0


def follow(av: Any, asked: dict[str, Any]) -> None:
    """Tells of the stream, then of each sampled picture, then of its end."""
    relay = None
    if not asked["device"]:
        relay = rtsp_relay.Relay(asked["host"], asked["port"], tls=asked["tls"], certificates=asked["certificates"])
    try:
        container = open_stream(av, asked, relay)
    except av.error.MemoryError as error:
        raise MemoryError from error
    except (av.error.FFmpegError, OSError) as error:
        raise video_child.Refused(why(error, relay)) from error
    with container:
        stream = video_child.stream_of(container)
        video_child.tell(video=video_child.about_of(container, stream))
        latest = Latest(asked["longest"])
        try:
            decode(av, container, stream, relay, latest, asked)
        finally:
            latest.close()
    video_child.tell(end={"cut": False})


def open_stream(av: Any, asked: dict[str, Any], relay: Any) -> Any:
    timeout = (OPEN_SECONDS, SILENT_SECONDS)
    if relay is None:
        return av.open(asked["device"], "r", format=asked["format"], timeout=timeout)
    auth = ""
    if asked["user"] or asked["password"]:
        auth = f"{quote(asked['user'], safe='')}:{quote(asked['password'], safe='')}"
        if len(auth) > MOST_AUTH:
            raise video_child.Refused("long_password")
    options = {
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",
        "protocol_whitelist": "rtsp,rtp,tcp",
        "codec_whitelist": video_child.CODECS,
        "analyzeduration": "1000000",
        "probesize": "1000000",
        "fpsprobesize": "0",
    }
    address = f"rtsp://{auth and auth + '@'}127.0.0.1:{relay.port}{asked['path']}"
    return av.open(address, "r", format="rtsp", options=options, timeout=timeout)


def decode(av: Any, container: Any, stream: Any, relay: Any, latest: Latest, asked: dict[str, Any]) -> None:
    """Hand `rate` pictures a second on, as long as the stream goes on."""
    step, pictures = 1 / asked["rate"], 0
    packets = iter(container.demux(stream))
    began = seen = time.monotonic()
    due = began
    while True:
        try:
            packet = next(packets, None)
        except av.error.MemoryError as error:
            raise MemoryError from error
        except (av.error.FFmpegError, OSError) as error:
            raise video_child.Refused(why(error, relay) if relay and relay.problem else kind(error)) from error
        if packet is None:
            if relay and relay.problem:
                raise video_child.Refused(relay.problem)
            if not pictures:
                raise video_child.Refused("blind")
            return
        now = time.monotonic()
        try:
            frames = packet.decode()
        except av.error.MemoryError as error:
            raise MemoryError from error
        except av.error.FFmpegError:
            frames = ()
        if frames:
            seen, pictures = now, pictures + 1
            if now >= due:
                due += step * ((now - due) // step + 1)
                latest.put(frames[-1], round(1000 * (now - began)))
        elif now - seen > asked["blind_seconds"]:
            raise video_child.Refused("blind")


def why(error: BaseException, relay: Any) -> str:
    """The code of an error: the camera's last word says more than FFmpeg's error."""
    if relay is None:
        return "no_device"
    if relay.problem:
        return str(relay.problem)
    status = relay.status
    if status in (401, 403):
        return "credentials"
    if status >= 400:
        return {404: "not_found", 461: "no_tcp", 453: "busy", 503: "busy"}.get(status, "declined")
    return kind(error)


def kind(error: BaseException) -> str:
    # The interruption that PyAV's time-out makes has no class that all its versions share.
    name = type(error).__name__
    return "silent" if name in ("ExitError", "TimeoutError") else "ended" if name == "EOFError" else "no_camera"


class Latest:
    """Writes the newest picture, in a thread: a decoder that waits for the reader would read an old stream."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._frame: tuple[Any, int] | None = None
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._run, name="writer", daemon=True)
        self._writer.start()

    def put(self, frame: Any, at: int) -> None:
        """Replaces a picture that was not written yet. Raises what writing the one before raised."""
        with self._changed:
            if self._error is not None:
                raise self._error
            self._frame = frame, at
            self._changed.notify()

    def close(self) -> None:
        """Writes what is left. Raises nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.join()

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    while self._frame is None and not self._closed:
                        self._changed.wait()
                    if self._frame is None:
                        return
                    (frame, at), self._frame = self._frame, None
                video_child.send(frame, at, self._longest)
        except BaseException as error:
            self._error = error


if __name__ == "__main__":
    sys.exit(main())
