"""`kenspeckle import compreface`: from our own edge as the source, and from a folder for each subject."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command, command
from tests.compreface.conftest import Real

__all__ = ["command"]


def test_people_come_over_its_api(real: Real, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    key = next(real.keys)
    with real.client(key) as http:
        for subject, data in (("Grace Hopper", real.grace), ("Eileen", real.astronaut), ("Grace Hopper", real.grace)):
            sent = http.post("/api/v1/recognition/faces", params={"subject": subject}, files={"file": data})
            assert sent.status_code == 201
    monkeypatch.setenv("COMPREFACE_API_KEY", key)
    done = command("import", "compreface", real.url, "--json")
    assert done.code == 0, done.err
    assert done.json == {"indexed": 2, "present": 0, "skipped": []}
    again = command("import", "compreface", real.url, "--json")
    assert again.json == {"indexed": 0, "present": 2, "skipped": []}
    stored = command("faces", "list", "--json").json
    assert sorted(one["ExternalImageId"] for one in stored) == ["Eileen", "Grace:20Hopper"], "as our edge has them"

    monkeypatch.setenv("COMPREFACE_API_KEY", "00000000-0000-0000-0000-000000000002")
    wrong = command("import", "compreface", real.url)
    assert wrong.code == 1
    assert "recognition service" in wrong.err
    monkeypatch.setenv("COMPREFACE_API_KEY", "")
    assert "CompreFace asks for a key" in command("import", "compreface", real.url).err
    assert "No CompreFace answers" in command("import", "compreface", "http://127.0.0.1:9", "--compreface-key", "k").err


def test_people_come_from_a_folder_to_a_server(real: Real, command: Command, tmp_path: Path) -> None:
    source, key = tmp_path / "people", next(real.keys)
    for subject, name in (("Anna Müller", "grace_hopper.jpg"), ("Coffee", "coffee.png")):
        (source / subject).mkdir(parents=True)
        shutil.copy(real.folder / name, source / subject)
    with real.client(key) as http:
        own = http.get("/v1/info").json()["key"]["collections"][0]
        done = command("import", "compreface", source, "--url", real.url, "--api-key", key, "--collection", own)
        assert done.code == 1, done.err
        assert "2 photographs: 1 indexed with 1 face, 1 skipped" in done.err
        subjects = http.get("/api/v1/recognition/subjects").json()["subjects"]
    assert subjects == ["Anna Müller"]
    nothing = command("import", "compreface", tmp_path / "nowhere")
    assert (nothing.code, "no folder and no address" in nothing.err) == (1, True)
    (tmp_path / "empty").mkdir()
    assert "has no photographs" in command("import", "compreface", tmp_path / "empty").err
    assert "an argument too many" in command("import", "a.jsonl", "b.jsonl").err
