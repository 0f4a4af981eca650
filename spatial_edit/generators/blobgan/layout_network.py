"""The published layout network: z -> an 8-layer perceptron -> all blobs and the background (3.2, appendix).

Order of its outputs: K + 1 scores (0: the background's, never used), the background's structure feature and
style, then for every blob x, y, four raw numbers of shape, structure feature, style.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from spatial_edit.nn.equalised import pixel_norm
from spatial_edit.nn.mapping import MappingNetwork

NORM_EPS = 1e-5  # of every pixel norm in this network; StyleGAN2's is 1e-8


@dataclass(frozen=True, eq=False)
class RawLayout:
    """What the network says about N pictures of K blobs; column 0 of K + 1 is the background."""

    xs: Tensor  # (N, K) fraction of the width, right
    ys: Tensor  # (N, K) fraction of the height, down
    scores: Tensor  # (N, K + 1)
    shapes: Tensor  # (N, K, 4) logit a, logit b, direction x, direction y
    features: Tensor  # (N, K + 1, feature_dim)
    styles: Tensor  # (N, K + 1, style_dim)

    def first(self, blobs: int) -> RawLayout:
        """Only the `blobs` farthest ones."""
        return replace(
            self,
            xs=self.xs[:, :blobs],
            ys=self.ys[:, :blobs],
            scores=self.scores[:, : blobs + 1],
            shapes=self.shapes[:, :blobs],
            features=self.features[:, : blobs + 1],
            styles=self.styles[:, : blobs + 1],
        )


class LayoutNetwork(nn.Module):
    """z (N, noise_dim) -> (N, outputs) raw numbers, outputs = (K + 1)(1 + feature_dim + style_dim) + 6 K."""

    def __init__(
        self,
        *,
        noise_dim: int,
        hidden_dim: int,
        blobs: int,
        feature_dim: int,
        style_dim: int,
        layers: int = 8,
        lr_mul: float = 0.01,
        norm_features: bool = True,
    ) -> None:
        super().__init__()
        self.blobs, self.feature_dim, self.style_dim = blobs, feature_dim, style_dim
        self.norm_features = norm_features
        self.outputs = (blobs + 1) * (1 + feature_dim + style_dim) + 6 * blobs
        self.mlp = MappingNetwork(
            noise_dim,
            self.outputs,
            hidden=hidden_dim,
            layers=layers,
            lr_mul=lr_mul,
            eps=NORM_EPS,
            activate_last=False,
        )

    def hidden(self, z: Tensor) -> Tensor:
        """(N, hidden_dim) the activation before the last layer: the space of truncation."""
        return self.mlp.hidden_layers(z)

    def forward(self, z: Tensor, truncation: float = 0.0, mean_latent: Tensor | None = None) -> Tensor:
        """h' = t * mean + (1 - t) * h, then the last layer. ValueError when a mean is needed and missing."""
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation {truncation}: must be in [0, 1] (0 = none, 1 = the mean)")
        h = self.hidden(z)
        if truncation > 0:
            if mean_latent is None:
                raise ValueError("truncation needs mean_latent: compute it once with mean_latent()")
            h = truncation * mean_latent + (1 - truncation) * h
        return self.mlp.last_layer(h)

    def parse(self, raw: Tensor) -> RawLayout:
        """(N, outputs) raw numbers, of this network or of the inversion encoder -> their meaning."""
        if raw.dim() != 2 or raw.shape[1] != self.outputs:
            raise ValueError(f"raw layout {tuple(raw.shape)}: this network speaks (N, {self.outputs})")
        k, both = self.blobs, self.feature_dim + self.style_dim
        scores, background, rows = raw.split([k + 1, both, k * (6 + both)], 1)
        rows = rows.unflatten(1, (k, 6 + both))
        appearance = torch.cat([background[:, None], rows[..., 6:]], 1)  # (N, K + 1, both)
        features, styles = appearance.split([self.feature_dim, self.style_dim], -1)
        if self.norm_features:
            features, styles = pixel_norm(features, NORM_EPS), pixel_norm(styles, NORM_EPS)
        centres = rows[..., :2].sigmoid()
        return RawLayout(centres[..., 0], centres[..., 1], scores, rows[..., 2:6], features, styles)
