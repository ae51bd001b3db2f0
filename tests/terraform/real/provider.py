"""Stands in for the AWS provider before the real Terraform: knows every type's schema (`../schema.json`), and no AWS.

The provider itself is in no package registry. With this in its place Terraform validates, plans, applies and destroys
as it always does: types, references, conditions, functions, what each module is given, what has to come before what,
what is not known before it is made. What is made is kept in an `Account` (account.py), which refuses a little of what
AWS would; whether AWS takes a value is not seen. Attributes that AWS would set are words that say where they come from,
so that policies can be read in the state. Tags are those of the resource over those of the provider that it belongs to.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tf.gen import tfplugin_pb2 as messages
from tf.gen import tfplugin_pb2_grpc as service

from tests.terraform.real.account import ACCOUNT, REGION, Account, Refused

SCHEMA = json.loads((Path(__file__).parents[1] / "schema.json").read_text("utf-8"))
ADDRESS = "registry.terraform.io/hashicorp/aws"

Tree = dict[str, Any]
_NESTING = {"single": 1, "list": 2, "set": 3}
_TAKEN = {
    "aws_api_gateway_method": {"authorization": ["NONE", "CUSTOM", "AWS_IAM", "COGNITO_USER_POOLS"]},
    "aws_lambda_function": {"runtime": [f"python3.{minor}" for minor in range(8, 15)]},
}
"""What the real provider lets through of an argument, before it asks AWS."""
_UNKNOWN = msgpack.ExtType(0, b"\0")
_PROVIDER = {
    "attributes": {
        "region": {"type": "string", "optional": True},
        "allowed_account_ids": {"type": ["set", "string"], "optional": True},
    },
    "block_types": {
        "default_tags": {
            "nesting_mode": "list",
            "max_items": 1,
            "block": {"attributes": {"tags": {"type": ["map", "string"], "optional": True}}, "block_types": {}},
        }
    },
}


@contextmanager
def served() -> Iterator[tuple[Provider, dict[str, str]]]:
    """Serve the provider on a port of this machine; yields it and the environment by which Terraform finds it."""
    provider = Provider()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    service.add_ProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    found = {
        ADDRESS: {
            "Protocol": "grpc",
            "ProtocolVersion": 6,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
        }
    }
    try:
        yield provider, {"TF_REATTACH_PROVIDERS": json.dumps(found)}
    finally:
        server.stop(None)


class Provider(service.ProviderServicer):
    """The calls of Terraform's plugin protocol, version 6, that Terraform makes here, about what is in `account`."""

    def __init__(self) -> None:
        self.account = Account()
        self._defaults: dict[str, dict[str, str]] = {}
        """Tags of each `provider "aws"`: Terraform has a connection of its own for each."""
        self._lock = threading.Lock()

    def GetProviderSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _whole_schema()

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        told = _tree(request.config)
        self._defaults[context.peer()] = {
            name: value for one in told["default_tags"] or () for name, value in (one["tags"] or {}).items()
        }
        return messages.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        given = _tree(request.config)
        wrong = [
            f"expected {name} to be one of {values}, got {given[name]}"
            for name, values in _TAKEN.get(request.type_name, {}).items()
            if isinstance(given[name], str) and given[name] not in values
        ]
        return messages.ValidateResourceConfig.Response(diagnostics=[_error(Refused(one)) for one in wrong])

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateDataResourceConfig.Response()

    def PlanResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        planned = _tree(request.proposed_new_state)
        if planned is not None:
            block = SCHEMA["resource_schemas"][request.type_name]["block"]
            for name, attribute in block["attributes"].items():
                if planned.get(name) is None and (attribute.get("computed") or name == "id"):
                    planned[name] = _UNKNOWN
            made = _tree(request.prior_state) is not None
            if request.type_name == "aws_acm_certificate" and not made:  # Whose name is proven is known before how.
                planned["domain_validation_options"] = [_to_prove(planned["domain_name"])]
            if "tags_all" in block["attributes"]:
                planned["tags_all"] = self._defaults[context.peer()] | (planned["tags"] or {})
        return messages.PlanResourceChange.Response(planned_state=_value(planned), legacy_type_system=True)

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        kind, prior, planned = request.type_name, _tree(request.prior_state), _tree(request.planned_state)
        try:
            with self._lock:
                if planned is None:
                    self.account.remove(kind, prior["id"])
                elif prior is None:
                    self.account.count += 1
                    planned = _made(kind, planned, self.account.count)
                    self.account.make(kind, planned)
                else:
                    self.account.change(kind, planned)
        except Refused as error:
            return messages.ApplyResourceChange.Response(
                new_state=request.prior_state, diagnostics=[_error(error)], legacy_type_system=True
            )
        return messages.ApplyResourceChange.Response(new_state=_value(planned), legacy_type_system=True)

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = _tree(request.current_state)
        thing = self.account.things.get((request.type_name, state["id"]))
        if thing is not None and "tags_all" in thing:
            given, defaults = thing["tags_all"], self._defaults[context.peer()]
            own = {name: value for name, value in given.items() if defaults.get(name) != value}
            thing = thing | {"tags": own or (state["tags"] and {})}
        return messages.ReadResource.Response(new_state=_value(thing))

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = json.loads(request.raw_state.json)
        return messages.UpgradeResourceState.Response(upgraded_state=_value(state))

    def ReadDataSource(self, request: Any, context: Any) -> Any:  # noqa: N802
        asked = _tree(request.config)
        block = SCHEMA["data_source_schemas"][request.type_name]["block"]
        found = {
            "aws_caller_identity": {"account_id": ACCOUNT},
            "aws_region": {"region": REGION, "name": REGION},
            "aws_partition": {"partition": "aws"},
        }.get(request.type_name, {})
        if request.type_name == "aws_iam_policy_document":
            found = {"json": policy(asked)}
        if request.type_name == "aws_route53_zone":
            try:
                found = {"zone_id": self.account.zone(asked["name"])}
            except Refused as error:
                return messages.ReadDataSource.Response(diagnostics=[_error(error)])
        state = asked | _set_by_aws(request.type_name, block, asked, 0) | found
        return messages.ReadDataSource.Response(state=_value(state))


