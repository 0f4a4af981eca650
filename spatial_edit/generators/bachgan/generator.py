"""The generator of SPADE (Park et al. 2019) and, with fusion in front, of BachGAN (Li et al. 2020).

    boxes, retrieved maps ──fusion──► c ──nearest, smallest side──► conv ──SPADE blocks, all see c──► image

The network holds for every size: the first side is the map's over 2^n, where n is the number of doublings
("normal" 5, "more" 6, "most" 7). Deterministic: there is no z. Names of weights follow the published files
but for the fusion's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.bachgan.fusion import SKIPS, Fusion
from spatial_edit.nn.spade import HIDDEN, NORMS, SLOPE, SpadeBlock, SpadeStyle

KIND = "bachgan"
DOUBLINGS = {"normal": 5, "more": 6, "most": 7}
MAX_SIDE = 2048


@dataclass(frozen=True)
class BachGANConfig:
    """Sizes. The default is the published network for ADE20K at 256 px.

    labels: channels of a label map (classes and, where there is one, "don't care"). edges: one more channel
    with the edges of instances. height, width: of the pictures drawn for scenes. width_g: channels at the
    last side. stages: of the fusion, 0 = none (a plain SPADE generator). segment: with the auxiliary head.
    names: a word for every label; things: the labels that boxes may have. spectral: unfolded, for training.
    """

    labels: int = 151
    edges: bool = False
    height: int = 256
    width: int = 256
    width_g: int = 64
    doublings: str = "normal"
    stages: int = 1
    skip: str = "query"
    norm: str = "batch"
    kernel: int = 3
    hidden: int = HIDDEN
    segment: bool = True
    names: tuple[str, ...] = ()
    things: tuple[int, ...] = ()
    background: int = 0
    spectral: bool = False

    def __post_init__(self) -> None:
        if self.doublings not in DOUBLINGS or self.skip not in SKIPS or self.norm not in NORMS:
            raise ValueError(f"doublings {self.doublings!r}, skip {self.skip!r}, norm {self.norm!r}")
        step = 2 ** DOUBLINGS[self.doublings]
        for side in (self.height, self.width):
            if not 0 < side <= MAX_SIDE or side % step:
                raise ValueError(f"a side of {side} px: a multiple of {step} up to {MAX_SIDE} is needed")
        if min(self.labels, self.width_g, self.hidden) < 1 or self.stages < 0:
            raise ValueError("labels, width_g and hidden must be positive, stages 0 or more")
        if self.names and len(self.names) != self.labels:
            raise ValueError(f"{len(self.names)} names for {self.labels} labels: give one for each")
        if any(not 0 <= label < self.labels for label in (*self.things, self.background)):
            raise ValueError(f"things and background must be labels from 0 to {self.labels - 1}")

    @property
    def condition(self) -> int:
        """Channels of the conditioning map."""
        return self.labels + self.edges

    @classmethod
    def tiny(cls) -> BachGANConfig:
        """For tests: 32 px, fewer than 50 000 parameters."""
        names = ("background", "chair", "table", "lamp", "plant")
        return cls(5, height=32, width=32, width_g=1, hidden=6, names=names, things=(1, 2, 3, 4))

    def to_dict(self) -> dict[str, object]:
        """As JSON, with its kind."""
        content = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}
        return {"kind": KIND, **content}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BachGANConfig:
        """From config.json; ValueError when it describes something else."""
        if data.get("kind") != KIND:
            raise ValueError(f"config.json describes {data.get('kind')!r}, this loader reads {KIND!r}")
        values = {name: value for name, value in data.items() if name != "kind"}
        for name, default in asdict(cls()).items():
            value = values.get(name, default)
            if isinstance(default, tuple):
                value = tuple(value)
                kind: type = str if name == "names" else int
                whole = all(type(item) is kind for item in value)
            else:
                whole = type(value) is type(default)
            if not whole:
                raise ValueError(f"config.json: {name} has the wrong type")
            values[name] = value
        return cls(**values)


class BachGAN(nn.Module):
    """Maps (B, condition, H, W) -> images (B, 3, H, W) in [-1, 1]; H and W are multiples of 2^n."""

    def __init__(self, config: BachGANConfig) -> None:
        super().__init__()
        self.config = config
        style = SpadeStyle(config.condition, config.norm, config.kernel, config.hidden)
        ngf = config.width_g

        def block(inputs: int, outputs: int) -> SpadeBlock:
            return SpadeBlock(inputs * ngf, outputs * ngf, style, spectral=config.spectral)

        self.fusion = Fusion(config.condition, config.stages, config.skip) if config.stages else None
        self.fc = nn.Conv2d(config.condition, 16 * ngf, 3, padding=1)
        self.head_0, self.G_middle_0, self.G_middle_1 = block(16, 16), block(16, 16), block(16, 16)
        self.up_0, self.up_1, self.up_2, self.up_3 = block(16, 8), block(8, 4), block(4, 2), block(2, 1)
        last = ngf
        if config.doublings == "most":
            last = max(1, ngf // 2)
            self.up_4 = SpadeBlock(ngf, last, style, spectral=config.spectral)
        self.conv_img = nn.Conv2d(last, 3, 3, padding=1)
        self.conv_seg = nn.Conv2d(last, config.labels, 3, padding=1) if config.segment else None

    def forward(self, maps: Tensor, retrieved: Tensor | None = None) -> Tensor:
        """retrieved: (B, m, condition, H, W) for a network with fusion, None for one without."""
        return self.image(self.features(self.condition(maps, retrieved)))

    def condition(self, maps: Tensor, retrieved: Tensor | None) -> Tensor:
        """The conditioning map (B, condition, H, W)."""
        if (self.fusion is None) != (retrieved is None):
            raise ValueError("retrieved maps are for a network with fusion, which cannot do without them")
        return maps if self.fusion is None or retrieved is None else self.fusion(maps, retrieved)

    def features(self, condition: Tensor) -> Tensor:
        """The last block's output (B, width_g, H, W), leaky."""
        height, width = condition.shape[-2:]
        step = 2 ** DOUBLINGS[self.config.doublings]
        if height % step or width % step or not height or not width:
            raise ValueError(f"a map of {width} x {height}: both sides must be multiples of {step}")

        x = self.fc(F.interpolate(condition, (height // step, width // step), mode="nearest"))
        x = self.head_0(x, condition)

        x = self.G_middle_0(_double(x), condition)
        x = self.G_middle_1(x if self.config.doublings == "normal" else _double(x), condition)

        for block in (self.up_0, self.up_1, self.up_2, self.up_3):
            x = block(_double(x), condition)
        if self.config.doublings == "most":
            x = self.up_4(_double(x), condition)
        return F.leaky_relu(x, SLOPE)

    def image(self, features: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1]."""
        return torch.tanh(self.conv_img(features))

    def log_classes(self, features: Tensor) -> Tensor:
        """(B, labels, H, W): the logarithm of each class's share, of the auxiliary head."""
        if self.conv_seg is None:
            raise ValueError("this network has no segmentation head")
        return F.log_softmax(self.conv_seg(features), 1)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
