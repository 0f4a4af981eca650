"""`python -m spatial_edit COMMAND`: models, import, push, generate, edit, parse, train, evaluate, bench ..

The command line and its errors; what the commands do is in commands.py. Exit code 0 when all went well, 2
with one sentence on standard error for bad input, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from spatial_edit import bench, drag_command
from spatial_edit import commands as run
from spatial_edit.foreign import command as foreign
from spatial_edit.train import ablate_command

DEFAULT_MODEL = "box3d-rooms"
PARSING_MODEL = "blobgan-rooms"  # comes closer to photos that show no room
EFFORTS = ("encode", "refine", "tune")
EDITS = """\
Edits of blobs (target: an element's number; fractions of the side; the whole table: edits/ops.py):
  {"op": "move", "target": 3, "dx": 0.1, "dy": 0}, resize and reshape with factor, rotate with angle, set
  with x y size aspect angle, draw with points, reorder with to, clone with dx and dy, remove, hide, show,
  lock, unlock; looks: opacity with value, restyle with row seed share, mix with share, unstyle, recolour
  with colour ("#rrggbb"), swap with with. Several (targets): group with dx dy factor angle, align with edge,
  distribute with axis. The whole layout: add with row x y size aspect angle, draw with points and row,
  background with seed, surface with surface and colour, appearance with seed.

The whole scene (blobs; the whole table: session/scene_ops.py):
  {"op": "complete", "keep": [1, 4], "seed": 7}, relayout with seed, morph with code and share, truncate with
  amount; for boxes too: protect with mask (base64 of 64 x 64 bits, 1 = may change), unprotect.

Edits of boxes in a room (metres; x right, y up, z to the back wall; the whole table: edits/boxes3d.py):
  {"op": "slide", "target": 1, "dx": 0.4, "dz": 0}, place with x and z, lift with dy, turn with quarters,
  resize with fx fy fz or hx hy hz, swap with with, stack with on, recolour with r g b, restyle with variant,
  clone, remove, hide, show, lock, unlock; {"op": "add", "class": "plant"}, {"op": "camera", "orbit": 0.2},
  {"op": "room", "width": 4.5}, {"op": "surface", "surface": "walls", "r": 0.9, "g": 0.8, "b": 0.7},
  {"op": "light", "time": "evening"}. "carry": false leaves behind what stands on the thing, "snap": false
  leaves it away from walls. `generate --json` and `edit --json` print the layout with its numbers.
"""


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message[:300]} (try --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. A wrong command line raises SystemExit(2), as argparse does."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except ImportError as error:
        from spatial_edit.runtime import import_advice

        return _complain(import_advice(error), 2)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return _complain(f"{error.strerror or error}{where}", 2)
    except ValueError as error:
        return _complain(str(error), 2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m spatial_edit", description="Edit pictures by moving their layout.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_models(commands)
    _add_generate(commands)
    _add_edit(commands)
    drag_command.add_parser(commands)
    _add_complete(commands)
    _add_morph(commands)
    _add_vary(commands)
    _add_parse(commands)
    _add_rooms(commands)
    _add_train(commands)
    ablate_command.add_parser(commands)
    _add_evaluate(commands)
    _add_reference_stats(commands)
    _add_co_move(commands)
    foreign.add_parsers(commands)
    bench.add_parser(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction, run: Callable[[argparse.Namespace], int], name: str, text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", help="cpu (default), auto, cuda, cuda:N or mps")


def _add_result(parser: argparse.ArgumentParser) -> None:
    """Where the picture goes and parsed scenes lie, for commands that open a code."""
    parser.add_argument("--out", type=Path, help="write the picture to this PNG file")
    parser.add_argument(
        "--store", help="folder or address where parsed scenes lie (default: SPATIAL_EDIT_STORE)"
    )
    _add_device(parser)
    _add_json(parser)


def _add_models(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.models, "models", "list the models and their measured scores")
    _add_json(parser)


def _add_generate(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.generate, "generate", "draw the scene of a seed and print its code")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help=f"a name from `models`, or hf:owner/name@revision (default {DEFAULT_MODEL})",
    )
    parser.add_argument("--seed", type=int, default=0, help="0 to 4294967295 (default 0)")
    parser.add_argument("--truncation", type=float, default=0.0, help="0 none (default) to 1 the mean")
    parser.add_argument("--towards", type=int, metavar="SEED", help="a room between two seeds")
    parser.add_argument("--share", type=float, default=0.5, help="how far --towards (0 to 1, default 0.5)")
    parser.add_argument("--out", type=Path, help="write the picture to this PNG file")
    _add_device(parser)
    _add_json(parser)


def _add_edit(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.edit, "edit", "change the scene of a code, print the new code")
    parser.add_argument("code", help="what generate, edit or parse printed")
    parser.add_argument(
        "edit",
        help="an edit or an array of edits as JSON, '-' to read it from standard input; see below",
    )
    parser.epilog = EDITS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_result(parser)


def _add_complete(commands: argparse._SubParsersAction) -> None:
    text = "lay out anew what is not kept of a code's scene"
    parser = _command(commands, run.complete, "complete", text)
    parser.add_argument("code", help="what generate, edit or parse printed")
    parser.add_argument(
        "--keep", type=int, nargs="*", default=(), metavar="NUMBER", help="elements that stay as they are"
    )
    parser.add_argument("--seed", type=int, default=0, help="0 to 4294967295 (default 0)")
    _add_result(parser)


def _add_morph(commands: argparse._SubParsersAction) -> None:
    text = "a scene on the way from one code's to another's (blobs)"
    parser = _command(commands, run.morph, "morph", text)
    parser.add_argument("code", help="where it begins: what generate, edit or parse printed")
    parser.add_argument("other", help="where it goes: the code of a scene that was made from a seed")
    parser.add_argument("--share", type=float, default=0.5, help="how far (0 to 1, default 0.5)")
    _add_result(parser)


def _add_vary(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.vary, "vary", "another room that keeps a part of a code's room")
    parser.add_argument("code", help="what generate, edit or parse printed, of a model with boxes in a room")
    parser.add_argument(
        "kind",
        choices=("fill", "restyle", "rehouse"),
        help="fill: the elements of --keep stay; restyle: the furniture stays, its looks change; "
        "rehouse: the looks stay, the room changes",
    )
    parser.add_argument("--seed", type=int, default=0, help="0 to 4294967295 (default 0)")
    parser.add_argument(
        "--keep", type=int, nargs="*", default=(), metavar="NUMBER", help="elements that stay (fill)"
    )
    _add_result(parser)


def _add_parse(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.parse, "parse", "turn photos into scenes: a picture and a code for each")
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="image files")
    parser.add_argument(
        "--model",
        default=PARSING_MODEL,
        help=f"a name from `models`, or hf:owner/name@revision (default {PARSING_MODEL})",
    )
    parser.add_argument(
        "--effort", choices=EFFORTS, default="encode", help="encode (default), refine or tune"
    )
    parser.add_argument(
        "--fit", choices=("crop", "letterbox"), default="crop", help="how a photo becomes a square"
    )
    parser.add_argument("--seconds", type=float, help="time for each photo (default: the effort's own)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the pictures")
    parser.add_argument("--store", help="where the scenes go (default: SPATIAL_EDIT_STORE, else DIR/scenes)")
    _add_device(parser)
    _add_json(parser)


def _add_rooms(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.rooms, "rooms", "draw a contact sheet of procedural bedrooms")
    parser.add_argument("--count", type=_whole(1, 1024), default=64, help="number of rooms (default 64)")
    parser.add_argument("--seed", type=_whole(0, 2**32 - 1), default=0, help="0 to 4294967295 (default 0)")
    parser.add_argument("--resolution", type=_whole(16, 512), default=64, help="pixels a side (default 64)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file")


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.train, "train", "train a model: a recipe, for a time")
    parser.add_argument("recipe", help="a recipe's name; an unknown one lists them all")
    parser.add_argument("--minutes", type=float, default=1.0, help="time budget (default 1)")
    parser.add_argument("--resume", action="store_true", help="go on from the last state in DIR")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="fields",
        help="change a field of the recipe",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default runs/RECIPE)")
    _add_json(parser)


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = _command(commands, run.evaluate, "evaluate", "measure a model and write its metrics.json")
    parser.add_argument("model", help="a name from `models`")
    parser.add_argument("--quick", action="store_true", help="few samples: a check, not a result")
    parser.add_argument(
        "--stage",
        action="append",
        default=[],
        metavar="STAGE",
        help="measure this part alone, as quality or steering (may be repeated); an unknown one lists them",
    )
    parser.add_argument(
        "--parse", action="store_true", help="measure photo parsing instead (more than an hour)"
    )
    parser.add_argument("--rooms", type=_whole(0, 10_000), help="with --parse: how many rooms (default 200)")
    parser.add_argument(
        "--photos", type=_whole(0, 10_000), help="with --parse: how many photos (default all)"
    )
    parser.add_argument(
        "--tuned", type=_whole(0, 10_000), help="with --parse: how many of the rooms are tuned too (a tenth)"
    )
    parser.add_argument(
        "--backbone",
        metavar="NETWORK",
        help="name or folder of an imported Inception, for the FID, of a SqueezeNet, for photos, or "
        "with --parse of an LPIPS",
    )
    parser.add_argument(
        "--real",
        type=Path,
        metavar="PHOTOS",
        help="real pictures instead of rendered rooms; those of a model of photos give precision and recall",
    )
    parser.add_argument("--out", type=Path, help="JSON file (default: the model's own metrics.json)")
    _add_json(parser)


def _add_co_move(commands: argparse._SubParsersAction) -> None:
    text = "move elements of a model's scenes: how much of the way does what is seen of them go?"
    parser = _command(commands, run.co_move, "co-move", text)
    parser.add_argument("model", help="a name from `models`, or hf:owner/name@revision")
    parser.add_argument(
        "--detector",
        choices=("rooms-judge", "rooms-segmenter", "features"),
        default="rooms-judge",
        help="what finds a thing again: a network that knows rooms (default rooms-judge), or for other "
        "pictures the features of a patch",
    )
    parser.add_argument("--scenes", type=_whole(1, 100_000), default=500, help="how many (default 500)")
    parser.add_argument("--seed", type=_whole(0, 2**32 - 1), default=0, help="of the first (default 0)")
    parser.add_argument(
        "--level",
        type=_whole(0, 2),
        action="append",
        default=[],
        help="of heatmaps: only centres of this level (may be repeated)",
    )
    _add_device(parser)
    _add_json(parser)


def _add_reference_stats(commands: argparse._SubParsersAction) -> None:
    text = "measure a set of photos, for `evaluate` to compare models of them with"
    parser = _command(commands, run.reference_stats, "reference-stats", text)
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="a folder or zip of photos")
    parser.add_argument("--backbone", metavar="NETWORK", help="an imported SqueezeNet: its name or folder")
    parser.add_argument("--name", help="what the set is called (default: the name of PHOTOS)")
    parser.add_argument("--side", type=_whole(32, 1024), default=64, help="pixels a side (default 64)")
    parser.add_argument(
        "--count", type=_whole(2, 1_000_000), default=10_000, help="framed pictures (default 10000)"
    )
    parser.add_argument(
        "--as-they-are", action="store_true", help="every photo once, instead of in random frames"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="reference_stats.safetensors in the model's folder",
    )
    _add_json(parser)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from {low} to {high}")
        return number

    return parse


def _complain(sentence: str, code: int) -> int:
    print(f"error: {' '.join(sentence.split())[:600]}", file=sys.stderr)
    return code
