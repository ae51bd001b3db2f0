"""The catalog on PostgreSQL: what only there can go wrong. The contract itself runs over it like over the others."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from kenspeckle.catalog import outbox, schema
from kenspeckle.catalog.database import UNCERTAIN, Database
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.catalog.tables import metadata
from kenspeckle.domain import Event, Secrets, Webhook, WebhookMessage
from kenspeckle.errors import Conflict, InvalidValue, SettingError, StorageFull, StorageUnavailable
from tests.catalogs import gallery, held, new_face, photo, stored_face, template
from tests.cluster import disks
from tests.contract.conftest import MASTER
from tests.contract.test_catalog_processes import finished, python
from tests.postgres import Server

psycopg = pytest.importorskip("psycopg")  # of the extra dev; the contract's own fixture insists on it where CI is set
engine = importlib.import_module("kenspeckle.catalog.postgres.engine")

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.database() as made:
        yield made


@pytest.fixture
def catalog(url: str) -> Iterator[SqlCatalog]:
    with closing(SqlCatalog.open(url)) as opened:
        opened.create_collection(gallery())
        yield opened


def name_of(url: str) -> str:
    return url.split("@/")[1].split("?")[0]


def test_an_empty_database_becomes_what_the_tables_say_also_where_two_start_at_once(postgres: Server) -> None:
    code = "import sys; from kenspeckle.catalog.sql import SqlCatalog; SqlCatalog.open(sys.argv[1]).close()"
    with postgres.empty_database() as url:
        for process in [python(code, url) for _ in range(2)]:
            finished(process)
        with closing(SqlCatalog.open(url)) as catalog, catalog.database.read() as connection:
            found = compare_metadata(MigrationContext.configure(connection), metadata)
            differ = [one for some in found for one in (some if isinstance(some, list) else [some])]
            assert [one for one in differ if one[0] != "modify_comment"] == []  # old words, which SQLite drops


EVERYTHING = {
    "columns": "SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length, is_nullable, "
    "column_default FROM information_schema.columns WHERE table_schema = 'public'",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "rows": "SELECT row, floor FROM service UNION ALL SELECT number, floor FROM audit_head",
    "version": "SELECT version_num FROM alembic_version",
}


def test_a_database_that_is_created_is_one_that_is_migrated(postgres: Server) -> None:
    made = []
    for make in (schema.create, schema.migrate):
        with postgres.empty_database() as url:
            database = create_engine(url)
            with database.begin() as connection:
                make(connection)
                made.append(
                    {
                        name: sorted(map(tuple, connection.exec_driver_sql(query)), key=repr)
                        for name, query in EVERYTHING.items()
                    }
                )
            database.dispose()
    assert made[0] == made[1]
    assert len(made[0]["triggers"]) == 5


def test_the_audit_trail_is_append_only(postgres: Server, url: str) -> None:
    row = "INSERT INTO audit VALUES (1, 0, 'a', 'a', 'a', 'a', 'a', 'a', NULL, 0, '', '', '', '')"
    postgres.execute(row, name_of(url))
    for statement in (
        "UPDATE audit SET who = 'b'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            postgres.execute(statement, name_of(url))
    postgres.execute("UPDATE audit_head SET floor = 1; DELETE FROM audit", name_of(url))


def test_what_a_start_refuses(postgres: Server, tmp_path: Path) -> None:
    socket = postgres.url("postgres").split("?")[1]
    for address, said in (
        (f"postgresql+psycopg://kenspeckle@/absent?{socket}", "does not exist"),
        (f"postgresql+psycopg://nobody@/postgres?{socket}", "role does not exist"),
        (f"postgresql+psycopg2://kenspeckle@/postgres?{socket}", "driver"),
        ("postgresql+psycopg://kenspeckle@no.such.host.invalid/postgres", "host's name"),
        (f"postgresql+psycopg://kenspeckle@/postgres?{socket}&nonsense=1", "option"),
        ("postgresql+psycopg://kenspeckle@127.0.0.1:many/postgres", "no database URL"),
    ):
        with pytest.raises(SettingError, match=rf"CATALOG_URL.*{said}"):
            SqlCatalog.open(address)
    with pytest.raises(StorageUnavailable, match=r"CATALOG_URL.*does not answer"):
        SqlCatalog.open(f"postgresql+psycopg://kenspeckle@/postgres?host={tmp_path}")
    with (
        postgres.empty_database(" ENCODING LATIN1 TEMPLATE template0") as url,
        pytest.raises(SettingError, match=r"CATALOG_URL.*LATIN1"),
    ):
        SqlCatalog.open(url)


def test_rights_and_modes_of_a_database(postgres: Server) -> None:
    with postgres.empty_database() as url:
        postgres.execute("CREATE ROLE guest LOGIN")
        with pytest.raises(StorageUnavailable, match="lacks a right"):
            SqlCatalog.open(url.replace("kenspeckle@", "guest@"))
        postgres.execute(f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = on")
        with pytest.raises(SettingError, match=r"CATALOG_URL.*read-only"):
            SqlCatalog.open(url)
        postgres.execute(f"ALTER DATABASE {name_of(url)} RESET default_transaction_read_only")
        postgres.execute("CREATE TABLE invoices (id int)", name_of(url))
        with pytest.raises(StorageUnavailable, match="another program"):
            SqlCatalog.open(url)
        postgres.execute("DROP TABLE invoices", name_of(url))
        SqlCatalog.open(url).close()
        postgres.execute("UPDATE alembic_version SET version_num = '9999'", name_of(url))
        with pytest.raises(StorageUnavailable, match="newer Kenspeckle"):
            SqlCatalog.open(url)


def test_a_standby_is_refused_until_it_takes_over(postgres: Server, url: str, tmp_path: Path) -> None:
    standby = Server(standby_of=postgres)
    try:
        there = standby.url(name_of(url))
        with pytest.raises(SettingError, match=r"CATALOG_URL.*standby.*target_session_attrs"):
            SqlCatalog.open(there)
        hosts = "&".join(f"host={one.folder}" for one in (standby, postgres))
        both = f"postgresql+psycopg://kenspeckle@/{name_of(url)}?{hosts}&target_session_attrs=read-write"
        with closing(SqlCatalog.open(both)) as catalog:
            catalog.create_collection(gallery())
        standby.promote()
        SqlCatalog.open(there).close()
    finally:
        standby.close()


def test_an_older_schema_is_migrated_by_one_of_two_that_start(postgres: Server) -> None:
    with postgres.empty_database() as url:
        database = create_engine(url)
        with database.begin() as connection:
            schema.migrate(connection, "0010")
        database.dispose()
        with ThreadPoolExecutor(2) as pool:
            for one in list(pool.map(SqlCatalog.open, [url, url])):
                with closing(one) as catalog, catalog.database.read() as connection:
                    assert schema.version(connection) == schema.VERSIONS[-1]


def test_a_full_disk_is_named(catalog: SqlCatalog) -> None:
    from kenspeckle.catalog.postgres.meaning import explain_error

    assert isinstance(explain_error(psycopg.errors.DiskFull("no room")), StorageFull)


@pytest.mark.skipif(not disks.can_mount(), reason="a small disk is mounted for this, which needs root on Linux")
def test_a_disk_that_is_full_stores_nothing_and_reads_on_until_there_is_room() -> None:
    with TemporaryDirectory(prefix="kenspeckle-room-") as place, disks.mounted(Path(place), 120 << 20) as room:
        server = Server("max_wal_size=32MB", "min_wal_size=32MB", room=room)
        try:
            server.execute("CREATE DATABASE small")
            with closing(SqlCatalog.open(server.url("small"))) as catalog:
                catalog.create_collection(gallery())
                stored_face(catalog, 0)
                filler = disks.fill(room)
                stored = _store_until_full(catalog)
                assert len(catalog.faces("people", 1000, None).items) == stored
                filler.unlink()
                stored_face(catalog, 1001)
                assert catalog.collection("people").face_count == stored + 1
        finally:
            server.close()


def _store_until_full(catalog: SqlCatalog) -> int:
    """Faces that are there then: files have some room left that was theirs already."""
    for number in range(1, 1000):
        try:
            stored_face(catalog, number)
        except StorageFull:
            return number
    raise AssertionError("it was never full")


def test_the_time_is_the_servers_however_wrong_this_machines_is(url: str) -> None:
    from kenspeckle.catalog.postgres.clock import AGAIN_SECONDS, ServerClock

    slept = [0.0]
    for wrong in (-600.0, 600.0):
        with closing(SqlCatalog.open(url)) as catalog:
            clock = ServerClock(
                catalog.database._engine,
                wall=lambda wrong=wrong: time.time() + wrong,  # type: ignore[misc]  # bound at once
                ticks=lambda: time.monotonic() - slept[0],
            )
            assert abs(clock() - time.time()) < 60  # of the same machine here
            asked = clock._asked
            clock()
            assert clock._asked == asked
            slept[0] += 3600  # as if this machine had slept: its monotonic clock stood still
            assert abs(clock() - time.time()) < 60
            assert clock._asked != asked
            clock._asked -= 2 * AGAIN_SECONDS
            catalog.database._engine.dispose()
            assert abs(clock() - time.time()) < 60


def test_what_one_process_is_at_no_other_does(url: str, catalog: SqlCatalog) -> None:
    with closing(SqlCatalog.open(url)) as other:
        with catalog.duty("housekeeping") as mine, other.duty("housekeeping") as theirs, other.duty("else") as free:
            assert (mine, theirs, free) == (True, False, True)
        with other.duty("housekeeping") as mine:
            assert mine


def test_services_see_in_what_they_differ_as_long_as_they_live(postgres: Server, url: str, catalog: SqlCatalog) -> None:
    mine = {"PACK": "sface", "MAX_FACES": "10"}
    assert catalog.agree(mine) == []
    with closing(SqlCatalog.open(url)) as other:
        assert other.agree(mine) == []
    with closing(SqlCatalog.open(url)) as other:
        assert other.agree({**mine, "PACK": "centerface-dlib"}) == ["PACK"]
        assert catalog.agree(mine) == ["PACK"]
    deadline = time.monotonic() + 30  # the server lets go of the locks once it has seen that the connection ended
    while catalog.agree(mine):
        assert time.monotonic() < deadline
    postgres.execute(CUT.format(name_of(url)))
    assert catalog.collection("people").face_count == 0
    with closing(SqlCatalog.open(url)) as other:
        assert other.agree({**mine, "MAX_FACES": "9"}) == ["MAX_FACES"], "connections that are made anew hold them too"


def test_connections_that_were_cut_are_made_anew(postgres: Server, url: str, catalog: SqlCatalog) -> None:
    stored_face(catalog, 1)
    with catalog.lock([photo(1).digest]):
        pass
    postgres.execute(CUT.format(name_of(url)))
    assert catalog.collection("people").face_count == 1
    postgres.execute(CUT.format(name_of(url)))
    stored_face(catalog, 2)
    postgres.execute(CUT.format(name_of(url)))
    with catalog.lock([photo(1).digest]):
        pass
    assert catalog.collection("people").face_count == 2


def test_a_write_that_is_cut_is_done_again_and_one_cut_at_its_commit_is_told(
    postgres: Server, url: str, catalog: SqlCatalog
) -> None:
    tries = []

    def work(self: SqlCatalog) -> None:
        with self.database.write() as connection:
            tries.append(1)
            connection.exec_driver_sql("UPDATE service SET floor = floor + 1")
            if len(tries) == 1:
                postgres.execute(CUT.format(name_of(url)))
                connection.exec_driver_sql("SELECT 1")

    from kenspeckle.catalog.database import _with_retries

    _with_retries(work)(catalog)
    assert len(tries) == 2
    assert postgres.execute("SELECT floor FROM service", name_of(url)) == [(1,)]

    def cut_at_the_end() -> None:
        with catalog.database.write() as connection:
            connection.exec_driver_sql("UPDATE service SET floor = 100")
            postgres.execute(CUT.format(name_of(url)))

    with pytest.raises(StorageUnavailable) as caught:
        cut_at_the_end()
    assert caught.value.message == UNCERTAIN
    assert not caught.value.repeatable


def test_who_is_chosen_in_a_deadlock_tries_again(catalog: SqlCatalog) -> None:
    catalog.create_collection(gallery("others"))
    meet = threading.Barrier(2)
    tries: list[str] = []

    def work(catalog: SqlCatalog, first: str, second: str) -> None:
        tries.append(first)
        with catalog.database.write() as connection:
            for name in (first, second):
                connection.exec_driver_sql("UPDATE collections SET pack = pack WHERE collection_id = %s", (name,))
                if name == first and len(tries) < 3:
                    meet.wait(timeout=30)

    from kenspeckle.catalog.database import _with_retries

    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(_with_retries(work), catalog, *names) for names in (("people", "others"), ("others", "people"))
        ]
        for one in both:
            one.result()
    assert len(tries) == 3


def test_a_pool_that_is_used_up_names_its_setting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)
    with (
        closing(SqlCatalog.open(url, connections=1)) as catalog,
        catalog.database.read(),
        pytest.raises(StorageUnavailable, match="KENSPECKLE_CATALOG_CONNECTIONS"),
    ):
        catalog.keys()


def test_a_row_that_is_held_for_too_long_is_busy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_SESSION", "SET lock_timeout = '50ms'")
    with closing(SqlCatalog.open(url)) as catalog, closing(SqlCatalog.open(url)) as other:
        catalog.create_collection(gallery())
        with catalog.database.write() as connection:
            connection.exec_driver_sql("SELECT * FROM collections FOR UPDATE")
            with pytest.raises(StorageUnavailable, match="busy") as caught:
                stored_face(other, 1)
        assert caught.value.retry_after == 1
        with (
            catalog.lock([photo(1).digest]),
            pytest.raises(StorageUnavailable, match="same photograph"),
            other.lock([photo(2).digest, photo(1).digest]),
        ):
            pass
        with catalog.lock([photo(2).digest]):
            pass


def test_who_holds_rows_and_is_gone_is_given_up(url: str) -> None:
    """A replica that the network has cut off in the middle of a write must not stop all others. The time is set to less
    once it holds the row: the test below has what it is."""
    with closing(SqlCatalog.open(url)) as gone, closing(SqlCatalog.open(url)) as other:

        def held_for_good() -> None:
            with gone.database.write() as connection:
                connection.exec_driver_sql("UPDATE service SET floor = 7")
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
                with other.database.write() as there:  # waits until the server has ended the transaction above
                    there.exec_driver_sql("UPDATE service SET floor = floor + 1")
                connection.exec_driver_sql("SELECT 1")

        with pytest.raises(StorageUnavailable) as caught:
            held_for_good()
        assert caught.value.lost
        with other.database.read() as connection:
            assert connection.exec_driver_sql("SELECT floor FROM service").scalar_one() == 1


def test_only_transactions_that_may_hold_rows_are_given_up(catalog: SqlCatalog) -> None:
    """A backup reads one state for as long as it takes; so does a migration."""
    shown = "SHOW idle_in_transaction_session_timeout"
    found = []
    for begun in (catalog.database.write, catalog.database.read, catalog.database.migrate):
        with begun() as connection:
            found.append(connection.exec_driver_sql(shown).scalar_one())
    for _ in range(8):  # a driver prepares what is repeated, which two statements at once can't be
        with catalog.database.write_quickly() as quick:
            (row,) = quick.fetch(text(shown), {})
        found.append(row[0])
    assert found == ["10s", "0", "0", *["10s"] * 8]
    with catalog.database.read() as connection:
        set_here = "SELECT count(*) FROM pg_settings WHERE name LIKE 'tcp_%%' AND source = 'session'"
        assert connection.exec_driver_sql(set_here).scalar_one() == 4


def test_who_wants_the_catalog_alone_waits_for_nobody_and_keeps_others_out(url: str) -> None:
    with closing(SqlCatalog.open(url)), pytest.raises(Conflict, match="in use"):
        SqlCatalog.open(url, alone=True)
    with closing(SqlCatalog.open(url, alone=True)) as alone:
        alone.create_collection(gallery())
        with pytest.raises(StorageUnavailable, match="alone"):
            SqlCatalog.open(url)
        with alone.lock([photo(1).digest]):
            stored_face(alone, 1)
    with closing(SqlCatalog.open(url)) as catalog:
        assert catalog.collection("people").face_count == 1


def test_every_process_lets_go_of_the_key_of_a_deleted_collection(url: str) -> None:
    opened = [SqlCatalog.open(url, master=MASTER, encryption=True) for _ in range(2)]
    with closing(opened[0]) as here, closing(opened[1]) as there:
        for name in ("people", "others"):
            here.create_collection(gallery(name))
            stored_face(here, 1, name)
            there.face(name, "face-1")
        here.delete_collection("people")
        assert len(there.collection_keys._known) == 2
        there.drop_deleted_keys()
        assert len(there.collection_keys._known) == 1
        there.face("others", "face-1")


def test_a_value_that_can_not_be_stored_is_said_to_be_so(catalog: SqlCatalog) -> None:
    with pytest.raises(InvalidValue, match="NUL"):
        catalog.set_tags("people", {"a": "b\0c"}, 10)
    with pytest.raises(InvalidValue, match="too long"):
        catalog.set_tags("people", {"a" * 300: "b"}, 10)


def test_two_processes_write_at_once_and_store_nothing_twice(url: str, catalog: SqlCatalog) -> None:
    code = (
        "import sys; from kenspeckle.catalog.sql import SqlCatalog; from tests.catalogs import new_face, photo\n"
        "from dataclasses import replace\n"
        "catalog, offset = SqlCatalog.open(sys.argv[1]), int(sys.argv[2])\n"
        "made = 0\n"
        "for number in range(25):\n"
        "    faces = [replace(new_face(number), face_id=f'{offset}-{number}')]\n"
        "    made += catalog.add_faces(photo(number), 'same', faces, 'v1')[2]\n"
        "    catalog.add_faces(photo(offset + number), 'own', [new_face(offset + number)], 'v1')\n"
        "print(made)"
    )
    seen: dict[int, int] = {}
    last = catalog.revision("people")
    processes = [python(code, url, str(offset)) for offset in (1000, 2000)]
    while any(process.poll() is None for process in processes) or len(seen) < 75:
        for change in catalog.changes("people", last, 1000) or ():
            assert change.row not in seen
            seen[change.row] = change.revision
            last = max(last, change.revision)
        time.sleep(0.005)
    assert sum(int(finished(process)) for process in processes) == 25
    assert catalog.collection("people").face_count == 75
    assert {row for _, row in held(catalog)} == set(seen)


def test_the_last_two_references_to_a_photograph_may_go_at_once(
    catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sees the other's reference until that is gone: without a lock both would leave the bytes to the other."""
    catalog.create_collection(gallery("others"))
    for name in ("people", "others"):
        catalog.add_faces(photo(1, name), None, [new_face(1)], "v1")
    inside, go_on = threading.Event(), threading.Event()
    plain = outbox.drop_deleted_faces

    def told(*words: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            go_on.wait(timeout=30)
        plain(*words)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr("kenspeckle.catalog.faces.drop_deleted_faces", told)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(catalog.delete_faces, "people", ["face-1"])
        assert inside.wait(timeout=30)
        second = pool.submit(catalog.delete_faces, "others", ["face-1"])
        waits(catalog.database)
        go_on.set()
        assert first.result()[1] + second.result()[1] == (photo(1).digest,)
    assert catalog.removals(10) == (photo(1).digest,)


def test_a_message_is_claimed_once(catalog: SqlCatalog) -> None:
    webhook = Webhook("hook", "https://a.example/", "", frozenset({Event.DELETED}), frozenset(), 1.0)
    catalog.add_webhook(webhook, Secrets(b"secret", None), 10)
    catalog.post(
        [WebhookMessage("hook", f"message-{number}", Event.DELETED, "people", "{}", (), 1.0) for number in range(40)]
    )
    barrier = threading.Barrier(4)

    def claim(_: int) -> list[str]:
        barrier.wait(timeout=30)
        return [one.delivery.message_id for one in catalog.claim("hook", 10.0, 70.0, 1000.0, 40)]

    with ThreadPoolExecutor(4) as pool:
        claimed = [one for some in pool.map(claim, range(4)) for one in some]
    assert sorted(claimed) == sorted(f"message-{number}" for number in range(40))


def waits(database: Database) -> None:
    """Until a transaction waits for another."""
    deadline = time.monotonic() + 30
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while True:
        with database.read() as connection:
            if connection.exec_driver_sql(waiting).scalar_one():
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_templates_come_back_as_they_were(catalog: SqlCatalog) -> None:
    stored_face(catalog, 7)
    assert catalog.face("people", "face-7")[1].tobytes() == template(7).tobytes()
