"""A photo to what a SpatialGAN of aligned photos paints it from: z, and where the parts are.

Not in the paper. The generator's own training set says both for every picture (`train.cats`): z are whitened
principal components of the photo without its frame, and the centres are known because the frame is.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import NamedTuple

from torch import Tensor, nn

from spatial_edit.generators.config_values import whole

KIND = "photo-encoder"
FOLDER_NAME = "encoder"  # within the model's checkpoint folder
MIN_SIDE, MAX_SIDE, LARGEST = 16, 1024, 4096  # of sides; of z_dim and centres: what a file may ask for


@dataclass(frozen=True)
class EncoderConfig:
    """centres: of all levels together. width: channels at the largest side."""

    z_dim: int = 64
    centres: int = 7
    resolution: int = 64
    width: int = 32


class Reading(NamedTuple):
    """What was read from B pictures."""

    z: Tensor  # (B, z_dim)
    centres: Tensor  # (B, n, 2) fractions of the side
    zoom: Tensor  # (B,) of the frame, 1: the photo as it was aligned


class PhotoEncoder(nn.Module):
    """Pictures (B, 3, R, R) in [-1, 1] -> `Reading`. Strided convolutions to 4 x 4, then one linear layer."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        halvings = config.resolution.bit_length() - 3
        widths = [3] + [config.width * min(2 + i, 6) // 2 for i in range(halvings)]
        self.layers = nn.Sequential()
        for a, b in itertools.pairwise(widths):
            self.layers.append(nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.GroupNorm(8, b), nn.LeakyReLU(0.2)))
        self.head = nn.Linear(widths[-1] * 16, config.z_dim + 2 * config.centres + 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, pictures: Tensor) -> Reading:
        numbers = self.head(self.layers(pictures).flatten(1)).float()
        z, places, zoom = numbers.split([self.config.z_dim, 2 * self.config.centres, 1], 1)
        return Reading(z, 0.5 + places.unflatten(1, (-1, 2)), zoom[:, 0].clamp(-2, 2).exp())


def encoder_to_json(config: EncoderConfig) -> dict:
    """config.json of an encoder."""
    return {"kind": KIND, **asdict(config)}


def build_encoder(config: dict) -> PhotoEncoder:
    """An untrained encoder of a config.json; ValueError for one that describes none, or an absurd one."""
    if config.get("kind") != KIND:
        raise ValueError(f"this is the configuration of a {str(config.get('kind'))[:40]!r}, not of a {KIND}")
    side = whole(config, "resolution", MIN_SIDE, MAX_SIDE)
    width = whole(config, "width", 16, 256)
    if side & (side - 1) or width % 16:
        raise ValueError(
            f"the encoder reads {side} px with width {width}: a power of two and a multiple of 16 are known"
        )
    z_dim, centres = whole(config, "z_dim", 1, LARGEST), whole(config, "centres", 1, LARGEST)
    return PhotoEncoder(EncoderConfig(z_dim, centres, side, width))
