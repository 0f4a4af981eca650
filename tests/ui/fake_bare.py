"""A toy model without a layout: 16 px in the seed's one colour."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Latent, Layout, Scene


class Plain:
    """A picture that is the seed's colours; a parsed one shows its codes."""

    def __init__(self, weights: str = "00112233aabbccdd") -> None:
        self.spec = ModelSpec("plain", 200, "stylegan2", "Plain", "", 16, "MIT", "none", None)
        self.weights = weights

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        z = np.random.RandomState(seed).uniform(-1, 1, (1, 3)) * (1 - truncation)
        latent = Latent(seed, truncation, torch.tensor(z, dtype=torch.float32), torch.zeros(0))
        return Scene("plain", self.weights, Layout(), latent)

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        rows = scene.latent.rows
        if rows.shape[1] != 3:
            raise ValueError(f"this scene has codes {tuple(rows.shape)}: parse the photo again")
        return rows.mean(0)[:, None, None].expand(3, 16, 16).clamp(-1, 1)

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.render(scene) for scene in scenes])
