"""The OpenAPI document as one HTML page that needs no script and loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from typing import Any

from kenspeckle.api.openapi import status_of
from kenspeckle.serving import problems

_STYLE = """
:root{color-scheme:light dark;--line:#8886;--soft:#8882}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{margin:.2em 0}h2{margin-top:2em;border-bottom:1px solid var(--line)}
pre,code{font:14px/1.45 ui-monospace,monospace}code{background:var(--soft);padding:.1em .3em;border-radius:3px}
pre{background:var(--soft);padding:.8em;overflow:auto;border-radius:6px}pre code{background:none;padding:0}
details{border:1px solid var(--line);border-radius:6px;margin:.5em 0;padding:.4em .8em}
summary{cursor:pointer}summary b{display:inline-block;min-width:4.5em}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3em .6em .3em 0;
border-bottom:1px solid var(--line)}
"""
POLICY = (
    "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
"""Content-Security-Policy of the page: its one style sheet by digest, nothing else."""


def render(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    info = document["info"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1>",
        _prose(info["description"]),
        '<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>',
    ]
    for tag in document["tags"]:
        operations = list(_operations(document, tag["name"]))
        if operations:
            parts.append(f"<h2>{escape(tag['name'].capitalize())}</h2><p>{escape(tag['description'])}</p>")
            parts += operations
    parts.append(_codes())
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _operations(document: dict[str, Any], tag: str) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation.get("tags", ()):
                yield _operation(method.upper(), path, operation, document["components"]["responses"])


def _operation(method: str, path: str, operation: dict[str, Any], shared: dict[str, Any]) -> str:
    parts = [
        f'<details id="{escape(operation["operationId"])}"><summary><b>{method}</b> <code>{escape(path)}</code> ',
        f"{escape(operation.get('summary', ''))}</summary>{_prose(operation.get('description', ''))}",
    ]
    parameters = operation.get("parameters", ())
    if parameters:
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
            f"<td>{escape(one.get('description', ''))}{_default(one)}</td></tr>"
            for one in parameters
        )
        parts.append(f"<table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>{rows}</table>")
    body = operation.get("requestBody")
    if body:
        kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in body["content"])
        parts.append(f"<p><b>Body</b>: {escape(body.get('description', ''))} {kinds}</p>")
        parts += [_example(content.get("example")) for content in body["content"].values()]
    for status, told in operation["responses"].items():
        response = shared[told["$ref"].rpartition("/")[2]] if "$ref" in told else told
        parts.append(f"<p><b>{escape(status)}</b> {_inline(response.get('description', ''))}</p>")
        for kind, content in response.get("content", {}).items():
            parts.append(_example(content.get("example")) if kind != problems.MEDIA_TYPE else "")
    return "".join(parts) + "</details>"


def _default(parameter: dict[str, Any]) -> str:
    value = parameter.get("schema", {}).get("default")
    return "" if value is None else f" Default: <code>{escape(json.dumps(value))}</code>."


def _example(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"<pre><code>{escape(text)}</code></pre>"


def _codes() -> str:
    rows = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{status_of(code)}</td><td>{escape(title)}</td>'
        f"<td>{_inline(problems.REMEDIES[code])}</td></tr>"
        for code, title in problems.TITLES.items()
    )
    head = "<tr><th>Code</th><th>Status</th><th>Meaning</th><th>What to do</th></tr>"
    return f"<h2>Error codes</h2><table>{head}{rows}</table>"


def _prose(text: str) -> str:
    """Paragraphs, fenced code and `code` of Markdown; our own texts have no more."""
    parts = []
    for index, block in enumerate(text.split("```")):
        if index % 2:
            parts.append(f"<pre><code>{escape(block.strip())}</code></pre>")
        else:
            parts += [f"<p>{_inline(one)}</p>" for one in block.split("\n\n") if one.strip()]
    return "".join(parts)


def _inline(text: str) -> str:
    parts = escape(text).split("`")
    done = "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
    bold = done.split("**")
    return "".join(f"<b>{part}</b>" if index % 2 else part for index, part in enumerate(bold))
