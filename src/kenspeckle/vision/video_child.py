"""Decodes a video in a process of its own: a descriptor in, sampled pictures out. Run by `video.py`.

Imports nothing of the package. What it is to do comes as one line of JSON on standard input, which stays open as long
as the parent lives. What it answers are lines of JSON, those of frames followed by their RGB bytes. It opens no file
and no address that a video names: it reads one descriptor, through an allow-list of containers and codecs.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,h264,hevc,m4v,mpegvideo,ivf"
"""Demuxers that read nothing but the bytes they are given; playlists (hls, dash, concat) are none of them."""
CODECS = (
    "h264,hevc,av1,libdav1d,vp8,libvpx,vp9,libvpx-vp9,mpeg4,mpeg1video,mpeg2video,mpegvideo,mjpeg,h263,h263p,msmpeg4v1,"
    "msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,theora,flv,prores,dvvideo,vp6,vp6f"
)
MOST_SIDE = 8192
"""Pixels a side."""
MOST_PIXELS = 8192 * 4352
"""Pixels of a frame: 8K."""
MOST_FRAMES_A_SECOND = 1000
"""Of a video, on average between two samples."""
BROKEN_PACKETS = 500
"""One after the other, after which the rest of a video counts as damaged."""
ASTRAY_MS = 60_000
"""Milliseconds behind the declared end at which no frame that follows an earlier one can be."""
BEAT_FRAMES = 50
"""Frames that are decoded between two signs of life."""
BLOCK = 1 << 18

KINDS = {"mov": "MP4", "mp4": "MP4", "matroska": "MKV", "avi": "AVI", "mpegts": "MPEG-TS", "mpeg": "MPEG"}


class Refused(Exception):
    """The video can't be used; the argument is one of the codes that `video.py` has sentences for."""


