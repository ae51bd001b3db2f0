"""What is wrong with PostgreSQL, at a start and while a real service runs: a start says in one sentence what and by
which setting, and makes nothing; a service answers 503 with Retry-After, and goes on by itself once it is mended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from kenspeckle import settings
from kenspeckle.catalog.database import UNCERTAIN
from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.errors import KenspeckleError, SettingError, StorageUnavailable
from tests.cluster.test_replicas import ADMIN, MASTER, refused, until
from tests.moving.conftest import Command, command, commands
from tests.postgres import Server, needed

__all__ = ["command", "commands"]
SAMPLES = settings.load(environ={}).models_dir / "samples"
PASSWORD = "s3cret"
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'kenspeckle' AND pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that asks the role `app` for a password, with an empty database of it."""
    needed()
    with closing(Server()) as made:
        made.data.joinpath("pg_hba.conf").write_text("local all kenspeckle trust\nlocal all all scram-sha-256\n")
        made.execute("SELECT pg_reload_conf()")
        for role in ("app", "guest"):
            made.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        made.execute("CREATE DATABASE kenspeckle OWNER app")
        yield made


def address(server: Server, user: str = "app", password: str = PASSWORD, database: str = "kenspeckle") -> str:
    return server.url(database, f"{user}:{password}")


def tables(server: Server) -> int:
    ((count,),) = server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "kenspeckle")
    return int(str(count))


def said_at_a_start(url: str) -> str:
    with pytest.raises((SettingError, StorageUnavailable)) as caught:
        SqlCatalog.open(url).close()
    error = caught.value
    assert isinstance(error, KenspeckleError)
    assert PASSWORD not in error.message
    assert "CATALOG_URL" in error.message
    return error.message


@pytest.mark.parametrize(
    ("user", "password", "database", "said"),
    [
        ("nobody", PASSWORD, "kenspeckle", "role or password are wrong"),
        ("app", "another", "kenspeckle", "role or password are wrong"),
        ("app", "", "kenspeckle", "a password is needed"),
        ("app", PASSWORD, "absent", "the database does not exist: CREATE DATABASE"),
        ("guest", PASSWORD, "kenspeckle", "lacks a right. It has to own the catalog's tables"),
    ],
)
def test_roles_passwords_databases_and_rights(
    server: Server, user: str, password: str, database: str, said: str
) -> None:
    assert said in said_at_a_start(address(server, user, password, database))
    assert tables(server) == 0


@pytest.mark.parametrize(
    ("what", "mend", "said"),
    [
        ("ROLE app NOLOGIN", "ROLE app LOGIN", "the role may not log in"),
        ("ROLE app CONNECTION LIMIT 0", "ROLE app CONNECTION LIMIT -1", "takes no more connections"),
        (
            "DATABASE kenspeckle ALLOW_CONNECTIONS false",
            "DATABASE kenspeckle ALLOW_CONNECTIONS true",
            "the database takes no connections",
        ),
        (
            "ROLE app SET default_transaction_read_only = on",
            "ROLE app RESET default_transaction_read_only",
            "the database is read-only",
        ),
        ("ROLE app SET search_path = nowhere", "ROLE app RESET search_path", "search_path names none that exists"),
    ],
)
def test_what_role_or_database_are_set_to(server: Server, what: str, mend: str, said: str) -> None:
    server.execute(f"ALTER {what}")
    try:
        assert said in said_at_a_start(address(server))
    finally:
        server.execute(f"ALTER {mend}")
    assert tables(server) == 0


def test_nothing_there_and_something_else_there(tmp_path: Path) -> None:
    for place in ("@127.0.0.1:1/x", f"@/x?host={tmp_path}"):
        assert "host and port right?" in said_at_a_start(f"postgresql+psycopg://app:{PASSWORD}{place}")
    assert "127.0.0.1:1, database 'x'" in said_at_a_start(f"postgresql+psycopg://app:{PASSWORD}@127.0.0.1:1/x")
    assert "sslmode" in said_at_a_start(f"postgresql+psycopg://app:{PASSWORD}@127.0.0.1:1/x?sslmode=nonsense")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_other_encodings(server: Server, encoding: str) -> None:
    with server.empty_database(f" ENCODING {encoding} TEMPLATE template0 OWNER app") as url:
        there = url.replace("kenspeckle@", f"app:{PASSWORD}@")
        assert f"encoded as {encoding}" in said_at_a_start(there)


