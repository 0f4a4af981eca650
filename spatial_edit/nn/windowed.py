"""StyleGAN2's layers with frozen weights, on whole maps or inside windows of them.

A 3 x 3 layer is local: what is inside a window needs one pixel around it, an up-sampling layer (transposed
convolution, then blur) one pixel of the map of half the side. So features inside a few windows of a large map
cost little. Windows are squares of one size, each anywhere, also partly beyond the map: there everything is
zero, as the convolutions' padding is, and is set to zero again after every layer.

Scaled weights, their squares (for demodulation) and the transposed weights are computed once. Gradients flow
to features and codes alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.nn.equalised import GAIN, SLOPE, EqualisedLinear
from spatial_edit.nn.resample import blur_kernel
from spatial_edit.nn.stylegan2 import StyledLayer, SynthesisNetwork

Corner = tuple[int, int]  # top, left; may be negative


class Crops(NamedTuple):
    """Square pieces of a map of a side: values (K, C, n, n), the first pixel of each at its corner."""

    side: int
    corners: tuple[Corner, ...]
    values: Tensor

    @property
    def size(self) -> int:
        return self.values.shape[-1]

    def inside(self) -> Tensor | None:
        """(K, 1, n, n) 1 where a pixel is on the map; None when all are."""
        n = self.size
        if all(0 <= at <= self.side - n for corner in self.corners for at in corner):
            return None
        steps = torch.arange(n)
        lines = torch.tensor(self.corners)[:, :, None] + steps  # (K, 2, n)
        on = ((lines >= 0) & (lines < self.side)).to(self.values)
        return on[:, 0, None, :, None] * on[:, 1, None, None, :]

    def masked(self) -> Crops:
        """With zeros beyond the map."""
        inside = self.inside()
        return self if inside is None else self._replace(values=self.values * inside)


def cropped(x: Tensor, corners: Sequence[Corner], size: int) -> Crops:
    """Squares of a whole map (1, C, s, s), zero beyond it."""
    side = x.shape[-1]
    pad = max(max(max(-at, at + size - side, 0) for corner in corners for at in corner), 0)
    if pad:
        x = F.pad(x, (pad, pad, pad, pad))
    pieces = [x[..., pad + top : pad + top + size, pad + left : pad + left + size] for top, left in corners]
    return Crops(side, tuple(corners), torch.cat(pieces))


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
    middle = tuple((2 * ((y - 1) // 2), 2 * ((x - 1) // 2)) for y, x in corners)
    length = 2 * math.ceil((size + 3) / 2)
    before = tuple((y // 2 - 1, x // 2 - 1) for y, x in middle)
    return Plan(before, length // 2 + 2, middle, length)


class FrozenLayer:
    """A `StyledLayer` with weights that stay; changes: of some of its parameters, by their names."""

    def __init__(self, layer: StyledLayer, noise: Tensor | None, changes: Mapping[str, Tensor] | None = None):
        state = {name: value.detach() for name, value in layer.named_parameters()}
        for name, change in (changes or {}).items():
            state[name] = state[name] + change.to(state[name])
        conv = layer.conv
        self.up = conv.blur is not None
        self.affine = _folded(conv.affine, state)
        weight = state["conv.weight"] * conv.scale
        self.energy = weight.square().sum((2, 3)).t().contiguous()  # (C_in, C_out)
        self.weight = (weight.transpose(0, 1) if self.up else weight).contiguous()
        self.kernel = blur_kernel(4.0).to(weight)
        self.eps, self.clamp = conv.eps, layer.clamp
        self.bias = (state["bias"] * GAIN)[None, :, None, None]
        # (1, 1, s, s) or None; the gain of the activation is within
        self.noise = None if noise is None else noise * (state["noise_strength"] * GAIN)

    def whole(self, x: Tensor, w: Tensor) -> Tensor:
        """(1, C_in, h, w) and a code (1, w_dim) -> the layer's output."""
        style, scale = self._styles(w)
        x = x * style
        if self.up:
            y = F.conv_transpose2d(x, self.weight, stride=2)
            y = F.conv2d(y, self._blur(y), padding=1, groups=y.shape[1])
        else:
            y = F.conv2d(x, self.weight, padding=1)
        return self._finished(y, scale, self.noise)

    def crops(self, x: Crops, w: Tensor) -> Crops:
        """The same in squares: n - 2 pixels of the side, or 2 (n - 2) of the double side."""
        style, scale = self._styles(w)
        values = x.values * style
        if self.up:
            y = F.conv_transpose2d(values, self.weight, stride=2, padding=1)
            y = F.conv2d(y, self._blur(y), groups=y.shape[1])
            side, corners = 2 * x.side, tuple((2 * (top + 1), 2 * (left + 1)) for top, left in x.corners)
        else:
            y = F.conv2d(values, self.weight)
            side, corners = x.side, tuple((top + 1, left + 1) for top, left in x.corners)
        noise = None if self.noise is None else cropped(self.noise, corners, y.shape[-1]).values
        return Crops(side, corners, self._finished(y, scale, noise)).masked()

    def _styles(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """(1, C_in, 1, 1) what the inputs are multiplied by, (1, C_out, 1, 1) the outputs; the gain of the
        activation is within."""
        style = F.linear(w, *self.affine)
        scale = GAIN * (style.square() @ self.energy + self.eps).rsqrt()
        return style[:, :, None, None], scale[:, :, None, None]

    def _finished(self, y: Tensor, scale: Tensor, noise: Tensor | None) -> Tensor:
        y = (
            torch.addcmul(self.bias, y, scale)
            if noise is None
            else torch.addcmul(noise, y, scale) + self.bias
        )
        y = F.leaky_relu(y, SLOPE)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)

    def _blur(self, y: Tensor) -> Tensor:
        return self.kernel.flip(0, 1).expand(y.shape[1], 1, 4, 4).contiguous()


