"""commands.md: every command, argument and option with its help, from the Typer application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import typer.main

from docs.making.tables import MADE, table
from kenspeckle.cli.app import app
from kenspeckle.cli.commands import first_sentence
from kenspeckle.cli.examples import EXAMPLES

HEAD = """# Commands

What `kenspeckle COMMAND --help` says, in one page. Commands that recognize work on the local data folder, or
with `--url` on a server. What reads takes `--json` for programs. Progress and remarks go to standard error,
results to standard output. The default of many options is a setting: `FACE_MATCH_THRESHOLD, 80` is the setting of
that name, 80 where nothing sets it ([settings](settings.md)).

Exit codes: 0 fine; 1 no match, or an error; 2 wrong usage, or an error of a command whose 1 means no match;
130 interrupted. Each command says what its own 1 means.

"""
VALUES = {bool: "", int: "N", float: "N", str: "TEXT"}
"""What stands for a value where the command does not say."""


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words of the command, command) of all that do something, in the order of `--help`."""
    yield from _below(("kenspeckle",), typer.main.get_command(app))


def _below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        if not command.hidden:
            yield words, command
        return
    for name, one in inner.items():
        yield from _below((*words, name), one)


def page() -> str:
    """The whole page."""
    every = list(commands())
    index = table(("command", "does"), ((_link(words), first_sentence(command.help)) for words, command in every))
    return MADE + HEAD + index + "".join(_section(words, command) for words, command in every)


def _link(words: tuple[str, ...]) -> str:
    return f"[`{' '.join(words)}`](#{'-'.join(words)})"


def _section(words: tuple[str, ...], command: Any) -> str:
    arguments = [one for one in command.params if not _is_option(one)]
    options = [one for one in command.params if _is_option(one) and not one.hidden]
    usage = " ".join([*words, *(["[OPTIONS]"] if options else []), *(_argument(one) for one in arguments)])
    parts = [f"\n## {' '.join(words)}\n", f"```text\n{usage}\n```\n", command.help + "\n"]
    if arguments:
        parts.append(table(("argument", "meaning"), ((f"`{_argument(one)}`", one.help) for one in arguments)))
    if options:
        parts.append(table(("option", "meaning"), ((_option(one), _meaning(one)) for one in options)))
    examples = EXAMPLES.get(" ".join(words[1:]), ())
    if examples:
        parts.append("Examples:\n\n```text\n" + "\n".join(examples) + "\n```\n")
    return "\n".join(parts)


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _option(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    value = parameter.metavar or _value(parameter.type_descriptor.annotation)
    return " ".join([", ".join(f"`{name}`" for name in names), *([f"`{value}`"] if value else [])])


def _value(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "NAME"
    for one in get_args(annotation):
        if one is not type(None):
            return _value(one)
    return VALUES.get(annotation, "PATH")


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for found in map(_choices, get_args(annotation)) if found), ())


def _meaning(parameter: Any) -> str:
    parts = [parameter.help or ""]
    choices = _choices(parameter.type_descriptor.annotation)
    if choices:
        parts.append("One of " + ", ".join(f"`{one}`" for one in choices) + ".")
    lowest, highest = (getattr(parameter, name, None) for name in ("min", "max"))
    if lowest is not None or highest is not None:
        parts.append(f"{lowest} to {highest}." if highest is not None else f"{lowest} or more.")
    if isinstance(parameter.show_default, str):
        parts.append(f"Default: {parameter.show_default}.")
    elif parameter.default not in (None, False, "", [], ()) and parameter.show_default:
        parts.append(f"Default: `{parameter.default}`.")
    if parameter.envvar:
        parts.append(f"Also as `{parameter.envvar}`.")
    return " ".join(parts)
