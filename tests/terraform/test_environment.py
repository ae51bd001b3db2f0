"""What `make check-terraform` starts with: an environment that has pytest and Terraform, and no Kenspeckle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("kenspeckle", "numpy", "sqlalchemy", "alembic", "httpx"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
import tests.conftest
"""


def test_what_holds_for_every_test_is_loaded_without_kenspeckle() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
