"""The start of a function: on Lambda, everything is made when the handler is imported."""

from __future__ import annotations

import os


def on_lambda() -> bool:
    """Whether this process is a function on AWS Lambda, which imports its handler once: with a whole core, while what
    comes after has the share of one that the function's memory buys."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
