"""StyleGAN2's synthesis network (Karras et al. 2020, sections 2.2 and 4.1), in the architectures of figure 7.

Modulated convolution, written with activations instead of weights: with style s (B, C_in) and weights W,

    y = d * conv(x * s, W'),   d_o = 1 / sqrt(sum_iuv (W'_oiuv s_i)^2 + eps),   W' = W / sqrt(C_in k^2)

which equals scaling W by s for every sample (their equations 1 and 3), but is one ordinary convolution for
the batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.nn.equalised import EqualisedConv2d, EqualisedLinear, biased_leaky_relu
from spatial_edit.nn.resample import Blur, Upsample

EPS = 1e-8  # keeps the demodulation finite
ARCHITECTURES = ("skip", "orig", "resnet")


def eps_before_scaling(inputs: int, kernel: int) -> float:
    """The eps that equals adding 1e-8 to the energy of the unscaled weights W, as NVIDIA's PyTorch does."""
    return EPS / (inputs * kernel**2)


class ModulatedConv(nn.Module):
    """x (B, inputs, H, W), w (B, w_dim) -> (B, outputs, H, W), or (B, outputs, 2H, 2W) with `up`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        w_dim: int,
        *,
        demodulate: bool = True,
        up: bool = False,
        eps: float = EPS,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.affine = EqualisedLinear(w_dim, inputs, bias_init=1.0)
        self.blur = Blur(1, gain=4.0) if up else None
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.demodulate, self.padding, self.eps = demodulate, kernel // 2, eps

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)  # (B, C_in)
        weight = self.weight * self.scale
        x = x * style.to(x.dtype)[:, :, None, None]

        if self.blur is None:
            y = F.conv2d(x, weight.to(x.dtype), padding=self.padding)
        else:
            # stride 2 gives 2H + 1; the blur takes it to 2H
            y = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1).to(x.dtype), stride=2))

        if not self.demodulate:
            return y
        precise = torch.promote_types(style.dtype, torch.float32)  # squares of halves overflow
        energy = style.to(precise).square() @ weight.to(precise).square().sum((2, 3)).t()  # (B, C_out)
        return y * (energy + self.eps).rsqrt().to(y.dtype)[:, :, None, None]


def clamped(x: Tensor, clamp: float | None) -> Tensor:
    """x limited to [-clamp, clamp]; None leaves it. (The limit that keeps half precision finite.)"""
    return x if clamp is None else x.clamp(-clamp, clamp)


class StyledLayer(nn.Module):
    """Modulated 3 x 3 convolution, noise times one learned number, bias, leaky ReLU, limit if any."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        w_dim: int,
        *,
        up: bool = False,
        clamp: float | None = None,
        eps: float = EPS,
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, w_dim, up=up, eps=eps)
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        y = self.conv(x, w)
        if noise is not None:
            y = y + (self.noise_strength * noise).to(y.dtype)
        return clamped(biased_leaky_relu(y, self.bias), self.clamp)


class ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to the image's channels, without demodulation, plus bias."""

    def __init__(
        self, inputs: int, w_dim: int, image_channels: int = 3, *, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, image_channels, 1, w_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(image_channels))
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return clamped(self.conv(x, w) + self.bias.to(x.dtype)[None, :, None, None], self.clamp)


