"""A plain StyleGAN2 (Karras et al. 2020): ours, the baseline without a layout with as many parameters as our
BlobGAN, and everybody's, imported.

    z (and a class label) -> mapping network -> w -> (truncation) -> synthesis network -> image

Deliberately different from the paper: no style mixing inside the forward pass (give per-layer codes
instead), and truncation is written t = 1 - psi, so that 0 changes nothing and 1 is the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from spatial_edit.generators.config_values import choice, flag, limit, whole, widths
from spatial_edit.nn.discriminator import ARCHITECTURES as DISCRIMINATOR_ARCHITECTURES
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.nn.mapping import ConditionalMapping, MappingNetwork
from spatial_edit.nn.stylegan2 import ARCHITECTURES, SynthesisNetwork


@dataclass(frozen=True)
class StyleGAN2Config:
    """Sizes of a StyleGAN2. channels: width at every side 4 .. resolution. The default has about 1.1 M
    parameters.

    The rest is what published networks vary (see `SynthesisNetwork`). labels: number of classes, 0 for none.
    mapping_width, embedding: width of the mapping network's hidden layers and of the embedded label, 0 for
    w_dim. mapping_eps: of its pixel norm. scale_weights: in the mapping network, see `EqualisedLinear`.
    exact_eps: `nn.stylegan2.eps_before_scaling`. fixed_noise: the checkpoint has its own noise maps.
    """

    resolution: int = 64
    channels: Mapping[int, int] = field(default_factory=lambda: {4: 128, 8: 128, 16: 128, 32: 64, 64: 32})
    z_dim: int = 128
    w_dim: int = 128
    mapping_layers: int = 4
    architecture: str = "skip"
    image_channels: int = 3
    labels: int = 0
    mapping_width: int = 0
    embedding: int = 0
    mapping_eps: float = 1e-8
    clamp: float | None = None
    scale_weights: bool = False
    exact_eps: bool = False
    fixed_noise: bool = False

    @classmethod
    def tiny(cls) -> StyleGAN2Config:
        """For tests: 32 px, fewer than 50 000 parameters."""
        return cls(
            resolution=32, channels={4: 16, 8: 16, 16: 16, 32: 8}, z_dim=16, w_dim=16, mapping_layers=2
        )


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of a StyleGAN2 discriminator, as the arguments of `nn.discriminator.Discriminator`."""

    resolution: int
    channels: Mapping[int, int]
    architecture: str = "resnet"
    image_channels: int = 3
    group: int = 4
    statistics: int = 1
    clamp: float | None = None
    labels: int = 0
    label_layers: int = 8
    projection: int = 0


