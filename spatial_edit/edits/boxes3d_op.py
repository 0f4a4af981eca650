"""The frame of an edit of boxes: its JSON fields, and what every edit must leave in order.

An op is a frozen dataclass with a `run`; its fields are its JSON keys (a trailing `_` is dropped: `class_` is
"class"), those without a default are required. `READERS` checks each by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

import torch

from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import (
    CAMERA_RANGE,
    CENTRE_RANGE_3D,
    FACINGS,
    HALF_RANGE,
    MAX_BOXES,
    ROOM_RANGE,
    STYLES,
    SURFACES,
)
from spatial_edit.layouts.boxes3d_codec import furniture_class
from spatial_edit.layouts.collisions import outside
from spatial_edit.layouts.furniture import Box, boxes_of, name_of, room_of
from spatial_edit.layouts.strict_json import JsonError, flag, integer, number, record, text

T = TypeVar("T")
Reader = Callable[[object, str], Any]
SLACK = 0.02  # metres that an edited box may reach into a wall: the rounding of links, bevels
CAMERA_MARGIN = 0.05  # metres between the camera and a wall or a piece of furniture


def _numbers(low: float, high: float) -> Reader:
    return lambda value, what: number(value, what, low, high)


def _integers(low: int, high: int) -> Reader:
    return lambda value, what: integer(value, what, low, high)


def _texts(*choices: str) -> Reader:
    return lambda value, what: text(value, what, "|".join(choices))


READERS: dict[str, Reader] = {
    **dict.fromkeys(("target", "with", "on", "about"), _integers(0, 255)),
    **dict.fromkeys(("dx", "dy", "dz"), _numbers(-20.0, 20.0)),
    **dict.fromkeys(("x", "y", "z"), _numbers(*CENTRE_RANGE_3D)),
    **dict.fromkeys(("fx", "fy", "fz"), _numbers(0.02, 50.0)),
    **dict.fromkeys(("hx", "hy", "hz"), _numbers(*HALF_RANGE)),
    **dict.fromkeys(("r", "g", "b"), _numbers(0.0, 1.0)),
    **dict.fromkeys(("snap", "carry"), flag),
    "facing": _integers(0, len(FACINGS) - 1),
    "quarters": _integers(-3, 3),
    "variant": _integers(0, STYLES - 1),
    "row": _integers(0, 255),
    "class": furniture_class,
    "yaw": _numbers(*CAMERA_RANGE[3]),
    "pitch": _numbers(*CAMERA_RANGE[4]),
    "fov": _numbers(*CAMERA_RANGE[5]),
    **dict.fromkeys(("orbit", "tilt"), _numbers(-2 * math.pi, 2 * math.pi)),
    "dolly": _numbers(-10.0, 10.0),
    "width": _numbers(*ROOM_RANGE[0]),
    "depth": _numbers(*ROOM_RANGE[1]),
    "height": _numbers(*ROOM_RANGE[2]),
    "surface": _texts(*SURFACES, "walls"),
    "time": _texts("day", "evening", "night"),
    "exposure": _numbers(0.1, 4.0),
    **dict.fromkeys(("key", "lamp", "ambient"), _numbers(0.0, 4.0)),
    "layout": lambda value, what: value,  # of an arrangement, checked when it is applied
}


@dataclass(frozen=True)
class BoxEdit:
    """One change of a room. `run` may raise EditError; `apply_box_edit` checks what it gives."""

    op: ClassVar[str] = ""

    def run(self, layout: Boxes3D) -> Boxes3D:
        raise NotImplementedError

    def as_dict(self) -> dict[str, object]:
        """The JSON object that `read_edit` reads back."""
        given = {_key(f.name): getattr(self, f.name) for f in fields(self)}
        return {"op": self.op} | {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True)
class OfElement(BoxEdit):
    """An edit of one element, by its number."""

    target: int
    through_lock: ClassVar[bool] = False

    def index(self, layout: Boxes3D) -> int:
        """The element's position; EditError when there is none, or it is locked and the op heeds locks."""
        index = find(layout, self.target)
        if layout.locked[index] and not self.through_lock:
            raise EditError(f"{name_of(layout, index)} is locked: unlock it before you {self.op} it")
        return index


def _key(name: str) -> str:
    return name.rstrip("_")


