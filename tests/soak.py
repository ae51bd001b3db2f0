"""How long tests run: seconds in `make test`, hours in `make soak`, whose kills are counted over its runs.

`make soak` sets KENSPECKLE_SOAK. It kills KENSPECKLE_KILLS times (1,000), each kind of work its share. What was done is
kept in `.soak/kills.json` after every kill that was seen to have done no harm, so that a run which is cut off goes on
where it was; a run after one that finished begins anew."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

SOAK = os.environ.get("KENSPECKLE_SOAK", "") not in ("", "0")
KILLS = int(os.environ.get("KENSPECKLE_KILLS") or 1000)

SHARES = {
    "a server that indexes and deletes": 0.2,
    "a catalog that stores and deletes": 0.2,
    "a catalog that purges, scrubs and saves": 0.2,
    "backup": 0.1,
    "restore over another": 0.05,
    "restore into nothing": 0.05,
    "export": 0.05,
    "import": 0.05,
    "migration": 0.1,
}
"""Part of all kills by what is killed at its work."""

_FILE = Path(os.environ.get("KENSPECKLE_SOAK_DIR") or Path(__file__).parents[1] / ".soak") / "kills.json"


def either(short: int, long: int) -> int:
    """A count for a test run of seconds, or for a soak of an hour."""
    return long if SOAK else short


def kills(kind: str, short: int) -> Iterator[int]:
    """Numbers of the kills that are due: `short` of them in a test run, in a soak what is left of the kind's share.

    Whoever asks for the next has seen that the last did no harm; only then does it count."""
    if not SOAK:
        assert kind in SHARES
        yield from range(short)
        return
    done = _tally()
    for number in range(done.get(kind, 0), _wanted(kind)):
        yield number
        done[kind] = number + 1
        _FILE.parent.mkdir(exist_ok=True)
        beside = _FILE.with_suffix(".new")
        beside.write_text(json.dumps({"wanted": KILLS, "done": done}, indent=1))
        beside.replace(_FILE)


def summary() -> list[str]:
    """Lines for the end of a soak: how many kills were survived, by kind and in all."""
    done = _tally()
    lines = [f"{done.get(kind, 0):6,} of {_wanted(kind):,}  {kind}" for kind in SHARES]
    return [*lines, f"{sum(done.values()):6,} of {KILLS:,}  kills survived"]


def _wanted(kind: str) -> int:
    return round(SHARES[kind] * KILLS)


@lru_cache(maxsize=1)
def _tally() -> dict[str, int]:
    """Kills of this run by kind, and of earlier ones that it goes on with."""
    try:
        kept = json.loads(_FILE.read_text())
    except FileNotFoundError:
        return {}
    done = {kind: int(count) for kind, count in kept["done"].items() if kind in SHARES}
    over = all(done.get(kind, 0) >= _wanted(kind) for kind in SHARES)
    return {} if over or kept["wanted"] != KILLS else done
