"""Tune: adapt a copy of the decoder's finest blocks to one photo, around a scene that stays as it is.

Pivotal tuning (Roich et al. 2021, section 3.2): with the scene w_p fixed, the weights go down L(photo,
G(w_p)) + lambda R, where R (eq. 4, and anchors.py) holds the pictures of scenes nearby. The published
method adapts every weight; here a delta travels with the scene, so only the weights of `delta.tunable`
change and the difference is rounded to float16.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import functional_call

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.layouts import Scene
from spatial_edit.parse.anchors import Anchors
from spatial_edit.parse.delta import Delta, Tunable, check_delta, decoder_of, tunable
from spatial_edit.parse.refine import Clock, rate
from spatial_edit.parse.target import Target

RATE = 0.004
ANCHOR_WEIGHT = 1.0
BETAS = (0.9, 0.98)


@dataclass(frozen=True, eq=False)
class Tuned:
    """The scene with its delta, how many steps were taken, and whether it was asked to stop."""

    scene: Scene
    steps: int
    stopped: bool


State = dict[str, Tensor]  # the decoder's parameters, some of them moved by what is being learned


@torch.enable_grad()
def tune(
    generator: BlobGenerator,
    scene: Scene,
    target: Target,
    *,
    seconds: float,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Tuned:
    """The scene with a delta of at most 1 MB, or as it was when none brought it closer. Arguments as for
    `refine`.
    """
    target = target.to(generator.device)
    scene = replace(scene, delta=())
    original = generator.render(scene).to(generator.device)
    anchors = Anchors(generator, scene, target.picture - original, target.mask)

    def loss(state: State, taken: int) -> Tensor:
        anchor, goal, weight = anchors.near() if taken % 3 == 2 else anchors.moved()
        geometry, rows, slots, background = generator.inputs([scene, anchor])
        pictures = functional_call(generator.model.decoder, state, (geometry, rows, slots, background))
        held = ((pictures[1] - goal).abs().mean(0) * weight).mean()
        return target.loss(pictures[:1]) + ANCHOR_WEIGHT * held

    return adapt(generator, scene, target, original, loss, Clock(seconds, steps), progress, keep_going)


def adapt(
    generator: Tunable,
    scene: Scene,
    target: Target,
    original: Tensor,
    loss_of: Callable[[State, int], Tensor],
    clock: Clock,
    progress: Callable[[float], object] | None,
    keep_going: Callable[[], bool] | None,
) -> Tuned:
    """Descend `loss_of(state, steps taken)` in the tunable weights until the clock ends; the scene with the
    delta found, or as it was when its picture is no closer to the target than `original`."""
    weights = tunable(generator)
    free = {name: torch.zeros_like(p).requires_grad_() for name, p in weights.items()}
    optimiser = torch.optim.Adam(free.values(), lr=RATE, betas=BETAS)
    stopped = False

    while (used := clock.used()) < 1 and not stopped:
        if progress is not None:
            progress(used)
        stopped = keep_going is not None and not keep_going()
        state: State = dict(decoder_of(generator).named_parameters())
        state |= {name: weights[name] + free[name] for name in free}
        loss = loss_of(state, clock.taken)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if not math.isfinite(loss.item()):
            break
        for group in optimiser.param_groups:
            group["lr"] = RATE * rate(used)
        optimiser.step()
        clock.taken += 1

    tuned = replace(scene, delta=rounded(free))
    check_delta(generator, tuned.delta)
    better = target.squared_error(torch.stack([generator.render(tuned), original.cpu()]).to(generator.device))
    return Tuned(tuned if better[0] < better[1] else scene, clock.taken, stopped)


def rounded(free: dict[str, Tensor]) -> Delta:
    """The differences as they are stored: float16 on the CPU."""
    return tuple((name, value.detach().cpu().to(torch.float16)) for name, value in free.items())
