"""What is checked before a drag begins; each complaint is one sentence."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import get_args

import torch
from torch import Tensor

from spatial_edit.edits.drag.options import DragError, DragOptions, Mode
from spatial_edit.generators.dragging import LAYOUT, Draggable, Dragging, Space
from spatial_edit.layouts import Points
from spatial_edit.layouts.points import MAX_PAIRS
from spatial_edit.layouts.scene import GUARD_SIDE

# the least and the most of every number in the options
RANGES = {
    "steps": (1, 10_000),
    "learning_rate": (0.0, 10.0),
    "layout_rate": (0.0, 1.0),
    "mask_weight": (0.0, 1e6),
    "code_weight": (0.0, 1e6),
    "motion_radius": (0.0, 0.5),
    "tracking_radius": (0.0, 0.5),
    "arrived": (0.0, 0.5),
    "reach": (0.0, 2.0),
    "share": (0.0, 2.0),
    "search": (0.0, 0.5),
    "patience": (1, 10_000),
    "doubt": (0.0, 1e6),
    "picture_every": (0, 10_000),
}
WHOLE = ("steps", "patience", "picture_every")


def check_options(options: DragOptions) -> None:
    """DragError for an unknown mode or space and for numbers that are none or out of range."""
    if options.mode not in get_args(Mode):
        raise DragError(f"mode {str(options.mode)[:40]!r}: choose one of {', '.join(get_args(Mode))}")
    if options.space not in get_args(Space):
        raise DragError(f"space {str(options.space)[:40]!r}: choose w or w+")
    for name in ("stretched", "watch"):
        if not isinstance(value := getattr(options, name), bool):
            raise DragError(f"{name} is {str(value)[:40]!r}: use true or false")
    for field in fields(options):
        if field.name not in RANGES:
            continue
        value, (low, high) = getattr(options, field.name), RANGES[field.name]
        whole = field.name in WHOLE
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise DragError(f"{field.name} is {str(value)[:40]!r}: use a {'whole ' if whole else ''}number")
        if not low <= value <= high:  # also refuses NaN
            raise DragError(f"{field.name} is {value}: it must lie between {low:g} and {high:g}")


def check_points(points: Points) -> Points:
    """The pairs that are shown. DragError for none, too many, values that are no places in the picture, and a
    handle that is its own target."""
    if not isinstance(points, Points):
        raise DragError("a drag needs pairs of a handle and a target")
    if len(points) > MAX_PAIRS:
        raise DragError(f"{len(points)} points are given, at most {MAX_PAIRS} can be dragged: remove some")
    for name, places in (("handle", points.handles), ("target", points.targets)):
        if not isinstance(places, Tensor) or places.dim() != 2 or places.shape[1] != 2:
            raise DragError(f"every {name} must be two numbers, x and y")
    if len(points.handles) != len(points.targets) or len(points.handles) != len(points):
        raise DragError(
            f"there are {len(points.handles)} handles and {len(points.targets)} targets: every handle needs "
            "one target"
        )
    shown = points.visible()
    if not len(shown):
        raise DragError("there is nothing to drag: set a handle and its target first")
    for number, handle, target in zip(shown.ids, shown.handles.tolist(), shown.targets.tolist(), strict=True):
        _check_pair(number, handle, target)
    return shown


def _check_pair(number: int, handle: list[float], target: list[float]) -> None:
    for name, place in (("handle", handle), ("target", target)):
        if not all(math.isfinite(value) for value in place):
            raise DragError(f"the {name} of point {number} is not a number: set it again")
        if not all(0 <= value <= 1 for value in place):
            x, y = place
            raise DragError(
                f"the {name} of point {number} lies outside the picture ({x:g}, {y:g}): both numbers must "
                "be 0 to 1"
            )
    if handle == target:
        raise DragError(f"point {number} is at its target already: move the target, or remove the point")


def check_mask(mask: Tensor | None, side: int) -> Tensor | None:
    """(h, h) float, 1 where nothing may change, or None where all may. mask: (G, G) or (h, h) bool, True
    where the picture may change; DragError for anything else and for a mask that lets nothing change."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise DragError("a mask must hold true and false alone, true where the picture may change")
    if tuple(mask.shape) not in ((GUARD_SIDE, GUARD_SIDE), (side, side)):
        raise DragError(
            f"the mask has the shape {tuple(mask.shape)}: it must be {GUARD_SIDE} x {GUARD_SIDE}, or "
            f"the picture's {side} x {side}"
        )
    if not bool(mask.any()):
        raise DragError("the mask is empty, so nothing may change: paint where the picture may change")
    if bool(mask.all()):
        return None
    places = ((torch.arange(side) + 0.5) * (mask.shape[0] / side)).long()
    return (~mask.cpu())[places][:, places].float()


def draggable(generator: object, name: str) -> Draggable:
    """The generator, if it can be dragged; DragError otherwise."""
    if not isinstance(generator, Draggable):
        raise DragError(
            f"pictures of the model '{name}' cannot be dragged, for it has no features in space to "
            "hold on to: choose a StyleGAN2, SpatialGAN or BlobGAN"
        )
    return generator


def check_mode(options: DragOptions, dragging: Dragging) -> Mode:
    """The mode that "auto" means; DragError for one that needs centres where there are none."""
    if options.mode == "auto":
        return "coarse" if LAYOUT in dragging.variables else "latent"
    if options.mode != "latent" and LAYOUT not in dragging.variables:
        raise DragError(f"the mode {options.mode} moves centres, and this model has none: use latent")
    return options.mode
