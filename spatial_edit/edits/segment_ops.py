"""Edits of segments: what a segment gains, others lose; what it loses, its neighbours gain.

    paint target runs              these cells become its own (runs as in layouts/segments.py)
    draw points target|label       the cells inside an outline become its own, or a new segment's
    move target dx dy              by whole cells; what leaves the picture is cut off
    set target label               another class
    remove, hide, show, lock, unlock target

A locked segment neither loses nor gains cells. One that becomes free goes to the segment of the nearest cell,
and to nobody when all others are locked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from spatial_edit.edits.blob_op import find
from spatial_edit.edits.blob_values import next_number, put
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.plain_op import OfPlain, PlainEdit, check_count
from spatial_edit.layouts.kinds_codec import read_label
from spatial_edit.layouts.segments import MAX_SEGMENTS, SIDES, VOID, Segments, from_runs
from spatial_edit.layouts.strict_json import array, integer


def _runs(value: object, what: str) -> tuple[int, ...]:
    most = SIDES[1] ** 2
    return tuple(integer(item, what, 0, most) for item in array(value, what, most + 1))


@dataclass(frozen=True)
class Paint(OfPlain):
    op: ClassVar[str] = "paint"
    readers: ClassVar = {"runs": _runs}
    runs: tuple[int, ...]

    def run(self, layout: Segments) -> Segments:
        index = self.index(layout)
        try:
            mask = from_runs(list(self.runs), layout.side)
        except ValueError as error:
            raise EditError(f"the painted cells are not exact: {error}") from error
        return painted(layout, index, mask)


@dataclass(frozen=True)
class Draw(PlainEdit):
    op: ClassVar[str] = "draw"
    readers: ClassVar = {"label": read_label}
    points: tuple[tuple[float, float], ...]
    target: int | None = None
    label: str | None = None

    def check(self) -> None:
        if (self.target is None) == (self.label is None):
            raise EditError("draw takes the target that gains the outline, or the label of a new segment")

    def run(self, layout: Segments) -> Segments:
        self.check()
        mask = inside_outline(np.asarray(self.points, dtype=np.float64), layout.side)
        if not bool(mask.any()):
            raise EditError("the outline encloses no cell: draw a larger closed shape")
        if self.target is not None:
            return painted(layout, find(layout, self.target, self.op), mask)
        check_count(layout, MAX_SEGMENTS)
        new = replace(
            layout,
            labels=(*layout.labels, self.label or ""),
            ids=(*layout.ids, next_number(layout)),
            hidden=(*layout.hidden, False),
            locked=(*layout.locked, False),
        )
        return painted(new, len(layout), mask)


@dataclass(frozen=True)
class Move(OfPlain):
    op: ClassVar[str] = "move"
    dx: float
    dy: float

    def run(self, layout: Segments) -> Segments:
        index = self.index(layout)
        own = layout.cells == self.target
        down, right = round(self.dy * layout.side), round(self.dx * layout.side)
        moved = shifted(own, down, right)
        if not bool(moved.any()):
            raise EditError(f"segment {self.target} would leave the picture: move it less")
        free = replace(layout, cells=filled(layout.cells, own, _locked(layout)))
        return painted(free, index, moved)


@dataclass(frozen=True)
class Relabel(OfPlain):
    op: ClassVar[str] = "set"
    readers: ClassVar = {"label": read_label}
    label: str

    def run(self, layout: Segments) -> Segments:
        return replace(layout, labels=put(layout.labels, self.index(layout), self.label))


@dataclass(frozen=True)
class RemoveSegment(OfPlain):
    op: ClassVar[str] = "remove"

    def run(self, layout: Segments) -> Segments:
        index = self.index(layout)
        own = layout.cells == self.target
        free = replace(layout, cells=filled(layout.cells, own, _locked(layout)))
        return free.select([i for i in range(len(layout)) if i != index])


def painted(layout: Segments, index: int, mask: Tensor) -> Segments:
    """The layout with the mask's cells in a segment, but for those of other locked ones."""
    mask = mask & ~torch.isin(layout.cells, _locked(layout))
    return replace(layout, cells=torch.where(mask, layout.ids[index], layout.cells))


def _locked(layout: Segments) -> Tensor:
    """(n,) the numbers of the locked segments."""
    fixed = [number for number, locked in zip(layout.ids, layout.locked, strict=True) if locked]
    return torch.tensor(fixed, dtype=torch.int64)


def filled(cells: Tensor, hole: Tensor, fixed: Tensor) -> Tensor:
    """The cells with each one of the hole (S, S) given to the segment of the nearest cell outside it that is
    not among the `fixed` numbers (n,); void where there is none."""
    sources = (~hole & (cells != VOID) & ~torch.isin(cells, fixed)).nonzero()
    holes = hole.nonzero()
    result = torch.where(hole, VOID, cells)
    if len(sources) and len(holes):
        nearest = torch.cdist(holes.float(), sources.float()).argmin(-1)
        rows, columns = sources[nearest].T
        result[holes[:, 0], holes[:, 1]] = cells[rows, columns]
    return result


def shifted(mask: Tensor, down: int, right: int) -> Tensor:
    """The mask (S, S) moved by whole cells; what leaves is cut off."""
    result = torch.zeros_like(mask)
    places = mask.nonzero() + torch.tensor([down, right])
    rows, columns = places[((places >= 0) & (places < mask.shape[0])).all(-1)].T
    result[rows, columns] = True
    return result


def inside_outline(points: np.ndarray, side: int) -> Tensor:
    """(S, S) bool: the cells whose middle lies inside a closed outline (N, 2), by the even-odd rule."""
    middle = (np.arange(side) + 0.5) / side
    x, y = middle[None, :, None], middle[:, None, None]
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, 0).T
    crosses = (y0 <= y) != (y1 <= y)  # (S, 1, N)
    at = x0 + (y - y0) / np.where(y1 == y0, 1.0, y1 - y0) * (x1 - x0)
    return torch.from_numpy((crosses & (x < at)).sum(-1) % 2 == 1)


OPS = (Paint, Draw, Move, Relabel, RemoveSegment)
