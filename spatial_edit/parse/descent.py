"""The descent that parsing with other projects' models shares: Adam, the best picture seen, early ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from spatial_edit.parse.refine import Clock, rate
from spatial_edit.parse.target import Target

T = TypeVar("T")


@torch.enable_grad()
def descend(
    target: Target,
    clock: Clock,
    optimiser: torch.optim.Optimizer,
    draw: Callable[[float], Tensor],
    pull: Callable[[], Tensor],
    kept: Callable[[], T],
    *,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> tuple[T, bool]:
    """Down `target.loss(draw(used)) + pull()` until the clock ends or keep_going is False: `kept()` as it
    was at the best picture seen, the first and the last included, and whether it was asked to stop.

    draw: the picture (1, 3, R, R) of the present values, told the share of the budget used. Every parameter
    group has its full rate as "full". What progress raises passes through.
    """
    best, least = kept(), math.inf
    while True:
        used = clock.used()
        if progress is not None:
            progress(used)
        stopped = keep_going is not None and not keep_going()
        last = used >= 1 or stopped
        with torch.set_grad_enabled(not last):
            picture = draw(used)
        error = float(target.squared_error(picture.detach()))
        if error < least:
            best, least = kept(), error
        if last or not math.isfinite(error):  # then what was found before is kept
            return best, stopped
        optimiser.zero_grad(set_to_none=True)
        (target.loss(picture) + pull()).backward()
        for group in optimiser.param_groups:
            group["lr"] = group["full"] * rate(used)
        optimiser.step()
        clock.taken += 1
