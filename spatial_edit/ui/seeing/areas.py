"""Areas: where in the picture an edit was made, from the two layouts alone.

The area of an element is its ellipse, or the outline of its box seen by the camera; nothing hides anything.
Elements differ when any of their values does, or their place in the depth order: then their areas before and
after count. What is no element (background, room, light, camera) lies everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from spatial_edit.layouts import Blobs, Boxes3D, Layout, Scene
from spatial_edit.layouts.boxes3d import KEY_POSITION, LAMP_POSITION
from spatial_edit.layouts.perspective import NEAR, directions

DILATION = 0.03  # of the side, around what was edited: edges are soft, and things cast shadows
_PER_ELEMENT = {
    "centres", "sizes", "aspects", "angles", "halves", "colours", "classes", "facings", "rows", "hidden",
    "opacities", "sources",
}  # fmt: skip
_UNSEEN = {"ids", "locked"}  # no picture shows them


@dataclass(frozen=True, eq=False)
class EditedArea:
    """mask (side, side) bool, True where the edit was made. `why` says what made it the whole picture, ""
    where it has a border."""

    mask: Tensor
    elements: int
    why: str = ""


def edited_area(before: Scene, after: Scene, side: int) -> EditedArea:
    """Where two scenes were meant to differ: within the protect mask, where there is one, else where the
    elements differ."""
    if after.guard is not None:
        mask = interpolate(after.guard.mask[None, None].float(), size=(side, side), mode="nearest")
        return EditedArea(mask[0, 0] > 0.5, 0)
    old, new = before.layout, after.layout
    why = _everywhere(before, after)
    if why or not isinstance(old, Blobs | Boxes3D) or not isinstance(new, Blobs | Boxes3D):
        return EditedArea(torch.ones(side, side, dtype=torch.bool), 0, why or "the layout")
    touched = _touched(old, new)
    mask = area(old, touched, side) | area(new, touched, side)
    return EditedArea(dilate(mask, DILATION), len(touched))


def area(layout: Blobs | Boxes3D, numbers: set[int], side: int) -> Tensor:
    """(side, side) bool: the union of the areas of the visible elements with these numbers."""
    axis = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    mask = torch.zeros(side, side, dtype=torch.bool)
    for position, number in enumerate(layout.ids):
        if number in numbers and not layout.hidden[position]:
            if isinstance(layout, Blobs):
                mask |= _ellipse(layout, position, x, y)
            else:
                mask |= _box(layout, position, x, y)
    return mask


def dilate(mask: Tensor, share: float) -> Tensor:
    """The mask grown by a share of its side, in every direction alike (a square of pixels)."""
    reach = max(1, round(share * mask.shape[-1]))
    grown = max_pool2d(mask[None].float(), 2 * reach + 1, stride=1, padding=reach)
    return grown[0] > 0


def _everywhere(before: Scene, after: Scene) -> str:
    """What lies everywhere and differs, in words; "" for nothing."""
    old, new = before.layout, after.layout
    if before.model != after.model or type(old) is not type(new):
        return "the model"
    if not before.latent.same(after.latent):
        return "the scene"
    names = [f.name for f in fields(old) if f.name not in _PER_ELEMENT | _UNSEEN]
    differing = [
        name for name in names if not _same(_everywhere_part(old, name), _everywhere_part(new, name))
    ]
    return "the " + " and the ".join(differing) if differing else ""


def _everywhere_part(layout: Layout, name: str) -> object:
    """A value that is no element's; of lights all but where they shine from, which goes with an element."""
    value = getattr(layout, name)
    if name != "lights":
        return value
    still = value.clone()
    still[KEY_POSITION] = still[LAMP_POSITION] = 0
    return still


def _touched(old: Blobs | Boxes3D, new: Blobs | Boxes3D) -> set[int]:
    """The numbers of the elements that differ."""
    names = [f.name for f in fields(new) if f.name in _PER_ELEMENT]
    there, here = set(old.ids), set(new.ids)
    touched = there ^ here
    for number in there & here:
        i, j = old.index_of(number), new.index_of(number)
        if any(not _same(getattr(old, name)[i], getattr(new, name)[j]) for name in names):
            touched.add(number)
    if isinstance(new, Blobs):  # the order of boxes means nothing
        common = [number for number in new.ids if number in there]
        places = {number: place for place, number in enumerate(n for n in old.ids if n in here)}
        touched |= set(common) - _in_order(common, places)
    return touched


def _in_order(numbers: list[int], places: dict[int, int]) -> set[int]:
    """A longest run of the numbers whose places only grow: those that were not moved in depth."""
    runs: list[list[int]] = []
    for number in numbers:
        before = [run for run in runs if places[run[-1]] < places[number]]
        runs.append([*_longest(before), number])
    return set(_longest(runs))


def _longest(runs: list[list[int]]) -> list[int]:
    return max(runs, key=lambda run: len(run), default=[])


def _same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    return a == b


def _ellipse(layout: Blobs, position: int, x: Tensor, y: Tensor) -> Tensor:
    (cx, cy), angle = layout.centres[position].tolist(), layout.angles[position]
    first, second = layout.radii()[position].tolist()
    dx, dy = x - cx, y - cy
    u, v = dx * angle.cos() - dy * angle.sin(), dx * angle.sin() + dy * angle.cos()
    return (u / first) ** 2 + (v / second) ** 2 <= 1


def _box(layout: Boxes3D, position: int, x: Tensor, y: Tensor) -> Tensor:
    """Where a ray of the camera meets the box: the slab test."""
    rays = directions(torch.stack([x, y], -1), layout.camera)
    slope = torch.where(rays.abs() < 1e-9, 1e-9, rays)
    centre, half = layout.centres[position] - layout.camera[:3], layout.halves[position]
    low, high = (centre - half) / slope, (centre + half) / slope
    enter, leave = torch.minimum(low, high).amax(-1), torch.maximum(low, high).amin(-1)
    return (enter <= leave) & (leave > NEAR)
