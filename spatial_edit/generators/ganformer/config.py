"""The sizes and choices of a GANformer, and their form in config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from spatial_edit.nn.bipartite_attention import AttentionConfig

KIND = "ganformer"
MOST_COMPONENTS = 256
LARGEST_SIDE = 2048


@dataclass(frozen=True)
class GANformerConfig:
    """A GANformer (Hudson and Zitnick 2021). The default is the published recipe for 256 px.

    components: local latents, beside the one global latent; 0 with attention None is a StyleGAN2 built from
    the same parts. channels: width at every side 4 .. resolution. mapping_layers: linear layers before the
    last one, two to a block when mapping_residual. mapping_attention: local latents look at each other before
    each of them. architecture: "resnet" (a skip around every block, RGB at the end), "orig" (RGB at the end)
    or "skip" (an RGB output at every side). modulated: the global latent modulates every convolution (off in
    the CLEVR recipe, where it then has no influence). attention_sides: smallest and largest side with
    attention. grid: where pixel positions come from, "sinus" (computed, `directions` of them) or "stored"
    (with the weights); position_width: their width, 0 for none, then latents have no positions either.
    """

    resolution: int = 256
    channels: Mapping[int, int] = field(
        default_factory=lambda: {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128}
    )
    components: int = 16
    z_dim: int = 32
    w_dim: int = 32
    mapping_layers: int = 8
    mapping_residual: bool = True
    mapping_attention: bool = True
    mapping_heads: int = 1
    architecture: str = "resnet"
    modulated: bool = True
    noise: bool = True
    attention: AttentionConfig | None = field(default_factory=lambda: AttentionConfig(duplex=True))
    attention_sides: tuple[int, int] = (4, 128)
    grid: str = "sinus"
    position_width: int = 32
    directions: int = 2

    def __post_init__(self) -> None:
        r = self.resolution
        if r < 8 or r & (r - 1) or r > LARGEST_SIDE:
            raise ValueError(f"resolution {r}: must be a power of two from 8 to {LARGEST_SIDE}")
        if missing := [side for side in self.sides if side not in self.channels]:
            raise ValueError(f"channels has no width for side {missing}: give one for each of {self.sides}")
        if not 0 <= self.components <= MOST_COMPONENTS:
            raise ValueError(f"{self.components} components: at most {MOST_COMPONENTS} are possible")
        if not self.components and (self.attention or self.mapping_attention):
            raise ValueError("attention needs local latents: give components, or turn attention off")
        if self.architecture not in ("resnet", "skip", "orig"):
            raise ValueError(f"architecture {self.architecture!r}: choose resnet, skip or orig")
        if self.grid not in ("sinus", "stored"):
            raise ValueError(f"grid {self.grid!r}: choose sinus or stored")
        widths = (*self.channels.values(), self.z_dim, self.w_dim)
        if not all(0 < width <= 8192 for width in widths) or not 0 <= self.position_width <= 8192:
            raise ValueError("a width of channels, z, w or positions is not in 1 .. 8192")
        if not 1 <= self.mapping_layers <= 64:
            raise ValueError(f"{self.mapping_layers} layers in the mapping network: must be 1 to 64")
        if self.mapping_residual and self.z_dim != self.w_dim:
            raise ValueError("a residual mapping network needs z_dim equal to w_dim")

    @property
    def sides(self) -> list[int]:
        """4, 8, .., resolution."""
        return [4 << i for i in range(self.resolution.bit_length()) if 4 << i <= self.resolution]

    def attends(self, side: int) -> bool:
        """Whether the layers of this side have attention."""
        return self.attention is not None and self.attention_sides[0] <= side <= self.attention_sides[1]

    @classmethod
    def tiny(cls) -> GANformerConfig:
        """For tests: 16 px, three local latents, fewer than 50 000 parameters."""
        return cls(
            resolution=16,
            channels={4: 16, 8: 16, 16: 12},
            components=3,
            z_dim=8,
            w_dim=8,
            mapping_layers=4,
            attention_sides=(4, 8),
            position_width=8,
        )

    @classmethod
    def tiny_simplex(cls) -> GANformerConfig:
        """For tests: as `tiny`, but with attention that depends on the latents, a gain and a bias."""
        return cls(**{**vars(cls.tiny()), "attention": AttentionConfig(integration="both")})


def config_data(config: GANformerConfig) -> dict[str, object]:
    """What config.json says; `config_of` reads it."""
    data = asdict(config)
    data["channels"] = [[side, config.channels[side]] for side in config.sides]
    data["attention_sides"] = list(config.attention_sides)
    return {"kind": KIND, **data}


def config_of(data: Mapping[str, Any]) -> GANformerConfig:
    """From config.json; ValueError when it describes something else or is not whole."""
    if data.get("kind") != KIND:
        raise ValueError(f"config.json describes '{data.get('kind')}', this loader reads '{KIND}'")
    try:
        values = {name: data[name] for name in (f.name for f in fields(GANformerConfig))}
        for f in fields(GANformerConfig):
            wanted = {"int": int, "bool": bool, "str": str}.get(str(f.type))
            if wanted and type(values[f.name]) is not wanted:
                raise TypeError(f"{f.name} is {values[f.name]!r}")
        values["channels"] = {int(side): int(width) for side, width in values["channels"]}
        smallest, largest = values["attention_sides"]
        values["attention_sides"] = (int(smallest), int(largest))
        if values["attention"] is not None:
            values["attention"] = AttentionConfig(**values["attention"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"config.json is incomplete: {error}") from error
    return GANformerConfig(**values)
