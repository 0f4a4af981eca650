"""Edits of handles and targets: x, y is the handle, to_x, to_y its target, fractions of the picture's side.

move target end dx dy ("handle", "target" or "both") · set target [x, y, to_x, to_y] · add x y to_x to_y
remove, hide, show, lock, unlock target
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.edits.blob_op import choice, numbers
from spatial_edit.edits.blob_values import next_number, put_row
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.plain_op import OfPlain, PlainEdit, SetSome, check_count, grown, within
from spatial_edit.layouts.points import MAX_PAIRS, PLACE_RANGE, Points

ENDS = ("handle", "target", "both")
_READERS = dict.fromkeys(("x", "y", "to_x", "to_y"), numbers(*PLACE_RANGE))


@dataclass(frozen=True)
class Move(OfPlain):
    op: ClassVar[str] = "move"
    readers: ClassVar = {"end": choice(*ENDS)}
    end: str
    dx: float
    dy: float

    def run(self, layout: Points) -> Points:
        if self.end not in ENDS:
            raise EditError(f"there is no end {self.end[:20]!a}: use one of {', '.join(ENDS)}")
        index = self.index(layout)
        step = torch.tensor([self.dx, self.dy])
        moves = {"handle": self.end != "target", "target": self.end != "handle"}
        handle = layout.handles[index] + step * moves["handle"]
        target = layout.targets[index] + step * moves["target"]
        return _placed(layout, index, handle, target)


@dataclass(frozen=True)
class Set(SetSome):
    readers: ClassVar = _READERS
    x: float | None = None
    y: float | None = None
    to_x: float | None = None
    to_y: float | None = None

    def run(self, layout: Points) -> Points:
        self.check()
        index = self.index(layout)
        old = [*layout.handles[index].tolist(), *layout.targets[index].tolist()]
        given = (self.x, self.y, self.to_x, self.to_y)
        new = torch.tensor([was if value is None else value for was, value in zip(old, given, strict=True)])
        return _placed(layout, index, new[:2], new[2:])


@dataclass(frozen=True)
class Add(PlainEdit):
    op: ClassVar[str] = "add"
    readers: ClassVar = _READERS
    x: float
    y: float
    to_x: float
    to_y: float

    def run(self, layout: Points) -> Points:
        check_count(layout, MAX_PAIRS)
        handle, target = torch.tensor([self.x, self.y]), torch.tensor([self.to_x, self.to_y])
        return Points(
            grown(layout.handles, within(handle, PLACE_RANGE, "the new handle's place")),
            grown(layout.targets, within(target, PLACE_RANGE, "the new target's place")),
            (*layout.ids, next_number(layout)),
            (*layout.hidden, False),
            (*layout.locked, False),
        )


def _placed(layout: Points, index: int, handle: Tensor, target: Tensor) -> Points:
    number = layout.ids[index]
    handle = within(handle, PLACE_RANGE, f"the handle's place of pair {number}")
    target = within(target, PLACE_RANGE, f"the target's place of pair {number}")
    return replace(
        layout,
        handles=put_row(layout.handles, index, handle),
        targets=put_row(layout.targets, index, target),
    )


OPS = (Move, Set, Add)
