"""Edits of one element's place and shape: move, resize, rotate, reshape, set, draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from spatial_edit.edits.blob_op import Edit, OfElement, find
from spatial_edit.edits.blob_values import (
    add_element,
    check_value,
    put_row,
    set_geometry,
    turned,
    within_picture,
)
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs, Source
from spatial_edit.layouts.blobs import ASPECT_RANGE, SIZE_RANGE
from spatial_edit.layouts.sketch import SketchError, fit_ellipse


@dataclass(frozen=True)
class Move(OfElement):
    """Its centre by (dx, dy) fractions of the side, y down."""

    op: ClassVar[str] = "move"
    dx: float
    dy: float

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        centre = layout.centres[index] + torch.tensor([self.dx, self.dy], dtype=torch.float32)
        return replace(layout, centres=put_row(layout.centres, index, within_picture(centre, self.target)))


@dataclass(frozen=True)
class Resize(OfElement):
    """Its size times a factor."""

    op: ClassVar[str] = "resize"
    factor: float

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        size = layout.sizes[index] * self.factor
        check_value(size.item(), SIZE_RANGE, f"the size of element {self.target}", "use a factor nearer to 1")
        return replace(layout, sizes=put_row(layout.sizes, index, size.clamp(*SIZE_RANGE)))


@dataclass(frozen=True)
class Rotate(OfElement):
    """Its axis by an angle in radians, counter-clockwise as seen."""

    op: ClassVar[str] = "rotate"
    angle: float

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        return replace(layout, angles=put_row(layout.angles, index, turned(layout.angles[index], self.angle)))


@dataclass(frozen=True)
class Reshape(OfElement):
    """Its aspect times a factor, at constant area."""

    op: ClassVar[str] = "reshape"
    factor: float

    def run(self, layout: Blobs) -> Blobs:
        index = self.index(layout)
        aspect = layout.aspects[index] * self.factor
        what = f"the aspect of element {self.target}"
        check_value(aspect.item(), ASPECT_RANGE, what, "use a factor nearer to 1")
        return replace(layout, aspects=put_row(layout.aspects, index, aspect.clamp(*ASPECT_RANGE)))


@dataclass(frozen=True)
class Set(OfElement):
    """Its geometry in absolute values; what is not given stays."""

    op: ClassVar[str] = "set"
    x: float | None = None
    y: float | None = None
    size: float | None = None
    aspect: float | None = None
    angle: float | None = None

    def check(self) -> None:
        if all(value is None for value in (self.x, self.y, self.size, self.aspect, self.angle)):
            raise EditError("set changes nothing: send x, y, size, aspect or angle")

    def run(self, layout: Blobs) -> Blobs:
        self.check()
        index = self.index(layout)
        x, y = layout.centres[index].tolist()
        return set_geometry(
            layout,
            index,
            (x if self.x is None else self.x, y if self.y is None else self.y),
            layout.sizes[index].item() if self.size is None else self.size,
            layout.aspects[index].item() if self.aspect is None else self.aspect,
            layout.angles[index].item() if self.angle is None else self.angle,
        )


@dataclass(frozen=True)
class Draw(Edit):
    """A drawn outline becomes the ellipse with its second moments: `target`'s, or that of a new element with
    the appearance `row` (of another scene, when `seed` is given)."""

    op: ClassVar[str] = "draw"
    points: tuple[tuple[float, float], ...]
    target: int | None = None
    row: int | None = None
    seed: int | None = None

    def check(self) -> None:
        if self.target is None and self.row is None:
            raise EditError("draw needs the target that takes the outline, or the row of a new element")
        if self.target is not None and (self.row is not None or self.seed is not None):
            raise EditError("draw takes a target, or the row of a new element, not both")

    def run(self, layout: Blobs) -> Blobs:
        self.check()
        try:
            centre, size, aspect, angle = fit_ellipse(np.asarray(self.points, dtype=np.float64))
        except SketchError as error:
            raise EditError(str(error)) from error
        if self.target is not None:
            return set_geometry(layout, find(layout, self.target, self.op), centre, size, aspect, angle)
        row = self.row or 0
        source = None if self.seed is None else Source(self.seed, row, 1.0)
        new = add_element(layout, row, source)
        return set_geometry(new, len(layout), centre, size, aspect, angle)
