"""A scene: a layout, what it looks like, which model drew it, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Layout

GUARD_SIDE = 64  # cells a side of a protect mask


@dataclass(frozen=True, eq=False)
class Palette:
    """The appearances of another seed's scene: rows (R, D) and background (D0,), float32."""

    seed: int
    rows: Tensor
    background: Tensor


@dataclass(frozen=True, eq=False)
class Latent:
    """What the user does not move.

    rows (R, D) float32: one appearance vector a row, named by `Blobs.rows`. background (D0,) float32: the
    appearance of everything behind the elements. seed: 0 .. 2**32 - 1, the only source of the picture's
    noise. truncation: 0 = none, 1 = the mean (t = 1 - psi). palettes: those of every seed that the layout's
    sources name; they are sampled again from their seeds, never stored."""

    seed: int
    truncation: float
    rows: Tensor
    background: Tensor
    palettes: tuple[Palette, ...] = ()

    def palette(self, seed: int) -> Palette:
        """The palette of a seed; ValueError when the scene was not given it."""
        for palette in self.palettes:
            if palette.seed == seed:
                return palette
        raise ValueError(f"the scene has no appearances of seed {seed}: open it from its code")

    def same(self, other: Latent) -> bool:
        """Equal bit for bit."""
        return (
            (self.seed, self.truncation) == (other.seed, other.truncation)
            and self.rows.shape == other.rows.shape
            and torch.equal(self.rows, other.rows)
            and torch.equal(self.background, other.background)
        )


@dataclass(frozen=True, eq=False)
class Guard:
    """A protect mask: outside it the picture stays that of an earlier state of the scene.

    mask (G, G) bool, True where the picture may change, G = GUARD_SIDE; its edge is softened when pictures
    are put together (`session.picture`). layout, seed and truncation: the state that is shown outside; of a
    parsed scene the stored latent takes the seed's place.
    """

    mask: Tensor
    layout: Layout
    seed: int
    truncation: float

    def same(self, other: Guard | None) -> bool:
        """Equal bit for bit."""
        return (
            other is not None
            and (self.seed, self.truncation) == (other.seed, other.truncation)
            and torch.equal(self.mask, other.mask)
            and self.layout.same(other.layout)
        )


@dataclass(frozen=True)
class Provenance:
    """Where a scene came from: a `seed` (Latent.seed), a `photo` (the sha256 of the parsed file), or a `drag`
    of a seed's picture by its points: then the latent is the dragged one, not the seed's."""

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
    guard: Guard | None = None
