"""Anchors: pictures that hold a tuned decoder to what it knew, so that edits still work.

Two kinds. Near samples: the photo's appearance goes part of the way to that of a sample from z, w_r = w_p
+ a (w_z - w_p) (Roich et al. 2021, eq. 4), and the tuned decoder should draw what the original one draws.
Moved blobs, which are ours: what tuning adds to the picture, R = photo - original decoder's picture,
belongs to the things in it, so after a move of one blob by whole pixels d the tuned decoder should draw
the original decoder's picture of the moved layout plus R carried along: sum_k w'_k(p) R(p - d_k), where
w' are the shares of each blob after the move, counted where the blob was in sight before it, w_k(p -
d_k). Elsewhere the original decoder's picture alone is the goal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.blobgan.shape import splat
from spatial_edit.layouts import Scene
from spatial_edit.layouts.blobs import CENTRE_RANGE
from spatial_edit.parse.unknowns import blobs_of

FARTHEST = 0.25  # of a move, fraction of the side
NEAR = (0.3, 1.0)  # how far an anchor goes towards a sample
UNSEEN = 0.3  # weight of pixels where nothing is known of what tuning should add


class Anchors:
    """Draws anchors around a scene; the same seed draws the same ones."""

    def __init__(
        self, generator: BlobGenerator, scene: Scene, residual: Tensor, mask: Tensor, seed: int = 0
    ) -> None:
        self.generator, self.scene = generator, scene
        self.residual, self.mask = residual, mask  # (3, R, R): photo - picture, (R, R)
        self.random = np.random.RandomState(seed)
        self.shares = self._shares(scene)

    @torch.no_grad()
    def moved(self) -> tuple[Scene, Tensor, Tensor]:
        """A layout with one blob moved, the picture to draw (3, R, R), and the weight of every pixel (R,
        R).
        """
        layout, side = blobs_of(self.scene), self.residual.shape[-1]
        if not len(layout):
            return self.near()
        element = self.random.randint(len(layout))
        reach = max(1, round(FARTHEST * side))
        dx, dy = (int(d) for d in self.random.randint(-reach, reach + 1, 2))
        centres = layout.centres.clone()
        centres[element] += torch.tensor([dx, dy]) / side
        centres[element] = centres[element].clamp(*CENTRE_RANGE)
        scene = replace(self.scene, layout=replace(layout, centres=centres))

        before, after = self.shares, self._shares(scene)  # (K + 5, R, R)
        carried = self.residual * self.mask
        known = torch.minimum(before, after).sum(0) - torch.minimum(before[element], after[element])
        known = known * self.mask
        shifted = shift(before[element] * self.mask, dx, dy)
        own = torch.minimum(after[element], shifted)
        goal = (
            self.generator.render(scene).to(carried.device) + known * carried + own * shift(carried, dx, dy)
        )
        sure = (known + own).clamp(max=1)
        return scene, goal, UNSEEN + (1 - UNSEEN) * sure

    @torch.no_grad()
    def near(self) -> tuple[Scene, Tensor, Tensor]:
        """The scene part of the way to a sample: appearance alone, or half of the time the sample's own
        layout with it.
        """
        sample = self.generator.sample(int(self.random.randint(2**31)))
        part = self.random.uniform(*NEAR)
        if self.random.uniform() < 0.5:
            scene = sample
        else:
            mine, other = self.scene.latent, sample.latent
            known = torch.zeros(len(mine.rows), 1)
            both = sorted(set(blobs_of(self.scene).rows) & set(blobs_of(sample).rows))
            known[both] = part
            rows = mine.rows + known * (other.rows - mine.rows)
            background = mine.background + part * (other.background - mine.background)
            scene = replace(self.scene, latent=replace(mine, rows=rows, background=background))
        return scene, self.generator.render(scene).to(self.residual.device), torch.ones_like(self.mask)

    def _shares(self, scene: Scene) -> Tensor:
        geometry, *_ = self.generator.inputs([scene])
        side = self.residual.shape[-1]
        return splat(geometry, side).weights[0].unflatten(-1, (side, side))


def shift(image: Tensor, dx: int, dy: int) -> Tensor:
    """(..., H, W) moved right by dx and down by dy pixels, zeros where nothing comes from."""
    height, width = image.shape[-2:]
    out = torch.zeros_like(image)
    if abs(dx) < width and abs(dy) < height:
        source = image[..., max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
        out[..., max(0, dy) : height - max(0, -dy), max(0, dx) : width - max(0, -dx)] = source
    return out
