"""Milvus as `ports.VectorStore`: a collection of its own for each mirror, with row, digest and template of each face.

Its client is an extra and takes half a second to load, so it is imported with the first connection. Every call has a
deadline, and its errors become StorageUnavailable that names INDEX_URL.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import numpy as np

from kenspeckle.domain import Vector
from kenspeckle.domain.template_digest import digest
from kenspeckle.errors import SettingError, StorageUnavailable
from kenspeckle.index.address import Address
from kenspeckle.ports import MirrorLost

PREFIX: Final = "kenspeckle_"
"""What names of mirrors begin with."""

ROW, DIGEST, TEMPLATE = "row", "digest", "template"
MARK: Final = -1
"""The row that holds the revision; rows of the catalog are positive."""

INDEX: Final[dict[str, Any]] = {"index_type": "IVF_SQ8", "metric_type": "L2", "params": {"nlist": 256}}
PROBES: Final = 64
"""Lists of a segment that a search looks into (docs/milvus.md has the measurement)."""

MOST: Final = 16_384
"""Rows that Milvus answers at once."""

CALL_SECONDS: Final = 10.0
SEARCH_SECONDS: Final = 5.0
LONG_SECONDS: Final = 1800.0
"""Longest time of a call; of a search; of one that writes files or loads them."""

REST_SECONDS: Final = 10.0
"""How long it is not asked after it could not be reached, so that each search does not wait for that."""

OLDEST: Final = (2, 3)
_LOST = 100
"""Milvus' code of a collection that is not there."""

T = TypeVar("T")


