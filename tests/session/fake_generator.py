"""A small deterministic generator on blobs, for tests of everything around a generator."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Blobs, Latent, Scene

SPEC = ModelSpec("fake", 251, "fake", "Fake", "blobs", 24, "MIT", "none", None, max_elements=24)


class FakeGenerator:
    """Soft ellipses in the colours of their rows over a background colour, with noise from the seed."""

    def __init__(self, weights: str = "0123456789abcdef", count: int = 6) -> None:
        self.spec, self.weights, self.count = SPEC, weights, count
        self.sampled = self.rendered = 0
        self.broken = False
        self.lock = threading.Lock()

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        with self.lock:
            self.sampled += 1
        random = np.random.RandomState(seed)
        k, keep = self.count, 1.0 - truncation

        def draw(*shape: int) -> Tensor:
            return torch.from_numpy(random.standard_normal(shape).astype(np.float32)) * keep

        layout = Blobs(
            centres=(0.5 + 0.2 * draw(k, 2)).clamp(-0.2, 1.2),
            sizes=(0.15 * (0.3 * draw(k)).exp()).clamp(0.005, 1.0),
            aspects=(0.3 * draw(k)).exp(),
            angles=draw(k).remainder(torch.pi),
            ids=tuple(range(k)),
            rows=tuple(range(k)),
        )
        latent = Latent(seed, truncation, rows=draw(k, 3), background=draw(3))
        return Scene(self.spec.name, self.weights, layout, latent)

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor:
        if self.broken:
            raise ValueError("the renderer is out of order")
        with self.lock:
            self.rendered += 1
        assert isinstance(scene.layout, Blobs)
        side = self.spec.resolution
        grid = (torch.arange(side) + 0.5) / side
        image = scene.latent.background.tanh()[:, None, None].expand(3, side, side)
        blobs = scene.layout.visible()
        for k, (first, second) in enumerate(blobs.radii()):
            dx, dy = grid[None, :] - blobs.centres[k, 0], grid[:, None] - blobs.centres[k, 1]
            cos, sin = blobs.angles[k].cos(), blobs.angles[k].sin()
            along, across = dx * cos - dy * sin, dx * sin + dy * cos
            opacity = torch.sigmoid(8 * (1 - (along / first) ** 2 - (across / second) ** 2))
            colour = scene.latent.rows[blobs.rows[k]].tanh()[:, None, None]
            image = opacity * colour + (1 - opacity) * image
        noise = np.random.RandomState(scene.latent.seed).standard_normal((3, side, side)).astype(np.float32)
        return (image + 0.01 * torch.from_numpy(noise)).clamp(-1, 1)

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        return torch.stack([self.render(scene) for scene in scenes])


class Models:
    """A registry of one: `lookup` by name and `name` by number, as Session wants them."""

    def __init__(self, generator: FakeGenerator | None = None) -> None:
        self.generator = generator or FakeGenerator()

    def lookup(self, name: str) -> FakeGenerator:
        if name != self.generator.spec.name:
            raise ValueError(f"there is no model {name!r}")
        return self.generator

    def name(self, number: int) -> str:
        if number != self.generator.spec.number:
            raise KeyError(number)
        return self.generator.spec.name


def parsed(generator: FakeGenerator, seed: int = 5) -> Scene:
    """A scene as parsing a photo makes it: its latent comes from no seed, its geometry from no grid."""
    from spatial_edit.layouts import Provenance

    scene = generator.sample(seed)
    latent = replace(
        scene.latent, rows=scene.latent.rows * 1.7 + 0.123, background=scene.latent.background - 0.3
    )
    delta = (("decoder.weight", torch.arange(6.0).reshape(2, 3).half()),)
    return replace(scene, latent=latent, provenance=Provenance("photo", "ab" * 32, "refine"), delta=delta)
