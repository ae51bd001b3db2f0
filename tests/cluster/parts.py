"""What replicas reach beside the database: a bucket and Milvus; and the links through which each reaches everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.links import Link, Links
from tests.milvus_server import MilvusServer
from tests.s3server import VARIABLES, S3Server, served_s3

DATABASE, BUCKET, MILVUS = "database", "bucket", "milvus"
LARGE = 30
"""Faces from which a collection lies in Milvus."""


@dataclass(frozen=True)
class Parts:
    """`links` has by replica and part the links between them."""

    running: Links
    s3: S3Server
    bucket: str
    milvus: MilvusServer | None
    index: str
    """INDEX_URL's path: the database in Milvus."""
    links: dict[tuple[str, str], tuple[Link, ...]]

    def connect(self, names: Sequence[str], databases: Sequence[Path]) -> None:
        """Make the links of replicas of these names."""
        for name in names:
            self.links[name, DATABASE] = tuple(self.running.to(one) for one in databases)
            self.links[name, BUCKET] = (self.running.to(urlsplit(self.s3.url).port or 0),)
            if self.milvus is not None:
                self.links[name, MILVUS] = (self.running.to(self.milvus.port),)

    def settings_of(self, name: str, database: str) -> dict[str, str]:
        hosts = "&".join(f"host=127.0.0.1:{one.port}" for one in self.links[name, DATABASE])
        more = {
            "KENSPECKLE_CATALOG_URL": f"postgresql+psycopg://kenspeckle@/{database}?{hosts}"
            "&target_session_attrs=read-write",
            "KENSPECKLE_IMAGES_URL": f"s3://{self.bucket}/photographs",
            **VARIABLES,
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.links[name, BUCKET][0].port}",
        }
        if self.milvus is None:
            return more
        port = self.links[name, MILVUS][0].port
        index = {"KENSPECKLE_INDEX_URL": f"milvus://127.0.0.1:{port}/{self.index}"}
        return {**more, **index, "KENSPECKLE_INDEX_FACES": str(LARGE)}

    def between(self, part: str, names: Sequence[str]) -> list[Link]:
        return [link for name in names for link in self.links[name, part]]

    @contextmanager
    def disturbed(self, part: str, names: Sequence[str], how: Callable[[Link], None]) -> Iterator[None]:
        """The links of these replicas to a part, disturbed for the length of the block."""
        links = self.between(part, names)
        for one in links:
            how(one)
        try:
            yield
        finally:
            for one in links:
                one.mend()


@contextmanager
def parts(*, milvus: bool) -> Iterator[Parts]:
    """A bucket and, if wanted, a database in Milvus, until the block ends."""
    with ExitStack() as stack:
        links = stack.enter_context(Links())
        s3 = stack.enter_context(served_s3())
        server, index = None, ""
        if milvus:
            server = MilvusServer.join()
            stack.callback(server.leave)
            index = stack.enter_context(server.database()).rpartition("/")[2]
        yield Parts(links, s3, s3.bucket("kenspeckle"), server, index, {})
