"""Layers with an equalised learning rate (Karras et al. 2018, section 4.1), pixel norm, scaled leaky ReLU.

A stored weight has unit variance and is multiplied by a constant when it is used, so that Adam's steps
have the same relative size in every layer. Names of parameters follow the common StyleGAN2 layout
(`weight`, `bias`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU
GAIN = math.sqrt(2)  # keeps the second moment through a leaky ReLU (He initialisation)


class WeightCache:
    """Remembers one tensor computed from a weight while the weight stays the same and gradients are off.

    The weight itself, its version counter, storage, dtype and device are compared at every use: an optimiser
    step, a loaded state dict or `.to()` make a new one. Writing through `.data` does not move the version
    counter; don't.
    """

    def __init__(self) -> None:
        self._weight: Tensor | None = None  # held, so that no other weight can take its place in memory
        self._key: tuple[Any, ...] | None = None
        self._value: Tensor | None = None

    def get(self, weight: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
        """`make(weight)`, remembered when gradients are off."""
        if torch.is_grad_enabled() or weight.is_inference():
            self._weight = self._key = self._value = None
            return make(weight)
        key = (weight._version, weight.data_ptr(), weight.dtype, weight.device)
        if self._value is None or weight is not self._weight or key != self._key:
            self._weight, self._key, self._value = weight, key, make(weight)
        return self._value


def pixel_norm(x: Tensor, eps: float, dim: int = -1) -> Tensor:
    """x / sqrt(mean(x^2) + eps) over one axis: unit length but for the factor sqrt(n)."""
    return x * (x.square().mean(dim, keepdim=True) + eps).rsqrt()


def biased_leaky_relu(x: Tensor, bias: Tensor) -> Tensor:
    """sqrt(2) * leaky_relu(x + bias, 0.2), bias along axis 1. Shape, dtype and memory format of x."""
    shape = (1, -1) + (1,) * (x.dim() - 2)
    scaled_bias = (bias * GAIN).to(x.dtype).view(shape)
    y = torch.add(scaled_bias, x, alpha=GAIN)  # the gain commutes with the leaky ReLU: one pass less
    return F.leaky_relu(y, SLOPE, inplace=not torch.is_grad_enabled())


class PixelNorm(nn.Module):
    """`pixel_norm` over the last axis."""

    def __init__(self, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return pixel_norm(x, self.eps)


class BiasActivation(nn.Module):
    """A bias for every channel, then the scaled leaky ReLU: the second half of a convolution block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return biased_leaky_relu(x, self.bias)


class EqualisedLinear(nn.Module):
    """y = W x * lr_mul / sqrt(inputs) + b * lr_mul, then the scaled leaky ReLU if asked. x: (..., inputs).

    scale_weight: multiply the weight by the constant, as published networks do, and not the input; the
    results differ in the last bits.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        lr_mul: float = 1.0,
        bias_init: float = 0.0,
        activate: bool = False,
        scale_weight: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_mul)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias_init)))
        self.lr_mul = lr_mul
        self.scale = lr_mul / math.sqrt(inputs)
        self.activate = activate
        self._cache = WeightCache() if scale_weight else None

    def forward(self, x: Tensor) -> Tensor:
        bias = (self.bias * self.lr_mul).to(x.dtype)
        if self._cache is not None:
            weight = self._cache.get(self.weight, lambda w: w * self.scale)
            y = F.linear(x, weight.to(x.dtype), bias)
        else:  # scaling the (small) input instead of the weight: no second copy of a large matrix
            y = F.linear(x * self.scale, self.weight.to(x.dtype), bias)
        return F.leaky_relu(y, SLOPE) * GAIN if self.activate else y


class EqualisedConv2d(nn.Module):
    """Convolution with weights W / sqrt(inputs * k^2), without bias. x: (B, inputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.stride, self.padding = stride, padding
        self._cache = WeightCache()

    def forward(self, x: Tensor) -> Tensor:
        weight = self._cache.get(self.weight, lambda w: w * self.scale)
        return F.conv2d(x, weight.to(x.dtype), stride=self.stride, padding=self.padding)
