"""What is given to `terraform/`: taken at its bounds, refused by name and with a sentence beyond them."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.terraform.real.account import ACCOUNT, Account
from tests.terraform.real.terraform import Begin, Terraform, zipped

BAD: dict[str, tuple[dict[str, Any], ...]] = {
    "wrong": (
        {
            "account_id": "12345678901",
            "aws_region": "Ireland",
            "shared_resource_name": "My_Faces",
            "domain": "https://faces.example.org",
            "package": "../dist/none",
            "architecture": "riscv64",
            "settings": {"max_faces": "5"},
            "master_key": "secret",
            "collections": ["a b"],
            "authorization": "NONE",
            "cors_origins": ["*"],
            "throttle": {"rate": 0, "burst": 1},
            "lambda_concurrency": 0,
            "log_days": 31,
            "version_days": 0,
            "incoming_days": 0,
            "alarm_email": "nobody",
            "tags": {"application": "mine"},
        },
    ),
    "just beyond": (
        {
            "account_id": "1234567890123",
            "aws_region": "eu-west-3",
            "shared_resource_name": "x" * 31,
            "domain": "a" * 64 + ".example.org",
            "settings": {"COLLECTION": "acme"},
            "master_key": "0" * 63,
            "collections": ["x" * 256],
            "cors_origins": ["https://app.example.org/"],
            "throttle": {"rate": 10000.5, "burst": 5000},
            "lambda_concurrency": 1.5,
            "version_days": 3651,
            "incoming_days": 14,
            "tags": {"x" * 129: ""},
        },
        {
            "shared_resource_name": "xn--faces",
            "domain": "example.org",
            "route53_zone": "example.com",
            "collections": ["x"] * 21,
            "settings": {"MAX_FACES": "5" * 3000},
            "throttle": {"rate": 1, "burst": 5001},
            "version_days": 1.5,
            "tags": {"AWS:x": ""},
        },
        {"domain": "example.org", "route53_zone": ""},
        {"domain": "a" * 57 + ".example.org", "tags": {"Application": "mine"}},
        {"tags": {"owner": "us", "Owner": "them"}},
        {"shared_resource_name": "xy", "cors_origins": [f"https://{n}.example.org" for n in range(30)]},
    ),
}
"""What is refused, each input by its name. A domain that is refused itself is none to hold a zone against."""


@pytest.mark.parametrize("kind", BAD)
def test_bad_inputs_are_refused_by_name(bare: Terraform, kind: str) -> None:
    for values in BAD[kind]:
        complained = bare.refused(**values)
        for name in values:
            if (name, values[name]) != ("domain", "example.org"):
                assert f"\n{name}: " in complained, name


def test_what_makes_a_policy_too_long_is_refused(bare: Terraform) -> None:
    complained = bare.refused(collections=[f"{n:02}" + "x" * 129 for n in range(20)], delete_collections=True)
    assert "\ncollections: with delete_collections they are named twice" in complained


@pytest.mark.parametrize("delete", [False, True], ids=["as it is", "with deletion"])
def test_inputs_at_their_bounds_are_made(begin: Begin, account: Account, delete: bool) -> None:
    """Applied and not only planned: the account refuses a policy, an environment or tags that are too large."""
    account.zones.add(domain := "a" * 60 + ".org")
    terraform = begin(account)
    printed = terraform.apply(
        shared_resource_name="x" * 30,
        domain=domain,
        route53_zone=domain,
        architecture="x86_64",
        collections=[f"{n:02}" + "x" * (128 if delete else 253) for n in range(20)],
        settings={"MAX_FACES": "5" * 2900},
        cors_origins=["https://" + "x" * 492],
        master_key="0" * 64,
        throttle={"rate": 10000, "burst": 5000},
        lambda_concurrency=100000,
        log_days=3653,
        version_days=3650,
        incoming_days=13,
        tags={f"{n:02}" + "x" * 126: "x" * 256 for n in range(40)},
        delete_collections=delete,
    )
    assert "Warning" not in printed
    (bucket,) = (one for one in account.of("aws_s3_bucket") if one["bucket"].startswith("x"))
    assert bucket["bucket"] == f"{'x' * 30}-{ACCOUNT}"  # A bucket has at most 63 characters.


def test_a_zip_that_is_not_there_is_refused(bare: Terraform) -> None:
    shutil.rmtree(bare.folder.parent / "dist")
    complained = bare.refused()
    zipped(bare.folder.parent)
    assert "package: there is no zip ../dist/kenspeckle-lambda.zip" in " ".join(complained.split())


def test_a_domain_without_a_zone_is_refused(bare: Terraform) -> None:
    assert "no matching Route 53 Hosted Zone found" in bare.refused(domain="faces.example.com")


@pytest.mark.parametrize(
    ("described", "values", "said"),
    [
        ({"architecture": "arm64"}, {"architecture": "x86_64"}, ["the zip is for arm64 and not for x86_64"]),
        (
            {"architecture": "riscv64", "runtime": "python3.11", "sha256": "x"},
            {},
            [
                "the zip is for riscv64 and not for x86_64 or arm64",
                "the zip is for python3.11, which Lambda gives up soon",
                "describes another zip",
            ],
        ),
        ({"sha256": ""}, {}, ["there is no zip"]),
    ],
    ids=["of another architecture", "of none of Lambda's", "not described"],
)
def test_a_zip_that_does_not_fit_is_refused(
    bare: Terraform, described: dict[str, str], values: dict[str, Any], said: list[str]
) -> None:
    zipped(bare.folder.parent, **described)
    complained = " ".join(bare.refused(**values).split())
    zipped(bare.folder.parent)
    for each in said:
        assert each in complained
