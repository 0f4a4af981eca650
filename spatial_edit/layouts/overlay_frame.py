"""What the overlays of all kinds share: the SVG document, tags with numbers, pixels and their mixing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from spatial_edit.layouts.overlay import BACKGROUND, MAX_SIDE, colour


def hexadecimal(number: int) -> str:
    """The "#rrggbb" of an element's number, as the app's canvas shows it."""
    return "#{:02x}{:02x}{:02x}".format(*colour(number))


def document(side: int, label: str, parts: Sequence[str]) -> str:
    """An SVG document of side x side user units. ValueError for a side outside 1 .. MAX_SIDE."""
    check_side(side)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}" height="{side}" '
        f'role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def group(number: int, word: str, shapes: str, x: float, y: float, side: int) -> str:
    """An element: its shapes, a tooltip with its number and word (any text is safe), its number at (x, y)."""
    shown = "".join(c for c in word if c.isprintable())
    return (
        f'<g data-id="{number}"><title>{escape(f"{number} {shown}".strip())}</title>{shapes}'
        f'<text x="{x:.2f}" y="{y:.2f}" font-family="sans-serif" font-size="{side / 24:.2f}" '
        f'text-anchor="middle" dominant-baseline="central" fill="#fff" stroke="#000" '
        f'stroke-width="{side / 170:.2f}" paint-order="stroke">{number}</text></g>'
    )


def strokes(number: int, side: int, locked: bool, fill: float = 0.25) -> str:
    """The paint attributes of an element's outline; that of a locked one is dashed."""
    paint, dash = hexadecimal(number), ' stroke-dasharray="4 3"' if locked else ""
    return f'fill="{paint}" fill-opacity="{fill}" stroke="{paint}" stroke-width="{side / 256:.2f}"{dash}'


def sheet(side: int) -> np.ndarray:
    """(side, side, 3) float32, the ground of a map."""
    check_side(side)
    picture = np.empty((side, side, 3), np.float32)
    picture[:] = BACKGROUND
    return picture


def blend(picture: np.ndarray, opacity: np.ndarray, number: int) -> None:
    """Lays the colour of an element over the picture, opacity (side, side) in 0..1."""
    picture += opacity[..., None] * (np.array(colour(number), np.float32) - picture)


def finish(picture: np.ndarray) -> Image.Image:
    """The picture as 8-bit RGB."""
    return Image.fromarray((picture + 0.5).clip(0, 255).astype(np.uint8))


def middles(side: int) -> np.ndarray:
    """(side,) the pixels' centres in fractions of the side."""
    return (np.arange(side, dtype=np.float32) + 0.5) / side


def check_side(side: int) -> None:
    if not 1 <= side <= MAX_SIDE:
        raise ValueError(f"the side is {side} pixels: it must be 1 to {MAX_SIDE}")
