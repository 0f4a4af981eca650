"""`python -m spatial_edit drag`: points of a picture are dragged to where they should be; the picture, or a
film of its way, goes to a file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spatial_edit.edits.drag import DragStep
    from spatial_edit.session import Frame, Session

FILMS = (".gif", ".mp4")
MODES, SPACES = ("auto", "latent", "joint", "coarse"), ("w", "w+")
HELP = "drag points of a picture to where they should be"
EPILOG = """\
Every --move is x,y,tx,ty in fractions of the side, from the top left corner: what is at x, y is to come to
tx, ty. A mask is a picture, white where the picture may change. Modes: latent changes the code alone, joint
the code and the layout's centres in turn, coarse moves near centres first; auto is coarse where a model has
centres.
A drag that does not arrive says why, and gives the best state that it saw.
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """The command and its arguments."""
    parser: argparse.ArgumentParser = commands.add_parser("drag", help=HELP, description=HELP)
    parser.set_defaults(run=drag)
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", nargs="?", help="a name from `models`; not with --code")
    parser.add_argument("--seed", type=int, default=0, help="0 to 4294967295 (default 0)")
    parser.add_argument("--truncation", type=float, default=0.0, help="0 none (default) to 1 the mean")
    parser.add_argument("--code", help="begin with this scene: what generate, edit or parse printed")
    parser.add_argument(
        "--move", action="append", default=[], metavar="X,Y,TX,TY", dest="moves", help="may be repeated"
    )
    parser.add_argument("--mask", type=Path, help="a picture, white where the picture may change")
    parser.add_argument("--mode", choices=MODES, default="auto")
    parser.add_argument("--space", choices=SPACES, default="w+", help="of the code (default w+)")
    parser.add_argument("--steps", type=int, help="at most so many (default 300)")
    parser.add_argument("--rate", type=float, help="how far a step changes the code (default 0.002)")
    parser.add_argument("--out", type=Path, help="the picture (.png), or a film of the drag (.gif, .mp4)")
    parser.add_argument("--store", help="folder or address where scenes lie (default: SPATIAL_EDIT_STORE)")
    parser.add_argument("--device", default="cpu", help="cpu (default), auto, cuda, cuda:N or mps")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def drag(options: Namespace) -> int:
    """One drag from the command line."""
    _check_out(options.out)
    moves, mask = [_move(text) for text in options.moves], _mask(options.mask)
    session = _opened(options)
    film = options.out is not None and options.out.suffix.lower() in FILMS
    settings: dict[str, object] = {"mode": options.mode, "space": options.space}
    settings |= {"picture_every": 1 if film else 50}
    settings |= {"steps": options.steps} if options.steps is not None else {}
    settings |= {"learning_rate": options.rate} if options.rate is not None else {}
    steps: list[DragStep] = []
    started = time.perf_counter()
    frame = session.drag(moves, mask, settings, watch=steps.append)
    seconds = time.perf_counter() - started
    if options.out is not None:
        _write(steps, moves, options.out)
    return _report(frame, steps[-1], seconds, options)


def _opened(options: Namespace) -> Session:
    """A session that shows the scene to be dragged."""
    from spatial_edit.generators.registry import load
    from spatial_edit.runtime import choose
    from spatial_edit.session import Session
    from spatial_edit.store import Store

    device = choose(options.device).device
    store = Store(options.store) if options.store else Store.from_environment()
    session = Session(lambda name: load(name, device=device), store)
    if bool(options.code) == bool(options.model):
        raise ValueError("say what to drag: a model and --seed, or --code")
    if options.code:
        session.open(options.code)
    else:
        session.generate(options.model, options.seed, options.truncation)
    return session


def _move(text: str) -> dict[str, float]:
    """X,Y,TX,TY; ValueError unless they are four numbers."""
    parts = text.split(",")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) in (2, 3) or (len(values) == 4 and not all(map(str.strip, parts))):
        raise ValueError(f"--move {text[:60]!r} has a handle without a target: write x,y,tx,ty")
    if len(values) != 4:
        raise ValueError(f"--move {text[:60]!r} is not four numbers: write for example 0.4,0.5,0.6,0.5")
    return dict(zip(("x", "y", "to_x", "to_y"), values, strict=True))


def _mask(path: Path | None) -> str | None:
    """The mask of a picture's bright half, as text."""
    from spatial_edit.images import open_photo, to_square
    from spatial_edit.layouts.guard_codec import mask_to_text
    from spatial_edit.layouts.scene import GUARD_SIDE

    if path is None:
        return None
    return mask_to_text(to_square(open_photo(path), GUARD_SIDE).mean(0) > 0)


def _check_out(path: Path | None) -> None:
    """Before the work: a file that cannot be written is said at once."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {str(path.parent)!r}: make it first, or choose another --out")
    if path.suffix.lower() not in (".png", *FILMS):
        raise ValueError(f"--out is {path.name!r}: give it a name that ends in .png, .gif or .mp4")


def _write(steps: list[DragStep], moves: list[dict[str, float]], path: Path) -> None:
    """The last picture, or the film of all pictures; whole or not at all."""
    import torch

    from spatial_edit.images import save_png
    from spatial_edit.layouts import Points
    from spatial_edit.session.drag_film import Frames

    last = steps[-1].picture
    assert last is not None
    if path.suffix.lower() not in FILMS:
        save_png(last, path)
        return
    targets = torch.tensor([[move["to_x"], move["to_y"]] for move in moves])
    frames = Frames(Points(targets, targets, ids=tuple(range(len(moves)))))
    for step in steps:
        if step.picture is not None:
            frames.add(step.picture, step.points)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(frames.file(path.suffix.lower()[1:], marks=True))
    temporary.replace(path)


def _report(frame: Frame, last: DragStep, seconds: float, options: Namespace) -> int:
    if options.json:
        facts: dict[str, object] = {"model": frame.scene.model, "state": last.state, "note": last.note}
        facts |= {"steps": last.number, "distance": last.distance, "seconds": seconds}
        facts |= {"points": last.points.tolist(), "code": frame.code}
        facts["out"] = str(options.out) if options.out else None
        print(json.dumps(facts, indent=1, allow_nan=False))
        return 0
    if last.note:
        print(f"note: {last.note}", file=sys.stderr)
    print(f"{last.state} after {last.number} steps, {seconds:.1f} s; {last.distance:.3f} of the side is left")
    print(frame.code)
    return 0
