"""The outbox in the catalog: stored with what it tells of, claimed by one, forgotten with the faces in it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.sqlite.copies import SqliteCopies, SqliteReplacer
from kenspeckle.domain import EVENTS, Claimed, DeliveryState, Event, FaceMatch, Secrets, Sent, Webhook
from kenspeckle.errors import Conflict, InvalidCursor, InvalidValue, QuotaExceeded, WebhookNotFound
from kenspeckle.usecases.webhooks import endpoints, signing
from kenspeckle.usecases.webhooks.endpoints import MOST_WEBHOOKS
from kenspeckle.usecases.webhooks.events import MOST_FACES, Announcer
from tests.catalogs import gallery, new_face, photo
from tests.webhooks.conftest import Post, opened

URL = "http://127.0.0.1:9/x"
ARRIVED, BROKEN = Sent(204, "", 0.1), Sent(500, "It answered 500.", 0.1)
FAR = 1e12


def claim(post: Post, webhook_id: str, now: float = FAR / 2, until: float = FAR) -> list[Claimed]:
    return post.catalog.claim(webhook_id, now, until, FAR * 10, 100)


def states(post: Post, webhook_id: str) -> list[str]:
    return [one.state.value for one in reversed(post.log(webhook_id))]


def test_only_who_listens_gets_a_letter(post: Post) -> None:
    every, _ = post.endpoints.create(URL)
    other, _ = post.endpoints.create(URL, collections=["others"])
    deaf, _ = post.endpoints.create(URL, events=["faces.deleted"])
    off, _ = post.endpoints.create(URL)
    post.endpoints.change(off.webhook_id, enabled=False)
    face = post.index("ada-king.jpg")
    assert [len(post.log(one.webhook_id)) for one in (every, other, deaf, off)] == [1, 0, 0, 0]
    (found,) = claim(post, every.webhook_id)
    assert face in found.payload
    assert '"name":"Ada king"' in found.payload
    assert found.delivery.message_id.startswith("msg_")


def test_a_photograph_that_is_there_already_tells_nothing(post: Post) -> None:
    hook, _ = post.endpoints.create(URL)
    for _ in range(2):
        image = photo(1)
        messages = Announcer(post.catalog).announce_indexed(image, None, [new_face(1)])
        post.catalog.add_faces(image, None, [new_face(1)], "v1", messages)
    assert len(post.log(hook.webhook_id)) == 1


def test_a_claimed_letter_is_nobody_elses_until_its_lease_ends(post: Post) -> None:
    hook, _ = post.endpoints.create(URL)
    post.index()
    now = post.now() + 1
    (mine,) = claim(post, hook.webhook_id, now, now + 30)
    assert claim(post, hook.webhook_id, now + 29, now + 60) == []
    (theirs,) = claim(post, hook.webhook_id, now + 31, now + 60)
    assert (mine.delivery.attempts, theirs.delivery.attempts) == (1, 2)
    assert mine.delivery.message_id == theirs.delivery.message_id
    assert not post.catalog.settle(mine, BROKEN, now + 31, DeliveryState.FAILED, now + 31)
    assert post.catalog.settle(theirs, ARRIVED, now + 32, DeliveryState.DELIVERED, now + 32)
    (one,) = post.log(hook.webhook_id)
    assert (one.state, one.attempts, one.status, one.kept) == (DeliveryState.DELIVERED, 2, 204, False)


def test_no_two_claim_the_same(post: Post, tmp_path: Path) -> None:
    hook, _ = post.endpoints.create(URL)
    for _ in range(40):
        post.index()
    second = opened(tmp_path)
    got: list[int] = []
    lock = threading.Lock()

    def work(one: Post) -> None:
        while found := one.catalog.claim(hook.webhook_id, FAR / 2, FAR, FAR * 10, 3):
            with lock:
                got.extend(one.delivery.row for one in found)

    threads = [threading.Thread(target=work, args=(one,)) for one in (post, second, post, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    second.catalog.close()
    assert len(got) == len(set(got)) == 40


def test_a_clock_that_was_wrong_holds_nothing_back_for_good(post: Post) -> None:
    hook, _ = post.endpoints.create(URL)
    post.skew = 10 * 365 * 86_400.0
    post.index()
    post.skew = 0.0
    assert post.catalog.claim(hook.webhook_id, post.now(), post.now() + 30, post.now() + 1e9, 10) == []
    assert len(post.catalog.claim(hook.webhook_id, post.now(), post.now() + 30, post.now() + 4e5, 10)) == 1


def gone_by_id(post: Post, face: str) -> None:
    post.catalog.delete_faces("people", [face], Announcer(post.catalog).announce_deleted("people"))


def gone_by_erasure(post: Post, face: str) -> None:
    post.catalog.erase_faces(
        "people", [face], lambda some: some[0], tell=Announcer(post.catalog).announce_deleted("people")
    )


def gone_with_all(post: Post, face: str) -> None:
    post.catalog.delete_collection("people", Announcer(post.catalog).collection_deleted("people"))


@pytest.mark.parametrize("erase", [gone_by_id, gone_by_erasure, gone_with_all])
def test_a_face_that_went_between_search_and_message_is_named_by_none(
    post: Post, tmp_path: Path, erase: Callable[[Post, str], None]
) -> None:
    hook, _ = post.endpoints.create(URL, events=["faces.matched"])
    face, other = post.index("secret-person-of-ours.jpg"), post.index("grace-hopper.jpg")
    stays, goes = (post.catalog.face("people", one)[0].face for one in (other, face))
    searches = [(FaceMatch(stays, 99.0), FaceMatch(goes, 98.0))]
    Announcer(post.catalog).announce_matched("people", searches)
    erase(post, face)
    Announcer(post.catalog).announce_matched("people", searches)
    assert states(post, hook.webhook_id) == ["erased", "erased"]
    assert claim(post, hook.webhook_id) == []
    post.catalog.scrub(thorough=True)
    for file in tmp_path.glob("kenspeckle.db*"):
        assert b"secret-person-of-ours" not in file.read_bytes(), file


@pytest.mark.parametrize("erase", [gone_by_id, gone_by_erasure, gone_with_all])
def test_an_erased_face_is_named_by_no_letter(post: Post, tmp_path: Path, erase: Callable[[Post, str], None]) -> None:
    hook, _ = post.endpoints.create(URL, events=["faces.indexed", "faces.deleted"])
    face = post.index("secret-person-of-ours.jpg")
    (under_way,) = claim(post, hook.webhook_id)
    failed = post.index("secret-person-of-ours.jpg")
    (second,) = claim(post, hook.webhook_id)
    post.catalog.settle(second, BROKEN, 1.0, DeliveryState.FAILED, 1.0)
    erase(post, face)
    if erase is not gone_with_all:
        erase(post, failed)
    assert not post.catalog.settle(under_way, BROKEN, 2.0, DeliveryState.PENDING, 2.0)
    assert states(post, hook.webhook_id)[:2] == ["erased", "failed"]
    left = claim(post, hook.webhook_id)
    assert {one.delivery.event for one in left} == {Event.DELETED}
    assert all("secret-person" not in one.payload for one in left)
    with pytest.raises(Conflict):
        post.endpoints.retry(hook.webhook_id, under_way.delivery.message_id)
    assert post.endpoints.retry(hook.webhook_id) == 0
    post.catalog.scrub(thorough=True)
    for file in tmp_path.glob("kenspeckle.db*"):
        assert b"secret-person-of-ours" not in file.read_bytes(), file
        if erase is not gone_with_all:
            assert b"Secret person of ours" not in file.read_bytes(), file


def test_many_deleted_faces_are_told_in_several_letters(post: Post) -> None:
    hook, _ = post.endpoints.create(URL)
    tell = Announcer(post.catalog).announce_deleted("people")
    assert tell is not None
    messages = tell([f"face-{number}" for number in range(2 * MOST_FACES + 1)])
    assert len(messages) == 3
    assert len({one.message_id for one in messages}) == 3
    assert max(len(one.payload) for one in messages) < 20_000
    assert hook.webhook_id == messages[0].webhook_id


def test_the_log_has_pages_and_states(post: Post) -> None:
    hook, _ = post.endpoints.create(URL)
    other, _ = post.endpoints.create(URL)
    for _ in range(5):
        post.index()
    first = post.endpoints.deliveries(hook.webhook_id, None, 2)
    second = post.endpoints.deliveries(hook.webhook_id, None, 2, first.cursor)
    third = post.endpoints.deliveries(hook.webhook_id, None, 2, second.cursor)
    rows = [one.row for page in (first, second, third) for one in page.items]
    assert rows == sorted(rows, reverse=True)
    assert (len(rows), third.cursor) == (5, None)
    assert post.endpoints.deliveries(hook.webhook_id, "failed").items == ()
    with pytest.raises(InvalidCursor):
        post.endpoints.deliveries(other.webhook_id, None, 2, first.cursor)
    with pytest.raises(InvalidValue, match="no state"):
        post.endpoints.deliveries(hook.webhook_id, "lost")
    with pytest.raises(WebhookNotFound):
        post.endpoints.deliveries("hook-none")


def test_a_backup_that_is_restored_sends_nothing_by_itself(post: Post) -> None:
    hook, _ = post.endpoints.create(URL)
    post.index()
    before = post.log(hook.webhook_id)[0].message_id
    assert post.catalog.hold_deliveries("restored") == 1
    assert claim(post, hook.webhook_id) == []
    assert (post.log(hook.webhook_id)[0].error, post.log(hook.webhook_id)[0].kept) == ("restored", True)
    assert post.endpoints.retry(hook.webhook_id) == 1
    assert claim(post, hook.webhook_id)[0].delivery.message_id == before


def test_restore_holds_what_was_pending(post: Post, tmp_path: Path) -> None:
    hook, _ = post.endpoints.create(URL)
    post.index()
    copies = SqliteCopies(tmp_path / "kenspeckle.db")
    copies.make(tmp_path / "copy.db", lambda *_: None)
    SqliteReplacer(tmp_path / "restored.db").prepare(tmp_path / "copy.db")
    with closing(SqlCatalog.open(f"sqlite:///{tmp_path / 'copy.db'}")) as restored:
        (one,) = restored.deliveries(hook.webhook_id, None, 10, None).items
    assert (one.state, one.kept) == (DeliveryState.FAILED, True)
    assert "backup was restored" in one.error
    assert states(post, hook.webhook_id) == ["pending"]


def test_a_new_endpoint_is_told_at_once_where_it_was_made(post: Post) -> None:
    announcer = Announcer(post.catalog, ticks=lambda: 1.0)
    assert post.catalog.collection("people")
    assert announcer.collection_deleted("people") == []
    post.endpoints.create(URL)
    assert announcer.collection_deleted("people") == [], "the list is cached"
    post.endpoints.changed = announcer.forget
    post.endpoints.create(URL)
    assert len(announcer.collection_deleted("people")) == 2


def test_endpoints_are_recorded_and_their_secrets_are_not(post: Post, tmp_path: Path) -> None:
    hook, secret = post.endpoints.create(URL, ["faces.matched"], ["people"], " door ")
    assert (hook.description, hook.events) == ("door", frozenset({Event.MATCHED}))
    changed = post.endpoints.change(hook.webhook_id, url=URL + "y", events=[], collections=[], description="")
    assert (changed.url, len(changed.events), changed.collections) == (URL + "y", 6, frozenset())
    _, rotated = post.endpoints.rotate(hook.webhook_id)
    for _ in range(2):
        post.endpoints.change(hook.webhook_id, enabled=False)
    assert post.endpoints.change(hook.webhook_id, enabled=True).disabled_at is None
    held = post.catalog.webhook(hook.webhook_id)
    assert len(post.endpoints.keys(*held, post.now())) == 2
    assert len(post.endpoints.keys(*held, post.now() + 86_401)) == 1
    post.endpoints.rotate(hook.webhook_id, 0)
    assert len(post.endpoints.keys(*post.catalog.webhook(hook.webhook_id), post.now())) == 1
    post.endpoints.delete(hook.webhook_id)
    with pytest.raises(WebhookNotFound):
        post.endpoints.show(hook.webhook_id)
    rows = list(post.catalog.audit_rows())
    assert [row.operation for row in rows[1:]] == [
        "CreateWebhook",
        "ChangeWebhook",
        "RotateWebhook",
        "DisableWebhook",
        "EnableWebhook",
        "RotateWebhook",
        "DeleteWebhook",
    ]
    for file in tmp_path.glob("kenspeckle.db*"):
        for one in (secret, rotated):
            assert one.removeprefix("whsec_").encode() not in file.read_bytes()


def test_a_url_is_recorded_without_what_may_be_a_secret_in_it(post: Post) -> None:
    for url, recorded in (
        ("https://door.example.org:8443/a/b;c?token=s3cr3t&x=1", "https://door.example.org:8443/a/b;c"),
        ("https://[2001:4860::1]?s3cr3t", "https://[2001:4860::1]"),
    ):
        hook, _ = post.endpoints.create(url)
        assert hook.url == post.catalog.webhook(hook.webhook_id)[0].url == url
        post.endpoints.change(hook.webhook_id, url=url + "2")
        rows = list(post.catalog.audit_rows())[-2:]
        assert [json.loads(row.facts)["url"] for row in rows] == [recorded] * 2
    # None may be stored with a user in it; one that was, by other hands, is recorded without.
    odd = Webhook("hook-odd", "https://ann:s3cr3t@door.example.org/a", "", EVENTS, frozenset(), post.now())
    post.catalog.add_webhook(odd, Secrets(b"sealed"), MOST_WEBHOOKS)
    post.endpoints.delete(odd.webhook_id)
    assert json.loads(list(post.catalog.audit_rows())[-1].facts)["url"] == "https://door.example.org/a"
    assert not any("s3cr3t" in str(row) for row in post.catalog.audit_rows())


def test_of_two_rotations_at_once_one_holds_and_the_other_says_so(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    hook, _ = post.endpoints.create(URL)
    both_have_read, read = threading.Barrier(2), post.catalog.webhook
    met: set[int] = set()
    shown: list[str] = []
    refused: list[str] = []

    def rotate() -> None:
        try:
            shown.append(post.endpoints.rotate(hook.webhook_id)[1])
        except Conflict as error:
            refused.append(error.message)

    def meeting(webhook_id: str) -> object:
        found = read(webhook_id)
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            both_have_read.wait(10)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(post.catalog, "webhook", meeting)
        threads = [threading.Thread(target=rotate) for _ in range(2)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(20)
    assert len(shown) == 1
    assert refused == [
        f"The secret of webhook '{hook.webhook_id}' was changed by another request meanwhile; that one is valid."
    ]
    present, before = post.endpoints.keys(*post.catalog.webhook(hook.webhook_id), post.now())
    assert signing.show(present) == shown[0] != signing.show(before)
    assert [row.operation for row in post.catalog.audit_rows()][1:] == ["CreateWebhook", "RotateWebhook"]
    post.endpoints.rotate(hook.webhook_id)
    post.endpoints.delete(hook.webhook_id)
    with pytest.raises(WebhookNotFound):
        post.catalog.change_secrets(hook.webhook_id, b"", Secrets(b""), None)


def test_what_an_endpoint_can_not_be(post: Post) -> None:
    for wrong in (
        {"url": "http://8.8.8.8/"},
        {"url": URL, "events": ["faces.eaten"]},
        {"url": URL, "collections": ["a/b"]},
        {"url": URL, "description": "x" * 257},
        {"url": URL, "description": "\x1b[31m"},
    ):
        with pytest.raises(InvalidValue):
            post.endpoints.create(**wrong)
    assert post.endpoints.list() == ()
    for _ in range(MOST_WEBHOOKS):
        post.endpoints.create(URL)
    with pytest.raises(QuotaExceeded):
        post.endpoints.create(URL)
    with pytest.raises(InvalidValue, match="30 days"):
        post.endpoints.rotate(post.endpoints.list()[0].webhook_id, endpoints.LONGEST_KEEP + 1)


def test_deleting_an_endpoint_leaves_nothing_of_it(post: Post, tmp_path: Path) -> None:
    hook, _ = post.endpoints.create(URL)
    post.index()
    post.endpoints.delete(hook.webhook_id)
    with sqlite3.connect(tmp_path / "kenspeckle.db") as connection:
        for table in ("webhooks", "deliveries", "delivery_faces"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.close()


def test_old_letters_are_forgotten(post: Post) -> None:
    hook, _ = post.endpoints.create(URL)
    post.index()
    post.skew = 86_400.0
    post.index()
    assert post.catalog.backlog() == {hook.webhook_id: 2}
    assert post.catalog.trim_deliveries(post.now() - 3600) == 1
    assert post.catalog.trim_deliveries(post.now() - 3600) == 0
    assert len(post.log(hook.webhook_id)) == 1


def test_another_collection_keeps_its_letters(post: Post) -> None:
    post.catalog.create_collection(gallery("others"))
    hook, _ = post.endpoints.create(URL)
    kept = post.index("kept.jpg", "others")
    face = post.index("gone.jpg")
    gone_by_id(post, face)
    assert any(kept in one.payload for one in claim(post, hook.webhook_id))
