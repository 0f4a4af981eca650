"""Edits of heatmap centres. `factor` multiplies the spread sigma; levels are 0 (coarsest) to 2.

move target dx dy · resize target factor · set target [x, y, sigma, level] · add level x y sigma
clone target dx dy · reorder target to · remove, hide, show, lock, unlock target
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from spatial_edit.edits.blob_op import integers, numbers
from spatial_edit.edits.blob_values import next_number, put, put_row
from spatial_edit.edits.plain_op import MoveCentre, OfPlain, PlainEdit, SetSome, check_count, grown, within
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, LEVELS, MAX_CENTRES, SIGMA_RANGE, Heatmaps

_READERS = {"sigma": numbers(*SIGMA_RANGE), "level": integers(0, LEVELS - 1)}


@dataclass(frozen=True)
class Move(MoveCentre):
    limits: ClassVar = CENTRE_RANGE
    word: ClassVar[str] = "centre"


@dataclass(frozen=True)
class Resize(OfPlain):
    op: ClassVar[str] = "resize"
    factor: float

    def run(self, layout: Heatmaps) -> Heatmaps:
        index = self.index(layout)
        sigma = within(layout.sigmas[index] * self.factor, SIGMA_RANGE, f"sigma of centre {self.target}")
        return replace(layout, sigmas=put_row(layout.sigmas, index, sigma))


@dataclass(frozen=True)
class Set(SetSome):
    readers: ClassVar = _READERS
    x: float | None = None
    y: float | None = None
    sigma: float | None = None
    level: int | None = None

    def run(self, layout: Heatmaps) -> Heatmaps:
        self.check()
        index = self.index(layout)
        x, y = layout.centres[index].tolist()
        centre = torch.tensor([x if self.x is None else self.x, y if self.y is None else self.y])
        sigma = layout.sigmas[index] if self.sigma is None else torch.tensor(self.sigma)
        return replace(
            layout,
            centres=put_row(
                layout.centres, index, within(centre, CENTRE_RANGE, f"the place of {self.target}")
            ),
            sigmas=put_row(layout.sigmas, index, within(sigma, SIGMA_RANGE, f"sigma of {self.target}")),
            levels=layout.levels if self.level is None else put(layout.levels, index, self.level),
        )


@dataclass(frozen=True)
class Add(PlainEdit):
    op: ClassVar[str] = "add"
    readers: ClassVar = _READERS
    level: int
    x: float
    y: float
    sigma: float

    def run(self, layout: Heatmaps) -> Heatmaps:
        check_count(layout, MAX_CENTRES)
        place = within(torch.tensor([self.x, self.y]), CENTRE_RANGE, "the place of the new centre")
        return Heatmaps(
            grown(layout.centres, place),
            grown(layout.sigmas, within(torch.tensor(self.sigma), SIGMA_RANGE, "sigma of the new centre")),
            (*layout.levels, self.level),
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

    def run(self, layout: Heatmaps) -> Heatmaps:
        index = self.index(layout)
        x, y = layout.centres[index].tolist()
        return Add(layout.levels[index], x + self.dx, y + self.dy, layout.sigmas[index].item()).run(layout)


OPS = (Move, Resize, Set, Add, Clone)
