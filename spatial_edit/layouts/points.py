"""Points: pairs of a handle and a target for dragging, as in DragGAN (Pan et al. 2023), section 3.1: what is
at the handle in the picture is to come to the target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements

MAX_PAIRS = 32
PLACE_RANGE = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Points(Elements):
    """K pairs. Shapes: handles (K, 2), targets (K, 2), both float32, x right, y down, in PLACE_RANGE."""

    kind: ClassVar[str] = "points"

    handles: Tensor
    targets: Tensor
    ids: tuple[int, ...]
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()

    def select(self, keep: list[int]) -> Points:
        """The pairs at the given positions, in the given order."""
        index = torch.tensor(keep, dtype=torch.long)
        return replace(
            self,
            handles=self.handles[index],
            targets=self.targets[index],
            ids=tuple(self.ids[i] for i in keep),
            hidden=tuple(self.hidden[i] for i in keep),
            locked=tuple(self.locked[i] for i in keep),
        )
