"""`kenspeckle watch` at a camera: a real RTSP server, a real service, one event for each appearance."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kenspeckle.cli.app import app
from kenspeckle.cli.launch import Launched
from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import CameraAddress, Sample
from kenspeckle.intake.watch.camera import CameraLoop
from kenspeckle.intake.watch.camera_address import VARIABLE, credentials_of, is_camera, name_of, parse
from kenspeckle.intake.watch.worker import LONGEST_PAUSE, Backoff
from kenspeckle.ports import CameraAway, CameraRefused, Track
from kenspeckle.usecases.videos.live import SeenPerson
from tests.cameras import camera, guarded
from tests.intake.watch.conftest import environment, until
from tests.videos import EILEEN, GRACE, make, shot

SECRET = "s3cret:with@signs"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("camera")
    make(folder / "hall.mp4", [(5, shot((GRACE, 20, 20), (EILEEN, 330, 20), speed=5, ground="#a98"))])
    make(folder / "long.mp4", [(60, shot((GRACE, 200, 20), speed=0))])
    with camera(folder) as found:
        yield found


def words(where: str, url: str, *more: str) -> list[str]:
    return ["watch", where, "--url", url, "--json", *more]


def looked(where: str, url: str, *more: str, variable: str | None = None) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, events and words of `kenspeckle watch CAMERA --once`, in this process."""
    done = CliRunner().invoke(app, words(where, url, "--once", *more), env={VARIABLE: variable})
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_each_appearance_is_one_event_and_nothing_is_stored(server: Launched, port: int) -> None:
    before = httpx.get(f"{server.url}/v1/info").json()["counts"]
    code, events, said = looked(f"rtsp://127.0.0.1:{port}/hall.mp4", server.url, "--name", "hall")
    assert code == 0, said
    assert {(one["camera"], one["status"], one["name"]) for one in events} == {
        ("hall", "matched", "Grace hopper"),
        ("hall", "unknown", None),
    }
    assert [one["appearance"] for one in events] == list(range(1, len(events) + 1))
    for one in events:
        assert one["frames"] >= 3
        assert one["from"] < one["to"]
    assert httpx.get(f"{server.url}/v1/info").json()["counts"] == before
    rows = httpx.get(f"{server.url}/v1/audit?operation=SearchAppearance").json()
    assert "hall" in json.dumps(rows)


def test_who_is_not_known_is_stored_where_that_is_asked_for(server: Launched, port: int) -> None:
    httpx.post(f"{server.url}/v1/collections", json={"CollectionId": "door"}).raise_for_status()
    where = f"rtsp://127.0.0.1:{port}/hall.mp4"
    code, events, said = looked(where, server.url, "--index", "--collection", "door")
    assert code == 0, said
    # A machine that is too busy to look often tells of one face twice, and knows it the second time.
    assert {"indexed"} <= {one["status"] for one in events} <= {"indexed", "matched"}
    stored = sum(one["status"] == "indexed" for one in events)
    faces = httpx.get(f"{server.url}/v1/collections/door/faces").json()["Faces"]
    assert len(faces) == stored >= 2
    assert all("ExternalImageId" not in one for one in faces)
    code, events, said = looked(where, server.url, "--index", "--collection", "door")
    assert [one["status"] for one in events].count("matched") >= 2, said
    stored += sum(one["status"] == "indexed" for one in events)
    assert len(httpx.get(f"{server.url}/v1/collections/door/faces").json()["Faces"]) == stored


def test_a_password_from_a_file_or_the_environment_is_shown_nowhere(
    server: Launched, port: int, tmp_path: Path
) -> None:
    kept = tmp_path / "camera"
    kept.write_text(f"admin:{SECRET}\n")
    kept.chmod(0o644)
    with guarded(port, "admin", SECRET) as door:
        where = f"rtsp://127.0.0.1:{door}/hall.mp4"
        code, events, said = looked(where, server.url, "--credentials", str(kept))
        assert code == 0
        assert len(events) >= 2
        assert "chmod 600" in said
        everything = [said, *map(json.dumps, events), *server.log, httpx.get(f"{server.url}/v1/audit").text]
        code, events, said = looked(where, server.url, variable="admin:wrong")
        assert (code, events) == (2, [])
        assert "does not accept user and password" in said
    code, _, refused = looked(f"rtsp://admin:{SECRET}@127.0.0.1/x", server.url)
    assert (code, "holds a password" in refused) == (2, True)
    assert SECRET not in "".join([*everything, said, refused])
    assert VARIABLE not in os.environ


@contextmanager
def watching(where: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kenspeckle", *words(where, url)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(), VARIABLE: f"admin:{SECRET}"},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of processes")
def test_a_signal_ends_it_with_whom_it_has_seen(server: Launched, port: int) -> None:
    seen: list[str] = []
    with guarded(port, "admin", SECRET, seen) as door, watching(f"rtsp://127.0.0.1:{door}/long.mp4", server.url) as one:
        until(lambda: any(line.startswith("PLAY") for line in seen), 60)
        for pid in (one.pid, *children(one.pid)):
            assert SECRET.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        until(lambda: len(seen) > 5 or one.poll() is not None or bool(children(one.pid)), 20)
        line = _first(one)  # somebody who stays is told of after ten seconds
        one.send_signal(signal.SIGTERM)
        out, err = one.communicate(timeout=60)
    assert one.returncode == 0, err
    event = json.loads(line)
    assert (event["name"], event["ended"]) == ("Grace hopper", False)
    assert SECRET.encode() not in out + err


