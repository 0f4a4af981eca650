"""How well photos become scenes: likeness, time and editability of each effort.

Rooms that no model was trained on (seed 900000) and the photos of `photos_folder()`: PSNR, SSIM, LPIPS
where its weights are present, and seconds, as plain means over the set (metrics/photo.py). Editability of
the parsed rooms: parse_edits.py. After tuning to a photo the decoder must still steer: co-move over
samples drawn by the tuned copies, divided by co-move over the same samples drawn by the bundled weights.
"""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.data.rooms import render, sample_rooms
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.images import Photo, PhotoError, open_photo, save_png, to_png_bytes
from spatial_edit.layouts import Scene
from spatial_edit.metrics.backbones import Likeness, load_likeness
from spatial_edit.metrics.box_parse import Places, RoomPair, room_edit_error, room_pairs, shares
from spatial_edit.metrics.box_truth import box_truth
from spatial_edit.metrics.co_move import SIX, BlobModel, Steering, measure_moves
from spatial_edit.metrics.evaluate import Figures, hardware, merge
from spatial_edit.metrics.features import load_judge
from spatial_edit.metrics.parse_edits import EditError, Pair, edit_error, edit_figures, pairs
from spatial_edit.metrics.photo import psnr, ssim
from spatial_edit.nn.judge import Judge
from spatial_edit.parse import EFFORTS, Parsed, parse_photo