class UpSkip(nn.Module):
    """(B, inputs, H, W) -> (B, outputs, 2H, 2W): 1 x 1 convolution without bias, then up-sampling."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = EqualisedConv2d(inputs, outputs, 1)
        self.upsample = Upsample()

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(self.conv(x))


class BlockOutput(NamedTuple):
    """What a block of the synthesis network gives. rgb: the picture so far, None where there is none yet."""

    side: int
    features: Tensor  # (B, C, side, side)
    rgb: Tensor | None  # (B, 3, side, side)


class SynthesisNetwork(nn.Module):
    """Per-layer codes -> image. channels: width at every side 4, 8, .., resolution.

    Layer i (0: side 4; 2j - 1 and 2j: side 4 * 2^j) takes code i; the RGB output of a side takes the code
    after that side's last layer. So there are `num_codes` = 2 * log2(resolution) - 2 codes.

    architecture: "skip" sums the RGB outputs of all sides; "orig" has one RGB output, at the end; "resnet" is
    as "orig" with residual blocks (block + 1 x 1 skip, over sqrt(2)). clamp: limit of all activations and RGB
    outputs. exact_eps: `eps_before_scaling`. fixed_noise: noise maps of its own, buffers `noise_0`, ...
    """

    def __init__(
        self,
        resolution: int,
        channels: Mapping[int, int],
        w_dim: int,
        *,
        architecture: str = "skip",
        image_channels: int = 3,
        clamp: float | None = None,
        exact_eps: bool = False,
        fixed_noise: bool = False,
    ) -> None:
        super().__init__()
        sides = [4 << i for i in range(resolution.bit_length()) if 4 << i <= resolution]
        if sides[-1:] != [resolution]:
            raise ValueError(f"resolution {resolution}: must be a power of two, 4 or more")
        missing = [side for side in sides if side not in channels]
        if missing:
            raise ValueError(f"channels has no width for side {missing}: give one for each of {sides}")
        if architecture not in ARCHITECTURES:
            raise ValueError(f"architecture '{architecture}': must be one of {', '.join(ARCHITECTURES)}")

        def layer(inputs: int, outputs: int, up: bool = False) -> StyledLayer:
            eps = eps_before_scaling(inputs, 3) if exact_eps else EPS
            return StyledLayer(inputs, outputs, w_dim, up=up, clamp=clamp, eps=eps)

        self.const = nn.Parameter(torch.randn(channels[4], 4, 4))
        layers = [layer(channels[4], channels[4])]
        for side in sides[1:]:
            layers.append(layer(channels[side // 2], channels[side], up=True))
            layers.append(layer(channels[side], channels[side]))
        self.layers = nn.ModuleList(layers)
        with_rgb = sides if architecture == "skip" else sides[-1:]
        self.rgbs = nn.ModuleList(
            ToRGB(channels[side], w_dim, image_channels, clamp=clamp) for side in with_rgb
        )
        with_skip = sides[1:] if architecture == "resnet" else []
        self.skips = nn.ModuleList(UpSkip(channels[side // 2], channels[side]) for side in with_skip)
        self.upsample = Upsample()
        self.sides, self.architecture, self.fixed_noise = tuple(sides), architecture, fixed_noise
        self.noise_sides = tuple(4 << ((i + 1) // 2) for i in range(len(layers)))
        for i, side in enumerate(self.noise_sides if fixed_noise else ()):
            self.register_buffer(f"noise_{i}", torch.randn(side, side))

    @property
    def num_codes(self) -> int:
        return len(self.layers) + 1

    def own_noise(self) -> list[Tensor]:
        """The network's fixed noise, one (1, 1, r, r) a layer. ValueError when it has none."""
        if not self.fixed_noise:
            raise ValueError("this network has no noise maps of its own: draw some, or give none")
        return [self.get_buffer(f"noise_{i}")[None, None] for i in range(len(self.layers))]

    def forward(self, codes: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """codes: (B, w_dim) or (B, num_codes, w_dim); noise: one (B or 1, 1, r, r) a layer, or None for none.

        Returns (B, 3, R, R), nominally in [-1, 1], not clamped.
        """
        rgb: Tensor | None = None
        for block in self.blocks(codes, noise):
            rgb = block.rgb
        assert rgb is not None
        return rgb

    def features(self, codes: Tensor, side: int, noise: Sequence[Tensor] | None = None) -> Tensor:
        """(B, C, side, side) the activations after the block of that side; later blocks are not computed."""
        for block in self.blocks(codes, noise):
            if block.side == side:
                return block.features
        raise ValueError(f"side {side}: this network has blocks of {', '.join(map(str, self.sides))}")

    def blocks(self, codes: Tensor, noise: Sequence[Tensor] | None = None) -> Iterator[BlockOutput]:
        """Block by block, each computed when it is asked for. Arguments as in `forward`."""
        if codes.dim() == 2:
            codes = codes[:, None].expand(-1, self.num_codes, -1)
        if noise is not None and len(noise) != len(self.layers):
            raise ValueError(f"{len(noise)} noise maps given, this network has {len(self.layers)} layers")
        x = self.const[None].expand(codes.shape[0], -1, -1, -1)  # (B, C, 4, 4)
        if self.const.dtype == torch.float32 and torch.is_autocast_enabled(codes.device.type):
            x = x.to(torch.get_autocast_dtype(codes.device.type))
        rgb: Tensor | None = None
        for step, side in enumerate(self.sides):
            entering = x
            for i in range(2 * step - 1 if step else 0, 2 * step + 1):
                x = self.layers[i](x, codes[:, i], None if noise is None else noise[i])
            if step and self.skips:
                x = (x + self.skips[step - 1](entering)) * math.sqrt(0.5)

            if self.architecture == "skip":
                own = self.rgbs[step](x, codes[:, 2 * step + 1])
                rgb = own if rgb is None else self.upsample(rgb) + own
            elif side == self.sides[-1]:
                rgb = self.rgbs[0](x, codes[:, 2 * step + 1])
            yield BlockOutput(side, x, rgb)
