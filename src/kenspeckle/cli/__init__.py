"""The command line: `kenspeckle`. Each command has its module; heavy imports wait until a command runs."""

from __future__ import annotations


def main() -> None:
    """Entry point of the installed command."""
    from kenspeckle.cli.app import run

    run()
