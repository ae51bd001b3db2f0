"""Work on many items in threads, a bounded number at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def parallel(work: Callable[[T], R], items: Iterable[T], workers: int) -> Generator[R, None, None]:
    """Results in order of completion, `workers` items at once. Closing the iterator finishes those under way and starts
    no others; an error of `work` ends it."""
    source = iter(items)
    running: set[Future[R]] = set()
    with ThreadPoolExecutor(workers, thread_name_prefix="photographs") as pool:
        try:
            while True:
                for item in islice(source, 2 * workers - len(running)):
                    running.add(pool.submit(work, item))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()
