"""Builds the zip of the Lambda functions, the same bytes each time (`make lambda`).

In it are the package without the embedded engine and, from the wheels that constraints.txt names, what the managed
recognizer needs; of Pillow, which cuts faces out, no codec but JPEG's and PNG's. Beside it a JSON file says which
runtime and processor it is for, and its digest as AWS writes it.

It is for the newest Python that Lambda has, whichever runs this: wheels are chosen by platform. Modules are compiled
by an interpreter of the version that will run them, where this machine has one: a function can't write to its own
folder, so without that each cold start compiles everything anew, which takes longer than all the rest of it. Compiled
files are of the kind that is valid by what is in it (PEP 552), not by the time of its source.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "dist" / "kenspeckle-lambda.zip"
MOST_BYTES = 30 * 1000 * 1000

REQUIREMENTS = (
    "botocore",
    "cryptography",
    "fastapi",
    "filelock",
    "mangum",
    "orjson",
    "pillow",
    "platformdirs",
    "prometheus-client",
    "pybase64",
    "python-json-logger",
    "python-multipart",
)
"""What the functions import, but for what these bring along. Botocore is in Lambda's runtime too, in a version that
changes without notice."""
ENGINE = ("cli", "client", "console", "doctor", "index", "intake", "models", "rekognition", "vision")
"""Sub-packages that the managed recognizer does without."""
CUTTING = ("__init__.py", "cutter.py", "decode.py", "heif.py", "heif_child.py", "pixels.py")
"""What it takes of `vision`, to cut faces out of photographs."""
SERVICES = ("dynamodb", "rekognition", "s3")
"""Whose descriptions botocore keeps; those of the other 400 services are nine tenths of it."""
LIBRARIES = ("libjpeg", "libtiff", "libopenjp2", "libxcb", "libXau", "liblzma", "libzstd")
"""Those that come with Pillow and that its core is linked with: without any of them it can't be imported."""
_DESCRIPTIONS = ("service-2.json.gz", "service-2.sdk-extras.json", "endpoint-rule-set-1.json.gz")

GLIBC = {"3.11": 26, "3.12": 34, "3.13": 34, "3.14": 34}
"""Minor version of the C library in each of Lambda's runtimes (Amazon Linux 2; 2023)."""
ENDS = {"3.11": "2026-06-30", "3.12": "2028-10-31", "3.13": "2029-06-30", "3.14": "2029-06-30"}
"""When AWS gives up each runtime, by its table "Lambda runtimes"; 3.11's Amazon Linux 2 ended then."""
NEAR = timedelta(days=180)
"""A runtime that ends sooner is refused. terraform/ has those that are left (modules/functions/main.tf)."""
NEWEST = max(GLIBC, key=lambda one: int(one.partition(".")[2]))
NEWEST_GLIBC = 28
"""Of wheels that are taken where there are none for the runtime's own: of those, only what it can load may be left."""
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's names of processors, and Linux's."""
PLACE = "/var/task"
"""Where Lambda unpacks the zip; tracebacks name files there."""
MOMENT = (1980, 1, 1, 0, 0, 0)

_COMPILE = """
import pathlib, py_compile, sys
root = pathlib.Path(sys.argv[1])
for file in sorted(root.rglob("*.py")):
    shown = f"{sys.argv[2]}/{file.relative_to(root)}"
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(file), dfile=shown, doraise=True, invalidation_mode=mode)
"""


def build(output: Path, python: str, architecture: str, dependencies: Path | None = None) -> dict[str, str]:
    """Write the zip and its description; returns the latter. `dependencies` are a folder that `fetch` has filled for
    the same runtime before. Raises SystemExit with what to do."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        if dependencies is None:
            fetch(tree, python, architecture)
        else:
            shutil.copytree(dependencies, tree)
        own = Path(folder) / "own"
        _own(own)
        _compile(own, python)
        shutil.copytree(own, tree, dirs_exist_ok=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        staged = output.with_suffix(".part")
        _write(tree, staged)
    digest = base64.b64encode(hashlib.sha256(staged.read_bytes()).digest()).decode()
    described = {"runtime": f"python{python}", "architecture": architecture, "sha256": digest}
    staged.replace(output)
    output.with_suffix(".json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    size = output.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{output} has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} are meant to be.")
    return described


def fetch(tree: Path, python: str, architecture: str) -> None:
    """Fill a folder with the packages of others, compiled. Raises SystemExit."""
    if python not in GLIBC:
        raise SystemExit(f"Lambda has no runtime python{python}; choose one with --python: {', '.join(GLIBC)}")
    _install(tree, python, architecture)
    _prune(tree)
    _fits(tree, GLIBC[python])
    _compile(tree, python)


def _compile(tree: Path, python: str) -> None:
    """Compile for that version, where this machine has it."""
    found = interpreter(python)
    if found is not None:
        # The order of sets is in compiled files; it follows from the seed.
        words = [found, "-S", "-c", _COMPILE, str(tree), PLACE]
        subprocess.run(words, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})


def interpreter(python: str) -> str | None:
    """An interpreter of that version: this one, one on the path, or one that uv has."""
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    for words in ([f"python{python}"], ["uv", "run", "--no-project", "--offline", "--python", python, "python"]):
        asked = [*words, "-c", "import sys; print(sys.version_info[:2], sys.executable)"]
        try:  # A name on the path may be no more than a shim.
            told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        version, _, path = told.strip().partition(") ")
        if version == f"({python.replace('.', ', ')}":
            return path
    return None


