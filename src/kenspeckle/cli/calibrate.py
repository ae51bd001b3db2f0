"""`kenspeckle models calibrate`: measures a pack on photographs of known people, and draws the distances."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kenspeckle.atomic_file import replace_file
from kenspeckle.cli.download_bars import bars
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.options import Json, ModelsDir
from kenspeckle.cli.output import emit, remark, say, table
from kenspeckle.client.errors import CommandFailed
from kenspeckle.settings import load

if TYPE_CHECKING:
    from kenspeckle.models.calibrating import Measured

COLUMNS = 60
WIDTH, HEIGHT = 640, 260


def calibrate(
    folder: Annotated[Path, typer.Argument(help="A folder for each person, or for each group of people.")],
    pack: Annotated[str | None, typer.Option("--pack", help="Pack to measure.", show_default="PACK, sface")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the distances into this .svg file.", show_default="no plot")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, and store nothing.")] = False,
    models_dir: ModelsDir = None,
    as_json: Json = False,
) -> None:
    """Measure a pack on photographs of people you know, and store what similarity means there.

    FOLDER has a folder for each person, or folders of groups that have them. A service uses it from its next start;
    where the catalog lies in PostgreSQL, it is stored there too, and all services use it within a second or two."""
    with report_errors(FAILED):
        from kenspeckle.compose import calibrate as compose  # late: brings the runtime

        if plot is not None and plot.suffix.lower() != ".svg":
            raise CommandFailed(f"{plot} is no .svg file.", "The plot is drawn as SVG.")
        settings = load({"models_dir": models_dir})
        with bars() as progress:
            done = compose.calibrate(settings, pack or settings.pack, folder, progress, store=not dry_run)
        if plot is not None:
            replace_file(plot, draw(done.measured).encode())
        calibration, facts = done.measured.calibration, done.measured.facts
        for file, why in done.skipped:
            remark(f"skipped {file}: {why}", "yellow")
        if as_json:
            knots = [list(one) for one in zip(calibration.distances, calibration.similarities, strict=True)]
            stored = str(done.file) if done.file is not None else None
            skipped = [{"file": str(file), "reason": why} for file, why in done.skipped]
            emit(
                {
                    "pack": done.pack,
                    "stored": stored,
                    "shared": done.shared,
                    "knots": knots,
                    **facts,
                    "skipped": skipped,
                }
            )
            return
        say(f"Measured on {calibration.sample}.")
        rows = [["all", *_row(facts["at_80"])]]
        rows += [[name or "(no group)", *_row(one)] for name, one in facts["groups"].items()]
        table(["At similarity 80", "Strangers who pass", "95 %", "Pairs missed", "95 %"], rows)
        say("Rates are of the very photographs that it was measured on. From 80 on a fitted law gives what is rarer.")
        if done.shared:
            say(f"Stored in {done.file} and in the catalog; all services on it use it now.")
        elif done.file:
            say(f"Stored in {done.file}; services use it from their next start.")
        else:
            say("Nothing was stored.")


def _row(rates: dict[str, Any]) -> list[str]:
    cells = []
    for name in ("false_matches", "misses"):
        one = rates[name]
        low, high = one["interval"]
        cells += [
            f"{100 * one['rate']:.2f} % of {one['pairs']:,}" if one["rate"] is not None else "no pairs",
            f"{100 * low:.2f} to {100 * high:.2f} %" if low is not None else "",
        ]
    return cells


def draw(measured: Measured) -> str:
    """Shares of pairs by distance, of one person (blue) and of two (grey), and the distance of 80, as SVG."""
    import numpy as np  # late: no other command about packs needs it

    most = float(max(measured.impostors[-1], measured.genuine[-1]))
    shares = [np.histogram(one, COLUMNS, (0, most))[0] / len(one) for one in (measured.impostors, measured.genuine)]
    tallest = max(float(one.max()) for one in shares)
    bars_ = []
    for values, colour in zip(shares, ("#9ca3af", "#1d4ed8"), strict=True):
        for at, value in enumerate(values.tolist()):
            height = 200 * value / tallest
            bars_.append(
                f'<rect x="{20 + 10 * at}" y="{220 - height:.1f}" width="9" height="{height:.1f}" fill="{colour}" '
                'fill-opacity="0.7"/>'
            )
    bar = 20 + 600 * measured.calibration.distance(80) / most
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(bars_)}'
        f'<path d="M{bar:.1f} 12V220M20 220H620" stroke="black" fill="none"/>'
        f'<text x="{bar + 4:.1f}" y="22">80</text><text x="20" y="238">0</text>'
        f'<text x="620" y="238" text-anchor="end">distance {most:.2f}</text>'
        f'<text x="20" y="254">{len(measured.genuine):,} pairs of one person (blue), '
        f"{len(measured.impostors):,} of two (grey)</text></svg>\n"
    )
