"""The gate admits what fits, refuses the rest at once, and never loses a place."""

import threading
import time

import pytest

from kenspeckle.errors import Overloaded, ShuttingDown
from kenspeckle.usecases.gate import Gate


def test_admits_workers_and_queue_and_refuses_the_next() -> None:
    gate = Gate(workers=1, queue=1, wait_seconds=1)
    with gate.admit(), gate.admit():
        with pytest.raises(Overloaded) as refused, gate.admit():
            pass
        assert refused.value.retry_after is not None
        assert gate.refused == 1
    assert gate.admitted == 0


def test_a_place_is_given_back_when_the_work_fails() -> None:
    gate = Gate(workers=1, queue=0, wait_seconds=0.05)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.admit(), gate.turn():
            raise ZeroDivisionError
    assert (gate.admitted, gate.running) == (0, 0)


def test_waiting_longer_than_allowed_is_refused() -> None:
    gate = Gate(workers=1, queue=5, wait_seconds=0.05)
    with gate.turn():
        start = time.monotonic()
        with pytest.raises(Overloaded), gate.turn():
            pass
        assert time.monotonic() - start < 1


def test_never_more_than_workers_at_once() -> None:
    gate = Gate(workers=2, queue=100, wait_seconds=10)
    seen: list[int] = []

    def work() -> None:
        with gate.turn():
            seen.append(gate.running)
            time.sleep(0.002)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert max(seen) == 2


def test_closed_it_takes_nothing_new_and_lets_finish() -> None:
    gate = Gate(workers=1, queue=1, wait_seconds=1)
    with gate.admit():
        gate.close()
        with pytest.raises(ShuttingDown), gate.admit():
            pass
        with gate.turn():
            assert gate.running == 1
