"""The layers of SpatialGAN (Wang et al. 2023, section 3.2, figure 6): encodings of a heatmap in front of the
modulated convolutions, and modulation by a style for every pixel.

What depends on the heatmap alone is computed by `encode` and may be kept while the code changes; what needs
the features is in `forward`.

| encoding | from the heatmap H | on features F |
|---|---|---|
| norm (equation 2) | scale = phi_s(H), shift = phi_m(H) | F + g (scale * norm(F) + shift) |
| concat | H at the side of F | F + g conv([F, H]) |

norm is over the pixels of a channel, phi a 3 x 3 convolution, leaky ReLU, and a 1 x 1 convolution. The
paper's scale and shift have one channel for all of F ("shared"); ours may have one for every channel of F,
which costs next to nothing at sides up to 16. g = 0.3 keeps the variance of eight layers in bounds at the
start; the paper has no such number, its predecessor's network 0.1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.spatialgan.encoding import BiasedConv
from spatial_edit.generators.spatialgan.spatial_styles import spatially_modulated_conv
from spatial_edit.nn.equalised import GAIN, EqualisedConv2d, biased_leaky_relu
from spatial_edit.nn.stylegan2 import ModulatedConv, StyledLayer, ToRGB, clamped

RESIDUAL = 0.3


class NormEncoding(nn.Module):
    """SEL_norm for features (B, channels, h, w) and heatmaps (B, maps, s, s).

    shared: scale and shift of one channel. coarse: the maps come at the side of the features; otherwise they
    come at the picture's side, are convolved there and brought down.
    """

    def __init__(self, channels: int, maps: int, hidden: int, *, shared: bool, coarse: bool) -> None:
        super().__init__()
        self.entry = BiasedConv(maps, hidden, gain=GAIN)
        self.exit = EqualisedConv2d(hidden, 2 if shared else 2 * channels, 1)
        self.exit_bias = nn.Parameter(torch.zeros(2 if shared else 2 * channels))
        self.coarse = coarse

    def encode(self, maps: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Scale and shift, (B, channels or 1, side, side) each."""
        f = self.entry(maps)
        if not self.coarse:
            f = F.interpolate(f, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
        both = self.exit(f) + self.exit_bias.to(f.dtype)[None, :, None, None]
        scale, shift = both.chunk(2, 1)
        return scale, shift

    def forward(self, x: Tensor, encoded: tuple[Tensor, Tensor]) -> Tensor:
        scale, shift = encoded
        y = torch.addcmul(shift.to(x.dtype), scale.to(x.dtype), F.instance_norm(x))
        return torch.add(x, y, alpha=RESIDUAL)


class ConcatEncoding(nn.Module):
    """SEL_concat: a convolution over features and heatmaps side by side."""

    def __init__(self, channels: int, maps: int, *, coarse: bool) -> None:
        super().__init__()
        self.conv = BiasedConv(channels + maps, channels)
        self.coarse = coarse

    def encode(self, maps: Tensor, side: int) -> tuple[Tensor, ...]:
        """The maps at the side of the features."""
        if self.coarse:
            return (maps,)
        return (F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False, antialias=True),)

    def forward(self, x: Tensor, encoded: tuple[Tensor, ...]) -> Tensor:
        return torch.add(x, self.conv(torch.cat([x, encoded[0].to(x.dtype)], 1)), alpha=RESIDUAL)


def style_map(conv: ModulatedConv, w: Tensor, objects: Tensor, maps: Tensor) -> Tensor:
    """(B, C, h, w) equation 3: the style of w everywhere, plus each object's where its sub-heatmap is.

    w (B, w_dim), objects (B, n, w_dim), maps (B, n, h, w). The objects' styles lack the affine layer's bias:
    where a sub-heatmap is 0 its object leaves nothing behind.
    """
    base = conv.affine(w)  # (B, C)
    own = conv.affine(objects) - conv.affine(torch.zeros_like(objects[:1, :1]))  # (B, n, C)
    spread = torch.bmm(own.transpose(1, 2), maps.to(own.dtype).flatten(2)).unflatten(2, maps.shape[2:])
    return base[:, :, None, None] + spread


def spatial_conv(conv: ModulatedConv, x: Tensor, styles: Tensor) -> Tensor:
    """The convolution with a style for every pixel instead of one for the picture."""
    weight = conv.weight * conv.scale
    return spatially_modulated_conv(x, weight, styles, demodulate=conv.demodulate, up=conv.blur is not None)


def spatial_layer(layer: StyledLayer, x: Tensor, styles: Tensor, noise: Tensor | None) -> Tensor:
    """A styled layer with a style map."""
    y = spatial_conv(layer.conv, x, styles)
    if noise is not None:
        y = y + (layer.noise_strength * noise).to(y.dtype)
    return clamped(biased_leaky_relu(y, layer.bias), layer.clamp)


def spatial_rgb(layer: ToRGB, x: Tensor, styles: Tensor) -> Tensor:
    """An RGB output with a style map."""
    return clamped(
        spatial_conv(layer.conv, x, styles) + layer.bias.to(x.dtype)[None, :, None, None], layer.clamp
    )
