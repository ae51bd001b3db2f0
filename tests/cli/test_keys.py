"""`kenspeckle keys` on a real data folder."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from kenspeckle.catalog.sql import SqlCatalog
from kenspeckle.cli import webhooks
from kenspeckle.cli.keys import app
from kenspeckle.cli.launch import launch
from kenspeckle.client.errors import CommandFailed
from kenspeckle.domain import Period
from kenspeckle.encryption.master_key import MasterKey
from kenspeckle.ports import Used
from kenspeckle.ports.trail import AuditQuery
from kenspeckle.settings import Settings
from kenspeckle.usecases.access.keys import Access
from kenspeckle.usecases.access.plans import window

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("KENSPECKLE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words)


def _json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _access(tmp_path: Path) -> Access:
    settings = Settings(data_dir=tmp_path / "data")
    return Access(SqlCatalog.open(settings.catalog), MasterKey.of(settings))


def test_create_prints_the_key_once(run: Run, tmp_path: Path) -> None:
    made = _json(run("create", "desk", "--json"))
    assert set(made) == {"id", "name", "scopes", "collections", "api_key"}
    assert made["scopes"] == ["index", "search", "read", "delete"]
    assert made["collections"] == []
    assert re.fullmatch(r"ksp_[0-9A-Za-z]{43}", made["api_key"])
    assert _access(tmp_path).authenticate(made["api_key"]).key is not None
    for command in (("list", "--json"), ("show", made["id"], "--json")):
        assert made["api_key"] not in run(*command).output
    held = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert made["api_key"].encode() not in held


def test_create_with_everything(run: Run, tmp_path: Path) -> None:
    made = _json(
        run(
            "create", "sdk", "--scope", "search", "--scope", "read", "--collection", "b", "--collection", "a",
            "--aws", "--expires", "30d", "--json",
        )
    )  # fmt: skip
    assert set(made) == {
        "id", "name", "scopes", "collections", "api_key", "access_key_id", "secret_access_key",
    }  # fmt: skip
    assert made["scopes"] == ["search", "read"]
    assert made["collections"] == ["a", "b"]
    found = _access(tmp_path).aws_secret(made["access_key_id"])
    assert found is not None
    assert found[1] == made["secret_access_key"]
    assert found[0].expires_at == pytest.approx(found[0].created_at + 30 * 86400, abs=60)
    held = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert made["secret_access_key"].encode() not in held
    assert (tmp_path / "data" / "master.key").stat().st_mode & 0o077 == 0


def test_list_show_revoke_and_rotate(run: Run) -> None:
    assert _json(run("list", "--json")) == []
    made = _json(run("create", "desk", "--json"))
    shown = _json(run("show", made["id"], "--json"))
    assert shown["state"] == "active"
    assert _json(run("list", "--json")) == [shown]
    rotated = _json(run("rotate", made["id"], "--json"))
    assert rotated["id"] != made["id"]
    assert _json(run("show", made["id"], "--json"))["state"] == "revoked"
    assert _json(run("revoke", rotated["id"], "--yes", "--json"))["state"] == "revoked"
    assert [key["state"] for key in _json(run("list", "--json"))] == ["revoked", "revoked"]


def test_revoking_asks_about_a_key_that_is_there(run: Run) -> None:
    made = _json(run("create", "desk", "--json"))
    assert f"{made['id']} (desk)?" in run("revoke", made["id"]).stderr
    assert _json(run("show", made["id"], "--json"))["state"] == "active"
    unknown = run("revoke", "key-none").stderr
    assert "no key 'key-none'" in unknown
    assert "Revoke" not in unknown


def _limits(shown: Any) -> tuple[Any, ...]:
    return shown["rate"], shown["burst"], shown["quota"], shown["used"]


def test_limits_are_set_shown_changed_and_kept_by_rotation(run: Run, tmp_path: Path) -> None:
    usual, admin = _json(run("create", "desk", "--json")), _json(run("create", "all", "--scope", "admin", "--json"))
    made = _json(run("create", "kiosk", "--rate", "2", "--burst", "5", "--quota", "100/day", "--json"))
    assert set(made) == {"id", "name", "scopes", "collections", "api_key"}
    assert [_limits(one) for one in _json(run("list", "--json"))] == [
        (10.0, 25, None, None), (None, None, None, None), (2.0, 5, "100/day", 0),
    ]  # fmt: skip
    assert _limits(_json(run("limit", made["id"], "--rate", "none", "--json"))) == (None, None, "100/day", 0)
    assert _limits(_json(run("limit", admin["id"], "--rate", "0.5", "--json"))) == (0.5, 1, None, None)
    assert "quota: 7/week" in run("limit", usual["id"], "--quota", "7/week").stdout
    settings = Settings(data_dir=tmp_path / "data")
    began = window(Period.DAY, time.time())[0]
    with closing(SqlCatalog.open(settings.catalog)) as catalog:
        catalog.count("a server", [Used(made["id"], Period.DAY, began, 42)])
    rotated = _json(run("rotate", made["id"], "--json"))
    assert _limits(_json(run("show", rotated["id"], "--json"))) == (None, None, "100/day", 42)


def test_for_people(run: Run) -> None:
    empty = run("list")
    assert "keys create NAME" in empty.stderr
    first = run("create", "front desk")
    assert re.search(r"api_key: ksp_\w{43}", first.stdout)
    assert "not shown again" in first.stderr
    assert "every request needs one" in first.stderr
    assert "every request needs one" not in run("create", "second").stderr
    listed = run("list").stdout
    assert "front desk" in listed
    assert "active" in listed
    assert "ksp_" not in listed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create", "desk", "--scope", "write"), "no scope"),
        (("create", ""), "1 to 128"),
        (("create", "desk", "--collection", "a/b"), "no collection id"),
        (("create", "desk", "--expires", "soon"), "no expiry"),
        (("create", "desk", "--rate", "fast"), "no rate"),
        (("create", "desk", "--quota", "5/year"), "no quota"),
        (("create", "desk", "--scope", "admin", "--burst", "5"), "A burst needs a rate"),
        (("limit", "key-none"), "No change was given"),
        (("limit", "key-none", "--rate", "1"), "no key 'key-none'"),
        (("create", "desk", "--expires", "2001-01-01"), "has passed"),
        (("show", "key-none"), "no key 'key-none'"),
        (("revoke", "key-none", "--yes"), "no key 'key-none'"),
        (("rotate", "key-none"), "no key 'key-none'"),
    ],
)
def test_mistakes_are_told(run: Run, words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert message in result.stderr
    assert _json(run("list", "--json")) == []


SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_a_pair_of_another_issuer_is_adopted(run: Run, tmp_path: Path) -> None:
    def adopt(secret: str, *words: str) -> Result:
        return CliRunner().invoke(app, ["adopt", *words], input=secret)

    done = adopt(SECRET + "\n", "AKIAIOSFODNN7EXAMPLE", "--name", "importer", "--scope", "search", "--json")
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    assert "every request needs one" in done.stderr
    shown = _json(run("show", "AKIAIOSFODNN7EXAMPLE", "--json"))
    assert (shown["name"], shown["kind"], shown["scopes"], shown["state"]) == ("importer", "aws", ["search"], "active")
    found = _access(tmp_path).aws_secret("AKIAIOSFODNN7EXAMPLE")
    assert found is not None
    assert found[1] == SECRET
    held = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert SECRET.encode() not in held
    with closing(SqlCatalog.open(Settings(data_dir=tmp_path / "data").catalog)) as catalog:
        assert [one.operation for one in catalog.find_audit(AuditQuery(), 10)][:1] == ["AdoptKey"]

    for words, secret, said in (
        (("AKIAIOSFODNN7EXAMPLE",), SECRET, "known already"),
        (("KSPAAAAAAAAAAAAAAAAA",), SECRET, "keys create --aws"),
        (("short",), SECRET, "no access key id"),
        (("AKIAIOSFODNN7EXAMPL2",), "", "16 to 128 characters"),
        (("AKIAIOSFODNN7EXAMPL2",), "with a space in it, and long enough", "16 to 128 characters"),
    ):
        wrong = adopt(secret, *words)
        assert (wrong.exit_code, said in wrong.stderr) == (1, True), wrong.stderr
        assert not secret or secret not in wrong.output
    assert "rotate it where it was made" in run("rotate", "AKIAIOSFODNN7EXAMPLE").stderr
    run("revoke", "AKIAIOSFODNN7EXAMPLE", "--yes")
    assert _access(tmp_path).aws_secret("AKIAIOSFODNN7EXAMPLE") is None
    assert "can't be undone" in adopt(SECRET, "AKIAIOSFODNN7EXAMPLE").stderr


def test_a_revoked_key_can_not_be_rotated(run: Run) -> None:
    made = _json(run("create", "desk", "--json"))
    run("revoke", made["id"], "--yes")
    assert "revoked" in run("rotate", made["id"]).stderr


def test_another_data_folder(run: Run, tmp_path: Path) -> None:
    _json(run("create", "desk", "--data-dir", str(tmp_path / "other"), "--json"))
    assert (tmp_path / "other" / "kenspeckle.db").is_file()
    assert _json(run("list", "--json")) == []


# -- with a real server on the same folder -----------------------------------------------------------------------------


def _becomes(client: httpx.Client, status: int, key: str | None = None) -> bool:
    """Whether the server answers so within a second, and goes on to."""
    until = time.monotonic() + 1.0
    headers = {"x-api-key": key} if key else {}
    while client.get("/v1/info", headers=headers).status_code != status:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return client.get("/v1/info", headers=headers).status_code == status


def test_a_running_server_follows_the_command(run: Run, tmp_path: Path) -> None:
    with launch(tmp_path / "data") as server, httpx.Client(base_url=server.url, timeout=30) as client:
        assert client.get("/v1/info").status_code == 200
        made = _json(run("create", "desk", "--json"))
        assert _becomes(client, 401)
        assert client.get("/v1/info", headers={"x-api-key": made["api_key"]}).status_code == 200
        assert client.get("/v1/keys", headers={"x-api-key": made["api_key"]}).status_code == 403
        run("revoke", made["id"], "--yes")
        assert _becomes(client, 401, made["api_key"])
        assert made["api_key"] not in "\n".join(server.log)


def test_no_server_for_the_network_without_a_key(tmp_path: Path) -> None:
    with (
        pytest.raises(CommandFailed, match=r"there is no key yet.*keys create"),
        launch(tmp_path / "data", "--host", "0.0.0.0"),
    ):
        pytest.fail("the server started")


def test_an_admin_key_from_the_environment(tmp_path: Path) -> None:
    admin = "an-admin-key-of-an-unattended-install"
    settings = {"KENSPECKLE_ADMIN_KEY": admin}
    with launch(tmp_path / "data", settings=settings) as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/v1/keys").status_code == 401
        listed = client.get("/v1/keys", headers={"x-api-key": admin}).json()["keys"]
        assert [key["scopes"] for key in listed] == [["admin"]]
        assert admin not in client.get("/v1/info", headers={"x-api-key": admin}).text
        assert admin not in "\n".join(server.log)


def test_revoking_is_asked_for(run: Run) -> None:
    made = _json(run("create", "desk", "--json"))
    refused = run("revoke", made["id"])
    assert refused.exit_code != 0
    assert _json(run("show", made["id"], "--json"))["state"] == "active"


def test_scopes_may_have_commas_between(run: Run) -> None:
    made = _json(run("create", "desk", "--scope", "search, index", "--scope", "read", "--json"))
    assert made["scopes"] == ["index", "search", "read"]
    assert "no scope" in run("create", "desk", "--scope", "search;index").output


def test_keys_and_webhooks_of_a_server(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = "a" * 40
    with launch(tmp_path / "served", settings={"KENSPECKLE_ADMIN_KEY": admin}) as server:
        monkeypatch.setenv("KENSPECKLE_URL", server.url)
        monkeypatch.setenv("KENSPECKLE_API_KEY", admin)
        made = _json(run("create", "desk", "--scope", "search", "--rate", "5", "--json"))
        assert made["api_key"].startswith("ksp_")
        assert [key["name"] for key in _json(run("list", "--json"))] == ["admin", "desk"]
        assert _json(run("limit", made["id"], "--quota", "9/day", "--json"))["quota"] == "9/day"
        rotated = _json(run("rotate", made["id"], "--json"))
        assert _json(run("revoke", rotated["id"], "--yes", "--json"))["state"] == "revoked"
        assert "no key" in run("show", "key-none").output
        hooks = CliRunner()
        hook = _json(hooks.invoke(webhooks.app, ["create", "https://example.org/faces", "--json"]))
        assert hook["secret"].startswith("whsec_")
        words = ["change", hook["id"], "--description", "door", "--event", "faces.matched", "--json"]
        changed = _json(hooks.invoke(webhooks.app, words))
        assert (changed["description"], changed["events"]) == ("door", ["faces.matched"])
        assert [one["id"] for one in _json(hooks.invoke(webhooks.app, ["list", "--json"]))] == [hook["id"]]
        assert _json(hooks.invoke(webhooks.app, ["rotate", hook["id"], "--json"]))["secret"] != hook["secret"]
        assert _json(hooks.invoke(webhooks.app, ["log", hook["id"], "--json"])) == []
        assert _json(hooks.invoke(webhooks.app, ["disable", hook["id"], "--json"]))["state"] == "disabled"
        assert hooks.invoke(webhooks.app, ["delete", hook["id"]]).exit_code == 0
    assert not (tmp_path / "data").exists()
