"""The command line of models that people add: import, push, forget (cli.py puts them in)."""

from __future__ import annotations

import json
import sys
from argparse import Namespace, _SubParsersAction
from pathlib import Path
from typing import Any


def add_parsers(commands: _SubParsersAction[Any]) -> None:
    """Add `import` and the others to the command line."""
    _add_import(commands)


def _add_import(commands: _SubParsersAction[Any]) -> None:
    text = "add another project's checkpoint as a model; nothing in the file is executed"
    parser = commands.add_parser("import", help=text, description=text)
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a .pkl, .pt, .pth, .ckpt or .safetensors file"
    )
    parser.add_argument("--as", dest="name", metavar="NAME", help="the model's name (default: the file's)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for models (default: the added ones)")
    parser.add_argument("--licence", "--license", help="the licence of the weights, in your words")
    parser.add_argument("--source", help="where the file comes from: an address, a paper")
    parser.add_argument("--mean", type=Path, metavar="FILE", help="a mean latent in a file of its own")
    parser.add_argument("--onto", metavar="MODEL", help="the added model that this network belongs to")
    parser.add_argument("--replace", action="store_true", help="replace the added model of this name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run_import)


def run_import(options: Namespace) -> int:
    """A file becomes a model's folder."""
    from spatial_edit.foreign.content import ImportOptions
    from spatial_edit.foreign.writer import import_file

    made = import_file(
        options.file,
        options.name,
        options.out,
        options.licence,
        options.source,
        ImportOptions(mean=options.mean),
        options.onto,
        options.replace,
    )
    if options.json:
        facts: dict[str, object] = {"name": made.name, "folder": str(made.folder), "format": made.format}
        facts |= {"title": made.spec.title, "family": made.spec.family}
        facts |= {"resolution": made.spec.resolution, "licence": made.spec.licence}
        print(json.dumps({**facts, "parts": list(made.parts), "notes": list(made.notes)}, indent=1))
        return 0
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"{made.name}: {made.format} → {made.folder}")
    return 0