class StyleGAN2Generator(nn.Module):
    """z (B, z_dim) -> images (B, 3, R, R), nominally in [-1, 1]."""

    w_mean: Tensor
    mapping: MappingNetwork | ConditionalMapping

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        hidden = config.mapping_width or config.w_dim
        if config.labels:
            self.mapping = ConditionalMapping(
                config.z_dim,
                config.labels,
                config.w_dim,
                hidden=hidden,
                embedding=config.embedding or config.w_dim,
                layers=config.mapping_layers,
                eps=config.mapping_eps,
            )
        else:
            self.mapping = MappingNetwork(
                config.z_dim,
                config.w_dim,
                hidden=hidden,
                layers=config.mapping_layers,
                eps=config.mapping_eps,
                scale_weights=config.scale_weights,
            )
        self.synthesis = SynthesisNetwork(
            config.resolution,
            config.channels,
            config.w_dim,
            architecture=config.architecture,
            image_channels=config.image_channels,
            clamp=config.clamp,
            exact_eps=config.exact_eps,
            fixed_noise=config.fixed_noise,
        )
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    def codes(
        self,
        z: Tensor,
        truncation: float = 0.0,
        labels: Tensor | None = None,
        cutoff: int | None = None,
    ) -> Tensor:
        """(B, w_dim) intermediate codes, pulled towards `w_mean`: w' = t * mean + (1 - t) * w.

        labels: (B, classes), one-hot, for a network that knows classes, and only then. cutoff: only the first
        so many layers' codes are pulled; the result is then (B, num_codes, w_dim).
        """
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation {truncation}: must be in [0, 1] (0 = none, 1 = the mean)")
        if cutoff is not None and not 0 <= cutoff <= self.synthesis.num_codes:
            raise ValueError(f"cutoff {cutoff}: this network has {self.synthesis.num_codes} codes")
        w = self._mapped(z, labels)
        pulled = w
        if truncation:
            if not self.w_mean.any():
                raise ValueError("truncation needs the mean code: call measure_mean() once after training")
            pulled = torch.lerp(w, self.w_mean.to(w.dtype), truncation)
        if cutoff is None:
            return pulled
        rest = self.synthesis.num_codes - cutoff
        return torch.cat([pulled[:, None].expand(-1, cutoff, -1), w[:, None].expand(-1, rest, -1)], 1)

    def _mapped(self, z: Tensor, labels: Tensor | None) -> Tensor:
        if isinstance(self.mapping, ConditionalMapping):
            if labels is None:
                raise ValueError(f"this model draws {self.config.labels} classes: give a label")
            return self.mapping(z, labels.to(z))
        if labels is not None:
            raise ValueError("this model knows no classes: give no label")
        return self.mapping(z)

    def forward(
        self,
        z: Tensor,
        noise: Sequence[Tensor] | None = None,
        truncation: float = 0.0,
        labels: Tensor | None = None,
    ) -> Tensor:
        """noise: one (B or 1, 1, r, r) a layer (`draw_noise`, `latents_of_seeds`), or None for none."""
        return self.synthesis(self.codes(z, truncation, labels), noise)

    def draw_noise(self, batch: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh N(0, 1) noise for training, one (batch, 1, r, r) a layer, on the model's device."""
        like = self.synthesis.const
        return [
            torch.randn(batch, 1, r, r, generator=generator, device=like.device, dtype=torch.float32)
            for r in self.synthesis.noise_sides
        ]

    @torch.no_grad()
    def measure_mean(self, count: int, generator: torch.Generator) -> Tensor:
        """Stores and returns the mean of w over `count` z (and as many classes), in one batch."""
        z = torch.randn(count, self.config.z_dim, generator=generator, device=generator.device)
        labels = None
        if self.config.labels:
            drawn = torch.randint(self.config.labels, (count,), generator=generator, device=generator.device)
            labels = self.one_hot(drawn.tolist())
        self.w_mean.copy_(self._mapped(z.to(self.w_mean), labels).mean(0))
        return self.w_mean

    def one_hot(self, classes: Sequence[int]) -> Tensor:
        """(B, labels) of class numbers. ValueError for numbers that the model does not know."""
        count = self.config.labels
        if bad := [number for number in classes if not 0 <= number < count]:
            raise ValueError(f"class {bad[0]}: this model knows {count} classes, from 0")
        labels = torch.zeros(len(classes), count, device=self.w_mean.device)
        labels[range(len(classes)), list(classes)] = 1
        return labels

    def latents_of_seeds(self, seeds: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """(z, noise) of integer seeds 0 .. 2**32 - 1.

        Each from `np.random.RandomState(seed)`, in this order: z_dim normals for z, then every layer's
        noise, row by row, from side 4 upwards. A model with fixed noise has that, and draws none.
        """
        draws = [np.random.RandomState(seed) for seed in seeds]
        shapes = [(1, 1, r, r) for r in self.synthesis.noise_sides]

        def stack(shape: tuple[int, ...]) -> Tensor:
            rows = [draw.standard_normal(shape).astype(np.float32) for draw in draws]
            return torch.from_numpy(np.concatenate(rows)).to(self.w_mean.device)

        z = stack((1, self.config.z_dim))  # (B, z_dim)
        if self.config.fixed_noise:
            return z, [noise.expand(len(seeds), -1, -1, -1) for noise in self.synthesis.own_noise()]
        return z, [stack(shape) for shape in shapes]

    def labels_of_seeds(self, seeds: Sequence[int]) -> Tensor | None:
        """(B, labels) one class a seed, one-hot: the next draw after those of `latents_of_seeds`; None for a
        model without classes."""
        if not self.config.labels:
            return None
        sides = () if self.config.fixed_noise else self.synthesis.noise_sides
        classes = []
        for seed in seeds:
            draw = np.random.RandomState(seed)
            draw.standard_normal(self.config.z_dim)
            for side in sides:
                draw.standard_normal((side, side))
            classes.append(int(draw.randint(self.config.labels)))
        return self.one_hot(classes)

    def sample_images(self, seeds: Sequence[int], truncation: float = 0.0) -> Tensor:
        """(B, 3, R, R) clamped to [-1, 1]: the pictures of integer seeds, noise and class included."""
        z, noise = self.latents_of_seeds(seeds)
        return self(z, noise, truncation, self.labels_of_seeds(seeds)).clamp(-1, 1)


def config_to_json(config: StyleGAN2Config) -> dict[str, object]:
    """For config.json; `config_from_json` gives the same config back."""
    return {"kind": "stylegan2", **_plain(config)}


def config_from_json(data: Mapping[str, object]) -> StyleGAN2Config:
    """From config.json, also of older checkpoints, which name fewer fields.

    ValueError when it describes something else, lacks a size, or has one out of range.
    """
    _check_kind(data, "stylegan2", set(StyleGAN2Config.__dataclass_fields__))
    resolution = whole(data, "resolution", 4, 4096)
    return StyleGAN2Config(
        resolution=resolution,
        channels=widths(data, "channels", resolution),
        z_dim=whole(data, "z_dim", 1, 16384),
        w_dim=whole(data, "w_dim", 1, 16384),
        mapping_layers=whole(data, "mapping_layers", 1, 64),
        architecture=choice(data, "architecture", ARCHITECTURES, "skip"),
        image_channels=whole(data, "image_channels", 1, 64, 3),
        labels=whole(data, "labels", 0, 100_000, 0),
        mapping_width=whole(data, "mapping_width", 0, 16384, 0),
        embedding=whole(data, "embedding", 0, 16384, 0),
        mapping_eps=limit(data, "mapping_eps") or 1e-8,
        clamp=limit(data, "clamp"),
        scale_weights=flag(data, "scale_weights"),
        exact_eps=flag(data, "exact_eps"),
        fixed_noise=flag(data, "fixed_noise"),
    )


def discriminator_to_json(config: DiscriminatorConfig) -> dict[str, object]:
    """For the config.json of a discriminator."""
    return {"kind": "stylegan2-discriminator", **_plain(config)}


def discriminator_from_json(data: Mapping[str, object]) -> DiscriminatorConfig:
    """From config.json; ValueError as `config_from_json`."""
    _check_kind(data, "stylegan2-discriminator", set(DiscriminatorConfig.__dataclass_fields__))
    resolution = whole(data, "resolution", 8, 4096)
    return DiscriminatorConfig(
        resolution=resolution,
        channels=widths(data, "channels", resolution),
        architecture=choice(data, "architecture", DISCRIMINATOR_ARCHITECTURES, "resnet"),
        image_channels=whole(data, "image_channels", 1, 64, 3),
        group=whole(data, "group", 0, 1 << 31, 4),
        statistics=whole(data, "statistics", 1, 16384, 1),
        clamp=limit(data, "clamp"),
        labels=whole(data, "labels", 0, 100_000, 0),
        label_layers=whole(data, "label_layers", 1, 64, 8),
        projection=whole(data, "projection", 0, 16384, 0),
    )


def build_discriminator(config: DiscriminatorConfig) -> Discriminator:
    """The network of a configuration."""
    return Discriminator(
        config.resolution,
        config.channels,
        group=config.group,
        in_channels=config.image_channels,
        architecture=config.architecture,
        statistics=config.statistics,
        clamp=config.clamp,
        labels=config.labels,
        label_layers=config.label_layers,
        projection=config.projection,
    )


def _plain(config: StyleGAN2Config | DiscriminatorConfig) -> dict[str, object]:
    values = asdict(config)
    values["channels"] = [[side, width] for side, width in config.channels.items()]  # JSON's keys are text
    return values


def _check_kind(data: Mapping[str, object], kind: str, fields: set[str]) -> None:
    if data.get("kind") != kind:
        raise ValueError(f"config.json describes '{data.get('kind')}', this loader reads '{kind}'")
    if unknown := set(data) - fields - {"kind"}:
        raise ValueError(f"config.json has fields that no {kind} has: {', '.join(sorted(map(str, unknown)))}")
