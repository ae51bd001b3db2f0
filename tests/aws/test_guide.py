"""The commands of docs/managed.md, run with the real AWS command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from kenspeckle.aws.rows import schema
from kenspeckle.domain import operations as ops
from tests.aws.amazon import TABLE, Amazon

PAGE = Path(__file__).parents[2].joinpath("docs", "managed.md").read_text("utf-8")


def _run(beginning: str, table: str) -> Any:
    """The command of the page that begins so, for a table of that name; its JSON."""
    (command,) = re.findall(rf"^({re.escape(beginning)}.*(?:\n  .*)*)", PAGE, re.MULTILINE)
    command = command.replace(f"--table-name {TABLE}", f"--table-name {table}").removeprefix("aws ")
    aws = Path(sys.executable).with_name("aws")
    done = subprocess.run(f"{aws} {command}", shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _keys(described: Any) -> Any:
    indexes = {one["IndexName"]: (one["KeySchema"], one["Projection"]) for one in described["GlobalSecondaryIndexes"]}
    named = {one["AttributeName"]: one["AttributeType"] for one in described["AttributeDefinitions"]}
    return described["KeySchema"], indexes, named


def test_the_table_of_the_page_is_that_of_the_code(aws: Amazon) -> None:
    made = _run("aws dynamodb create-table", "faces-of-the-page")["TableDescription"]
    assert _keys(made) == _keys(schema("faces-of-the-page"))
    aws.dynamodb.delete_table(TableName="faces-of-the-page")


def test_photographs_are_found_in_the_table(aws: Amazon, grace: bytes) -> None:
    aws.recognizer.handle(ops.IndexFaces(collection_id=aws.collection(), image=grace, external_image_id="ada.jpg"))
    found = [row for row in _run("aws dynamodb scan", TABLE)["Items"] if row["Identity"]["S"] == "ada.jpg"]
    photograph = aws.s3.get_object(Bucket=found[0]["Bucket"]["S"], Key=found[0]["Key"]["S"])
    assert photograph["Body"].read() == grace
