"""Editability of parsed scenes: does moving a blob do to the picture what moving the object does to the
room?

A counterfactual pair is a room before and after one object moved (`data.rooms.edit`). The first picture
is parsed; the present blob in the object's slot is moved by the true offset, that of the centroid of the
object's amodal mask; the result is compared with the second picture. Inside the union of both true
footprints (amodal cover over a half) the squared error is set against that of leaving the blob where it
is; outside, against the reconstruction's own error on the first picture. An object whose slot the parser
left empty stays in place and is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.data.rooms import INSTANCE, Render, Rooms, edit, render
from spatial_edit.data.rooms.blob_truth import GROUPS
from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.layouts.blobs import CENTRE_RANGE

FLOOR_THINGS = ("bed", "wardrobe", "bookshelf", "plant", "chair", "pouf", "floor lamp")
WALL_THINGS = ("window", "painting A", "painting B", "door", "mirror")
ALONG, AWAY = (0.25, 0.8), 0.4  # metres of a move: to the side at least and at most, in depth at most
TRIES = 4
SMALLEST = 0.01  # visible share of the picture that an object must have before
STILL_SEEN = 0.6  # of it that must be visible after
SHORTEST, LONGEST = 0.04, 0.35  # of the offset in the picture


@dataclass(frozen=True, eq=False)
class Pair:
    """A counterfactual: pictures (3, R, R) in [-1, 1] before and after, union (R, R) bool of the
    footprints, the object's slot, and its true offset.
    """

    before: Tensor
    after: Tensor
    union: Tensor
    slot: int
    dx: float
    dy: float


@dataclass(frozen=True)
class EditError:
    """Sums of squared errors of one pair, inside and outside the union."""

    inside: float  # moved, against the second picture
    inside_still: float  # left in place, against the second picture
    outside: float  # moved, against the second picture
    outside_own: float  # left in place, against the first picture
    outside_still: float  # left in place, against the second picture
    found: bool  # whether the slot was present


def pairs(rooms: Rooms, resolution: int, seed: int = 0) -> list[Pair | None]:
    """One pair a room, or None where no object can be moved within sight; objects and moves are drawn
    from `seed`.
    """
    return [_pair(rooms[i], resolution, np.random.RandomState(seed + i)) for i in range(len(rooms))]


@torch.no_grad()
def edit_error(generator: Generator, scene: Scene, pair: Pair) -> EditError:
    """Errors of moving the object's blob in the parsed scene of `pair.before`."""
    layout = scene.layout
    assert isinstance(layout, Blobs)
    still = generator.render(scene)
    moved, found = still, pair.slot in layout.rows
    if found:
        centres = layout.centres.clone()
        centres[layout.rows.index(pair.slot)] += torch.tensor([pair.dx, pair.dy])
        moved = generator.render(replace(scene, layout=replace(layout, centres=centres.clamp(*CENTRE_RANGE))))
    return compared(still, moved, pair.before, pair.after, pair.union, found)


def compared(
    still: Tensor, moved: Tensor, before: Tensor, after: Tensor, union: Tensor, found: bool
) -> EditError:
    """The errors of two pictures of a parsed scene (3, R, R), its object in place and moved, against the
    renderer's before and after; union (R, R) bool are both footprints."""

    def total(a: Tensor, b: Tensor, where: Tensor) -> float:
        return float(((a - b).square().mean(0) * where).sum())

    return EditError(
        total(moved, after, union),
        total(still, after, union),
        total(moved, after, ~union),
        total(still, before, ~union),
        total(still, after, ~union),
        found,
    )


def edit_figures(errors: Iterable[EditError], suffix: str = "") -> dict[str, float | int | str]:
    """`parse_edit_error_ratio` and `parse_edit_outside_ratio`, ratios of the sums over all pairs; the latter
    also for an object left in place (`_unmoved`): shadows and light change outside the footprints too, so
    that is what no edit at all scores. The share of pairs whose blob was found, and the number of pairs;
    nothing without pairs.
    """
    listed = list(errors)
    still, own = sum(e.inside_still for e in listed), sum(e.outside_own for e in listed)
    if not listed or still == 0 or own == 0:
        return {}
    return {
        f"parse_edit_error_ratio{suffix}": round(sum(e.inside for e in listed) / still, 4),
        f"parse_edit_outside_ratio{suffix}": round(sum(e.outside for e in listed) / own, 4),
        f"parse_edit_outside_ratio_unmoved{suffix}": round(sum(e.outside_still for e in listed) / own, 4),
        f"parse_edit_found{suffix}": round(sum(e.found for e in listed) / len(listed), 4),
        f"parse_edit_pairs{suffix}": len(listed),
    }


def _pair(room: Rooms, resolution: int, random: np.random.RandomState) -> Pair | None:
    first = render(room, resolution, amodal=True)
    names = [*FLOOR_THINGS, *WALL_THINGS]
    random.shuffle(names)
    slots = {name: slot for slot, (name, _) in enumerate(GROUPS)}
    for name in names:
        numbers = list(GROUPS[slots[name]][1])
        seen = float(first.visible[0, numbers].any(0).float().mean())
        if seen < SMALLEST:
            continue
        for _ in range(TRIES):
            dx = float(random.uniform(*ALONG) * random.choice([-1, 1]))
            dz = float(random.uniform(-AWAY, AWAY)) if name in FLOOR_THINGS else 0.0
            second = render(edit(room, 0, INSTANCE[numbers[0]], dx, dz), resolution, amodal=True)
            if float(second.visible[0, numbers].any(0).float().mean()) < STILL_SEEN * seen:
                continue
            pair = _measured(first, second, slots[name], numbers)
            if SHORTEST <= (pair.dx**2 + pair.dy**2) ** 0.5 <= LONGEST:
                return pair
    return None


def _measured(first: Render, second: Render, slot: int, numbers: list[int]) -> Pair:
    covers = [_cover(picture, numbers) for picture in (first, second)]
    (x0, y0), (x1, y1) = (_centroid(cover) for cover in covers)
    union = (covers[0] > 0.5) | (covers[1] > 0.5)
    before, after = (picture.rgb[0].float() / 127.5 - 1 for picture in (first, second))
    return Pair(before, after, union, slot, x1 - x0, y1 - y0)


def _cover(picture: Render, numbers: list[int]) -> Tensor:
    """(R, R) how much of each pixel the group covers, whatever stands before it."""
    assert picture.amodal is not None
    return picture.amodal[0, numbers].amax(0)


def _centroid(cover: Tensor) -> tuple[float, float]:
    axis = (torch.arange(cover.shape[-1]) + 0.5) / cover.shape[-1]
    mass = cover.sum().clamp(min=1e-6)
    return float((cover.sum(0) * axis).sum() / mass), float((cover.sum(1) * axis).sum() / mass)
