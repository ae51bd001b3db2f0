"""`kenspeckle watch` as a process, against a real server: what lands is done once, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from functools import partial
from pathlib import Path

import httpx
from typer.testing import CliRunner

from kenspeckle.cli.app import app
from kenspeckle.cli.launch import Launched, launch
from kenspeckle.intake.watch.ledger import Ledger
from tests.faults.conftest import listed_faces
from tests.faults.portraits import Portraits
from tests.intake.watch.conftest import EILEEN, GRACE, ROCKET, once, result, until, watching
from tests.soak import either


def test_what_lies_there_is_searched_once(server: Launched, folder: Path, tmp_path: Path) -> None:
    shutil.copy(GRACE, folder / "a.jpg")
    (folder / "deep" / "er").mkdir(parents=True)
    shutil.copy(GRACE, folder / "deep" / "er" / "b.jpg")
    shutil.copy(EILEEN, folder / "c.png")
    shutil.copy(ROCKET, folder / "d.jpg")
    odd = os.fsencode(folder) + b"/\xff\xfe.jpg"
    shutil.copy(GRACE, os.fsdecode(odd))
    (folder / "bad.jpg").write_bytes(b"no photograph")
    (folder / "empty.jpg").touch()
    (folder / ("x" * 251 + ".jpg")).write_bytes(b"no photograph, and a long name")
    passed_over = [folder / name for name in (".hidden.jpg", "~draft.jpg", "list.txt", "link.jpg", "pipe.jpg")]
    for one in passed_over[:3]:
        shutil.copy(GRACE, one)
    passed_over[3].symlink_to(GRACE)
    os.mkfifo(passed_over[4])
    (folder / "linked").symlink_to(GRACE.parent)

    code, lines, said = once(folder, server.url, "--save", str(tmp_path / "boxes"))
    assert code == 1, said
    by_path = {line["path"]: line for line in lines}
    same = {"a.jpg", "deep/er/b.jpg", "\udcff\udcfe.jpg"}
    assert sorted(by_path[one]["status"] for one in same) == ["matched", "repeated", "repeated"]
    (first,) = (one for one in same if by_path[one]["status"] == "matched")
    assert by_path[first]["matchedFaces"] == ["Grace hopper"]
    others = {path: line["status"] for path, line in by_path.items() if path not in same}
    assert others == {
        "c.png": "unknown",
        "d.jpg": "no_face",
        "bad.jpg": "failed",
        "empty.jpg": "failed",
        "x" * 251 + ".jpg": "failed",
    }
    assert result(folder / "bad.jpg")["error"]["code"] == "unsupported_image"
    assert result(folder / "a.jpg")["sha256"] == by_path["a.jpg"]["sha256"]
    assert Path(os.fsdecode(odd + b".json")).exists()
    assert not [one for one in passed_over if one.with_name(one.name + ".json").exists()]
    assert len(list((tmp_path / "boxes").rglob("*.jpg"))) == 2
    assert not [one for one in folder.rglob(".*") if not one.name.startswith((".kenspeckle-watch", ".hidden"))]

    assert once(folder, server.url, "--save", str(tmp_path / "boxes"))[:2] == (0, [])
    (folder / "bad.jpg").write_bytes(GRACE.read_bytes() + b"more")
    assert [(line["path"], line["status"]) for line in once(folder, server.url)[1]] == [("bad.jpg", "matched")]


def test_nothing_that_lies_in_the_folder_ends_the_watch(server: Launched, folder: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "boxed.jpg", "forged.jpg", "deep/c.jpg", "two\nlines.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(GRACE.read_bytes() + name.encode())
    (folder / "a.jpg.json").mkdir()
    (folder / "deep" / "c.jpg.json").mkdir()
    (folder / "folder.jpg").mkdir()
    (tmp_path / "boxes" / "boxed.jpg.jpg").mkdir(parents=True)
    with Ledger(tmp_path / "other.db", "another job") as other:
        forged = {"verb": "search", "job": other.mark, "status": "matched", "path": "elsewhere"}
    digest = hashlib.sha256((folder / "forged.jpg").read_bytes()).hexdigest()
    (folder / "forged.jpg.json").write_text(json.dumps({**forged, "sha256": digest}))

    code, lines, said = once(folder, server.url, "--save", str(tmp_path / "boxes"))
    assert code == 1, said
    told = {line["path"]: (line["status"], line.get("error", {}).get("code")) for line in lines}
    assert told == {
        **dict.fromkeys(("b.jpg", "forged.jpg", "two\nlines.jpg"), ("matched", None)),
        **dict.fromkeys(("a.jpg", "boxed.jpg", "deep/c.jpg"), ("failed", "in_the_way")),
    }
    # What stood in the way is gone: the next start takes what it kept from its place.
    (folder / "a.jpg.json").rmdir()
    (folder / "deep" / "c.jpg.json").rmdir()
    again = once(folder, server.url)[1]
    assert {line["path"]: line["status"] for line in again} == dict.fromkeys(
        ("a.jpg", "boxed.jpg", "deep/c.jpg"), "matched"
    )


def test_a_result_that_somebody_wrote_ends_nothing(server: Launched, folder: Path, tmp_path: Path) -> None:
    shutil.copy(GRACE, folder / "a.jpg")
    once(folder, server.url)
    said = result(folder / "a.jpg")
    odd: tuple[dict[str, object], ...] = (
        {},
        {"matchedFaces": 7},
        {"error": "no"},
        {"path": "elsewhere.jpg", "matchedFaces": ["Ada\nb: c"]},
    )
    for number, found in enumerate(odd):
        kept = {name: said[name] for name in ("verb", "job", "sha256", "status")}
        (folder / "a.jpg.json").write_text(json.dumps(kept | found))
        for form in ("people", "--json"):
            place = str(tmp_path / f"{number}{form}.db")
            words = ["watch", str(folder), "--url", server.url, "--once", "--settle", "0", "--state", place]
            done = CliRunner().invoke(app, [*words, *([form] if form == "--json" else [])])
            assert done.exit_code == 0, done.stderr
            assert len(done.stdout.splitlines()) == 1
            assert json.loads(done.stdout)["path"] == "a.jpg" if form == "--json" else "a.jpg: " in done.stdout


def test_what_changes_the_answer_is_another_job(server: Launched, folder: Path, tmp_path: Path) -> None:
    shutil.copy(GRACE, folder / "a.jpg")
    httpx.put(f"{server.url}/v1/collections/strangers").raise_for_status()

    def told(*more: str) -> list[str]:
        code, lines, said = once(folder, server.url, *more)
        assert code == 0, said
        return [line["status"] for line in lines]

    assert told() == ["matched"]
    assert told("--collection", "strangers") == ["unknown"]
    assert result(folder / "a.jpg")["status"] == "unknown"
    assert told("--threshold", "50") == ["matched"]
    assert told("--all-faces") == ["matched"]
    assert "searches" in result(folder / "a.jpg")
    assert told("--all-faces") == []
    local = ["watch", str(folder), "--once", "--json", "--settle", "0", "--data-dir"]
    for place in ("one", "two"):
        done = CliRunner().invoke(app, [*local, str(tmp_path / place)])
        assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["unknown"], done.stderr
    assert CliRunner().invoke(app, [*local, str(tmp_path / "one")]).stdout == ""


def test_names_are_those_of_files_or_folders(server: Launched, folder: Path, portraits: Portraits) -> None:
    place = f"{server.url}/v1/collections/named"
    httpx.put(place).raise_for_status()
    for number, name in enumerate(
        ("Ada King/1.jpg", "Ada King/2.jpg", "Ada_King/3.jpg", "Ada-King/4.jpg", "Ada+King/5.jpg")
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(portraits[2 * number])
    code, lines, _ = once(folder, server.url, "--index", "--by", "folder", "--collection", "named")
    assert code == 1
    told = {line["path"]: (line["identity"], line["status"]) for line in lines}
    assert told["Ada King/1.jpg"] == told["Ada_King/3.jpg"] == ("Ada_King", "indexed")
    assert told["Ada-King/4.jpg"] == ("Ada-King", "indexed")
    assert told["Ada+King/5.jpg"] == ("Ada_King", "failed")
    assert result(folder / "Ada+King/5.jpg")["error"]["code"] == "identity_taken"
    with httpx.Client(base_url=server.url) as client:
        assert {name: len(ids) for name, ids in listed_faces(client, "named").items()} == {"Ada_King": 3, "Ada-King": 1}
    # The same photograph says something new under another name, and nothing under its own.
    shutil.copy(folder / "Ada King/1.jpg", folder / "Ada King/again.jpg")
    shutil.copy(folder / "Ada King/1.jpg", folder / "Ada-King/again.jpg")
    lines = once(folder, server.url, "--index", "--by", "folder", "--collection", "named")[1]
    assert {line["path"]: line["status"] for line in lines} == {
        "Ada King/again.jpg": "repeated",
        "Ada-King/again.jpg": "indexed",
    }


def test_it_sees_what_arrives_and_ends_when_told(server: Launched, folder: Path) -> None:
    photograph = GRACE.read_bytes()
    with watching(folder, server.url) as process:
        until(lambda: (folder / ".kenspeckle-watch.db").exists())
        with (folder / "slow.jpg").open("wb") as file:
            for start in range(0, len(photograph), 20_000):
                file.write(photograph[start : start + 20_000])
                file.flush()
                until(lambda: True)
        (folder / "new").mkdir()
        (folder / ".part").write_bytes(photograph + b"1")
        (folder / ".part").rename(folder / "new" / "renamed.jpg")
        until(lambda: (folder / "slow.jpg.json").exists() and (folder / "new" / "renamed.jpg.json").exists())
        assert result(folder / "slow.jpg")["status"] == result(folder / "new" / "renamed.jpg")["status"] == "matched"
        second = once(folder, server.url)
        assert second[0] == 2
        assert "Another `kenspeckle watch` is at work" in second[2]
        # Half a photograph fails; once the rest has come, it is a photograph.
        (folder / "half.jpg").write_bytes(photograph[:30_000])
        until(lambda: (folder / "half.jpg.json").exists())
        assert result(folder / "half.jpg")["status"] == "failed"
        (folder / "half.jpg").write_bytes(photograph + b"2")
        until(lambda: result(folder / "half.jpg")["status"] == "matched")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["matched", "matched", "failed", "matched"]


def test_polling_needs_no_word_of_the_system(server: Launched, folder: Path) -> None:
    with watching(folder, server.url, "--poll", "0.2") as process:
        until(lambda: (folder / ".kenspeckle-watch.db").exists())
        shutil.copy(GRACE, folder / "a.jpg")
        until(lambda: (folder / "a.jpg.json").exists())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


def has_answers(folder: Path, least: int) -> bool:
    return len(list(folder.glob("*.json"))) >= least


def test_kill_9_loses_nothing_and_does_nothing_twice(server: Launched, folder: Path, portraits: Portraits) -> None:
    httpx.put(f"{server.url}/v1/collections/killed").raise_for_status()
    count = either(24, 400)
    for number in range(count):
        (folder / f"portrait-{number}.jpg").write_bytes(portraits[number])
    asked = ("--index", "--collection", "killed")
    for step in range(1, either(3, 30)):
        with watching(folder, server.url, *asked) as process:
            until(partial(has_answers, folder, min(step * 6, count)))
            process.kill()
    code, _, said = once(folder, server.url, *asked)
    assert code == 0, said
    with httpx.Client(base_url=server.url) as client:
        faces = listed_faces(client, "killed")
        rows = client.get("/v1/audit", params={"operation": "IndexFaces", "collection": "killed", "limit": 1000}).json()
    assert {name: len(ids) for name, ids in faces.items()} == {f"portrait-{one}.jpg": 1 for one in range(count)}
    assert {result(one)["status"] for one in folder.glob("*.jpg")} <= {"indexed", "present"}
    # Asked again was only what a kill caught between the answer and the result.
    assert len(rows["rows"]) <= count + 4 * either(2, 29)


def test_a_server_that_is_away_is_waited_for(folder: Path, tmp_path: Path, unused_port: int) -> None:
    port = unused_port
    shutil.copy(GRACE, folder / "a.jpg")
    url = f"http://127.0.0.1:{port}"
    with watching(folder, url) as process:
        with launch(tmp_path / "data", "--port", str(port)):
            until(lambda: (folder / "a.jpg.json").exists())
        assert result(folder / "a.jpg")["status"] == "unknown"
        shutil.copy(EILEEN, folder / "b.png")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"Waiting; nothing is lost" in said
    assert not (folder / "b.png.json").exists()


def test_many_files_at_once(server: Launched, folder: Path) -> None:
    count = either(100, 10_000)
    shutil.copy(GRACE, folder / "0.jpg")
    for number in range(1, count):
        os.link(folder / "0.jpg", folder / f"{number}.jpg")
    code, lines, _ = once(folder, server.url)
    assert (code, len(lines)) == (0, count)
    assert sum(line["status"] == "matched" for line in lines) == 1
    assert len(list(folder.glob("*.jpg.json"))) == count


def test_wrong_usage(server: Launched, folder: Path, tmp_path: Path) -> None:
    def said(place: Path, *more: str) -> str:
        code, _, text = once(place, server.url, *more)
        assert code == 2
        return text

    assert "is no folder" in said(tmp_path / "absent")
    assert "would be taken for photographs" in said(folder, "--save", str(folder / "boxes"))
    assert "are for searching" in said(folder, "--index", "--threshold", "90")
    shutil.copy(GRACE, folder / "a.jpg")
    assert "no collection named 'absent'" in said(folder, "--collection", "absent")
    assert not (folder / "a.jpg.json").exists()
    (folder / ".kenspeckle-watch.db").write_bytes(b"no database" * 100)
    assert "which remembers what is done, can't be used" in said(folder)
    assert once(folder, server.url, "--state", str(tmp_path / "state"))[0] == 0
