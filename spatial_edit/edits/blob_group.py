"""Edits of several elements at once: group, align, distribute."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.edits.blob_op import OfElements, choice
from spatial_edit.edits.blob_values import check_value, extents, turned, within_picture
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs
from spatial_edit.layouts.blobs import SIZE_RANGE

# Edge -> (axis, which side of an extent: -1 low, 1 high, 0 its middle).
EDGES = {
    "left": (0, -1), "right": (0, 1), "top": (1, -1), "bottom": (1, 1), "centre": (0, 0), "middle": (1, 0),
}  # fmt: skip
AXES = ("x", "y")


@dataclass(frozen=True)
class Group(OfElements):
    """Scaled and turned about their common centre (the mean of their centres), then moved; sizes scale and
    angles turn along."""

    op: ClassVar[str] = "group"
    dx: float | None = None
    dy: float | None = None
    factor: float | None = None
    angle: float | None = None

    def check(self) -> None:
        if all(value is None for value in (self.dx, self.dy, self.factor, self.angle)):
            raise EditError("group changes nothing: send dx, dy, factor or angle")

    def run(self, layout: Blobs) -> Blobs:
        self.check()
        indices = self.indices(layout)
        factor, angle = 1.0 if self.factor is None else self.factor, self.angle or 0.0
        if not math.isfinite(angle):
            raise EditError("the angle is not finite: use a finite one")
        cosine, sine = math.cos(angle), math.sin(angle)
        turn = torch.tensor([[cosine, sine], [-sine, cosine]])  # counter-clockwise as seen, y points down
        old = layout.centres[indices]  # (N, 2)
        pivot = old.mean(0)
        moved = old if angle == 0 and factor == 1 else pivot + factor * (old - pivot) @ turn.T
        centres = moved + torch.tensor([self.dx or 0.0, self.dy or 0.0])
        sizes, angles = layout.sizes.clone(), layout.angles.clone()
        for i in indices:
            size = layout.sizes[i] * factor
            what = f"the size of element {layout.ids[i]}"
            check_value(size.item(), SIZE_RANGE, what, "use a factor nearer to 1")
            sizes[i] = size.clamp(*SIZE_RANGE)
            angles[i] = layout.angles[i] if angle == 0 else turned(layout.angles[i], angle)
        return replace(_placed(layout, indices, centres), sizes=sizes, angles=angles)


@dataclass(frozen=True)
class Align(OfElements):
    """One edge of their bounding boxes, or their centres, on one line: that of the whole selection's box."""

    op: ClassVar[str] = "align"
    readers: ClassVar = {"edge": choice(*EDGES)}
    edge: str

    def run(self, layout: Blobs) -> Blobs:
        if self.edge not in EDGES:
            raise EditError(f"there is no edge {self.edge[:20]!a}: use one of {', '.join(EDGES)}")
        indices = self.indices(layout)
        axis, side = EDGES[self.edge]
        centres = layout.centres[indices].clone()
        half = extents(layout)[indices, axis]
        low, high = (centres[:, axis] - half).min(), (centres[:, axis] + half).max()
        line = torch.stack([low, (low + high) / 2, high])[side + 1]
        centres[:, axis] = line - side * half
        return _placed(layout, indices, centres)


@dataclass(frozen=True)
class Distribute(OfElements):
    """Their centres evenly between the outermost two, along x or y."""

    op: ClassVar[str] = "distribute"
    readers: ClassVar = {"axis": choice(*AXES)}
    axis: str

    def check(self) -> None:
        if len(self.targets) < 3:
            raise EditError(f"distribute needs at least 3 elements, not {len(self.targets)}: pick more")

    def run(self, layout: Blobs) -> Blobs:
        self.check()
        if self.axis not in AXES:
            raise EditError(f"there is no axis {self.axis[:20]!a}: use one of {', '.join(AXES)}")
        axis = AXES.index(self.axis)
        indices = sorted(self.indices(layout), key=lambda i: layout.centres[i, axis].item())
        centres = layout.centres[indices].clone()
        steps = torch.linspace(0, 1, len(indices))
        first, last = centres[0, axis].clone(), centres[-1, axis].clone()
        centres[:, axis] = torch.lerp(first, last, steps)
        return _placed(layout, indices, centres)


def _placed(layout: Blobs, indices: list[int], centres: Tensor) -> Blobs:
    """The layout with the centres (N, 2) of some elements replaced, each checked."""
    result = layout.centres.clone()
    for i, centre in zip(indices, centres, strict=True):
        result[i] = within_picture(centre, layout.ids[i])
    return replace(layout, centres=result)
