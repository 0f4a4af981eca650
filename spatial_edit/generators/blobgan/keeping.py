"""Scenes of the layout flow in which some numbers are as wanted.

A rectified flow says at every time t where it heads: x1 = x + (1 - t) v(x, t). Scene vectors are linear in
x1, so the smallest change that brings the wanted entries to their values is a least-squares problem with a
closed form, and the flow goes on towards the changed x1 (as in Wang et al. 2023, the denoising diffusion
null-space model, with a flow for the diffusion):

    x1' = x1 + (A^T A + weight I)^-1 A^T (y - A x1),   A: the kept rows of the head's matrix

It stops at t = STOP, at the mean that the flow expects from there: what is still undecided then is noise of a
few hundredths of the side, which would set a lamp beside its table. How far x1 had to be changed in all tells
how well a z suits what is kept."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.flow import LayoutFlow

WEIGHT = 0.1  # of staying where the flow heads, against meeting the wanted entries
STOP = 0.8


def sample_keeping(flow: LayoutFlow, z: Tensor, wanted: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Scene vectors (B, V) of z (B, R) that are near `wanted` (V,) in the entries of `kept` (V,) bool, and
    their effort (B,): the sum of squared changes, smaller for a z that suits."""
    matrix = (flow.basis * flow.scale)[kept]  # (M, R)
    target = ((wanted - flow.mean) / flow.spread - flow.offset)[kept]
    square = matrix.T @ matrix
    inverse = torch.linalg.inv(square + WEIGHT * torch.eye(len(square), device=square.device))
    pull, towards = inverse @ square, inverse @ (matrix.T @ target)

    x, effort, steps = z, torch.zeros(len(z), device=z.device), flow.config.steps
    for i in range(steps):
        t = i / steps
        ahead = x + (1 - t) * flow.velocity(x, torch.full((len(z),), t, device=z.device))
        change = towards - ahead @ pull.T
        ahead, effort = ahead + change, effort + change.square().sum(1)
        if t >= STOP or i == steps - 1:
            break
        x = x + (ahead - x) / (1 - t) / steps
    return flow.head(ahead), effort
