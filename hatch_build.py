"""Makes the wheel smaller: what is written for those who work on the code is left out. That is comments, strings below
attributes, and docstrings of what is private or in rooms that nobody imports. Lines keep their numbers, so that
tracebacks fit the repository.

Hatch runs it (`tool.hatch.build.targets.wheel.hooks.custom`); editable installations have the sources themselves."""

from __future__ import annotations

import ast
import io
import shutil
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INTERFACES = ("__init__.py", "errors.py", "settings.py", "api", "cli", "client", "domain", "lambdas", "testing")
"""Modules and folders of the package whose docstrings are shown: by help(), by `--help`, in the OpenAPI document."""


def without_remarks(source: str, *, docstrings: bool) -> str:
    """The same program with fewer words; with `docstrings` those of public names stay. Raises ValueError where it is
    not the same."""
    lines = source.splitlines(keepends=True)
    for token in tokenize.generate_tokens(io.StringIO(source).readline) if "#" in source else ():
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip() + "\n"
    tree = ast.parse(source)
    for first, last in _taken_out(tree, docstrings):
        lines[first - 1 : last] = ["\n"] * (last - first + 1)
    made = "".join(lines)
    left = ast.parse(made)
    # Where a block ended with a docstring its end has moved: then the slower comparison, without places, decides.
    if compile(left, "", "exec") != compile(tree, "", "exec") and ast.dump(left) != ast.dump(tree):
        raise ValueError("What is left is not the same program: a docstring shares its line with code.")
    return made


def _taken_out(tree: ast.AST, docstrings: bool) -> Iterator[tuple[int, int]]:
    """Takes strings that stand by themselves out of the tree; their first and last lines.
    Dataclasses keep theirs: the decorator would make up others, which takes time at each import. So do blocks that have
    nothing else."""
    for node in list(ast.walk(tree)):
        block = getattr(node, "body", None)
        if not isinstance(block, list):
            continue
        public = not (getattr(node, "name", None) or "").startswith("_")
        needed = isinstance(node, ast.ClassDef) and node.decorator_list
        kept = block[:1] if needed or (docstrings and public) else []
        strings = [
            one
            for one in block
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
        ]
        if len(strings) == len(block):
            continue
        for one in strings:
            if one not in kept:
                block.remove(one)
                yield one.lineno, one.end_lineno or one.lineno


class CustomBuildHook(BuildHookInterface[Any]):
    """The name that Hatch looks for."""

    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp())
        package = Path(self.root) / "src" / "kenspeckle"
        for file in package.rglob("*.py"):
            place = file.relative_to(package)
            made = self._folder / place
            made.parent.mkdir(parents=True, exist_ok=True)
            smaller = without_remarks(file.read_text("utf-8"), docstrings=place.parts[0] in INTERFACES)
            made.write_text(smaller, "utf-8")
            build_data["force_include"][str(made)] = f"kenspeckle/{place.as_posix()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
