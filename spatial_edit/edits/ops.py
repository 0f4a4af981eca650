"""Edits: one small change of a layout each, pure (layout in, layout out).

An edit travels as strict JSON: `{"op": "move", "target": 3, "dx": 0.1, "dy": 0.0}`. A JSON array of at most
64 such objects is applied in order, all or nothing. `target` is the element's number as drawn on the canvas:
it stays the same through reorder, hide, remove of others and undo.

    move     dx, dy    fractions of the side, y down; the centre must stay within [-0.2, 1.2]
    resize   factor    multiplies the size
    rotate   angle     radians, counter-clockwise as seen
    reshape  factor    multiplies the aspect at constant area
    reorder  to        new position in depth over all elements, 0 = farthest
    clone    dx, dy    a copy that shares the original's row, just in front of it
    remove, hide, show, lock, unlock

A clone takes the next free number: one more than the highest number in the layout, or the lowest unused one
once 255 is taken. The rule reads nothing but the layout, so links, undo and the API agree on it.

A locked element refuses every change but unlock; it may be cloned, and the copy is not locked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs, Boxes3D
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, MAX_BLOBS, SIZE_RANGE
from spatial_edit.layouts.strict_json import JsonError, array, integer, number, parse, record, show

MAX_EDITS = 64
MAX_ID = 255
MAX_EDIT_CHARS = 16_384
T = TypeVar("T")
_SLACK = 1e-5  # relative; a value at the end of its range may lie a float32 rounding beyond it


@dataclass(frozen=True)
class Edit:
    """One change. Only the fields that the op names are used, see the module's table."""

    op: str
    target: int
    dx: float = 0.0
    dy: float = 0.0
    factor: float = 1.0
    angle: float = 0.0
    to: int = 0

    def as_dict(self) -> dict[str, object]:
        """The JSON object that `parse_edit` reads back."""
        return {"op": self.op, "target": self.target} | {
            name: getattr(self, name) for name in OPS[self.op].fields
        }


@dataclass(frozen=True)
class Op:
    """A row of OPS: the fields it takes, what it does, and whether a locked element lets it."""

    fields: tuple[str, ...]
    run: Callable[[Blobs, int, Edit], Blobs]
    through_lock: bool = False


_FIELD_RANGES = {  # a step from one end of the range to the other is the largest that can make sense
    "dx": (-1.4, 1.4),
    "dy": (-1.4, 1.4),
    "factor": (0.005, 200.0),
    "angle": (-2 * math.pi, 2 * math.pi),
}


def parse_edits(source: object) -> tuple[Edit, ...]:
    """The edits of a JSON text, object or array (1 .. 64); EditError when any is not exact."""
    try:
        value = _json(source)
        if isinstance(value, dict):
            return (_edit(value, "the edit"),)
        if not isinstance(value, list):
            raise JsonError(f"an edit must be a JSON object or an array of them, not {show(value)}")
        if not value:
            raise JsonError("the array of edits is empty: send at least one")
        return tuple(
            _edit(item, f"edit {i + 1}") for i, item in enumerate(array(value, "the edit", MAX_EDITS))
        )
    except JsonError as error:
        raise EditError(str(error)) from error


def _json(source: object) -> object:
    """The parsed text; what is no text is taken as parsed already."""
    return (
        parse(source, what="the edit", max_chars=MAX_EDIT_CHARS, max_depth=3)
        if isinstance(source, str)
        else source
    )


def _edit(value: object, what: str) -> Edit:
    op = value.get("op") if isinstance(value, dict) else None
    if isinstance(value, dict) and not (isinstance(op, str) and op in OPS):
        raise JsonError(f"{what} has no known op ({show(op)}): use one of {', '.join(OPS)}")
    fields = OPS[op].fields if isinstance(op, str) else ()
    given = record(value, what, ("op", "target", *fields))
    values: dict[str, float] = {}
    for name in fields:
        if name != "to":
            values[name] = number(given[name], f"{name} of {what}", *_FIELD_RANGES[name])
    to = integer(given["to"], f"to of {what}", 0, MAX_BLOBS - 1) if "to" in fields else 0
    return Edit(str(op), integer(given["target"], f"target of {what}", 0, MAX_ID), to=to, **values)


def apply(layout: Blobs, edit: Edit) -> Blobs:
    """The layout after one edit; the given one is unchanged. EditError when the edit cannot be applied."""
    if edit.op not in OPS:
        raise EditError(f"there is no op {show(edit.op)}: use one of {', '.join(OPS)}")
    op = OPS[edit.op]
    try:
        index = layout.index_of(edit.target)
    except ValueError as error:
        raise EditError(str(error)) from error
    if layout.locked[index] and not op.through_lock:
        raise EditError(f"element {edit.target} is locked: unlock it before you {edit.op} it")
    return op.run(layout, index, edit)


