"""Settings: the order of their sources, and errors that name the source at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from kenspeckle import settings
from kenspeckle.domain import QualityFilter
from kenspeckle.errors import SettingError
from kenspeckle.settings import Settings, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kenspeckle.toml"
    path.write_text('port = 1111\nmax_faces = 3\nquality_filter = "high"\nkeep_images = false\n')
    return path


def test_defaults_then_file_then_environment_then_command_line(file: Path) -> None:
    assert load(environ={}, file=file).port == 1111
    environ = {"KENSPECKLE_PORT": "2222", "KENSPECKLE_MAX_FACES": "4"}
    assert load(environ=environ, file=file).port == 2222
    settings = load({"port": 3333, "host": None}, environ, file)
    assert (settings.port, settings.max_faces, settings.host) == (3333, 4, "127.0.0.1")
    assert settings.quality_filter is QualityFilter.HIGH
    assert settings.keep_images is False


def test_an_empty_variable_is_no_setting(tmp_path: Path) -> None:
    assert load(environ={"KENSPECKLE_PORT": ""}, file=tmp_path / "none.toml").port == Settings().port


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"KENSPECKLE_PORT": "http"},
            "environment variable KENSPECKLE_PORT: 'http' can't be used: a whole number is expected",
        ),
        ({"KENSPECKLE_PORT": "70000"}, r"KENSPECKLE_PORT: 70000 is outside 0\.\.65535"),
        ({"KENSPECKLE_FACE_MATCH_THRESHOLD": "nan"}, "outside"),
        ({"KENSPECKLE_FACE_MATCH_THRESHOLD": "much"}, "'much' can't be used: a number is expected"),
        ({"KENSPECKLE_QUALITY_FILTER": "BEST"}, "KENSPECKLE_QUALITY_FILTER: .* one of NONE, AUTO, LOW, MEDIUM, HIGH"),
        ({"KENSPECKLE_KEEP_IMAGES": "perhaps"}, "true or false"),
        ({"KENSPECKLE_RECOGNIZER": "magic"}, "none of local, rekognition"),
    ],
)
def test_a_bad_value_names_its_source(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        load(environ=environ, file=tmp_path / "none.toml")


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kenspeckle.toml"
    path.write_text("prot = 80\n")
    with pytest.raises(SettingError, match=r"'prot' is no setting\. Did you mean port\?"):
        load(environ={}, file=path)


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"There is no file .*none\.toml, which KENSPECKLE_CONFIG names"):
        load(environ={"KENSPECKLE_CONFIG": str(tmp_path / "none.toml")})
    assert load(environ={"KENSPECKLE_CONFIG": "/dev/null"}) == Settings()


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "kenspeckle.toml"
    path.write_bytes(b"\xff\xfe port")
    with pytest.raises(SettingError, match="can't be read as TOML"):
        load(environ={}, file=path)


def test_secrets_do_not_show() -> None:
    assert "s3cret" not in repr(Settings(admin_key="s3cret", master_key="s3cret", catalog_url="s3cret"))


def test_a_data_folder_whose_database_would_lie_elsewhere_is_refused() -> None:
    for name in ("people?1", "people?1/data"):
        with pytest.raises(SettingError, match=r"--data-dir: .*has a '\?'"):
            load({"data_dir": name}, environ={})
    assert load({"data_dir": "people #1 %3F"}, environ={}).catalog.endswith("people #1 %3F/kenspeckle.db")


def test_misspelt_names_are_told_with_the_nearest(tmp_path: Path) -> None:
    environ = {"KENSPECKLE_MAX_FACE": "3", "KENSPECKLE_XYZZY": "1", "KENSPECKLE_URL": "http://a", "PATH": "/bin"}
    found = settings.unknown(environ)
    assert found == {"KENSPECKLE_MAX_FACE": "KENSPECKLE_MAX_FACES", "KENSPECKLE_XYZZY": ""}
    first, second = settings.unknown_messages(found)
    assert "did you mean KENSPECKLE_MAX_FACES?" in first
    assert "KENSPECKLE_XYZZY is no setting" in second


INJECTED = {
    "KENSPECKLE_PORT": "tcp://10.96.0.12:8080",
    "KENSPECKLE_SERVICE_HOST": "10.96.0.12",
    "KENSPECKLE_SERVICE_PORT": "8080",
    "KENSPECKLE_SERVICE_PORT_HTTP": "8080",
    "KENSPECKLE_PORT_8080_TCP": "tcp://10.96.0.12:8080",
    "KENSPECKLE_PORT_8080_TCP_ADDR": "10.96.0.12",
    "KENSPECKLE_PORT_8080_TCP_PORT": "8080",
    "KENSPECKLE_PORT_8080_TCP_PROTO": "tcp",
}


def test_what_kubernetes_injects_for_a_service_of_our_name_disturbs_nothing(tmp_path: Path) -> None:
    assert settings.load(environ=INJECTED, file=tmp_path / "none").port == 8080
    assert settings.unknown(INJECTED) == {}
    with pytest.raises(SettingError, match="KENSPECKLE_PORT"):
        settings.load(environ={"KENSPECKLE_PORT": "tcp"}, file=tmp_path / "none")


def test_packs_are_found_where_they_were_pulled_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "own"))
    monkeypatch.setattr("platformdirs.site_data_dir", lambda *_, **__: str(tmp_path / "common"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    own, common = tmp_path / "own" / "models", tmp_path / "common" / "models"
    assert settings.Settings().models_dir == own
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert settings.Settings().models_dir == common
    common.mkdir(parents=True)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert settings.Settings().models_dir == common
    own.mkdir(parents=True)
    assert settings.Settings().models_dir == own
