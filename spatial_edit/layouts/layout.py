"""What every kind of layout has in common.

A `Layout` is what the user moves: float32 tensors with a leading element axis, for one picture. Coordinates
are fractions of the picture's side, origin top left, pixel centres at (i + 1/2) / N; angles are radians,
counter-clockwise as seen on the screen (y points down, so the axis at angle a has direction (cos a, -sin a)).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Self

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


class Elements(Layout):
    """A layout of numbered elements that can be hidden and locked, one by one."""

    if TYPE_CHECKING:
        ids: tuple[int, ...]
        hidden: tuple[bool, ...]
        locked: tuple[bool, ...]

    def __post_init__(self) -> None:
        for name in ("hidden", "locked"):
            if not getattr(self, name):
                object.__setattr__(self, name, (False,) * len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def index_of(self, target: int) -> int:
        """Position of the element numbered `target`; ValueError when there is none."""
        if target not in self.ids:
            raise ValueError(f"there is no element {target}: this layout has {list(self.ids)}")
        return self.ids.index(target)

    def select(self, keep: list[int]) -> Self:
        """The elements at the given positions, in the given order."""
        raise NotImplementedError

    def visible(self) -> Self:
        """The elements that are not hidden: what a generator draws."""
        return self.select([i for i, hidden in enumerate(self.hidden) if not hidden])


def _equal(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
    return a == b
