"""The actor of a request, for the audit trail: set by the edges, carried by context variables into the threads that do
the work."""

from __future__ import annotations

import getpass
import os
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache

from kenspeckle.domain import Principal

OPEN = "open"
"""Any client of this machine, on a server without keys."""
CLI = "cli"
NOBODY = "nobody"
"""A request whose key is unknown, or not checked yet."""
SERVICE = "service"
"""The service itself, for housekeeping."""


@dataclass(frozen=True, slots=True)
class Actor:
    """`key` is a key's id or one of the words above; `name` the key's name, or the system's user of a command."""

    key: str
    name: str = ""
    request_id: str = ""
    address: str = ""


_ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current() -> Actor:
    """The actor that this code works for. Outside of any request it is a command of the system's user."""
    return _ACTOR.get() or Actor(CLI, _user())


def begin_request(request_id: str, address: str) -> None:
    """A request has arrived; its actor is not known yet."""
    _ACTOR.set(Actor(NOBODY, "", request_id, address))


def identify(principal: Principal) -> None:
    """The request is from this principal."""
    _ACTOR.set(replace(current(), **_describe(principal)))


def acting(actor: Actor) -> None:
    """From now on this context works for `actor`."""
    _ACTOR.set(actor)


def _describe(principal: Principal) -> dict[str, str]:
    key = principal.key
    return {"key": OPEN, "name": ""} if key is None else {"key": key.key_id, "name": key.name}


@lru_cache(maxsize=1)
def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid())
