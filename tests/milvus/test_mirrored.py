"""A mirrored collection is searched as the catalog has it, whatever the mirror has: a mirror may be behind, lost or
wrong."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from kenspeckle.errors import CollectionNotFound, PackMismatch, StorageUnavailable
from kenspeckle.index import milvus as milvus_
from kenspeckle.index.milvus import REST_SECONDS
from kenspeckle.index.mirrored import TRUST_SECONDS
from kenspeckle.ports import MirrorBounds, MirrorState, scanned
from kenspeckle.usecases.mirrors import keeper
from tests.catalogs import DIMENSION, gallery, stored_face, template
from tests.cluster.links import Links
from tests.milvus.conftest import FACES, Setting
from tests.milvus_server import MilvusServer
from tests.soak import either


def found(setting: Setting, number: int, k: int = 3) -> list[str]:
    """Identities of the nearest to the template of this number."""
    near = setting.index.search("people", "face", template(number), k, math.inf, contract="contract")
    return [stored.face.face_id for stored, _ in near if stored.face]


def exact(setting: Setting, number: int, k: int = 3) -> list[str]:
    near = setting.exact.search("people", "face", template(number), k, math.inf)
    return [stored.face.face_id for stored, _ in near if stored.face]


def test_what_is_stored_and_deleted_shows_at_once_with_exact_scores(setting: Setting) -> None:
    """Nothing of it has come to Milvus yet."""
    stored_face(setting.catalog, 1000)
    setting.catalog.delete_faces("people", ["face-7"])
    counted = scanned.begin()
    assert found(setting, 1000)[0] == "face-1000"
    assert (counted.approximate, counted.exact) == (FACES, 1)
    assert "face-7" not in found(setting, 7, FACES)
    for number in (1000, 7, 3, 2000):
        assert found(setting, number, 10) == exact(setting, number, 10)
    near = setting.index.search("people", "face", template(3), 1, math.inf)
    assert near[0][1] == 0.0, "scored again from the catalog, in float32"


def test_a_mirror_is_brought_up_to_date_and_another_process_goes_on_from_there(setting: Setting) -> None:
    before, other = setting.mirror, setting.another()
    assert other.load("people", "face") == 1, "what is newer than the mirror"
    after = setting.keeper.catch_up(before)
    assert after is not None
    assert after.revision == setting.catalog.revision("people") > before.revision
    assert setting.store.count(after.name) == FACES
    assert found(setting, 1000)[0] == "face-1000"
    assert other.load("people", "face") == 0
    near = other.search("people", "face", template(1000), 1, math.inf)
    assert near[0][0].face is not None
    assert near[0][0].face.face_id == "face-1000"
    assert after.compacted < after.revision, "what was deleted may be left in its files"


def test_deleted_faces_do_not_crowd_out_those_that_are_there(setting: Setting) -> None:
    """Far more of the nearest were deleted than are asked for; none was removed from the mirror yet."""
    for number in range(FACES, 260):
        stored_face(setting.catalog, number)
    assert setting.keeper.catch_up(setting.mirror) is not None
    probe = template(5)
    order = sorted(
        (number for number in range(260) if number != 7), key=lambda number: np.linalg.norm(template(number) - probe)
    )
    setting.catalog.delete_faces("people", [f"face-{number}" for number in order[:200]])
    assert found(setting, 5, 10) == exact(setting, 5, 10)
    assert len(found(setting, 5, 10)) == 10


def test_rounds_of_writing_following_and_comparing_answer_as_the_exact_index(setting: Setting) -> None:
    random = np.random.default_rng(1)
    there, new = {one.face_id for one in setting.catalog.faces("people", 1000, None).items}, 10_000
    for _ in range(either(10, 1000)):
        for _ in range(int(random.integers(0, 4))):
            stored_face(setting.catalog, new)
            there.add(f"face-{new}")
            new += 1
        gone = sorted(there)[: int(random.integers(0, 3))]
        if gone:
            setting.catalog.delete_faces("people", gone)
            there -= set(gone)
        step = random.integers(0, 3)
        if step == 0:
            assert setting.keeper.catch_up(setting.mirror) is not None
        elif step == 1:
            assert setting.keeper.compare(setting.mirror, 0).wrong == 0
        probe = int(random.integers(0, new))
        assert found(setting, probe, 5) == exact(setting, probe, 5)
        assert set(found(setting, probe, 1000)) == there


def test_a_probe_of_another_pack_is_refused(setting: Setting) -> None:
    with pytest.raises(PackMismatch):
        setting.index.search("people", "face", template(1), 1, math.inf, contract="another")
    with pytest.raises(PackMismatch):
        setting.index.search("people", "face", np.zeros(DIMENSION + 1, np.float32), 1, math.inf)


def test_comparing_finds_and_mends_what_is_wrong(setting: Setting) -> None:
    """A row is missing, one is another's, one should not be there; what is only newer is not wrong."""
    mirror = setting.keeper.catch_up(setting.mirror)
    assert mirror is not None
    rows, templates = setting.catalog.templates_after("people", 0, FACES)
    setting.store.remove(mirror.name, [rows[2]])
    setting.store.put(mirror.name, [rows[3]], templates[4:5])
    setting.store.put(mirror.name, [10**6], templates[5:6])
    stored_face(setting.catalog, 1001)
    compared = setting.keeper.compare(mirror, 0)
    assert (compared.wrong, compared.done) == (3, True)
    assert setting.keeper.compare(setting.mirror, 0).wrong == 0
    digests = setting.store.digests(mirror.name, 0, None)
    assert digests is not None
    assert len(digests) == setting.catalog.collection("people").face_count


