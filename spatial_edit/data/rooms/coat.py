"""Coat: what a texture does to a surface, and the small functions that all painters share.

Inputs of divisions and roots are clamped because every painter sees all pixels, also those whose parameters
mean something else; a NaN there would survive a later product with 0 and blacken the object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.data.rooms.surface import Surface


@dataclass(slots=True, eq=False)
class Coat:
    """All (B, R): mix 0..1 towards the second colour, factor on the colour, white 0..1 over it, frame 0..1
    over that, books (bool) and their random number, glow of the surface, bend of the normal by pleats."""

    mix: Tensor
    factor: Tensor
    white: Tensor
    frame: Tensor
    books: Tensor
    book_hash: Tensor
    glow: Tensor
    bend: Tensor


Painter = Callable[[Surface, Coat, Tensor], None]  # the third: (B, R) bool, where the texture is


def smooth(x: Tensor, width: Tensor | float) -> Tensor:
    """A step at 0, smoothed over `width`."""
    return (x / width + 0.5).clamp(0, 1)


def fraction(x: Tensor) -> Tensor:
    """x - floor(x)"""
    return x - torch.floor(x)


def noise(x: Tensor) -> Tensor:
    """A fixed pseudo-random number in 0..1 for each x."""
    return fraction(torch.sin(x * 12.9898 + 4.1) * 43758.5453)


def period_of(surface: Surface) -> Tensor:
    return surface["tp0"].clamp(min=0.02)
