"""What a mask holds (Pan et al. 2023, section 3.2, equation 1, the second term): features where nothing may
change.

    lambda mean |(F - F0) M|        over channels and the picture's pixels, M = 1 where nothing may change

F is resized to the picture's side, as for the motion. Only what is around M is computed and resized; the
number stays the mean over the whole picture.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.generators.dragging import Window

CHANNELS = 8  # resized at once: a piece that stays in the processor's cache


class Held:
    """fixed (h, h): 1 where nothing may change, somewhere. feature_side divides h."""

    def __init__(self, fixed: Tensor, feature_side: int) -> None:
        side = len(fixed)
        self.factor, self.pixels = side // feature_side, side * side
        rows, columns = fixed.any(1).nonzero().flatten(), fixed.any(0).nonzero().flatten()
        (top, bottom), (left, right) = (
            self._line(int(at[0]), int(at[-1]) + 1, feature_side) for at in (rows, columns)
        )
        self.window = Window(top, left, bottom, right)
        self.fixed = fixed[
            top * self.factor : bottom * self.factor, left * self.factor : right * self.factor
        ].contiguous()

    def _line(self, first: int, last: int, feature_side: int) -> tuple[int, int]:
        """The feature pixels of a range of pixels, and one more on each side: at the rim of a window resizing
        does not know its neighbours, and there M is 0."""
        return max(first // self.factor - 1, 0), min(-(-last // self.factor) + 1, feature_side)

    def loss(self, features: Tensor, start: Tensor) -> Tensor:
        """A number. features, start (1, C, h, w) in the window; gradients flow to the first. Resizing is
        linear: the difference is resized, once."""
        apart = features.float() - start
        return _Sum.apply(apart, self.fixed.to(apart)) / (apart.shape[1] * self.pixels)  # type: ignore[no-untyped-call]


class _Sum(torch.autograd.Function):
    """sum |resized(x) M|. Its gradient comes with it, piece by piece: the resized map of all channels is
    never in memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fixed: Tensor) -> Tensor:
        size, total = (fixed.shape[0], fixed.shape[1]), x.new_zeros(())
        gradient = torch.empty_like(x)
        for first in range(0, x.shape[1], CHANNELS):
            piece = x[:, first : first + CHANNELS].detach().requires_grad_()
            with torch.enable_grad():
                resized = F.interpolate(piece, size=size, mode="bilinear", align_corners=False)
                amount = (resized * fixed).abs().sum()
            (gradient[:, first : first + CHANNELS],) = torch.autograd.grad(amount, piece)
            total = total + amount.detach()
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return ctx.saved_tensors[0] * outer, None
