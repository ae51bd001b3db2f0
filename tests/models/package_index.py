"""A package index on loopback with small archives made on the spot, for the real pip to fetch from."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kenspeckle.models.extract import Archive, Member


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def member(path: str, data: bytes) -> Member:
    return Member(path, len(data), sha256(data))


def wheel(package: str, files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    info = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(stream, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return stream.getvalue()


def source(package: str, files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, data in files.items():
            entry = tarfile.TarInfo(f"{package}-1.0/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@dataclass
class Index:
    """What it serves, by file name; what was asked for; and the names at which it stalls until `go_on` is set."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    stalled: set[str] = field(default_factory=set)
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def add_wheel(self, package: str, files: Mapping[str, bytes]) -> Archive:
        data = wheel(package, files)
        self.files[f"{package}-1.0-py3-none-any.whl"] = data
        return Archive(package, "1.0", True, sha256(data))

    def add_source(self, package: str, files: Mapping[str, bytes]) -> Archive:
        data = source(package, files)
        self.files[f"{package}-1.0.tar.gz"] = data
        return Archive(package, "1.0", False, sha256(data))

    def environment(self, cache: Path) -> dict[str, str]:
        """pip's variables that make it ask this index and nothing else."""
        return {
            "PIP_INDEX_URL": f"{self.url}/simple",
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_CACHE_DIR": str(cache),
            "PIP_RETRIES": "0",
        }

    def answer(self, path: str) -> bytes | None:
        kind, _, name = path.strip("/").partition("/")
        if kind == "simple":
            names = [file for file in self.files if file.partition("-")[0] == name.replace("-", "_")]
            return "".join(f'<a href="/files/{file}">{file}</a>' for file in names).encode() if names else None
        if name in self.files:
            self.asked.append(name)
        if name in self.stalled:
            self.reached.set()
            self.go_on.wait(60)
        return self.files.get(name)


@contextmanager
def serving(index: Index) -> Iterator[Index]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = index.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html" if "/simple/" in self.path else "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        index.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield index
        finally:
            index.go_on.set()
            server.shutdown()
            thread.join()
