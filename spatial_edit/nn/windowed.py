"""StyleGAN2's layers with frozen weights, on whole maps or inside windows of them.

A 3 x 3 layer is local: what is inside a window needs one pixel around it, an up-sampling layer (transposed
convolution, then blur) one pixel of the map of half the side. So features inside a few windows of a large map
cost little. Windows are squares of one size, each anywhere, also partly beyond the map: there everything is
zero, as the convolutions' padding is, and is set to zero again after every layer.

Scaled weights and their squares (for demodulation) are computed once. Gradients flow to features and codes
alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.nn.equalised import GAIN, SLOPE, EqualisedConv2d
from spatial_edit.nn.resample import blur_kernel
from spatial_edit.nn.stylegan2 import StyledLayer, SynthesisNetwork, UpSkip

Corner = tuple[int, int]  # top, left; may be negative
Before = Callable[[int, Tensor], Tensor]  # what is done to a whole map in front of a layer, by its number


class Crops(NamedTuple):
    """Square pieces of a map of a side: values (K, C, n, n), the first pixel of each at its corner."""

    side: int
    corners: tuple[Corner, ...]
    values: Tensor

    @property
    def size(self) -> int:
        return self.values.shape[-1]

    def masked(self) -> Crops:
        """With zeros beyond the map."""
        n = self.size
        if all(0 <= at <= self.side - n for corner in self.corners for at in corner):
            return self
        lines = torch.tensor(self.corners)[:, :, None] + torch.arange(n)  # (K, 2, n)
        on = ((lines >= 0) & (lines < self.side)).to(self.values)
        return self._replace(values=self.values * (on[:, 0, None, :, None] * on[:, 1, None, None, :]))

    def cut(self, corners: Sequence[Corner], size: int) -> Crops:
        """Smaller squares, one within each."""
        parts = [
            self.values[k : k + 1, :, y - top : y - top + size, x - left : x - left + size]
            for k, ((y, x), (top, left)) in enumerate(zip(corners, self.corners, strict=True))
        ]
        return Crops(self.side, tuple(corners), torch.cat(parts) if len(parts) > 1 else parts[0])


class Objects(NamedTuple):
    """Styles of objects where their maps are (SpatialGAN's equation 3): codes (1, n, w_dim), by side maps
    (1, n, s, s)."""

    codes: Tensor
    maps: Mapping[int, Tensor]


class Style(NamedTuple):
    """What a layer's inputs are multiplied by, (1, C, 1, 1) or a map, and its mean (1, C)."""

    values: Tensor
    mean: Tensor


def cropped(x: Tensor, corners: Sequence[Corner], size: int) -> Tensor:
    """(K, C, size, size) squares of a whole map (1, C, s, s), zero beyond it."""
    side = x.shape[-1]
    pad = max(max(-at, at + size - side, 0) for corner in corners for at in corner)
    if pad:
        x = F.pad(x, (pad, pad, pad, pad))
    return torch.cat(
        [x[..., pad + top : pad + top + size, pad + left : pad + left + size] for top, left in corners]
    )


class Plan(NamedTuple):
    """Which squares of the map of half the side an up-sampling block needs. before: of its input; middle: of
    what its first layer gives."""

    before: tuple[Corner, ...]
    before_size: int
    middle: tuple[Corner, ...]
    middle_size: int


def plan(corners: Sequence[Corner], size: int) -> Plan:
    """For squares at the block's side. The first layer's squares begin at even pixels and have one length,
    wherever the windows lie, so that all are computed in one batch."""
    middle = tuple((2 * ((top - 1) // 2), 2 * ((left - 1) // 2)) for top, left in corners)
    length = 2 * math.ceil((size + 3) / 2)
    before = tuple((top // 2 - 1, left // 2 - 1) for top, left in middle)
    return Plan(before, length // 2 + 2, middle, length)


class FrozenLayer:
    """A `StyledLayer` with weights that stay, and the noise of one picture, (1, 1, s, s) or None."""

    def __init__(self, layer: StyledLayer, noise: Tensor | None) -> None:
        conv = layer.conv
        self.up = conv.blur is not None
        self.affine = conv.affine.weight.detach() * conv.affine.scale
        self.affine_bias = conv.affine.bias.detach() * conv.affine.lr_mul
        weight = conv.weight.detach() * conv.scale
        self.energy = weight.square().sum((2, 3)).t().contiguous()  # (C_in, C_out)
        self.weight = (weight.transpose(0, 1) if self.up else weight).contiguous()
        self.blur = blur_kernel(4.0).to(weight).expand(len(weight), 1, 4, 4).contiguous()
        self.eps, self.clamp = conv.eps, layer.clamp
        # the gain of the activation commutes with it and lies within bias, noise and demodulation
        self.bias = (layer.bias.detach() * GAIN)[None, :, None, None]
        self.noise = None if noise is None else noise * (layer.noise_strength.detach() * GAIN)

    def whole(self, x: Tensor, w: Tensor, objects: Objects | None = None) -> Tensor:
        """(1, C_in, h, h) and a code (1, w_dim) -> the layer's output."""
        style = self._style(w, objects, x.shape[-1])
        x = x * style.values
        if self.up:
            y = F.conv_transpose2d(x, self.weight, stride=2)
            y = F.conv2d(y, self.blur, padding=1, groups=y.shape[1])
        else:
            y = F.conv2d(x, self.weight, padding=1)
        return self._finished(y, style, self.noise)

    def crops(self, x: Crops, w: Tensor, objects: Objects | None = None) -> Crops:
        """The same in squares: n - 2 pixels of the side, or 2 (n - 2) of the double side."""
        style = self._style(w, objects, x.side, x)
        values = x.values * style.values
        if self.up:
            y = F.conv_transpose2d(values, self.weight, stride=2, padding=1)
            y = F.conv2d(y, self.blur, groups=y.shape[1])
            side, corners = 2 * x.side, tuple((2 * (top + 1), 2 * (left + 1)) for top, left in x.corners)
        else:
            y = F.conv2d(values, self.weight)
            side, corners = x.side, tuple((top + 1, left + 1) for top, left in x.corners)
        noise = None if self.noise is None else cropped(self.noise, corners, y.shape[-1])
        return Crops(side, corners, self._finished(y, style, noise)).masked()

    def _style(self, w: Tensor, objects: Objects | None, side: int, crops: Crops | None = None) -> Style:
        base = F.linear(w, self.affine, self.affine_bias)  # (1, C)
        if objects is None:
            return Style(base[:, :, None, None], base)
        own = F.linear(objects.codes, self.affine).transpose(1, 2)  # (1, C, n), without the bias
        maps = objects.maps[side]
        mean = base + (own @ maps.mean((2, 3))[..., None])[..., 0]
        if crops is not None:
            maps = cropped(maps, crops.corners, crops.size)  # (K, n, m, m)
        spread = (own @ maps.flatten(2)).unflatten(2, maps.shape[2:])
        return Style(base[:, :, None, None] + spread, mean)

    def _finished(self, y: Tensor, style: Style, noise: Tensor | None) -> Tensor:
        scale = GAIN * (style.mean.square() @ self.energy + self.eps).rsqrt()
        shift = self.bias if noise is None else self.bias + noise
        y = F.leaky_relu(torch.addcmul(shift, y, scale[:, :, None, None]), SLOPE)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class FrozenSkip:
    """The 1 x 1 convolution and up-sampling of an `UpSkip`."""

    def __init__(self, skip: UpSkip) -> None:
        conv = skip.conv
        assert isinstance(conv, EqualisedConv2d)
        self.weight = conv.weight.detach() * conv.scale
        self.blur = blur_kernel(4.0).to(self.weight).expand(len(self.weight), 1, 4, 4).contiguous()

    def __call__(self, x: Tensor) -> Tensor:
        y = F.conv2d(x, self.weight)
        return F.conv_transpose2d(y, self.blur, stride=2, padding=1, groups=y.shape[1])


class FrozenSynthesis:
    """The layers of a synthesis network up to the block of a side, with the noise of one picture.

    local: no block up to this side is ever cut into squares, because something in it looks at the whole map.
    """

    def __init__(
        self, synthesis: SynthesisNetwork, side: int, noise: Sequence[Tensor] | None, local: int = 0
    ) -> None:
        self.side, self.sides = side, [s for s in synthesis.sides if s <= side]
        self.const = synthesis.const.detach()[None]
        self.layers: list[FrozenLayer] = []
        for i in range(2 * len(self.sides) - 1):
            layer = synthesis.layers[i]
            assert isinstance(layer, StyledLayer)
            self.layers.append(FrozenLayer(layer, None if noise is None else noise[i]))
        skips = [skip for skip in synthesis.skips if isinstance(skip, UpSkip)]
        self.skips = [FrozenSkip(skip) for skip in skips[: len(self.sides) - 1]]
        self.least = max(1, sum(s <= local for s in self.sides))  # blocks that are never cut

    def whole(
        self,
        codes: Tensor,
        *,
        start: Tensor | None = None,
        blocks: int | None = None,
        before: Before | None = None,
        objects: Objects | None = None,
    ) -> Tensor:
        """(1, C, s, s) after the first `blocks` blocks (all of them unless given). codes (1, L, w_dim);
        start: instead of the constant."""
        x = self.const if start is None else start
        for step in range(len(self.sides) if blocks is None else blocks):
            entering = x
            for i in range(2 * step - 1 if step else 0, 2 * step + 1):
                x = x if before is None else before(i, x)
                x = self.layers[i].whole(x, codes[:, i], objects)
            if step and self.skips:
                x = (x + self.skips[step - 1](entering)) * math.sqrt(0.5)
        return x

    def whole_blocks(self, corners: Sequence[Corner], size: int) -> int:
        """How many blocks are cheaper as whole maps, for squares of the last map."""
        count, at = len(self.sides), list(corners)
        while count > self.least:
            step = plan(at, size)
            if len(at) * step.middle_size**2 >= self.sides[count - 1] ** 2:
                break
            at, size, count = list(step.before), step.before_size, count - 1
        return count

    def squares(
        self,
        x: Tensor,
        blocks: int,
        corners: Sequence[Corner],
        size: int,
        codes: Tensor,
        objects: Objects | None = None,
    ) -> Crops:
        """Squares of the last map, of `size` pixels from the corners on; x: the whole map after the first
        `blocks` blocks."""
        wanted = [(tuple(corners), size)]  # after each block, the last one first
        for _ in range(blocks, len(self.sides)):
            step = plan(*wanted[-1])
            wanted.append((step.before, step.before_size))
        at, size = wanted.pop()
        crops = Crops(x.shape[-1], at, cropped(x, at, size))
        for block in range(blocks, len(self.sides)):
            # the squares begin at even pixels: what that adds would grow from block to block
            crops = self._block(block, crops, codes, objects).cut(*wanted.pop())
        return crops

    def _block(self, step: int, x: Crops, codes: Tensor, objects: Objects | None) -> Crops:
        """Squares of n pixels to those of 2 (n - 2) - 2 of the double side."""
        y = x
        for i in (2 * step - 1, 2 * step):
            y = self.layers[i].crops(y, codes[:, i], objects)
        if self.skips:
            # the skip has the double side; the layers' result begins 3 pixels within
            skip = self.skips[step - 1](x.values)[..., 3:-3, 3:-3]
            y = y._replace(values=(y.values + skip) * math.sqrt(0.5)).masked()
        return y