def policy(document: Tree) -> str:
    """The JSON of an `aws_iam_policy_document`, of as much as is used here."""
    statements = []
    for one in document["statement"] or ():
        statement: Tree = {"Sid": one["sid"], "Effect": one["effect"] or "Allow"}
        statement["Action"] = sorted(one["actions"] or ())
        statement["Resource"] = sorted(one["resources"] or ())
        statement["Principal"] = {of["type"]: sorted(of["identifiers"]) for of in one["principals"] or ()}
        statement["Condition"] = [[of["test"], of["variable"], sorted(of["values"])] for of in one["condition"] or ()]
        statements.append({name: value for name, value in statement.items() if value})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _made(kind: str, planned: Tree, number: int) -> Tree:
    """The resource with everything that was not known before it was made."""
    unknown = {name for name, value in planned.items() if _is_unknown(value)}
    given = {name: None if name in unknown else value for name, value in planned.items()}
    set_ = _set_by_aws(kind, SCHEMA["resource_schemas"][kind]["block"], given, number)
    return given | {name: set_.get(name) for name in unknown}


def _is_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_is_unknown, value))
    return isinstance(value, msgpack.ExtType)


def _to_prove(domain: str) -> Tree:
    return {
        "domain_name": domain,
        "resource_record_name": _UNKNOWN,
        "resource_record_type": _UNKNOWN,
        "resource_record_value": _UNKNOWN,
    }


def _set_by_aws(kind: str, block: Tree, given: Tree, number: int) -> Tree:
    """Values of the attributes that the configuration leaves to AWS. What has no name is told apart by its number."""
    named = next((given[key] for key in _NAMES if given.get(key)), str(number))
    found = {
        name: _standing_in(attribute["type"], f"{kind}/{named}#{name}")
        for name, attribute in block["attributes"].items()
        if given.get(name) is None and (attribute.get("computed") or name == "id")
    }
    if "id" in found:
        found["id"] = f"{kind}/{named}#{number}"
    if kind == "aws_iam_role":
        found |= {"id": named, "arn": f"arn:aws:iam::{ACCOUNT}:role/{named}"}
    if kind == "aws_api_gateway_rest_api":
        found |= {"id": f"api{number}", "execution_arn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api{number}"}
    if kind == "aws_acm_certificate":
        told = {name: f"{kind}/{named}#{name}" for name in _to_prove("")}
        found["domain_validation_options"] = [told | {"domain_name": given["domain_name"]}]
    return found


_NAMES = ("name", "function_name", "bucket", "collection_id", "alarm_name", "dashboard_name", "domain_name")


def _standing_in(type_: Any, said: str) -> Any:
    if type_ == "string":
        return f"arn:aws:{said.removesuffix('#arn')}" if said.endswith("arn") else said
    if isinstance(type_, str):
        return {"number": 1, "bool": True}.get(type_)
    if type_[0] == "object":
        return {name: _standing_in(of, f"{said}.{name}") for name, of in type_[1].items()}
    if type_[0] in ("list", "set"):
        return [_standing_in(type_[1], said)]
    return {}


def _value(value: Any) -> Any:
    return messages.DynamicValue(msgpack=msgpack.packb(value))


def _tree(value: Any) -> Any:
    return msgpack.unpackb(value.msgpack, ext_hook=msgpack.ExtType)


def _error(error: Exception) -> Any:
    return messages.Diagnostic(severity=messages.Diagnostic.ERROR, summary=str(error))


@cache
def _whole_schema() -> Any:
    return messages.GetProviderSchema.Response(
        provider=messages.Schema(block=_block(_PROVIDER)),
        resource_schemas=_schemas("resource_schemas"),
        data_source_schemas=_schemas("data_source_schemas"),
    )


def _schemas(kind: str) -> Tree:
    return {name: messages.Schema(block=_block(one["block"])) for name, one in SCHEMA[kind].items()}


def _block(block: Tree) -> Any:
    return messages.Schema.Block(
        attributes=[
            messages.Schema.Attribute(
                name=name,
                type=json.dumps(one["type"]).encode(),
                required=one.get("required", False),
                optional=one.get("optional", False),
                # Whether AWS sets an argument that is left out is not published: all may be, but for tags.
                computed=one.get("computed", False) or (one.get("optional", False) and name != "tags"),
            )
            for name, one in block["attributes"].items()
        ],
        block_types=[
            messages.Schema.NestedBlock(
                type_name=name,
                block=_block(one["block"]),
                nesting=_NESTING[one["nesting_mode"]],
                min_items=one.get("min_items", 0),
                max_items=one.get("max_items", 0),
            )
            for name, one in block["block_types"].items()
        ],
    )
