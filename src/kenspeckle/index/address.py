"""The setting INDEX_URL: where the bulk of large collections is searched."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from kenspeckle.errors import SettingError

MEMORY = "memory"
PORT = 19530
"""Milvus' usual port."""
DATABASE = "default"
_SCHEMES = {"milvus": "http", "milvus+tls": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """A database of a Milvus server."""

    uri: str
    """As its client wants it, without credentials."""
    database: str
    place: str
    """HOST:PORT/DATABASE, for messages and the catalog."""
    user: str = ""
    password: str = field(default="", repr=False)


def parse(url: str) -> Address | None:
    """None for memory://. Raises SettingError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORT
    except ValueError as error:
        raise _wrong() from error
    if parts.scheme == MEMORY and not parts.netloc and not parts.path:
        return None
    database = parts.path.strip("/") or DATABASE
    if parts.scheme not in _SCHEMES or not host or parts.query or parts.fragment or "/" in database:
        raise _wrong()
    shown = f"[{host}]" if ":" in host else host
    return Address(
        uri=f"{_SCHEMES[parts.scheme]}://{shown}:{port}",
        database=database,
        place=f"{shown}:{port}/{database}",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _wrong() -> SettingError:
    return SettingError(
        "INDEX_URL: expected memory:// or milvus://[USER:PASSWORD@]HOST[:PORT][/DATABASE], milvus+tls:// for a server "
        "with TLS.",
        field="index_url",
    )