class Source:
    """The bytes of a descriptor as a file, decrypted where they were stored encrypted (AES-256 in counter mode)."""

    def __init__(self, descriptor: int, key: bytes | None) -> None:
        self._descriptor = descriptor
        self._key = key
        self._at = 0
        self._size = os.fstat(descriptor).st_size

    def read(self, size: int = BLOCK) -> bytes:
        size = min(size if size >= 0 else self._size, max(0, self._size - self._at))
        data = os.pread(self._descriptor, size, self._at)
        if self._key is not None and data:
            data = self._plain(data)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    @property
    def ends_early(self) -> bool:
        """Whether there are fewer bytes than a Matroska file declares. Other containers tell by their last packet."""
        self.seek(0)
        return matroska_size(self.read(4096)) > self._size

    def _plain(self, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        block, skipped = divmod(self._at, 16)
        counter = modes.CTR(block.to_bytes(16, "big"))
        decryptor = Cipher(algorithms.AES(self._key or b""), counter).decryptor()
        decryptor.update(bytes(skipped))
        return decryptor.update(data)


def matroska_size(head: bytes) -> int:
    """The size that a Matroska file has by its first bytes; 0 where they do not tell it (RFC 8794)."""
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return 0
    at, size = _element(head, 4)
    segment = at + size
    if head[segment : segment + 4] != b"\x18\x53\x80\x67":
        return 0
    at, size = _element(head, segment + 4)
    return at + size if size else 0


def _element(data: bytes, at: int) -> tuple[int, int]:
    """Where an element's content begins whose size is written at a place, and the size; 0 for one that is unknown."""
    length = 9 - data[at].bit_length() if at < len(data) and data[at] else 8
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return at + length, 0 if size == (1 << 7 * length) - 1 else size


class Clock:
    """Times of frames in milliseconds, which never run backwards whatever the video says. `end` is the end that the
    video declares in milliseconds, 0 for none."""

    def __init__(self, nominal: float, end: float = 0.0) -> None:
        self._nominal = nominal
        self._end = end
        self._first: float | None = None
        self._offset = 0.0
        self.now = 0.0

    def of(self, stamp: float | None) -> float:
        """The time of the next frame, whose own time in seconds is `stamp`, or None."""
        if self._first is None:
            self._first = stamp or 0.0
            return self.now
        told = self.now if stamp is None else 1000 * (stamp - self._first)
        if stamp is None or self._is_astray(told + self._offset):
            self.now += self._nominal
        elif told + self._offset < self.now:  # a jump back: what follows goes on from here
            self._offset = self.now + self._nominal - told
            self.now += self._nominal
        else:
            if told >= self.now:  # times have come back to where they were before the jump
                self._offset = 0.0
            self.now = told + self._offset
        return self.now

    def _is_astray(self, at: float) -> bool:
        """Whether a frame claims to be far behind the end, which the one before it was not: its time is damaged."""
        return 0 < self._end < at - ASTRAY_MS and self.now <= self._end


def main() -> int:
    """One video, as standard input says."""
    asked = json.loads(sys.stdin.buffer.readline())
    sys.path.extend(asked["folders"])
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        import av
    except ImportError as error:
        tell(error="no_decoder", detail=str(error)[:500])
        return 0
    av.logging.set_level(None)
    source = Source(asked["descriptor"], bytes.fromhex(asked["key"]) if asked["key"] else None)
    limit(asked["memory"], asked["processor_seconds"])
    try:
        decode(av, source, asked)
    except Refused as refused:
        tell(error=str(refused.args[0]), detail=str(refused.args[1]) if len(refused.args) > 1 else "")
    except MemoryError:
        tell(error="no_memory")
    except BrokenPipeError:
        return 1
    except Exception as error:
        memory = getattr(error, "errno", None) == 12
        tell(error="no_memory" if memory else "damaged", detail=f"{type(error).__name__}: {error}"[:300])
    return 0


def end_with_parent() -> None:
    """Standard input ends with the parent, however it ends. Read without its lock, which the end of Python needs."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def limit(memory: int, seconds: int | None) -> None:
    """Bounds memory, processor time (None: no end) and files, where the system can."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    os.nice(5)
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, resource.RLIM_INFINITY if seconds is None else seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            continue  # macOS refuses some; a lower limit holds already


def tell(**message: Any) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def decode(av: Any, source: Source, asked: dict[str, Any]) -> None:
    """Tells of the video, then of each sampled frame, then of the end."""
    try:
        container = av.open(
            source, "r", options={"format_whitelist": CONTAINERS, "codec_whitelist": CODECS, "enable_drefs": "0"}
        )
    except av.error.MemoryError as error:
        raise MemoryError from error
    except av.error.FFmpegError as error:
        raise Refused("no_video", type(error).__name__) from error
    with container:
        stream = stream_of(container)
        about = about_of(container, stream)
        if asked["most_seconds"] and about["duration_ms"] > 1000 * asked["most_seconds"]:
            raise Refused("too_long", f"{about['duration_ms'] / 1000:.0f}")
        _sample(av, source, container, stream, asked, about)


def stream_of(container: Any) -> Any:
    """The first video stream that is no picture of a sound file."""
    cover = 0x400  # AV_DISPOSITION_ATTACHED_PIC
    streams = [one for one in container.streams.video if not int(one.disposition) & cover]
    if not streams:
        raise Refused("no_video_stream", "sound" if container.streams.audio else "")
    stream = streams[0]
    if stream.codec_context is None:
        raise Refused("no_codec", "")
    if f",{stream.codec_context.name}," not in f",{CODECS},":
        raise Refused("no_codec", stream.codec_context.name[:40])
    check_size(stream.codec_context.width, stream.codec_context.height)
    stream.codec_context.thread_count = 1
    return stream


def check_size(width: int, height: int) -> None:
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        raise Refused("too_many_pixels", f"{width} x {height}")


def about_of(container: Any, stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    duration = 0.0
    if stream.duration and stream.time_base:
        duration = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / 1_000_000
    rate = stream.average_rate or stream.guessed_rate
    name = container.format.name.split(",")[0]
    kind = "MOV" if container.metadata.get("major_brand", "").strip() == "qt" else KINDS.get(name, name.upper())
    return {
        "codec": context.name,
        "format": kind,
        "duration_ms": max(0, round(1000 * min(duration, 1e9))),
        "frame_rate": round(min(float(rate), 1e6), 3) if rate else 0.0,
        "width": context.width,
        "height": context.height,
        "full_range": getattr(context, "color_range", 0) == 2,
    }


def _sample(av: Any, source: Source, container: Any, stream: Any, asked: dict[str, Any], about: dict[str, Any]) -> None:
    """Of each interval of 1 / rate seconds the first frame, all of them for a rate of 0."""
    sampling = Sampling(asked, about)
    packets = Packets(av, container, stream)
    for frame in packets:
        if not sampling.frames:
            if read_turn(frame) in (90, 270):  # boxes are ratios of the picture as it is shown
                about["width"], about["height"] = about["height"], about["width"]
            tell(video=about)
        at = sampling.sample(frame.time)
        if at is not None:
            send(frame, at, asked["longest"])
    if not sampling.frames:
        if packets.broken:
            bytearray(8 * about["width"] * about["height"])  # decoders call a lack of memory damage, too
        raise Refused("damaged" if packets.broken or packets.cut else "no_frames", "")
    last = sampling.clock.now
    short = about["duration_ms"] - last > max(2000.0, 0.05 * about["duration_ms"])
    cut = bool(packets.cut or packets.end_is_damaged or short or source.ends_early)
    tell(end={"frames": sampling.frames, "last_ms": round(last), "broken": packets.broken, "cut": cut})


class Packets:
    """The frames of a stream. What can't be decoded is left out; `cut` says that the end was not reached."""

    def __init__(self, av: Any, container: Any, stream: Any) -> None:
        self._error = av.error.FFmpegError
        self._memory = av.error.MemoryError
        self._packets = iter(container.demux(stream))
        self.broken = 0
        self.cut = False
        self._last_packet_is_damaged = self._last_frame_is_damaged = False

    @property
    def end_is_damaged(self) -> bool:
        """Whether the last packet is not all there, or a part of the last frame is missing."""
        return self._last_packet_is_damaged or self._last_frame_is_damaged

    def __iter__(self) -> Any:
        in_a_row = 0
        while in_a_row <= BROKEN_PACKETS:
            try:
                packet = next(self._packets)
            except StopIteration:
                return
            except self._error:
                break
            if packet.size:  # the one that follows the last has none
                self._last_packet_is_damaged = packet.is_corrupt
            try:
                decoded = packet.decode()
            except self._memory as error:
                raise MemoryError from error
            except self._error:
                self.broken, in_a_row = self.broken + 1, in_a_row + 1
                continue
            in_a_row = 0
            for frame in decoded:
                self._last_frame_is_damaged = frame.is_corrupt
                yield frame
        self.cut = True


class Sampling:
    """Decides which frames are sampled, within the limits of time and number."""

    def __init__(self, asked: dict[str, Any], about: dict[str, Any]) -> None:
        rate, frame_rate = asked["rate"], about["frame_rate"]
        self._most = 1000 * asked["most_seconds"]
        self._after = asked["after_ms"]
        self._step = 1000 / rate if rate else 0.0
        self._most_between = max(2 * BEAT_FRAMES, MOST_FRAMES_A_SECOND / rate) if rate else 0
        self._due, self._since = 0.0, 0
        nominal = 1000 / frame_rate if 1 <= frame_rate <= MOST_FRAMES_A_SECOND else 40.0
        self.clock = Clock(nominal, about["duration_ms"])
        self.frames = 0

    def sample(self, stamp: float | None) -> int | None:
        """The time of a sampled frame in milliseconds; None for another."""
        self.frames, self._since = self.frames + 1, self._since + 1
        at = self.clock.of(stamp)
        if self._most and at > self._most:
            raise Refused("too_long", f"{at / 1000:.0f}")
        if self._most_between and self._since > self._most_between:
            raise Refused("too_many_frames", "")
        if at >= self._due:
            self._since = 0
            self._due = (at // self._step + 1) * self._step if self._step else 0.0
            if round(at) > self._after:
                return round(at)
        if self.frames % BEAT_FRAMES == 0:
            tell(at=round(at))
        return None


def read_turn(frame: Any) -> int:
    """Degrees by which a frame is to be turned clockwise to be upright: 0, 90, 180 or 270."""
    return round(-(getattr(frame, "rotation", 0) or 0) / 90) % 4 * 90  # it counts anticlockwise


def send(frame: Any, at: int, longest: int) -> None:
    """A sampled frame, reduced to `longest` pixels a side."""
    check_size(frame.width, frame.height)
    wide = float(getattr(frame, "sample_aspect_ratio", 0) or 1)
    width, height = frame.width * (wide if 0.25 <= wide <= 4 else 1.0), float(frame.height)
    scale = min(1.0, longest / max(width, height))
    width, height = max(2, round(width * scale)), max(2, round(height * scale))
    picture = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA" if scale < 1 else None)
    plane = picture.planes[0]
    line, row = plane.line_size, 3 * width
    data = memoryview(plane)
    tell(frame={"at": at, "width": width, "height": height, "turned": read_turn(frame)})
    if line == row:
        sys.stdout.buffer.write(data[: row * height])
    else:
        for top in range(height):
            sys.stdout.buffer.write(data[top * line : top * line + row])
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
