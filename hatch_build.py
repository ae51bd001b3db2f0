"""Makes the wheel smaller; what it does stays the same, and lines of Python keep their numbers, so that tracebacks fit
the repository:

- What is written for those who work on the code is left out: comments, strings below attributes, and, of what is
  private or in rooms that nobody imports, docstrings and the types of functions, with the imports that only these
  need. Python is indented with tabs.
- The console is one file of JSON, in which its files are compressed together.
- Every file is compressed by libdeflate, at its highest level.

Hatch runs it (`tool.hatch.build.targets.wheel.hooks.custom`); editable installations have the sources themselves."""

from __future__ import annotations

import ast
import io
import json
import re
import shutil
import tempfile
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deflate
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INTERFACES = ("__init__.py", "api", "client", "domain", "errors.py", "lambdas", "settings.py", "testing")
"""Modules and folders of the package that programs import, or whose docstrings are in the OpenAPI document: all that
is shown of them stays, and their types."""
COMMANDS = ("cli",)
"""Folders in which functions alone have docstrings that are shown, by `--help`; Typer reads their types."""
CONSOLE = "console"
SERVED = frozenset({".css", ".html", ".js", ".svg"})
BUNDLE = "files.json"
"""Name of the console's file in the wheel; `kenspeckle/serving/console.py` reads it."""


def without_remarks(source: str, *, keeps: tuple[type[ast.AST], ...], typed: bool) -> str:
    """The same program with fewer words; docstrings of public names stay at nodes of the kinds `keeps`, types of
    functions where it is `typed`. Raises ValueError where it is not the same."""
    lines = source.splitlines(keepends=True)
    inside: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip() + "\n"
        elif token.type == tokenize.STRING or token.type == FSTRING_MIDDLE:
            inside.update(range(token.start[0], token.end[0]))
    tree = ast.parse(source)
    for row, first, last in [] if typed else sorted([*_types(tree, lines), *_Variables().take_out(tree)], reverse=True):
        data = lines[row - 1].encode()
        lines[row - 1] = (data[:first] + data[last:]).decode()
    for begin, end, left in [*_taken_out(tree, keeps), *([] if typed else _imports_of_types(tree))]:
        lines[begin - 1 : end] = [left] + ["\n"] * (end - begin)
    made = "".join(line if row in inside else _tabs(line) for row, line in enumerate(lines))
    again = ast.parse(made)
    # Where a block ended with a docstring its end has moved: then the slower comparison, without places, decides.
    if _code(again) != _code(tree) and ast.dump(again) != ast.dump(tree):
        raise ValueError("What is left is not the same program: a docstring shares its line with code.")
    return made


FSTRING_MIDDLE = getattr(tokenize, "FSTRING_MIDDLE", -1)
"""Strings with values in them are tokens of several kinds from Python 3.12 on."""


def _code(tree: ast.Module) -> Any:
    """What it compiles to; lines count, columns do not, for tabs have moved them."""
    for node in ast.walk(tree):
        if hasattr(node, "col_offset"):
            node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]  # it has them
    return compile(tree, "", "exec")


def _types(tree: ast.AST, lines: list[str]) -> Iterator[tuple[int, int, int]]:
    """Takes the types of functions out of the tree, those that are on one line: line, first and last byte of each. They
    are not evaluated: every module has `from __future__ import annotations`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and (kind := node.annotation) is not None and kind.end_lineno == node.lineno:
            yield node.lineno, node.col_offset + len(node.arg.encode()), kind.end_col_offset or 0
            node.annotation = None
            node.end_col_offset = node.col_offset + len(node.arg.encode())
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (kind := node.returns) is not None:
            before, arrow, _ = lines[kind.lineno - 1].encode()[: kind.col_offset].rpartition(b"->")
            if kind.end_lineno == kind.lineno and arrow:
                yield kind.lineno, len(before.rstrip()), kind.end_col_offset or 0
                node.returns = None


class _Variables(ast.NodeTransformer):
    """Makes assignments with a type plain ones, but for those of classes, whose types are looked at."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, int]] = []

    def take_out(self, tree: ast.Module) -> list[tuple[int, int, int]]:
        """As `_types`."""
        self.visit(tree)
        return self._found

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.body = [one if isinstance(one, ast.AnnAssign) else self.visit(one) for one in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        kind, target = node.annotation, node.target
        if node.value is None or not target.end_lineno == kind.end_lineno == node.lineno:
            return node
        self._found.append((node.lineno, target.end_col_offset or 0, kind.end_col_offset or 0))
        return ast.copy_location(ast.Assign([target], node.value), node)


def _imports_of_types(tree: ast.Module) -> Iterator[tuple[int, int, str]]:
    """Takes blocks `if TYPE_CHECKING:` out of the tree, which nothing runs and, without types, nothing names; and,
    where no type is left, the import that keeps types from being evaluated."""
    typed = any(
        isinstance(node, ast.AnnAssign)
        or (isinstance(node, ast.arg) and node.annotation is not None)
        or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None)
        for node in ast.walk(tree)
    )
    for one in list(tree.body):
        block = isinstance(one, ast.If) and isinstance(one.test, ast.Name) and one.test.id == "TYPE_CHECKING"
        future = isinstance(one, ast.ImportFrom) and one.module == "__future__" and not typed
        if block or future:
            tree.body.remove(one)
            yield one.lineno, one.end_lineno or one.lineno, "\n"


