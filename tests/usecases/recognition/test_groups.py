"""Faces without a name: grouped as they come and by a job, named, kept apart; and people who are there twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sqlalchemy import delete, select

from kenspeckle.catalog.membership import GROUP
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import members, people
from kenspeckle.domain import Duplicates, FaceSearch, Group, GroupRef, Job, JobKind, Person
from kenspeckle.domain import operations as ops
from kenspeckle.errors import InvalidCursor, InvalidValue, Overloaded, PersonNotFound
from kenspeckle.settings import Settings
from kenspeckle.usecases.jobs.queue import JobQueue
from kenspeckle.usecases.recognition import clustering, duplicates
from kenspeckle.usecases.recognition.admission import Gate
from kenspeckle.usecases.recognition.clustering import clusters
from kenspeckle.usecases.recognition.context import Context
from kenspeckle.usecases.recognition.local import LocalRecognizer
from kenspeckle.usecases.recognition.neighbours import MOST_NEAR
from tests.fakes import FakeImages
from tests.fakes.drawn import BruteIndex, DrawnEngine, DrawnEngines, drawing

HOME = "kenspeckle"


class Steps:
    """The progress of a job, as far as handlers use it."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def step(self, done: int, total: int) -> None:
        self.told.append((done, total))


class Album:
    """A recognizer over drawings and a real catalog."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.catalog = SqlCatalog.open(url)
        context = Context(
            engines=DrawnEngines(DrawnEngine()),
            catalog=self.catalog,
            index=BruteIndex(self.catalog),
            images=FakeImages(),
            gate=Gate(2, 8, 5),
            settings=Settings(**settings),
            jobs=JobQueue(self.catalog),
            people=self.catalog,
        )
        self.recognizer = LocalRecognizer(context)
        self.recognizer.start()
        self.count = 0

    def close(self) -> None:
        self.recognizer.close()
        self.catalog.close()

    def store(self, *people: float, name: str | None = None) -> list[str]:
        """Index a photograph; the ids of its faces."""
        self.count += 1
        image = drawing(*people, note=str(self.count))
        done = self.recognizer.handle(ops.IndexFaces(collection_id=HOME, image=image, external_image_id=name))
        return [one.face.face_id for one in done.records]

    def search(self, *people: float, **how: Any) -> list[FaceSearch]:
        asked = {"groups": True, "every_face": True, **how}
        done = self.recognizer.handle(ops.SearchImage(collection_id=HOME, image=drawing(*people), **asked))
        return sorted(done.searches, key=lambda one: one.detail.box.left)

    def groups(self) -> list[Group]:
        return list(self.recognizer.handle(ops.ListGroups(collection_id=HOME)).items)

    def people(self) -> list[Person]:
        return list(self.recognizer.handle(ops.ListPeople(collection_id=HOME)).items)

    def sets(self) -> set[frozenset[str]]:
        return {frozenset(one.face_ids) for one in self.groups()}

    def name(self, group: Group, name: str) -> Person:
        return self.recognizer.handle(ops.NameGroup(collection_id=HOME, group_id=group.group_id, person_name=name))

    def regroup(self) -> dict[str, Any]:
        steps = Steps()
        job = Job("job-1", JobKind.GROUPS, HOME, 1.0)
        result = self.recognizer.long_work[JobKind.GROUPS](job, cast(Any, steps))
        assert all(done <= total for done, total in steps.told)
        return dict(result)


@pytest.fixture
def album(catalog_url: str) -> Iterator[Album]:
    with closing(Album(catalog_url)) as one:
        yield one


def test_faces_are_grouped_as_they_come(album: Album) -> None:
    first = album.store(1.0, 5.0)
    second = album.store(1.1)
    third = album.store(5.2, 9.0)
    assert album.sets() == {
        frozenset([first[0], *second]),
        frozenset([first[1], third[0]]),
        frozenset([third[1]]),
    }
    assert [one.face_count for one in album.groups()] == [2, 2, 1]
    group = album.groups()[0]
    assert group.cover_face_id == group.face_ids[0]
    assert group.first_seen <= group.last_seen
    assert album.people() == []


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    shown = [person + offset for person in (0.0, 2.0, 4.0, 6.0) for offset in (-0.3, -0.15, 0.0, 0.15, 0.3)]
    found = set()
    for seed in range(4):
        order = shown[:]
        random.Random(seed).shuffle(order)
        with closing(Album(f"sqlite:///{tmp_path / str(seed) / 'kenspeckle.db'}")) as album:
            drawn = {album.store(one)[0]: one for one in order}
            found.add(frozenset(frozenset(drawn[face] for face in some) for some in album.sets()))
    assert found == {
        frozenset(
            frozenset(person + offset for offset in (-0.3, -0.15, 0.0, 0.15, 0.3)) for person in (0.0, 2.0, 4.0, 6.0)
        )
    }


def test_a_job_groups_what_is_there_and_keeps_ids(album: Album) -> None:
    for person in (1.0, 1.1, 1.2, 5.0, 5.1):
        album.store(person)
    album.store(1.05, name="known.jpg")
    before = {one.group_id: set(one.face_ids) for one in album.groups()}
    assert album.regroup() == {"faces": 5, "groups": 2, "moved": 0}
    assert {one.group_id: set(one.face_ids) for one in album.groups()} == before
    with album.catalog.database.write() as connection:
        rows = select(people.c.row).where(people.c.kind == GROUP)
        connection.execute(delete(members).where(members.c.person_row.in_(rows)))
        connection.execute(delete(people).where(people.c.kind == GROUP))
    assert album.groups() == []
    assert album.regroup()["moved"] == 5
    assert album.sets() == {frozenset(some) for some in before.values()}


def test_a_named_group_takes_who_comes_later(album: Album) -> None:
    album.store(1.0)
    album.store(1.1)
    (group,) = album.groups()
    person = album.name(group, "Ada")
    assert (person.name, person.face_count) == ("Ada", 2)
    assert album.groups() == []
    later = album.store(1.2)
    album.store(5.0)
    assert [(one.name, one.face_count) for one in album.people()] == [("Ada", 3)]
    assert len(album.groups()) == 1
    found = album.recognizer.handle(ops.SearchImage(collection_id=HOME, image=drawing(1.21)))
    assert found.searches[0].matches[0].face.face_id == later[0]
    assert found.searches[0].matches[0].name == "Ada"
    album.regroup()
    assert [(one.name, one.face_count) for one in album.people()] == [("Ada", 3)]
    with pytest.raises(PersonNotFound):
        album.name(group, "Again")


def test_people_of_identities_take_nobody(album: Album) -> None:
    album.store(1.0, name="ada.jpg")
    album.store(1.05)
    assert [one.face_count for one in album.people()] == [1]
    assert len(album.groups()) == 1


def test_not_this_person_is_remembered(album: Album) -> None:
    faces = [album.store(one)[0] for one in (1.0, 1.1, 1.2)]
    person = album.name(album.groups()[0], "Ada")
    kept = album.recognizer.handle(ops.KeepApart(collection_id=HOME, person_id=person.person_id, face_ids=faces[2:]))
    assert kept.face_count == 2
    album.regroup()
    assert [one.face_count for one in album.people()] == [2]
    assert album.sets() == {frozenset(faces[2:])}
    album.store(0.95)
    album.regroup()
    assert [one.face_count for one in album.people()] == [3]
    assert frozenset(faces[2:]) in album.sets()
    moved = ops.MoveFaces(collection_id=HOME, person_id=person.person_id, face_ids=faces[2:])
    assert album.recognizer.handle(moved).face_count == 4
    album.regroup()
    assert [one.face_count for one in album.people()] == [4]


def test_a_group_goes_with_its_faces(album: Album) -> None:
    faces = album.store(1.0) + album.store(1.1)
    album.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=faces[:1]))
    assert [one.face_ids for one in album.groups()] == [tuple(faces[1:])]
    album.recognizer.handle(ops.DeleteFaces(collection_id=HOME, face_ids=faces[1:]))
    assert album.groups() == []


def test_pages_of_groups(album: Album) -> None:
    for person, count in ((1.0, 1), (5.0, 3), (9.0, 2), (13.0, 1)):
        for _ in range(count):
            album.store(person)
    sizes, cursor = [], None
    while True:
        page = album.recognizer.handle(ops.ListGroups(collection_id=HOME, limit=1, cursor=cursor))
        sizes += [one.face_count for one in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert sizes == [3, 2, 1, 1]


def test_people_who_may_be_one_are_told_and_dismissed(album: Album) -> None:
    ada = album.store(1.0, name="ada.jpg")
    king = album.store(1.2, name="king.jpg")
    album.store(9.0, name="eve.jpg")
    asked = ops.ListDuplicates(collection_id=HOME)
    (pair,) = album.recognizer.handle(asked).pairs
    assert {one.name for one in pair.people} == {"Ada", "King"}
    assert set(pair.evidence) == {ada[0], king[0]}
    assert pair.similarity > 99
    album.recognizer.handle(ops.DismissDuplicate(collection_id=HOME, pair_id=pair.pair_id))
    assert album.recognizer.handle(asked).pairs == ()
    for wrong, error in (("nothing", InvalidValue), ("a.a", InvalidValue), ("a.b", PersonNotFound)):
        with pytest.raises(error):
            album.recognizer.handle(ops.DismissDuplicate(collection_id=HOME, pair_id=wrong))
    with pytest.raises(InvalidCursor):
        album.recognizer.handle(ops.ListDuplicates(collection_id=HOME, cursor="x"))


def test_faces_under_a_wrong_name_and_copies_are_told(album: Album) -> None:
    for one in (1.0, 1.1):
        album.store(one, name="ada.jpg")
    wrong = album.store(5.1, name="ada.jpg")
    for one in (5.0, 5.2):
        album.store(one, name="eve.jpg")
    same = drawing(9.0, note="same")
    for name in ("one.jpg", "two.jpg"):
        album.recognizer.handle(ops.IndexFaces(collection_id=HOME, image=same, external_image_id=name))
    found = album.recognizer.handle(ops.ListDuplicates(collection_id=HOME))
    (face,) = found.faces
    assert (face.face_id, face.person.name, face.other.name) == (wrong[0], "Ada", "Eve")
    assert face.other_similarity > face.similarity
    assert {name for same in found.alike for _, name in same} == {"ada.jpg"}  # not those of the same bytes
    (copies,) = found.photographs
    assert [name for _, name in copies] == ["one.jpg", "two.jpg"]
    # Where there are too many, those that are least like the others of their person are looked at.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "MOST_COMPARED", 1)
        assert album.recognizer.handle(ops.ListDuplicates(collection_id=HOME)).faces == (face,)


def test_photographs_that_are_nearly_the_same_are_told(album: Album) -> None:
    """Almost the same template at the same place; another photograph of the same person is none."""
    for one, name in ((9.0, "one.jpg"), (9.001, "two.jpg"), (9.002, "one.jpg"), (9.3, "one.jpg"), (1.0, "eve.jpg")):
        album.store(one, name=name)
    found = album.recognizer.handle(ops.ListDuplicates(collection_id=HOME))
    (alike,) = found.alike
    assert [name for _, name in alike] == ["one.jpg", "one.jpg", "two.jpg"]
    assert found.photographs == ()
    # The same person at another place is another photograph.
    album.recognizer.handle(
        ops.IndexFaces(collection_id=HOME, image=drawing(9.0, size=0.2, note="far"), external_image_id="three.jpg")
    )
    (alike,) = album.recognizer.handle(ops.ListDuplicates(collection_id=HOME)).alike
    assert len(alike) == 3


def test_people_whose_faces_show_two_are_told(album: Album) -> None:
    ada = [album.store(one, name="ada")[0] for one in (1.0, 1.1, 1.2)]
    eve = [album.store(one, name="ada")[0] for one in (5.0, 5.1)]
    for one in (9.0, 9.1):
        album.store(one, name="bob")
    album.store(3.0, name="one")
    asked = ops.FindMixedPeople(collection_id=HOME, external_image_ids=["ada", "bob", "one", "nobody"])
    (found,) = album.recognizer.handle(asked)
    assert (found.person.name, found.similarity) == ("Ada", 0.0)
    assert [set(one) for one in found.face_ids] == [set(ada), set(eve)]
    assert album.recognizer.handle(ops.ListDuplicates(collection_id=HOME)).mixed == (found,)
    many = [str(number) for number in range(1001)]
    with pytest.raises(InvalidValue, match="At most 1000"):
        album.recognizer.handle(ops.FindMixedPeople(collection_id=HOME, external_image_ids=many))


def test_pages_of_duplicates_keep_their_place(album: Album) -> None:
    """Whatever is dismissed in between; a token is sealed, as every other."""
    for number in range(4):
        album.store(1.0 + number / 100, name=f"{number}.jpg")

    def page(cursor: str | None, limit: int = 2) -> Duplicates:
        asked = ops.ListDuplicates(collection_id=HOME, limit=limit, cursor=cursor)
        return album.recognizer.handle(asked)

    every = [one.pair_id for one in page(None, 100).pairs]
    assert len(every) == 6
    first = page(None)
    assert first.cursor is not None
    assert len(first.cursor) > 50
    with pytest.MonkeyPatch.context() as patch:  # nothing has changed: not worked out anew
        patch.setattr(duplicates, "near_pairs", None)
        assert [one.pair_id for one in page(first.cursor).pairs] == every[2:4]
        assert replace(page(None), cursor=first.cursor) == first
    album.recognizer.handle(ops.DismissDuplicate(collection_id=HOME, pair_id=every[0]))
    seen = [one.pair_id for one in first.pairs]
    cursor: str | None = first.cursor
    while cursor:
        more = page(cursor)
        seen += [one.pair_id for one in more.pairs]
        cursor = more.cursor
    assert seen == every
    for forged in ("2", first.cursor[:-4] + "AAAA"):
        with pytest.raises(InvalidCursor):
            page(forged)


def test_who_asks_for_duplicates_while_they_are_worked_out_does_not_wait_for_ever(album: Album) -> None:
    album.store(1.0, name="ada.jpg")
    listing = duplicates.DuplicatePeople(album.recognizer.context)
    listing.patience = 0.01
    asked = ops.ListDuplicates(collection_id=HOME)
    with listing._turn, pytest.raises(Overloaded, match="ask again"):
        listing.list_duplicates(asked)
    assert listing.list_duplicates(asked).pairs == ()


def test_one_near_pair_joins_nobody() -> None:
    """Two people and a face between them: near to one of each, far from the others."""
    one, other = np.array([[0.0, 0.0], [0.2, 0.0], [0.4, 0.0]]), np.array([[1.0, 0.0], [1.2, 0.0], [1.4, 0.0]])
    labels = clusters(np.concatenate([one, other]).astype(np.float32), 0.65)
    assert len(set(labels.tolist())) == 2
    assert len(set(labels[:3].tolist())) == len(set(labels[3:].tolist())) == 1


def test_clustering_is_average_linkage_whatever_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared with the plain algorithm: of all pairs of clusters the nearest is joined, until none is near enough.
    Each order is clustered one by one, in both ways, or at once."""

    def plain(points: Any, within: float) -> set[frozenset[int]]:
        found = [[number] for number in range(len(points))]
        squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
        while True:
            means = [
                (squares[np.ix_(a, b)].mean(), at, to) for at, a in enumerate(found) for to, b in enumerate(found[:at])
            ]
            nearest = min(means, default=(np.inf, 0, 0))
            if nearest[0] > within**2:
                return {frozenset(one) for one in found}
            found[nearest[2]] += found.pop(nearest[1])

    for seed in range(5):
        rng = np.random.default_rng(seed)
        points = (rng.standard_normal((6, 8))[rng.integers(0, 6, 40)] + rng.normal(0, 0.35, (40, 8))).astype(np.float32)
        expected = plain(points, 1.6)
        for few in (0, 4, 1_000_000):
            monkeypatch.setattr(clustering, "FEW", few)
            order = rng.permutation(len(points))
            labels = clusters(points[order], 1.6)
            made: dict[int, set[int]] = {}
            for number, label in zip(order.tolist(), labels.tolist(), strict=True):
                made.setdefault(label, set()).add(number)
            assert {frozenset(one) for one in made.values()} == expected