def read_edit(value: object, what: str, ops: Mapping[str, type[BoxEdit]]) -> BoxEdit:
    """One edit of an already parsed JSON object; JsonError when it is not exact."""
    if not isinstance(value, dict):
        raise JsonError(f"{what} must be a JSON object, not a {type(value).__name__}")
    op = value.get("op")
    if not (isinstance(op, str) and op in ops):
        raise JsonError(f"{what} has no known op ({str(op)[:40]!a}): use one of {', '.join(ops)}")
    kind = ops[op]
    keys = {_key(f.name): f for f in fields(kind)}
    required = tuple(key for key, f in keys.items() if f.default is MISSING)
    optional = tuple(key for key in keys if key not in required)
    given = record(value, what, ("op", *required), optional)
    values = {keys[k].name: READERS[k](v, f"{k} of {what}") for k, v in given.items() if k != "op"}
    return kind(**values)


def find(layout: Boxes3D, target: int) -> int:
    """The position of an element; EditError when there is none."""
    try:
        return layout.index_of(target)
    except ValueError as error:
        raise EditError(str(error)) from error


def put(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    """A copy with one value replaced."""
    return (*values[:index], value, *values[index + 1 :])


def check_count(layout: Boxes3D, more: int) -> None:
    """EditError when `more` elements do not fit."""
    if len(layout) + more > MAX_BOXES:
        raise EditError(f"the room has {len(layout)} things, at most {MAX_BOXES} fit: remove some first")


def check_room(before: Boxes3D, after: Boxes3D) -> None:
    """EditError when an edit put a box outside the room, farther than it was, or the camera where it sees
    nothing."""
    old = dict(zip(before.ids, boxes_of(before), strict=True))
    boxes, room = boxes_of(after), room_of(after)
    for i, box in enumerate(boxes):
        was = old.get(after.ids[i])
        allowed = SLACK if was is None else max(SLACK, outside(was, room_of(before)) + 1e-3)
        if outside(box, room) > allowed and (box != was or not torch.equal(before.room, after.room)):
            raise EditError(
                f"{name_of(after, i)} would reach {outside(box, room):.2f} m outside the room of "
                f"{room[0]:.2f} x {room[1]:.2f} x {room[2]:.2f} m: keep it within walls, floor and ceiling"
            )
    _check_camera(before, after)


def _check_camera(before: Boxes3D, after: Boxes3D) -> None:
    problem = blocked_camera(after)
    if problem and problem != blocked_camera(before):
        raise EditError(problem)


def blocked_camera(layout: Boxes3D) -> str:
    """Why the camera sees nothing, as a sentence; empty when it stands free in the room."""
    x, y, z = layout.camera[:3].tolist()
    width, depth, height = room_of(layout)
    if abs(x) > width / 2 - CAMERA_MARGIN or z > depth - CAMERA_MARGIN:
        return "the camera would stand outside the room's walls: keep it inside"
    if not CAMERA_MARGIN <= y <= height - CAMERA_MARGIN:
        return "the camera would be below the floor or above the ceiling: keep it inside"
    for i, box in enumerate(boxes_of(layout)):
        if not layout.hidden[i] and box.holds(x, y, z, CAMERA_MARGIN):
            return f"the camera would be inside {name_of(layout, i)}: keep them apart"
    return ""


def with_boxes(
    layout: Boxes3D, boxes: Mapping[int, Box], facings: Mapping[int, int] | None = None
) -> Boxes3D:
    """The layout with other boxes (and facings) at some positions; the rest keeps its bits."""
    centres, halves = layout.centres.clone(), layout.halves.clone()
    for index, box in boxes.items():
        for name, value in zip(("hx", "hy", "hz"), box[3:], strict=True):
            if not HALF_RANGE[0] * 0.999 <= value <= HALF_RANGE[1] * 1.001:
                raise EditError(
                    f"{name} of {name_of(layout, index)} would be {value:.3g} m: it must lie in "
                    f"[{HALF_RANGE[0]:g}, {HALF_RANGE[1]:g}]"
                )
        centres[index] = torch.tensor(box[:3])
        halves[index] = torch.tensor(box[3:])
    turned = tuple((facings or {}).get(i, facing) for i, facing in enumerate(layout.facings))
    return replace(layout, centres=centres, halves=halves, facings=turned)
