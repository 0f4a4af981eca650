"""BlobGAN exactly as published (Epstein et al. 2022, "BlobGAN: Spatially Disentangled Scene
Representations").

    z -> layout network -> K blobs and a background -> opacity, alpha compositing, pyramid
      -> structure grid at 16 x 16, style maps at every side -> spatially modulated decoder -> image

Batched plain tensors, no `Scene`. Parameter names are those of the published checkpoints (`layout_net.mlp.*`,
`generator.*`), so their weights load by name, without the unused `generator.noises.*` buffers. Deliberately
different: noise is never drawn inside (None means none), and jitter turns a blob by the drawn angle
(`jitter`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kernels.splat import composite, opacity, pyramid, splat
from spatial_edit.generators.blobgan.decoder import SpatialDecoder, decoder_widths
from spatial_edit.generators.blobgan.geometry import (
    COVARIANCE_EPS,
    covariance,
    directions,
    eigenvalues,
)
from spatial_edit.generators.blobgan.jitter import (
    Jitter,
    jittered_centres,
    jittered_directions,
    jittered_scores,
)
from spatial_edit.generators.blobgan.layout_network import LayoutNetwork, RawLayout
from spatial_edit.nn.discriminator import Discriminator


@dataclass(frozen=True)
class PublishedConfig:
    """Sizes of a published BlobGAN. ab_norm, norm_features, lr_mul and size_in cannot be read off the
    weights.
    """

    resolution: int = 256
    blobs: int = 10
    noise_dim: int = 512
    feature_dim: int = 768  # structure feature phi; the decoder's input width
    style_dim: int = 512  # psi
    hidden_dim: int = 1024
    mlp_layers: int = 8
    lr_mul: float = 0.01
    norm_features: bool = True
    ab_norm: float | None = 0.02  # c: geometric mean of a covariance's eigenvalues
    cov_eps: float = COVARIANCE_EPS
    size_in: int = 16
    c_model: int = 96
    channel_multiplier: int = 2

    @classmethod
    def official_256(cls, blobs: int = 10) -> PublishedConfig:
        """The configuration of the paper's released models: 256 px, 57 M parameters at K = 10."""
        return cls(blobs=blobs)


@dataclass(frozen=True, eq=False)
class BlobParameters:
    """What is drawn: N pictures of K blobs, any K; column 0 of K + 1 is the background. The unit of
    editing.
    """

    centres: Tensor  # (N, K, 2) x right, y down, on the published grid
    covariances: Tensor  # (N, K, 2, 2) squared fractions of the side
    scores: Tensor  # (N, K + 1) column 0 is not used
    features: Tensor  # (N, K + 1, feature_dim)
    styles: Tensor  # (N, K + 1, style_dim)