def _first(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def test_videos_of_one_person_are_stored_under_their_name(server: Launched, tmp_path: Path) -> None:
    httpx.post(f"{server.url}/v1/collections", json={"CollectionId": "films"}).raise_for_status()
    drop = tmp_path / "drop"
    (drop / "Eileen Collins").mkdir(parents=True)
    make(drop / "Eileen Collins" / "a.mp4", [(1, shot((EILEEN, 100, 20)))])
    (drop / "Both").mkdir()
    make(drop / "Both" / "b.mp4", [(1, shot((GRACE, 20, 20), (EILEEN, 330, 20), speed=10))])
    asked = ["--videos", "--index", "--by", "folder", "--collection", "films", "--once", "--settle", "0.2"]
    done = CliRunner().invoke(app, words(str(drop), server.url, *asked))
    states = {one["path"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert done.exit_code == 1, done.stderr
    eileen, both = states["Eileen Collins/a.mp4"], states["Both/b.mp4"]
    assert (eileen["status"], eileen["identity"]) == ("indexed", "Eileen_Collins")
    assert both["status"] == "failed"
    assert "shows 2 people" in both["error"]["message"]
    faces = httpx.get(f"{server.url}/v1/collections/films/faces").json()["Faces"]
    assert {one["ExternalImageId"] for one in faces} == {"Eileen_Collins"}
    assert 1 <= len(faces) <= 3


def test_addresses() -> None:
    found = parse("rtsps://Camera.example:8322/a/b?channel=1", "admin:p:w")
    assert found == CameraAddress("", "camera.example", 8322, True, "/a/b?channel=1", "admin", "p:w")
    assert name_of(found) == "camera.example:8322"
    assert parse("rtsp://me@[::1]/", "only the password") == CameraAddress(
        host="::1", path="/", user="me", password="only the password"
    )
    assert parse("rtsp://h", "").port == 554
    assert "b?channel" not in repr(found)
    assert [is_camera(one) for one in ("rtsp://x", "/dev/null", "/dev", "rtsp", "a\0b")] == [True] * 2 + [False] * 3
    assert name_of(parse("/dev/null", "")) == "null"
    for wrong in (
        "http://x/secret",
        "rtsp:///secret",
        "rtsp://x:99999/secret",
        "rtsp://x/secret\r\nX: y",
        "rtsp://x/#s",
    ):
        with pytest.raises(CommandFailed) as caught:
            parse(wrong, "")
        assert "secret" not in caught.value.message + caught.value.hint


def test_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "a:b")
    assert credentials_of(None, pytest.fail) == "a:b"
    assert VARIABLE not in os.environ
    file = tmp_path / "kept"
    for wrong in (b"", b"a:b\nc:d", b"\xff\xfe", b"x" * 5000):
        file.write_bytes(wrong)
        file.chmod(0o600)
        with pytest.raises(CommandFailed, match="on one line"):
            credentials_of(file, pytest.fail)
    with pytest.raises(CommandFailed, match="can't be read"):
        credentials_of(tmp_path / "none", pytest.fail)


class Decoder:
    """Streams that are told beforehand: an error, or how many pictures come before the end."""

    def __init__(self, streams: list[Exception | int], stop: threading.Event) -> None:
        self.streams = streams
        self._stop = stop
        self.opened = 0

    @contextmanager
    def open(self, camera: CameraAddress, rate: float, stopped: Callable[[], bool]) -> Iterator[Any]:
        self.opened += 1
        if not self.streams:
            self._stop.set()
            raise CameraAway("stopped")
        stream = self.streams.pop(0)
        if isinstance(stream, Exception):
            raise stream
        yield [Sample(200 * number, b"", 2, 2) for number in range(stream)]


class Follower:
    """Somebody is seen as long as a stream goes on."""

    def __init__(self) -> None:
        self.frames = 0

    def take(self, sample: Sample) -> list[SeenPerson]:
        self.frames += 1
        return []

    def rest(self) -> list[SeenPerson]:
        return [SeenPerson(Track(0, 0, 200 * self.frames, self.frames), True, (b"",))] if self.frames else []


class Pauses(Backoff):
    """Does not wait, and notes for how long it would have."""

    def pause(self, attempt: int, error: Exception) -> bool:
        waited.append(attempt)
        self.remark(str(error))
        return not self.stop.is_set()


waited: list[int] = []


def loop(streams: list[Exception | int]) -> tuple[CameraLoop, list[SeenPerson], list[str], Decoder]:
    waited.clear()
    stop, told, said = threading.Event(), list[SeenPerson](), list[str]()
    decoder = Decoder(streams, stop)
    made = CameraLoop(
        CameraAddress(host="x"),
        decoder,
        5.0,
        Follower,  # type: ignore[arg-type]
        lambda seen, since: told.append(seen),
        Pauses(stop, said.append),
        stop,
    )
    return made, told, said, decoder


def test_a_camera_is_opened_again_ever_later_and_who_was_seen_is_told() -> None:
    looks, told, said, _ = loop([CameraAway("It is away."), CameraAway("It is away."), 5, 3])
    looks.run()
    assert [one.track.frames for one in told] == [5, 3]
    assert waited == [0, 1, 2, 3]  # streams of less than a minute do not begin the count anew
    assert said == [
        "It is away.",
        "It is away.",
        "The camera has ended its stream.",
        "The camera has ended its stream.",
    ]
    assert LONGEST_PAUSE == 60


def test_what_a_person_has_to_mend_ends_it() -> None:
    looks, told, _, decoder = loop([2, CameraRefused("Not this password."), 5])
    with pytest.raises(CommandFailed, match="Not this password"):
        looks.run()
    assert (len(told), decoder.opened) == (1, 2)


def test_once_ends_with_the_stream() -> None:
    looks, told, _, decoder = loop([CameraAway("Not yet."), 2, 5])
    looks.run(once=True)
    assert (len(told), decoder.opened) == (1, 2)