class Milvus:
    """Safe for many threads. Nothing is connected until the first call. `clock` gives seconds and never goes back."""

    def __init__(self, address: Address, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._client: Any = None
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._failed: float | None = None
        """When it was last not reached, and nobody has reached it since."""

    @property
    def place(self) -> str:
        return self._address.place

    def check(self) -> str:
        version = str(self._call(lambda client: client.get_server_version(timeout=CALL_SECONDS), rest=False))
        # Managed ones answer with a sentence that ends with the version that they are compatible with.
        numbers = re.search(r"(\d+)\.(\d+|x)", version)
        if numbers is None or (int(numbers[1]), int(numbers[2].replace("x", "99"))) < OLDEST:
            raise StorageUnavailable(
                f"INDEX_URL: Milvus at {self.place} is version {version}; 2.3 or newer is needed.", retry_after=60
            )
        return version

    def names(self) -> tuple[str, ...]:
        found = self._call(lambda client: client.list_collections(timeout=CALL_SECONDS))
        return tuple(sorted(one for one in found if one.startswith(PREFIX)))

    def create(self, name: str, dimension: int) -> None:
        def make(client: Any) -> None:
            if not client.has_collection(name, timeout=CALL_SECONDS):
                from pymilvus import DataType

                schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
                schema.add_field(ROW, DataType.INT64, is_primary=True)
                schema.add_field(DIGEST, DataType.INT64)
                schema.add_field(TEMPLATE, DataType.FLOAT_VECTOR, dim=dimension)
                client.create_collection(name, schema=schema, num_shards=1, timeout=CALL_SECONDS)
            self._check_schema(client, name, dimension)

        self._call(make)

    def open(self, name: str) -> None:
        def load(client: Any) -> None:
            client.flush(name, timeout=LONG_SECONDS)
            if not client.list_indexes(name, timeout=CALL_SECONDS):
                wanted = client.prepare_index_params()
                wanted.add_index(TEMPLATE, **INDEX)
                client.create_index(name, wanted, timeout=LONG_SECONDS)
            client.load_collection(name, timeout=LONG_SECONDS)

        self._call(load)

    def owns(self, name: str) -> bool:
        try:
            self._call(lambda client: self._check_schema(client, name))
        except MirrorLost:
            return False
        return True

    def drop(self, name: str) -> None:
        if self.owns(name):
            self._call(lambda client: client.drop_collection(name, timeout=CALL_SECONDS))

    def put(self, name: str, rows: Sequence[int], templates: Vector, *, fresh: bool = False) -> None:
        data = [
            {ROW: row, DIGEST: digest(template), TEMPLATE: template}
            for row, template in zip(rows, templates, strict=True)
        ]
        self._call(lambda client: self._store(client, name, data, fresh=fresh))

    def remove(self, name: str, rows: Sequence[int]) -> None:
        for start in range(0, len(rows), MOST // 4):
            some = [int(row) for row in rows[start : start + MOST // 4]]
            self._remove(name, some)

    def remove_between(self, name: str, after: int, upto: int | None) -> None:
        # Before 2.4 only rows that are named can be deleted, so they are looked up.
        while some := self._some_rows(name, after, upto):
            self.remove(name, some)
            after = max(some)

    def now(self) -> int:
        return int(self._call(lambda client: client._get_connection().alloc_timestamp(timeout=CALL_SECONDS)))

    def search(self, name: str, probe: Vector, k: int, stamp: int) -> list[int]:
        found = self._call(
            lambda client: client.search(
                name,
                [np.ascontiguousarray(probe, np.float32)],
                limit=min(k + 1, MOST),  # the mark may be among them
                anns_field=TEMPLATE,
                search_params={"metric_type": INDEX["metric_type"], "params": {"nprobe": PROBES}},
                timeout=SEARCH_SECONDS,
                **_seeing(stamp),
            )
        )
        rows = [int(one["id"]) for one in found[0]] if found else []
        return [row for row in dict.fromkeys(rows) if row != MARK][:k]

    def digests(self, name: str, after: int, upto: int | None) -> dict[int, int] | None:
        found = self._call(
            lambda client: client.query(
                name,
                filter=_between(after, upto),
                output_fields=[ROW, DIGEST],
                limit=MOST,
                timeout=CALL_SECONDS,
                consistency_level="Strong",
            )
        )
        return None if len(found) >= MOST else {int(one[ROW]): int(one[DIGEST]) for one in found}

    def mark(self, name: str, revision: int) -> None:
        def write(client: Any) -> None:
            dimension = self._dimension(client, name)
            data = [{ROW: MARK, DIGEST: revision, TEMPLATE: np.zeros(dimension, np.float32)}]
            self._store(client, name, data, fresh=False)

        self._call(write)

    def read_mark(self, name: str, stamp: int) -> int | None:
        def read(client: Any) -> Any:
            self._check_schema(client, name, seconds=SEARCH_SECONDS)
            return client.query(
                name,
                filter=f"{ROW} == {MARK}",
                output_fields=[DIGEST],
                limit=1,
                timeout=SEARCH_SECONDS,
                **_seeing(stamp),
            )

        found = self._call(read)
        return int(found[0][DIGEST]) if found else None

    def count(self, name: str) -> int:
        found = self._call(
            lambda client: client.query(
                name,
                filter=f"{ROW} > 0",
                output_fields=["count(*)"],
                timeout=CALL_SECONDS,
                consistency_level="Strong",
            )
        )
        return int(found[0]["count(*)"])

    def compact(self, name: str) -> int:
        def begin(client: Any) -> int:
            client.flush(name, timeout=LONG_SECONDS)
            return int(client.compact(name, timeout=CALL_SECONDS))

        return self._call(begin)

    def is_compacted(self, number: int) -> bool:
        if number < 0:
            return True  # there was nothing to compact
        state = self._call(lambda client: client.get_compaction_state(number, timeout=CALL_SECONDS))
        return str(state).lower().endswith("completed")

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _remove(self, name: str, rows: list[int]) -> None:
        self._call(lambda client: client.delete(name, ids=rows, timeout=CALL_SECONDS))

    def _some_rows(self, name: str, after: int, upto: int | None) -> list[int]:
        found = self._call(
            lambda client: client.query(
                name,
                filter=_between(after, upto),
                output_fields=[ROW],
                limit=MOST,
                timeout=CALL_SECONDS,
                consistency_level="Strong",
            )
        )
        return sorted(int(one[ROW]) for one in found)

    def _store(self, client: Any, name: str, data: list[dict[str, Any]], *, fresh: bool) -> None:
        (client.insert if fresh else client.upsert)(name, data, timeout=CALL_SECONDS)

    def _dimension(self, client: Any, name: str) -> int:
        fields = client.describe_collection(name, timeout=CALL_SECONDS)["fields"]
        return int(next(one["params"]["dim"] for one in fields if one["name"] == TEMPLATE))

    def _check_schema(
        self, client: Any, name: str, dimension: int | None = None, seconds: float = CALL_SECONDS
    ) -> None:
        """Raises MirrorLost where it is no mirror, with templates of this dimension where that is given."""
        fields = client.describe_collection(name, timeout=seconds)["fields"]
        found = {one["name"]: int(one.get("params", {}).get("dim", 0)) for one in fields}
        if found != {ROW: 0, DIGEST: 0, TEMPLATE: found.get(TEMPLATE, 0) if dimension is None else dimension}:
            raise MirrorLost(
                f"INDEX_URL: the collection {name} of Milvus at {self.place} has another schema than this service "
                "gives it; another program uses the name.",
                retry_after=60,
            )

    def _call(self, work: Callable[[Any], T], *, rest: bool = True) -> T:
        """What `work` gives. After a failure to reach the server, nothing is asked for some seconds."""
        if rest and not self._may_ask():
            raise self._unavailable("it did not answer a moment ago")
        with self._translate_errors():
            found = work(self._connect())
        self._failed = None
        return found

    def _may_ask(self) -> bool:
        """Whether the server was reached, or it is this call that looks whether it is back; others need not wait."""
        with self._asking:
            if self._failed is None:
                return True
            if self._clock() - self._failed < REST_SECONDS:
                return False
            self._failed = self._clock()
            return True

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException  # `_connect` says where it is missing

        try:
            yield
        except RpcError as error:
            # What the client does not translate itself: a deadline that has passed.
            self._failed = self._clock()
            raise self._unavailable("it does not answer in time") from error
        except MilvusException as error:
            message = str(error.message).split("\n")[0][:300]
            if error.code == _LOST or "collection not found" in message:
                raise MirrorLost(
                    f"INDEX_URL: Milvus at {self.place} does not have what was stored there: {message}.",
                    retry_after=10,
                ) from error
            if _unreachable(error):
                self._failed = self._clock()
            raise self._unavailable(message) from error

    def _unavailable(self, reason: str) -> StorageUnavailable:
        return StorageUnavailable(f"INDEX_URL: Milvus at {self.place} can't be used: {reason}.", retry_after=10)

    def _connect(self) -> Any:
        with self._lock:
            if self._client is None:
                from pymilvus import MilvusClient

                # It logs each error that it raises, with a traceback.
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
                self._client = MilvusClient(
                    uri=self._address.uri,
                    user=self._address.user,
                    password=self._address.password,
                    db_name=self._address.database,
                    timeout=SEARCH_SECONDS,
                    dedicated=True,
                )
            return self._client


def check_installed() -> None:
    """Import the client, which would read a file .env above its folder into the environment, and may not. Raises
    SettingError where it is not installed."""
    switch = "PYTHON_DOTENV_DISABLED"
    before = os.environ.get(switch)
    os.environ[switch] = "1"
    try:
        import pymilvus  # noqa: F401
    except ImportError as error:
        raise SettingError(
            "INDEX_URL names Milvus, whose client is not installed: pip install 'kenspeckle[cluster]'.",
            field="index_url",
        ) from error
    finally:
        if before is None:
            del os.environ[switch]
        else:
            os.environ[switch] = before


def _seeing(stamp: int) -> dict[str, Any]:
    """A search that waits until it sees what was written before `stamp`, and for nothing newer."""
    return {"consistency_level": "Customized", "guarantee_timestamp": max(stamp, 1)}


def _between(after: int, upto: int | None) -> str:
    above = f"{ROW} > {max(after, 0)}"
    return above if upto is None else f"{above} and {ROW} <= {upto}"


def _unreachable(error: Any) -> bool:
    text = str(error.message).lower()
    return any(one in text for one in ("unavailable", "deadline", "retry", "connect", "timeout"))
