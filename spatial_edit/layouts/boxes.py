"""Boxes: labelled rectangles, as in BachGAN (Li et al. 2020), section 3: the foreground of a picture to be
filled in round them. The order of the elements is the order of painting: the last one covers the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements

MAX_FLAT_BOXES = 64
CENTRE_RANGE = (-0.2, 1.2)
EXTENT_RANGE = (0.01, 1.4)  # width or height
LABEL = r"[A-Za-z0-9][A-Za-z0-9 _().-]{0,31}"


@dataclass(frozen=True, eq=False)
class Boxes(Elements):
    """K boxes. Shapes: centres (K, 2), extents (K, 2), both float32."""

    kind: ClassVar[str] = "boxes"

    centres: Tensor  # (K, 2) x right, y down; within CENTRE_RANGE
    extents: Tensor  # (K, 2) width and height, within EXTENT_RANGE
    labels: tuple[str, ...]  # the class of each
    ids: tuple[int, ...]
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()

    def select(self, keep: list[int]) -> Boxes:
        """The boxes at the given positions, in the given order."""
        index = torch.tensor(keep, dtype=torch.long)
        return replace(
            self,
            centres=self.centres[index],
            extents=self.extents[index],
            labels=tuple(self.labels[i] for i in keep),
            ids=tuple(self.ids[i] for i in keep),
            hidden=tuple(self.hidden[i] for i in keep),
            locked=tuple(self.locked[i] for i in keep),
        )

    def corners(self) -> Tensor:
        """(K, 4) left, top, right, bottom."""
        return torch.cat([self.centres - self.extents / 2, self.centres + self.extents / 2], -1)