def next_number(layout: Blobs | Boxes3D) -> int:
    """The number that the next new element takes."""
    highest = max(layout.ids, default=-1)
    return highest + 1 if highest < MAX_ID else min(set(range(MAX_ID + 1)) - set(layout.ids))


def _move(layout: Blobs, index: int, edit: Edit) -> Blobs:
    return replace(layout, centres=_set(layout.centres, index, _shifted(layout, index, edit)))


def _shifted(layout: Blobs, index: int, edit: Edit) -> Tensor:
    """(2,) the element's centre after the edit's (dx, dy), checked."""
    centre = layout.centres[index] + torch.tensor([edit.dx, edit.dy], dtype=torch.float32)
    for axis, value in zip("xy", centre.tolist(), strict=True):
        _check(value, CENTRE_RANGE, f"the centre's {axis} of element {edit.target}", "move it less")
    return centre.clamp(*CENTRE_RANGE)


def _resize(layout: Blobs, index: int, edit: Edit) -> Blobs:
    size = layout.sizes[index] * edit.factor
    _check(size.item(), SIZE_RANGE, f"the size of element {edit.target}", "use a factor nearer to 1")
    return replace(layout, sizes=_set(layout.sizes, index, size.clamp(*SIZE_RANGE)))


def _rotate(layout: Blobs, index: int, edit: Edit) -> Blobs:
    if not math.isfinite(edit.angle):
        raise EditError("the angle is not finite: use a finite one")
    angle = (layout.angles[index].double() + edit.angle).remainder(math.pi).float()
    return replace(layout, angles=_set(layout.angles, index, angle))


def _reshape(layout: Blobs, index: int, edit: Edit) -> Blobs:
    aspect = layout.aspects[index] * edit.factor
    _check(aspect.item(), ASPECT_RANGE, f"the aspect of element {edit.target}", "use a factor nearer to 1")
    return replace(layout, aspects=_set(layout.aspects, index, aspect.clamp(*ASPECT_RANGE)))


def _reorder(layout: Blobs, index: int, edit: Edit) -> Blobs:
    if not 0 <= edit.to < len(layout):
        raise EditError(f"depth {edit.to} does not exist: this layout has depths 0 to {len(layout) - 1}")
    order = [i for i in range(len(layout)) if i != index]
    order.insert(edit.to, index)
    return layout.select(order)


def _clone(layout: Blobs, index: int, edit: Edit) -> Blobs:
    if len(layout) >= MAX_BLOBS:
        raise EditError(
            f"the layout has {len(layout)} elements, the most there can be: remove one before cloning"
        )
    order = [*range(index + 1), index, *range(index + 1, len(layout))]
    twice = layout.select(order)
    new = index + 1
    return replace(
        twice,
        centres=_set(twice.centres, new, _shifted(layout, index, edit)),
        ids=_put(twice.ids, new, next_number(layout)),
        locked=_put(twice.locked, new, False),
    )


def _remove(layout: Blobs, index: int, edit: Edit) -> Blobs:
    return layout.select([i for i in range(len(layout)) if i != index])


def _flag(name: str, value: bool) -> Callable[[Blobs, int, Edit], Blobs]:
    def run(layout: Blobs, index: int, edit: Edit) -> Blobs:
        flags = _put(layout.hidden if name == "hidden" else layout.locked, index, value)
        return replace(layout, hidden=flags) if name == "hidden" else replace(layout, locked=flags)

    return run


def _set(values: Tensor, index: int, value: Tensor) -> Tensor:
    """A copy with one element replaced; gradients flow."""
    result = values.clone()
    result[index] = value
    return result


def _put(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    return (*values[:index], value, *values[index + 1 :])


def _check(value: float, limits: tuple[float, float], what: str, remedy: str) -> None:
    slack = _SLACK * max(abs(limits[0]), 1e-3)
    if not limits[0] - slack <= value <= limits[1] * (1 + _SLACK):  # also refuses NaN
        raise EditError(f"{what} would be {value:.4g}, outside [{limits[0]:g}, {limits[1]:g}]: {remedy}")


OPS: dict[str, Op] = {
    "move": Op(("dx", "dy"), _move),
    "resize": Op(("factor",), _resize),
    "rotate": Op(("angle",), _rotate),
    "reshape": Op(("factor",), _reshape),
    "reorder": Op(("to",), _reorder),
    "clone": Op(("dx", "dy"), _clone, through_lock=True),
    "remove": Op((), _remove),
    "hide": Op((), _flag("hidden", True)),
    "show": Op((), _flag("hidden", False)),
    "lock": Op((), _flag("locked", True), through_lock=True),
    "unlock": Op((), _flag("locked", False), through_lock=True),
}
