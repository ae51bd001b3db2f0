"""Checks the files of the model pack and the networks for attributes: they exist and are as published."""

from __future__ import annotations

import os
from pathlib import Path

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import SettingError
from kenspeckle.models import registry
from kenspeckle.models.attributes import ATTRIBUTES
from kenspeckle.settings import Settings
from kenspeckle.text import plural


def check(instance: Instance, found: Examined) -> None:
    settings = instance.settings
    try:
        problems = registry.check(settings.models_dir, settings.pack)
    except SettingError as error:
        found.fault("pack_unknown", error.message, "The service does not start.", "kenspeckle models list")
        return
    for file, problem in problems.items():
        if problem:
            found.fault(
                "model_damaged",
                f"{settings.models_dir / settings.pack / file} {problem}.",
                "The service does not start with a pack that is not whole: templates would not be comparable.",
                registry.advise(settings.models_dir, settings.pack),
            )
    _attributes(settings, found)
    wrong = sum(map(bool, problems.values()))
    found.summary = f"pack {settings.pack}, " + (
        f"{plural(wrong, 'file')} wrong" if wrong else f"{plural(len(problems), 'file')} right"
    )


def _attributes(settings: Settings, found: Examined) -> None:
    """The networks for attributes, which an instance may do without unless a setting needs them."""
    folder = settings.models_dir / ATTRIBUTES.name
    problems = {file: problem for file, problem in registry.check_attributes(settings.models_dir).items() if problem}
    remedy = registry.advise(settings.models_dir, ATTRIBUTES.name)
    if not os.path.lexists(folder) and not _is_closed(settings.models_dir):
        what = f"The networks that tell attributes of faces are not in {settings.models_dir}."
        if settings.asked:
            found.fault(
                "attributes_missing",
                f"{what} DETECTION_ATTRIBUTES={settings.detection_attributes} needs them.",
                "No photograph is indexed that does not ask for other attributes.",
                remedy,
            )
        else:
            found.note(
                "attributes_missing", what, "Requests that ask for attributes are refused; all others are not.", remedy
            )
        return
    for file, problem in problems.items():
        found.fault(
            "attributes_damaged",
            f"{folder / file} {problem}.",
            "Requests that ask for attributes of faces are refused.",
            remedy,
        )


def _is_closed(folder: Path) -> bool:
    return os.path.exists(folder) and not os.access(folder, os.X_OK)  # noqa: PTH110 - raises nothing
