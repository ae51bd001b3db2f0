"""Checks the address: whether a service listens there, who can reach it, and which keys work."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import ssl

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.domain import Key
from kenspeckle.text import plural
from kenspeckle.usecases.access.loopback import is_loopback

PATIENCE = 2.0
SOON = 14 * 86_400.0
"""Seconds before its expiry from which a key is reported."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - asked for, not bound


def check(instance: Instance, found: Examined) -> None:
    settings = instance.settings
    keys = instance.inspection.catalog.keys() if instance.inspection is not None else ()
    now = instance.now()
    usable = [key for key in keys if key.revoked_at is None and (key.expires_at is None or key.expires_at > now)]
    _reach(instance, keys, usable, found)
    soon = [(key, key.expires_at) for key in usable if key.expires_at is not None and key.expires_at < now + SOON]
    for key, expires_at in soon:
        found.note(
            "key_expires",
            f"The key '{key.name}' ({key.key_id}) expires in {plural(max(0, int(expires_at - now) // 86_400), 'day')}.",
            "Its requests are refused then.",
            f"kenspeckle keys rotate {key.key_id}, or create another and move its clients",
        )
    running = _running(settings.host, settings.port, bool(settings.tls_cert), found)
    found.summary = f"{settings.host}:{settings.port}, {plural(len(usable), 'usable key')}, {running}"


def _reach(instance: Instance, keys: tuple[Key, ...], usable: list[Key], found: Examined) -> None:
    settings = instance.settings
    seeded = bool(settings.admin_key)
    if is_loopback(settings.host):
        if not keys and not seeded:
            found.note(
                "open_to_machine",
                "No key was ever created: every program and user of this machine may do everything.",
                "On a machine that others use too, that is everyone.",
                "kenspeckle keys create NAME",
            )
        elif not usable and not seeded:
            found.warn(
                "no_key_works",
                "Every key is revoked or expired.",
                "The service stays locked and refuses every request.",
                "kenspeckle keys create NAME",
            )
        return
    if not usable and not seeded:
        found.fault(
            "open_to_network",
            f"HOST={settings.host} can be reached by others, and no key works.",
            "The service refuses to start like this.",
            "kenspeckle keys create NAME",
        )
    if not settings.tls_cert and not settings.trusted_proxies:
        found.warn(
            "no_tls",
            f"HOST={settings.host} can be reached by others without TLS.",
            "Keys and faces can be read on the way.",
            "Set TLS_CERT and TLS_KEY, or put a proxy in front and name it in TRUSTED_PROXIES (docs/operations.md)",
        )


def _running(host: str, port: int, tls: bool, found: Examined) -> str:
    """Whether a Kenspeckle answers there. The request is `/healthz`, which is neither recorded nor counted."""
    if port == 0:
        return "any free port"
    host = _EVERYWHERE.get(host, host)
    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            pass
    except OSError as error:
        return "not running" if error.errno == errno.ECONNREFUSED else f"not reached ({error.strerror or error})"
    if _is_kenspeckle(host, port, tls):
        return "running"
    found.warn(
        "port_taken",
        f"Something that is no Kenspeckle answers on {host}:{port}, or one that hangs.",
        "The service can't start there.",
        "kenspeckle serve --port OTHER, or stop what listens there",
    )
    return "port taken"


def _is_kenspeckle(host: str, port: int, tls: bool) -> bool:
    if tls:
        # No secret is sent, so a certificate for another name is accepted.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=PATIENCE, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz", headers={"host": f"localhost:{port}"})
        return bool(json.loads(connection.getresponse().read(1000)) == {"status": "alive"})
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