class PublishedBlobGAN(nn.Module):
    """z (N, noise_dim) -> images (N, 3, R, R), nominally in [-1, 1], not clamped."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.config = config
        self.layout_net = LayoutNetwork(
            noise_dim=config.noise_dim,
            hidden_dim=config.hidden_dim,
            blobs=config.blobs,
            feature_dim=config.feature_dim,
            style_dim=config.style_dim,
            layers=config.mlp_layers,
            lr_mul=config.lr_mul,
            norm_features=config.norm_features,
        )
        self.generator = SpatialDecoder(
            resolution=config.resolution,
            size_in=config.size_in,
            widths=decoder_widths(config.c_model, config.channel_multiplier),
            feature_dim=config.feature_dim,
            style_dim=config.style_dim,
        )

    def forward(
        self,
        z: Tensor,
        noise: Sequence[Tensor] | None = None,
        truncation: float = 0.0,
        mean_latent: Tensor | None = None,
        jitter: Jitter | None = None,
    ) -> Tensor:
        """truncation 0 = none, 1 = the mean, with mean_latent (1, hidden_dim) of `mean_latent()`."""
        parameters = self.layout(z, truncation=truncation, mean_latent=mean_latent, jitter=jitter)
        return self.decode(parameters, noise)

    def layout(
        self,
        z: Tensor,
        *,
        truncation: float = 0.0,
        mean_latent: Tensor | None = None,
        jitter: Jitter | None = None,
    ) -> BlobParameters:
        """The blobs of z."""
        return self.parameters_of(self.layout_net.parse(self.layout_net(z, truncation, mean_latent)), jitter)

    def layout_of_raw(self, raw: Tensor) -> BlobParameters:
        """The blobs of the inversion encoder's output (N, layout_net.outputs)."""
        return self.parameters_of(self.layout_net.parse(raw))

    def parameters_of(self, raw: RawLayout, jitter: Jitter | None = None) -> BlobParameters:
        """Raw shapes to covariances; with jitter, moved, turned and resized by its draw."""
        xs, ys, scores, e = raw.xs, raw.ys, raw.scores, directions(raw.shapes)
        if jitter is not None:
            xs, ys = jittered_centres(raw, jitter)
            scores, e = jittered_scores(raw, jitter), jittered_directions(raw.shapes, jitter)
        l1, l2 = eigenvalues(raw.shapes, self.config.ab_norm)
        return BlobParameters(
            centres=torch.stack([xs, ys], -1),
            covariances=covariance(l1, l2, e, self.config.cov_eps),
            scores=scores,
            features=raw.features,
            styles=raw.styles,
        )

    def alphas(self, parameters: BlobParameters, side: int | None = None) -> dict[int, Tensor]:
        """{side: (N, K + 1, side, side)} from `side` (the resolution unless given) down to size_in."""
        side = self.config.resolution if side is None else side
        p = parameters
        full = composite(opacity(p.centres, p.covariances, p.scores[:, 1:], side))
        return pyramid(full, self.config.size_in)

    def decode(
        self,
        parameters: BlobParameters,
        noise: Sequence[Tensor] | None = None,
        alphas: dict[int, Tensor] | None = None,
    ) -> Tensor:
        """(N, 3, R, R) the picture of an edited layout, with any number of blobs. alphas:
        `alphas(parameters)` where the caller has them already."""
        levels = self.alphas(parameters) if alphas is None else alphas
        grid = splat(levels[self.config.size_in], parameters.features)  # (N, feature_dim, 16, 16)
        return self.generator(grid, levels, parameters.styles, noise)

    def draw_noise(self, batch: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh N(0, 1) noise, one (batch, 1, r, r) a layer, on the model's device."""
        device = self.generator.conv1.noise.weight.device
        return [
            torch.randn(batch, 1, r, r, generator=generator, device=device)
            for r in self.generator.noise_sides
        ]

    @torch.no_grad()
    def mean_latent(self, count: int, generator: torch.Generator) -> Tensor:
        """(1, hidden_dim) the mean activation before the last layer over `count` z, in one batch."""
        z = torch.randn(count, self.config.noise_dim, generator=generator, device=generator.device)
        like = next(self.layout_net.parameters())
        return self.layout_net.hidden(z.to(like)).mean(0, keepdim=True)


def discriminator_widths(multiplier: int = 2) -> dict[int, int]:
    """StyleGAN2's channels: 512 up to 32 px, 256 m at 64, 128 m at 128, 64 m at 256."""
    return dict.fromkeys((4, 8, 16, 32), 512) | {
        r: 16384 // r * multiplier for r in (64, 128, 256, 512, 1024)
    }


def published_discriminator(config: PublishedConfig) -> Discriminator:
    """The discriminator trained against a published BlobGAN, 28.9 M parameters at 256 px."""
    return Discriminator(config.resolution, discriminator_widths(config.channel_multiplier))


def inversion_encoder(config: PublishedConfig, outputs: int) -> Discriminator:
    """Photo -> raw layout (section 4.4): the discriminator without the mini-batch standard deviation.

    outputs: `layout_net.outputs`, or any other number.
    """
    return Discriminator(
        config.resolution, discriminator_widths(config.channel_multiplier), group=0, outputs=outputs
    )
