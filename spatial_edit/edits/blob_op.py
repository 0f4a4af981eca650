"""The frame of an edit of blobs: its JSON keys, and the helpers that every op shares.

An op is a frozen dataclass with a `run`; its fields are its JSON keys (a trailing `_` is dropped: `with_` is
"with"), those without a default are required. A key is read by `READERS`, or by the op's own `readers` where
it means something else there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, ClassVar, TypeVar

from spatial_edit.edits.array import edit_items
from spatial_edit.edits.blob_values import MAX_ID
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, MAX_BLOBS, SIZE_RANGE, SURFACES
from spatial_edit.layouts.blobs_codec import colour_from_json, colour_to_json
from spatial_edit.layouts.layout import Elements
from spatial_edit.layouts.strict_json import JsonError, array, integer, number, record, show

MAX_POINTS = 64
Reader = Callable[[object, str], Any]
C = TypeVar("C", bound="Change")


def numbers(low: float, high: float) -> Reader:
    """Reads a finite number of a range."""
    return lambda value, what: number(value, what, low, high)


def integers(low: int, high: int) -> Reader:
    """Reads a whole number of a range."""
    return lambda value, what: integer(value, what, low, high)


def choice(*words: str) -> Reader:
    """Reads one of some words."""

    def read(value: object, what: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise JsonError(f"{what} is {show(value)}: use one of {', '.join(words)}")
        return value

    return read


def or_null(reader: Reader) -> Reader:
    """Reads null as None, and all else with the given reader."""
    return lambda value, what: None if value is None else reader(value, what)


def _points(value: object, what: str) -> tuple[tuple[float, float], ...]:
    items = array(value, what, MAX_POINTS)
    if len(items) < 3:
        raise JsonError(f"{what} has {len(items)} points: draw with 3 to {MAX_POINTS}")
    points = []
    for i, item in enumerate(items):
        pair = array(item, f"point {i + 1} of {what}", 2)
        if len(pair) != 2:
            raise JsonError(f"point {i + 1} of {what} must be [x, y]")
        x, y = (number(v, f"point {i + 1} of {what}", *CENTRE_RANGE) for v in pair)
        points.append((x, y))
    return tuple(points)


def _targets(value: object, what: str) -> tuple[int, ...]:
    items = array(value, what, MAX_BLOBS)
    found = tuple(integer(item, f"number {i + 1} of {what}", 0, MAX_ID) for i, item in enumerate(items))
    if not found:
        raise JsonError(f"{what} is empty: name at least one element")
    if len(set(found)) != len(found):
        raise JsonError(f"{what} names an element twice: name each once")
    return found


READERS: dict[str, Reader] = {  # A step over the whole range is the largest that makes sense
    **dict.fromkeys(("target", "with", "row"), integers(0, MAX_ID)),
    **dict.fromkeys(("dx", "dy"), numbers(-1.4, 1.4)),
    **dict.fromkeys(("x", "y"), numbers(*CENTRE_RANGE)),
    **dict.fromkeys(("value", "share"), numbers(0.0, 1.0)),
    "targets": _targets,
    "factor": numbers(0.005, 200.0),
    "angle": numbers(-2 * math.pi, 2 * math.pi),
    "size": numbers(*SIZE_RANGE),
    "aspect": numbers(*ASPECT_RANGE),
    "to": integers(0, MAX_BLOBS - 1),
    "seed": or_null(integers(0, 2**32 - 1)),
    "colour": or_null(colour_from_json),
    "points": _points,
    "surface": choice(*SURFACES),
}


@dataclass(frozen=True)
class Change:
    """The frame of an edit of any kind of layout: its name, and how its keys are read and written."""

    op: ClassVar[str] = ""
    readers: ClassVar[Mapping[str, Reader]] = {}

    def as_dict(self) -> dict[str, object]:
        """The JSON object that `read_edit` reads back; optional keys are left out where they are usual."""
        given = {_key(f): getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {"op": self.op} | {key: _plain(key, value) for key, value in given.items()}

    def check(self) -> None:
        """EditError for what the keys, each in order by itself, cannot mean together."""


@dataclass(frozen=True)
class Edit(Change):
    """One change of blobs; `run` gives the layout after it, or raises EditError."""

    def run(self, layout: Blobs) -> Blobs:
        raise NotImplementedError


@dataclass(frozen=True)
class OfElement(Edit):
    """An edit of one element, by its number."""

    target: int
    through_lock: ClassVar[bool] = False

    def index(self, layout: Blobs) -> int:
        """The element's position; EditError when there is none, or it is locked and the op heeds locks."""
        return find(layout, self.target, "" if self.through_lock else self.op)


@dataclass(frozen=True)
class OfElements(Edit):
    """An edit of several elements, none of them locked."""

    targets: tuple[int, ...]

    def indices(self, layout: Blobs) -> list[int]:
        """Their positions, in the order given; EditError when one is not there or locked."""
        return [find(layout, target, self.op) for target in self.targets]


def _key(field: Field[Any]) -> str:
    return field.name.rstrip("_")


def _plain(key: str, value: Any) -> object:
    if key == "colour" and value is not None:
        return colour_to_json(value)
    if key == "points":
        return [list(point) for point in value]
    return list(value) if isinstance(value, tuple) else value


def read_edits(source: object, ops: Mapping[str, type[C]]) -> tuple[C, ...]:
    """The edits of a JSON text, object or array (1 .. 64), of the given ops; EditError when any is not
    exact."""
    try:
        return tuple(read_edit(item, what, ops) for what, item in edit_items(source))
    except JsonError as error:
        raise EditError(str(error)) from error


def read_edit(value: object, what: str, ops: Mapping[str, type[C]]) -> C:
    """One edit of an already parsed JSON object; JsonError or EditError when it is not exact."""
    op = value.get("op") if isinstance(value, dict) else None
    if isinstance(value, dict) and not (isinstance(op, str) and op in ops):
        raise JsonError(f"{what} has no known op ({show(op)}): use one of {', '.join(ops)}")
    if not isinstance(op, str):
        raise JsonError(f"{what} must be a JSON object, not {show(value)}")
    kind = ops[op]
    keys = {_key(f): f for f in fields(kind)}
    required = tuple(key for key, f in keys.items() if f.default is MISSING)
    optional = tuple(key for key in keys if key not in required)
    given = record(value, what, ("op", *required), optional)
    readers = {**READERS, **kind.readers}
    edit = kind(**{keys[k].name: readers[k](v, f"{k} of {what}") for k, v in given.items() if k != "op"})
    edit.check()
    return edit


def find(layout: Elements, target: int, op: str = "") -> int:
    """The position of an element; EditError when there is none, or it is locked and an op is named."""
    try:
        index = layout.index_of(target)
    except ValueError as error:
        raise EditError(str(error)) from error
    if op and layout.locked[index]:
        raise EditError(f"element {target} is locked: unlock it before you {op} it")
    return index
