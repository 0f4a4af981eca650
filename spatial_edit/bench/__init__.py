"""What `python -m spatial_edit bench` runs: one measurement a name, each in a module of its own.

A measurement is a `Bench`: its options, and a function that measures and gives figures. Its module is
imported only when it is asked for: what it needs (a browser, a GPU) need not be there for the others.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

Figures = dict[str, object]  # JSON: what a bench prints with --json and writes with --out


class BenchError(ValueError):
    """A measurement that could not be made, with what to do about it."""


@dataclass(frozen=True)
class Bench:
    """`module` has `run(options) -> Figures` and `table(figures) -> str`; `options` adds its arguments."""

    text: str
    module: str
    options: Callable[[ArgumentParser], None]


def _ui_options(parser: ArgumentParser) -> None:
    parser.add_argument("--model", default="blobgan-rooms", help="the model (default blobgan-rooms)")
    parser.add_argument(
        "--drags", type=int, default=5, help="drags, of which medians are printed (default 5)"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a drag (default 3)")


def _screens_options(parser: ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path("docs/screens"), help="default docs/screens")


def _drag_options(parser: ArgumentParser) -> None:
    parser.add_argument("--model", default="spatialgan-cats", help="with centres (default spatialgan-cats)")
    parser.add_argument("--baseline", default="stylegan2-cats", help="without (default stylegan2-cats)")
    parser.add_argument("--moves", type=int, default=50, help="drags of each length (default 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture (default 0)")
    parser.add_argument("--threads", type=int, default=2, help="that torch computes with (default 2)")
    parser.add_argument("--rate", type=float, default=0.002, help="Adam's, for codes (default 0.002)")
    parser.add_argument(
        "--part",
        action="append",
        choices=("moves", "steps", "sel", "reach"),
        help="only this (may be repeated)",
    )
    parser.add_argument("--quick", action="store_true", help="few and small: a check, not a result")


BENCHES = {
    "ui": Bench(
        "drag a blob in headless Chromium: pictures a second, their age, the page's weight",
        "spatial_edit.bench.ui",
        _ui_options,
    ),
    "screens": Bench(
        "screenshots of every tab (desktop, phone, dark) into a folder",
        "spatial_edit.bench.screens",
        _screens_options,
    ),
    "drag": Bench(
        "drag points: alone, with centres, after a coarse move; the time of a step and of the encoding",
        "spatial_edit.bench.drag",
        _drag_options,
    ),
}


def add_parser(commands: _SubParsersAction[Any]) -> None:
    """Add `bench NAME` to the command line."""
    text = "measure how fast the project is on this machine"
    parser = commands.add_parser("bench", help=text, description=text)
    names = parser.add_subparsers(title="benches", required=True, metavar="NAME")
    for name, bench in BENCHES.items():
        one = names.add_parser(name, help=bench.text, description=bench.text)
        bench.options(one)
        one.add_argument("--json", action="store_true", help="print one JSON object")
        one.add_argument("--out", type=Path, metavar="FILE", help="write the figures to this JSON file too")
        one.set_defaults(run=run, bench=name)


def run(options: Namespace) -> int:
    """Run one bench and print what it measured; the load of the machine before it goes to standard error."""
    module = import_module(BENCHES[options.bench].module)
    print(f"load average before the run: {' '.join(map(str, load()))}", file=sys.stderr)
    figures: Figures = module.run(options)
    text = json.dumps(figures, indent=2)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    print(text if options.json else module.table(figures))
    return 0


def load() -> list[float]:
    """The load average of the last 1, 5 and 15 minutes; empty where the system has none."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []
