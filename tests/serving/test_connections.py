"""How many connections there may be, of whom, and which makes room for another."""

from __future__ import annotations

import errno
import logging
import os
import resource
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from kenspeckle.serving import descriptors
from kenspeckle.serving.connections import (
    BURST_SECONDS,
    DEBT_SECONDS,
    NEW_RATE,
    WRONG_RATE,
    Connections,
    Entry,
    of_one_host,
)
from kenspeckle.serving.flow import Bounds
from kenspeckle.serving.proxies import Proxies
from kenspeckle.serving.tls import certificate
from kenspeckle.settings import Settings
from tests.fakes.certificates import pair
from tests.serving.echo import QUICK, echoing, received, trusting
from tests.serving.test_http_protocol import GET, statuses


class Door:
    """Connections that remember who was shut out."""

    def __init__(self, most: int, most_per_host: int, exempt: str = "") -> None:
        self.time, self.step = 0.0, 1.0
        self.all = Connections(most, most_per_host, Proxies(exempt), now=lambda: self.time)
        self.closed: list[str] = []

    def enter(self, host: str, name: str = "") -> Entry | None:
        self.time += self.step
        return self.all.enter(host, self._close(name or host))

    def _close(self, name: str) -> Callable[[], None]:
        return lambda: self.closed.append(name)


def test_the_one_that_waits_longest_makes_room() -> None:
    door = Door(10, 3)
    first, second, third = (door.enter("192.0.2.1", name) for name in ("first", "second", "third"))
    assert first is not None
    assert second is not None
    assert third is not None
    first.work()
    door.enter("192.0.2.2", "other")
    assert door.enter("192.0.2.1", "fourth") is not None
    assert door.closed == ["second"]
    assert len(door.all) == 4
    second.leave()  # As its protocol says when it is lost.
    assert len(door.all) == 4


def test_where_all_are_worked_on_the_new_one_is_refused() -> None:
    door = Door(10, 2)
    for _ in range(2):
        entry = door.enter("192.0.2.1")
        assert entry is not None
        entry.work()
    assert door.enter("192.0.2.1") is None
    assert door.enter("192.0.2.2") is not None


def test_bodies_that_drip_keep_no_neighbour_out() -> None:
    """All connections of an address are busy with bodies for which no key is proved, and another comes."""
    bounds = replace(QUICK, unread_seconds=30.0)
    with echoing(bounds, body_seconds=30.0, connections_per_host=4) as echo, ExitStack() as stack:
        dripping = []
        for number in range(4):
            dripping.append(stack.enter_context(echo.connect()))
            dripping[-1].sendall(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx" % number)
            echo.until(lambda number=number: len(echo.seen) == number + 1)  # type: ignore[misc]  # its own number
        assert statuses(echo.exchange(GET[:-2] + b"X-Api-Key: ksp_x\r\nConnection: close\r\n\r\n")) == [200]
        assert received(dripping[0]) == b""
        for one in dripping[1:]:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)


def test_a_connection_with_a_key_is_not_closed_while_it_is_busy() -> None:
    door = Door(10, 3)
    entries = [door.enter("192.0.2.1", name) for name in ("first", "second", "third")]
    for number, entry in enumerate(entries):
        assert entry is not None
        entry.work()
        entry.is_unproved = lambda number=number: number > 0  # type: ignore[misc]  # its own number
    assert [door.enter("192.0.2.1", name) is not None for name in ("fourth", "fifth")] == [True, True]
    assert door.closed == ["second", "fourth"]  # What waits goes before what is busy.


def test_of_all_the_host_with_most_makes_room() -> None:
    door = Door(6, 5, "198.51.100.0/24")
    for number in range(3):
        door.enter("192.0.2.1", f"greedy {number}")
    for _ in range(3):
        door.enter("192.0.2.2")
    door.enter("192.0.2.2")
    assert door.enter("192.0.2.3") is not None
    assert len(door.all) == 6
    assert all(name != "192.0.2.3" for name in door.closed)


def test_trusted_proxies_may_have_any_number() -> None:
    door = Door(100, 2, "198.51.100.0/24")
    assert all(door.enter("198.51.100.7") for _ in range(50))
    assert door.closed == []


def test_a_host_of_ipv6_is_its_network() -> None:
    assert of_one_host("2001:db8:1:2:3:4:5:6") == of_one_host("2001:db8:1:2::1")
    assert of_one_host("2001:db8:1:2::1") != of_one_host("2001:db8:1:3::1")
    assert of_one_host("::ffff:192.0.2.1") == of_one_host("192.0.2.1")
    assert of_one_host("fe80::1%eth0") == of_one_host("fe80::2")
    assert of_one_host("") == ""


def test_requests_without_a_key_are_slowed_down_by_host() -> None:
    door = Door(10, 5, "198.51.100.7")
    one, other, proxy = door.enter("192.0.2.1"), door.enter("192.0.2.2"), door.enter("198.51.100.7")
    assert one is not None
    assert other is not None
    assert proxy is not None
    assert [one.delay(10.0) <= 0 for _ in range(31)] == [True] * 30 + [False]
    assert one.delay() > 0
    assert other.delay(10.0) <= 0
    assert [proxy.delay(1.0) for _ in range(50)] == [0.0] * 50
    door.time += 3
    assert one.delay(10.0) <= 0


def test_the_rate_without_a_key_holds_for_all_connections_of_a_host_together() -> None:
    """Each waits for its own turn: the longest of them does not come together with the others."""
    bounds, settings = Bounds(), Settings()
    assert settings.connections_per_host / bounds.anonymous_rate <= bounds.longest_pause


def test_a_flood_without_a_key_waits() -> None:
    with echoing(replace(QUICK, anonymous_rate=2.0, longest_pause=0.2)) as echo:
        begun = time.monotonic()
        assert statuses(echo.exchange(GET * 17)) == [200] * 17
        assert time.monotonic() - begun > 10 * 0.2
        begun = time.monotonic()
        assert statuses(echo.exchange(GET)) == [200]
        assert time.monotonic() - begun > 0.2


def test_requests_sent_at_once_do_not_hold_their_connection_for_a_pause_each() -> None:
    bounds = replace(QUICK, anonymous_rate=1.0, longest_pause=0.1, waiting_seconds=0.25)
    with echoing(bounds) as echo:
        answered = statuses(echo.exchange(GET * 17))
        assert set(answered) == {200}
        assert 4 <= len(answered) < 17
        echo.until(lambda: not echo.config.connections)


def test_a_host_waits_no_longer_than_a_flood_lasted() -> None:
    door = Door(10, 5)
    one = door.enter("192.0.2.1")
    assert one is not None
    for _ in range(10_000):
        one.delay(10.0)
    assert one.delay() <= DEBT_SECONDS + 0.1
    door.time += DEBT_SECONDS + 0.2
    assert one.delay() <= 0


def test_a_host_of_many_wrong_keys_is_one_until_it_stops() -> None:
    door = Door(10, 5, "198.51.100.7")
    one, other, proxy = door.enter("192.0.2.1"), door.enter("192.0.2.2"), door.enter("198.51.100.7")
    assert one is not None
    assert other is not None
    assert proxy is not None
    told = []
    for _ in range(int(WRONG_RATE * BURST_SECONDS) + 1):
        told.append(one.floods)
        one.count_wrong()
        proxy.count_wrong()
    assert told == [False] * len(told)
    assert (one.floods, other.floods, proxy.floods) == (True, False, False)
    door.time += 0.2
    assert not one.floods


def test_new_connections_of_one_host_come_at_a_rate() -> None:
    door = Door(100_000, 100_000, "198.51.100.7")
    burst = int(NEW_RATE * BURST_SECONDS) + 1
    door.step = 0.0
    entries = [door.enter("192.0.2.1") for _ in range(burst + 500)]
    assert [one is not None for one in entries] == [True] * burst + [False] * 500
    assert door.enter("192.0.2.2") is not None
    assert all(door.enter("198.51.100.7") for _ in range(burst + 500))
    door.time += 10.5 / NEW_RATE  # Those that were refused are not counted.
    assert [door.enter("192.0.2.1") is not None for _ in range(12)] == [True] * 10 + [False] * 2
    assert door.all.refused == 502


