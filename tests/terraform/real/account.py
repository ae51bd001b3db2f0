"""An account of AWS as the stand-in provider sees it: what was made, what it is called, and what AWS would refuse.

Only rules that AWS documents or that others met, and only those that decide whether an apply ends and a destroy leaves
nothing: names that may be there once, what has to be there before, what has to be gone before. Messages are AWS's own,
shortened.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]
ACCOUNT, REGION = "123456789012", "eu-west-1"

NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "aws_api_gateway_account": (),
    "aws_api_gateway_domain_name": ("domain_name",),
    "aws_cloudwatch_dashboard": ("dashboard_name",),
    "aws_cloudwatch_event_rule": ("name",),
    "aws_cloudwatch_log_group": ("name",),
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_dynamodb_table": ("name",),
    "aws_iam_role": ("name",),
    "aws_iam_role_policy": ("role", "name"),
    "aws_lambda_function": ("function_name",),
    "aws_rekognition_collection": ("collection_id",),
    "aws_s3_bucket": ("bucket",),
    "aws_sns_topic": ("name",),
    "aws_sqs_queue": ("name",),
    "aws_wafv2_web_acl": ("name",),
}
"""What is there once by these arguments. AWS refuses a second one or, as with alarms and topics, changes the first:
either way two installations would be in each other's way."""


class Refused(Exception):
    """AWS, or the provider before it, says no."""


@dataclass
class Account:
    """Everything that was made, by type and id; `grown` is what AWS made without being asked by Terraform."""

    zones: set[str] = field(default_factory=lambda: {"example.org"})
    things: dict[tuple[str, str], Tree] = field(default_factory=dict)
    grown: set[tuple[str, str]] = field(default_factory=set)
    count: int = 0

    def of(self, kind: str) -> list[Tree]:
        return [thing for (other, _), thing in self.things.items() if other == kind]

    def make(self, kind: str, thing: Tree) -> None:
        """Raises Refused."""
        named = _name(kind, thing)
        there = [_name(kind, one) for one in self.of(kind)] + [name for other, name in self.grown if other == kind]
        if named is not None and named in there:
            raise Refused(f"{kind} {named}: it exists already")
        if check := _BEFORE.get(kind):
            check(self, thing)
        self.things[kind, thing["id"]] = thing

    def change(self, kind: str, thing: Tree) -> None:
        self.things[kind, thing["id"]] = thing

    def remove(self, kind: str, thing_id: str) -> None:
        """Raises Refused."""
        thing = self.things.get((kind, thing_id))
        if thing is None:
            return
        for other, argument, mine, why in _IN_USE:
            if other[1] == kind and any(one.get(argument) == thing[mine] for one in self.of(other[0])):
                raise Refused(f"{kind} {thing_id}: {why}")
        if kind == "aws_dynamodb_table" and thing["deletion_protection_enabled"]:
            raise Refused("Resource cannot be deleted as it is currently protected against deletion")
        if kind == "aws_s3_bucket" and not thing["force_destroy"]:  # Photographs are in it.
            raise Refused("BucketNotEmpty: The bucket you tried to delete is not empty")
        del self.things[kind, thing_id]
        if kind == "aws_cloudwatch_log_group":
            self._write_late(thing["name"])

    def _write_late(self, group: str) -> None:
        """What wrote the log writes once more, as a last request does, and makes the group anew where it may."""
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
        if any(allows(one["policy"], "logs:CreateLogGroup", arn) for one in self.of("aws_iam_role_policy")):
            self.grown.add(("aws_cloudwatch_log_group", group))

    def zone(self, name: str) -> str:
        """Raises Refused."""
        if name.rstrip(".") not in self.zones:
            raise Refused("no matching Route 53 Hosted Zone found")
        return f"Z{name}"


