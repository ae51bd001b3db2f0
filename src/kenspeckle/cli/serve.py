"""`kenspeckle serve`: runs the service until it is stopped, and finishes accepted requests."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

import kenspeckle
from kenspeckle import cpu, memory
from kenspeckle import settings as settings_
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.client.errors import CommandFailed
from kenspeckle.compose.start import pause_collection
from kenspeckle.serving import logs
from kenspeckle.serving.tls import Certificate, certificate
from kenspeckle.settings import Settings

if TYPE_CHECKING:
    from kenspeckle.compose.service import BaseService

STOPPED_BY = (signal.SIGINT, signal.SIGTERM)

TRIES = 10
"""Most attempts to find a port that is free for IPv4 and IPv6."""


_Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="HOST, 127.0.0.1")]
_Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port. 0 takes any free one.", show_default="PORT, 8080"),
]
_DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the database and images.", show_default="DATA_DIR")
]
_Pack = Annotated[str | None, typer.Option("--pack", help="Model pack of new collections.", show_default="PACK, sface")]
_Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Photographs analysed at once.", show_default="WORKERS, the cores"),
]
_LogLevel = Annotated[
    str | None, typer.Option("--log-level", help="DEBUG, INFO, WARNING or ERROR.", show_default="LOG_LEVEL, INFO")
]
_Config = Annotated[
    Path | None,
    typer.Option("--config", help="File of settings to read.", show_default="kenspeckle.toml"),
]


@report_errors(FAILED)
def serve(
    host: _Host = None,
    port: _Port = None,
    data_dir: _DataDir = None,
    pack: _Pack = None,
    workers: _Workers = None,
    log_level: _LogLevel = None,
    config: _Config = None,
) -> None:
    """Run the service. Ctrl-C or SIGTERM stops it once the requests under way are answered.

    All settings can be given in the environment too; see `kenspeckle settings`.
    """

    if config is not None and not config.is_file():
        raise CommandFailed(f"{config} does not exist.", "Name a TOML file with --config, or leave the option out.")
    settings = settings_.load(
        {
            "host": host,
            "port": port,
            "data_dir": data_dir,
            "pack": pack,
            "workers": workers,
            "log_level": log_level.upper() if log_level else None,
        },
        file=config,
    )
    for one in STOPPED_BY:
        signal.signal(one, _leave)
    listeners = bind(settings.host, settings.port)
    try:
        _start(settings, listeners)
    finally:
        for listener in listeners:
            listener.close()


def _start(settings: Settings, listeners: list[socket.socket]) -> None:
    """Build the service behind the listeners and run it until it is stopped."""
    memory.share_arenas(cpu.cores())
    logs.configure(settings.log_level, form=settings.log_format)
    for sentence in settings_.unknown_messages(settings_.unknown()):
        logs.log.warning(sentence)
    logs.log.info(
        "Kenspeckle starts",
        extra={"version": kenspeckle.__version__, "pack": settings.pack, "data_dir": str(settings.data_dir)},
    )
    tls = certificate(settings.tls_cert, settings.tls_key)

    with pause_collection(keep=False):
        from kenspeckle.compose.embedded import build  # late: the slow part, after the port is ours

        service = build(settings)
    try:
        _run(service, settings, listeners, tls)
    finally:
        service.close()


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to the host's addresses of both families, on one port, before the slow part of starting.

    Raises CommandFailed with what to do."""
    try:
        families = _addresses(host, port)
    except OSError as error:
        raise CommandFailed(f"'{host}' is no address of this machine.", "Use 127.0.0.1 or 0.0.0.0.") from error
    for _ in range(TRIES):
        try:
            return _bind_all(families, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CommandFailed(
                    f"Can't listen on {host}, port {port}: {error.strerror}.",
                    "Choose another address or port: --host, --port.",
                ) from error
            if port:
                break
            # The port that was free for one family is taken in the other.
    raise CommandFailed(
        f"Port {port} of {host} is in use.",
        f"Stop what uses it, or choose another: --port {port + 1 if port < 65535 else 0}.",
    )


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    if host.lower() == "localhost":
        # Both families, whatever the hosts file says, because clients try both.
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind_all(addresses: list[tuple[socket.AddressFamily, str]], port: int) -> list[socket.socket]:
    """Raises OSError where the address is in use or not available."""
    made: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in addresses:
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # A machine without IPv6.
            missing = error
            continue
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and len(addresses) > 1:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, made[0].getsockname()[1] if made else port))
            made.append(listener)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRNOTAVAIL:
                missing = error
                continue
            for one in made:
                one.close()
            raise
    if not made:
        raise missing or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return made


def _run(service: BaseService, settings: Settings, listeners: list[socket.socket], tls: Certificate | None) -> None:
    with pause_collection():
        from kenspeckle.serving import server as server_  # late, as `build`

        app = service.serve()

    url = address(listeners[0], settings.host, "http" if tls is None else "https")

    class AnnouncingServer(server_.Server):
        """Says where it listens as soon as it does."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                announce(f"Kenspeckle listens on {url} · API at {url}/docs · stop with Ctrl-C\n")

    server = AnnouncingServer(server_.config(app, settings, tls))
    # uvicorn handles these signals while it runs. Before that, a signal must not be lost; and afterwards, when uvicorn
    # raises it again, it must not interrupt the shutdown.
    for one in STOPPED_BY:
        signal.signal(one, server.handle_exit)
    server.run(sockets=listeners)
    if not server.started:
        raise CommandFailed("The service did not start.", "The log above says why.")


def announce(line: str) -> None:
    """Print on standard output, if that can be written."""
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except OSError:
        # The rest of its buffer would fail again at exit and change the exit code.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def address(listener: socket.socket, host: str, scheme: str = "http") -> str:
    """The URL by which this machine reaches the listener, with the real port."""
    port = listener.getsockname()[1]
    shown = {
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - translated away from it, not bound
        "::": "[::1]",
        "": "127.0.0.1",
    }.get(host, f"[{host}]" if ":" in host else host)
    return f"{scheme}://{shown}:{port}"


def _leave(number: int, _: FrameType | None) -> None:
    """Stopped while starting: no request was accepted, so none has to be finished."""
    raise SystemExit(128 + number)
