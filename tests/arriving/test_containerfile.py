"""Every step of deploy/Containerfile and every key of deploy/compose.yaml is one that `make arriving` carries out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.arriving import containerfile

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_every_step_is_known() -> None:
    text = DEPLOY.joinpath("Containerfile").read_text("utf-8")
    build, last = containerfile.stages(text)
    assert (build.name, {build.base, last.base}) == ("build", {build.base})
    assert [one.instruction for one in build.steps] == ["COPY", "COPY", "RUN"]
    assert [one.argument.split()[0] for one in last.steps if one.instruction == "COPY"] == ["--from=build"] * 2
    assert last.says("ENTRYPOINT").words() == ["kenspeckle"]  # type: ignore[union-attr]
    # Nothing but what begins a line of the file: none is passed over.
    lines = sum(line[:1].isupper() for line in text.splitlines())
    assert lines == len(build.steps) + len(last.steps) + 2


def test_what_is_unknown_is_an_error() -> None:
    with pytest.raises(ValueError, match="ARG"):
        containerfile.stages("FROM a\nARG x=1\n")


def test_every_key_of_the_compose_file_is_known(tmp_path: Path) -> None:
    file = DEPLOY / "compose.yaml"
    service = containerfile.service(file, {"KENSPECKLE_ADMIN_KEY": "x"})
    assert service.containerfile == DEPLOY / "Containerfile"
    assert service.environment == {"KENSPECKLE_ADMIN_KEY": "x"}
    assert (service.volumes, service.tmpfs, service.port) == (("/data",), ("/tmp",), 8080)
    assert service.read_only
    assert service.no_capabilities
    assert service.no_new_privileges
    with pytest.raises(ValueError, match="choose a long random key"):
        containerfile.service(file, {})
    other = tmp_path / "compose.yaml"
    other.write_text(file.read_text("utf-8").replace("    read_only: true\n", "    privileged: true\n"))
    with pytest.raises(ValueError, match="privileged"):
        containerfile.service(other, {"KENSPECKLE_ADMIN_KEY": "x"})
