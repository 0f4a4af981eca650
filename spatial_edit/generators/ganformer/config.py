"""The sizes and choices of a GANformer, and their form in config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from spatial_edit.generators.config_values import WIDEST, choice, flag, whole, widths
from spatial_edit.nn.bipartite_attention import INTEGRATIONS, NORMS, AttentionConfig
from spatial_edit.nn.stylegan2 import ARCHITECTURES

KIND = "ganformer"
GRIDS = ("sinus", "stored")
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
    the CLEVR recipe, where it then has no influence). noise: the layers add some; fixed_noise: the checkpoint
    has maps of its own for it. attention_sides: smallest and largest side with attention. grid: where pixel
    positions come from, "sinus" (computed, in `directions`) or "stored" (with the weights); position_width:
    their width, 0 for none, then latents have no positions either.
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
    fixed_noise: bool = False
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
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture '{self.architecture}': must be one of {', '.join(ARCHITECTURES)}")
        if self.grid not in GRIDS:
            raise ValueError(f"grid '{self.grid}': must be one of {', '.join(GRIDS)}")
        all_widths = (*self.channels.values(), self.z_dim, self.w_dim)
        if not all(0 < width <= WIDEST for width in all_widths) or not 0 <= self.position_width <= WIDEST:
            raise ValueError(f"a width of channels, z, w or positions is not in 1 .. {WIDEST}")
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
        return replace(cls.tiny(), attention=AttentionConfig(integration="both"))


def config_to_json(config: GANformerConfig) -> dict[str, object]:
    """For config.json; `config_from_json` gives the same config back."""
    data = asdict(config)
    data["channels"] = [[side, config.channels[side]] for side in config.sides]  # JSON's keys are text
    data["attention_sides"] = list(config.attention_sides)
    return {"kind": KIND, **data}


def config_from_json(data: Mapping[str, object]) -> GANformerConfig:
    """From config.json; ValueError when it describes something else, or a field lacks or is out of range."""
    if data.get("kind") != KIND:
        raise ValueError(f"config.json describes '{data.get('kind')}', this loader reads '{KIND}'")
    if unknown := set(data) ^ {"kind", *GANformerConfig.__dataclass_fields__}:
        raise ValueError(f"config.json of a {KIND} lacks or has too much: {', '.join(sorted(unknown))}")
    resolution = whole(data, "resolution", 8, LARGEST_SIDE)
    sides, attention = data["attention_sides"], data["attention"]
    if not isinstance(sides, list) or [type(side) for side in sides] != [int, int]:
        raise ValueError("config.json: 'attention_sides' must be two whole numbers")
    if attention is not None and not isinstance(attention, dict):
        raise ValueError("config.json: 'attention' must be an object or null")
    return GANformerConfig(
        resolution=resolution,
        channels=widths(data, "channels", resolution),
        components=whole(data, "components", 0, MOST_COMPONENTS),
        z_dim=whole(data, "z_dim", 1, WIDEST),
        w_dim=whole(data, "w_dim", 1, WIDEST),
        mapping_layers=whole(data, "mapping_layers", 1, 64),
        mapping_residual=flag(data, "mapping_residual"),
        mapping_attention=flag(data, "mapping_attention"),
        mapping_heads=whole(data, "mapping_heads", 1, 64),
        architecture=choice(data, "architecture", ARCHITECTURES, ""),
        modulated=flag(data, "modulated"),
        noise=flag(data, "noise"),
        fixed_noise=flag(data, "fixed_noise"),
        attention=None if attention is None else _attention(attention),
        attention_sides=(sides[0], sides[1]),
        grid=choice(data, "grid", GRIDS, ""),
        position_width=whole(data, "position_width", 0, WIDEST),
        directions=whole(data, "directions", 1, 64),
    )


def _attention(data: Mapping[str, object]) -> AttentionConfig:
    if unknown := set(data) ^ set(AttentionConfig.__dataclass_fields__):
        raise ValueError(f"config.json's 'attention' lacks or has too much: {', '.join(sorted(unknown))}")
    dropout = data["dropout"]
    if isinstance(dropout, bool) or not isinstance(dropout, int | float):
        raise ValueError("config.json: 'dropout' must be a number in [0, 1)")
    return AttentionConfig(
        heads=whole(data, "heads", 1, 64),
        integration=choice(data, "integration", INTEGRATIONS, ""),
        norm=choice(data, "norm", NORMS, ""),
        duplex=flag(data, "duplex"),
        iterations=whole(data, "iterations", 1, 64),
        carried=flag(data, "carried"),
        pixel_gate=flag(data, "pixel_gate"),
        latent_gate=flag(data, "latent_gate"),
        dropout=float(dropout),
    )
