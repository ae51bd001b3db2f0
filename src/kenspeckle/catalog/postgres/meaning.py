"""What PostgreSQL's errors mean: SQLSTATE to domain errors. (https://www.postgresql.org/docs/18/errcodes-appendix.html)"""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from kenspeckle.catalog.database import COLLIDES
from kenspeckle.errors import Conflict, InvalidValue, KenspeckleError, StorageFull, StorageUnavailable

FULL: Final = "The disk of PostgreSQL is full: nothing was stored. Free disk space and ask again."
BUSY: Final = "The catalog was busy with other writes for too long; ask again."
LOST: Final = "PostgreSQL does not answer; it may be starting again."
TOO_MANY: Final = (
    "PostgreSQL takes no more connections: raise its max_connections (or the CONNECTION LIMIT of role or database), or "
    "lower KENSPECKLE_CATALOG_CONNECTIONS of the services that share it."
)
REFUSED: Final = "PostgreSQL lets this service in no more: "
POOL_USED_UP: Final = (
    "All connections of this service to PostgreSQL are in use; raise KENSPECKLE_CATALOG_CONNECTIONS if that stays so."
)
MEMORY: Final = "PostgreSQL has no memory left for this; its log has more."
READ_ONLY: Final = (
    "PostgreSQL takes no writes: it is a standby, or the database is read-only. CATALOG_URL has to name the primary."
)
NO_RIGHT: Final = (
    "The role of CATALOG_URL lacks a right. It has to own the catalog's tables: CREATE DATABASE kenspeckle OWNER "
    "thatrole, or GRANT CREATE, USAGE ON SCHEMA public TO thatrole."
)
OTHER_SCHEMA: Final = (
    "The catalog's tables are not those that this program knows: a newer version may have migrated them. Start again."
)
DAMAGED: Final = "PostgreSQL reports that its files are damaged; see its log, and restore a backup."
TIMED_OUT: Final = (
    "PostgreSQL ended a statement that took too long (statement_timeout); raise that for the role or database of "
    "CATALOG_URL, or ask for less."
)
NO_SCHEMA: Final = (
    "The role of CATALOG_URL has no schema to put tables in: its search_path names none that exists. ALTER ROLE "
    "thatrole RESET search_path, or make the schema."
)
UNSTORABLE: Final = "A value is too long, too large, or has a character (NUL) that the catalog can't store."


class Refused(StorageUnavailable):
    """A connection can't be made because of what CATALOG_URL says, or what the server says of its role or database: at
    a start an error of the setting, while a service runs one that may be mended. `reason` is a sentence that goes on
    after the setting's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(REFUSED + reason, retry_after=5)
        self.reason = reason


_LOST = re.compile("08...|57P0[1-5]|25P0[34]")


def explain_error(error: BaseException) -> KenspeckleError | None:
    """The domain error; None for one that is not PostgreSQL's. `repeatable` where nothing was stored and the same
    transaction may succeed at once."""
    if isinstance(error, PoolTimeoutError):
        return StorageUnavailable(POOL_USED_UP, retry_after=1)
    if isinstance(error, UnicodeDecodeError):
        return StorageUnavailable(DAMAGED)
    if not hasattr(error, "sqlstate"):
        return None
    state: str | None = error.sqlstate
    if state is None:
        return _without_state(error)
    if _LOST.fullmatch(state):
        return _connection_lost()
    return _by_code(state) or _by_class(state[:2])


def _without_state(error: BaseException) -> KenspeckleError | None:
    """What the driver or libpq say themselves: a connection that can't be made or was cut, or a value that can't be
    sent."""
    name, text = type(error).__name__, str(error)
    if name == "DataError":
        return InvalidValue(UNSTORABLE)
    refused = _explain_refusal(text)
    if refused is not None or name not in ("OperationalError", "InterfaceError", "ConnectionTimeout"):
        return refused
    return _connection_lost()


def _explain_refusal(text: str) -> KenspeckleError | None:
    """Errors while connecting have no SQLSTATE, only the server's words."""
    for words, what in (
        ("is not permitted to log in", "the role may not log in: ALTER ROLE thatrole LOGIN."),
        (
            "not currently accepting connections",
            "the database takes no connections: ALTER DATABASE ... ALLOW_CONNECTIONS.",
        ),
        ("permission denied for database", "the role may not connect to the database: GRANT CONNECT ON DATABASE."),
        ("server does not support SSL", "the server has no TLS, which sslmode demands."),
        ("invalid sslmode value", "sslmode has a value that PostgreSQL's client does not know."),
        ("certificate verify failed", "the server's certificate is none that sslrootcert vouches for."),
        ("root certificate file", "sslrootcert names no file that can be read, and sslmode demands one."),
        ("server certificate for", "the server's certificate is for another name than the host's."),
        ("received invalid response to", "what answers there is no PostgreSQL; check host and port."),
        ("password authentication failed", "role or password are wrong."),
        ("no password supplied", "a password is needed; write it into the URL, or into a file that PGPASSFILE names."),
        ("no pg_hba.conf entry", "the server lets this role in from here only once its pg_hba.conf says so."),
        ('role "', "the role does not exist."),
        ('database "', "the database does not exist: CREATE DATABASE kenspeckle OWNER thatrole ENCODING 'UTF8'."),
        ("could not translate host name", "the host's name is unknown."),
        ("failed to resolve host", "the host's name is unknown."),
        ("Name or service not known", "the host's name is unknown."),
        ("invalid connection option", "the URL has an option that PostgreSQL's client does not know."),
        ("invalid port number", "the port is no number from 1 to 65535."),
    ):
        if words in text and (not words.endswith('"') or "does not exist" in text):
            return Refused(what)
    if any(words in text for words in ("too many clients", "remaining connection slots", "too many connections for")):
        return StorageUnavailable(TOO_MANY, retry_after=2)
    return None


def _by_code(state: str) -> KenspeckleError | None:
    if state in ("40001", "40P01"):
        return _again(BUSY)
    if state in ("55P03", "57014"):
        return StorageUnavailable(BUSY if state == "55P03" else TIMED_OUT, retry_after=1)
    if state == "53100":
        return StorageFull(FULL)
    if state == "53300":
        return StorageUnavailable(TOO_MANY, retry_after=2)
    if state == "25006":
        return _connection_lost(READ_ONLY)  # after a fail-over, the pool may hold connections to what is a standby now
    if state == "42501":
        return StorageUnavailable(NO_RIGHT)
    if state == "3F000":
        return StorageUnavailable(NO_SCHEMA)
    if state in ("42P01", "42703"):
        return StorageUnavailable(OTHER_SCHEMA)
    return None


def _by_class(kind: str) -> KenspeckleError | None:
    if kind == "23":
        return Conflict(COLLIDES)
    if kind == "22":
        return InvalidValue(UNSTORABLE)
    if kind == "53":
        return StorageUnavailable(MEMORY, retry_after=5)
    if kind == "XX":
        return StorageUnavailable(DAMAGED)
    if kind == "28":
        return Refused("role or password are wrong.")
    if kind == "3D":
        return Refused("the database does not exist.")
    return None


def _again(message: str) -> StorageUnavailable:
    made = StorageUnavailable(message, retry_after=1)
    made.repeatable = True
    return made


def _connection_lost(message: str = LOST) -> StorageUnavailable:
    made = StorageUnavailable(message, retry_after=2)
    made.repeatable = made.lost = True
    return made
