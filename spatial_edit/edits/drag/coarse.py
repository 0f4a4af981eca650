"""The coarse move of a heatmap's centres (Wang et al. 2023, section 3.5, equation 6):

    c_i' = c_i + alpha (t - p)    if |c_i - p| <= r,    else c_i

for a handle p and its target t. With several handles the nearest one counts, for two of them may mean the
same move. A finer centre follows the coarse one that it belongs to, unless a handle moves it itself; what is
hidden, locked or detached stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.dragging import Anchor


class CoarseMove(NamedTuple):
    """centres (K, 2) after the move; predicted (P, 2): where each handle is then expected."""

    centres: Tensor
    predicted: Tensor
    moved: bool


def coarse_move(
    centres: Tensor,
    anchors: Sequence[Anchor],
    handles: Tensor,
    targets: Tensor,
    *,
    reach: float,
    share: float,
) -> CoarseMove:
    """Equation 6 for all handles; all places (.., 2) in fractions of the side, x first."""
    steps = share * (targets - handles)  # (P, 2)
    own: dict[int, int] = {}  # centre -> the handle that moves it
    away = torch.cdist(centres.double(), handles.double())  # (K, P)
    for k, anchor in enumerate(anchors):
        nearest = int(away[k].argmin())
        if anchor.free and float(away[k, nearest]) <= reach:
            own[k] = nearest
    after = centres.clone()
    for k, anchor in enumerate(anchors):
        handle, parent = own.get(k), anchor.parent
        while handle is None and parent is not None and anchor.free:
            handle, parent = own.get(parent), anchors[parent].parent
        if handle is not None:
            after[k] += steps[handle]
    led = torch.tensor([[float(j in own.values())] for j in range(len(handles))])
    return CoarseMove(after, handles + led * steps, bool(own))
