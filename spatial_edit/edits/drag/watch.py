"""When a drag ends: all handles are at their targets, or it does not get there and says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from spatial_edit.edits.drag.motion import Pixel
from spatial_edit.edits.drag.options import State

LOST_STEPS = 5  # in a row: one bad match may be followed by a good one
NEARER = 0.25  # pixels by which the mean distance has to fall to count as progress
RESTLESS = 0.5  # pixels a step on average: more is to and fro, less is standing still
RETURNING = 0.5  # share of its way that a point which only moves to and fro gets away at most

NOTES: dict[State, str] = {
    "running": "",
    "arrived": "",
    "stalled": "The handles do not come nearer any more: put the targets closer, move other points as well, "
    "or drag with a larger step.",
    "oscillating": "A handle jumps to and fro without coming nearer, because what is around it looks alike: "
    "put it on something more distinct.",
    "lost": "A handle has been lost: nothing near it looks like what it held. Put the target closer or "
    "the handle on something more distinct.",
    "diverged": "The numbers of this drag are no longer finite: use a smaller step.",
    "steps": "The handles have not reached their targets in the given number of steps.",
    "stopped": "Stopped.",
}


class Watch:
    """Follows one drag. arrived: pixels; doubt, patience and strict (`watch`) as in `DragOptions`."""

    def __init__(self, arrived: float, patience: int, doubt: float, strict: bool = True) -> None:
        self.arrived, self.patience, self.doubt, self.strict = arrived, patience, doubt, strict
        self.best = math.inf  # of the mean distance
        self.since = 0  # steps since then
        self.strange = 0  # steps in a row with a point unlike itself
        self.places: list[list[Pixel]] = []

    def see(self, points: Sequence[Pixel], away: Sequence[float], unlike: Sequence[float]) -> State:
        """The state after a step. away: pixels to the targets; unlike: how far each point's feature is from
        what it was, as a share of the mean distance at the start."""
        if not all(map(math.isfinite, (*away, *unlike))):
            return "diverged"
        if max(away) <= self.arrived:
            return "arrived"
        if not self.strict:
            return "running"
        self.strange = self.strange + 1 if max(unlike) > self.doubt else 0
        if self.strange >= LOST_STEPS:
            return "lost"
        self.places = [*self.places[-self.patience :], list(points)]
        mean = sum(away) / len(away)
        if mean <= self.best - NEARER:
            self.best, self.since = mean, 0
            return "running"
        self.since += 1
        if self.since < self.patience:
            return "running"
        return "oscillating" if self._returning() else "stalled"

    def _returning(self) -> bool:
        """Whether some point moves a lot and gets nowhere."""
        for track in zip(*self.places, strict=True):
            way = sum(math.dist(a, b) for a, b in pairwise(track))
            if way >= RESTLESS * (len(track) - 1) and math.dist(track[0], track[-1]) <= RETURNING * way:
                return True
        return False