def _tabs(line: str) -> str:
    indented = len(line) - len(line.lstrip(" "))
    return "\t" * (indented // 4) + line[indented // 4 * 4 :]


def _taken_out(tree: ast.AST, keeps: tuple[type[ast.AST], ...]) -> Iterator[tuple[int, int, str]]:
    """Takes strings that stand by themselves out of the tree: their first and last lines, and the line that stands for
    them. Blocks that have nothing else keep them."""
    for node in list(ast.walk(tree)):
        block = getattr(node, "body", None)
        if not isinstance(block, list):
            continue
        public = not (getattr(node, "name", None) or "").startswith("_")
        kept = block[:1] if isinstance(node, keeps) and public else []
        strings = [
            one
            for one in block
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
        ]
        if len(strings) == len(block):
            continue
        for one in strings:
            if one in kept:
                continue
            if one is block[0] and isinstance(node, ast.ClassDef) and node.decorator_list:
                # Without any docstring the decorator of dataclasses makes one up, which takes time at each import.
                one.value = ast.copy_location(ast.Constant("-"), one.value)
                yield one.lineno, one.end_lineno or one.lineno, " " * one.col_offset + '"-"\n'
            else:
                block.remove(one)
                yield one.lineno, one.end_lineno or one.lineno, "\n"


def without_comments(name: str, source: str) -> str:
    """A file of the console without lines that are comments, and without indentation. Raises ValueError where a line
    might be text instead."""
    if not name.endswith((".css", ".js")):
        return source
    for number, line in enumerate(source.splitlines(), 1):
        if line.count("`") % 2:
            raise ValueError(f"{name}, line {number}: of text over several lines no comment can be told.")
    source = re.sub(r"(?ms)^[ ]*/\*.*?\*/[ ]*\n", "", source)
    source = re.sub(r"(?m)^[ ]*//.*\n", "", source) if name.endswith(".js") else source
    return re.sub(r"(?m)^\s+", "", source)


def bundle(folder: Path) -> str:
    """All files of the console as a JSON object: texts by their paths."""
    files = {one.relative_to(folder).as_posix(): one for one in sorted(folder.rglob("*")) if one.suffix in SERVED}
    texts = {name: without_comments(name, one.read_text("utf-8")) for name, one in files.items()}
    return json.dumps(texts, ensure_ascii=False)


def compress(wheel: Path) -> None:
    """Compress all of it anew. It is the same for the same contents."""
    made = wheel.with_suffix(".smaller")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            with new.open(entry, "w", force_zip64=False) as file:
                file._compressor = _Libdeflate()  # type: ignore[attr-defined]  # there is no other way to choose it
                file.write(content)
    made.replace(wheel)


class _Libdeflate:
    """As zlib's compressor objects; libdeflate takes a file as a whole."""

    def __init__(self) -> None:
        self._content = b""

    def compress(self, content: bytes) -> bytes:
        self._content += content
        return b""

    def flush(self) -> bytes:
        return bytes(deflate.deflate_compress(self._content, 12))


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
            made = without_remarks(
                file.read_text("utf-8"), keeps=_kept(place), typed=_within(place, INTERFACES + COMMANDS)
            )
            self._include(place.as_posix(), made, build_data)
        self._include(f"{CONSOLE}/{BUNDLE}", bundle(package / CONSOLE), build_data)

    def _include(self, place: str, text: str, build_data: dict[str, Any]) -> None:
        assert self._folder is not None
        made = self._folder / place
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text, "utf-8")
        build_data["force_include"][str(made)] = f"kenspeckle/{place}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            compress(Path(artifact_path))


def _kept(place: Path) -> tuple[type[ast.AST], ...]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    if _within(place, INTERFACES):
        return (*functions, ast.ClassDef, ast.Module)
    return functions if _within(place, COMMANDS) else ()


def _within(place: Path, rooms: tuple[str, ...]) -> bool:
    return any(place.is_relative_to(one) for one in rooms)
