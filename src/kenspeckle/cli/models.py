"""`kenspeckle models`: lists, installs and verifies model packs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kenspeckle.cli import own_packs
from kenspeckle.cli.calibrate import calibrate
from kenspeckle.cli.commands import Commands
from kenspeckle.cli.download_bars import bars
from kenspeckle.cli.failures import FAILED, report_errors
from kenspeckle.cli.options import Json, ModelsDir
from kenspeckle.cli.output import emit, remark, say, table
from kenspeckle.errors import ModelMissing
from kenspeckle.models import registry, samples
from kenspeckle.models.attributes import ATTRIBUTES
from kenspeckle.models.own import OwnPack
from kenspeckle.models.pack import Part, Text
from kenspeckle.models.registry import AnyPack
from kenspeckle.settings import Settings, load

app = Commands("Model packs: the detector and the embedder that the service runs.")

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Pack; without it, the one that PACK sets.")]

TERMS = (
    "These are the licences of the files. The photographs that the networks were trained on had terms of their own; "
    "docs/models.md says what is known of them."
)


@app.command("list")
def list_(models_dir: ModelsDir = None, as_json: Json = False) -> None:
    """Show the packs, whether each is installed, and licence and source of every file."""
    with report_errors(FAILED):
        settings = load({"models_dir": models_dir})
        described = [_describe(pack, settings) for pack in registry.list_packs(settings.models_dir).values()]
        photographs = [_source(part) for part in samples.PARTS]
        if as_json:
            networks = _describe_attributes(settings)
            listed = {"packs": described, "attributes": networks, "samples": photographs}
            emit({"models_dir": str(settings.models_dir), **listed})
            return
        for one in described:
            state = f"installed in {one['folder']}" if one["installed"] else f"not installed ({one['problem']})"
            remarks = (", default" if one["default"] else "") + (", your own" if one["own"] else "")
            say(f"{one['name']}, version {one['version']}{remarks}: {state}", "bold")
            say(f"  similarity {one['calibration']['kind']}: {one['calibration']['sample']}")
            _show(one["files"])
        networks = _describe_attributes(settings)
        state = (
            f"installed in {networks['folder']}" if networks["installed"] else f"not installed ({networks['problem']})"
        )
        say(f"attributes of faces (age, eyes, mouth, landmarks), for all packs: {state}", "bold")
        _show(networks["files"])
        say("sample photographs of the demo and the tests: kenspeckle models pull --samples", "bold")
        _show(photographs)
        say(TERMS)


@app.command()
def pull(
    name: Name = None,
    samples: Annotated[bool, typer.Option("--samples", help="Fetch the sample photographs too.")] = False,
    places: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="FILE|FOLDER|URL",
            help="Look there first for the files or their archives; each is judged by its sha256. May be repeated.",
            show_default="the package index",
        ),
    ] = None,
    models_dir: ModelsDir = None,
) -> None:
    """Install a pack, from the package index or from where its files lie.

    Without NAME, the networks for attributes of faces are installed too; NAME `attributes` installs these alone. Run
    it again after an interruption: what was fetched is kept."""
    with report_errors(FAILED):
        from kenspeckle.models import install  # late: brings the ONNX library, which no other command needs

        settings = load({"models_dir": models_dir})
        folder, missing = None, ""
        with bars() as progress:
            if name != ATTRIBUTES.name:
                installed = install.pull(settings.models_dir, name or settings.pack, progress, places or ())
                told = f"Model pack {installed.pack.name} version {installed.pack.version} is in {installed.folder}"
            else:
                told = ""
            if name in (None, ATTRIBUTES.name):
                try:
                    folder = install.pull_attributes(settings.models_dir, progress, places or ())
                except ModelMissing as error:
                    if name is not None:
                        raise
                    missing = error.message  # all but attributes works without them
            photographs = install.samples(settings.models_dir, progress) if samples else None
        if told:
            say(told)
        if folder is not None:
            say(f"The networks that tell attributes of faces are in {folder}")
        if missing:
            remark(f"{missing} Nothing but attributes of faces needs it: kenspeckle models pull attributes", "yellow")
        if photographs is not None:
            say(f"Sample photographs are in {photographs.grace_hopper.parent}")


@app.command()
def verify(name: Name = None, models_dir: ModelsDir = None, as_json: Json = False) -> None:
    """Compare every file of an installed pack with its manifest; exit code 1 where one differs."""
    with report_errors(FAILED):
        settings = load({"models_dir": models_dir})
        wanted = name or settings.pack
        attributes = wanted == ATTRIBUTES.name
        problems = (
            registry.check_attributes(settings.models_dir)
            if attributes
            else registry.check(settings.models_dir, wanted)
        )
        fine = not any(problems.values())
        if as_json:
            files = [{"file": file, "ok": not problem, "problem": problem} for file, problem in problems.items()]
            emit({"pack": wanted, "folder": str(settings.models_dir / wanted), "ok": fine, "files": files})
        else:
            table(["File", "State"], [[file, problem or "as published"] for file, problem in problems.items()])
        if not fine:
            remark(f"Model pack '{wanted}' is not whole. {registry.advise(settings.models_dir, wanted)}", "red")
            raise typer.Exit(FAILED)


@app.command()
def path(name: Name = None, models_dir: ModelsDir = None, as_json: Json = False) -> None:
    """Print the folder of an installed pack."""
    with report_errors(FAILED):
        settings = load({"models_dir": models_dir})
        installed = registry.find(settings.models_dir, name or settings.pack)
        if as_json:
            files = {"detector": str(installed.detector), "embedder": str(installed.embedder)}
            emit({"pack": installed.pack.name, "folder": str(installed.folder)} | files)
        else:
            say(str(installed.folder))


def _describe(pack: AnyPack, settings: Settings) -> dict[str, Any]:
    problems = registry.check(settings.models_dir, pack.name)
    wrong = [f"{file} {problem}" for file, problem in problems.items() if problem]
    files = [_source(part) for part in pack.parts] + [_text(one) for one in pack.texts if isinstance(one, Text)]
    return {
        **registry.info_of(settings.models_dir, pack).described,
        "default": pack.name == settings.pack,
        "own": isinstance(pack, OwnPack),
        "installed": not wrong,
        "problem": "; ".join(wrong),
        "folder": str(settings.models_dir / pack.name),
        "metric": pack.metric,
        "files": own_packs.files(pack) if isinstance(pack, OwnPack) else files,
    }


def _describe_attributes(settings: Settings) -> dict[str, Any]:
    """The networks for attributes, as `_describe` has a pack."""
    problems = registry.check_attributes(settings.models_dir)
    wrong = [f"{file} {problem}" for file, problem in problems.items() if problem]
    return {
        "installed": not wrong,
        "problem": "; ".join(wrong),
        "folder": str(settings.models_dir / ATTRIBUTES.name),
        "files": [_source(part) for part in ATTRIBUTES.parts] + [_text(one) for one in ATTRIBUTES.texts],
    }


def _source(part: Part) -> dict[str, Any]:
    return {
        "file": part.file,
        "what": part.what,
        "author": part.author,
        "licence": part.licence,
        "home": part.home,
        "trained_on": part.trained_on,
        "package": f"{part.archive.package}=={part.archive.version}",
        "package_sha256": part.archive.sha256,
        "member": part.member.path,
        "size": part.member.size,
        "sha256": part.member.sha256,
    }


def _text(text: Text) -> dict[str, Any]:
    own = ("file", "what", "author", "licence", "home")
    return {name: getattr(text, name) for name in own} | {"trained_on": "", "package": "kenspeckle"}


def _show(files: list[dict[str, Any]]) -> None:
    for one in files:
        say(f"  {one['file']}: {one['what']}")
        say(f"    licence  {one['licence']}, {one['author']}, {one['home']}")
        if "member" in one:
            source = f"{one['package'] or 'your own'}, {one['member']}"
            say(f"    source   {source}, {one['size']:,} bytes, sha256 {one['sha256']}", "dim")
        if one["trained_on"]:
            say(f"    trained on {one['trained_on']}")
    say("")


app.command()(own_packs.add)
app.command()(own_packs.remove)
app.command()(calibrate)
