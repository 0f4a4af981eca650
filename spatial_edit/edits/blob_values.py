"""What the edits of blobs share: values checked, tuples and tensors with one entry replaced, new elements."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs, Source
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, MAX_BLOBS, SIZE_RANGE
from spatial_edit.layouts.layout import Elements
from spatial_edit.layouts.style import SHARE_STEPS

MAX_ID = 255
T = TypeVar("T")
_SLACK = 1e-5  # relative; a value at the end of its range may lie a float32 rounding beyond it


def next_number(layout: Elements) -> int:
    """The number that the next new element takes."""
    highest = max(layout.ids, default=-1)
    return highest + 1 if highest < MAX_ID else min(set(range(MAX_ID + 1)) - set(layout.ids))


def put(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    """A copy with one value replaced."""
    return (*values[:index], value, *values[index + 1 :])


def put_row(values: Tensor, index: int, value: Tensor | float) -> Tensor:
    """A copy with one element replaced; gradients flow."""
    result = values.clone()
    result[index] = value
    return result


def check_value(value: float, limits: tuple[float, float], what: str, remedy: str) -> None:
    """EditError for a value outside its limits, or NaN."""
    slack = _SLACK * max(abs(limits[0]), 1e-3)
    if not limits[0] - slack <= value <= limits[1] * (1 + _SLACK):  # also refuses NaN
        raise EditError(f"{what} would be {value:.4g}, outside [{limits[0]:g}, {limits[1]:g}]: {remedy}")


def hundredths(value: float, what: str) -> float:
    """A share or an opacity in the steps that a code holds; EditError outside 0..1."""
    check_value(value, (0.0, 1.0), what, "use one from 0 to 1")
    return min(SHARE_STEPS, max(0, round(value * SHARE_STEPS))) / SHARE_STEPS


def set_geometry(
    layout: Blobs, index: int, centre: tuple[float, float], size: float, aspect: float, angle: float
) -> Blobs:
    """The layout with one element's whole geometry replaced; EditError outside the ranges."""
    number = layout.ids[index]
    place = within_picture(torch.tensor(centre, dtype=torch.float32), number)
    check_value(size, SIZE_RANGE, f"the size of element {number}", "use one within")
    check_value(aspect, ASPECT_RANGE, f"the aspect of element {number}", "use one within")
    return replace(
        layout,
        centres=put_row(layout.centres, index, place),
        sizes=put_row(layout.sizes, index, min(max(size, SIZE_RANGE[0]), SIZE_RANGE[1])),
        aspects=put_row(layout.aspects, index, min(max(aspect, ASPECT_RANGE[0]), ASPECT_RANGE[1])),
        angles=put_row(layout.angles, index, turned(torch.zeros(()), angle)),
    )


def within_picture(centre: Tensor, target: int) -> Tensor:
    """(2,) the centre, checked: it may lie a little outside the picture, no more."""
    for axis, value in zip("xy", centre.tolist(), strict=True):
        check_value(value, CENTRE_RANGE, f"the centre's {axis} of element {target}", "move it less")
    return centre.clamp(*CENTRE_RANGE)


def turned(angle: Tensor, by: float) -> Tensor:
    """An angle after a turn, within [0, pi): an ellipse repeats."""
    if not math.isfinite(by):
        raise EditError("the angle is not finite: use a finite one")
    return (angle.double() + by).remainder(math.pi).float()


def check_room(layout: Blobs, doing: str) -> None:
    """EditError when the layout is full."""
    if len(layout) >= MAX_BLOBS:
        raise EditError(
            f"the layout has {len(layout)} elements, the most there can be: remove one before {doing}"
        )


def add_element(layout: Blobs, row: int, source: Source | None) -> Blobs:
    """The layout with one more element in front, whose geometry is still to be set."""
    check_room(layout, "adding")
    one = torch.ones(1)
    return replace(
        layout,
        centres=torch.cat([layout.centres, torch.full((1, 2), 0.5)]),
        sizes=torch.cat([layout.sizes, 0.1 * one]),
        aspects=torch.cat([layout.aspects, one]),
        angles=torch.cat([layout.angles, 0 * one]),
        ids=(*layout.ids, next_number(layout)),
        rows=(*layout.rows, row),
        hidden=(*layout.hidden, False),
        locked=(*layout.locked, False),
        opacities=(*layout.opacities, 1.0),
        sources=(*layout.sources, source),
        colours=(*layout.colours, None),
    )


def extents(layout: Blobs) -> Tensor:
    """(K, 2) half the width and half the height of each turned ellipse's bounding box."""
    radii, cosine, sine = layout.radii(), layout.angles.cos(), layout.angles.sin()
    along = torch.stack([radii[:, 0] * cosine, radii[:, 0] * sine], -1)
    across = torch.stack([radii[:, 1] * sine, radii[:, 1] * cosine], -1)
    return (along.square() + across.square()).sqrt()
