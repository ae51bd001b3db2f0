"""`python -m kenspeckle` is the `kenspeckle` command."""

from kenspeckle.cli import main

if __name__ == "__main__":
    main()
