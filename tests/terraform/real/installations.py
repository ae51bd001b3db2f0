"""`bootstrap/`, and installations one beside and one after the other: what is made, and that nothing is left."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.terraform.real.account import ACCOUNT, REGION, Account, allows
from tests.terraform.real.provider import Provider
from tests.terraform.real.terraform import Begin, Terraform, copied, zipped


def test_two_installations_and_one_after_anothers_destroy(begin: Begin, account: Account) -> None:
    """In one account and region: neither is in the other's way, what one leaves is nothing, and it can come again."""
    other = {"shared_resource_name": "kenspeckle-2", "lambda_concurrency": 1000}
    first, second = begin(account), begin(account)
    second.apply(**other)
    before = set(account.things)
    printed = first.apply()
    assert "lambda_concurrency: 10 requests a second take 16 executions at once" in " ".join(printed.split())
    assert not [address for address in first.state() if "waf" in address or "domain" in address or "sns" in address]

    # From another machine, or after `make clean`.
    shutil.rmtree(first.folder.parent / "dist")
    first.apply("-target=module.storage", force_destroy=True)
    first.destroy()
    assert set(account.things) == before
    assert account.grown == set()
    assert second.planned(**other) == ""

    zipped(first.folder.parent)
    first.apply()
    assert account.grown == set()


def test_without_bootstrap_the_stage_says_what_is_missing(begin: Begin) -> None:
    terraform = begin(Account())
    terraform.given()
    stage = "-target=module.api.aws_api_gateway_stage.this"
    code, _, complained = terraform.run("apply", "-auto-approve", "-input=false", "-no-color", stage)
    assert code == 1
    assert "CloudWatch Logs role ARN must be set in account settings" in complained


def test_api_gateway_can_write_logs_and_makes_no_groups_but_its_own(account: Account) -> None:
    (role,) = account.of("aws_iam_role")
    (statement,) = json.loads(role["assume_role_policy"])["Statement"]
    assert statement["Principal"] == {"Service": ["apigateway.amazonaws.com"]}
    assert "Condition" not in statement, "API Gateway sends no aws:SourceAccount: the role could not be assumed"
    assert len(role["name"]) <= 64
    (policy,) = account.of("aws_iam_role_policy")
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
    for action, name, may in (
        ("logs:PutLogEvents", "/aws/apigateway/kenspeckle:log-stream:x", True),
        ("logs:CreateLogStream", "/aws/apigateway/kenspeckle:log-stream:x", True),
        ("logs:CreateLogGroup", "/aws/apigateway/kenspeckle", False),
        ("logs:CreateLogGroup", "/aws/apigateway/welcome", True),
        ("logs:CreateLogGroup", "API-Gateway-Execution-Logs_abc/live", True),
        ("logs:DeleteLogGroup", "/aws/apigateway/welcome", False),
    ):
        assert allows(policy["policy"], action, group + name) is may, (action, name)


def test_the_backend_takes_its_settings(provider: Provider, tmp_path: Path) -> None:
    """`backend "s3"` knows its arguments and those that bootstrap writes; without credentials it gets no further."""
    terraform = Terraform(copied(tmp_path), provider, Account())
    (terraform.folder / "state.config").write_text(
        'bucket = "b"\nkey = "k"\nregion = "eu-west-1"\ndynamodb_table = "t"\n', "utf-8"
    )
    _, _, complained = terraform.run("init", "-input=false", "-no-color", "-backend-config=state.config")
    assert "No valid credential sources found" in complained
    assert "argument" not in complained


def test_bootstrap_leads_to_the_state_and_leaves_nothing(bootstrap: Terraform) -> None:
    """The last that is done to it."""
    bootstrap("validate", "-no-color")
    assert bootstrap.planned() == ""
    account = bootstrap.account
    assert not account.of("aws_dynamodb_table")
    bootstrap.apply(lock_table=True, force_destroy=True)
    assert bootstrap("output", "-raw", "backend") == (
        f'bucket = "kenspeckle-state-{ACCOUNT}"\nkey    = "kenspeckle.tfstate"\nregion = "{REGION}"\n'
        'dynamodb_table = "kenspeckle-lock"\n'
    )
    bootstrap.destroy()
    assert (account.things, account.grown) == ({}, set())
