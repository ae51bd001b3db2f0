"""The start of a function: on Lambda, everything is made when the handler is imported."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


def on_lambda() -> bool:
    """Whether this process is a function on AWS Lambda, which imports its handler once: with a whole core, while what
    comes after has the share of one that the function's memory buys."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


@contextmanager
def uncollected() -> Iterator[None]:
    """Turns off garbage collection for the block, whose objects are all kept; it would take a sixth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
