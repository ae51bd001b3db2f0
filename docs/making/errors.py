"""errors.md: every error code with what REST and Rekognition's protocol answer, from the two tables of failures."""

from __future__ import annotations

from collections.abc import Iterator

from docs.making.tables import MADE, table
from kenspeckle.api.openapi import status_of
from kenspeckle.errors import KenspeckleError
from kenspeckle.rekognition.error_table import entry_for
from kenspeckle.serving import problems

HEAD = """# Error codes

REST answers `application/problem+json` (RFC 9457). Match on `code`, which is stable; `detail` is for people and
says how to mend it; `field` names the input, and the server's log has more under `request_id`:

```json
{
  "type": "/docs#invalid_value",
  "title": "A value breaks a rule",
  "status": 422,
  "code": "invalid_value",
  "detail": "threshold must be a number from 0 to 100; '101' is not.",
  "field": "threshold",
  "request_id": "9b2f6f0e-6f0b-4a0e-8f6e-2b7d0d1f3c55"
}
```

429 and 503 come with `Retry-After`: seconds until it is worth trying again.

"""
BETWEEN = """
## At Rekognition's endpoint

`POST /` answers the exceptions that the SDKs know. Where an operation does not declare the first one named, the
next is sent.

"""


def page() -> str:
    """The whole page."""
    rest = sorted((status_of(code), code, title) for code, title in problems.TITLES.items())
    rows = ((status, f"`{code}`", title, problems.REMEDIES[code]) for status, code, title in rest)
    wire = ((f"`{code}`", ", ".join(names)) for code, names in _exceptions())
    return (
        MADE
        + HEAD
        + table(("status", "code", "meaning", "what to do"), rows)
        + BETWEEN
        + table(("code", "exceptions"), wire)
    )


def _exceptions() -> Iterator[tuple[str, tuple[str, ...]]]:
    kinds = {kind.code: kind for kind in _kinds(KenspeckleError)}
    for code, kind in sorted(kinds.items()):
        yield code, entry_for(kind).codes


def _kinds(error: type[KenspeckleError]) -> Iterator[type[KenspeckleError]]:
    for one in error.__subclasses__():
        yield one
        yield from _kinds(one)
