"""Blobs: an ellipse for every element, as in BlobGAN (Epstein et al. 2022), section 3.1.

An element k has a centre (x, y), a size (geometric mean of its two radii), an aspect (first radius / second
radius) and an angle; its radii are size * sqrt(aspect) along the direction (cos angle, -sin angle) and size /
sqrt(aspect) across it. The order of the elements is their depth: index 0 is the farthest, the last one is
nearest. What an element looks like is not here: `rows` names its row in `Latent.rows`, `sources` another row
that is mixed in, `colours` a literal colour; `backdrop` and `surfaces` say the same of what is behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements
from spatial_edit.layouts.style import Colour, Source

MAX_BLOBS = 64
CENTRE_RANGE = (-0.2, 1.2)
SIZE_RANGE = (0.005, 1.0)
ASPECT_RANGE = (0.1, 10.0)
SURFACES = ("floor", "ceiling", "back", "left", "right")  # that a backdrop can have


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
    opacities: tuple[float, ...] = ()  # 0 .. 1 in hundredths, empty at first: 1 for each
    sources: tuple[Source | None, ...] = ()
    colours: tuple[Colour | None, ...] = ()
    backdrop: Source | None = None  # what is behind the elements: mixed with that of another seed
    surfaces: tuple[Colour | None, ...] = (None,) * len(SURFACES)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, usual in (("opacities", 1.0), ("sources", None), ("colours", None)):
            if not getattr(self, name):
                object.__setattr__(self, name, (usual,) * len(self.ids))

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
            opacities=tuple(self.opacities[i] for i in keep),
            sources=tuple(self.sources[i] for i in keep),
            colours=tuple(self.colours[i] for i in keep),
        )


def joined(parts: Sequence[Blobs]) -> Blobs:
    """The elements of the parts after each other, farthest first, over the backdrop of the first part."""
    return replace(
        parts[0],
        centres=torch.cat([part.centres for part in parts]),
        sizes=torch.cat([part.sizes for part in parts]),
        aspects=torch.cat([part.aspects for part in parts]),
        angles=torch.cat([part.angles for part in parts]),
        ids=tuple(number for part in parts for number in part.ids),
        rows=tuple(row for part in parts for row in part.rows),
        hidden=tuple(flag for part in parts for flag in part.hidden),
        locked=tuple(flag for part in parts for flag in part.locked),
        opacities=tuple(value for part in parts for value in part.opacities),
        sources=tuple(source for part in parts for source in part.sources),
        colours=tuple(colour for part in parts for colour in part.colours),
    )
