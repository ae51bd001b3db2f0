"""Streams of cameras: a real one, passwords, and everything that a hostile or broken camera may send."""

from __future__ import annotations

import datetime
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from kenspeckle.domain import CameraAddress, Sample
from kenspeckle.ports import CameraAway, CameraRefused
from kenspeckle.vision import camera as cameras
from kenspeckle.vision.camera import CameraChild
from kenspeckle.vision.rtsp_relay import Answers, Relay, Unusable
from tests.cameras import SDP, answer, camera, guarded, listening, packet, playing, request, secured
from tests.fakes.certificates import Pair, pair
from tests.videos import make
from tests.vision.test_video import halves

Serve = Callable[[socket.socket], None]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("camera")
    make(folder / "hall.mp4", [(2.6, halves)])
    with camera(folder) as found:
        yield found


def at(port: int, path: str = "/hall.mp4", **more: object) -> CameraAddress:
    return CameraAddress(host="127.0.0.1", port=port, path=path, **more)  # type: ignore[arg-type]


def samples(where: CameraAddress, most: int = 4, **more: Any) -> list[Sample]:
    found: list[Sample] = []
    with CameraChild(**more).open(where, 5.0) as reader:
        for one in reader:
            found += [one] if one is not None else []
            if len(found) == most:
                break
    return found


def told(where: CameraAddress, **more: Any) -> str:
    with pytest.raises((CameraAway, CameraRefused)) as caught:
        samples(where, 100, **more)
    return str(caught.value)


def test_a_camera_gives_pictures_by_the_clock(port: int) -> None:
    with CameraChild().open(at(port), 5.0) as reader:
        assert reader.facts.codec == "h264"
        found = [one for one in reader if one is not None]
    assert 1 <= len(found) <= 14  # a busy machine looks at fewer
    assert all((one.width, one.height) == (64, 48) for one in found)
    times = [one.at for one in found]
    assert times == sorted(times)
    assert found[0].pixels[0] > 200 > 60 > found[0].pixels[2]  # red, above


def test_a_password_opens_the_door_and_is_no_argument_of_the_child(port: int) -> None:
    seen: list[str] = []
    secret = "pass wörd@/:?"
    with guarded(port, "admin", secret, seen) as door:
        where = at(door, user="admin", password=secret)
        with CameraChild().open(where, 5.0) as reader:
            child = reader._child.pid
            for name in ("cmdline", "environ", "comm"):
                kept = Path(f"/proc/{child}/{name}")
                assert not kept.exists() or secret.encode() not in kept.read_bytes()
            assert next(iter(reader)) is not None
        assert any("Digest" in one for one in seen)
        assert "user and password" in told(at(door, user="admin", password="another"))
        assert "user and password" in told(at(door))
    assert secret not in repr(where)
    assert not any(secret in one for one in seen)
    assert "too long" in told(at(port, user="a", password="b" * 200))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("authority"), "authority")


