"""Reads plain texts and paths without Pydantic, which Typer loads (0.1 s) for every value, unset ones too.

The one place that uses a private interface of Typer. Where a version lacks it, values are read as that version does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_origin

try:
    from typer._coercion import RuntimeParam, build_runtime_param
except ImportError:  # of versions that read values by Click
    RuntimeParam = None  # type: ignore[assignment,misc]  # AVAILABLE says so

AVAILABLE = RuntimeParam is not None
PATH_CHECKS = ("exists", "resolve_path", "writable")
"""What Typer shall check of a path by itself, off unless asked for."""


def parse_lightly(command: Any) -> None:
    """Have the command, and those below it, read what needs no checks without Pydantic."""
    if not AVAILABLE:
        return
    for below in getattr(command, "commands", {}).values():
        parse_lightly(below)
    for one in command.params:
        if getattr(one, "_runtime_param", one) is None:
            one._runtime_param = _Light(one.type_descriptor.parameter_info, one.type_descriptor.annotation)


if AVAILABLE:

    class _Light(RuntimeParam):
        """Reads a value by itself where it is text, a path without checks, or a default; any other by Typer."""

        def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
            kind: Any = self.annotation
            inner = kind if get_origin(kind) is None else get_args(kind)[0]
            if self._is_plain(inner):
                return inner(value) if inner is kind else [inner(one) for one in value]
            if isinstance(kind, type) and type(value) is kind:
                return value  # a default: all that is given is text
            return build_runtime_param(param.type_descriptor)._coerce_value(value, param=param, ctx=ctx)

        def _is_plain(self, kind: Any) -> bool:
            about = self.parameter_info
            if kind is Path:
                strict = any(getattr(about, name, False) for name in PATH_CHECKS)
                return not strict and about.file_okay and about.dir_okay and about.readable
            return kind is str
