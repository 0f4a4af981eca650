"""Losses: L1, perceptual in the segmenter's features, adversarial with lazy R1 / R2.

Adversarial: relativistic pairing, softplus(-(D(real) - D(fake))) and its mirror for G (Jolicoeur-Martineau
2018), with zero-centred gradient penalties on real (R1) and fake (R2) pictures every `lazy` steps, weight
gamma / 2 * lazy. gamma starts high and decays. D must step after G on the same fakes: a relativistic D may
drift by any offset, and logits of two different Ds leave G without a gradient."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def perceptual(features: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
    """Mean over feature maps of |f - f'| / mean |f'|."""
    terms = [
        (f.float() - t.float()).abs().mean() / t.float().abs().mean()
        for f, t in zip(features, targets, strict=True)
    ]
    return torch.stack(terms).mean()


def relativistic(ahead: Tensor, behind: Tensor) -> Tensor:
    """softplus(-(ahead - behind)), mean over the batch."""
    return F.softplus(-(ahead - behind)).mean()


def gradient_penalty(logits: Tensor, pictures: list[Tensor]) -> Tensor:
    """Sum over the given inputs of mean ||d logits / d picture||^2; the inputs must require gradients."""
    gradients = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return torch.stack([g.float().square().sum((1, 2, 3)).mean() for g in gradients]).sum()


def gamma_schedule(images: int, start: float = 5.0, end: float = 0.5, burn_in: int = 20_000) -> float:
    """Cosine from start to end over the first `burn_in` images."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(images / burn_in, 1.0)))


def set_trainable(module: nn.Module, on: bool) -> None:
    for parameter in module.parameters():
        parameter.requires_grad_(on)