def test_a_camera_with_a_certificate_of_an_authority_that_is_named(
    port: int, authority: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with secured(port, pair(tmp_path, "camera", signer=authority)) as door:
        found = samples(at(door, tls=True))
    assert len(found) == 4


def test_a_certificate_that_is_not_to_be_trusted_gets_no_password(
    port: int, authority: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    right = pair(tmp_path, "right", signer=authority)
    wrong = (
        pair(tmp_path, "foreign", signer=pair(tmp_path, "another")),
        pair(tmp_path, "own"),
        pair(tmp_path, "expired", signer=authority, until=long_ago),
        pair(tmp_path, "elsewhere", signer=authority, address="127.0.0.2"),
    )
    seen: list[bytes] = []
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    for one in wrong:
        with secured(port, one, seen) as door:
            assert "certificate" in told(at(door, tls=True, user="admin", password="s3cret")), one
    monkeypatch.delenv("SSL_CERT_FILE")
    with secured(port, right, seen) as door:
        assert "certificate" in told(at(door, tls=True, user="admin", password="s3cret"))
    assert seen == []
    assert "does not speak TLS" in told(at(port, tls=True))


def test_what_tls_says_by_itself_keeps_no_request_waiting(port: int, tmp_path: Path) -> None:
    """Tickets come after the handshake, before anybody asks for anything (RFC 8446, 4.6.1)."""
    own = pair(tmp_path, "own")
    with secured(port, own) as door:
        relay = Relay("127.0.0.1", door, tls=True, certificates=str(own.certificate))
        with socket.create_connection(("127.0.0.1", relay.port), timeout=20) as asking:
            time.sleep(0.2)  # for the tickets; a relay that has not seen them yet only makes this easier
            asking.sendall(b"OPTIONS rtsp://127.0.0.1/hall.mp4 RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            assert asking.recv(100).startswith(b"RTSP/1.0 200")


def test_a_stream_that_is_not_there(port: int) -> None:
    assert "no stream at this path" in told(at(port, "/cellar.mp4"))
    free = socket.create_server(("127.0.0.1", 0))
    number = free.getsockname()[1]
    free.close()
    assert "Nothing listens" in told(at(number))
    assert "name of the camera" in told(CameraAddress(host="no-such-camera.invalid"))
    with listening(web) as door:
        assert "does not speak TLS" in told(at(door, tls=True))


def test_what_is_no_camera_of_this_machine() -> None:
    assert "no camera that can be opened" in told(CameraAddress(device="/dev/video4711"))
    assert "no camera that can be opened" in told(CameraAddress(device="/dev/null"))


def says(reply: Callable[[str, dict[str, str]], bytes]) -> Serve:
    def serve(connection: socket.socket) -> None:
        while True:
            connection.sendall(reply(*request(connection)))

    return serve


def garbage(connection: socket.socket) -> None:
    connection.sendall(os.urandom(200_000))


def web(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def endless_head(connection: socket.socket) -> None:
    connection.sendall(b"RTSP/1.0 200 OK\r\n")
    while True:
        connection.sendall(b"X: y\r\n" * 1000)


def endless_line(connection: socket.socket) -> None:
    connection.sendall(b"RTSP/1.0 200 OK\r\nX: ")
    while True:
        connection.sendall(b"y" * 10_000)


def udp_alone(method: str, headers: dict[str, str]) -> bytes:
    if method == "SETUP":
        return answer(headers, "461 Unsupported Transport")
    return answer(headers, body=SDP if method == "DESCRIBE" else "")


def sound(method: str, headers: dict[str, str]) -> bytes:
    said = SDP.replace("m=video", "m=audio").replace("H264/90000", "PCMU/8000")
    return answer(
        headers, body=said if method == "DESCRIBE" else "", Session="1", Transport="RTP/AVP/TCP;interleaved=0-1"
    )


@pytest.mark.parametrize(
    ("serve", "sentence"),
    [
        (garbage, "no stream of RTSP"),
        (web, "no stream of RTSP"),
        (endless_head, "no stream of RTSP"),
        (endless_line, "no stream of RTSP"),
        (says(lambda _, headers: answer(headers, "503 Service Unavailable")), "no place"),
        (says(lambda _, headers: answer(headers, "500 Internal Server Error")), "declines"),
        (says(udp_alone), "UDP alone"),
        (says(sound), "no video"),
    ],
    ids=["garbage", "web", "endless head", "endless line", "busy", "error", "UDP", "sound"],
)
def test_cameras_that_are_none(serve: Serve, sentence: str) -> None:
    with listening(serve) as door:
        assert sentence in told(at(door))


@pytest.mark.parametrize("when", ["OPTIONS", "DESCRIBE", "SETUP"])
def test_a_redirect_is_followed_nowhere_and_takes_no_password_along(when: str) -> None:
    reached: list[bytes] = []

    def elsewhere(connection: socket.socket) -> None:
        reached.append(connection.recv(1000))

    with listening(elsewhere) as other:

        def reply(method: str, headers: dict[str, str]) -> bytes:
            if method == when:
                return answer(headers, "302 Found", Location=f"rtsp://127.0.0.1:{other}/")
            return answer(headers, body=SDP if method == "DESCRIBE" else "")

        with listening(says(reply)) as door:
            said = told(at(door, user="admin", password="secret"))
    assert "another address, which is not followed" in said
    assert str(other) not in said
    assert reached == []


def test_a_camera_that_is_silent() -> None:
    quiet = threading.Event()

    def silent(_: socket.socket) -> None:
        quiet.wait(30)

    with listening(silent) as door:
        assert "standstill" in told(at(door), stalled_seconds=3.0)
        began, stopped = time.monotonic(), threading.Event()
        threading.Timer(0.3, stopped.set).start()
        with pytest.raises(CameraAway, match="stopped"), CameraChild().open(at(door), 5.0, stopped.is_set):
            pass
        assert time.monotonic() - began < 15
    quiet.set()


def test_a_stream_without_a_picture_that_can_be_decoded() -> None:
    """Pictures that refer to one that never came, for ever."""

    def stream(connection: socket.socket) -> None:
        for number in range(100_000):
            connection.sendall(packet(number, 3000 * number, b"\x41" + os.urandom(900)))
            time.sleep(0.001)

    with listening(playing(stream)) as door:
        assert told(at(door), blind_seconds=1.0) == cameras.AWAY["blind"]


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], list[bytes]]:
    """Units of H.264 of one picture, by its size."""
    from tests.videos import av

    found = {}
    for size in ((64, 48), (320, 240), (8448, 4352)):
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = *size, "yuv420p"
        context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        context.time_base = Fraction(1, 25)
        frame = av.VideoFrame(*size, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        data = b"".join(bytes(one) for one in [*context.encode(frame), *context.encode(None)])
        found[size] = [one for one in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if one]
    return found


def sent(units: list[bytes], number: int, stamp: int) -> bytes:
    """A picture as packets; large units in parts (FU-A)."""
    data = b""
    for unit in units:
        pieces = [unit[start : start + 1400] for start in range(1, len(unit), 1400)]
        for at_, piece in enumerate(pieces):
            first, last = at_ == 0, at_ == len(pieces) - 1
            kind = (
                bytes([unit[0] & 0xE0 | 28, 0x80 * first | 0x40 * last | unit[0] & 0x1F])
                if len(pieces) > 1
                else unit[:1]
            )
            data += packet(number, stamp, kind + piece, marker=last and unit is units[-1])
            number += 1
    return data


def test_a_stream_that_changes_its_size(sizes: dict[tuple[int, int], list[bytes]]) -> None:
    def stream(connection: socket.socket) -> None:
        number = 0
        for turn in range(400):
            data = sent(sizes[(64, 48) if turn < 120 else (320, 240)], number, 3600 * turn)
            number += data.count(b"$\0")
            with suppress(OSError):
                connection.sendall(data)
            time.sleep(0.02)

    with listening(playing(stream)) as door, CameraChild().open(at(door), 25.0) as reader:
        found = set()
        for one in reader:
            if one is not None:
                found.add((one.width, one.height))
            if len(found) == 2:
                break
    assert found == {(64, 48), (320, 240)}


def test_a_stream_of_too_many_pixels(sizes: dict[tuple[int, int], list[bytes]]) -> None:
    def stream(connection: socket.socket) -> None:
        for turn in range(10):
            connection.sendall(sent(sizes[8448, 4352], 1000 * turn, 3600 * turn))
        time.sleep(20)

    with listening(playing(stream)) as door:
        assert "8448 x 4352 pixels" in told(at(door))


def test_a_stream_that_ends_is_told_as_its_end(port: int) -> None:
    found = samples(at(port), 100)
    assert found


def test_answers_are_taken_apart_as_ffmpeg_reads_them() -> None:
    whole = b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nab$cd" + b"$\0\0\x0812345678" + b"\r\nRTSP/1.0 404 No\n\n"
    for size in (1, 3, 1000):
        answers = Answers()
        passed = b"".join(answers.pass_on(whole[start : start + size]) for start in range(0, len(whole), size))
        assert passed == whole.replace(b"12345678\r\n", b"12345678")
        assert answers.status == 404
    assert Answers().pass_on(b"$\0\0\x04abcd" * 20_000 + b"\n" * 70_000) == b""


@pytest.mark.parametrize(
    "said",
    [
        b"RTSP/1.0 302 Found\r\n",
        b"REDIRECT rtsp://x RTSP/1.0\r\n",
        b"$\0\0\x07RTSP/1.\nRTSP/1.0 301 x\r\n",
        b"RTSP/1.0 200 OK\r\n$RTSP/1.0 302 Found\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 1x\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b" RTSP/1.0 302 Found\r\n",
        b"RTSP/2.0 700 x\r\n",
        b"\0\0\0\0",
    ],
)
def test_what_could_hide_a_redirect_is_refused(said: bytes) -> None:
    with pytest.raises(Unusable):
        Answers().pass_on(said)
