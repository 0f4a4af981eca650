"""Spatially-adaptive normalisation: SPADE (Park et al. 2019, equation 1), its residual block, spectral norm.

    SPADE(x, c) = n · (1 + γ(c)) + β(c),  n = (x - μ) / √(σ² + 1e-5),  γ, β = convolutions of ReLU(conv(c))

A spectral convolution (Miyato et al. 2018) divides its kernel W by σ = uᵀWv, the estimate of its largest
singular value. In training one power iteration a pass moves u and v; a network that only draws has W / σ
folded into plain convolutions (`fold_spectral`). Names follow the common layout (`norm_0.mlp_shared.0`,
`conv_s`, ..), so that published weights load by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = 128  # channels of the layer that all of a SPADE's maps come from, in every published network
SLOPE = 0.2  # of the leaky ReLUs
NORMS = ("batch", "instance")
_TINY = 1e-12  # keeps the length of a zero vector from dividing by zero


def spectral_sigma(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """σ = uᵀWv of a kernel (outputs, ...) seen as a matrix (outputs, the rest)."""
    return torch.dot(u, torch.mv(weight.flatten(1), v))


class SpectralConv2d(nn.Conv2d):
    """A convolution with W / σ. Buffers: weight_u (outputs,) and weight_v (inputs · k · k), unit vectors.

    The parameter's name is weight_orig, as in published files.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = True
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, bias=bias)
        self.weight_orig = self.weight
        del self._parameters["weight"]
        flat = self.weight_orig.flatten(1)
        self.register_buffer("weight_u", F.normalize(torch.randn(flat.shape[0]), dim=0, eps=_TINY))
        self.register_buffer("weight_v", F.normalize(torch.randn(flat.shape[1]), dim=0, eps=_TINY))

    def normalised(self) -> Tensor:
        """W / σ; σ's gradient flows through W, not through u and v."""
        return self.weight_orig / spectral_sigma(self.weight_orig, self.weight_u, self.weight_v)

    @torch.no_grad()
    def power_iteration(self) -> None:
        """v ← Wᵀu, u ← Wv, each of length one. New tensors: an earlier pass may still need the old ones."""
        flat = self.weight_orig.flatten(1)
        self.weight_v = F.normalize(torch.mv(flat.T, self.weight_u), dim=0, eps=_TINY)
        self.weight_u = F.normalize(torch.mv(flat, self.weight_v), dim=0, eps=_TINY)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.power_iteration()
        return F.conv2d(x, self.normalised(), self.bias, self.stride, self.padding)

    @torch.no_grad()
    def folded(self) -> nn.Conv2d:
        """A plain convolution that does the same in evaluation mode."""
        outputs, inputs, *_ = self.weight_orig.shape
        plain = nn.Conv2d(inputs, outputs, self.weight_orig.shape[-1], bias=self.bias is not None)
        plain.stride, plain.padding = self.stride, self.padding
        plain.weight.copy_(self.normalised())
        if self.bias is not None and plain.bias is not None:
            plain.bias.copy_(self.bias)
        return plain.to(self.weight_orig).train(self.training)


def fold_spectral(module: nn.Module) -> nn.Module:
    """The module with every spectral convolution in it replaced, in place, by a plain one."""
    for name, child in module.named_children():
        if isinstance(child, SpectralConv2d):
            setattr(module, name, child.folded())
        else:
            fold_spectral(child)
    return module


def conv(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    *,
    bias: bool = True,
    spectral: bool,
) -> nn.Conv2d:
    """A convolution, spectral (to be trained) or plain (folded)."""
    kind = SpectralConv2d if spectral else nn.Conv2d
    return kind(inputs, outputs, kernel, stride=stride, padding=padding, bias=bias)


@dataclass(frozen=True)
class SpadeStyle:
    """What the SPADE layers of a network have in common. condition: channels of the map c.

    norm: "batch" (running statistics in evaluation) or "instance". kernel: side of all its convolutions.
    """

    condition: int
    norm: str = "batch"
    kernel: int = 3
    hidden: int = HIDDEN

    def __post_init__(self) -> None:
        if self.norm not in NORMS:
            raise ValueError(f"norm {self.norm!r}: use one of {', '.join(NORMS)}")
        if self.kernel % 2 == 0 or min(self.condition, self.kernel, self.hidden) < 1:
            raise ValueError(f"{self}: an odd kernel and positive widths are needed")


class Spade(nn.Module):
    """x (B, channels, H, W), c (B, condition, any, any) -> (B, channels, H, W).

    c is brought to x's size by taking the nearest pixel (floor of the coordinate).
    """

    def __init__(self, channels: int, style: SpadeStyle) -> None:
        super().__init__()
        kernel, pad = style.kernel, style.kernel // 2
        self.param_free_norm: nn.Module = (
            nn.BatchNorm2d(channels, affine=False)
            if style.norm == "batch"
            else nn.InstanceNorm2d(channels, affine=False)
        )
        shared = nn.Conv2d(style.condition, style.hidden, kernel, padding=pad)
        self.mlp_shared = nn.Sequential(shared, nn.ReLU())
        self.mlp_gamma = nn.Conv2d(style.hidden, channels, kernel, padding=pad)
        self.mlp_beta = nn.Conv2d(style.hidden, channels, kernel, padding=pad)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        normal = self.param_free_norm(x)
        shared = self.mlp_shared(F.interpolate(condition, x.shape[-2:], mode="nearest"))
        return normal * (1 + self.mlp_gamma(shared)) + self.mlp_beta(shared)


class SpadeBlock(nn.Module):
    """x (B, inputs, H, W), c -> (B, outputs, H, W): two SPADE, leaky ReLU, conv 3 x 3, plus a shortcut.

    The width between them is the smaller of the two. Where they differ the shortcut is a SPADE and a 1 x 1
    convolution without bias, and without an activation (Park et al. 2019, figure 4).
    """

    def __init__(self, inputs: int, outputs: int, style: SpadeStyle, *, spectral: bool = False) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.learned_shortcut = inputs != outputs
        self.conv_0 = conv(inputs, middle, 3, spectral=spectral, padding=1)
        self.conv_1 = conv(middle, outputs, 3, spectral=spectral, padding=1)
        self.norm_0 = Spade(inputs, style)
        self.norm_1 = Spade(middle, style)
        if self.learned_shortcut:
            self.conv_s = conv(inputs, outputs, 1, spectral=spectral, bias=False)
            self.norm_s = Spade(inputs, style)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        shortcut = self.conv_s(self.norm_s(x, condition)) if self.learned_shortcut else x
        main = self.conv_0(F.leaky_relu(self.norm_0(x, condition), SLOPE))
        main = self.conv_1(F.leaky_relu(self.norm_1(main, condition), SLOPE))
        return shortcut + main
