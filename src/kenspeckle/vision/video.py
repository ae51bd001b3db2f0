"""Implements `ports.VideoDecoder` by a child process, because a crafted video may crash the decoder or keep it for
ever."""

from __future__ import annotations

import importlib.util
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from kenspeckle import formats
from kenspeckle.domain import Sample, VideoFacts
from kenspeckle.errors import InvalidVideo, NotOffered
from kenspeckle.settings import Settings
from kenspeckle.vision import video_child

log = logging.getLogger(__name__)

CHILD: Final = Path(video_child.__file__)
LONGEST: Final = 1920
"""Pixels of the longest side of a picture that is handed on; larger frames are reduced to it. A face of 40 pixels in
1920 x 1080 is the smallest that the quality bars let through."""
STALLED_SECONDS: Final = 60.0
"""How long the child may say nothing. It speaks for every 50 frames that it decodes."""
MEMORY: Final = 1536 << 20
"""Bytes that the child may write to. A decoder keeps up to 17 frames; at 4K these are 420 MB with 10 bits."""
PROCESSOR_SECONDS: Final = 300
"""Of the child, and as many more as four times MAX_VIDEO_SECONDS."""
LOOK_SECONDS: Final = 0.5
"""Between two looks whether who reads is to stop."""
LINE: Final = 4096
READ: Final = 1 << 20

SENTENCES: Final = {
    "no_video": "The file is damaged, cut off, or no video of a kind that can be read; send it as MP4, MOV, MKV, WebM, "
    "AVI or MPEG.",
    "no_video_stream": "The file has no video stream{more}; there is nothing to look at.",
    "no_codec": "The video's codec{more} can't be decoded here; convert it to H.264.",
    "too_many_pixels": "The video's frames have {more} pixels; at most 8192 a side and 35,651,584 in all are taken.",
    "too_long": "The video is longer than {most} s; send a part of it. The operator sets the limit "
    "(KENSPECKLE_MAX_VIDEO_SECONDS).",
    "too_many_frames": "The video has more than 1,000 frames a second; convert it to an ordinary rate.",
    "no_frames": "The video has no frames.",
    "damaged": "The video is damaged and can't be decoded; convert it or send it again.",
    "no_memory": "The video needs more memory to decode than it is given; convert it to fewer pixels.",
    "photograph": "The file is a photograph ({more}), no video; search it with /v1/search.",
    "crashed": "The decoder crashed over this video; convert it to H.264 and send it again.",
    "took_long": "The video takes too long to decode; convert it to fewer pixels.",
    "stalled": "The decoder came to a standstill over this video; convert it to H.264 and send it again.",
}

MISSING: Final = "Videos need PyAV, which is not installed here: pip install 'kenspeckle[video]'."


class ChildDecoder:
    """`ports.VideoDecoder`, with the limits of settings."""

    def __init__(self, settings: Settings, *, stalled_seconds: float = STALLED_SECONDS, memory: int = MEMORY) -> None:
        self._most_seconds = settings.max_video_seconds
        self._stalled = stalled_seconds
        self._memory = memory

    @property
    def available(self) -> bool:
        return importlib.util.find_spec("av") is not None

    def problem(self) -> str:
        """Why no video can be decoded where PyAV is installed, "" where they can: the child is given an empty file,
        which it has to refuse as no video."""
        with tempfile.TemporaryFile() as empty:
            try:
                with self.open(empty.fileno(), rate=1.0):
                    return "the decoder takes an empty file for a video."
            except InvalidVideo as error:
                return "" if error.message == SENTENCES["no_video"] else error.message
            except NotOffered:
                return "PyAV does not load."

    @contextmanager
    def open(self, descriptor: int, *, key: bytes | None = None, rate: float, after_ms: int = -1) -> Iterator[Reader]:
        if not self.available:
            raise NotOffered(MISSING)
        _refuse_photographs(video_child.Source(descriptor, key).read(4096))
        asked = {
            "descriptor": descriptor,
            "key": key.hex() if key is not None else "",
            "rate": rate,
            "after_ms": after_ms,
            "most_seconds": self._most_seconds,
            "longest": LONGEST,
            "memory": self._memory,
            "processor_seconds": PROCESSOR_SECONDS + 4 * self._most_seconds,
            "folders": folders(),
        }
        with start_child(CHILD, asked, descriptor) as child:
            yield Reader(child, self._stalled, lambda code, more: _refusal(code, more, self._most_seconds))


