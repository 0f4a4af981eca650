"""A toy model for the app's tests: ten named blobs over a two-colour ground, 64 px, no weights,
deterministic.

It follows the generator contract: randomness from np.random.RandomState(seed), `render` a pure function of
the scene. `fake_parse` stands in for `session.parse_upload`: it opens the photo for real and answers with
the scene of a seed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.images import open_photo, to_square
from spatial_edit.layouts import Blobs, Latent, Scene
from spatial_edit.layouts.scene import Provenance
from spatial_edit.session import Frame, Receipt, Session

NAMES = ("floor", "rug", "window", "picture", "wardrobe", "bed", "blanket", "pillow", "night_stand", "lamp")
SHAPES = (  # x, y, size, aspect of a plain bedroom; the seed moves them a little
    (0.50, 0.86, 0.38, 3.2),
    (0.36, 0.82, 0.16, 2.6),
    (0.24, 0.28, 0.15, 0.8),
    (0.60, 0.22, 0.08, 1.3),
    (0.88, 0.46, 0.20, 0.5),
    (0.52, 0.64, 0.22, 1.9),
    (0.46, 0.68, 0.14, 2.2),
    (0.68, 0.52, 0.07, 1.5),
    (0.20, 0.62, 0.08, 0.9),
    (0.20, 0.47, 0.05, 0.7),
)
COLOURS = (
    (0.45, 0.28, 0.12), (0.75, 0.20, 0.25), (0.65, 0.85, 1.00), (0.95, 0.75, 0.30), (0.50, 0.35, 0.25),
    (0.90, 0.90, 0.88), (0.25, 0.45, 0.80), (1.00, 1.00, 1.00), (0.40, 0.30, 0.20), (1.00, 0.85, 0.45),
)  # fmt: skip


class FakeGenerator:
    """Composites coloured ellipses with soft edges."""

    def __init__(
        self, name: str = "fake-rooms", number: int = 251, weights: str = "00112233aabbccdd"
    ) -> None:
        self.spec = ModelSpec(
            name, number, "fake", f"Toy rooms ({name})", "blobs", 64, "MIT", "none", None, NAMES, 24
        )
        self.weights = weights

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        draw = np.random.RandomState(seed)
        n = len(NAMES)
        jitter = draw.uniform(-1, 1, (n, 5)) * (1 - truncation)  # x, y, size, aspect, angle
        tints = draw.uniform(-0.15, 0.15, (n + 1, 3)) * (1 - truncation)
        shapes = np.array(SHAPES)
        layout = Blobs(
            centres=torch.tensor(shapes[:, :2] + 0.05 * jitter[:, :2], dtype=torch.float32),
            sizes=torch.tensor(shapes[:, 2] * np.exp(0.15 * jitter[:, 2]), dtype=torch.float32),
            aspects=torch.tensor(shapes[:, 3] * np.exp(0.15 * jitter[:, 3]), dtype=torch.float32),
            angles=torch.tensor((0.25 * jitter[:, 4]) % np.pi, dtype=torch.float32),
            ids=tuple(range(n)),
            rows=tuple(range(n)),
        )
        rows = torch.tensor(np.array(COLOURS) + tints[:n], dtype=torch.float32)
        ground = torch.tensor(np.array([0.85, 0.82, 0.76]) + tints[n], dtype=torch.float32)
        return Scene(self.spec.name, self.weights, layout, Latent(seed, truncation, rows, ground))

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        side = self.spec.resolution
        axis = (torch.arange(side) + 0.5) / side
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        image = scene.latent.background[:, None, None] * (1.0 - 0.25 * y)
        shown = scene.layout.visible()
        for k, row in enumerate(shown.rows):
            c, s = torch.cos(shown.angles[k]), torch.sin(shown.angles[k])
            dx, dy = x - shown.centres[k, 0], y - shown.centres[k, 1]
            a, b = shown.radii()[k]
            u, v = (dx * c - dy * s) / a, (dx * s + dy * c) / b
            opacity = torch.sigmoid(8 * (1 - u**2 - v**2))
            colour = scene.latent.rows[row][:, None, None] * (1 - 0.25 * v.clamp(-1, 1))
            image = image * (1 - opacity) + colour * opacity
        return image.clamp(0, 1) * 2 - 1

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.render(scene) for scene in scenes])


@dataclass(frozen=True)
class FakeParsed:
    frame: Frame
    original: Tensor
    psnr: float
    seconds: float
    notes: tuple[str, ...]
    receipt: Receipt


PARSE_SECONDS = 0.0
RUNNING = threading.Event()


def fake_parse(lookup, store, data, model, effort, fit="crop", progress=None) -> FakeParsed:
    """Seeded by the photo's mean grey; ValueError (from open_photo) when the bytes are not an image."""
    began = time.monotonic()
    photo = open_photo(data)
    generator = lookup(model)
    original = to_square(photo, generator.spec.resolution, fit)
    RUNNING.set()
    for step in range(5):
        if progress is not None:
            progress(step / 5)
        time.sleep(PARSE_SECONDS / 5)
    scene = generator.sample(int((original.mean() + 1) * 1e5))
    made = Scene(
        scene.model, scene.weights, scene.layout, scene.latent, Provenance("photo", photo.sha256, effort)
    )
    session = Session(lookup, store, names=lambda number: model)
    frame = session.adopt(made)
    error = (frame.image - original).square().mean().item() / 4
    psnr = -10 * float(np.log10(max(error, 1e-9)))
    return FakeParsed(frame, original, psnr, time.monotonic() - began, photo.notes, session.receipt)
