"""What replicas reach beside the database: a bucket and Milvus; and the links through which each reaches everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.links import Link, Links
from tests.cluster.networks import Networks
from tests.cluster.servers import Bucket, Milvus
from tests.s3server import VARIABLES

DATABASE, BUCKET, MILVUS, RECEIVER = "database", "bucket", "milvus", "receiver"
LARGE = 50
"""Faces from which a collection lies in Milvus: that of the clients, and none of a manifest."""
PHOTOGRAPHS, DESK = "kenspeckle", "desk"
"""Buckets: of the service, and one whose photographs a manifest may name."""
LOOPBACK = "127.0.0.1"
MILVUS_PORT = 19530


@dataclass
class Parts:
    """`links` has by replica and part the links between them; `networks` where these listen, else on loopback."""

    running: Links
    s3: Bucket
    milvus: Milvus | None
    links: dict[tuple[str, str], tuple[Link, ...]] = field(default_factory=dict)
    networks: Networks | None = None

    @property
    def bucket(self) -> str:
        """Where photographs lie."""
        return PHOTOGRAPHS

    def connect(self, names: Sequence[str], databases: Sequence[Path], networks: Networks | None = None) -> None:
        """Make the links of replicas of these names."""
        self.networks = networks
        for name in names:
            self.links[name, DATABASE] = tuple(self._link(one, DATABASE) for one in databases)
            self.links[name, BUCKET] = (self._link(self.s3.port, BUCKET),)
            if self.milvus is not None:
                self.links[name, MILVUS] = (self._to_milvus(self.milvus, name),)

    def receives(self, port: int) -> str:
        """HOST:PORT at which every replica reaches that port of ours."""
        return self._link(port, RECEIVER).address

    def _link(self, target: int | Path, part: str) -> Link:
        return self.running.to(target, self.networks.addresses[part] if self.networks else LOOPBACK)

    def _to_milvus(self, milvus: Milvus, name: str) -> Link:
        """Of one address for all: replicas that name it otherwise have an index each. On loopback they do."""
        if self.networks is None:
            return self.running.to(milvus.port)
        device = self.networks.cables[name].here
        return self.running.to(milvus.port, self.networks.addresses[MILVUS], MILVUS_PORT, device)

    def settings_of(self, name: str, database: str) -> dict[str, str]:
        hosts = "&".join(f"host={one.address}" for one in self.links[name, DATABASE])
        more = {
            "KENSPECKLE_CATALOG_URL": f"postgresql+psycopg://kenspeckle@/{database}?{hosts}"
            "&target_session_attrs=read-write",
            "KENSPECKLE_IMAGES_URL": f"s3://{PHOTOGRAPHS}/photographs",
            "KENSPECKLE_S3_BUCKETS": f"{DESK}=s3://{DESK}",
            **VARIABLES,
            "AWS_ENDPOINT_URL_S3": f"http://{self.links[name, BUCKET][0].address}",
        }
        if self.milvus is None:
            return more
        index = {"KENSPECKLE_INDEX_URL": f"milvus://{self.links[name, MILVUS][0].address}/kenspeckle"}
        return {**more, **index, "KENSPECKLE_INDEX_FACES": str(LARGE)}

    def restart_milvus(self) -> None:
        """It comes back, at another port."""
        assert self.milvus is not None
        self.milvus.start()
        for (_, part), links in self.links.items():
            if part == MILVUS:
                for one in links:
                    one.aim(self.milvus.port)

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
    """A bucket and, if wanted, a Milvus, until the block ends."""
    with ExitStack() as stack:
        links = stack.enter_context(Links())
        s3 = Bucket()
        stack.callback(s3.close)
        for name in (PHOTOGRAPHS, DESK):
            s3.bucket(name)
        server = None
        if milvus:
            server = Milvus()
            stack.callback(server.close)
            server.database("kenspeckle")
        yield Parts(links, s3, server)