def test_a_foreign_collection_is_not_touched(setting: Setting, milvus: MilvusServer) -> None:
    with milvus.client(setting.url) as client:
        client.create_collection("kenspeckle_foreign", dimension=4)
        with pytest.raises(StorageUnavailable, match=r"INDEX_URL.*another schema"):
            setting.store.create("kenspeckle_foreign", DIMENSION)
        assert client.has_collection("kenspeckle_foreign")
        client.drop_collection("kenspeckle_foreign")


def test_a_server_that_is_not_there_is_named_and_searches_do_not_wait_for_it(setting: Setting) -> None:
    mirror = setting.mirror
    absent = Setting(setting.catalog, "milvus://127.0.0.1:9/nowhere", setting.bounds)
    setting.catalog.save_mirror(replace(mirror, place=absent.store.place))
    counted = scanned.begin()
    assert found(absent, 5, 10) == exact(setting, 5, 10)
    assert counted.approximate == 0
    begun = time.monotonic()
    with pytest.raises(StorageUnavailable, match=r"INDEX_URL: Milvus at 127\.0\.0\.1:9/nowhere") as refused:
        absent.store.search(mirror.name, template(3), 1, mirror.stamp)
    assert time.monotonic() - begun < 2, "it was asked a moment ago"
    assert refused.value.retry_after
    assert absent.mirror.state is MirrorState.READY, "it may be right when it answers again"
    setting.catalog.save_mirror(mirror)


