"""A StyleGAN2 to be dragged: the first rows of w+ change, features are those of half the picture's side (128
of 256, as published).

Squares around the handles are computed by themselves from the side on where that is less work than the whole
map; below it the maps are small. Weights are frozen, so that gradients flow through activations alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spatial_edit.generators.dragging import CODES, FIRST_ROWS, Anchor, Space, Window, dragged
from spatial_edit.layouts import Scene
from spatial_edit.nn.windowed import FrozenSynthesis

if TYPE_CHECKING:
    from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes


class Rows:
    """The first rows of w+ as a variable: each its own ("w+"), or one for all of them, whose differences stay
    ("w")."""

    def __init__(self, codes: Tensor, space: Space) -> None:
        codes = codes.detach()
        self.rest = codes[:, FIRST_ROWS:]
        first = codes[0, :FIRST_ROWS]
        self.offsets = first - first[:1] if space == "w" else torch.zeros_like(first)
        self.leaf = (first[:1] if space == "w" else first).clone().requires_grad_()

    def codes(self) -> Tensor:
        """(1, L, w_dim) of all layers."""
        return torch.cat([(self.leaf + self.offsets)[None], self.rest], 1)


def in_squares(
    synthesis: FrozenSynthesis, whole: Tensor, first: int, windows: Sequence[Window], codes: Tensor
) -> list[Tensor]:
    """Windows of the last map from the whole map before the block of sides[first]."""
    size = largest(windows)
    found = synthesis.squares(whole, first, [(w.top, w.left) for w in windows], size, codes)
    parts = []
    for k, (window, (top, left)) in enumerate(zip(windows, found.corners, strict=True)):
        y, x = window.top - top, window.left - left
        height, width = window.bottom - window.top, window.right - window.left
        parts.append(found.values[k : k + 1, :, y : y + height, x : x + width])
    return parts


def largest(windows: Sequence[Window]) -> int:
    """The longest side of any window."""
    return max(max(w.bottom - w.top, w.right - w.left) for w in windows)


class StyleGAN2Dragging:
    """A `Dragging` of a scene of StyleGAN2."""

    anchors: Sequence[Anchor] = ()

    def __init__(self, generator: StyleGAN2Scenes, scene: Scene, space: Space = "w+") -> None:
        self.generator, self.given = generator, scene
        model = generator.model
        self.side = model.config.resolution
        self.feature_side = max(self.side // 2, 4)
        with torch.no_grad():
            self.rows = Rows(generator.codes_of(scene), space)
            noise = generator.noise_of(scene)
            self.synthesis = FrozenSynthesis(model.synthesis, self.feature_side, noise, scene.delta)

    @property
    def variables(self) -> Mapping[str, Tensor]:
        return {CODES: self.rows.leaf}

    def features(self) -> Tensor:
        return self.synthesis.whole(self.rows.codes())

    def windows(self, windows: Sequence[Window]) -> list[Tensor]:
        codes, x = self.rows.codes(), self.synthesis.const
        corners = [(w.top, w.left) for w in windows]
        first = self.synthesis.until(corners, largest(windows), least=1)
        for step in range(first):
            x = self.synthesis.block(step, x, codes)
        return in_squares(self.synthesis, x, first, windows, codes)

    def picture(self) -> Tensor:
        return self.generator.render(self.scene())

    def scene(self) -> Scene:
        """Its rows are the codes of all layers; the noise stays that of its seed."""
        rows = self.rows.codes().detach()[0].float().cpu()
        latent = replace(self.given.latent, rows=rows, truncation=0.0)
        return replace(self.given, latent=latent, provenance=dragged(self.given.provenance))
