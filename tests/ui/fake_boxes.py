"""A toy model of boxes in a room for the app's tests: flat boxes in their literal colours, 64 px, no
weights.

Every pixel's ray is cast into the room of `tests/layouts/sample_room.py`; the seed moves the camera. A box's
row tints it a little, so that a restyled one looks different.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Boxes3D, Latent, Scene
from spatial_edit.layouts.boxes3d import CLASSES, EXPOSURE, SCENE_ROWS, STYLES
from spatial_edit.layouts.perspective import directions
from tests.layouts.sample_room import sample_room

ROWS = SCENE_ROWS + STYLES * len(CLASSES)
SHADES = torch.tensor([0.8, 1.0, 0.9])  # of faces across x, y, z


class FakeBoxes:
    """Follows the generator contract; `render` is a pure function of the scene."""

    def __init__(
        self, name: str = "fake-boxes", number: int = 252, weights: str = "8899aabbccddeeff"
    ) -> None:
        self.spec = ModelSpec(
            name, number, "fake", f"Toy rooms ({name})", "boxes3d", 64, "MIT", "none", None, (), 40
        )
        self.weights = weights

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        draw = np.random.RandomState(seed)
        layout = sample_room()
        camera = layout.camera.clone()
        camera[0] += float(draw.uniform(-0.3, 0.3)) * (1 - truncation)
        tints = torch.tensor(draw.uniform(0.85, 1.0, (ROWS, 3)), dtype=torch.float32)
        return Scene(
            self.spec.name,
            self.weights,
            replace(layout, camera=camera),
            Latent(seed, truncation, tints, torch.zeros(1)),
        )

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        layout, side = scene.layout, self.spec.resolution
        assert isinstance(layout, Boxes3D)
        shown, axis = layout.visible(), (torch.arange(side) + 0.5) / side
        v, u = torch.meshgrid(axis, axis, indexing="ij")
        rays = directions(torch.stack([u, v], -1), layout.camera)  # (H, W, 3)
        colour, depth = shell(layout, rays)
        for k in range(len(shown)):
            near, far, face = meet(layout.camera[:3], rays, shown.centres[k], shown.halves[k])
            hit = (near <= far) & (near > 0.05) & (near < depth)
            depth = torch.where(hit, near, depth)
            paint = shown.colours[k] * scene.latent.rows[shown.rows[k]]
            colour = torch.where(hit[..., None], paint * SHADES[face][..., None], colour)
        light = (colour * layout.lights[EXPOSURE]).clamp(0, 1)
        return light.permute(2, 0, 1) * 2 - 1

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.render(scene) for scene in scenes])


def meet(origin: Tensor, rays: Tensor, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(H, W) depths where rays enter and leave a box, and the axis of the face that they enter by."""
    slope = torch.where(rays.abs() < 1e-9, 1e-9, rays)
    a, b = (centre - half - origin) / slope, (centre + half - origin) / slope
    near, face = torch.minimum(a, b).max(-1)
    return near, torch.maximum(a, b).amin(-1), face


def shell(layout: Boxes3D, rays: Tensor) -> tuple[Tensor, Tensor]:
    """(H, W, 3) colours and (H, W) depths of the room's own surfaces."""
    width, depth, height = layout.room.tolist()
    low, high = torch.tensor([-width / 2, 0, -50.0]), torch.tensor([width / 2, height, depth])
    slope = torch.where(rays.abs() < 1e-9, 1e-9, rays)
    ends = torch.where(slope > 0, high, low)
    far, axis = ((ends - layout.camera[:3]) / slope).min(-1)
    positive = slope.gather(-1, axis[..., None])[..., 0] > 0
    surface = torch.tensor([[3, 4], [0, 1], [2, 2]])[axis, positive.long()]
    return layout.surfaces[surface] * (1 - 0.04 * far[..., None]), far
