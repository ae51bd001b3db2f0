"""The files of deploy/ name settings, commands and files that exist; the unit keeps the service in."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from kenspeckle.settings import Settings, list_shared, load, unknown

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes" / "kenspeckle.yaml"
FILES = [
    *(DEPLOY / name for name in ("Containerfile", "compose.yaml", "compose.cluster.yaml")),
    *(DEPLOY / name for name in ("kenspeckle.service", "kenspeckle-backup.service")),
    KUBERNETES,
]


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_settings_exist(file: Path) -> None:
    text = re.sub("^ *#.*$", "", file.read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"KENSPECKLE_([A-Z_]+)", text))
    assert named
    assert named <= {name.upper() for name in Settings.__dataclass_fields__}


def test_what_the_image_is_made_of_exists() -> None:
    text = DEPLOY.joinpath("Containerfile").read_text()
    copied = [one for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for one in line.split()[:-1]]
    assert {"pyproject.toml", "constraints.txt", "src"} <= set(copied)
    assert all(ROOT.joinpath(one).exists() for one in copied)
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert text.rindex("USER ") > text.rindex("RUN ")


def test_the_compose_file_is_one_node_with_a_read_only_root() -> None:
    (service,) = yaml.safe_load(DEPLOY.joinpath("compose.yaml").read_text())["services"].values()
    assert DEPLOY.joinpath(service["build"]["context"], service["build"]["dockerfile"]).exists()
    assert service["read_only"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert "ADMIN_KEY:?" in service["environment"]["KENSPECKLE_ADMIN_KEY"]


def resources() -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in yaml.safe_load_all(KUBERNETES.read_text())}


@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_kubernetes_knows_every_member_of_the_manifests(version: str) -> None:
    """Against the schemas of an older release and of the newest."""
    some = resources()
    assert len(some) == 6
    for one in some.values():
        kubernetes_validate.validate(one, version, strict=True)
    wrong = copy.deepcopy(some["Deployment"])
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_the_manifests_fit_together_and_keep_pods_in() -> None:
    some = resources()
    labels = some["Service"]["spec"]["selector"]
    assert some["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert some["Deployment"]["spec"]["template"]["metadata"]["labels"] == labels
    assert some["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    served = some["Deployment"]["spec"]["template"]["spec"]
    nightly = some["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]
    assert "metadata" not in nightly  # no label by which the Service would send it requests
    for pod in (served, nightly["spec"]):
        (container,) = pod["containers"]
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
        keys = {one["valueFrom"]["secretKeyRef"]["key"] for one in container["env"]}
        assert keys == {"catalog-url", "master-key", "admin-key"}
        assert container["envFrom"] == [{"configMapRef": {"name": some["ConfigMap"]["metadata"]["name"]}}]
    named = {"KENSPECKLE_CATALOG_URL": "postgresql+psycopg://kenspeckle@db/kenspeckle", **some["ConfigMap"]["data"]}
    injected = {"KENSPECKLE_SERVICE_HOST": "10.96.0.12", "KENSPECKLE_PORT_80_TCP": "tcp://10.96.0.12:80"}
    assert load(environ=named | injected).port == 8080
    assert unknown(named | injected) == {}


def test_a_cluster_leaves_shared_settings_to_its_catalog() -> None:
    """One in an environment would keep replicas from starting once it was changed for all."""
    services = yaml.safe_load(DEPLOY.joinpath("compose.cluster.yaml").read_text())["services"]
    given = {*services["a"]["environment"], *resources()["ConfigMap"]["data"]}
    assert "KENSPECKLE_IMAGES_URL" in given
    assert not given & {f"KENSPECKLE_{name.upper()}" for name in list_shared()}


def test_the_compose_file_of_a_cluster_shares_what_replicas_have_to_share() -> None:
    parsed = yaml.safe_load(DEPLOY.joinpath("compose.cluster.yaml").read_text())
    services = parsed["services"]
    replicas = [services[name] for name in "abc"]
    assert replicas[0] == replicas[1] == replicas[2]
    assert replicas[0]["read_only"]
    assert replicas[0]["environment"]["KENSPECKLE_IMAGES_URL"] == "file:///images"
    assert "images:/images" in replicas[0]["volumes"]
    assert services["balancer"]["ports"] == ["127.0.0.1:8080:8080"]

    def directives(text: str) -> list[str]:
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
        return [
            line
            for line in lines
            if not line.startswith(("bind ", "server ", "default-server resolvers", "resolvers ", "parse-resolv-conf"))
        ]

    own = DEPLOY.joinpath("haproxy.cfg").read_text()
    assert directives(parsed["configs"]["haproxy"]["content"]) == directives(own)


@pytest.mark.parametrize("name", ["kenspeckle.service", "kenspeckle-backup.service"])
def test_units_keep_the_service_in(name: str) -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / name)
    service = parser["Service"]
    assert service["User"] == "kenspeckle"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ExecStart"].startswith("/opt/kenspeckle/bin/kenspeckle ")


def test_systemd_finds_little_exposed() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not on this machine")
    unit = str(DEPLOY / "kenspeckle.service")
    words = [program, "security", "--offline=true", "--threshold=30", unit]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze can't look at files")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
