"""EqGAN-SA's generator (Wang et al., "Improving GAN Equilibrium by Raising Spatial Awareness", CVPR 2022): a
StyleGAN2 whose layers see a hierarchical heatmap before they are styled.

    heatmap levels -> projections --+--> side 4: level 0, side 8: level 1, side 16: level 2, from 32: all
    z -> mapping -> codes           |
    const -> [SEL -> styled layer] .. [SEL -> to RGB] .. -> image

Each level is projected at the image's resolution, then brought down to the features' side. The first layer of
a side runs its encoding before it doubles the side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from spatial_edit.generators.config_values import flag, limit, whole, widths
from spatial_edit.generators.spatialgan.encoding import HeatmapProjection, SpatialEncoding, resized
from spatial_edit.generators.spatialgan.heatmap import HeatmapLevel, draw_levels, sample_levels, stack_levels
from spatial_edit.layouts.heatmaps import MAX_CENTRES
from spatial_edit.nn.mapping import MappingNetwork
from spatial_edit.nn.resample import Upsample
from spatial_edit.nn.stylegan2 import BlockOutput, StyledLayer, ToRGB, eps_before_scaling
from spatial_edit.safetensors_header import few
from spatial_edit.seeds import random_state

MAX_SIDE, MAX_WIDTH, MAX_LAYERS = 1024, 4096, 64  # of what config.json may ask for
LEVEL_SIDES = (4, 8, 16)  # that see level 0, 1, 2 alone
Heat = tuple[Tensor, Tensor]  # of a side: at half of it (for the layer that doubles) and at all of it


@dataclass(frozen=True)
class EqGANConfig:
    """Sizes of an EqGAN-SA. channels: width at every side 4 .. resolution. centres: of each level.
    heat_widths: of a level's projection, hidden and out; hidden: in a spatial encoding. clamp: of the layers'
    outputs, None for none. fixed_noise: the weights hold the noise of every layer.
    """

    resolution: int
    channels: Mapping[int, int]
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 8
    centres: tuple[int, ...] = (1, 2, 4)
    heat_widths: tuple[int, int] = (16, 32)
    hidden: int = 64
    clamp: float | None = None
    fixed_noise: bool = False
    sides: tuple[int, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        sides = tuple(4 << i for i in range(9) if 4 << i <= min(self.resolution, MAX_SIDE))
        sizes = (self.z_dim, self.w_dim, self.mapping_layers, *self.centres, *self.heat_widths, self.hidden)
        if not 1 <= len(self.centres) <= len(LEVEL_SIDES) or self.mapping_layers > MAX_LAYERS:
            raise ValueError(
                f"{len(self.centres)} levels, {self.mapping_layers} layers: at most 3 and {MAX_LAYERS}"
            )
        if sides[-1:] != (self.resolution,) or len(sides) < len(self.centres):
            raise ValueError(f"resolution {self.resolution}: must be a power of two, 16 to {MAX_SIDE}")
        if missing := [side for side in sides if side not in self.channels]:
            raise ValueError(f"channels has no width for side {missing}: give one for each of {sides}")
        if not all(0 < size <= MAX_WIDTH for size in (*sizes, *self.channels.values())):
            raise ValueError(f"every width must be from 1 to {MAX_WIDTH}")
        object.__setattr__(self, "sides", sides)

    @classmethod
    def tiny(cls) -> EqGANConfig:
        """For tests: 32 px, fewer than 50 000 parameters."""
        widths = {4: 8, 8: 8, 16: 8, 32: 8}
        return cls(32, widths, z_dim=8, w_dim=8, mapping_layers=2, heat_widths=(4, 4), hidden=4)

    def to_dict(self) -> dict[str, object]:
        """As JSON, for config.json."""
        return {
            "kind": "eqgan",
            "resolution": self.resolution,
            "channels": [[side, self.channels[side]] for side in self.sides],
            "z_dim": self.z_dim,
            "w_dim": self.w_dim,
            "mapping_layers": self.mapping_layers,
            "centres": list(self.centres),
            "heat_widths": list(self.heat_widths),
            "hidden": self.hidden,
            "clamp": self.clamp,
            "fixed_noise": self.fixed_noise,
        }

    @classmethod
    def from_dict(cls, data: dict) -> EqGANConfig:
        """The configuration of `to_dict`; ValueError when it describes something else."""
        if data.get("kind") != "eqgan":
            raise ValueError(f"config.json describes '{data.get('kind')}', this loader reads 'eqgan'")
        if strange := set(data) - {"kind", *cls.__dataclass_fields__}:
            raise ValueError(f"config.json of an EqGAN has entries that are unknown here: {few(strange)}")
        resolution = whole(data, "resolution", 16, MAX_SIDE)
        return cls(
            resolution=resolution,
            channels=widths(data, "channels", resolution),
            **{name: whole(data, name, 1, MAX_WIDTH) for name in ("z_dim", "w_dim", "hidden")},
            mapping_layers=whole(data, "mapping_layers", 1, MAX_LAYERS),
            centres=_counts(data, "centres", len(LEVEL_SIDES), MAX_CENTRES),
            heat_widths=_pair(data, "heat_widths"),
            clamp=limit(data, "clamp"),
            fixed_noise=flag(data, "fixed_noise"),
        )


def _counts(data: Mapping[str, object], name: str, most_items: int, most: int) -> tuple[int, ...]:
    """A list of 1 to `most_items` whole numbers from 1 to `most`."""
    values = data.get(name)
    if not isinstance(values, list) or not 1 <= len(values) <= most_items:
        raise ValueError(f"config.json: '{name}' must be a list of 1 to {most_items} whole numbers")
    return tuple(whole({name: value}, name, 1, most) for value in values)


def _pair(data: Mapping[str, object], name: str) -> tuple[int, int]:
    values = _counts(data, name, 2, MAX_WIDTH)
    if len(values) != 2:
        raise ValueError(f"config.json: '{name}' must be two whole numbers")
    return values[0], values[1]


class EqGANSynthesis(nn.Module):
    """Codes, projected heatmaps and noise -> image.

    Layer i (0: side 4; 2j - 1 and 2j: side 4 * 2^j) and the RGB outputs take the codes as StyleGAN2's do.
    """

    def __init__(self, config: EqGANConfig) -> None:
        super().__init__()
        self.config = config
        sides, channels, w_dim, clamp = config.sides, config.channels, config.w_dim, config.clamp
        width, levels = config.heat_widths[1], len(config.centres)
        self.projections = nn.ModuleList(HeatmapProjection(n, *config.heat_widths) for n in config.centres)
        self.const = nn.Parameter(torch.randn(channels[4], 4, 4))
        self.layers, self.encodings = nn.ModuleList(), nn.ModuleList()
        self.rgbs, self.rgb_encodings = nn.ModuleList(), nn.ModuleList()
        inputs = channels[4]
        for step, side in enumerate(sides):
            heat = width if step < levels else width * levels
            for up in (True, False) if step else (False,):
                self.encodings.append(SpatialEncoding(inputs, heat, config.hidden))
                eps = eps_before_scaling(inputs, 3)  # as the published network
                self.layers.append(StyledLayer(inputs, channels[side], w_dim, up=up, clamp=clamp, eps=eps))
                inputs = channels[side]
            self.rgb_encodings.append(SpatialEncoding(inputs, heat, config.hidden))
            self.rgbs.append(ToRGB(inputs, w_dim, clamp=clamp))
        self.upsample = Upsample()
        self.noise_sides = tuple(4 << ((i + 1) // 2) for i in range(len(self.layers)))
        for i, side in enumerate(self.noise_sides if config.fixed_noise else ()):
            self.register_buffer(f"noise_{i}", torch.randn(side, side))

    @property
    def num_codes(self) -> int:
        return len(self.layers) + 1

    def own_noise(self) -> list[Tensor]:
        """The weights' own noise, one (1, 1, r, r) a layer. ValueError when they hold none."""
        if not self.config.fixed_noise:
            raise ValueError("these weights hold no noise maps: draw some, or give none")
        return [self.get_buffer(f"noise_{i}")[None, None] for i in range(len(self.layers))]

    def project(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The features of each level's maps (B, n, R, R): (B, width, R, R)."""
        return [projection(level) for projection, level in zip(self.projections, maps, strict=True)]

    def encode(self, maps: Sequence[Tensor]) -> list[Heat]:
        """For every side what its layers see of the heatmaps. Depends on the maps alone: keep it while codes
        change."""
        levels = self.project(maps)
        together = torch.cat(levels, 1) if len(self.config.sides) > len(levels) else None
        heat: list[Heat] = []
        for step, side in enumerate(self.config.sides):
            seen = levels[step] if step < len(levels) else together
            assert seen is not None
            heat.append((resized(seen, side // 2), resized(seen, side)))
        return heat

    def blocks(
        self, codes: Tensor, heat: Sequence[Heat], noise: Sequence[Tensor] | None = None
    ) -> Iterator[BlockOutput]:
        """Side by side from 4 upwards, each computed when it is asked for. Arguments as in `forward`."""
        if noise is not None and len(noise) != len(self.layers):
            raise ValueError(f"{len(noise)} noise maps given, this network has {len(self.layers)} layers")
        if codes.dim() == 2:
            codes = codes[:, None].expand(-1, self.num_codes, -1)
        x = self.const[None].expand(codes.shape[0], -1, -1, -1)
        image: Tensor | None = None
        for step, (before, after) in enumerate(heat):
            for i in (2 * step - 1, 2 * step) if step else (0,):
                x = self.encodings[i](x, before if step and i % 2 else after)
                x = self.layers[i](x, codes[:, i], None if noise is None else noise[i])

            skip = self.rgbs[step](self.rgb_encodings[step](x, after), codes[:, 2 * step + 1])
            image = skip if image is None else self.upsample(image) + skip
            yield BlockOutput(self.config.sides[step], x, image)

    def forward(self, codes: Tensor, heat: Sequence[Heat], noise: Sequence[Tensor] | None = None) -> Tensor:
        """codes: (B, w_dim) or (B, num_codes, w_dim); heat: of `encode`; noise: one (B or 1, 1, r, r) a
        layer. Returns (B, 3, R, R), nominally in [-1, 1], not clamped."""
        *_, last = self.blocks(codes, heat, noise)
        assert last.rgb is not None
        return last.rgb


class EqGANGenerator(nn.Module):
    """z (B, z_dim) and heatmap levels -> images (B, 3, R, R), nominally in [-1, 1]."""

    w_mean: Tensor

    def __init__(self, config: EqGANConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(
            config.z_dim,
            config.w_dim,
            hidden=config.w_dim,
            layers=config.mapping_layers,
            scale_weights=True,
        )
        self.synthesis = EqGANSynthesis(config)
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    def codes(self, z: Tensor, truncation: float = 0.0) -> Tensor:
        """(B, w_dim) intermediate codes, pulled towards `w_mean`: w' = t * mean + (1 - t) * w."""
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation must lie between 0 (none) and 1 (the mean), got {truncation!r}")
        w = self.mapping(z)
        if truncation == 0:
            return w
        if not self.w_mean.any():
            raise ValueError("truncation needs the mean code, which these weights lack: use truncation 0")
        return torch.lerp(w, self.w_mean.to(w.dtype), truncation)

    def maps(self, levels: Sequence[HeatmapLevel]) -> list[Tensor]:
        """(B, n, R, R) of each level."""
        return draw_levels(levels, self.config.resolution)

    def forward(
        self,
        z: Tensor,
        levels: Sequence[HeatmapLevel],
        noise: Sequence[Tensor] | None = None,
        truncation: float = 0.0,
    ) -> Tensor:
        heat = self.synthesis.encode(self.maps(levels))
        return self.synthesis(self.codes(z, truncation), heat, noise)

    def draws_of_seeds(self, seeds: Sequence[int]) -> tuple[Tensor, tuple[HeatmapLevel, ...], list[Tensor]]:
        """(z, heatmap levels, noise) of integer seeds 0 .. 2**32 - 1.

        Each from `np.random.RandomState(seed)`, in this order: z_dim normals for z, the heatmap
        (`sample_levels`), every layer's noise, row by row, from side 4 upwards. Where the weights hold noise,
        that is given instead.
        """
        draws = [random_state(seed) for seed in seeds]
        device = self.w_mean.device

        def normals(shape: tuple[int, ...]) -> Tensor:
            return torch.cat([torch.from_numpy(d.standard_normal(shape)).float() for d in draws]).to(device)

        z = normals((1, self.config.z_dim))  # (B, z_dim)
        levels = stack_levels([sample_levels(draw) for draw in draws])
        if self.config.fixed_noise:
            return z, levels, self.synthesis.own_noise()
        return z, levels, [normals((1, 1, r, r)) for r in self.synthesis.noise_sides]