def test_a_command_ends_with_one_sentence_and_its_code(
    server: Server, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KENSPECKLE_MASTER_KEY", MASTER["master_key"])
    monkeypatch.setenv("KENSPECKLE_CATALOG_URL", address(server, password="another"))
    done = command("keys", "list")
    assert done.code == 1
    assert done.err.count("Error: CATALOG_URL (") == 1
    assert "another" not in done.err


def test_time_limits_of_a_role_end_no_backup(server: Server) -> None:
    limits = ("idle_in_transaction_session_timeout", "idle_session_timeout")
    for one in limits:
        server.execute(f"ALTER ROLE app SET {one} = '50ms'")
    try:
        with (
            server.empty_database(" OWNER app") as url,
            closing(SqlCatalog.open(url.replace("kenspeckle@", f"app:{PASSWORD}@"))) as catalog,
            catalog.database.read() as reading,
        ):
            time.sleep(0.3)
            assert reading.exec_driver_sql("SELECT floor FROM service").scalar_one() == 0
    finally:
        for one in limits:
            server.execute(f"ALTER ROLE app RESET {one}")


@pytest.fixture(scope="module")
def running(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    more = {"KENSPECKLE_CATALOG_URL": address(server), "KENSPECKLE_CATALOG_CONNECTIONS": "2"}
    keys = {"KENSPECKLE_MASTER_KEY": MASTER["master_key"], "KENSPECKLE_ADMIN_KEY": ADMIN["x-api-key"]}
    with launch(tmp_path_factory.mktemp("running"), settings={**more, **keys}, patience=120) as made:
        yield made


@pytest.fixture
def client(running: Launched) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=60, headers=ADMIN) as made:
        yield made


def search(client: httpx.Client) -> httpx.Response:
    return client.put("/v1/search", content=(SAMPLES / "grace_hopper.jpg").read_bytes())


@pytest.mark.parametrize(
    ("what", "mend", "said"),
    [
        ("ROLE app NOLOGIN", "ROLE app LOGIN", "may not log in"),
        ("ROLE app PASSWORD 'another'", f"ROLE app PASSWORD '{PASSWORD}'", "role or password are wrong"),
        ("ROLE app CONNECTION LIMIT 0", "ROLE app CONNECTION LIMIT -1", "max_connections"),
        ("DATABASE kenspeckle RENAME TO away", "DATABASE away RENAME TO kenspeckle", "does not exist"),
    ],
)
def test_a_service_says_what_is_wrong_and_goes_on_once_it_is_mended(
    server: Server, client: httpx.Client, what: str, mend: str, said: str
) -> None:
    assert search(client).status_code == 200
    server.execute(CUT)
    until(lambda: _altered(server, what))
    server.execute(CUT)
    try:
        answer = search(client)
        refused(answer)
        assert said in answer.json()["detail"]
        assert client.get("/healthz").status_code == 200
    finally:
        server.execute(f"ALTER {mend}")
    server.execute(CUT)
    until(lambda: client.get("/readyz").status_code == 200)
    assert search(client).status_code == 200


def _altered(server: Server, what: str) -> bool:
    """A database is renamed once nobody uses it, and the service comes back at once."""
    server.execute(CUT)
    try:
        server.execute(f"ALTER {what}")
    except server._psycopg.errors.ObjectInUse:
        return False
    return True


def test_a_time_limit_of_the_role_is_named(server: Server, client: httpx.Client) -> None:
    server.execute("ALTER ROLE app SET statement_timeout = '300ms'")
    server.execute(CUT)
    try:
        with _held(server):
            answer = search(client)
            refused(answer)
            assert "statement_timeout" in answer.json()["detail"]
    finally:
        server.execute("ALTER ROLE app RESET statement_timeout")
    server.execute(CUT)
    until(lambda: client.get("/readyz").status_code == 200)
    assert search(client).status_code == 200


def _held(server: Server) -> closing[Any]:
    """A transaction that holds what each search reads."""
    holder = server._psycopg.connect(f"host={server.folder} user=kenspeckle dbname=kenspeckle")
    holder.execute("LOCK TABLE collections IN ACCESS EXCLUSIVE MODE")
    return closing(holder)


def test_a_pool_that_is_used_up_and_rows_that_are_held_are_busy(server: Server, client: httpx.Client) -> None:
    with _held(server):
        answer = search(client)
        refused(answer)
        assert "busy" in answer.json()["detail"]
        refused(client.get("/readyz"))
    until(lambda: client.get("/readyz").status_code == 200)
    assert search(client).status_code == 200


def index(client: httpx.Client) -> httpx.Response:
    return client.put("/v1/index/eileen.png", content=(SAMPLES / "astronaut.png").read_bytes())


def faces(client: httpx.Client) -> int:
    return len(client.get("/v1/collections/kenspeckle/faces").json()["Faces"])


def test_a_connection_that_is_cut_before_its_commit_is_done_stores_nothing(
    server: Server, client: httpx.Client
) -> None:
    server.execute(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
        "AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; "
        "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON images DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION cut()",
        "kenspeckle",
    )
    try:
        answer = index(client)
        refused(answer)
        assert answer.json()["detail"] == UNCERTAIN
    finally:
        server.execute("DROP TRIGGER cut ON images; DROP FUNCTION cut", "kenspeckle")
    assert faces(client) == 0
    again = index(client)
    assert again.status_code == 200, again.text
    assert faces(client) == len(again.json()["FaceRecords"]) == 1
    face_id = again.json()["FaceRecords"][0]["Face"]["FaceId"]
    assert client.delete(f"/v1/collections/kenspeckle/faces/{face_id}").is_success


def test_a_connection_that_is_cut_after_its_commit_has_stored_it_once(server: Server, client: httpx.Client) -> None:
    """PostgreSQL has committed and waits for a standby that is not there: who is cut off then does not know."""
    done = threading.Event()

    def cut() -> None:
        while not done.wait(0.05):
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

    cutter = threading.Thread(target=cut)
    _wait_for_standby(server, "nobody")
    try:
        cutter.start()
        answer = index(client)
    finally:
        done.set()
        cutter.join()
        _wait_for_standby(server, "")
    refused(answer)
    until(lambda: client.get("/readyz").status_code == 200)
    assert faces(client) == 1
    again = index(client)
    assert again.status_code == 200, again.text
    assert faces(client) == 1


def _wait_for_standby(server: Server, name: str) -> None:
    server.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    server.execute("SELECT pg_reload_conf()")
    shown = "SHOW synchronous_standby_names"
    until(lambda: server.execute(shown) == [(name,)])