def lasts(python: str, today: date) -> None:
    """Raises SystemExit for a runtime that Lambda has not, or gives up soon."""
    if python not in GLIBC:
        raise SystemExit(f"Lambda has no runtime python{python}; choose one with --python: {', '.join(GLIBC)}")
    if today + NEAR > date.fromisoformat(ENDS[python]):
        raise SystemExit(
            f"AWS gives up the runtime python{python} on {ENDS[python]}: build for python{NEWEST}, as without --python."
        )


def _install(tree: Path, python: str, architecture: str) -> None:
    """Wheels for the runtime, whatever this machine is."""
    cpu = ARCHITECTURES[architecture]
    platforms = [f"manylinux_2_{minor}_{cpu}" for minor in range(GLIBC[python], 16, -1)] + [f"manylinux2014_{cpu}"]
    platforms += [f"manylinux_2_{minor}_{cpu}" for minor in range(GLIBC[python] + 1, NEWEST_GLIBC + 1)]
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    words += ["--target", str(tree), "--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    words += [word for platform in platforms for word in ("--platform", platform)]
    words += ["--constraint", str(ROOT / "constraints.txt"), *REQUIREMENTS]
    if subprocess.run(words, check=False).returncode:
        raise SystemExit("pip could not install what goes into the zip; it says above why.")


def _prune(tree: Path) -> None:
    """Leave what is needed to run, and every licence."""
    shutil.rmtree(tree / "bin", ignore_errors=True)
    for file in [*tree.glob("*.dist-info/*"), *tree.rglob("*.pyi")]:
        # RECORD names scripts that begin with the path of this machine's interpreter.
        if file.is_file() and (file.suffix == ".pyi" or file.name in ("RECORD", "INSTALLER", "REQUESTED")):
            file.unlink()
    _prune_pillow(tree)
    data = tree / "botocore" / "data"
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in SERVICES:
            shutil.rmtree(entry)
    for service in SERVICES:
        versions = sorted(one for one in (data / service).iterdir() if one.is_dir())
        for old in versions[:-1]:
            shutil.rmtree(old)
        for file in versions[-1].iterdir():
            if file.name not in _DESCRIPTIONS:
                file.unlink()


def _prune_pillow(tree: Path) -> None:
    """Leave its core and what that is linked with: fewer bytes to load, and no decoder that nobody is to reach."""
    for file in tree.glob("PIL/*.so"):
        if not file.name.startswith("_imaging."):
            file.unlink()
    for file in tree.glob("pillow.libs/*"):
        if not file.name.startswith(tuple(f"{name}-" for name in LIBRARIES)):
            file.unlink()


def _fits(tree: Path, minor: int) -> None:
    """Raises SystemExit where a library asks for functions that the runtime's C library lacks."""
    for file in sorted([*tree.rglob("*.so"), *tree.rglob("*.so.*")]):
        asked = {int(found) for found in re.findall(rb"\0GLIBC_2\.(\d+)", file.read_bytes())}
        if asked and max(asked) > minor:
            raise SystemExit(
                f"{file.relative_to(tree)} needs glibc 2.{max(asked)} and this runtime has 2.{minor}: build for a "
                "newer Python with --python."
            )


def _own(tree: Path) -> None:
    """The package itself, from the working tree, with as much metadata as it asks for: its version."""
    source = ROOT / "src" / "kenspeckle"
    for file in sorted(source.rglob("*")):
        inside = file.relative_to(source)
        wanted = inside.parts[0] not in ENGINE or (inside.parts[0] == "vision" and inside.name in CUTTING)
        if file.is_file() and file.suffix in (".py", ".json") and wanted:
            place = tree / "kenspeckle" / inside
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    version = importlib.metadata.version("kenspeckle")
    about = tree / f"kenspeckle-{version}.dist-info"
    about.mkdir()
    about.joinpath("METADATA").write_text(f"Metadata-Version: 2.4\nName: kenspeckle\nVersion: {version}\n", "utf-8")
    shutil.copyfile(ROOT / "LICENSE", about / "LICENSE")


def _write(tree: Path, output: Path) -> None:
    """All files in the order of their names, all of the same moment and the same rights."""
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(tree.rglob("*"), key=lambda one: one.relative_to(tree).as_posix()):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(tree).as_posix(), MOMENT)
                entry.create_system = 3
                entry.external_attr = 0o100644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Builds the zip of the Lambda functions.")
    parser.add_argument(
        "--python", default=NEWEST, help="the runtime's version (default: Lambda's newest, %(default)s)"
    )
    parser.add_argument("--architecture", default="x86_64", choices=ARCHITECTURES, help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="default: dist/kenspeckle-lambda.zip")
    chosen = parser.parse_args()
    lasts(chosen.python, date.today())
    described = build(chosen.output, chosen.python, chosen.architecture)
    size = chosen.output.stat().st_size / 1e6
    sys.stdout.write(f"{chosen.output}: {size:.1f} MB for {described['runtime']} on {described['architecture']}\n")
    if interpreter(chosen.python) is None:
        sys.stdout.write(
            f"Nothing in it is compiled, for python{chosen.python} is not on this machine (`uv python install "
            f"{chosen.python}` brings it): it works, and each cold start takes half a second longer.\n"
        )


if __name__ == "__main__":
    main()
