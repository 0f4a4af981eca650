"""Refine: change a scene's layout and appearance until its picture is the photo.

Adam on the scene's numbers (unknowns.py) through splat and decoder, whose weights stay as they are. Edges
start wide, so that a blob feels a picture that it does not touch yet, and end at the model's own width.
Then the number of blobs is put right: one is added where the picture is farthest from the photo if that
helps at once, and those that draw nothing are dropped. The best picture seen is kept, which may be the
one that it began with.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.layouts import Scene
from spatial_edit.parse.population import drop_idle, grow
from spatial_edit.parse.target import Target
from spatial_edit.parse.unknowns import Unknowns

SECONDS = 8.0
WIDE = 3.0  # softness at the start, as a multiple of the model's
WIDE_UNTIL = 0.4  # share of the time after which edges have the model's width
GROW_AT = 0.3
BETAS = (0.9, 0.95)
WARM = 0.04  # share of the time in which the rate rises
LAST_RATE = 0.05
PATIENCE = 60  # steps without progress before it ends
PROGRESS = 0.998  # a squared error below this multiple of the best one is progress


@dataclass(frozen=True, eq=False)
class Refined:
    """What came out: the best scene, how many steps were taken, and whether it was asked to stop."""

    scene: Scene
    steps: int
    stopped: bool


class Clock:
    """How much of the budget is used, 0 .. 1: by steps when their number is given, else by time."""

    def __init__(self, seconds: float, steps: int | None) -> None:
        self.seconds, self.steps, self.taken, self.began = seconds, steps, 0, time.perf_counter()

    def used(self) -> float:
        if self.steps is not None:
            return min(1.0, self.taken / self.steps) if self.steps else 1.0
        return min(1.0, (time.perf_counter() - self.began) / self.seconds) if self.seconds > 0 else 1.0


def rate(used: float) -> float:
    """A short rise, then a cosine down to `LAST_RATE`."""
    return min(1.0, used / WARM + 0.1) * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * used)))


def softness(used: float) -> float:
    """From `WIDE` to 1 in equal factors."""
    return WIDE ** max(0.0, 1 - used / WIDE_UNTIL)


def refine(
    generator: BlobGenerator,
    scene: Scene,
    target: Target,
    *,
    seconds: float = SECONDS,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Refined:
    """The scene, brought closer to the target. `steps` instead of `seconds` makes the outcome repeatable.

    progress is told the share done; whatever it raises passes through. keep_going returning False ends it
    with the best scene so far.
    """
    target = target.to(generator.device)
    clock = Clock(seconds, steps)
    search = _Search(generator, target, clock, progress, keep_going)
    search.see(scene, generator.render(scene)[None].to(generator.device))
    scene = search.descend(scene, GROW_AT)
    if not search.stopped:
        scene = search.descend(grow(generator, scene, target), 1.0)
    assert search.best is not None  # it has seen the scene it began with
    return Refined(drop_idle(generator, search.best, target), clock.taken, search.stopped)


class _Search:
    """The state of one refinement: clock, best scene so far, whether it was asked to stop."""

    def __init__(
        self,
        generator: BlobGenerator,
        target: Target,
        clock: Clock,
        progress: Callable[[float], object] | None,
        keep_going: Callable[[], bool] | None,
    ) -> None:
        self.generator, self.target, self.clock = generator, target, clock
        self.progress, self.keep_going = progress, keep_going
        self.best: Scene | None = None
        self.least, self.idle, self.stopped = math.inf, 0, False

    def see(self, scene: Scene | Unknowns, picture: Tensor) -> None:
        """Remember the scene of a picture (1, 3, R, R) if none was closer."""
        error = float(self.target.squared_error(picture.detach()))
        self.idle = 0 if error < self.least * PROGRESS else self.idle + 1
        if error < self.least:
            self.best, self.least = scene.scene() if isinstance(scene, Unknowns) else scene, error

    def goes_on(self, used: float, until: float) -> bool:
        """Report, and ask whether there should be another step."""
        if self.progress is not None:
            self.progress(used)
        if self.keep_going is not None and not self.keep_going():
            self.stopped = True
        return used < until and not self.stopped and self.idle < PATIENCE

    @torch.enable_grad()
    def descend(self, scene: Scene, until: float) -> Scene:
        """Adam from a scene until this share of the budget is used."""
        unknowns = Unknowns(self.generator, scene)
        optimiser = torch.optim.Adam(unknowns.groups(), betas=BETAS)
        while self.goes_on(used := self.clock.used(), until):
            for group in optimiser.param_groups:
                group["lr"] = group["full"] * rate(used)
            picture = unknowns.decode(softness(used))
            if used >= WIDE_UNTIL:
                self.see(unknowns, picture)
            loss = self.target.loss(picture) + unknowns.pull()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if not math.isfinite(loss.item()):  # keep what was found before
                break
            optimiser.step()
            self.clock.taken += 1
        with torch.no_grad():
            self.see(unknowns, unknowns.decode())
        return unknowns.scene()
