"""Loads commands lazily: a group has names and help lines; a command's module is imported when it is chosen.

Help is plain text in sections: drawn by Rich, `kenspeckle --help` would take three times as long.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

F = TypeVar("F", bound=Callable[..., Any])

WIDTH = 110
"""Columns of help at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that is not loaded yet: `place` is `module:name` of its function, or of a group of commands; `help` is
    the first sentence of its docstring."""

    name: str
    place: str
    section: str
    help: str

    def load(self) -> Any:
        """The command itself."""
        from kenspeckle.cli.parsing import parse_lightly  # late: the list of commands does without

        module, _, name = self.place.partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            _flow(found)
            command: Any = get_group(found)
        else:
            alone = Commands()
            alone.command(self.name)(found)
            _flow(alone)
            command = get_command(alone)
        command.name = self.name
        parse_lightly(command)
        gc.enable()  # `cli.main` turned it off while all this was imported
        return command


class Loading(MutableMapping[str, Any]):
    """Commands by name, in order; each is loaded at its first access."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = {one.name: one for one in entries}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = self.entries[name].load()
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError("Name the command in the table of entries.")

    def __delitem__(self, name: str) -> None:
        raise TypeError("Take the command out of the table of entries.")

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries  # the inherited method would load it


class _Flags:
    """Flags are off until they are given. Typer's own (help, completion) have None for that, which it loads Pydantic to
    read."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = list(super().get_params(ctx))  # type: ignore[misc]  # of Typer's classes, beside this one
        for one in parameters:
            if getattr(one, "is_flag", False) and one.default is None:
                one.default = False
        return parameters


class Command(_Flags, TyperCommand):
    """A command whose help has its options in sections, and examples after them."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from kenspeckle.cli.examples import EXAMPLES  # late: for help alone

        lines = EXAMPLES.get(_words(ctx), ())
        if lines:
            with formatter.section(typer.style("Examples", bold=True)):
                for line in lines:  # one that is folded could not be copied
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_options(self, ctx, formatter)


class Group(_Flags, TyperGroup):
    """Commands of one subject, which are loaded together."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_options(self, ctx, formatter)
        rows = [(name, first_sentence(one.help or "")) for name, one in self.commands.items() if not one.hidden]
        _write(formatter, "Commands", rows)


class Root(_Flags, TyperGroup):
    """All commands, none loaded; a subclass names the `entries`."""

    entries: Sequence[Entry] = ()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Loading(self.entries)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        _write_options(self, ctx, formatter)
        for section in dict.fromkeys(one.section for one in self.entries):
            _write(formatter, section, [(one.name, one.help) for one in self.entries if one.section == section])


class Commands(typer.Typer):
    """A group of commands as our modules declare it: `about` is its help, plain text as all help."""

    def __init__(self, about: str = "", *, add_completion: bool = False, **settings: Any) -> None:
        super().__init__(
            **{"cls": Group, "no_args_is_help": True, **settings},
            help=about,
            add_completion=add_completion,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
        )

    def command(self, name: str | None = None, **settings: Any) -> Callable[[F], F]:
        """As Typer's, with our help."""
        return super().command(name, cls=Command, **settings)


def _flow(commands: typer.Typer) -> None:
    """Have help texts fit any terminal: Typer would keep the lines of our docstrings."""
    for one in commands.registered_commands:
        text = inspect.getdoc(one.callback) or ""
        one.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _words(ctx: Any) -> str:
    """The words of a command, without the program's name, which may be `python -m kenspeckle`."""
    return "" if ctx.parent is None else f"{_words(ctx.parent)} {ctx.info_name}".strip()


def first_sentence(text: str) -> str:
    """The first sentence."""
    return text.split("\n\n")[0].split(". ")[0].rstrip(".") + "."


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for one in command.get_params(ctx):
        record = one.get_help_record(ctx)
        if record is not None:
            usual = "Arguments" if one.param_type_name == "argument" else "Options"
            sections.setdefault(getattr(one, "rich_help_panel", None) or usual, []).append(record)
    for title, records in sections.items():
        _write(formatter, title, records)


def _write(formatter: Any, title: str, records: list[tuple[str, str]]) -> None:
    if records:
        with formatter.section(typer.style(title, bold=True)):
            formatter.write_dl(records)
