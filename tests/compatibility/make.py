"""Makes the data folders, backups and export that newer versions have to open, with whatever version is installed.

    PYTHONPATH=OLD/src .venv/bin/python tests/compatibility/make.py tests/compatibility/NAME.tar.xz

NAME says which version it was. The archive holds `plain/` and `encrypted/` (data folders at rest), `plain.tar` and
`encrypted.tar` (backups, with the master key; `kenspeckle.keyring` beside), `people.tar` (an export with photographs)
and `facts.json` (what all of that held). The photographs are cut-outs of the two public-domain samples.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

PACK = "centerface-dlib"
CUT_OUTS = {
    "Grace_Hopper.jpg": ("grace_hopper.jpg", (110, 20, 400, 340)),
    "Eileen_Collins.jpg": ("astronaut.png", None),
}
SIDE = 220
"""Pixels of a photograph's longer side."""

IN_PROCESS = """
import sys
from pathlib import Path
from kenspeckle import settings
try:
    from kenspeckle.compose.embedded import build
except ImportError:
    from kenspeckle.main import build
service = build(settings.load({"host": "127.0.0.1"}))
photograph = Path(sys.argv[1]).read_bytes()
recognizer, key, metadata = service.recognizer, "sent/eileen.jpg", {"camera": "\\u00e4"}
token = "token-of-an-older-version"
if hasattr(recognizer, "handle"):
    from kenspeckle.domain.operations import CreateUser, IndexFaces
    recognizer.handle(
        IndexFaces(collection_id="people", image=photograph, external_image_id="Eileen", key=key, metadata=metadata)
    )
    recognizer.handle(CreateUser(collection_id="people", user_id="with-a-token", token=token))
else:
    recognizer.index_faces("people", photograph, "Eileen", key=key, metadata=metadata)
    recognizer.create_user("people", "with-a-token", token)
service.close()
"""


def main() -> None:
    """Make the archive that the command line names."""
    target = Path(sys.argv[1])
    with TemporaryDirectory() as name:
        folder = Path(name)
        photographs = cut_outs(folder / "photographs")
        facts = {"plain": plain(folder, photographs), "encrypted": encrypted(folder, photographs)}
        (folder / "facts.json").write_text(json.dumps(facts, indent=1, sort_keys=True))
        with tarfile.open(target, "w:xz", preset=9) as archive:
            for one in sorted(folder.iterdir()):
                if one != photographs:
                    archive.add(one, one.name)
    sys.stdout.write(f"{target}: {target.stat().st_size:,} bytes\n")


def cut_outs(folder: Path) -> Path:
    """Both samples, small."""
    from kenspeckle.settings import load

    folder.mkdir()
    for name, (sample, box) in CUT_OUTS.items():
        with Image.open(load(environ={}).models_dir / "samples" / sample) as picture:
            small = picture.convert("RGB").crop(box) if box else picture.convert("RGB")
            small.thumbnail((SIDE, SIDE))
            small.save(folder / name, "JPEG", quality=80)
    return folder


def plain(folder: Path, photographs: Path) -> dict[str, Any]:
    """A folder with two collections, a user, tags, keys (one an AWS pair), webhooks, retention, and rows of all this
    in the audit trail; its backup and an export."""
    data = folder / "plain"
    kenspeckle(data, "collections", "create", "people", "--tag", "team=blue", "--tag", "place=Zürich")
    kenspeckle(data, "collections", "create", "others")
    kenspeckle(data, "collections", "retain", "others", "36500")
    kenspeckle(data, "index", photographs, "--collection", "people")
    kenspeckle(data, "index", photographs / "Grace_Hopper.jpg", "--collection", "others")
    kenspeckle(data, "users", "create", "grace", "--collection", "people")
    found = json.loads(kenspeckle(data, "faces", "list", "--collection", "people", "--json"))
    grace = next(one["FaceId"] for one in faces_of(found) if one["ExternalImageId"] == "Grace_Hopper.jpg")
    kenspeckle(data, "users", "associate", "grace", grace, "--collection", "people")
    subprocess.run(
        [sys.executable, "-c", IN_PROCESS, str(photographs / "Eileen_Collins.jpg")], check=True, env=environment(data)
    )
    kenspeckle(data, "webhooks", "create", "https://example.com/hook", "--description", "of an older version")
    api = kenspeckle(data, "keys", "create", "desk", "--scope", "search", "--collection", "people", "--json")
    pair = kenspeckle(data, "keys", "create", "sdk", "--aws", "--scope", "admin", "--json")
    keys = {"api": json.loads(api), "pair": json.loads(pair)}
    kenspeckle(data, "backup", folder / "plain.tar", "--with-master-key", "--keyring", folder / "plain.keyring")
    kenspeckle(data, "export", "people", folder / "people.tar", "--images")
    return {"keys": keys, **counted(data)}


def encrypted(folder: Path, photographs: Path) -> dict[str, Any]:
    """A folder whose one collection is encrypted, and its backup."""
    data = folder / "encrypted"
    kenspeckle(data, "index", photographs, "--collection", "kenspeckle", encryption="on")
    kenspeckle(data, "backup", folder / "encrypted.tar", "--with-master-key", encryption="on")
    return counted(data, encryption="on")


def counted(data: Path, encryption: str = "off") -> dict[str, Any]:
    """Collections as the command shows them."""
    return {"collections": json.loads(kenspeckle(data, "collections", "list", "--json", encryption=encryption))}


def faces_of(found: Any) -> Any:
    """The list of faces, whatever stands around it."""
    return found if isinstance(found, list) else found["Faces"]


def kenspeckle(data: Path, *words: object, encryption: str = "off") -> str:
    """What the command prints; ends this program where it fails."""
    command = [sys.executable, "-m", "kenspeckle", *map(str, words)]
    done = subprocess.run(command, env=environment(data, encryption), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def environment(data: Path, encryption: str = "off") -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KENSPECKLE_")}
    return {**kept, "KENSPECKLE_DATA_DIR": str(data), "KENSPECKLE_PACK": PACK, "KENSPECKLE_ENCRYPTION": encryption}


if __name__ == "__main__":
    main()