@contextmanager
def start_child(program: Path, asked: Mapping[str, Any], *descriptors: int) -> Iterator[subprocess.Popen[bytes]]:
    """A child that decodes, which gets `asked` on its standard input; killed at the end. It has a session of its own:
    Ctrl-C is for its parent."""
    from kenspeckle.vision.heif import ENVIRONMENT  # late: Pillow, which commands without photographs do without

    # Isolated: neither the working folder nor a variable decides what is imported.
    child = subprocess.Popen(  # noqa: S603  our own program, no argument of the client's
        [sys.executable, "-I", str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=descriptors,
        env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        start_new_session=True,
    )
    try:
        assert child.stdin is not None
        with suppress(BrokenPipeError):
            child.stdin.write(orjson.dumps(asked) + b"\n")
            child.stdin.flush()
        yield child
    finally:
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        child.wait()


Refusal: TypeAlias = Callable[[str, str], Exception]
"""Makes the error of a code that a child tells, and what it says more."""


class Reader:
    """`ports.VideoReader` of a child. What the child says is checked: a video may have taken it over. Where `stopped`
    comes to be true, who reads gets the refusal `stopped`."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        stalled: float,
        refusal: Refusal,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        assert child.stdout is not None
        self._child = child
        self._descriptor = child.stdout.fileno()
        _widen(self._descriptor)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        self._stalled = stalled
        self._refusal = refusal
        self._stopped = stopped
        self._buffer = bytearray()
        self.cut = False
        self.facts = self._facts(self._message()["video"])

    def __iter__(self) -> Iterator[Sample | None]:
        last = -1
        while True:
            message = self._message()
            if "end" in message:
                self.cut = bool(message["end"]["cut"])
                return
            if "frame" not in message:
                yield None
                continue
            about = message["frame"]
            at, width, height, turned = (int(about[name]) for name in ("at", "width", "height", "turned"))
            if at < last or not (2 <= width <= LONGEST and 2 <= height <= LONGEST) or turned not in (0, 90, 180, 270):
                raise self._refusal("crashed", "")
            last = at
            yield Sample(at, self._take(3 * width * height), width, height, turned)

    def _message(self) -> dict[str, Any]:
        """The next line. Raises InvalidVideo where it tells of an error, or the child ended."""
        while (end := self._buffer.find(b"\n", 0, LINE)) < 0:
            if len(self._buffer) >= LINE:
                raise self._refusal("crashed", "")
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            message = orjson.loads(line)
            if "error" in message:
                raise self._to_error(str(message["error"]), str(message.get("detail", "")))
            return dict(message)
        except (ValueError, TypeError) as error:
            raise self._refusal("crashed", "") from error

    def _to_error(self, code: str, detail: str) -> Exception:
        if code == "no_decoder":
            log.error("videos can't be decoded: PyAV does not load: %s", detail)
            return NotOffered(MISSING)
        if code == "damaged":
            log.warning("a video can't be decoded: %s", detail)
        more = {"no_video_stream": ", only sound" if detail else "", "no_codec": f" ({detail})" if detail else ""}
        return self._refusal(code, more.get(code, detail))

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def _more(self) -> None:
        until = time.monotonic() + self._stalled
        while not self._selector.select(max(0.0, min(LOOK_SECONDS, until - time.monotonic()))):
            if self._stopped():
                raise self._refusal("stopped", "")
            if time.monotonic() >= until:
                raise self._refusal("stalled", "")
        data = os.read(self._descriptor, READ)
        if data:
            self._buffer += data
            return
        code = self._child.wait()
        if code == -signal.SIGXCPU:
            raise self._refusal("took_long", "")
        if code == -signal.SIGKILL:  # of the kernel, mostly, where memory is short
            raise self._refusal("no_memory", "")
        raise self._refusal("crashed", "")

    def _facts(self, told: Any) -> VideoFacts:
        try:
            return VideoFacts(
                codec=str(told["codec"])[:40],
                format=str(told["format"])[:40],
                duration_ms=int(told["duration_ms"]),
                frame_rate=float(told["frame_rate"]),
                width=int(told["width"]),
                height=int(told["height"]),
                full_range=bool(told["full_range"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise self._refusal("crashed", "") from error


def _widen(pipe: int) -> None:
    """A frame of 1280 x 720 has 2.7 MB; Linux gives a pipe 64 kB, which would be handed over in 43 pieces."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl  # late: not every system has it

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, READ)


def _refusal(code: str, more: str = "", most: int = 0) -> InvalidVideo:
    sentence = SENTENCES.get(code, SENTENCES["damaged"])
    return InvalidVideo(sentence.format(more=more, most=most), field="video")


def _refuse_photographs(head: bytes) -> None:
    kind = formats.sniff(head)
    if kind:
        raise _refusal("photograph", kind)


@cache
def folders() -> tuple[str, ...]:
    """Where this process finds the libraries: a user's site folder, `pip install --target`, PYTHONPATH."""
    specs = (importlib.util.find_spec(name) for name in ("av", "cryptography"))
    return tuple({str(Path(one.origin).absolute().parents[1]): None for one in specs if one and one.origin})
