"""`kenspeckle help` and `version`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kenspeckle import __version__


def help_(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="The command, such as search or faces list.")
    ] = None,
) -> None:
    """Show the help of a command. Without one: all commands."""
    context: Any = ctx.parent
    for word in words or ():
        commands = getattr(context.command, "commands", {})
        if word not in commands:
            context.fail(f"No such command '{word}'.")
        context = type(context)(commands[word], info_name=word, parent=context)
    typer.echo(context.get_help())


def version() -> None:
    """Show the version. `--version` does the same."""
    typer.echo(f"kenspeckle {__version__}")
