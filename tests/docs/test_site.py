"""The built site: pages look on it as in the repository, it asks nobody for anything, and its pictures are fresh."""

from __future__ import annotations

import html.parser
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from docs.making.diagrams import sources
from docs.making.fences import PICTURES, picture_of
from markdown_it import MarkdownIt

from tests.docs.blocks import DOCS, ROOT

COUNTED = ("h1", "h2", "h3", "li", "ol", "p", "table", "td", "ul")
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "video": "src"}
PAGES = sorted(page for page in DOCS.glob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Elements(html.parser.HTMLParser):
    """Counts elements of a text, and collects what a browser would fetch for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.counted[tag] += tag in COUNTED
        wanted = dict(attributes).get(LOADING.get(tag, ""))
        if wanted and not (tag == "link" and dict(attributes).get("rel") in ("canonical", "next", "prev")):
            self.loaded.append(wanted)


def html_of(site: Path, page: Path) -> str:
    folder = site if page.stem == "index" else site / page.stem
    return (folder / "index.html").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_looks_as_in_the_repository(site: Path, page: Path) -> None:
    """The site's Markdown and CommonMark, which forges show, disagree about lists and tables without a line before."""
    whole = html_of(site, page)
    article = whole[whole.index("<article") : whole.index("</article>")]
    article = re.sub(r"<div class=\"highlight\">.*?</div>|<svg.*?</svg>", "", article, flags=re.DOTALL)
    there = MarkdownIt("commonmark").enable("table").render(page.read_text("utf-8"))
    there = re.sub(r"<pre>.*?</pre>", "", there, flags=re.DOTALL)
    assert Elements(article).counted == Elements(there).counted


def test_a_browser_asks_nobody_else(site: Path) -> None:
    for page in site.rglob("*.html"):
        away = [one for one in Elements(page.read_text("utf-8")).loaded if urlsplit(one).netloc]
        assert away == [], page
    for sheet in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        text = sheet.read_text("utf-8")
        assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", text), sheet


def test_mermaid_is_drawn_and_not_loaded(site: Path) -> None:
    assert sources()
    for source in sources():
        assert picture_of(source).is_file(), "run: make pictures"
    kept = {picture_of(source) for source in sources()}
    assert set(PICTURES.glob("diagram-*.svg")) == kept, "run: make pictures"
    for page in site.rglob("*.html"):
        # The theme fetches mermaid from a host of its own choice where it sees this class.
        assert 'class="mermaid"' not in page.read_text("utf-8"), page


def test_every_picture_is_shown() -> None:
    told = "".join(page.read_text("utf-8") for page in PAGES) + (ROOT / "mkdocs.yml").read_text("utf-8")
    unused = [one.name for one in PICTURES.iterdir() if one.name not in told and not one.name.startswith("diagram-")]
    assert unused == []
