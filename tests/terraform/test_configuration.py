"""The configuration agrees with the provider's schema and with itself. `make check-terraform` asks Terraform."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import hcl2
import pytest

from tests.terraform.configuration import ROOT, Block, Module, literal, modules, plain, written_out
from tests.terraform.schema import SCHEMA, used

Tree = dict[str, Any]
META = {"count", "for_each", "depends_on", "provider", "providers", "lifecycle"}
SCHEMAS = json.loads(SCHEMA.read_text("utf-8"))
KINDS = {"resource": SCHEMAS["resource_schemas"], "data": SCHEMAS["data_source_schemas"]}

ALL = list(modules().values())


@pytest.mark.parametrize("module", ALL, ids=str)
def test_types_arguments_and_blocks_exist_in_the_providers_schema(module: Module) -> None:
    for block in (one for one in module.blocks if one.kind in KINDS):
        kind = block.labels[0]
        assert kind in KINDS[block.kind], f"{kind}: run python -m tests.terraform.schema, and see whether it exists"
        assert list(_faults(kind, KINDS[block.kind][kind]["block"], block.body)) == [], str(block)


def _faults(place: str, schema: Tree, body: Tree) -> Iterator[str]:
    """What the schema does not have, or has and is missing, from this block down."""
    body = {name: value for name, value in written_out(plain(body)).items() if name not in META}
    attributes, nested = schema["attributes"], schema["block_types"]
    for name, value in body.items():
        if name in nested:
            blocks = value if isinstance(value, list) else [value]
            if len(blocks) > nested[name].get("max_items", 1000):
                yield f"{place}.{name}: too many"
            for one in blocks:
                yield from _faults(f"{place}.{name}", nested[name]["block"], one)
        elif name not in attributes:
            yield f"{place}: no argument {name}"
        elif not attributes[name].get("required") and not attributes[name].get("optional"):
            yield f"{place}: {name} is AWS's to set"
    yield from (
        f"{place}: {name} is required" for name, one in attributes.items() if one.get("required") and name not in body
    )
    yield from (
        f"{place}: a block {name} is required"
        for name, one in nested.items()
        if one.get("min_items") and name not in body
    )


def test_many_types_are_looked_at() -> None:
    assert sum(block.kind in KINDS for module in ALL for block in module.blocks) > 80


def test_the_check_finds_what_is_wrong() -> None:
    """It can fail: a name that is not there, one that is missing, a block too many, in the block and below it."""
    schema = KINDS["resource"]["aws_s3_bucket_versioning"]["block"]
    wrong = {"buckets": "x", "versioning_configuration": [{"status": "On", "colour": "red"}, {}]}
    assert list(_faults("versioning", schema, wrong)) == [
        "versioning: no argument buckets",
        "versioning.versioning_configuration: too many",
        "versioning.versioning_configuration: no argument colour",
        "versioning.versioning_configuration: status is required",
        "versioning: bucket is required",
    ]


@pytest.mark.parametrize("module", ALL, ids=str)
def test_what_is_referred_to_is_there(module: Module) -> None:
    for kind, type_, name, attribute in module.references():
        assert (type_, name) in module.typed(kind), f"{kind} {type_}.{name} is not declared"
        schema = KINDS[kind][type_]["block"]
        assert not attribute or attribute in schema["attributes"] | schema["block_types"], f"{type_} has no {attribute}"


@pytest.mark.parametrize("module", ALL, ids=str)
def test_variables_and_locals_are_declared_used_and_described(module: Module) -> None:
    variables = module.of("variable")
    assert module.names("var") == set(variables)
    assert module.names("local") == set(module.locals)
    for name, block in variables.items():
        assert "type" in block.body, f"{name} has no type"
    for name, block in (variables | module.of("output")).items():
        assert len(literal(block.body["description"])) > 10, f"{name} is not described"


def calls() -> Iterator[tuple[Module, Block]]:
    return ((module, block) for module in ALL for block in module.blocks if block.kind == "module")


def test_modules_are_given_what_they_take_and_asked_what_they_give() -> None:
    for module, block in calls():
        called = modules()[(module.folder / literal(block.body["source"])).resolve()]
        variables = called.of("variable")
        needed = {name for name, one in variables.items() if "default" not in one.body}
        given = set(block.body) - META - {"source"}
        assert needed <= given <= set(variables), str(block)
        # What is removed is none of them.
        text = re.sub(r"^removed \{.*?^\}", "", module.text, flags=re.MULTILINE | re.DOTALL)
        asked = set(re.findall(rf"module\.{block.name}(?:\[\*\])?\.(\w+)", text))
        assert asked == set(called.of("output")), str(block)


def test_every_module_is_called() -> None:
    called = {(module.folder / literal(block.body["source"])).resolve() for module, block in calls()}
    assert called == {folder for folder in modules() if folder.parent.name == "modules"}


def test_versions_are_pinned_alike() -> None:
    found = set()
    for module in ALL:
        (block,) = (one for one in module.blocks if one.kind == "terraform")
        (providers,) = block.body["required_providers"]
        found.add((literal(providers["aws"]["source"]), literal(providers["aws"]["version"])))
        if module.folder.parent.name != "modules":
            assert literal(block.body["required_version"]) == ">= 1.11"
    assert found == {("hashicorp/aws", "~> 6.66")}
    assert SCHEMAS["provider_version"].startswith("6.66.")


def test_the_demos_inputs_keep_their_names_and_are_checked() -> None:
    variables = modules()[ROOT].of("variable")
    for name in ("account_id", "aws_region", "domain", "shared_resource_name"):
        assert variables[name].body["validation"], name
    assert {name for name, block in variables.items() if "default" not in block.body} == {"account_id", "aws_region"}


def test_the_example_names_inputs() -> None:
    lines = (ROOT / "terraform.tfvars.example").read_text("utf-8").splitlines()
    example = hcl2.loads("\n".join(line.removeprefix("# ") for line in lines[1:]) + "\n")
    assert {"account_id", "aws_region"} <= set(plain(example)) <= set(modules()[ROOT].of("variable"))


def test_the_schema_has_the_types_in_use_and_no_others() -> None:
    assert {(kind, name) for kind, types in KINDS.items() for name in types} == used()


def test_what_checkov_is_told_to_skip_is_argued_for() -> None:
    lines = [line for file in ROOT.rglob("*.tf") for line in file.read_text("utf-8").splitlines() if "checkov" in line]
    assert len(lines) > 20
    for line in lines:
        assert re.fullmatch(r" +#checkov:skip=CKV2?_AWS_\d+:[A-Z].{20,}\.", line), line
