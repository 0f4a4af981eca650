"""Jitter of the blobs during training (Epstein et al. 2022): a blob must not mean a place.

Per blob and call, uniform: x and y +- 0.04, score +- 0.5, angle +- 0.1 rad. Here the direction e is turned by
the drawn angle. The released training code rebuilt it as (cos t, -sin t) with t = arccos(e_x) + angle, which
mirrors every blob whose e_y > 0; `released_jitter=True` reproduces that, for comparison alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.geometry import directions
from spatial_edit.generators.blobgan.layout_network import RawLayout


@dataclass(frozen=True, eq=False)
class Jitter:
    """One draw, in -1..1, each (N, K), and the amplitudes it is multiplied with."""

    x: Tensor
    y: Tensor
    angle: Tensor
    score: Tensor
    amplitude_xy: float = 0.04  # fraction of the side
    amplitude_score: float = 0.5
    amplitude_angle: float = 0.1  # radians
    released_jitter: bool = False

    @classmethod
    def draw(
        cls,
        pictures: int,
        blobs: int,
        generator: torch.Generator | None = None,
        *,
        device: torch.device | str = "cpu",
        released_jitter: bool = False,
    ) -> Jitter:
        """A fresh draw, in the order x, y, angle, score."""
        u = torch.rand(4, pictures, blobs, generator=generator, device=device) * 2 - 1
        return cls(u[0], u[1], u[2], u[3], released_jitter=released_jitter)


def jittered_directions(shapes: Tensor, jitter: Jitter) -> Tensor:
    """(N, K, 4) raw shapes -> (N, K, 2) directions, turned counter-clockwise as seen by the drawn angle."""
    e = directions(shapes)
    turn = jitter.amplitude_angle * jitter.angle
    if jitter.released_jitter:
        theta = e[..., 0].detach().clamp(-1, 1).arccos() + turn
        mirrored = torch.stack([theta.cos(), -theta.sin()], -1)
        return e + (mirrored - e).detach()  # straight-through, as released
    cos, sin = turn.cos(), turn.sin()
    x, y = e[..., 0], e[..., 1]
    return torch.stack([x * cos + y * sin, y * cos - x * sin], -1)


def jittered_centres(raw: RawLayout, jitter: Jitter) -> tuple[Tensor, Tensor]:
    """(N, K) x and y, moved; they may leave the picture."""
    xs = raw.xs + jitter.amplitude_xy * jitter.x
    ys = raw.ys + jitter.amplitude_xy * jitter.y
    return xs, ys


def jittered_scores(raw: RawLayout, jitter: Jitter) -> Tensor:
    """(N, K + 1) scores; the background's is left alone."""
    shifted = raw.scores[:, 1:] + jitter.amplitude_score * jitter.score
    return torch.cat([raw.scores[:, :1], shifted], 1)
