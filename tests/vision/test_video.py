"""The decoder: frames at their times, turned upright, and everything that is no video refused with a sentence."""

from __future__ import annotations

import os
import secrets
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kenspeckle.domain import Sample
from kenspeckle.errors import InvalidVideo
from kenspeckle.images.videos import FolderVideos
from kenspeckle.settings import Settings
from kenspeckle.vision import video_child
from kenspeckle.vision.frame import Frame
from kenspeckle.vision.video import ChildDecoder
from tests.videos import SAMPLES, av, empty, make, silence

SETTINGS = Settings(max_video_seconds=20)


@contextmanager
def descriptor(path: Path) -> Iterator[int]:
    opened = os.open(path, os.O_RDONLY)
    try:
        yield opened
    finally:
        os.close(opened)


def samples(path: Path, *, rate: float = 5, after_ms: int = -1, decoder: ChildDecoder | None = None) -> list[Sample]:
    with (
        descriptor(path) as opened,
        (decoder or ChildDecoder(SETTINGS)).open(opened, rate=rate, after_ms=after_ms) as reader,
    ):
        return [one for one in reader if one is not None]


def refusal(path: Path, **more: Any) -> str:
    with pytest.raises(InvalidVideo) as caught:
        samples(path, **more)
    return caught.value.message


def halves(at: float) -> Image.Image:
    """Above red, below blue."""
    picture = Image.new("RGB", (64, 48), "blue")
    picture.paste("red", (0, 0, 64, 24))
    return picture


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("video") / "short.mp4", [(2, halves)])


def test_frames_come_at_the_rate_asked_for_with_their_times(short: Path) -> None:
    with descriptor(short) as opened, ChildDecoder(SETTINGS).open(opened, rate=5) as reader:
        found = [one for one in reader if one is not None]
        assert (reader.facts.codec, reader.facts.format, reader.facts.duration_ms) == ("h264", "MP4", 2000)
        assert (reader.facts.width, reader.facts.height, reader.facts.frame_rate) == (64, 48, 10)
        assert not reader.cut
    assert [one.at for one in found] == [0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800]
    assert len(samples(short, rate=0)) == 20
    red, blue = np.frombuffer(found[0].pixels, np.uint8).reshape(48, 64, 3)[[5, 43], 30]
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]


def test_decoding_goes_on_after_a_time_at_the_same_frames(short: Path) -> None:
    assert [one.at for one in samples(short, after_ms=1000)] == [1200, 1400, 1600, 1800]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx"), ("a.mov", "mpeg4"), ("a.ts", "mpeg2video")],
)
def test_containers_and_codecs(tmp_path: Path, name: str, codec: str) -> None:
    rate = 25 if codec == "mpeg2video" else 10
    path = make(tmp_path / name, [(1, empty)], codec=codec, rate=rate)
    assert len(samples(path)) in (5, 6)


def test_a_file_that_was_stored_encrypted(tmp_path: Path, short: Path) -> None:
    key, folder = secrets.token_bytes(32), FolderVideos(tmp_path / "videos")
    incoming = folder.begin(key)
    incoming.write(short.read_bytes())
    incoming.close()
    stored = tmp_path / "videos" / incoming.name
    assert b"ftyp" not in stored.read_bytes()
    assert stored.stat().st_mode & 0o777 == 0o600
    opened = folder.open(incoming.name)
    try:
        with ChildDecoder(SETTINGS).open(opened, key=key, rate=5) as reader:
            assert len([one for one in reader if one is not None]) == 10
    finally:
        os.close(opened)


