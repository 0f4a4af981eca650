"""The command line of models that people add: import, push, forget, fuzz (cli.py puts them in)."""

from __future__ import annotations

import json
import sys
from argparse import Namespace, _SubParsersAction
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spatial_edit.foreign.writer import ImportedModel
    from spatial_edit.generators.contract import ModelSpec


def add_parsers(commands: _SubParsersAction[Any]) -> None:
    """Add `import` and the others to the command line."""
    _add_import(commands)
    _add_push(commands)
    _add_forget(commands)
    _add_fuzz(commands)


def _add_import(commands: _SubParsersAction[Any]) -> None:
    text = "add another project's checkpoint, or a model of the hub, as a model; nothing in it is executed"
    parser = commands.add_parser("import", help=text, description=text)
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a .pkl, .pt, .pth, .ckpt or .safetensors file, or hf:owner/name@revision",
    )
    parser.add_argument("--as", dest="name", metavar="NAME", help="the model's name (default: the file's)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for models (default: the added ones)")
    parser.add_argument("--licence", "--license", help="the licence of the weights, in your words")
    parser.add_argument("--source", help="where the file comes from: an address, a paper")
    parser.add_argument("--mean", type=Path, metavar="FILE", help="a mean latent in a file of its own")
    parser.add_argument(
        "--with", dest="beside", metavar="FILE", type=Path, help="a second file: the heads of an LPIPS"
    )
    parser.add_argument("--onto", metavar="MODEL", help="the added model that this network belongs to")
    parser.add_argument("--replace", action="store_true", help="replace the added model of this name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_import)


def _add_push(commands: _SubParsersAction[Any]) -> None:
    text = "upload a model to the hub in one commit; the token is that of HF_TOKEN or of a login"
    parser = commands.add_parser("push", help=text, description=text)
    parser.add_argument("model", metavar="MODEL", help="a name from `models`")
    parser.add_argument("repo", metavar="OWNER/NAME", help="the repository, which is made when there is none")
    parser.add_argument("--private", action="store_true", help="make it private when it is made")
    parser.add_argument("--revision", default="", metavar="BRANCH", help="the branch (default main)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_push)


def _add_forget(commands: _SubParsersAction[Any]) -> None:
    text = "remove a model that was added"
    parser = commands.add_parser("forget", help=text, description=text)
    parser.add_argument("model", metavar="MODEL", help="a name from `models`")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for models (default: the added ones)")
    parser.set_defaults(run=run_forget)


def _add_fuzz(commands: _SubParsersAction[Any]) -> None:
    text = "damage checkpoints in every way and read them: nothing may happen but a refusal"
    parser = commands.add_parser("fuzz", help=text, description=text)
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="checkpoints beside our own small ones"
    )
    parser.add_argument("--only-files", action="store_true", help="damage the files alone")
    parser.add_argument("--count", type=int, default=1000, help="damaged copies in all (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_fuzz)


def run_import(options: Namespace) -> int:
    """A file, or a model of the hub, becomes a model's folder."""
    made = _imported(options)
    if options.json:
        facts: dict[str, object] = {"name": made.name, "folder": str(made.folder), "format": made.format}
        facts |= {"title": made.spec.title, "family": made.spec.family}
        facts |= {"resolution": made.spec.resolution, "licence": made.spec.licence}
        _print_json({**facts, "parts": list(made.parts), "notes": list(made.notes)})
        return 0
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"{made.name}: {made.format} → {made.folder}")
    return 0


def _imported(options: Namespace) -> ImportedModel:
    from spatial_edit.foreign.content import ImportOptions
    from spatial_edit.foreign.writer import import_file, import_hub
    from spatial_edit.hub.ids import is_address

    said = {"name": options.name, "out": options.out, "licence": options.licence, "source": options.source}
    if not is_address(options.file):
        extra = ImportOptions(mean=options.mean, beside=options.beside)
        path = _file(options.file)
        return import_file(path, **said, options=extra, onto=options.onto, replace=options.replace)
    if options.onto or options.mean or options.beside:
        raise ValueError("--onto, --mean and --with are for files: a model of the hub comes whole")
    return import_hub(options.file, **said, replace=options.replace)


def _file(said: str) -> Path:
    """A file's path; ValueError for addresses, folders and what is not there, before a name is chosen."""
    from spatial_edit.generators.imported import models_folder

    if said.lower().startswith(("http://", "https://")):
        raise ValueError(
            "an address is not fetched: download the file and name it; a model of the hub is hf:owner/name"
        )
    path = Path(said)
    if path.is_dir():
        raise ValueError(
            f"{path.name} is a folder: name the checkpoint in it; a model of this program is copied as it is "
            f"to {models_folder()}"
        )
    if not path.exists():
        raise ValueError(f"there is no file {said[:200]!r}: check the path")
    return path


def run_push(options: Namespace) -> int:
    """A model's folder becomes a commit on the hub."""
    from spatial_edit.foreign.card import card
    from spatial_edit.generators import registry
    from spatial_edit.generators.imported import FACTS_NAME, facts_json, facts_of
    from spatial_edit.hub.push import push

    spec = registry.find(options.model)
    if spec.folder is None:
        raise ValueError(f"{spec.name} has no folder: there is nothing to push")
    registry.check_files(spec)
    facts = facts_of(spec)
    texts = {FACTS_NAME: facts_json(facts), "README.md": card(spec.name, facts)}
    address = push(spec.folder, options.repo, texts, options.private, options.revision)
    if options.json:
        _print_json(
            {"model": spec.name, "repo": address.repo, "commit": address.revision, "id": str(address)}
        )
    else:
        print(address)
    return 0


def run_forget(options: Namespace) -> int:
    """An added model's folder is deleted."""
    from spatial_edit.foreign.folders import remove

    print(f"removed {remove(options.model, options.out)}")
    return 0


def run_fuzz(options: Namespace) -> int:
    """Damaged copies through the reader; the exit code is 1 when anything happened that may not."""
    from spatial_edit.foreign.fuzzing.fuzz import fuzz, table

    figures = fuzz(options.count, options.seed, options.files, options.only_files)
    if options.json:
        _print_json(figures)
    else:
        print(table(figures))
    return 1 if figures["failures"] else 0


def provenance(spec: ModelSpec) -> dict[str, object]:
    """What `models` says of an added model beside its row; {} for those that come with the program."""
    from spatial_edit.generators.imported import FACTS_NAME, read_facts

    if spec.folder is None or not (spec.folder / FACTS_NAME).is_file():
        return {}
    facts = read_facts(spec.folder)
    return {"source": facts.source, "format": facts.format, "sha256": facts.sha256}


def _print_json(content: Mapping[str, object]) -> None:
    print(json.dumps(content, indent=1, allow_nan=False))
