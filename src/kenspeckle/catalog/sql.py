"""The catalog, made of parts: `ports.Catalog`, `Keys`, `Usage`, `Trail`, `Webhooks`, `Jobs`, `ReceiptStore`, `Staging`,
`People`, `Videos`, `Mirrors` and `SharedSettings` over one SQL database."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from sqlalchemy import URL, make_url, select
from sqlalchemy.exc import ArgumentError

from kenspeckle.catalog.adoption import Adoption
from kenspeckle.catalog.audit import Audit
from kenspeckle.catalog.changes import Log
from kenspeckle.catalog.collection_keys import CollectionKeys
from kenspeckle.catalog.collections import Collections
from kenspeckle.catalog.cursors import Cursors
from kenspeckle.catalog.database import Database, with_retries
from kenspeckle.catalog.erasure import Erasing
from kenspeckle.catalog.faceless import FacelessPhotographs
from kenspeckle.catalog.faces import Faces
from kenspeckle.catalog.groups import Groups
from kenspeckle.catalog.jobs import Jobs
from kenspeckle.catalog.keys import Keys
from kenspeckle.catalog.left_out import LeftOutFaces
from kenspeckle.catalog.manifests import Manifests
from kenspeckle.catalog.merging import Merging
from kenspeckle.catalog.mirrors import Mirrors
from kenspeckle.catalog.outbox import Outbox
from kenspeckle.catalog.people import People
from kenspeckle.catalog.photographs import Photographs
from kenspeckle.catalog.receipts import Receipts
from kenspeckle.catalog.saved_people import SavedPeople
from kenspeckle.catalog.schema import bring_up_to_date
from kenspeckle.catalog.shared import SharedSettings
from kenspeckle.catalog.sqlite import engine as sqlite
from kenspeckle.catalog.staging import StagedTemplates
from kenspeckle.catalog.tables import service
from kenspeckle.catalog.tokens import Tokens
from kenspeckle.catalog.usage import Usage
from kenspeckle.catalog.users import Users
from kenspeckle.catalog.video_notices import VideoNotices
from kenspeckle.catalog.video_results import VideoResults
from kenspeckle.catalog.videos import Videos
from kenspeckle.catalog.webhooks import Webhooks
from kenspeckle.domain import JobKind
from kenspeckle.errors import SettingError, StorageUnavailable
from kenspeckle.ports import Encryption, Sealer
from kenspeckle.settings import Settings

log = logging.getLogger(__name__)

CONNECTIONS = 16
"""Connections to a server at once, unless the setting says otherwise."""

LOG_LIMIT = 100_000
"""Entries of a collection's change log. An index that is further behind reads all anew."""


@with_retries
class SqlCatalog(
    Collections,
    Faces,
    LeftOutFaces,
    Photographs,
    FacelessPhotographs,
    Users,
    Tokens,
    Log,
    Keys,
    Usage,
    Audit,
    Erasing,
    Webhooks,
    Outbox,
    Jobs,
    Receipts,
    StagedTemplates,
    People,
    Merging,
    Adoption,
    Groups,
    SavedPeople,
    Videos,
    VideoResults,
    VideoNotices,
    Manifests,
    Mirrors,
    SharedSettings,
):
    """Safe for many threads and for several processes on one database."""

    @classmethod
    def of(cls, settings: Settings, master: Sealer) -> Self:
        """The catalog that settings name, whose collections are checked against ENCRYPTION. Raises what `open`
        raises."""
        return cls.open(
            settings.catalog,
            master=master,
            encryption=settings.encryption,
            connections=settings.catalog_connections,
        )

    @classmethod
    def open(
        cls,
        url: str,
        *,
        log_limit: int = LOG_LIMIT,
        master: Sealer | None = None,
        encryption: bool | None = None,
        alone: bool = False,
        connections: int = CONNECTIONS,
    ) -> Self:
        """The catalog at an SQLAlchemy URL, created or migrated where needed. `master` unwraps collections' keys;
        without it encrypted collections can't be read. `alone` keeps all other processes out until it is closed, and
        raises Conflict where one has the database open. `encryption` says whether collections are to be encrypted, and
        is checked against those that exist; None: it is not checked. `connections`: at most so many at once, where the
        database is a server. Raises SettingError for an invalid URL, or where
        `encryption` does not match; StorageUnavailable where the database is damaged, unreachable, newer than this
        program or under another master key; StorageFull."""
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
            raise SettingError("CATALOG_URL is no database URL such as sqlite:////path/to/kenspeckle.db.") from error
        database = open_database(parsed, alone=alone, connections=connections)
        try:
            bring_up_to_date(database)
            collection_keys = CollectionKeys(database, master, new=bool(encryption))
            collection_keys.check()
            if encryption is not None:
                collection_keys.require(encryption)
            with database.read() as connection:
                key = connection.execute(select(service.c.cursor_key)).scalar_one()
            catalog = cls(database, Cursors(key), log_limit, collection_keys)
            if catalog.has_remains() and not catalog.has_unfinished(JobKind.PURGE):
                log.warning("a collection was being deleted when the service stopped: removing the rest of it")
                catalog.purge()
        except StorageUnavailable as error:
            database.close()
            if not database.where or "CATALOG_URL" in error.message:
                raise
            said = f"CATALOG_URL ({database.where}): {error.message}"
            raise StorageUnavailable(said, field=error.field, retry_after=error.retry_after) from error
        except BaseException:
            database.close()
            raise
        return catalog

    def encryption(self) -> Encryption:
        """Which collections are encrypted."""
        return self.collection_keys.encryption()

    def agree(self, values: Mapping[str, str]) -> list[str]:
        """As `Database.agree`."""
        return self.database.agree(values)

    def close(self) -> None:
        """Close idle connections; the last one folds the write-ahead log into the database."""
        self.database.close()


def open_database(url: URL, *, alone: bool = False, connections: int = CONNECTIONS) -> Database:
    """The database at a URL, by its own module. Raises SettingError, StorageFull, StorageUnavailable, Conflict."""
    backend = url.get_backend_name()
    if backend == "sqlite":
        return sqlite.database(url, alone=alone)
    if backend == "postgresql":
        with driver_needed():
            from kenspeckle.catalog.postgres import engine as postgres  # late: its driver is an extra
        return postgres.database(url, alone=alone, connections=connections)
    raise SettingError(f"CATALOG_URL: '{backend}' is not supported; sqlite and postgresql are.", field="catalog_url")


@contextmanager
def driver_needed() -> Iterator[None]:
    """For what imports PostgreSQL's driver. Raises SettingError where it is not installed."""
    try:
        yield
    except ImportError as error:
        raise SettingError(
            "CATALOG_URL names PostgreSQL, whose driver is not installed: pip install 'kenspeckle[cluster]'.",
            field="catalog_url",
        ) from error
