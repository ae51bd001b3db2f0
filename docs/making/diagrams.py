"""Draws the mermaid fences of the documentation, with mermaid itself in a browser without a window (`make pictures`).

On the site they are pictures: mermaid is three megabytes of script, which the theme would fetch from a stranger's host.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from docs.making.fences import PICTURES, picture_of

DOCS = PICTURES.parent
MERMAID = "mermaid@12.3.0"
BROWSER = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--allow-file-access-from-files", "--virtual-time-budget=10000"),
)
COLOURS = """
.node rect { fill: var(--md-code-bg-color, #f5f5f5) !important }
.node rect { stroke: var(--md-default-fg-color--light, #888) !important }
.cluster rect { fill: none !important; stroke: var(--md-default-fg-color--lighter, #bbb) !important }
.edgeLabel rect, .labelBkg { fill: var(--md-default-bg-color, #fff) !important; opacity: 1 !important }
text, tspan { fill: var(--md-default-fg-color, #222) !important }
rect.actor { fill: var(--md-code-bg-color, #f5f5f5) !important }
rect.actor { stroke: var(--md-default-fg-color--light, #888) !important }
.actor-line, .messageLine0, .messageLine1 { stroke: var(--md-default-fg-color--light, #888) !important }
.flowchart-link { stroke: var(--md-default-fg-color--light, #888) !important }
.marker, .arrowMarkerPath { fill: var(--md-default-fg-color--light, #888) !important; stroke: none !important }
"""
"""The theme's own, with what a picture viewer shows after the commas."""
PAGE = """<!doctype html><script src="mermaid.min.js"></script><body><script>
mermaid.initialize({startOnLoad: false, theme: "base", htmlLabels: false, deterministicIds: true,
  fontFamily: "sans-serif", themeCSS: %s, flowchart: {htmlLabels: false}});
mermaid.render(%s, %s).then(made => { document.body.innerHTML = made.svg });
</script></body>"""


def sources() -> list[str]:
    """The mermaid fences of all pages."""
    fence = re.compile(r"^```mermaid\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [source for page in sorted(DOCS.glob("*.md")) for source in fence.findall(page.read_text("utf-8"))]


def draw() -> list[Path]:
    """Draw what has no picture yet and remove pictures of fences that are gone. Returns all pictures."""
    wanted = {picture_of(source): source for source in sources()}
    for old in set(PICTURES.glob("diagram-*.svg")) - set(wanted):
        old.unlink()
    missing = {file: source for file, source in wanted.items() if not file.exists()}
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            script = _mermaid(Path(folder))
            for file, source in missing.items():
                file.write_text(_drawn(script.parent, file.stem, source), "utf-8")
    return sorted(wanted)


def _mermaid(folder: Path) -> Path:
    """Mermaid's one file, by npm."""
    subprocess.run(["npm", "pack", "--silent", MERMAID], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    archive = next(folder.glob("mermaid-*.tgz"))
    subprocess.run(["tar", "-xzf", archive.name, "package/dist/mermaid.min.js"], cwd=folder, check=True)
    return folder / "package" / "dist" / "mermaid.min.js"


def _drawn(folder: Path, name: str, source: str) -> str:
    browser = next((found for found in map(shutil.which, BROWSER) if found), None)
    if browser is None:
        raise SystemExit("A Chromium is needed to draw diagrams: apt-get install chromium")
    page = folder / "page.html"
    page.write_text(PAGE % tuple(map(json.dumps, (COLOURS, name, source))), "utf-8")
    command = [browser, *FLAGS, "--dump-dom", page.as_uri()]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r"<svg.*</svg>", told, re.DOTALL)
    if found is None or "error-icon" in re.sub(r"<style>.*?</style>", "", found[0], flags=re.DOTALL):
        raise SystemExit(f"Mermaid did not draw this:\n{source}")
    return found[0].replace("<br>", "<br/>") + "\n"
