"""Losses of a multi-scale patch discriminator (Park et al. 2019, section 3; Wang et al. 2018, section 3.3).

| loss | of D on real · on fake | of G |
|---|---|---|
| hinge | relu(1 − r) · relu(1 + f) | −f |
| least squares | (r − 1)² · f² | (f − 1)² |
| original | softplus(−r) · softplus(f) | softplus(−f) |
| critic | −r · f | −f |

Each is the mean over a scale's patches, then over the scales. "critic" is bare: without a gradient penalty it
is not a valid Wasserstein distance (Gulrajani et al. 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Maps = Sequence[Sequence[Tensor]]  # for every scale the maps of all layers, the logits last


@dataclass(frozen=True)
class PatchLoss:
    """Three functions of logits, before the means: D's on real pictures, D's on fakes, and G's."""

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


LOSSES = {
    "hinge": PatchLoss(lambda r: F.relu(1 - r), lambda f: F.relu(1 + f), torch.neg),
    "least squares": PatchLoss(lambda r: (r - 1).square(), torch.square, lambda f: (f - 1).square()),
    "original": PatchLoss(lambda r: F.softplus(-r), F.softplus, lambda f: F.softplus(-f)),
    "critic": PatchLoss(torch.neg, lambda f: f, torch.neg),
}


def over_scales(loss: Callable[[Tensor], Tensor], maps: Maps) -> Tensor:
    """The mean of `loss` over each scale's logits, then over the scales."""
    return torch.stack([loss(scale[-1]).mean() for scale in maps]).mean()


def feature_matching(fake: Maps, real: Maps) -> Tensor:
    """Sum over layers of the mean |f − r| of all maps but the logits, mean over scales; r gets no gradient.

    Published training weighs it with 10.
    """
    terms = []
    for ours, theirs in zip(fake, real, strict=True):
        pairs = zip(ours[:-1], theirs[:-1], strict=True)
        terms.append(torch.stack([(f - r.detach()).abs().mean() for f, r in pairs]).sum())
    return torch.stack(terms).mean()


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """−½ Σ (1 + log σ² − μ² − σ²): of N(μ, σ²) from N(0, 1), summed over the batch, weight 0.05."""
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
