"""Checks the files of the model pack: they exist and are as published."""

from __future__ import annotations

from kenspeckle.doctor.findings import Examined
from kenspeckle.doctor.instance import Instance
from kenspeckle.errors import SettingError
from kenspeckle.models import registry
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
                registry.remedy(settings.pack),
            )
    wrong = sum(map(bool, problems.values()))
    found.summary = f"pack {settings.pack}, " + (
        f"{plural(wrong, 'file')} wrong" if wrong else f"{plural(len(problems), 'file')} right"
    )
