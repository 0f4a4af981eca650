"""A step of point dragging as it is usually done (Pan et al. 2023, "Drag Your GAN", sections 3.2 and 3.3):
what `bench drag` measures our own against, and is compared with number by number in the tests.

    the whole picture is painted, with weights scaled anew for every sample and gradients kept for all of them
    the sixth block's features are resized to the picture's side (bilinear), all of them
    tracking    p <- argmin over a square window of |F(q) - f|, f: the features at the handle at the start
    motion      sum over handles of mean |F(q + d) - F(q) held fixed|, over the pixels q closer to p than a
                radius; d: the unit vector from p to the target
    Adam on the first six rows of w+

Nothing is left out and nothing is put in to make it slow: no graph is kept that a step does not need, and the
network is ours with the same weights, so that both drag the same picture. Positions are pixels (y, x).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.nn.equalised import GAIN, SLOPE
from spatial_edit.nn.resample import blur_kernel, upfirdn
from spatial_edit.nn.stylegan2 import ModulatedConv, StyledLayer, SynthesisNetwork, ToRGB

ROWS = 6  # of w+ that are optimised
BLOCK = 5  # whose features are used, counted from that of side 4
MOTION_RADIUS, TRACKING_RADIUS = 3 / 512, 12 / 512  # of the picture's side
CLOSE = 1.0  # pixels: a handle so near to its target pulls no more


class ReferenceStep(NamedTuple):
    """What a step found. points (K, 2): the handles after tracking; loss: before the update."""

    points: Tensor
    loss: float
    distance: float  # of the farthest handle, pixels


class ReferenceDrag:
    """A drag of the picture of codes (1, num_codes, w_dim); `step` as often as wanted."""

    def __init__(
        self,
        synthesis: SynthesisNetwork,
        codes: Tensor,
        noise: Sequence[Tensor] | None,
        handles: Tensor,
        targets: Tensor,
        rate: float = 0.002,
    ) -> None:
        self.synthesis = copy.deepcopy(synthesis).requires_grad_(True)
        self.noise, self.side = noise, synthesis.sides[-1]
        self.code = codes[:, :ROWS].detach().clone().requires_grad_(True)
        self.rest = codes[:, ROWS:].detach()
        self.optimiser = torch.optim.Adam([self.code], lr=rate)
        self.points, self.targets = handles.clone().float(), targets.float()
        self.held: Tensor | None = None  # (K, C) the features at the handles of the first picture

    def step(self) -> ReferenceStep:
        """Paint, track, and move the code by one update."""
        codes = torch.cat([self.code, self.rest], 1)
        _, features = paint(self.synthesis, codes, self.noise)
        size = (self.side, self.side)
        features = F.interpolate(features, size, mode="bilinear", align_corners=False)

        with torch.no_grad():
            if self.held is None:
                y, x = self.points.round().long().T
                self.held = features[0, :, y, x].T.clone()
            for k, held in enumerate(self.held):
                self.points[k] = tracked(features[0], self.points[k], held)

        loss = codes.new_zeros(())
        for point, target in zip(self.points, self.targets, strict=True):
            loss = loss + motion(features, point, target)
        if loss.requires_grad:
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        distance = float((self.targets - self.points).norm(dim=1).max())
        return ReferenceStep(self.points.clone(), float(loss.detach()), distance)


def tracked(features: Tensor, point: Tensor, held: Tensor) -> Tensor:
    """(2,) the pixel of features (C, h, h) most like `held` (C,) within the window round the point."""
    side = features.shape[-1]
    radius = round(TRACKING_RADIUS * side)
    y, x = (round(value) for value in point.tolist())
    top, left = max(y - radius, 0), max(x - radius, 0)
    window = features[:, top : min(y + radius + 1, side), left : min(x + radius + 1, side)]
    best = int((window - held[:, None, None]).norm(dim=0).argmin())
    return torch.tensor([top + best // window.shape[2], left + best % window.shape[2]], dtype=torch.float32)


def motion(features: Tensor, point: Tensor, target: Tensor) -> Tensor:
    """The motion supervision of one handle on features (1, C, h, h); 0 where it is at its target."""
    side = features.shape[-1]
    way = target - point
    length = way.norm()
    if length <= CLOSE:
        return features.new_zeros(())
    way = way / (length + 1e-7)
    axis = torch.linspace(0, side, side)  # the published grid: its last pixel lies at the side itself
    near = (axis[:, None] - point[0]).square() + (axis[None, :] - point[1]).square()
    ys, xs = torch.where(near.sqrt() < round(MOTION_RADIUS * side))
    ahead = torch.stack([xs + way[1], ys + way[0]], -1) / (side - 1) * 2 - 1  # (P, 2)
    moved = F.grid_sample(features, ahead[None, None], mode="bilinear", align_corners=True)[
        :, :, 0
    ]  # (1, C, P)
    return F.l1_loss(moved, features[:, :, ys, xs].detach())


def paint(
    synthesis: SynthesisNetwork, codes: Tensor, noise: Sequence[Tensor] | None
) -> tuple[Tensor, Tensor]:
    """(1, 3, R, R) the picture, and the features of block `BLOCK` (the last one where there are fewer)."""
    if synthesis.architecture != "skip":
        raise ValueError(f"the reference knows the architecture 'skip', not {synthesis.architecture!r}")
    x = synthesis.const[None].expand(codes.shape[0], -1, -1, -1)
    picture, kept = None, None
    for step in range(len(synthesis.sides)):
        for i in range(2 * step - 1 if step else 0, 2 * step + 1):
            x = _layer(synthesis.layers[i], x, codes[:, i], None if noise is None else noise[i])
        if step <= BLOCK:
            kept = x
        own = _rgb(synthesis.rgbs[step], x, codes[:, 2 * step + 1])
        if picture is not None:
            picture = upfirdn(picture, blur_kernel(4.0), up=2, pad=(2, 1))
        picture = own if picture is None else picture + own
    assert picture is not None and kept is not None
    return picture, kept


def _layer(layer: nn.Module, x: Tensor, code: Tensor, noise: Tensor | None) -> Tensor:
    assert isinstance(layer, StyledLayer)
    y = modulated(layer.conv, x, code)
    if noise is not None:
        y = y + noise * layer.noise_strength
    y = F.leaky_relu(y + layer.bias[:, None, None], SLOPE) * GAIN
    return y if layer.clamp is None else y.clamp(-layer.clamp, layer.clamp)


def _rgb(layer: nn.Module, x: Tensor, code: Tensor) -> Tensor:
    assert isinstance(layer, ToRGB)
    y = modulated(layer.conv, x, code) + layer.bias[:, None, None]
    return y if layer.clamp is None else y.clamp(-layer.clamp, layer.clamp)


def modulated(conv: ModulatedConv, x: Tensor, code: Tensor) -> Tensor:
    """The modulated convolution with weights scaled for every sample, the batch as groups (Karras et al.
    2020, equations 1 and 3 as published)."""
    style = conv.affine(code)  # (B, C_in)
    weights = (conv.weight * conv.scale)[None] * style[:, None, :, None, None]  # (B, C_out, C_in, k, k)
    if conv.demodulate:
        weights = weights * (weights.square().sum((2, 3, 4)) + conv.eps).rsqrt()[:, :, None, None, None]
    batch, outputs, inputs = weights.shape[:3]
    x = x.reshape(1, batch * inputs, *x.shape[2:])
    if conv.blur is None:
        y = F.conv2d(x, weights.flatten(0, 1), padding=conv.padding, groups=batch)
    else:
        turned = weights.transpose(1, 2).flatten(0, 1)
        y = F.conv_transpose2d(x, turned, stride=2, groups=batch)
        y = upfirdn(y, blur_kernel(4.0), pad=(1, 1))
    return y.reshape(batch, outputs, *y.shape[2:])