def test_connections_on_which_a_key_was_proved_are_not_counted_as_new() -> None:
    door = Door(100_000, 100_000)
    door.step = 0.0
    for _ in range(int(3 * NEW_RATE * BURST_SECONDS)):
        entry = door.enter("192.0.2.1")
        assert entry is not None
        entry.prove()
        entry.prove()  # A second request with a key gives nothing back.
    assert sum(door.enter("192.0.2.1") is not None for _ in range(5000)) == int(NEW_RATE * BURST_SECONDS) + 1


def test_connections_on_which_nothing_happens_keep_nobody_out() -> None:
    with echoing(connections=20, connections_per_host=20) as echo:
        held = []
        for _ in range(60):
            one = echo.connect()
            one.sendall(GET)
            one.recv(4096)
            one.sendall(b"GET / HT")
            held.append(one)
        assert len(echo.config.connections) <= 20
        assert statuses(echo.exchange(GET)) == [200]
        for one in held:
            one.close()


def test_silence_before_tls_is_bounded(tmp_path: Path) -> None:
    made = pair(tmp_path, "server")
    tls = certificate(str(made.certificate), str(made.key))
    assert tls is not None
    with echoing(tls=tls, connections_per_host=20) as echo:
        silent = [echo.connect() for _ in range(50)]
        assert len(echo.config.connections) <= 20
        with trusting(tls).wrap_socket(echo.connect()) as connection:
            connection.sendall(GET)
            assert statuses(connection.recv(4096)) == [200]
            connection.sendall(b"GET / HT")
            assert statuses(received(connection)) == [408]
        for one in silent:
            one.close()
        echo.until(lambda: not echo.config.connections)


def test_a_handshake_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pair(tmp_path, "server")
    tls = certificate(str(made.certificate), str(made.key))
    monkeypatch.setattr("kenspeckle.serving.listener.HANDSHAKE_SECONDS", 0.3)
    with echoing(tls=tls) as echo, echo.connect() as silent, echo.connect() as half:
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
        begun = time.monotonic()
        assert received(silent) == received(half) == b""
        assert time.monotonic() - begun < 3


def test_descriptors_that_are_used_up_are_logged_and_given_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(descriptors, "_told", float("-inf"))
    monkeypatch.setattr("kenspeckle.serving.server.LOOK_SECONDS", 0.05)
    really, used_up = os.open, [True]

    def none_left(path: str, *others: int) -> int:
        if path == os.devnull and used_up[0]:
            raise OSError(errno.EMFILE, "Too many open files")
        return really(path, *others)

    with echoing(replace(QUICK, head_seconds=20.0)) as echo, caplog.at_level(logging.ERROR):
        waiting = [echo.connect() for _ in range(3)]
        echo.until(lambda: len(echo.config.connections) == 3)
        monkeypatch.setattr(os, "open", none_left)
        echo.until(lambda: len(echo.config.connections) < 2)
        used_up[0] = False
        assert statuses(echo.exchange(GET)) == [200]
        assert sum("no descriptor is left" in one.getMessage() for one in caplog.records) == 1
        for one in waiting:
            one.close()


def test_who_does_not_take_its_answer_makes_room() -> None:
    with echoing(replace(QUICK, send_seconds=20.0), connections_per_host=4) as echo, ExitStack() as stack:
        for _ in range(8):
            unread = stack.enter_context(socket.socket())
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            unread.connect(("127.0.0.1", echo.port))
            unread.sendall(GET.replace(b"/one", b"/large") * 16)
            echo.until(lambda: all(not entry.busy for entry in echo.config.connections.entries()))
        assert statuses(echo.exchange(GET)) == [200]


@pytest.mark.parametrize(
    ("soft", "hard", "found"), [(4096, 4096, 1000), (512, 4096, 1000), (512, 512, 256), (64, 64, 32)]
)
def test_connections_are_as_many_as_there_are_descriptors_for(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, found: int
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert descriptors.affordable(1000) == found
    assert asked == ([(min(1000 + descriptors.OTHERS, hard), hard)] if soft < 1000 else [])
