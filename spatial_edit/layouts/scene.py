"""A scene: a layout, what it looks like, which model drew it, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Layout


@dataclass(frozen=True, eq=False)
class Latent:
    """What the user does not move.

    rows (R, D) float32: one appearance vector a row, named by `Blobs.rows`. background (D0,) float32: the
    appearance of everything behind the elements. seed: 0 .. 2**32 - 1, the only source of the picture's
    noise. truncation: 0 = none, 1 = the mean (t = 1 - psi)."""

    seed: int
    truncation: float
    rows: Tensor
    background: Tensor

    def same(self, other: Latent) -> bool:
        """Equal bit for bit."""
        return (
            (self.seed, self.truncation) == (other.seed, other.truncation)
            and self.rows.shape == other.rows.shape
            and torch.equal(self.rows, other.rows)
            and torch.equal(self.background, other.background)
        )


@dataclass(frozen=True)
class Provenance:
    """Where a scene came from: a `seed` (Latent.seed) or a `photo` (the sha256 of the parsed file)."""

    kind: str = "seed"
    photo: str = ""
    effort: str = ""


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything a picture is made from. `weights` is the first 16 hex digits of the checkpoint's sha256."""

    model: str
    weights: str
    layout: Layout
    latent: Latent
    provenance: Provenance = Provenance()
    delta: tuple[
        tuple[str, Tensor], ...
    ] = ()  # adapted weights of a tuned scene: (parameter name, difference)
