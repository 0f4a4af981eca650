"""Segments: a label map whose every cell belongs to a segment, as in GANformer2 (Hudson and Zitnick 2021),
section 3: a segment is one thing or one stretch of ground, with a class.

`cells` holds the number of the segment of every cell, VOID where there is none. Painting changes cells, so
the segments never overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements

MAX_SEGMENTS = 64
SIDES = (4, 64)  # cells a side, at least and at most
VOID = -1


@dataclass(frozen=True, eq=False)
class Segments(Elements):
    """K segments over (S, S) cells, int64."""

    kind: ClassVar[str] = "segments"

    cells: Tensor  # (S, S) the number of each cell's segment, or VOID
    labels: tuple[str, ...]  # the class of each segment
    ids: tuple[int, ...]
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()

    @property
    def side(self) -> int:
        return self.cells.shape[0]

    def select(self, keep: list[int]) -> Segments:
        """The segments at the given positions, in the given order; the others' cells are void."""
        ids = tuple(self.ids[i] for i in keep)
        kept = torch.isin(self.cells, torch.tensor(ids, dtype=torch.int64))
        return replace(
            self,
            cells=torch.where(kept, self.cells, VOID),
            labels=tuple(self.labels[i] for i in keep),
            ids=ids,
            hidden=tuple(self.hidden[i] for i in keep),
            locked=tuple(self.locked[i] for i in keep),
        )

    def centre(self, index: int) -> tuple[float, float]:
        """The mean place of a segment's cells; the middle of the picture when it has none."""
        places = (self.cells == self.ids[index]).nonzero().float()  # (n, 2) row, column
        if not len(places):
            return 0.5, 0.5
        row, column = ((places.mean(0) + 0.5) / self.side).tolist()
        return column, row


def to_runs(cells: Tensor) -> list[int]:
    """A mask (S, S) as [start, length, start, length, ...] of its runs over the cells row by row."""
    flat = torch.cat(
        [torch.zeros(1, dtype=torch.int8), cells.flatten().to(torch.int8), torch.zeros(1, dtype=torch.int8)]
    )
    steps = flat.diff()
    starts, ends = (steps == 1).nonzero().flatten().tolist(), (steps == -1).nonzero().flatten().tolist()
    return [value for start, end in zip(starts, ends, strict=True) for value in (start, end - start)]


def from_runs(runs: list[int], side: int) -> Tensor:
    """(S, S) bool of `to_runs`; ValueError for runs that leave the map, touch or are out of order."""
    mask = torch.zeros(side * side, dtype=torch.bool)
    last = -1
    if len(runs) % 2:
        raise ValueError("runs come in pairs of start and length")
    for start, length in zip(runs[::2], runs[1::2], strict=True):
        if start <= last or length < 1 or start + length > side * side:
            raise ValueError("runs must follow each other within the map, with a gap between them")
        mask[start : start + length] = True
        last = start + length
    return mask.reshape(side, side)
