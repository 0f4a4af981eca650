"""Modulated convolution with a style for every pixel (SpatialGAN, Wang et al. 2023, equation 3, "SEL_indoor":
each object's region has a style of its own).

    y_o = d_o * conv(x * s, W)_o,   d_o = 1 / sqrt(sum_iuv (W_oiuv * mean over pixels of s_i)^2 + 1e-8)

As `nn.stylegan2.ModulatedConv`, but s is a map. Demodulation takes its mean: an exact one would differ from
pixel to pixel and undo the styles.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from spatial_edit.nn.resample import blur_kernel, upfirdn


def spatially_modulated_conv(
    x: Tensor, weight: Tensor, styles: Tensor, *, demodulate: bool = True, up: bool = False
) -> Tensor:
    """x, styles (B, C, H, W), weight (O, C, k, k) -> (B, O, H, W), or (B, O, 2H, 2W) with `up`."""
    if styles.shape != x.shape:
        raise ValueError(f"styles are {tuple(styles.shape)}, the features {tuple(x.shape)}: they must agree")
    y = x * styles.to(x.dtype)
    if up:
        y = F.conv_transpose2d(y, weight.transpose(0, 1).to(x.dtype), stride=2)  # to 2H + k - 2
        y = upfirdn(y, blur_kernel(4.0).to(y.device), pad=(1, 1))
    else:
        y = F.conv2d(y, weight.to(x.dtype), padding=weight.shape[-1] // 2)
    if not demodulate:
        return y
    means = styles.float().mean((2, 3))  # (B, C)
    energy = means.square() @ weight.float().square().sum((2, 3)).t()  # (B, O)
    return y * (energy + 1e-8).rsqrt().to(y.dtype)[:, :, None, None]