def _folded(linear: EqualisedLinear, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weight and bias of the affine layer with its constants within."""
    return state["conv.affine.weight"] * linear.scale, state["conv.affine.bias"] * linear.lr_mul


class FrozenSynthesis:
    """The layers of a synthesis network up to the block of a side, with the noise of one picture.

    first: the whole map at this side comes from elsewhere (`entry`), what follows is local. delta: changes of
    parameters, by their names in the network.
    """

    def __init__(
        self,
        synthesis: SynthesisNetwork,
        side: int,
        noise: Sequence[Tensor] | None,
        delta: Sequence[tuple[str, Tensor]] = (),
    ) -> None:
        self.side, self.sides = side, [s for s in synthesis.sides if s <= side]
        self.const = _changed("const", synthesis.const, delta)[None].detach()
        self.layers = []
        for i in range(2 * len(self.sides) - 1):
            changes = {
                name.removeprefix(f"layers.{i}."): change
                for name, change in delta
                if name.startswith(f"layers.{i}.")
            }
            layer = synthesis.layers[i]
            assert isinstance(layer, StyledLayer)
            self.layers.append(FrozenLayer(layer, None if noise is None else noise[i], changes))
        self.skips = []
        for i, skip in enumerate(synthesis.skips[: len(self.sides) - 1]):
            weight = _changed(f"skips.{i}.conv.weight", skip.conv.weight, delta) * skip.conv.scale
            self.skips.append(weight.detach())

    def block(self, step: int, x: Tensor, codes: Tensor) -> Tensor:
        """The whole map after the block of sides[step]. x: that before it; codes (1, L, w_dim)."""
        entering = x
        for i in range(2 * step - 1 if step else 0, 2 * step + 1):
            x = self.layers[i].whole(x, codes[:, i])
        if step and self.skips:
            x = (x + _up_skip(entering, self.skips[step - 1])) * math.sqrt(0.5)
        return x

    def block_crops(self, step: int, x: Crops, codes: Tensor) -> Crops:
        """The same in squares: 2 (n - 2) - 2 pixels of the double side."""
        middle = self.layers[2 * step - 1].crops(x, codes[:, 2 * step - 1])
        y = self.layers[2 * step].crops(middle, codes[:, 2 * step])
        if self.skips:
            # up-sampling gives the double of the square; the layers' result begins 3 pixels within
            skip = _up_skip(x.values, self.skips[step - 1])[..., 3:-3, 3:-3]
            y = y._replace(values=(y.values + skip) * math.sqrt(0.5)).masked()
        return y

    def whole(self, codes: Tensor) -> Tensor:
        """(1, C, side, side) from the constant on."""
        return self.rest(self.const, 0, codes)

    def rest(self, x: Tensor, step: int, codes: Tensor) -> Tensor:
        """The whole map at the last side, from that before the block of sides[step]."""
        for later in range(step, len(self.sides)):
            x = self.block(later, x, codes)
        return x

    def until(self, corners: Sequence[Corner], size: int, least: int) -> int:
        """The first block that is cheaper in squares, for squares at the last side. least: blocks below are
        never cut."""
        first, at = len(self.sides), list(corners)
        while first > max(least, 1):
            step = plan(at, size)
            if len(at) * step.middle_size**2 >= self.sides[first - 1] ** 2:
                break
            at, size, first = list(step.before), step.before_size, first - 1
        return first

    def squares(self, x: Tensor, first: int, corners: Sequence[Corner], size: int, codes: Tensor) -> Crops:
        """Squares of the last map, of at least `size` pixels from the corners on; x: the whole map before the
        block of sides[first]."""
        at, length = list(corners), size
        for _ in range(first, len(self.sides)):
            step = plan(at, length)
            at, length = list(step.before), step.before_size
        crops = cropped(x, at, length)
        for step_number in range(first, len(self.sides)):
            crops = self.block_crops(step_number, crops, codes)
        return crops


def _changed(name: str, value: Tensor, delta: Sequence[tuple[str, Tensor]]) -> Tensor:
    """A parameter with its change, if it has one."""
    for changed, difference in delta:
        if changed == name:
            return value + difference.to(value)
    return value


def _up_skip(x: Tensor, weight: Tensor) -> Tensor:
    """1 x 1 convolution, zero insertion, blur."""
    y = F.conv2d(x, weight)
    kernel = blur_kernel(4.0).to(y).expand(y.shape[1], 1, 4, 4).contiguous()
    return F.conv_transpose2d(y, kernel, stride=2, padding=1, groups=y.shape[1])
