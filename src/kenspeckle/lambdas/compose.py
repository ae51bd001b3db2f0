"""The start of all functions: settings, logs, the managed service, and its clients of AWS."""

from __future__ import annotations

import logging

from kenspeckle import settings
from kenspeckle.compose import managed
from kenspeckle.lambdas.start import on_lambda
from kenspeckle.serving import logs

SERVICES = ("rekognition", "dynamodb", "s3")


def service() -> managed.Gateway:
    """The managed service, on Lambda with its clients of AWS. Raises SettingError."""
    chosen = settings.load({"recognizer": "rekognition"})
    logs.configure(chosen.log_level, form="json")
    # Its line for each request has the path, which may contain the name of a person.
    logging.getLogger("mangum.http").setLevel(logging.WARNING)
    made = managed.gateway(chosen)
    if on_lambda():
        for name in SERVICES:
            made.managed.context.amazon.client(name)
    return made
