"""`python -m spatial_edit ablate FAMILY`: train a family's ablations and write one table."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path
from typing import Any

MAX_SEEDS, MAX_IMAGES = 32, 10_000_000


def add_parser(commands: _SubParsersAction[Any]) -> None:
    """Add `ablate` to the command line."""
    text = "train a family's ablations from several seeds, write one table"
    parser: ArgumentParser = commands.add_parser("ablate", help=text, description=text)
    parser.add_argument("family", choices=("spatialgan",), help="the only one with ablations of its own")
    parser.add_argument("--images", type=int, default=3_200, help="images a run (default 3200)")
    parser.add_argument("--seeds", default="0,1,2", help="whole numbers with commas between (default 0,1,2)")
    parser.add_argument("--rows", default="", help="names with commas between (default: all)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for table and runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Train what the options ask for. ValueError for seeds, rows or images that cannot be."""
    from spatial_edit.train.spatial_ablations import ROWS, ablate, markdown

    seeds = _seeds(options.seeds)
    rows = [name.strip() for name in options.rows.split(",") if name.strip()] or list(ROWS)
    if strange := [name for name in rows if name not in ROWS]:
        raise ValueError(f"there is no row '{strange[0][:40]}': choose of {', '.join(ROWS)}")
    if not 16 <= options.images <= MAX_IMAGES:
        raise ValueError(f"--images is {options.images}: use 16 to {MAX_IMAGES:,}")
    if options.out.exists() and not options.out.is_dir():
        raise ValueError(f"--out {options.out} is a file: give a folder")
    content = ablate(rows, seeds, options.images, options.out, lambda text: print(text, file=sys.stderr))
    print(json.dumps(content, indent=1) if options.json else markdown(content["rows"]))
    return 0


def _seeds(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not 1 <= len(parts) <= MAX_SEEDS or not all(part.isdecimal() and len(part) < 10 for part in parts):
        raise ValueError(f"--seeds is {text[:60]!r}: give 1 to {MAX_SEEDS} whole numbers, as 0,1,2")
    return sorted({int(part) for part in parts})
