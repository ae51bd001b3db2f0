"""Random lives of a catalog: fake and SQLite answer alike, and an index that follows the log holds what is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.errors import CollectionNotFound, KenspeckleError
from tests.catalogs import Whole, digest, followed, gallery, held, new_face, person, photo, template
from tests.fakes import FakeCatalog

LOG_LIMIT = 12
SOAK = bool(os.environ.get("KENSPECKLE_SOAK"))
NAMES = st.sampled_from(["people", "others"])
NUMBERS = st.integers(0, 9)
SOME = st.lists(NUMBERS, min_size=0, max_size=4)
IDENTITIES = st.sampled_from([None, "anna", "berta"])
USERS = st.sampled_from(["anna", "berta"])


@cache
def migrated() -> tempfile.TemporaryDirectory[str]:
    """A folder with a migrated, empty database: copying it is faster than migrating for every life."""
    folder = tempfile.TemporaryDirectory(prefix="kenspeckle-machine-")
    SqlCatalog.open(f"sqlite:///{folder.name}/empty.db").close()
    return folder


def plain(value: object) -> object:
    """Data that can be compared, of whatever a catalog answers."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value) if one.name != "cursor"}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


class Lives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kenspeckle-life-"))
        shutil.copy(Path(migrated().name) / "empty.db", self.folder / "k.db")
        self.sql = SqlCatalog.open(f"sqlite:///{self.folder / 'k.db'}", log_limit=LOG_LIMIT)
        self.fake = FakeCatalog(LOG_LIMIT)
        self.index: dict[str, tuple[int, dict[tuple[str, int], bytes]]] = {}
        for name in ("people", "others"):
            self.both(lambda one, name=name: one.create_collection(gallery(name)))  # type: ignore[misc]  # default binds it

    def teardown(self) -> None:
        self.sql.close()
        shutil.rmtree(self.folder)

    def both(self, ask: Callable[[Whole], object]) -> None:
        answers = []
        for one in (self.fake, self.sql):
            try:
                answers.append(plain(ask(one)))
            except KenspeckleError as error:
                answers.append([type(error).__name__, error.code, error.field])
        assert answers[0] == answers[1]

    @rule(name=NAMES)
    def create_collection(self, name: str) -> None:
        self.both(lambda one: one.create_collection(gallery(name)))

    @rule(name=NAMES)
    def delete_collection(self, name: str) -> None:
        self.both(lambda one: one.delete_collection(name))

    @rule(name=NAMES, image=NUMBERS, identity=IDENTITIES, numbers=SOME)
    def add_faces(self, name: str, image: int, identity: str | None, numbers: list[int]) -> None:
        faces = [new_face(number) for number in numbers]
        self.both(lambda one: one.add_faces(photo(image, name), identity, faces, "v1"))
        self.both(lambda one: one.find_indexed(name, digest(image), identity))

    @rule(name=NAMES, numbers=SOME)
    def delete_faces(self, name: str, numbers: list[int]) -> None:
        self.both(lambda one: one.delete_faces(name, [f"face-{number}" for number in numbers]))

    @rule(name=NAMES, user=USERS)
    def create_user(self, name: str, user: str) -> None:
        self.both(lambda one: one.create_user(person(user, name)))

    @rule(name=NAMES, user=USERS)
    def delete_user(self, name: str, user: str) -> None:
        self.both(lambda one: one.delete_user(name, user))

    @rule(name=NAMES, user=USERS, numbers=SOME, vector=NUMBERS)
    def link(self, name: str, user: str, numbers: list[int], vector: int) -> None:
        ids = [f"face-{number}" for number in numbers]
        self.both(lambda one: one.link_faces(name, user, ids, template(vector), 3))

    @rule(name=NAMES, user=USERS, numbers=SOME, vector=st.none() | NUMBERS)
    def unlink(self, name: str, user: str, numbers: list[int], vector: int | None) -> None:
        ids = [f"face-{number}" for number in numbers]
        new = None if vector is None else template(vector)
        self.both(lambda one: one.unlink_faces(name, user, ids, new))

    @rule(name=NAMES, key=NUMBERS)
    def tag(self, name: str, key: int) -> None:
        self.both(lambda one: one.set_tags(name, {str(key): "x"}, 5))

    @rule(name=NAMES, back=st.integers(0, 8), limit=st.integers(1, 20))
    def changes(self, name: str, back: int, limit: int) -> None:
        self.both(lambda one: one.changes(name, one.revision(name) - back, limit))

    @rule(name=NAMES)
    def follow(self, name: str) -> None:
        """What an index does before it searches; afterwards it holds what the catalog holds."""
        try:
            want = self.sql.revision(name)
        except CollectionNotFound:
            return
        if name in self.index and (changes := self.sql.changes(name, self.index[name][0], 100)) is not None:
            now = followed(self.index[name][1], changes)
        else:
            now = held(self.sql, name)
        self.index[name] = (want, now)
        assert now == held(self.sql, name)

    @invariant()
    def same_state(self) -> None:
        self.both(lambda one: one.counts())
        self.both(lambda one: one.collections(10, None))
        self.both(lambda one: sorted(one.digests([digest(number) for number in range(10)])))
        for name in ("people", "others"):
            self.both(lambda one, name=name: one.faces(name, 100, None))  # type: ignore[misc]  # default binds it
            self.both(lambda one, name=name: one.users(name, 100, None))  # type: ignore[misc]  # default binds it
            self.both(lambda one, name=name: sorted(held(one, name).items()))  # type: ignore[misc]  # default binds it


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=500 if SOAK else 10, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
