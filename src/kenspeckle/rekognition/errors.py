"""Errors of this edge itself, before the core is called: protocol and signature errors under AWS's names."""

from __future__ import annotations


class Refusal(Exception):
    """An answer other than success, in AWS's terms: `code` goes to `__type`, `message` to `Message`."""

    def __init__(self, code: str, message: str, status: int = 400, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after


def serialization(message: str) -> Refusal:
    """The body is no JSON, or a value has another JSON type than the model says."""
    return Refusal("SerializationException", message)


def invalid(message: str) -> Refusal:
    """A rule that the service model tells only in prose."""
    return Refusal("InvalidParameterException", message)
