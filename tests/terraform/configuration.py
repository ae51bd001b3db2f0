"""Reads `terraform/` as python-hcl2 parses it: the modules, their blocks, and what expressions refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).parents[2] / "terraform"

Tree = dict[str, Any]
_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)
_RESOURCE = re.compile(r"(?<![\w.\"])(data\.)?(aws_\w+)\.(\w+)(?:\[[^\]]*\])?(?:\.(\w+))?")


@dataclass(frozen=True)
class Block:
    """`kind "label" ... { body }`. Strings in `body` have their quotes, expressions are `${...}`."""

    kind: str
    labels: tuple[str, ...]
    body: Tree
    file: Path

    @property
    def name(self) -> str:
        """The last label, or the kind where there is none."""
        return self.labels[-1] if self.labels else self.kind

    def __str__(self) -> str:
        return " ".join((str(self.file.relative_to(ROOT)), self.kind, *self.labels))


@dataclass(frozen=True)
class Module:
    """A folder of `.tf` files, parsed when it is first asked: that takes longer than what is then tested."""

    folder: Path

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Raises what python-hcl2 raises for a file that can't be parsed."""
        return tuple(block for file in self._files for block in _blocks(file))

    @cached_property
    def text(self) -> str:
        """Without comments."""
        return "\n".join(_COMMENT.sub("", file.read_text("utf-8")) for file in self._files)

    @property
    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.tf"))

    def of(self, kind: str) -> dict[str, Block]:
        """Blocks of a kind by their last label."""
        return {block.name: block for block in self.blocks if block.kind == kind}

    def typed(self, kind: str) -> dict[tuple[str, str], Block]:
        """`resource` or `data` blocks by type and name."""
        return {(one.labels[0], one.labels[1]): one for one in self.blocks if one.kind == kind}

    @property
    def locals(self) -> Tree:
        """Local values by name."""
        return {name: value for one in self.blocks if one.kind == "locals" for name, value in one.body.items()}

    def names(self, space: str) -> set[str]:
        """What is written as `space.NAME`, such as `var.NAME`."""
        return set(re.findall(rf"(?<![\w.]){space}\.(\w+)", self.text))

    def references(self) -> set[tuple[str, str, str, str]]:
        """(`resource` or `data`, type, name, attribute or '') of everything that is referred to."""
        return {
            ("data" if data else "resource", kind, name, attribute)
            for data, kind, name, attribute in _RESOURCE.findall(self.text)
        }

    def __str__(self) -> str:
        return str(self.folder.relative_to(ROOT.parent))


@cache
def modules() -> dict[Path, Module]:
    """Every folder with `.tf` files."""
    folders = sorted({file.parent for file in ROOT.rglob("*.tf") if ".terraform" not in file.parts})
    return {folder: Module(folder) for folder in folders}


def literal(value: Any) -> str:
    """A string as Terraform sees it; expressions stay `${...}`."""
    return str(value).removeprefix('"').removesuffix('"')


def plain(body: Tree) -> Tree:
    """The body without what the parser itself adds."""
    return {name: value for name, value in body.items() if not name.startswith("__")}


def written_out(body: Tree) -> Tree:
    """The body with its `dynamic` blocks as the blocks that they make."""
    made = {name: value for name, value in body.items() if name != "dynamic"}
    for one in body.get("dynamic", ()):
        for name, block in plain(one).items():
            made[literal(name)] = [*made.get(literal(name), []), *block["content"]]
    return made


def _blocks(file: Path) -> Iterator[Block]:
    for kind, found in plain(hcl2.loads(file.read_text("utf-8"))).items():
        for one in found:
            labels: tuple[str, ...] = ()
            while not one.get("__is_block__"):
                (label, one), *rest = plain(one).items()
                assert not rest, f"{file}: {kind} has labels that can't be read"
                labels += (literal(label),)
            yield Block(kind, labels, plain(one), file)