def test_a_telephone_that_was_turned(tmp_path: Path, short: Path) -> None:
    """The matrix of the track says: turn it clockwise by 90 degrees."""
    data = bytearray(short.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    assert struct.unpack(">i", data[at : at + 4]) == (65536,)
    data[at : at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data)
    with descriptor(turned) as opened, ChildDecoder(SETTINGS).open(opened, rate=5) as reader:
        assert (reader.facts.width, reader.facts.height) == (48, 64)
    picture = Frame(samples(turned)[0])
    assert (picture.width, picture.height) == (48, 64)
    pixels = np.asarray(picture.image(0))
    right, left = pixels[30, 43], pixels[30, 5]
    assert right[0] > 200 > 60 > right[2]  # what was above is at the right
    assert left[2] > 200 > 60 > left[0]


def test_a_frame_is_reduced_as_a_photograph_is() -> None:
    pixels = np.arange(6 * 10 * 3, dtype=np.uint8).tobytes()
    frame = Frame(Sample(0, pixels, 10, 6))
    whole = np.asarray(frame.image(0), np.int16)
    assert [frame.image(longest).size for longest in (10, 6, 5, 3, 2, 1, 0)] == [
        *((10, 6), (10, 6)),
        *((5, 3), (5, 3)),
        *((3, 2), (2, 1), (10, 6)),
    ]
    assert np.abs(np.asarray(frame.image(5), np.int16)[1, 2] - whole[2:4, 4:6].mean(axis=(0, 1))).max() <= 1


def test_ctrl_c_of_a_terminal_does_not_reach_the_decoder(short: Path) -> None:
    with descriptor(short) as opened, ChildDecoder(SETTINGS).open(opened, rate=5) as reader:
        assert os.getsid(reader._child.pid) == os.getpgid(reader._child.pid) == reader._child.pid != os.getsid(0)


def test_a_photograph_is_no_video() -> None:
    assert "is a photograph (image/png)" in refusal(SAMPLES / "astronaut.png")
    assert "is a photograph (image/jpeg)" in refusal(SAMPLES / "grace_hopper.jpg")


def test_what_is_no_video(tmp_path: Path, short: Path) -> None:
    noise, playlist, cut = tmp_path / "noise.mp4", tmp_path / "list.m3u8", tmp_path / "cut.mp4"
    noise.write_bytes(secrets.token_bytes(100_000))
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{short}\n#EXT-X-ENDLIST\n")
    cut.write_bytes(short.read_bytes()[: short.stat().st_size // 2])  # its index comes last
    for path in (noise, playlist, cut):
        assert "damaged, cut off, or no video" in refusal(path)
    concat = tmp_path / "concat.txt"
    concat.write_text(f"ffconcat version 1.0\nfile {short}\n")
    assert "no video" in refusal(concat)


def test_a_stream_that_is_cut_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mkv", [(8, empty)])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with descriptor(cut) as opened, ChildDecoder(SETTINGS).open(opened, rate=5) as reader:
        found = [one for one in reader if one is not None]
        assert 0 < len(found) < 40
        assert reader.cut


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx", {}),
        ("a.avi", "mpeg4", {}),
        ("a.flv", "flv", {}),
    ],
)
def test_a_stream_that_lacks_its_last_second_says_so(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    """By its last packet, or by the size that it declares: its length says nothing, or nothing as exact as that."""

    def moving(at: float) -> Image.Image:
        return Image.fromarray(np.random.default_rng(round(10 * at)).integers(0, 255, (48, 64, 3), np.uint8))

    data = make(tmp_path / name, [(3, moving)], codec=codec, options=options).read_bytes()
    for share, cut in ((1.0, False), (0.65, True)):
        path = tmp_path / f"part-{name}"
        path.write_bytes(data[: round(share * len(data))])
        with descriptor(path) as opened, ChildDecoder(SETTINGS).open(opened, rate=5) as reader:
            found = [one for one in reader if one is not None]
            assert (10 < len(found) <= 15, 4 < len(found) < 12)[cut]
            assert reader.cut is cut


def test_sound_alone(tmp_path: Path) -> None:
    assert "no video stream, only sound" in refusal(silence(tmp_path / "sound.m4a"))


def test_a_codec_that_is_not_taken(tmp_path: Path) -> None:
    path = make(tmp_path / "odd.avi", [(0.3, empty)], codec="ffv1")
    assert "codec (ffv1) can't be decoded" in refusal(path)


def test_a_frame_of_16k(tmp_path: Path) -> None:
    path = make(tmp_path / "large.avi", [(0.2, lambda _: Image.new("RGB", (16384, 64)))], codec="mjpeg")
    assert "16384 x 64 pixels" in refusal(path)


def test_longer_than_allowed_by_its_head_or_by_its_frames(tmp_path: Path) -> None:
    path = make(tmp_path / "long.mkv", [(4, halves)])
    decoder = ChildDecoder(Settings(max_video_seconds=2))
    assert "longer than 2 s" in refusal(path, decoder=decoder)
    data = path.read_bytes()
    duration = data.index(b"\x44\x89\x88") + 3
    liar = tmp_path / "liar.mkv"
    liar.write_bytes(data[:duration] + struct.pack(">d", 1000.0) + data[duration + 8 :])
    assert "longer than 2 s" in refusal(liar, decoder=decoder)


def _stamped(path: Path, stamps: list[int]) -> Path:
    """A video whose frames have these times, in milliseconds, also where no muxer writes such."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = Fraction(1, 1000)
        frame = av.VideoFrame.from_image(halves(0))
        for stamp in stamps:
            frame.pts, frame.time_base = 0, Fraction(1, 1000)
            for packet in _jpeg(frame):
                packet.stream, packet.pts, packet.dts = stream, stamp, stamp
                packet.time_base = Fraction(1, 1000)
                container.mux_one(packet)
    return path


def _jpeg(frame: Any) -> list[Any]:
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuvj420p", Fraction(1, 1000)
    return [*encoder.encode(frame), *encoder.encode(None)]


def test_times_that_run_backwards_go_forward(tmp_path: Path) -> None:
    clock = video_child.Clock(40.0)
    times = [clock.of(stamp) for stamp in (10.0, 10.04, 5.0, 5.04, None, 5.3)]
    assert times == [pytest.approx(one) for one in (0, 40, 80, 120, 160, 380)]


def test_one_time_that_is_wrong_moves_no_other() -> None:
    def of(*stamps: float) -> list[int]:
        clock = video_child.Clock(40.0, 8000)
        return [round(clock.of(stamp)) for stamp in stamps]

    assert of(0, 0.2, 0.1, 0.4, 0.3, 0.6) == [0, 200, 240, 400, 440, 600], "frames in another order"
    assert of(0, 4.8, 2.9, 5.0, 5.1) == [0, 4800, 4840, 5000, 5100], "a hole in the file"
    assert of(0, 0.2, 15605.0, 0.4) == [0, 200, 240, 400], "hours behind the end"


def test_a_file_whose_times_begin_again_halfway(tmp_path: Path) -> None:
    """Two recordings in one file, as cameras write them: what comes second goes on after the first."""
    part = make(tmp_path / "part.ts", [(2, empty)], codec="mpeg2video", rate=25)
    both = tmp_path / "both.ts"
    both.write_bytes(2 * part.read_bytes())
    times = [one.at for one in samples(both)]
    assert times == sorted(set(times))
    assert len(times) == pytest.approx(2 * len(samples(part)), abs=2)


def test_a_million_frames_in_a_second(tmp_path: Path) -> None:
    path = _stamped(tmp_path / "many.mkv", [number // 100 for number in range(400)])
    assert "more than 1,000 frames a second" in refusal(path)


def test_a_decoder_that_hangs_is_ended(short: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "child.py"
    hanging.write_text("import sys, time\nsys.stdin.buffer.readline()\ntime.sleep(600)\n")
    monkeypatch.setattr("kenspeckle.vision.video.CHILD", hanging)
    assert "standstill" in refusal(short, decoder=ChildDecoder(SETTINGS, stalled_seconds=0.3))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "more memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "too long to decode"),
        ("print('no JSON')", "crashed"),
        ("print('x' * 100000)", "crashed"),
        ('print(\'{"video": {"codec": 1}}\')', "crashed"),
    ],
)
def test_a_child_that_dies_or_lies(
    short: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, message: str
) -> None:
    child = tmp_path / "child.py"
    child.write_text(program)
    monkeypatch.setattr("kenspeckle.vision.video.CHILD", child)
    assert message in refusal(short)


def test_too_little_memory_is_a_sentence(tmp_path: Path) -> None:
    path = make(tmp_path / "big.mp4", [(0.5, lambda _: Image.new("RGB", (3840, 2160), "red"))])
    assert "memory" in refusal(path, decoder=ChildDecoder(SETTINGS, memory=40 << 20))


def test_the_child_ends_with_its_parent(short: Path) -> None:
    """The pipe to it closes, however the parent ends."""
    child = subprocess.Popen(
        [sys.executable, "-I", str(Path(video_child.__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    with descriptor(short) as opened:
        child.stdin.write(b'{"descriptor": %d, "folders": []}\n' % opened)
        child.stdin.close()
        assert child.wait(30) in (0, 1, -signal.SIGPIPE)
