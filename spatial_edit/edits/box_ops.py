"""Edits of labelled boxes. `x`, `y` are a box's centre; all in fractions of the picture's side.

move target dx dy · resize target factor · set target [x, y, width, height, label]
add label x y width height · clone target dx dy · reorder target to · remove, hide, show, lock, unlock target
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from spatial_edit.edits.blob_op import numbers
from spatial_edit.edits.blob_values import next_number, put, put_row
from spatial_edit.edits.plain_op import MoveCentre, OfPlain, PlainEdit, SetSome, check_count, grown, within
from spatial_edit.layouts.boxes import CENTRE_RANGE, EXTENT_RANGE, MAX_FLAT_BOXES, Boxes
from spatial_edit.layouts.kinds_codec import read_label

_READERS = {"width": numbers(*EXTENT_RANGE), "height": numbers(*EXTENT_RANGE), "label": read_label}


@dataclass(frozen=True)
class Move(MoveCentre):
    limits: ClassVar = CENTRE_RANGE
    word: ClassVar[str] = "box"


@dataclass(frozen=True)
class Resize(OfPlain):
    op: ClassVar[str] = "resize"
    factor: float

    def run(self, layout: Boxes) -> Boxes:
        index = self.index(layout)
        size = within(layout.extents[index] * self.factor, EXTENT_RANGE, f"the size of box {self.target}")
        return replace(layout, extents=put_row(layout.extents, index, size))


@dataclass(frozen=True)
class Set(SetSome):
    readers: ClassVar = _READERS
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    label: str | None = None

    def run(self, layout: Boxes) -> Boxes:
        self.check()
        index = self.index(layout)
        old = [*layout.centres[index].tolist(), *layout.extents[index].tolist()]
        given = (self.x, self.y, self.width, self.height)
        new = torch.tensor([was if value is None else value for was, value in zip(old, given, strict=True)])
        place = within(new[:2], CENTRE_RANGE, f"the place of box {self.target}")
        size = within(new[2:], EXTENT_RANGE, f"the size of box {self.target}")
        return replace(
            layout,
            centres=put_row(layout.centres, index, place),
            extents=put_row(layout.extents, index, size),
            labels=layout.labels if self.label is None else put(layout.labels, index, self.label),
        )


@dataclass(frozen=True)
class Add(PlainEdit):
    op: ClassVar[str] = "add"
    readers: ClassVar = _READERS
    label: str
    x: float
    y: float
    width: float
    height: float

    def run(self, layout: Boxes) -> Boxes:
        check_count(layout, MAX_FLAT_BOXES)
        place = within(torch.tensor([self.x, self.y]), CENTRE_RANGE, "the place of the new box")
        size = within(torch.tensor([self.width, self.height]), EXTENT_RANGE, "the size of the new box")
        return Boxes(
            grown(layout.centres, place),
            grown(layout.extents, size),
            (*layout.labels, self.label),
            (*layout.ids, next_number(layout)),
            (*layout.hidden, False),
            (*layout.locked, False),
        )


@dataclass(frozen=True)
class Clone(OfPlain):
    op: ClassVar[str] = "clone"
    through_lock: ClassVar[bool] = True
    dx: float
    dy: float

    def run(self, layout: Boxes) -> Boxes:
        index = self.index(layout)
        (x, y), (width, height) = layout.centres[index].tolist(), layout.extents[index].tolist()
        return Add(layout.labels[index], x + self.dx, y + self.dy, width, height).run(layout)


OPS = (Move, Resize, Set, Add, Clone)