ROOMS_SEED = 900_000  # training pools begin at 0
WORST = 5
FORMATS = (".webp", ".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Sizes:
    """How many rooms, rooms that are tuned too, photos, tuned copies for co-move, and samples a copy;
    budgets.
    """

    rooms: int = 200
    tuned_rooms: int = 20
    photos: int = 1000
    copies: int = 20
    samples: int = 12
    seconds: dict[str, float] = field(default_factory=dict)  # of an effort, its usual ones unless given
    steps: dict[str, int] = field(default_factory=dict)  # of an effort, instead of seconds


QUICK = Sizes(3, 1, 2, 1, 6, {"refine": 4.0, "tune": 12.0})  # a check, not a result
Say = Callable[[str], None]
Parsing = BlobGenerator | Box3DGenerator


@dataclass
class Tally:
    """Parsed photos of one set by one effort."""

    parsed: list[Parsed] = field(default_factory=list)

    def figures(self, prefix: str, lpips: Likeness | None) -> Figures:
        """`<prefix>_psnr`, `_ssim`, `_lpips`, and `_count`; nothing for an empty set."""
        if not self.parsed:
            return {}
        made, wanted = self.pictures()
        figures: Figures = {
            f"{prefix}_psnr": _rounded(psnr(made, wanted).clamp(max=99.0)),
            f"{prefix}_ssim": _rounded(ssim(made, wanted)),
            f"{prefix}_count": len(self.parsed),
        }
        return (
            figures
            if lpips is None
            else figures | {f"{prefix}_lpips": _rounded(lpips.distance(made, wanted))}
        )

    def pictures(self) -> tuple[Tensor, Tensor]:
        """Reconstructions and originals (B, 3, R, R)."""
        made = torch.stack([p.reconstruction for p in self.parsed])
        return made, torch.stack([p.original for p in self.parsed])

    def worst(self) -> Tensor:
        """(3, 2R, 5R): the five of the lowest PSNR, originals above their reconstructions."""
        made, wanted = self.pictures()
        order = psnr(made, wanted).argsort()[:WORST]
        rows = [torch.cat(list(pictures[order].clamp(-1, 1)), 2) for pictures in (wanted, made)]
        return torch.cat(rows, 1)


Tallies = dict[tuple[str, str], Tally]  # by set ("rooms", "photos") and effort


def evaluate_parse(
    model: str,
    quick: bool = False,
    out: Path | None = None,
    say: Say | None = None,
    rooms: int | None = None,
    photos: int | None = None,
    tuned: int | None = None,
    backbone: str | Path | None = None,
) -> Figures:
    """Measure parsing by a model of the registry and merge the figures into `out` (default: its
    metrics.json; `quick` writes only where `out` says). The worst five are drawn beside it,
    `parse_worst_<set>_<effort>.png`. `rooms`, `photos` and `tuned` (rooms that are tuned too, else a tenth)
    replace the usual counts; what a count of 0 leaves out stays in the file as it was. backbone: an imported
    LPIPS by name or folder, instead of the one that is found.

    ValueError for a model that is unknown, has no weights or cannot parse.
    """
    from spatial_edit.generators.registry import load

    generator = load(model)
    if not isinstance(generator, BlobGenerator | Box3DGenerator):
        raise ValueError(f"the model '{model}' cannot parse photos: choose one of blobs or boxes")
    say = say or (lambda text: print(text, file=sys.stderr, flush=True))
    sizes = QUICK if quick else Sizes()
    if rooms is not None:
        sizes = replace(sizes, rooms=rooms, tuned_rooms=rooms // 10 if tuned is None else tuned)
    if photos is not None:
        sizes = replace(sizes, photos=photos)
    figures, tallies = measure_parse(generator, sizes, say, load_likeness(backbone))
    figures |= {
        "parse_hardware": hardware(),
        "parse_date": datetime.date.today().isoformat(),
    }
    given = {"rooms": rooms, "photos": photos, "tuned": tuned}
    command = f"python -m spatial_edit evaluate {model} --parse" + (" --quick" if quick else "")
    command += "".join(f" --{name} {count}" for name, count in given.items() if count is not None)
    command += f" --backbone {Path(backbone).name}" if backbone is not None else ""
    figures |= {f"parse_{where}_command": command for where in ("rooms", "photos") if given[where] != 0}
    folder = None if quick or generator.spec.folder is None else generator.spec.folder
    target = out or (folder / "metrics.json" if folder else None)
    if target is None:
        return figures
    for (where, effort), tally in tallies.items():
        if tally.parsed and effort == ("refine" if where == "rooms" else "tune"):
            save_png(tally.worst(), target.parent / f"parse_worst_{where}_{effort}.png")
    return merge(target, figures)


def measure_parse(
    generator: Parsing, sizes: Sizes, say: Say, lpips: Likeness | None = None
) -> tuple[Figures, Tallies]:
    """All figures of a loaded model, and what was parsed."""
    tallies: Tallies = {(where, effort): Tally() for where in ("rooms", "photos") for effort in EFFORTS}
    figures = _rooms(generator, sizes, tallies, say)
    for number, (file, photo) in enumerate(photos(sizes.photos)):
        results = [_parse(generator, photo, effort, sizes) for effort in EFFORTS]
        for effort, parsed in zip(EFFORTS, results, strict=True):
            tallies["photos", effort].parsed.append(parsed)
        say(f"photo {number + 1}, {file}: " + ", ".join(f"{p.psnr:.2f} dB" for p in results))
    if lpips is not None:
        figures["parse_lpips_network"] = lpips.network
    for (where, name), tally in tallies.items():
        figures |= tally.figures(f"parse_{where}_{name}", lpips)
    for effort in EFFORTS:
        spent = [p.seconds for where in ("rooms", "photos") for p in tallies[where, effort].parsed]
        if spent:
            figures[f"parse_{effort}_seconds"] = round(sum(spent) / len(spent), 3)
            figures[f"parse_{effort}_seconds_longest"] = round(max(spent), 3)
    tuned = [p.scene for p in tallies["photos", "tune"].parsed[: sizes.copies]]
    return figures | _kept(generator, tuned, sizes, say), tallies


def photos(most: int) -> list[tuple[str, Photo]]:
    """Up to `most` photos of `photos_folder()`, evenly over its sorted files; files that are no photos
    are left out.
    """
    folder = photos_folder() if most else None
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in FORMATS) if folder else []
    step = max(1, -(-len(paths) // max(most, 1)))
    found = []
    for path in paths[::step]:
        try:
            found.append((path.name, open_photo(path)))
        except PhotoError:
            continue
    return found


def photos_folder() -> Path | None:
    """$SPATIAL_EDIT_PHOTOS, or ../shared/data/photos beside the project, or None."""
    named = os.environ.get("SPATIAL_EDIT_PHOTOS")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data" / "photos"
    return folder if folder.is_dir() else None


def _rooms(generator: Parsing, sizes: Sizes, tallies: Tallies, say: Say) -> Figures:
    """Parse the first picture of a counterfactual pair of every room by each effort; the figures of the
    edits.
    """
    if not sizes.rooms:
        return {}
    errors: dict[str, list[EditError]] = {effort: [] for effort in EFFORTS}
    resolution = generator.spec.resolution
    black = torch.zeros(3, resolution, resolution)
    parse_photo(generator, _as_photo(black), "encode")  # a process's first call is slow
    rooms = sample_rooms(sizes.rooms, ROOMS_SEED)
    drawn = render(rooms, resolution)
    pictures, shown = drawn.rgb.float() / 127.5 - 1, shares(drawn)
    found: Sequence[Pair | RoomPair | None] = (
        room_pairs(rooms, resolution) if isinstance(generator, Box3DGenerator) else pairs(rooms, resolution)
    )
    places = {effort: Places() for effort in EFFORTS}
    say(f"{sum(p is not None for p in found)} rooms of {sizes.rooms} have an object to move")
    for number, (picture, pair) in enumerate(zip(pictures, found, strict=True)):
        photo = _as_photo(picture)
        for effort in EFFORTS if number < sizes.tuned_rooms else ("encode", "refine"):
            parsed = _parse(generator, photo, effort, sizes)
            tallies["rooms", effort].parsed.append(parsed)
            if isinstance(generator, Box3DGenerator):
                places[effort].add(parsed.scene, box_truth(rooms[number]), shown[number])
            if pair is not None:
                errors[effort].append(_edit_error(generator, parsed.scene, pair))
        if number % 10 == 9:
            say(f"  {number + 1} of {len(found)} rooms")
    figures: Figures = {"parse_rooms_seed": ROOMS_SEED}
    for effort, suffix in (("encode", "_encode"), ("refine", ""), ("tune", "_tune")):
        figures |= edit_figures(errors[effort], suffix) | places[effort].figures(suffix)
    return figures


def _edit_error(generator: Parsing, scene: Scene, pair: Pair | RoomPair) -> EditError:
    if isinstance(pair, RoomPair):
        assert isinstance(generator, Box3DGenerator)
        return room_edit_error(generator, scene, pair)
    return edit_error(generator, scene, pair)


def _parse(generator: Parsing, photo: Photo, effort: str, sizes: Sizes) -> Parsed:
    seconds, steps = sizes.seconds.get(effort), sizes.steps.get(effort)
    return parse_photo(generator, photo, effort, seconds=seconds, steps=steps)


def _as_photo(picture: Tensor) -> Photo:
    buffer = BytesIO(to_png_bytes(picture))
    return open_photo(buffer.getvalue())


def _kept(generator: Parsing, tuned: list[Scene], sizes: Sizes, say: Say) -> Figures:
    """`parse_tune_co_move_kept` and what it rests on; nothing without tuned scenes."""
    deltas = [scene.delta for scene in tuned if scene.delta]
    if isinstance(generator, Box3DGenerator):  # co-move here moves blobs
        return {}
    if not deltas or generator.spec.row_names == ():
        return {}
    say(f"co-move of {len(deltas)} tuned copies")
    judge, _ = load_judge()
    before, after = Steering(), Steering()
    for number, delta in enumerate(deltas):
        scenes = [generator.sample(ROOMS_SEED + number * sizes.samples + i) for i in range(sizes.samples)]
        _add(before, generator, judge, scenes, number)
        _add(after, generator, judge, [replace(scene, delta=delta) for scene in scenes], number)
    old, new = _mean_of_means(before), _mean_of_means(after)
    figures: Figures = {"parse_tune_copies": len(deltas)}
    if old is None or new is None or old <= 0:
        return figures
    figures |= {"parse_tune_co_move": round(new, 4), "parse_tune_co_move_bundled": round(old, 4)}
    return figures | {"parse_tune_co_move_kept": round(new / old, 4)}


def _add(total: Steering, generator: BlobModel, judge: Judge, scenes: list[Scene], seed: int) -> None:
    for name, ratios in measure_moves(generator, judge, scenes, seed).ratios.items():
        total.ratios.setdefault(name, []).extend(ratios)


def _mean_of_means(steering: Steering) -> float | None:
    """Mean over the six classes that were met, each weighted alike."""
    means = [sum(r) / len(r) for name, r in steering.ratios.items() if name in SIX and r]
    return sum(means) / len(means) if means else None


def _rounded(values: Tensor) -> float:
    return round(float(values.double().mean()), 4)
