"""Differences: what an edit changed in the picture, as a heat map, in numbers and in a sentence.

Both pictures are drawn anew in float32, so nothing of a JPEG is measured. The heat is the colour distance
CIE76 (Euclidean in CIELAB, D65): about 2 is just to be seen, 40 is as far as red from orange. A pixel counts
as changed when a channel differs by more than 8 of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

from spatial_edit.layouts import Scene
from spatial_edit.ui.seeing.areas import EditedArea, edited_area
from spatial_edit.ui.seeing.ramps import HEAT, painted

THRESHOLD = 8 / 255
HOTTEST = 40.0  # colour distance at the ramp's end
_GREY = 0.42  # how bright the picture below the heat is
_VISIBLE = 6.0  # colour distance at which the heat hides the picture below
_LINEAR_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750),
                  (0.0193339, 0.1191920, 0.9503041))  # fmt: skip
_WHITE = (0.95047, 1.0, 1.08883)


@dataclass(frozen=True, eq=False)
class Difference:
    """distance (H, W) CIE76; `inside` and `outside` are shares of changed pixels, outside None when the edit
    has no border; `area` is where the edit was made."""

    distance: Tensor
    inside: float
    outside: float | None
    area: EditedArea

    @property
    def sentence(self) -> str:
        if self.outside is None:
            return f"Changed {percent(self.inside)} of the picture; no border, since {self.area.why} changed."
        return f"Changed inside {percent(self.inside)}, outside {percent(self.outside)}."


def difference(before: Scene, after: Scene, first: Tensor, second: Tensor) -> Difference:
    """Of two scenes and their pictures (3, H, W) in [-1, 1], of one size; ValueError for two sizes."""
    if first.shape != second.shape:
        raise ValueError(
            f"the pictures have {first.shape[-1]} and {second.shape[-1]} pixels a side: compare one model's"
        )
    one, two = ((image.clamp(-1, 1) + 1) / 2 for image in (first, second))
    changed = (one - two).abs().amax(0) > THRESHOLD
    area = edited_area(before, after, changed.shape[-1])
    mask = area.mask
    inside = float(changed[mask].float().mean()) if mask.any() else 0.0
    outside = float(changed[~mask].float().mean()) if not mask.all() else None
    distance = (lab(one) - lab(two)).square().sum(0).sqrt()
    return Difference(distance, inside, outside, area)


def percent(share: float) -> str:
    """0.31 as `31 %`, 0.004 as `0.4 %`."""
    value = 100 * share
    if 0 < value < 0.05:
        return "under 0.1 %"
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %"


def heat_picture(found: Difference, after: Tensor, outline: Tensor) -> Image.Image:
    """The heat over the picture in grey, with the border of where the edit was made, `outline` (side, side)
    bool, as a dashed line; as large as that."""
    side = outline.shape[-1]
    distance = _enlarged(found.distance[None], side)[0]
    grey = _enlarged(((after.clamp(-1, 1) + 1) / 2).mean(0, keepdim=True), side) * _GREY
    heat = painted(distance / HOTTEST, HEAT)
    pixels = torch.lerp(grey.expand(3, -1, -1), heat, (distance / _VISIBLE).clamp(0, 1))
    if found.outside is not None:
        pixels = _outlined(pixels, outline)
    return Image.fromarray((pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy())


def lab(image: Tensor) -> Tensor:
    """(3, H, W) of sRGB in [0, 1] as CIELAB: L* in 0..100, a* and b* about ±100."""
    linear = torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,jhw->ihw", torch.tensor(_LINEAR_TO_XYZ), linear)
    ratio = xyz / torch.tensor(_WHITE)[:, None, None]
    x, y, z = torch.where(
        ratio > 216 / 24389, ratio.clamp(min=1e-9) ** (1 / 3), (24389 / 27 * ratio + 16) / 116
    )
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _outlined(pixels: Tensor, mask: Tensor) -> Tensor:
    """White dashes on a dark line along the mask's border."""
    line, halo = mask & ~_eroded(mask, 1), mask & ~_eroded(mask, 3)
    step = torch.arange(mask.shape[-1])
    dash = ((step[:, None] + step[None, :]) // 7 + (step[:, None] - step[None, :]) // 7) % 2 == 0
    pixels = torch.where(halo, pixels * 0.25, pixels)
    return torch.where(line & dash, torch.ones(()), pixels)


def _eroded(mask: Tensor, reach: int) -> Tensor:
    outside = mask.logical_not().float()[None]
    return max_pool2d(outside, 2 * reach + 1, stride=1, padding=reach)[0] == 0


def _enlarged(image: Tensor, side: int) -> Tensor:
    return interpolate(image[None], (side, side), mode="bilinear", align_corners=False)[0]
