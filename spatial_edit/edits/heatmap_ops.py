"""Edits of heatmap centres. `factor` multiplies the spread sigma; levels are 0 (coarsest) to 2.

move target dx dy [alone] · resize target factor · set target [x, y, sigma, level, alone]
add level x y sigma · clone target dx dy · reorder target to
remove, hide, show, lock, unlock, detach, attach target · replace target seed · appearance seed [noise]

Where the moved centre is alone on its level, those of finer levels go with it (`Heatmaps.followers`), unless
the op says `alone`; they stop at the border of their range. A sigma of 0 hides a centre, which keeps its
spread; any other sigma shows it again. The seed of `replace` and `appearance` may be null: the scene's own
look again. In a hierarchy all centres are parts of one thing with one look, so `replace` gives it all of the
seed's appearance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.edits.blob_op import integers, numbers
from spatial_edit.edits.blob_values import next_number, put, put_row
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.plain_op import Flag, OfPlain, PlainEdit, SetSome, check_count, grown, within
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, LEVELS, MAX_CENTRES, SIGMA_RANGE, Heatmaps
from spatial_edit.layouts.strict_json import JsonError, flag, number


def _sigma_or_none(value: object, what: str) -> float:
    sigma = number(value, what, 0.0, SIGMA_RANGE[1])
    if 0 < sigma < SIGMA_RANGE[0]:
        raise JsonError(f"{what} is {sigma:g}: use 0 for none, or {SIGMA_RANGE[0]:g} to {SIGMA_RANGE[1]:g}")
    return sigma


_PLACES = dict.fromkeys(("x", "y"), numbers(*CENTRE_RANGE))
_STEPS = dict.fromkeys(
    ("dx", "dy"), numbers(CENTRE_RANGE[0] - CENTRE_RANGE[1], CENTRE_RANGE[1] - CENTRE_RANGE[0])
)
_READERS = {**_PLACES, "sigma": numbers(*SIGMA_RANGE), "level": integers(0, LEVELS - 1)}


def placed(layout: Heatmaps, index: int, place: Tensor, *, alone: bool) -> Tensor:
    """(K, 2) the centres once one of them is at `place`, with those that follow it."""
    target = layout.ids[index]
    centres = put_row(layout.centres, index, within(place, CENTRE_RANGE, f"the place of centre {target}"))
    followers = [] if alone else list(layout.followers(index))
    if followers:
        step = centres[index] - layout.centres[index]
        centres[followers] = (layout.centres[followers] + step).clamp(*CENTRE_RANGE)
    return centres


@dataclass(frozen=True)
class Move(OfPlain):
    op: ClassVar[str] = "move"
    readers: ClassVar = {**_STEPS, "alone": flag}
    dx: float
    dy: float
    alone: bool = False

    def run(self, layout: Heatmaps) -> Heatmaps:
        index = self.index(layout)
        place = layout.centres[index] + torch.tensor([self.dx, self.dy])
        return replace(layout, centres=placed(layout, index, place, alone=self.alone))


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
    readers: ClassVar = {**_READERS, "sigma": _sigma_or_none, "alone": flag}
    x: float | None = None
    y: float | None = None
    sigma: float | None = None
    level: int | None = None
    alone: bool | None = None

    def check(self) -> None:
        if all(value is None for value in (self.x, self.y, self.sigma, self.level)):
            raise EditError("set changes nothing: send x, y, sigma or level")

    def run(self, layout: Heatmaps) -> Heatmaps:
        self.check()
        index = self.index(layout)
        if self.x is not None or self.y is not None:
            x, y = layout.centres[index].tolist()
            place = torch.tensor([x if self.x is None else self.x, y if self.y is None else self.y])
            layout = replace(layout, centres=placed(layout, index, place, alone=bool(self.alone)))
        if self.sigma is not None:
            layout = replace(layout, hidden=put(layout.hidden, index, self.sigma == 0))
        if self.sigma:
            sigma = within(torch.tensor(self.sigma), SIGMA_RANGE, f"sigma of {self.target}")
            layout = replace(layout, sigmas=put_row(layout.sigmas, index, sigma))
        if self.level is not None:
            layout = replace(layout, levels=put(layout.levels, index, self.level))
        return layout


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
        sigma = within(torch.tensor(self.sigma), SIGMA_RANGE, "sigma of the new centre")
        return replace(
            layout,
            centres=grown(layout.centres, place),
            sigmas=grown(layout.sigmas, sigma),
            levels=(*layout.levels, self.level),
            ids=(*layout.ids, next_number(layout)),
            hidden=(*layout.hidden, False),
            locked=(*layout.locked, False),
            detached=(*layout.detached, False),
            looks=(*layout.looks, None),
        )


@dataclass(frozen=True)
class Clone(OfPlain):
    op: ClassVar[str] = "clone"
    through_lock: ClassVar[bool] = True
    readers: ClassVar = _STEPS
    dx: float
    dy: float

    def run(self, layout: Heatmaps) -> Heatmaps:
        index = self.index(layout)
        x, y = layout.centres[index].tolist()
        sigma, look = layout.sigmas[index].item(), layout.looks[index]
        grown_layout = Add(layout.levels[index], x + self.dx, y + self.dy, sigma).run(layout)
        return replace(grown_layout, looks=(*layout.looks, look))


@dataclass(frozen=True)
class Detach(Flag):
    op: ClassVar[str] = "detach"
    field: ClassVar[str] = "detached"

    def run(self, layout: Heatmaps) -> Heatmaps:
        if layout.levels[self.index(layout)] == 0:
            raise EditError(f"centre {self.target} is of the coarsest level, it follows no other one")
        return super().run(layout)


@dataclass(frozen=True)
class Attach(Flag):
    op: ClassVar[str] = "attach"
    field: ClassVar[str] = "detached"
    value: ClassVar[bool] = False


@dataclass(frozen=True)
class Replace(OfPlain):
    """Another style code for an object; in a hierarchy, for all of it."""

    op: ClassVar[str] = "replace"
    seed: int | None

    def run(self, layout: Heatmaps) -> Heatmaps:
        index = self.index(layout)
        if max(layout.levels) > 0:
            return Appearance(self.seed).run(layout)
        return replace(layout, looks=put(layout.looks, index, self.seed))


@dataclass(frozen=True)
class Appearance(PlainEdit):
    """The same layout with another seed's appearance, and with its noise too if wanted. A locked object keeps
    the look that `replace` gave it."""

    op: ClassVar[str] = "appearance"
    readers: ClassVar = {"noise": flag}
    seed: int | None
    noise: bool = False

    def run(self, layout: Heatmaps) -> Heatmaps:
        if self.noise and self.seed is None:
            raise EditError("name the seed whose noise the picture shall have")
        looks = tuple(
            look if locked else None for look, locked in zip(layout.looks, layout.locked, strict=True)
        )
        return replace(layout, looks=looks, appearance=self.seed, noise=self.noise)


OPS = (Move, Resize, Set, Add, Clone, Detach, Attach, Replace, Appearance)