@pytest.mark.parametrize("few", [0, 1_000_000], ids=["one by one", "at once"])
def test_known_people_are_not_joined_and_faces_are_kept_from_them(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "FEW", few)
    points = np.array([[0.0], [0.1], [0.5], [0.05], [0.45]], np.float32)
    labels = clusters(points, 1.0, fixed=[7, 7, 8])
    assert labels[0] == labels[1] == labels[3]
    assert labels[2] == labels[4] != labels[0]
    barred = clusters(points, 1.0, fixed=[7, 7, 8], apart={3: [7, 8]})
    assert barred[3] not in (barred[0], barred[2])


def test_many_alike_are_one() -> None:
    points = np.random.default_rng(1).normal(0, 0.01, (5 * MOST_NEAR, 4)).astype(np.float32)
    assert len(set(clusters(points, 1.0).tolist())) == 1
    assert clusters(np.empty((0, 4), np.float32), 1.0).tolist() == []


def test_a_search_that_finds_nobody_tells_of_the_group(catalog_url: str) -> None:
    with closing(Album(catalog_url, search_groups=True)) as album:
        for person in (1.0, 1.1, 1.2, 5.0):
            album.store(person)
        album.store(9.0, name="known.jpg")
        first, second = album.groups()
        ones, fives, known, new = album.search(1.05, 5.05, 9.05, 3.0)
        assert ones.group == GroupRef(first.group_id, 3, first.first_seen, first.last_seen)
        assert fives.group is not None
        assert fives.group.group_id == second.group_id
        assert (known.group, new.group) == (None, None)
        assert known.matches[0].name == "Known"
        # Who is asked for by a low threshold is not found by it.
        (low,) = album.search(1.05, threshold=0.0)
        assert low.group is not None
        # Named, it is no group any more.
        album.name(first, "Ada")
        assert album.search(1.05)[0].group is None
        assert album.search(5.05, groups=False)[0].group is None


def test_a_group_is_told_of_only_where_the_operator_wants_it(album: Album) -> None:
    album.store(1.0)
    (found,) = album.search(1.0)
    assert found.group is None
    assert len(found.matches) == 1