def test_a_server_that_hangs_is_waited_for_once_and_searched_again_when_it_goes_on(
    setting: Setting, milvus: MilvusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = setting.mirror
    with Links() as links:
        link = links.to(milvus.port)
        url = f"milvus://127.0.0.1:{link.port}/{setting.url.rpartition('/')[2]}"
        behind = Setting(setting.catalog, url, setting.bounds)
        setting.catalog.save_mirror(replace(mirror, place=behind.store.place))
        counted = scanned.begin()
        assert found(behind, 5, 10) == exact(setting, 5, 10)
        assert counted.approximate
        link.stall()
        monkeypatch.setattr(milvus_, "SEARCH_SECONDS", 0.3)
        counted = scanned.begin()
        assert found(behind, 5, 10) == exact(setting, 5, 10)
        assert counted.approximate == 0
        with pytest.raises(StorageUnavailable, match="a moment ago"):
            behind.store.search(mirror.name, template(3), 1, mirror.stamp)
        behind.now += REST_SECONDS + 1
        assert behind.store._may_ask()
        assert not behind.store._may_ask(), "one asks, and no other waits for the answer"
        link.mend()
        monkeypatch.undo()
        behind.now += REST_SECONDS + 1
        counted = scanned.begin()
        assert found(behind, 5, 10) == exact(setting, 5, 10)
        assert counted.approximate
        behind.store.close()
    setting.catalog.save_mirror(mirror)


def test_a_mirror_of_another_time_is_not_trusted_until_it_was_compared(setting: Setting) -> None:
    """As after a restore of Milvus from a backup."""
    mirror = setting.mirror
    setting.store.mark(mirror.name, mirror.revision - 1)
    setting.store.count(mirror.name)  # waits until it is seen
    setting.now += TRUST_SECONDS + 1
    assert found(setting, 5, 10) == exact(setting, 5, 10)
    assert setting.mirror.state is MirrorState.WRONG
    assert setting.keeper.compare(setting.keeper.restart(setting.mirror), 0).done
    assert setting.keeper.catch_up(setting.mirror) is not None
    counted = scanned.begin()
    assert found(setting, 5, 10) == exact(setting, 5, 10)
    assert counted.approximate


def test_a_build_goes_on_where_a_process_died(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had stored faces of which the account does not know."""
    monkeypatch.setattr(keeper, "BATCH", 10)
    setting.catalog.create_collection(gallery("others"))
    for number in range(25):
        stored_face(setting.catalog, number, "others")
    begun = setting.keeper.begin(setting.catalog.describe_mirrored("others"), DIMENSION)
    first = setting.keeper.fill(begun, fresh=True)
    assert first is not None
    assert setting.keeper.fill(first, fresh=True) is not None
    setting.catalog.save_mirror(first)
    setting.catalog.delete_faces("others", ["face-0", "face-24"])
    again = setting.keeper.begin(setting.catalog.describe_mirrored("others"), DIMENSION)
    assert again == first
    while (filled := setting.keeper.fill(again, fresh=False)) is not None:
        again = filled
    setting.store.open(again.name)
    ready = setting.keeper.catch_up(again)
    assert ready is not None
    rows, _ = setting.catalog.templates_after("others", 0, 100)
    assert sorted(setting.store.digests(ready.name, 0, None) or ()) == rows
    assert setting.keeper.compare(ready, 0).wrong == 0


def test_a_full_server_takes_no_writes_and_searches_see_them_all_the_same(
    setting: Setting, milvus: MilvusServer
) -> None:
    """A quota of the disk refuses deletions too, as a server does that is read-only."""
    name = setting.mirror.name

    def write() -> None:
        """Until it is refused: the server counts every few seconds."""
        for number in range(20_000, 30_000):
            stored_face(setting.catalog, number)
            setting.keeper.catch_up(setting.mirror)

    with milvus.client(setting.url) as client:
        client.alter_collection_properties(name, properties={"collection.diskProtection.diskQuota.mb": "0.00001"})
        with pytest.raises(StorageUnavailable, match=r"INDEX_URL.*quota") as refused:
            write()
        assert refused.value.retry_after
        gone = setting.catalog.faces("people", 1, None).items[0].face_id
        setting.catalog.delete_faces("people", [gone])
        stored_face(setting.catalog, 30_001)
        with pytest.raises(StorageUnavailable, match="quota"):
            setting.keeper.catch_up(setting.mirror)
        counted = scanned.begin()
        assert found(setting, 30_001)[0] == "face-30001"
        assert counted.approximate
        assert found(setting, 5, 100) == exact(setting, 5, 100)
        assert gone not in found(setting, 5, 1000)
        assert setting.mirror.state is MirrorState.READY
        client.alter_collection_properties(name, properties={"collection.diskProtection.diskQuota.mb": "1000000"})
    deadline = time.monotonic() + 60
    while True:
        try:
            assert setting.keeper.catch_up(setting.mirror) is not None
            break
        except StorageUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert setting.keeper.compare(setting.mirror, 0).wrong == 0


def test_a_collection_that_is_deleted_while_its_mirror_is_built_leaves_none(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "BATCH", 10)
    setting.catalog.create_collection(gallery("brief"))
    for number in range(25):
        stored_face(setting.catalog, number, "brief")
    begun = setting.keeper.begin(setting.catalog.describe_mirrored("brief"), DIMENSION)
    filled = setting.keeper.fill(begun, fresh=True)
    assert filled is not None
    setting.catalog.delete_collection("brief")
    with pytest.raises(CollectionNotFound):
        setting.keeper.fill(filled, fresh=True)
    with pytest.raises(CollectionNotFound):
        setting.keeper.catch_up(filled)
    (left,) = [one for one, there in setting.catalog.mirrors() if not there]
    setting.keeper.drop(left)
    assert begun.name not in setting.store.names()
    assert all(there for _, there in setting.catalog.mirrors())


def test_a_lost_mirror_is_replaced_by_an_exact_search_or_a_refusal_that_names_the_setting(setting: Setting) -> None:
    setting.store.drop(setting.mirror.name)
    counted = scanned.begin()
    assert found(setting, 5, 10) == exact(setting, 5, 10)
    assert counted.approximate == 0
    assert setting.mirror.state is MirrorState.WRONG
    setting.bounds = MirrorBounds(FACES, FACES - 1)
    strict = setting.another()
    with pytest.raises(StorageUnavailable, match="INDEX_URL") as refused:
        strict.search("people", "face", template(3), 1, math.inf)
    assert refused.value.retry_after
    assert strict.search("people", "user", template(3), 1, math.inf) == [], "users are searched in process"


def test_another_program_s_collection_under_the_name_of_a_mirror_is_not_used_and_not_touched(
    setting: Setting, milvus: MilvusServer
) -> None:
    """The mirror was dropped there, by the test before, and somebody made another collection of its name."""
    mirror = setting.mirror
    with milvus.client(setting.url) as client:
        client.create_collection(mirror.name, dimension=4)
        setting.catalog.save_mirror(replace(mirror, state=MirrorState.READY))
        setting.now += TRUST_SECONDS + 1
        setting.bounds = MirrorBounds(FACES, 10**6)
        assert found(setting, 5, 10) == exact(setting, 5, 10)
        assert setting.mirror.state is MirrorState.WRONG, "a job makes another one"
        assert not setting.store.owns(mirror.name)
        setting.keeper.drop(mirror)
        assert client.has_collection(mirror.name)
        client.drop_collection(mirror.name)
