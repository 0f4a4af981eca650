"""Blobs: an ellipse for every element, as in BlobGAN (Epstein et al. 2022), section 3.1.

An element k has a centre (x, y), a size (geometric mean of its two radii), an aspect (first radius / second
radius) and an angle; its radii are size * sqrt(aspect) along the direction (cos angle, -sin angle) and size /
sqrt(aspect) across it. The order of the elements is their depth: index 0 is the farthest, the last one is
nearest. What an element looks like is not here: `rows` names its row in `Latent.rows`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements

MAX_BLOBS = 64
CENTRE_RANGE = (-0.2, 1.2)
SIZE_RANGE = (0.005, 1.0)
ASPECT_RANGE = (0.1, 10.0)


@dataclass(frozen=True, eq=False)
class Blobs(Elements):
    """K blobs, farthest first. Shapes: centres (K, 2), sizes, aspects and angles (K,), all float32."""

    kind: ClassVar[str] = "blobs"

    centres: Tensor  # (K, 2) x right, y down; within CENTRE_RANGE
    sizes: Tensor  # (K,) geometric mean of the radii, fraction of the side; within SIZE_RANGE
    aspects: Tensor  # (K,) within ASPECT_RANGE
    angles: Tensor  # (K,) radians, counter-clockwise as seen; an ellipse repeats every pi
    ids: tuple[
        int, ...
    ]  # the number drawn on the canvas: unique, 0..255, stable through reorder, hide and undo
    rows: tuple[int, ...]  # the element's row in Latent.rows; clones share one
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()

    def radii(self) -> Tensor:
        """(K, 2) the radius along the element's own axis and the one across it."""
        root = self.aspects.sqrt()
        return torch.stack([self.sizes * root, self.sizes / root], -1)

    def select(self, keep: list[int]) -> Blobs:
        """The elements at the given positions, in the given order."""
        index = torch.tensor(keep, dtype=torch.long)
        return replace(
            self,
            centres=self.centres[index],
            sizes=self.sizes[index],
            aspects=self.aspects[index],
            angles=self.angles[index],
            ids=tuple(self.ids[i] for i in keep),
            rows=tuple(self.rows[i] for i in keep),
            hidden=tuple(self.hidden[i] for i in keep),
            locked=tuple(self.locked[i] for i in keep),
        )