def allows(policy: str, action: str, resource: str) -> bool:
    """Whether the policy's statements allow it, by IAM's wildcards; conditions are not looked at."""
    found = False
    for one in json.loads(policy)["Statement"]:
        if any(fnmatch.fnmatchcase(action, each) for each in one.get("Action", ())) and any(
            fnmatch.fnmatchcase(resource, each) for each in one.get("Resource", ())
        ):
            if one["Effect"] == "Deny":
                return False
            found = True
    return found


def _name(kind: str, thing: Tree) -> str | None:
    by = NAMED_BY.get(kind)
    return None if by is None else "/".join(str(thing[one]) for one in by) or "of account and region"


def _logs_role(account: Account, thing: Tree) -> None:
    """What API Gateway tries when it is given a role: to assume it, and to make a group and write into it."""
    roles = {one["arn"]: one for one in account.of("aws_iam_role")}
    role = roles.get(thing["cloudwatch_role_arn"])
    trusted = role is not None and all(
        "Condition" not in one for one in json.loads(role["assume_role_policy"])["Statement"]
    )
    welcome = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/apigateway/welcome"
    able = role is not None and any(
        one["role"] == role["id"] and all(allows(one["policy"], action, welcome) for action in _LOGGING)
        for one in account.of("aws_iam_role_policy")
    )
    if not trusted or not able:
        raise Refused("The role ARN does not have required permissions configured")


def _stage(account: Account, thing: Tree) -> None:
    if thing["access_log_settings"] and not account.of("aws_api_gateway_account"):
        raise Refused("CloudWatch Logs role ARN must be set in account settings to enable logging")


def _function(account: Account, thing: Tree) -> None:
    if not any(one["role"] == thing["role"].rpartition("/")[2] for one in account.of("aws_iam_role_policy")):
        raise Refused("The role has no rights yet")
    (environment,) = thing["environment"]
    if sum(len((name + value).encode()) for name, value in environment["variables"].items()) > 4096:
        raise Refused("Lambda was unable to configure your environment variables because they exceed the 4KB limit")


def _policy(account: Account, thing: Tree) -> None:
    """The role's only policy here; IAM counts no white space."""
    if len("".join(thing["policy"].split())) > 10_240:
        raise Refused(f"LimitExceeded: Maximum policy size of 10240 bytes exceeded for role {thing['role']}")


def _role(account: Account, thing: Tree) -> None:
    names = [name.lower() for name in thing["tags_all"] or ()]
    if len(set(names)) < len(names):
        raise Refused("InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def _certificate(account: Account, thing: Tree) -> None:
    if len(thing["domain_name"]) > 64:
        raise Refused("ValidationException: the first domain name can have at most 64 characters")


_LOGGING = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:PutLogEvents")
_BEFORE: Mapping[str, Callable[[Account, Tree], None]] = {
    "aws_acm_certificate": _certificate,
    "aws_api_gateway_account": _logs_role,
    "aws_api_gateway_stage": _stage,
    "aws_iam_role": _role,
    "aws_iam_role_policy": _policy,
    "aws_lambda_function": _function,
}
_IN_USE = (
    (("aws_iam_role_policy", "aws_iam_role"), "role", "id", "must delete policies first"),
    (
        ("aws_api_gateway_base_path_mapping", "aws_api_gateway_rest_api"),
        "api_id",
        "id",
        "it is mapped",
    ),
    (("aws_api_gateway_base_path_mapping", "aws_api_gateway_domain_name"), "domain_name", "domain_name", "is mapped"),
    (("aws_wafv2_web_acl_association", "aws_wafv2_web_acl"), "web_acl_arn", "arn", "WAFAssociatedItemException"),
    (("aws_api_gateway_domain_name", "aws_acm_certificate"), "regional_certificate_arn", "arn", "is in use"),
    (("aws_lambda_event_source_mapping", "aws_lambda_function"), "function_name", "arn", "has a mapping"),
    (("aws_api_gateway_stage", "aws_api_gateway_deployment"), "deployment_id", "id", "active stages point to it"),
)
"""(user, used), the argument of the user that says which, what it says, why the used can't go before."""
