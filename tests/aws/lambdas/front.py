"""Stands in for API Gateway: a server on loopback that checks the key and asks the function, as a REST API does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.aws.lambdas import shapes

KEY = "a key that API Gateway knows"
MOST_PASSED = 6 * 1024 * 1024
"""Bytes of an event, and of an answer, that Lambda takes."""


@contextmanager
def front(function: Callable[[Any], Any]) -> Iterator[str]:
    """Its URL. One request after the other: a function has one process a request."""
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("x-api-key") != KEY:
                self._say(403, {"content-type": "application/json"}, b'{"message":"Forbidden"}')
                return
            event = shapes.rest(self.command, self.path, body, dict(self.headers.items()))
            if len(json.dumps(event)) > MOST_PASSED:
                self._say(413, {"content-type": "application/json"}, b'{"message":"Request Too Long"}')
                return
            with turn:
                told = function(event)
            assert len(json.dumps(told)) <= MOST_PASSED
            data = base64.b64decode(told["body"]) if told["isBase64Encoded"] else told["body"].encode()
            headers = {name: value for name, value in told["headers"].items() if name != "content-length"}
            self._say(told["statusCode"], headers, data)

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _answer  # noqa: N815 - their names in the library

        def _say(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: Any) -> None:
            """Nothing: tests look at answers."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
