"""The frame of edits of the plain kinds of layout (heatmaps, boxes, segments, blocks, points), and the edits
that all of them have: reorder, remove, hide, show, lock, unlock."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from spatial_edit.edits.blob_op import Change, find
from spatial_edit.edits.blob_values import check_value, put, put_row
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts.layout import Elements


@dataclass(frozen=True)
class PlainEdit(Change):
    """One change of a plain layout; `run` gives the layout after it, or raises EditError."""

    def run(self, layout: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class OfPlain(PlainEdit):
    """An edit of one element, by its number."""

    target: int
    through_lock: ClassVar[bool] = False

    def index(self, layout: Elements) -> int:
        """The element's position; EditError when there is none, or it is locked and the op heeds locks."""
        return find(layout, self.target, "" if self.through_lock else self.op)


@dataclass(frozen=True)
class MoveCentre(OfPlain):
    """By so much: of layouts with `centres`."""

    op: ClassVar[str] = "move"
    limits: ClassVar[tuple[float, float]]
    word: ClassVar[str]  # what an element is called
    dx: float
    dy: float

    def run(self, layout: Any) -> Any:
        index = self.index(layout)
        centre = layout.centres[index] + torch.tensor([self.dx, self.dy])
        place = within(centre, self.limits, f"the place of {self.word} {self.target}")
        return replace(layout, centres=put_row(layout.centres, index, place))


@dataclass(frozen=True)
class SetSome(OfPlain):
    """Some of an element's values to new ones: every field but the target is optional, one must be given."""

    op: ClassVar[str] = "set"

    def check(self) -> None:
        names = [field.name for field in fields(self) if field.name != "target"]
        if all(getattr(self, name) is None for name in names):
            raise EditError(f"set changes nothing: send {', '.join(names[:-1])} or {names[-1]}")


@dataclass(frozen=True)
class Reorder(OfPlain):
    """To a position in the order of painting, 0 = first."""

    op: ClassVar[str] = "reorder"
    to: int

    def run(self, layout: Elements) -> Elements:
        index = self.index(layout)
        if not 0 <= self.to < len(layout):
            raise EditError(f"place {self.to} does not exist: this layout has 0 to {len(layout) - 1}")
        order = [i for i in range(len(layout)) if i != index]
        order.insert(self.to, index)
        return layout.select(order)


@dataclass(frozen=True)
class Remove(OfPlain):
    """Out of the layout."""

    op: ClassVar[str] = "remove"

    def run(self, layout: Elements) -> Elements:
        index = self.index(layout)
        return layout.select([i for i in range(len(layout)) if i != index])


@dataclass(frozen=True)
class Flag(OfPlain):
    """Sets one of the two flags."""

    field: ClassVar[str] = "hidden"
    value: ClassVar[bool] = True

    def run(self, layout: Any) -> Any:
        flags = put(getattr(layout, self.field), self.index(layout), self.value)
        return replace(layout, **{self.field: flags})


@dataclass(frozen=True)
class Hide(Flag):
    op: ClassVar[str] = "hide"


@dataclass(frozen=True)
class Show(Flag):
    op: ClassVar[str] = "show"
    value: ClassVar[bool] = False


@dataclass(frozen=True)
class Lock(Flag):
    op: ClassVar[str] = "lock"
    field: ClassVar[str] = "locked"
    through_lock: ClassVar[bool] = True


@dataclass(frozen=True)
class Unlock(Lock):
    op: ClassVar[str] = "unlock"
    value: ClassVar[bool] = False


def within(values: Tensor, limits: tuple[float, float], what: str) -> Tensor:
    """The values, clamped over a rounding; EditError when one lies outside the limits or is not finite."""
    for value in values.flatten().tolist():
        check_value(value, limits, what, "keep it within")
    return values.clamp(*limits)


def grown(values: Tensor, new: Tensor | float) -> Tensor:
    """The values with one more entry at the end."""
    return torch.cat([values, torch.as_tensor(new, dtype=values.dtype)[None]])


def check_count(layout: Elements, most: int) -> None:
    """EditError when there is no room for one more element."""
    if len(layout) >= most:
        raise EditError(f"the layout has {len(layout)} elements, the most there can be: remove one first")
