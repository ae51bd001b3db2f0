"""Checks webhooks: endpoints that no longer accept messages, and secrets that can't be decrypted."""

from __future__ import annotations

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import KenspeckleError
from kenspeckle.text import plural
from kenspeckle.usecases.webhooks.endpoints import secret_context


def check(instance: Instance, found: Examined) -> None:
    """Needs the catalog."""
    catalog = instance.catalog.catalog
    endpoints, waiting = catalog.webhooks(), catalog.backlog()
    queued = plural(sum(waiting.values()), "message")
    found.summary = f"{plural(len(endpoints), 'endpoint')}, {queued} waiting" if endpoints else "none"
    for one in endpoints:
        waits = f"{plural(waiting.get(one.webhook_id, 0), 'message')} in its queue."
        if one.disabled_at is not None:
            found.note(
                "webhook_disabled",
                f"The webhook {one.webhook_id} is disabled. {one.disabled_reason}",
                f"It receives no messages; {waits}",
                f"kenspeckle webhooks enable {one.webhook_id}, or delete it",
            )
        elif one.failing_since is not None:
            found.warn(
                "webhook_failing",
                f"Nothing has arrived at the webhook {one.webhook_id} since it began to fail.",
                f"{waits} After five days it is disabled.",
                f"kenspeckle webhooks log {one.webhook_id} says why; kenspeckle webhooks test {one.webhook_id}",
            )
        try:
            instance.master.unseal(catalog.webhook(one.webhook_id)[1].present, secret_context(one.webhook_id))
        except KenspeckleError:
            found.fault(
                "webhook_secret_lost",
                f"The secret of the webhook {one.webhook_id} can't be decrypted.",
                "No message to it can be signed, so none is sent.",
                f"Put the master key's copy back in its place; or kenspeckle webhooks rotate {one.webhook_id}",
            )
