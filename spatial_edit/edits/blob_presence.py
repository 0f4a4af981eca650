"""Edits of what is there: reorder, clone, add, remove, hide, show, lock, unlock.

A new element takes the next free number: one more than the highest number in the layout, or the lowest unused
one once 255 is taken. The rule reads nothing but the layout, so links, undo and the API agree on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from spatial_edit.edits.blob_op import Edit, OfElement
from spatial_edit.edits.blob_values import (
    add_element,
    check_room,
    check_value,
    next_number,
    put,
    put_row,
    within_picture,
)
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs, Source
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE


@dataclass(frozen=True)
class Reorder(OfElement):
    """To a position in depth over all elements, 0 = farthest."""

    op: ClassVar[str] = "reorder"
    to: int

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        if not 0 <= self.to < len(layout):
            raise EditError(f"depth {self.to} does not exist: this layout has depths 0 to {len(layout) - 1}")
        order = [i for i in range(len(layout)) if i != index]
        order.insert(self.to, index)
        return layout.select(order)


@dataclass(frozen=True)
class Clone(OfElement):
    """A copy that shares the original's appearance, (dx, dy) beside it and just in front of it."""

    op: ClassVar[str] = "clone"
    through_lock: ClassVar[bool] = True
    dx: float
    dy: float

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        check_room(layout, "cloning")
        new = index + 1
        twice = layout.select([*range(new), index, *range(new, len(layout))])
        centre = layout.centres[index] + torch.tensor([self.dx, self.dy], dtype=torch.float32)
        return replace(
            twice,
            centres=put_row(twice.centres, new, within_picture(centre, self.target)),
            ids=put(twice.ids, new, next_number(layout)),
            locked=put(twice.locked, new, False),
        )


@dataclass(frozen=True)
class Add(Edit):
    """A new element in front of all, with the appearance `row` of this scene or of another seed's."""

    op: ClassVar[str] = "add"
    row: int
    x: float
    y: float
    size: float
    aspect: float
    angle: float
    seed: int | None = None

    def run(self, layout: Blobs) -> Blobs:
        source = None if self.seed is None else Source(self.seed, self.row, 1.0)
        for value, limits, name in (
            (self.x, CENTRE_RANGE, "x"),
            (self.y, CENTRE_RANGE, "y"),
            (self.size, SIZE_RANGE, "size"),
            (self.aspect, ASPECT_RANGE, "aspect"),
            (self.angle, (-2 * math.pi, 2 * math.pi), "angle"),
        ):
            check_value(value, limits, f"the new element's {name}", "use one within")
        new, last = add_element(layout, self.row, source), len(layout)
        return replace(
            new,
            centres=put_row(new.centres, last, torch.tensor([self.x, self.y])),
            sizes=put_row(new.sizes, last, self.size),
            aspects=put_row(new.aspects, last, self.aspect),
            angles=put_row(new.angles, last, self.angle % math.pi),
        )


@dataclass(frozen=True)
class Remove(OfElement):
    """Out of the layout."""

    op: ClassVar[str] = "remove"

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        return layout.select([i for i in range(len(layout)) if i != index])


@dataclass(frozen=True)
class Hide(OfElement):
    """Still in the layout, but not drawn."""

    op: ClassVar[str] = "hide"

    def run(self, layout: Blobs) -> Blobs:
        return replace(layout, hidden=put(layout.hidden, self.index(layout), True))


@dataclass(frozen=True)
class Show(OfElement):
    """Drawn again."""

    op: ClassVar[str] = "show"

    def run(self, layout: Blobs) -> Blobs:
        return replace(layout, hidden=put(layout.hidden, self.index(layout), False))


@dataclass(frozen=True)
class Lock(OfElement):
    """Refuses every change but unlock from now on."""

    op: ClassVar[str] = "lock"
    through_lock: ClassVar[bool] = True

    def run(self, layout: Blobs) -> Blobs:
        return replace(layout, locked=put(layout.locked, self.index(layout), True))


@dataclass(frozen=True)
class Unlock(OfElement):
    """May be changed again."""

    op: ClassVar[str] = "unlock"
    through_lock: ClassVar[bool] = True

    def run(self, layout: Blobs) -> Blobs:
        return replace(layout, locked=put(layout.locked, self.index(layout), False))
