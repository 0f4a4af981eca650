"""Bipartite attention between an image's pixels and a few latents (Hudson and Zitnick 2021, section 3.1).

    q = Wq X + Wp P,   k = Wk Y + Wp' E,   v = Wv Y                  X pixels, Y latents, P and E positions
    simplex   A = softmax(q k^T / sqrt(h))                           over the latents; h = width / heads
    duplex    A = softmax((s * e) C^T / sqrt(h)),  e = [q without P | P's part]       C: centroids
              C <- R^T e,  R = A / sum over pixels of A              from the second iteration on (k-means)
    X' = X + m  |  norm(X) (1 + m)  |  norm(X) (1 + g) + b           m = [g | b] = Wm A v + bm

This is what the published weights were trained with, which differs from the paper's text: with one iteration
the centroids are learned numbers, so that neither the keys nor the latents decide which pixel looks at what;
and the default `multiply` has a gain but no bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.nn.equalised import EqualisedLinear

DROPPED = -1e4  # what is added to the score of a latent that a mask takes out
EPS = 1e-8
INTEGRATIONS = ("add", "multiply", "both")
NORMS = ("layer", "instance", "none")


@dataclass(frozen=True)
class AttentionConfig:
    """How pixels attend to latents. ValueError for a value that is none of those named here.

    integration: "add" (X + m), "multiply" (norm(X) (1 + m)) or "both" (a gain and a bias). norm: over
    "layer" = the channels of each pixel, "instance" = the pixels of each channel, or "none". duplex: with
    centroids, computed `iterations` times; `carried`: the first ones come from the previous layer's
    assignments instead of from learned numbers. gates: a factor in (0, 1) for every pixel or every latent.
    dropout: of attention, in training only.
    """

    heads: int = 1
    integration: str = "multiply"
    norm: str = "layer"
    duplex: bool = False
    iterations: int = 1
    carried: bool = False
    pixel_gate: bool = False
    latent_gate: bool = False
    dropout: float = 0.12

    def __post_init__(self) -> None:
        if self.integration not in INTEGRATIONS:
            raise ValueError(f"integration {self.integration!r}: must be one of {', '.join(INTEGRATIONS)}")
        if self.norm not in NORMS:
            raise ValueError(f"norm {self.norm!r}: must be one of {', '.join(NORMS)}")
        if not 1 <= self.heads <= 64 or not 1 <= self.iterations <= 64:
            raise ValueError(f"{self.heads} heads, {self.iterations} iterations: both must be 1 to 64")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout {self.dropout}: must be in [0, 1)")
        if self.carried and not self.duplex:
            raise ValueError("assignments are carried from layer to layer in duplex attention only")


class Attended(NamedTuple):
    """What one attention layer gives: the pixels (B, n, C), and the maps (B, heads, n, k) that made them.

    assignments: R of the module's docstring, (B, heads, n, k), columns of sum 1; None in simplex attention.
    """

    pixels: Tensor
    maps: Tensor
    assignments: Tensor | None


def normalised(x: Tensor, norm: str, integration: str) -> Tensor:
    """x (B, n, C) without its mean (not for `multiply`) and over its root mean square (not for `add`)."""
    if norm == "none":
        return x
    axis = 1 if norm == "instance" else -1
    if integration != "multiply":
        x = x - x.mean(axis, keepdim=True)
    if integration != "add":
        x = x * (x.square().mean(axis, keepdim=True) + EPS).rsqrt()
    return x


def grid_encoding(side: int, width: int, directions: int = 2) -> Tensor:
    """(side, side, width) sines and cosines of the pixels' places, coordinates -1 .. 1 from edge to edge.

    For each direction (at angles 0, pi / directions, .. to the x axis) the numbers sin(c w_i), then cos(c
    w_i), w_i = 10000^(-i / f) for i < f = width / (2 directions). ValueError when that is no whole number.
    """
    if directions < 1 or width % (2 * directions):
        raise ValueError(f"a grid encoding of width {width} cannot be split over {directions} directions")
    count = width // (2 * directions)
    places = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(places, places, indexing="ij")
    rates = 10000.0 ** (-torch.arange(count) / count)
    parts = []
    for i in range(directions):
        turn = math.pi * i / directions
        angles = (x * math.cos(turn) + y * math.sin(turn))[..., None] * rates  # (side, side, count)
        parts += [angles.sin(), angles.cos()]
    return torch.cat(parts, -1)


class Gate(nn.Module):
    """sigmoid(linear(content) + linear(position) + 1): (B or 1, m, heads) for m elements, open at first."""

    def __init__(self, inputs: int, position_width: int, heads: int) -> None:
        super().__init__()
        self.content = EqualisedLinear(inputs, heads)
        self.position = EqualisedLinear(position_width, heads)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        return (self.content(x) + self.position(positions) + 1).sigmoid()


class BipartiteAttention(nn.Module):
    """Pixels (B, n, width) look at latents (B, k, latent_width) and are changed by them.

    position_width and latent_position_width: of the encodings P and E; 0 for none. latents: k, which duplex
    attention must know. ValueError when the heads do not divide the width, or (in `forward`) when the first
    carried assignments do not fit the sizes: 2 k = n heads. Published networks with gates are known in
    simplex attention only; in duplex attention the gates leave the assignments as they are.
    """

    def __init__(
        self,
        width: int,
        latent_width: int,
        latents: int,
        config: AttentionConfig,
        *,
        position_width: int = 0,
        latent_position_width: int = 0,
    ) -> None:
        super().__init__()
        heads = config.heads
        if width % heads:
            raise ValueError(f"{heads} attention heads do not divide {width} channels")
        if (config.pixel_gate and not position_width) or (config.latent_gate and not latent_position_width):
            raise ValueError("a gate needs positions: give their width")
        self.config, self.width, self.latents = config, width, latents
        self.head_width = width // heads
        self.queries = EqualisedLinear(width, width)
        self.keys = EqualisedLinear(latent_width, width)
        self.values = EqualisedLinear(latent_width, width)
        self.pixel_positions = EqualisedLinear(position_width, width) if position_width else None
        self.latent_positions = (
            EqualisedLinear(latent_position_width, width) if latent_position_width else None
        )
        self.modulation = EqualisedLinear(width, width * (1 + (config.integration == "both")))
        self.pixel_gate = Gate(width, position_width, heads) if config.pixel_gate else None
        self.latent_gate = Gate(latent_width, latent_position_width, heads) if config.latent_gate else None
        if config.duplex:
            self.centroid_scale = nn.Parameter(torch.ones(heads, 1, 2 * self.head_width))
            if config.carried:
                self.first_centroids = EqualisedLinear(width, width * heads)
            else:
                self.centroids = nn.Parameter(torch.randn(1, heads, latents, 2 * self.head_width))

    def _heads(self, x: Tensor) -> Tensor:
        """(B, m, heads * h) -> (B, heads, m, h): neighbouring channels stay together."""
        return x.unflatten(-1, (self.config.heads, -1)).transpose(1, 2)

    def forward(
        self,
        pixels: Tensor,
        latents: Tensor,
        positions: Tensor | None = None,
        latent_positions: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        carried: Tensor | None = None,
    ) -> Attended:
        """positions (n, position_width), latent_positions (k, latent_position_width).

        mask: (B, 1 or n, k), 1 keeps and 0 takes a latent out. carried: assignments of the layer before,
        brought to this layer's pixels (`carry`), (B, heads, n, k).
        """
        content = self.queries(pixels)  # (B, n, C)
        position = torch.zeros_like(content)
        if self.pixel_positions is not None and positions is not None:
            position = self.pixel_positions(positions).expand_as(content)
        offset = None if mask is None else (1 - mask[:, None].to(content.dtype)) * DROPPED

        if self.config.duplex:
            shares = self._k_means(content, position, offset, carried)
            assignments = shares / (shares.sum(2, keepdim=True) + EPS)
        else:
            keys = self._keys(latents, latent_positions)
            shares = self._softmax(self._heads(content + position), keys, offset)
            assignments = None
        maps = self._gated(shares, pixels, latents, positions, latent_positions)  # (B, heads, n, k)

        context = maps @ self._heads(self.values(latents))  # (B, heads, n, h)
        change = self.modulation(context.transpose(1, 2).flatten(2))
        return Attended(self._integrate(pixels, change), maps, assignments)

    def _keys(self, latents: Tensor, positions: Tensor | None) -> Tensor:
        keys = self.keys(latents)
        if self.latent_positions is not None and positions is not None:
            keys = keys + self.latent_positions(positions)
        return self._heads(keys)

    def _softmax(self, queries: Tensor, keys: Tensor, offset: Tensor | None) -> Tensor:
        """(B, heads, n, k): every pixel's shares of its attention, of sum 1 before dropout."""
        scores = queries @ keys.transpose(-1, -2) / math.sqrt(self.head_width)
        shares = (scores if offset is None else scores + offset).softmax(-1)
        if not self.training or not self.config.dropout:
            return shares
        # half the rate for single cells, half for a latent as seen by all pixels
        rate = self.config.dropout / 2
        column = F.dropout(torch.ones_like(shares[:, :, :1]), rate)
        return F.dropout(shares, rate) * column

    def _k_means(
        self, content: Tensor, position: Tensor, offset: Tensor | None, carried: Tensor | None
    ) -> Tensor:
        """(B, heads, n, k) shares of the nearest centroids, after `iterations` rounds."""
        elements = self._heads(torch.cat([content, position], -1))  # (B, heads, n, 2h)
        if not self.config.carried:
            centroids: Tensor = self.centroids
        elif carried is not None:
            centroids = carried.transpose(-1, -2) @ elements
        else:
            shape = (self.config.heads, self.latents, 2 * self.head_width)
            if content.shape[1] * self.config.heads != 2 * self.latents:
                raise ValueError(
                    f"{self.latents} latents, {self.config.heads} heads, {content.shape[1]} pixels: carried "
                    "assignments can only start where 2 * latents = heads * pixels"
                )
            centroids = self.first_centroids(content + position).reshape(-1, *shape)
        shares = self._softmax(elements * self.centroid_scale, centroids, offset)
        for _ in range(self.config.iterations - 1):
            centroids = (shares / (shares.sum(2, keepdim=True) + EPS)).transpose(-1, -2) @ elements
            shares = self._softmax(elements * self.centroid_scale, centroids, offset)
        return shares

    def _gated(
        self,
        maps: Tensor,
        pixels: Tensor,
        latents: Tensor,
        positions: Tensor | None,
        latent_positions: Tensor | None,
    ) -> Tensor:
        if self.pixel_gate is not None:
            assert positions is not None, "a gate of pixels needs their positions"
            maps = maps * self.pixel_gate(pixels, positions).transpose(1, 2)[..., None]  # (B, heads, n, 1)
        if self.latent_gate is not None:
            assert latent_positions is not None, "a gate of latents needs their positions"
            maps = maps * self.latent_gate(latents, latent_positions).transpose(1, 2)[:, :, None]
        return maps

    def _integrate(self, pixels: Tensor, change: Tensor) -> Tensor:
        config = self.config
        rest = normalised(pixels, config.norm, config.integration)
        if config.integration == "add":
            return rest + change
        if config.integration == "multiply":
            return rest * (1 + change)
        gain, bias = change.chunk(2, -1)
        return rest * (1 + gain) + bias


def carry(assignments: Tensor, side: int) -> Tensor:
    """Assignments (B, heads, side^2, k) at twice the side: every pixel becomes four, each with its number.

    So a column's sum becomes 4, as the published networks have it. Returns (B, heads, 4 side^2, k).
    """
    grid = assignments.unflatten(2, (side, side))  # (B, heads, s, s, k)
    return grid.repeat_interleave(2, 2).repeat_interleave(2, 3).flatten(2, 3)
