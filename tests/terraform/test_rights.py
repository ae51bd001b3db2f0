"""What the functions may do is what their code does: no right too few, none too many, and on nothing but their own."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session

import kenspeckle
from kenspeckle.aws import actions
from tests.terraform.configuration import ROOT, Block, Module, literal, modules, written_out

FUNCTIONS = modules()[ROOT / "modules" / "functions"]
MODULES = list(modules().values())
ROLES = {"api": "api", "housekeeper": "housekeeper", "inbox": "indexer"}
"""Functions, and the role of `actions.ROLES` that each plays."""

OF_LAMBDA = frozenset({"logs:CreateLogStream", "logs:PutLogEvents"})
OF_THE_QUEUE = frozenset({"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"})
"""What Lambda itself does in the name of a function: write its log, and take messages for it."""
OF_THE_INBOX = frozenset(
    {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}
)
"""What `lambdas/indexer.py` does itself: take photographs out of the bucket, whichever version an event tells of."""

NO_RESOURCE = {
    "rekognition:CompareFaces",
    "rekognition:CreateCollection",
    "rekognition:DetectFaces",
    "rekognition:ListCollections",
}
"""Actions for which AWS's Service Authorization Reference lists no resource type: a policy has to say `*`."""


def _policies(module: Module) -> list[Block]:
    return [block for block in module.blocks if block.labels[:1] == ("aws_iam_policy_document",)]


def _statements(policy: Block) -> list[dict[str, Any]]:
    return [
        {
            **one,
            "actions": [literal(action) for action in one["actions"]],
            "effect": literal(one.get("effect", "Allow")),
        }
        for one in written_out(policy.body)["statement"]
    ]


def _policy(name: str) -> Block:
    return FUNCTIONS.typed("data")[("aws_iam_policy_document", name)]


def _allowed(name: str) -> list[str]:
    return [action for statement in _statements(_policy(name)) for action in statement["actions"]]


def _calls(package: str) -> dict[str, set[str]]:
    """Operations that the package's modules call as `x.SERVICE("operation", ...)`, by service and file."""
    found: dict[str, set[str]] = {}
    for file in sorted(Path(str(kenspeckle.__file__)).parent.joinpath(package).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in actions.CALLS:
                (operation, *_) = node.args
                if isinstance(operation, ast.Constant) and isinstance(operation.value, str):
                    found.setdefault(file.stem, set()).add(f"{node.func.attr}:{operation.value}")
    return found


def test_actions_lists_the_calls_that_the_code_makes() -> None:
    session = Session()
    listed = {f"{service}:{xform_name(one)}" for service, operations in actions.CALLS.items() for one in operations}
    real = {
        f"{service}:{xform_name(one)}"
        for service in actions.CALLS
        for one in session.get_service_model(service).operation_names
    }
    assert listed <= real
    made = set().union(*_calls("aws").values())
    assert made <= listed
    # Through `Amazon.object` photographs are read.
    assert listed - made <= {"s3:get_object"}


def test_the_inbox_looks_reads_and_removes() -> None:
    # HeadObject takes the rights of GetObject, and of who may list the bucket, as `actions` says.
    assert set().union(*_calls("lambdas").values()) == {"s3:head_object", "s3:get_object", "s3:delete_object"}


def test_functions_have_the_rights_that_they_use_and_no_others() -> None:
    assert set(_allowed("api")) == actions.rights("api") | OF_LAMBDA
    assert set(_allowed("housekeeper")) == actions.rights(ROLES["housekeeper"]) | OF_LAMBDA
    assert set(_allowed("inbox")) == actions.rights(ROLES["inbox"]) | OF_THE_INBOX | OF_THE_QUEUE | OF_LAMBDA


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_nothing_is_allowed_by_wildcard(module: Module) -> None:
    for statement in (one for policy in _policies(module) for one in _statements(policy)):
        if statement["effect"] == "Deny":
            continue
        assert all(re.fullmatch(r"[a-z0-9]+:[A-Z]\w+", action) for action in statement["actions"])
        if "principals" in statement and "resources" not in statement:
            assert statement["actions"] == ["sts:AssumeRole"], "a policy of trust"
            continue
        if statement["resources"] == ['"*"']:
            assert set(statement["actions"]) <= NO_RESOURCE, "AWS knows resources for these: name them"
        else:
            assert "*" not in [literal(one) for one in statement["resources"]]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_only_services_of_aws_are_let_in(module: Module) -> None:
    for statement in (one for policy in _policies(module) for one in _statements(policy)):
        for principal in statement.get("principals", ()) if statement["effect"] == "Allow" else ():
            assert literal(principal["type"]) == "Service"
            assert all(re.fullmatch(r"\w+\.amazonaws\.com", literal(one)) for one in principal["identifiers"])


def test_there_are_policies() -> None:
    assert sum(len(_policies(module)) for module in MODULES) == 9


def test_no_policy_of_somebody_else_is_attached() -> None:
    for module in modules().values():
        assert "FullAccess" not in module.text
        assert ":iam::aws:policy" not in module.text
        assert not {kind for kind, _ in module.typed("resource")} & {
            "aws_iam_role_policy_attachment",
            "aws_iam_policy_attachment",
            "aws_iam_policy",
            "aws_iam_user",
            "aws_iam_access_key",
        }


def test_collections_are_deleted_only_where_the_operator_said_so() -> None:
    for statement in _statements(_policy("api")):
        by_switch = "DeleteCollections" in str(statement["sid"])
        assert ("rekognition:DeleteCollection" in statement["actions"]) is by_switch
    (block,) = _policy("api").body["dynamic"]
    assert "var.delete_collections" in str(block['"statement"']["for_each"])


def test_each_role_is_one_functions() -> None:
    assert set(FUNCTIONS.locals["functions"]) == set(ROLES)
    roles = FUNCTIONS.typed("resource")[("aws_iam_role_policy", "this")].body["for_each"]
    assert {name: literal(value) for name, value in roles.items() if not name.startswith("__")} == {
        name: f"${{data.aws_iam_policy_document.{name}.json}}" for name in ROLES
    }
