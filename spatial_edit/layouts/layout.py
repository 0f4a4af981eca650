"""What every kind of layout has in common.

A `Layout` is what the user moves: float32 tensors with a leading element axis, for one picture. Coordinates
are fractions of the picture's side, origin top left, pixel centres at (i + 1/2) / N; angles are radians,
counter-clockwise as seen on the screen (y points down, so the axis at angle a has direction (cos a, -sin a)).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Layout:
    """Base of the six kinds. Compared by `same()`; gradients flow through the tensors."""

    kind: ClassVar[str] = ""

    def same(self, other: Layout) -> bool:
        """True when the other layout is of the same kind and every field is equal, bit for bit."""
        if type(self) is not type(other):
            return False
        return all(_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))


def _equal(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
    return a == b
