"""The gate admits what fits, refuses the rest at once, and never loses a place."""

import threading
import time
from contextlib import ExitStack

import pytest

from kenspeckle.errors import Overloaded, ShuttingDown
from kenspeckle.usecases.recognition.admission import Gate


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


def test_what_runs_beside_requests_waits_until_none_holds_a_place_or_its_time_is_over() -> None:
    gate = Gate(workers=1, queue=1, wait_seconds=1)
    gate.give_way(60)
    waits, waited = threading.Event(), threading.Event()

    def step() -> None:
        waits.set()
        gate.give_way(60)
        waited.set()

    with gate.admit():
        thread = threading.Thread(target=step)
        thread.start()
        assert waits.wait(10)
        gate.give_way(0.01)
        assert not waited.is_set()
    assert waited.wait(10)
    thread.join()
    with gate.admit():
        thread = threading.Thread(target=gate.give_way, args=(60,))
        thread.start()
        gate.close()
        thread.join(10)
        assert not thread.is_alive(), "a shutdown waits for nobody"


def test_work_that_nobody_waits_for_is_never_refused_a_turn() -> None:
    gate = Gate(workers=1, queue=1, wait_seconds=0.01)
    done = threading.Event()

    def step() -> None:
        with gate.turn(patient=True):
            done.set()

    with gate.turn():
        thread = threading.Thread(target=step)
        thread.start()
        with pytest.raises(Overloaded), gate.turn():
            pass
        assert not done.is_set()
    assert done.wait(10)
    thread.join()


def test_closed_it_takes_nothing_new_and_lets_finish() -> None:
    gate = Gate(workers=1, queue=1, wait_seconds=1)
    with gate.admit():
        gate.close()
        with pytest.raises(ShuttingDown), gate.admit():
            pass
        with gate.turn():
            assert gate.running == 1


class Loaded:
    """A gate of two workers and a queue of eight, a clock, and the photographs that it has taken."""

    def __init__(self) -> None:
        self.time = 100.0
        self.gate = Gate(workers=2, queue=8, wait_seconds=1, now=lambda: self.time)
        self.taken: list[ExitStack] = []

    def arrive(self, count: int) -> int:
        """So many photographs come; how many are refused."""
        refused = 0
        for _ in range(count):
            one = ExitStack()
            try:
                one.enter_context(self.gate.admit())
                self.taken.append(one)
            except Overloaded:
                refused += 1
        return refused

    def second(self, arrivals: int, served: int) -> int:
        """A second in which so many come, one by one, and so many are served meanwhile; how many are refused."""
        refused = done = 0
        for number in range(arrivals):
            refused += self.arrive(1)
            while done < served * (number + 1) / arrivals and self.taken:
                self.taken.pop(0).close()
                done += 1
        self.time += 1.01
        return refused


def test_a_burst_fills_the_queue_and_no_more_is_refused() -> None:
    loaded = Loaded()
    assert loaded.arrive(10) == 0
    assert loaded.arrive(1) == 1
    for one in loaded.taken:
        one.close()
    loaded.taken.clear()
    loaded.time += 1.01
    assert loaded.arrive(10) == 0, "one refused for ten served is a burst"


def test_more_workers_than_two_stay_open_under_any_load() -> None:
    assert [Gate(count, 8, 1).places_under_overload for count in (1, 2, 3, 16)] == [1, 1, 3, 16]


def test_under_a_load_that_is_too_much_nobody_waits() -> None:
    loaded = Loaded()
    for _ in range(3):
        loaded.second(arrivals=20, served=10)
    for _ in range(20):
        loaded.second(arrivals=20, served=10)
        assert loaded.gate.admitted <= loaded.gate.places_under_overload == 1
    # A little more than can be served: the queue is of use again.
    for _ in range(2):
        loaded.second(arrivals=11, served=10)
    assert loaded.second(arrivals=11, served=10) <= 2
    loaded.second(arrivals=20, served=10)
    loaded.second(arrivals=20, served=10)
    # And at once after a pause.
    for one in loaded.taken:
        one.close()
    loaded.taken.clear()
    loaded.time += 60
    assert loaded.arrive(10) == 0
