"""Toy models of the plain kinds of layout for the app's tests: hand-written layouts, drawn as their maps.

The seed shifts the hue of the picture a little; every edit of the layout shows in it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Latent, Scene
from spatial_edit.layouts.blocks import Blocks
from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.kinds_codec import Plain
from spatial_edit.layouts.overlays import overlay_map
from spatial_edit.layouts.points import Points
from spatial_edit.layouts.segments import Segments

_ROOM = """
wwwwwwwwwwwwwwww
wwwwwwwwwwwwwwww
www....wwwwwwwww
www....wwwwppwww
www....wwwwppwww
wwwwwwwwwwwwwwww
wwwwwwwwwwwwwwww
wwwwwwwwwwwwwwww
wwwwbbbbbbbbwwww
wwwbbbbbbbbbbwww
ffbbbbbbbbbbbbff
ffbbbbbbbbbbbbff
ffbbbbbbbbbbbbff
ffffffffffffffff
ffffffffffffffff
ffffffffffffffff
"""
_LABELS = {"w": "wall", ".": "window", "p": "painting", "b": "bed", "f": "floor"}


def sample_segments() -> Segments:
    """A bedroom of 16 x 16 cells: wall 0, window 1, painting 2, bed 3, floor 4."""
    order = list(_LABELS)
    rows = [[order.index(letter) for letter in line] for line in _ROOM.split()]
    return Segments(torch.tensor(rows), tuple(_LABELS.values()), tuple(range(len(order))))


def sample_heatmaps() -> Heatmaps:
    """A cat's body, two eyes and an ear, on the three levels of SpatialGAN."""
    return Heatmaps(
        centres=torch.tensor([[0.5, 0.6], [0.4, 0.4], [0.62, 0.42], [0.3, 0.2]]),
        sigmas=torch.tensor([0.25, 0.1, 0.12, 0.06]),
        levels=(0, 1, 1, 2),
        ids=(0, 1, 2, 3),
    )


def sample_boxes() -> Boxes:
    """A street: a car over a bus, and a person."""
    return Boxes(
        centres=torch.tensor([[0.3, 0.5], [0.45, 0.65], [0.8, 0.6]]),
        extents=torch.tensor([[0.4, 0.4], [0.3, 0.2], [0.1, 0.4]]),
        labels=("bus", "car", "person"),
        ids=(0, 1, 2),
    )


def sample_blocks() -> Blocks:
    """A grid of 3 x 4 blocks; number 5 is locked."""
    return Blocks(3, 4, tuple(range(100, 112)), locked=tuple(k == 5 for k in range(12)))


def sample_points() -> Points:
    """Three pairs, as one drags a cat's head."""
    return Points(
        handles=torch.tensor([[0.3, 0.3], [0.5, 0.5], [0.7, 0.7]]),
        targets=torch.tensor([[0.4, 0.2], [0.65, 0.45], [0.75, 0.85]]),
        ids=(0, 1, 2),
    )


SAMPLES = {
    "heatmaps": sample_heatmaps,
    "boxes": sample_boxes,
    "segments": sample_segments,
    "blocks": sample_blocks,
    "points": sample_points,
}


class FakePlain:
    """Follows the generator contract; `render` is a pure function of the scene."""

    def __init__(self, kind: str, number: int = 240, weights: str = "1122334455667788") -> None:
        self.spec = ModelSpec(
            f"fake-{kind}", number, "fake", f"Toy {kind}", kind, 64, "MIT", "none", None, (), 64
        )
        self.weights = weights

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        layout: Plain = SAMPLES[self.spec.kind]()
        tint = np.random.RandomState(seed).uniform(0.8, 1.0, 3) * (1 - truncation) + truncation
        latent = Latent(seed, truncation, torch.tensor(tint, dtype=torch.float32)[None], torch.zeros(1))
        return Scene(self.spec.name, self.weights, layout, latent)

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        picture = np.asarray(overlay_map(scene.layout, self.spec.resolution), np.float32) / 255
        shade = (0.2 + 0.6 * torch.from_numpy(picture)) * scene.latent.rows[0]  # paler than the outlines
        return shade.permute(2, 0, 1) * 2 - 1

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.render(scene) for scene in scenes])


class FakeWide(FakePlain):
    """Pictures twice as wide as high; it says what its boxes may be."""

    def __init__(self, kind: str, number: int, classes: tuple[str, ...] = ()) -> None:
        super().__init__(kind, number)
        self.spec = replace(self.spec, row_names=classes)

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        return super().render(scene, preview=preview).repeat_interleave(2, -1)
