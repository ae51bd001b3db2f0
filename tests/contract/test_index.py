"""The contract of `ports.Index`, over each catalog: always what the catalog has, whoever wrote it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.domain import Vector
from kenspeckle.errors import CollectionNotFound, PackMismatch
from kenspeckle.index import exact, follow
from kenspeckle.index.follow import FollowingIndex
from kenspeckle.ports import Catalog, Index, Stored
from tests import forks
from tests.catalogs import DIMENSION, Whole, gallery, new_face, person, photo, stored_face, template
from tests.fakes import FakeCatalog
from tests.fakes.drawn import BruteIndex

FAR = float("inf")


@pytest.fixture
def indexes() -> Iterator[Callable[[Catalog], FollowingIndex]]:
    """Makes indexes on two threads, closed after the test."""
    made: list[FollowingIndex] = []

    def make(catalog: Catalog) -> FollowingIndex:
        made.append(FollowingIndex(catalog, lambda _: DIMENSION, 2))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def people(catalog: Whole) -> Whole:
    catalog.create_collection(gallery())
    return catalog


@pytest.fixture(params=["following", "fake"])
def index(request: pytest.FixtureRequest, people: Whole, indexes: Callable[[Catalog], FollowingIndex]) -> Index:
    """Whatever implements the port."""
    return indexes(people) if request.param == "following" else BruteIndex(people)


@pytest.fixture
def following(people: Whole, indexes: Callable[[Catalog], FollowingIndex]) -> FollowingIndex:
    return indexes(people)


def names(found: Sequence[tuple[Stored, float]]) -> list[str]:
    """Ids of faces or users, as they were found."""
    ids = []
    for one, _ in found:
        name = one.face.face_id if one.face else one.user.user_id if one.user else None
        assert name is not None
        ids.append(name)
    return ids


def every_face(catalog: Catalog, collection_id: str = "people") -> dict[str, Vector]:
    held = {}
    for face in catalog.faces(collection_id, 4096, None).items:
        held[face.face_id] = catalog.face(collection_id, face.face_id)[1]
    return held


def brute(held: dict[str, Vector], probe: Vector, k: int, within: float) -> list[str]:
    distances = {name: float(np.linalg.norm(one - probe)) for name, one in held.items()}
    return sorted((name for name in held if distances[name] <= within), key=distances.__getitem__)[:k]


def test_finds_the_nearest_first(people: Whole, index: Index) -> None:
    for number in range(30):
        stored_face(people, number)
    probe = template(3) + np.float32(0.01)
    for k, within in ((1, FAR), (5, FAR), (30, FAR), (100, FAR), (10, 3.0), (10, 0.02), (10, 0.0), (0, FAR)):
        found = index.search("people", "face", probe, k, within)
        assert names(found) == brute(every_face(people), probe, k, within)
    (stored, distance), *_ = index.search("people", "face", probe, 1, FAR)
    assert stored.face == people.face("people", "face-3")[0].face
    assert distance == pytest.approx(float(np.linalg.norm(template(3) - probe)), rel=1e-6)


def test_an_empty_collection(people: Whole, index: Index) -> None:
    assert index.search("people", "face", template(1), 10, FAR) == []
    assert index.search("people", "user", template(1), 10, FAR) == []


def test_follows_every_write(people: Whole, index: Index) -> None:
    for number in range(5):
        stored_face(people, number)
        assert names(index.search("people", "face", template(number), 1, FAR)) == [f"face-{number}"]
    people.delete_faces("people", ["face-2"])
    assert "face-2" not in names(index.search("people", "face", template(2), 10, FAR))
    people.set_tags("people", {"a": "b"}, 10)
    assert len(index.search("people", "face", template(2), 10, FAR)) == 4


def test_users_have_an_index_of_their_own(people: Whole, index: Index) -> None:
    for number in range(3):
        stored_face(people, number)
    people.create_user(person("ann"))
    assert index.search("people", "user", template(0), 10, FAR) == []
    people.link_faces("people", "ann", ["face-0"], template(0), 100)
    assert names(index.search("people", "user", template(0), 10, 0.001)) == ["ann"]
    people.link_faces("people", "ann", ["face-1"], template(77), 100)
    assert index.search("people", "user", template(0), 10, 0.001) == []
    (found, distance), *_ = index.search("people", "user", template(77), 10, 0.001)
    assert found.user is not None
    assert found.user.face_count == 2
    assert distance == 0
    people.delete_user("people", "ann")
    assert index.search("people", "user", template(77), 10, FAR) == []


def test_is_brought_up_to_date_before_it_is_searched(people: Whole, index: Index) -> None:
    for number in range(3):
        stored_face(people, number)
    assert index.revision("people", "face") is None
    assert index.load("people", "face") == 3
    assert index.load("people", "user") == 0
    assert index.revision("people", "face") in (None, people.revision("people"))
    stored_face(people, 3)
    assert index.load("people", "face") == 4
    with pytest.raises(CollectionNotFound):
        index.load("strangers", "face")
    index.forget("people")
    assert index.revision("people", "face") is None


def test_a_collection_that_is_not_there(people: Whole, index: Index) -> None:
    with pytest.raises(CollectionNotFound):
        index.search("strangers", "face", template(1), 10, FAR)


def test_who_has_just_read_the_revision_is_answered_by_it_or_a_later_one(
    people: Whole, following: FollowingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        stored_face(people, number)
    assert names(following.search("people", "face", template(1), 9, FAR)) == ["face-1", "face-2"]
    read = people.collection("people").revision
    with monkeypatch.context() as patch:
        patch.setattr(people, "revision", lambda _: pytest.fail("it was asked for again"))
        found = following.search("people", "face", template(1), 9, FAR, revision=read)
    assert names(found) == ["face-1", "face-2"]
    people.delete_faces("people", ["face-2"])
    assert names(following.search("people", "face", template(1), 9, FAR, revision=read)) == ["face-1"]
    stored_face(people, 3)
    now = people.collection("people").revision
    assert "face-3" in names(following.search("people", "face", template(3), 9, FAR, revision=now))


def test_a_deleted_collection_is_forgotten(people: Whole, following: FollowingIndex) -> None:
    stored_face(people, 1)
    following.search("people", "face", template(1), 10, FAR)
    following.search("people", "user", template(1), 10, FAR)
    assert len(following._loaded) == 2
    people.delete_collection("people")
    with pytest.raises(CollectionNotFound):
        following.search("people", "face", template(1), 10, FAR)
    assert not following._loaded
    following.forget("people")


@pytest.mark.parametrize("told", [True, False])
def test_a_collection_made_anew(people: Whole, index: Index, told: bool) -> None:
    for number in range(3):
        stored_face(people, number)
    index.search("people", "face", template(1), 10, FAR)
    people.delete_collection("people")
    if told:
        index.forget("people")
    people.create_collection(gallery())
    for number in range(10, 13):
        stored_face(people, number)
    assert sorted(names(index.search("people", "face", template(1), 10, FAR))) == ["face-10", "face-11", "face-12"]


def test_reads_anew_where_the_log_no_longer_reaches(
    open_catalog: Callable[..., Whole], indexes: Callable[[Catalog], FollowingIndex]
) -> None:
    catalog = open_catalog(log_limit=4)
    catalog.create_collection(gallery())
    index = indexes(catalog)
    for number in range(20):
        stored_face(catalog, number)
        if number in (2, 3, 12):
            index.search("people", "face", template(0), 1, FAR)
    catalog.delete_faces("people", [f"face-{number}" for number in range(8)])
    assert sorted(names(index.search("people", "face", template(0), 50, FAR))) == sorted(every_face(catalog))


def test_templates_of_another_dimension(people: Whole, following: FollowingIndex) -> None:
    stored_face(people, 1)
    with pytest.raises(PackMismatch):
        following.search("people", "face", np.zeros(DIMENSION + 1, np.float32), 10, FAR)
    with pytest.raises(PackMismatch):
        FollowingIndex(people, lambda _: 2 * DIMENSION).load("people", "face")


def test_a_probe_of_another_contract_is_compared_with_nothing(people: Whole, following: FollowingIndex) -> None:
    stored_face(people, 1)
    assert names(following.search("people", "face", template(1), 5, FAR, contract="contract")) == ["face-1"]
    for kind in ("face", "user"):
        with pytest.raises(PackMismatch):
            following.search("people", kind, template(1), 5, FAR, contract="another")


def test_collections_of_two_dimensions_in_one_index(people: Whole) -> None:
    large = {"people": DIMENSION, "large": 512}
    people.create_collection(gallery("large"))
    stored_face(people, 1)
    template_of = np.random.default_rng(5).standard_normal(512).astype(np.float32)
    face = replace(new_face(2), template=template_of)
    people.add_faces(photo(2, "large"), "2.jpg", [face], "v1")
    index = FollowingIndex(people, lambda one: large[one.collection_id], 2)
    try:
        assert names(index.search("people", "face", template(1), 5, FAR)) == ["face-1"]
        assert names(index.search("large", "face", template_of, 5, FAR)) == [face.face_id]
        for name, probe in (("people", template_of), ("large", template(1))):
            with pytest.raises(PackMismatch, match="components"):
                index.search(name, "face", probe, 5, FAR)
    finally:
        index.close()


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 25)),
            st.tuples(st.just("delete"), st.integers(0, 25)),
            st.tuples(st.just("link"), st.integers(0, 25)),
            st.tuples(st.just("search"), st.integers(0, 25)),
            st.tuples(st.just("recreate"), st.integers(0, 25)),
        ),
        max_size=40,
    ),
    st.sampled_from([3, 1000]),
    st.sampled_from([2, exact.BLOCK]),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history(
    indexes: Callable[[Catalog], FollowingIndex], history: list[tuple[str, int]], log_limit: int, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BLOCK", block)
        catalog = FakeCatalog(log_limit)
        catalog.create_collection(gallery())
        index = indexes(catalog)
        held: dict[str, Vector] = {}
        linked: Vector | None = None
        for verb, number in history:
            if verb == "add" and f"face-{number}" not in held:
                stored_face(catalog, number)
                held[f"face-{number}"] = template(number)
            elif verb == "delete":
                for face_id in catalog.delete_faces("people", [f"face-{number}"])[0].deleted:
                    del held[face_id]
            elif verb == "link":
                if linked is None:
                    catalog.create_user(person("ann"))
                linked = template(1000 + number)
                catalog.link_faces("people", "ann", [], linked, 100)
            elif verb == "recreate":
                catalog.delete_collection("people")
                catalog.create_collection(gallery())
                held, linked = {}, None
            probe = template(number) * np.float32(1.01)
            for k, within in ((3, FAR), (10, 1.0)):
                assert names(index.search("people", "face", probe, k, within)) == brute(held, probe, k, within)
            users = {} if linked is None else {"ann": linked}
            assert names(index.search("people", "user", probe, 3, FAR)) == brute(users, probe, 3, FAR)


def test_threads_always_find_what_was_there_before_they_asked(people: Whole, following: FollowingIndex) -> None:
    for number in range(40):
        stored_face(people, number)
    stop, wrong = threading.Event(), list[object]()

    def ask(seed: int) -> None:
        rng = np.random.default_rng(seed)
        while not stop.is_set():
            number = int(rng.integers(20))  # of those that stay
            try:
                found = following.search("people", "face", template(number), 1, 0.01)
                if names(found) != [f"face-{number}"]:
                    wrong.append((number, names(found)))
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for number in range(100, 110):
        stored_face(people, number)
        if names(following.search("people", "face", template(number), 1, 0.01)) != [f"face-{number}"]:
            wrong.append(f"{number} was not found")
        people.delete_faces("people", [f"face-{number - 80}", f"face-{number}"])
        if following.search("people", "face", template(number), 1, 0.01):
            wrong.append(f"{number} was found")
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:5]


def test_no_thread_finds_nothing_while_another_reads_anew(
    people: Whole, following: FollowingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        stored_face(people, number)
    monkeypatch.setattr(follow, "MOST_CHANGES", -1)
    monkeypatch.setattr(people, "changes", lambda *_: None)
    stop, wrong = threading.Event(), list[object]()

    def ask() -> None:
        while not stop.is_set():
            if len(following.search("people", "face", template(1), 30, FAR)) != 30:
                wrong.append("some were missing")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        people.set_tags("people", {"turn": str(turn)}, 10)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


class Vanishing(FakeCatalog):
    """Deletes a face between the index naming it and its being read."""

    victim: str | None = None

    def read_stored(
        self, collection_id: str, kind: str, rows: Sequence[int], *, contract: str | None = None
    ) -> list[Stored]:
        if self.victim:
            victim, self.victim = self.victim, None
            self.delete_faces(collection_id, [victim])
        return super().read_stored(collection_id, kind, rows, contract=contract)


def test_a_row_that_vanishes_meanwhile_never_matches(indexes: Callable[[Catalog], FollowingIndex]) -> None:
    catalog = Vanishing()
    catalog.create_collection(gallery())
    index = indexes(catalog)
    for number in range(300):
        stored_face(catalog, number)
    index.search("people", "face", template(5), 1, FAR)
    catalog.victim = "face-5"
    assert names(index.search("people", "face", template(5), 3, FAR)) == brute(every_face(catalog), template(5), 3, FAR)


WRITER = """
import sys
from kenspeckle.catalog.sql import SqlCatalog
from tests.catalogs import stored_face
catalog = SqlCatalog.open(sys.argv[1])
for line in sys.stdin:
    verb, number = line.split()
    stored_face(catalog, int(number)) if verb == "add" else catalog.delete_faces("people", [f"face-{number}"])
    print("done", flush=True)
catalog.close()
"""


def test_another_process_writes(tmp_path: Path, indexes: Callable[[Catalog], FollowingIndex]) -> None:
    url = f"sqlite:///{tmp_path / 'kenspeckle.db'}"
    catalog = SqlCatalog.open(url)
    catalog.create_collection(gallery())
    index = indexes(catalog)
    root = Path(__file__).parents[2]
    with forks.Popen(
        [sys.executable, "-c", WRITER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for verb in ("add", "delete"):
            for number in range(5):
                writer.stdin.write(f"{verb} {number}\n")
                writer.stdin.flush()
                assert writer.stdout.readline() == "done\n"
                found = names(index.search("people", "face", template(number), 1, 0.01))
                assert found == ([f"face-{number}"] if verb == "add" else [])
        writer.stdin.close()
    assert writer.returncode == 0
    catalog.close()
