"""Stands in for the AWS provider before the real Terraform: knows every type's schema (`../schema.json`), and no AWS.

The provider itself is in no package registry. With this in its place Terraform validates, plans, applies and destroys
as it always does: types, references, conditions, functions, what each module is given, what has to come before what.
Nothing is made anywhere, and what only AWS decides (whether a value is taken) is not seen. Attributes that AWS would
set are words that say where they come from, so that policies can be read in the state.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import msgpack
from tf.gen import tfplugin_pb2 as messages
from tf.gen import tfplugin_pb2_grpc as service

SCHEMA = json.loads((Path(__file__).parents[1] / "schema.json").read_text("utf-8"))
ADDRESS = "registry.terraform.io/hashicorp/aws"
ACCOUNT, REGION = "123456789012", "eu-west-1"

Tree = dict[str, Any]
_NESTING = {"single": 1, "list": 2, "set": 3}
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
def served(folder: Path) -> Iterator[dict[str, str]]:
    """Serve the provider on a socket in `folder`; yields the environment by which Terraform finds it."""
    socket = folder / "provider.sock"
    server = grpc.server(futures.ThreadPoolExecutor(4))
    service.add_ProviderServicer_to_server(Provider(), server)
    server.add_insecure_port(f"unix://{socket}")
    server.start()
    found = {
        ADDRESS: {
            "Protocol": "grpc",
            "ProtocolVersion": 6,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "unix", "String": str(socket)},
        }
    }
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps(found)}
    finally:
        server.stop(None)


class Provider(service.ProviderServicer):
    """The calls of Terraform's plugin protocol, version 6, that Terraform makes here."""

    def GetProviderSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.GetProviderSchema.Response(
            provider=messages.Schema(block=_block(_PROVIDER)),
            resource_schemas=_schemas("resource_schemas"),
            data_source_schemas=_schemas("data_source_schemas"),
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ValidateDataResourceConfig.Response()

    def PlanResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        planned = msgpack.unpackb(request.proposed_new_state.msgpack, ext_hook=msgpack.ExtType)
        if planned is not None:
            block = SCHEMA["resource_schemas"][request.type_name]["block"]
            planned |= _set_by_aws(request.type_name, block, planned)
        return messages.PlanResourceChange.Response(planned_state=_value(planned), legacy_type_system=True)

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ApplyResourceChange.Response(new_state=request.planned_state, legacy_type_system=True)

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return messages.ReadResource.Response(new_state=request.current_state)

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = json.loads(request.raw_state.json)
        return messages.UpgradeResourceState.Response(upgraded_state=_value(state))

    def ReadDataSource(self, request: Any, context: Any) -> Any:  # noqa: N802
        asked = msgpack.unpackb(request.config.msgpack, ext_hook=msgpack.ExtType)
        block = SCHEMA["data_source_schemas"][request.type_name]["block"]
        found = {
            "aws_caller_identity": {"account_id": ACCOUNT},
            "aws_region": {"region": REGION, "name": REGION},
            "aws_partition": {"partition": "aws"},
        }.get(request.type_name, {})
        if request.type_name == "aws_iam_policy_document":
            found = {"json": policy(asked)}
        state = asked | _set_by_aws(request.type_name, block, asked) | found
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


def _set_by_aws(kind: str, block: Tree, given: Tree) -> Tree:
    """Values of the attributes that the configuration leaves to AWS."""
    named = next((given[key] for key in ("name", "function_name", "bucket", "collection_id") if given.get(key)), "")
    return {
        name: _standing_in(attribute["type"], f"{kind}/{named}#{name}")
        for name, attribute in block["attributes"].items()
        if given.get(name) is None and (attribute.get("computed") or name == "id")
    }


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
                # Whether AWS sets an argument that is left out is not published: all may be.
                computed=one.get("computed", False) or one.get("optional", False),
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
