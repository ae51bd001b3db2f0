"""`make bench` in its quick form: that it measures, writes and judges; not what it measures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kenspeckle.settings import load

ROOT = Path(__file__).resolve().parents[2]


def test_bench_runs_and_writes(tmp_path: Path) -> None:
    pytest.importorskip("dlib", reason="dlib-bin is not installed: pip install 'kenspeckle[bench]'")
    pytest.importorskip("cv2", reason="opencv-python-headless is not installed: pip install 'kenspeckle[bench]'")
    from benchmarks.dlib_peer import PREDICTOR

    if not (load().models_dir / "peers" / PREDICTOR.sha256).is_file():
        pytest.skip("the peer's weights are not on this machine; `make bench` fetches them (100 MB)")
    command = [sys.executable, "-m", "benchmarks.run", "--quick", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "benchmarks.json").read_text())
    assert results["load"]["statuses"] == {"200": 12}
    beside = results["pipeline"]["verbs"]["search"]["peers"]
    assert set(beside) == set(results["load"]["peers"]) == {"face_recognition", "OpenCV"}
    assert beside["face_recognition"]["times_faster"] > 1
    assert {one["unit"] for one in results["goals"]} >= {"x", "%", "s", "MB"}
    report = (tmp_path / "benchmarks.md").read_text()
    assert all(f"| search | {who} |" in report for who in ("Kenspeckle", "face_recognition", "OpenCV"))
    assert report.count("<!-- measured") == 2
    assert (tmp_path / "benchmarks.svg").read_text().startswith("<?xml")
