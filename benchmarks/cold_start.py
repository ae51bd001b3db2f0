"""How long a function on AWS Lambda takes to start, and to answer its first request: `python -m benchmarks.cold_start`.

Fresh processes on one core, from the unpacked zip of this working tree and without any installed package, in turns with
what they are compared with: the interpreter alone, and FastAPI and botocore imported from the same zip. The same zip
without its compiled modules shows what those are worth. Rekognition is `kenspeckle serve` with real weights, S3 and
DynamoDB are moto's server, all on this machine and its other cores, so the network of AWS is not in the figures.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import os
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from botocore.session import Session
from moto.server import ThreadedMotoServer

from kenspeckle import settings
from kenspeckle.aws.rows import schema
from kenspeckle.cli.launch import launch

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 0.6

_TIMED = """
import json, os, sys, time
os.sched_setaffinity(0, {int(sys.argv[2])})
sys.path[:0] = [sys.argv[1]]
event = json.loads(sys.stdin.read())
told = {}
def timed(name, work):
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    told[name] = (time.perf_counter() - wall, time.process_time() - cpu)
    return made
"""
SHOWN = {"process": "CPU", "start": "import", "first": "first search", "second": "second search"}
CASES = {
    "the interpreter alone": "pass",
    "FastAPI and botocore": "timed('start', lambda: __import__('fastapi') and __import__('botocore.session'))",
    "api": """
handler = timed("start", lambda: __import__("kenspeckle.lambdas.api", fromlist=["handler"]).handler)
for name in ("first", "second"):
    assert timed(name, lambda: handler(event, None))["statusCode"] == 200
""",
    "inbox": "timed('start', lambda: __import__('kenspeckle.lambdas.inbox'))",
}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--rounds", type=int, default=11, help="fresh processes of each kind (default: %(default)s)")
    rounds = parser.parse_args().rounds
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        whole, bare = _zips(Path(folder))
        with _amazon(Path(folder)) as variables:
            runs: dict[tuple[str, Path], list[dict[str, list[float]]]] = {
                (name, tree): [] for name in CASES for tree in (whole, bare)
            }
            for _ in range(rounds):
                for (name, tree), found in runs.items():
                    found.append(_run(tree, CASES[name], variables, core))
    print(
        f"Medians of {rounds} fresh processes on one core, load {os.getloadavg()[0]:.1f}; seconds of wall time (CPU).\n"
    )
    print(f"{'':32}{'compiled':>18}{'not compiled':>18}")
    for name in CASES:
        stages = ("start", "first", "second") if "timed" in CASES[name] else ("process",)
        for stage in stages:
            if all(stage in one for one in runs[name, whole]):
                cells = "".join(f"{_cell(runs[name, tree], stage):>18}" for tree in (whole, bare))
                print(f"{f'{name}, {SHOWN[stage]}':32}{cells}")
    start = statistics.median(one["start"][1] for one in runs["api", whole])
    print(f"\nGoal: the handler of the API starts within {LIMIT_SECONDS} s on one core: {start:.2f} s of CPU time.")


def _cell(found: list[dict[str, list[float]]], stage: str) -> str:
    wall, cpu = (statistics.median(one[stage][place] for one in found) for place in (0, 1))
    return f"{wall:.2f} ({cpu:.2f})"


def _run(tree: Path, case: str, variables: Mapping[str, str], core: int) -> dict[str, list[float]]:
    grace = settings.load().models_dir / "samples" / "grace_hopper.jpg"
    event = {
        "resource": "/v1/{proxy+}",
        "path": "/v1/search",
        "httpMethod": "POST",
        "headers": {"Host": "api.example.org", "X-Forwarded-Proto": "https"},
        "multiValueHeaders": None,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"requestId": "1", "identity": {"apiKeyId": "key", "sourceIp": "192.0.2.7"}},
        "body": base64.b64encode(grace.read_bytes()).decode(),
        "isBase64Encoded": True,
    }
    code = _TIMED + case + "\nprint(json.dumps(told | {'process': (time.perf_counter(), time.process_time())}))"
    words = [sys.executable, "-I", "-S", "-B", "-c", code, str(tree), str(core)]
    env = {"AWS_LAMBDA_FUNCTION_NAME": "kenspeckle", **variables}
    done = subprocess.run(words, input=json.dumps(event), env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    found["process"] = [found["process"][1]] * 2  # of a whole process only CPU time is known from inside
    return found


def _zips(folder: Path) -> tuple[Path, Path]:
    """The zip unpacked, and once more without compiled modules."""
    archive = folder / "kenspeckle-lambda.zip"
    builder = runpy.run_path(str(ROOT / "deploy" / "lambda_zip.py"))
    # For this interpreter, whatever Lambda's newest is.
    builder["build"](archive, f"{sys.version_info.major}.{sys.version_info.minor}", "x86_64")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "whole")
    shutil.copytree(folder / "whole", folder / "bare", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "whole", folder / "bare"


@contextmanager
def _amazon(folder: Path) -> Iterator[dict[str, str]]:
    """Environment of a function whose Amazon is on this machine, with one person indexed."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://{host}:{port}",
        "KENSPECKLE_DYNAMODB_TABLE": "faces",
        "KENSPECKLE_IMAGES_URL": "s3://photographs/images",
    }
    os.environ.update(variables)
    places = {"LocationConstraint": "eu-central-1"}
    Session().create_client("s3").create_bucket(Bucket="photographs", CreateBucketConfiguration=places)
    Session().create_client("dynamodb").create_table(**schema("faces"))
    eyes = {"KENSPECKLE_S3_BUCKETS": "photographs=s3://photographs", "KENSPECKLE_AWS_REGION": "eu-central-1"}
    try:
        with launch(folder / "data", settings=eyes) as rekognition:
            yield variables | {"AWS_ENDPOINT_URL_REKOGNITION": rekognition.url}
    finally:
        server.stop()


if __name__ == "__main__":
    main()
