"""The command line: `kenspeckle`. Each command has its module, which is imported when the command is chosen."""

from __future__ import annotations


def main() -> None:
    """Entry point of the installed command."""
    from kenspeckle.cli.app import run  # late: a module of this package is imported without Typer

    run()
