"""Which training scenes fit a layout: BachGAN's layout similarity (Li et al. 2020, section 3.2).

With the query's boxes M_c, a label map's masks S_c, and the things F that the query has:

    score(M, S) = Σ_F |M_c ∩ S_c| / Σ_F (|M_c| + |S_c| − |M_c ∩ S_c|)

One ratio of sums, not a mean of ratios; boxes against masks, not against boxes.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

LOOK_AT = 6  # the best so many are looked at; a query finds at most itself among them
TAKE = 3  # maps of the published networks


def layout_scores(boxes: Tensor, memory: Tensor, things: Collection[int]) -> Tensor:
    """boxes (C, H, W) of 0 and 1, memory (N, H, W) classes -> (N,) float64 in 0 .. 1, larger is nearer.

    Sums of pixels are exact. 0 everywhere for a query without things.
    """
    if boxes.shape[1:] != memory.shape[1:]:
        raise ValueError(f"a query of {tuple(boxes.shape[1:])}, label maps of {tuple(memory.shape[1:])}")
    shared = torch.zeros(len(memory), dtype=torch.long)
    union = torch.zeros(len(memory), dtype=torch.long)
    for label in sorted(things):
        box = boxes[label] != 0
        if not box.any():
            continue
        mask = memory == label  # (N, H, W)
        common = (mask & box).sum((1, 2))
        shared += common
        union += box.sum() + mask.sum((1, 2)) - common
    return shared.double() / union.clamp(min=1).double()


def ranking(scores: Tensor, count: int = LOOK_AT) -> Tensor:
    """(.., N) scores -> (.., count) positions, the best first; equal ones keep the memory's order."""
    return scores.sort(stable=True, dim=-1, descending=True).indices[..., :count]


def retrieve(scores: Tensor, itself: int | None = None, count: int = TAKE) -> list[int]:
    """The best `count` positions that are not the query itself, of the best LOOK_AT (or as many as it
    takes)."""
    best = ranking(scores, max(LOOK_AT, count + 1)).tolist()
    return [position for position in best if position != itself][:count]
