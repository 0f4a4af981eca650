"""Arrange: the whole layout as a canvas sends it in the middle of a drag.

    {"elements": [{"id", "x", "y", "z", "hx", "hy", "hz", "facing", "r", "g", "b", "hidden"}, ...],
     "room": {...}, "camera": {...}, "surfaces": {...}, "lights": {...}}

The last four are optional and stay as they are when they are not given; their form is that of
layouts/boxes3d_codec.py. Checked like an edit: elements of the layout only, each at most once, in range and
in the room, locked elements there and where they were, the camera free. Other elements that are not named are
left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.edits.boxes3d_op import check_room, find
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import FACINGS, MAX_BOXES
from spatial_edit.layouts.boxes3d_codec import (
    GEOMETRY,
    camera_from_json,
    geometry_from_json,
    lights_from_json,
    room_from_json,
    surfaces_from_json,
)
from spatial_edit.layouts.furniture import name_of
from spatial_edit.layouts.strict_json import JsonError, array, flag, integer, record

STILL = 2e-3  # a locked element may differ by what rounding on the way through a browser costs

_KEYS = ("id", *GEOMETRY, "facing", "hidden")
_SHELL: dict[str, Callable[[object], Tensor]] = {
    "room": room_from_json,
    "camera": camera_from_json,
    "surfaces": surfaces_from_json,
    "lights": lights_from_json,
}


def arrange_boxes(layout: Boxes3D, document: object) -> Boxes3D:
    """The layout of the document; EditError with one sentence when it is not exact or cannot be."""
    try:
        given = record(document, "the arrangement", ("elements",), tuple(_SHELL))
        shell = {name: read(given[name]) for name, read in _SHELL.items() if name in given}
        items = array(given["elements"], "the arrangement's elements", MAX_BOXES)
        elements = [_element(item, f"element {i + 1} of the arrangement") for i, item in enumerate(items)]
    except JsonError as error:
        raise EditError(str(error)) from error
    chosen = layout.select(_order(layout, [e[0] for e in elements]))
    values = torch.tensor([e[1] for e in elements], dtype=torch.float32).reshape(len(elements), len(GEOMETRY))
    result = replace(
        chosen,
        centres=values[:, 0:3].clone(),
        halves=values[:, 3:6].clone(),
        colours=values[:, 6:9].clone(),
        facings=tuple(e[2] for e in elements),
        hidden=tuple(e[3] for e in elements),
    )
    for name, read in shell.items():
        result = replace(result, **{name: read})  # type: ignore[arg-type]
    _check_locks(chosen, result)
    _check_none_lost(layout, chosen)
    check_room(layout, result)
    return result


def _order(layout: Boxes3D, numbers: list[int]) -> list[int]:
    """The positions of these elements; EditError for one that is not there or is named twice."""
    order: list[int] = []
    for number in numbers:
        index = find(layout, number)
        if index in order:
            raise EditError(f"element {number} is given twice: give it once")
        order.append(index)
    return order


def _element(value: object, what: str) -> tuple[int, list[float], int, bool]:
    """Number, geometry, facing and whether it is hidden."""
    given = record(value, what, _KEYS)
    return (
        integer(given["id"], f"id of {what}", 0, 255),
        geometry_from_json(given, what),
        integer(given["facing"], f"facing of {what}", 0, len(FACINGS) - 1),
        flag(given["hidden"], f"hidden of {what}"),
    )


def _check_none_lost(before: Boxes3D, after: Boxes3D) -> None:
    for i, locked in enumerate(before.locked):
        if locked and before.ids[i] not in after.ids:
            raise EditError(f"{name_of(before, i)} is locked and is not in the arrangement: unlock it first")


def _check_locks(before: Boxes3D, after: Boxes3D) -> None:
    for i, locked in enumerate(before.locked):
        if not locked:
            continue
        moved = max(
            float((getattr(before, name)[i] - getattr(after, name)[i]).abs().max())
            for name in ("centres", "halves", "colours")
        )
        same = before.facings[i] == after.facings[i] and before.hidden[i] == after.hidden[i]
        if moved > STILL or not same:
            raise EditError(f"{name_of(before, i)} is locked: unlock it before you change it")
