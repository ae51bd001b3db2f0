"""Credentials: random secrets, their digests, and the rules for names, grants and expiry."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kenspeckle import moments
from kenspeckle.domain import Key, Scope
from kenspeckle.errors import InvalidValue
from kenspeckle.usecases.access import plans

API_PREFIX = "ksp_"
AWS_PREFIX = "KSPA"
"""Not Amazon's own AKIA: tools that look for leaked Amazon keys would report ours to Amazon."""

DEFAULT_SCOPES = (Scope.INDEX, Scope.SEARCH, Scope.READ, Scope.DELETE)
"""Default scopes of a new key: all but `admin`, which has to be named."""

LONGEST_KEY = 256
SHORTEST_ADMIN_KEY = 32

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE32 = string.ascii_uppercase + "234567"
_FOREIGN = re.compile(r"[A-Za-z0-9_]{16,128}")
_COLLECTION = re.compile(r"[a-zA-Z0-9_.\-]{1,255}")


@dataclass(frozen=True, slots=True)
class Created:
    """A new credential with its secrets, which are shown only once. The pair is None unless it was requested."""

    key: Key
    api_key: str
    access_key_id: str | None = None
    secret_access_key: str | None = None


def new_api_key() -> str:
    """`ksp_` and 43 letters and digits: 256 random bits, so a plain digest can't be reversed by guessing."""
    return API_PREFIX + "".join(secrets.choice(_BASE62) for _ in range(43))


def new_key_id() -> str:
    """The public name of an API key: 60 random bits."""
    return "key-" + "".join(secrets.choice(_BASE32.lower()) for _ in range(12))


def new_pair() -> tuple[str, str]:
    """Access key id (20 characters) and secret (40 characters of base64, 240 random bits), as Amazon's look."""
    access_key_id = AWS_PREFIX + "".join(secrets.choice(_BASE32) for _ in range(16))
    return access_key_id, base64.b64encode(secrets.token_bytes(30)).decode("ascii")


def is_foreign(access_key_id: str) -> bool:
    """Whether another issuer made a pair of this id: an adopted one, or one that is unknown here."""
    return not access_key_id.startswith(AWS_PREFIX)


def check_pair(access_key_id: str, secret: str) -> tuple[str, str]:
    """A pair of another issuer. Raises InvalidValue, which never shows the secret."""
    if not _FOREIGN.fullmatch(access_key_id) or not is_foreign(access_key_id):
        raise InvalidValue(
            f"'{access_key_id[:40]}' is no access key id of another issuer: 16 to 128 letters, digits and '_', "
            f"AWS's begin with AKIA or ASIA. Pairs of this service ({AWS_PREFIX}...) are made by `keys create --aws`.",
            field="access_key_id",
        )
    if not (16 <= len(secret) <= 128 and secret.isascii() and secret.isprintable() and " " not in secret):
        raise InvalidValue(
            "The secret access key has to be 16 to 128 characters without spaces; AWS's have 40. Check that all of it, "
            "and nothing else, was given.",
            field="secret_access_key",
        )
    return access_key_id, secret


def well_formed(api_key: str) -> bool:
    """Whether this can be a key at all: printable ASCII without spaces, 256 characters at most."""
    return 0 < len(api_key) <= LONGEST_KEY and api_key.isascii() and api_key.isprintable() and " " not in api_key


def digest_of(api_key: str) -> str:
    """SHA-256, hex. No slow password hash: keys are random, and a slow hash would let anyone use up the server's
    CPU."""
    return hashlib.sha256(api_key.encode("ascii")).hexdigest()


def check_name(name: str) -> str:
    """The name without surrounding space. Raises InvalidValue unless it is 1 to 128 printable characters."""
    name = name.strip()
    if not 1 <= len(name) <= 128 or not name.isprintable():
        raise InvalidValue("A key's name is 1 to 128 printable characters.", field="name")
    return name


def check_scopes(scopes: Iterable[str]) -> frozenset[Scope]:
    """Raises InvalidValue for an unknown scope, or none."""
    found = set()
    for scope in scopes:
        if scope not in {one.value for one in Scope}:
            hint = " Give each separately." if "," in scope else ""
            raise InvalidValue(
                f"'{scope[:40]}' is no scope. Scopes are: {', '.join(one.value for one in Scope)}.{hint}",
                field="scopes",
            )
        found.add(Scope(scope))
    if not found:
        raise InvalidValue("A key needs at least one scope.", field="scopes")
    return frozenset(found)


def check_collections(collections: Iterable[str]) -> frozenset[str]:
    """Raises InvalidValue for what can't be a collection's id. The collection need not exist yet."""
    found = frozenset(collections)
    for collection in found:
        if not _COLLECTION.fullmatch(collection):
            raise InvalidValue(
                f"'{collection[:40]}' is no collection id: 1 to 255 letters, digits, '_', '.' and '-'.",
                field="collections",
            )
    return found


def expiry(text: str, now: float) -> float:
    """Seconds since the epoch, of an age (`90s`, `15m`, `12h`, `30d`, `4w`) or an ISO 8601 date or time (UTC unless
    it says otherwise; a date is its first second). Raises InvalidValue, also for a time that has passed."""
    when = text.strip()
    seconds = moments.age(when)
    try:
        at = moments.parse_moment(when) if seconds is None else now + seconds
    except (ValueError, OverflowError) as error:
        raise InvalidValue(
            f"'{when[:40]}' is no expiry. Give an age (12h, 30d) or an ISO date or time (2030-01-31, "
            "2030-01-31T12:00:00Z).",
            field="expires",
        ) from error
    if at <= now:
        raise InvalidValue(f"'{when[:40]}' has passed; an expiry lies in the future.", field="expires")
    return at


def state(key: Key, now: float) -> str:
    """`revoked`, `expired` or `active`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def scope_names(key: Key) -> list[str]:
    """Scopes in the order in which they are documented."""
    return [scope.value for scope in Scope if scope in key.scopes]


def describe(key: Key, now: float, used: Mapping[str, int]) -> dict[str, object]:
    """A key as every edge prints it, JSON-ready; no secret. `used` as `Access.count_spent`."""
    return {
        "id": key.key_id,
        "name": key.name,
        "kind": key.kind,
        "scopes": scope_names(key),
        "collections": sorted(key.collections),
        "state": state(key, now),
        "created_at": moments.iso(key.created_at),
        "expires_at": moments.iso(key.expires_at),
        "revoked_at": moments.iso(key.revoked_at),
        "last_used_at": moments.iso(key.last_used_at),
        **plans.describe(key.plan, used.get(key.key_id, 0)),
    }


def reveal(created: Created) -> dict[str, object]:
    """A new key with its secrets, as `keys create` prints it once."""
    answer: dict[str, object] = {
        "id": created.key.key_id,
        "name": created.key.name,
        "scopes": scope_names(created.key),
        "collections": sorted(created.key.collections),
        "api_key": created.api_key,
    }
    if created.access_key_id is not None:
        answer |= {"access_key_id": created.access_key_id, "secret_access_key": created.secret_access_key}
    return answer
