"""Writes `schema.json`: arguments, blocks and attributes of the AWS resource types that `terraform/` uses.

    python -m tests.terraform.schema

CDK Terrain publishes the schema of HashiCorp's AWS provider as the generated classes of the npm package
`@cdktn/provider-aws` (46 MB). Names and types are read from there for the few types in use and kept in the form that
`terraform providers schema -json` prints, so that the tests need neither npm nor the provider.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "@cdktn/provider-aws@25.7.0"
ROOT = Path(__file__).parents[2]
SCHEMA = Path(__file__).with_name("schema.json")

Tree = dict[str, Any]


def _one(block: Tree) -> Tree:
    return {"nesting_mode": "list", "max_items": 1, "block": block}


LEFT_OUT: dict[str, Tree] = {
    "managed_rule_group_statement": _one(
        {
            "attributes": {
                "name": {"type": "string", "required": True},
                "vendor_name": {"type": "string", "required": True},
                "version": {"type": "string", "optional": True},
            },
            "block_types": {},
        }
    ),
    "rate_based_statement": _one(
        {
            "attributes": {
                "aggregate_key_type": {"type": "string", "optional": True},
                "evaluation_window_sec": {"type": "number", "optional": True},
                "limit": {"type": "number", "required": True},
            },
            "block_types": {},
        }
    ),
}
"""Statements of a firewall's rule nest without end, and the package types them as anything: the two that are used, with
the arguments that are used, written by hand; nothing but this holds them against the provider."""
_SIMPLE = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
_ENTRY = re.compile(
    r"^\s+(\w+): \{\n\s+value: (.+),\n\s+isBlock: (true|false),\n\s+type: \"(\w+)\",\n\s+storageClassType: \"(\w+)\"",
    re.MULTILINE,
)
_FIELD = re.compile(r"resources/\w+#(\w+) |data-sources/\w+#(\w+) ")
_READONLY = re.compile(r"^    readonly (\w+)(\??): ")
_INTERFACE = re.compile(r"export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_GETTER = re.compile(
    r"// (\w+) - computed: true, optional: false.*\n\s+get \w+\(\) \{\n\s+return this\.get(\w+)Attribute"
)
_MEMBER = re.compile(
    r"// (\w+) - computed: true, optional: false.*\n\s+(?:this\.)?_\w+ = new ([\w.]+)\(this, \"\w+\"(?:, (true|false))?"
)


class Module:
    """One resource type, read from the two files of its module."""

    def __init__(self, script: str, types: str) -> None:
        self.script = script
        self.interfaces = dict(_INTERFACE.findall(types))
        self.config = re.search(r"interface (\w+) extends cdktn.TerraformMetaArguments", types)[1]  # type: ignore[index]

    def resource(self) -> Tree:
        """The block of the resource itself."""
        block = self._block(self._between("    synthesizeHclAttributes()", "\n    }\n"), self.config)
        name = re.search(r"class (\w+) extends cdktn.Terraform(?:Resource|DataSource)", self.script)[1]  # type: ignore[index]
        for key, attribute in self._computed(f"class {name} extends").items():
            block["attributes"].setdefault(key, attribute)
        return block

    def _block(self, body: str, interface: str) -> Tree:
        required = self._required(interface)
        block: Tree = {"attributes": {}, "block_types": {}}
        for name, value, is_block, kind, stored in _ENTRY.findall(body):
            nested = stored if stored in self.interfaces else stored.removesuffix("List").removesuffix("Map")
            if nested not in self.interfaces:
                block["attributes"][name] = {"type": _type(kind, stored), _presence(name, required): True}
                continue
            inner = self._block(self._function(nested), nested)
            for key, attribute in self._computed(f"class {nested}OutputReference extends").items():
                inner["attributes"].setdefault(key, attribute)
            if is_block == "false":
                shape = _object(inner)
                block["attributes"][name] = {
                    "type": shape if kind == "struct" else [kind, shape],
                    _presence(name, required): True,
                }
                continue
            entry: Tree = {"nesting_mode": "single" if kind == "struct" else kind, "block": inner}
            if name in required:
                entry["min_items"] = 1
            if "Mapper" not in value and kind != "struct":
                entry["max_items"] = 1
            block["block_types"][name] = entry
        return block

    def _required(self, interface: str) -> set[str]:
        names, last = set(), ""
        for line in self.interfaces[interface].splitlines():
            if anchor := _FIELD.search(line):
                last = anchor[1] or anchor[2]
            elif (found := _READONLY.match(line)) and not found[2]:
                names.add(last)
        return names

    def _function(self, interface: str) -> str:
        return self._between(f"function {interface[0].lower()}{interface[1:]}ToHclTerraform(", "\n}\n")

    def _between(self, start: str, end: str) -> str:
        at = self.script.index(start)
        return self.script[at : self.script.index(end, at)]

    def _computed(self, start: str) -> Tree:
        """What the provider alone sets: `arn`, `id` and so on."""
        at = self.script.find(start)
        if at < 0:
            return {}
        body = self.script[at:]
        end = body.find("\nexports.")
        body = body[:end] if end > 0 else body
        found: Tree = {name: {"type": _getter(kind), "computed": True} for name, kind in _GETTER.findall(body)}
        for name, kind, wraps_set in _MEMBER.findall(body):
            found[name] = {"type": self._member(kind, wraps_set), "computed": True}
        return found

    def _member(self, kind: str, wraps_set: str) -> Any:
        if kind.startswith("cdktn."):
            return _getter(kind.removeprefix("cdktn."))
        inner = self._computed(f"class {kind.removesuffix('List')}OutputReference extends")
        return [
            "set" if wraps_set == "true" else "list",
            ["object", {name: one["type"] for name, one in inner.items()}],
        ]


def _presence(name: str, required: set[str]) -> str:
    return "required" if name in required else "optional"


def _object(block: Tree) -> Any:
    return ["object", {name: one["type"] for name, one in block["attributes"].items()}]


def _type(kind: str, stored: str) -> Any:
    """`simple string` -> string, `set stringList` -> ["set", "string"], `map stringMap` -> ["map", "string"]."""
    if kind == "simple":
        return _SIMPLE[stored]
    return [kind, _SIMPLE.get(stored.removesuffix("List").removesuffix("Map"), "string")]


def _getter(kind: str) -> Any:
    simple = {"String": "string", "Number": "number", "Boolean": "bool"}
    if kind in simple:
        return simple[kind]
    if kind.endswith("Map"):
        return ["map", simple.get(kind.removesuffix("Map"), "string")]
    return ["list", simple.get(kind.removesuffix("List"), "string")]


def used() -> set[tuple[str, str]]:
    """("resource" or "data", type) of every block in `terraform/`."""
    found = set()
    for file in (ROOT / "terraform").rglob("*.tf"):
        found |= set(re.findall(r'^(resource|data) "(aws_\w+)"', file.read_text("utf-8"), re.MULTILINE))
    return found


def extract(archive: tarfile.TarFile) -> Tree:
    """The schema of all types in use, sorted. Raises KeyError for a type that the provider does not have."""
    folders = {_folder(kind, name): (kind, name) for kind, name in used()}
    texts: dict[str, str] = {}
    for member in archive:  # In the archive's order: going back in a compressed file means reading it anew.
        _, _, rest = member.name.partition("/lib/")
        folder, _, file = rest.partition("/")
        if folder in folders and file in ("index.js", "index.d.ts"):
            texts[rest] = archive.extractfile(member).read().decode("utf-8")  # type: ignore[union-attr]
    schema: Tree = {"resource_schemas": {}, "data_source_schemas": {}}
    for folder, (kind, name) in folders.items():
        script = texts[f"{folder}/index.js"].split("//# sourceMappingURL")[0]
        block = Module(script, texts[f"{folder}/index.d.ts"]).resource()
        schema["resource_schemas" if kind == "resource" else "data_source_schemas"][name] = {"block": block}
        if name == "aws_wafv2_web_acl":
            rule = block["block_types"]["rule"]["block"]
            del rule["attributes"]["statement"]
            rule["block_types"]["statement"] = {**_one({"attributes": {}, "block_types": LEFT_OUT}), "min_items": 1}
        schema["provider_version"] = re.search(r"providerVersion: '([\d.]+)'", script)[1]  # type: ignore[index]
    return schema


def _folder(kind: str, name: str) -> str:
    name = name.replace("_", "-")
    return f"data-{name}" if kind == "data" else name.removeprefix("aws-")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            SCHEMA.write_text(json.dumps(extract(archive), sort_keys=True, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
