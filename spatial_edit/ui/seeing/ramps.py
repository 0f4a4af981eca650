"""Colour ramps for maps: even steps of lightness, told apart with any colour vision; and their legends."""

from __future__ import annotations

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

# Black through red to pale yellow, and dark blue through grey to yellow: nine colours each, evenly spaced,
# of matplotlib's "inferno" and "cividis" (both in the public domain).
HEAT = "000004 1f0c48 550f6d 88226a ba3655 e35933 f98c0a f9c932 fcffa4"
GROUND = "00224e 213b6e 4c556c 6c6e72 8e8978 a8a073 c5b56b e0ca56 fee838"
_PAPER, _INK = (18, 20, 27), (240, 241, 245)
_STRIP = 64  # pixels below a saved map


def painted(values: Tensor, ramp: str) -> Tensor:
    """(3, H, W) in [0, 1]: the colours of values (H, W), 0 at the ramp's start and 1 at its end."""
    stops = torch.tensor([[int(stop[i : i + 2], 16) / 255 for i in (0, 2, 4)] for stop in ramp.split()])
    place = values.clamp(0, 1) * (len(stops) - 1)
    low = place.floor().long().clamp(max=len(stops) - 2)
    share = (place - low)[..., None]
    return torch.lerp(stops[low], stops[low + 1], share).permute(2, 0, 1)


def to_picture(values: Tensor, ramp: str) -> Image.Image:
    """(H, W) of 0..1 as a picture in the ramp's colours."""
    pixels = (painted(values, ramp) * 255).round().byte()
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def with_legend(picture: Image.Image, ramp: str, title: str, low: str, high: str) -> Image.Image:
    """The picture with a strip below: what it shows, and what the ramp's two ends mean."""
    side = picture.width
    sheet = Image.new("RGB", (side, picture.height + _STRIP), _PAPER)
    sheet.paste(picture, (0, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    top = picture.height
    draw.text((12, top + 18), title, fill=_INK, font=font, anchor="lm")
    left = 12 + draw.textlength(low, font=font) + 8
    right = side - 12 - draw.textlength(high, font=font) - 8
    bar = to_picture(torch.linspace(0, 1, max(2, int(right - left))).expand(12, -1), ramp)
    sheet.paste(bar, (int(left), top + 38))
    draw.text((12, top + 44), low, fill=_INK, font=font, anchor="lm")
    draw.text((side - 12, top + 44), high, fill=_INK, font=font, anchor="rm")
    return sheet
