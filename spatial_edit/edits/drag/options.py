"""The settings of a drag, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from spatial_edit.edits.errors import EditError
from spatial_edit.generators.dragging import Space
from spatial_edit.layouts import Scene

Mode = Literal["auto", "latent", "joint", "coarse"]
State = Literal["running", "arrived", "stalled", "oscillating", "lost", "steps", "stopped"]


class DragError(EditError):
    """A drag that cannot be done, in one sentence: what was wrong, what to do."""


@dataclass(frozen=True)
class DragOptions:
    """mode: "latent" (the code alone, DragGAN), "joint" (code and centres in turn), "coarse" (centres first by
    equation 6, then joint), "auto" (coarse where the model has centres, else latent). space: of the code.

    Radii in fractions of the side: of the motion loss (r1) and of the tracking (r2), 3 and 12 pixels at 512.
    arrived: the distance of every handle to its target, a fraction of the side, at which the drag ends.
    """

    mode: Mode = "auto"
    space: Space = "w+"
    steps: int = 300
    learning_rate: float = 0.002
    layout_rate: float = 0.002
    mask_weight: float = 20.0
    motion_radius: float = 3 / 512
    tracking_radius: float = 12 / 512
    arrived: float = 2 / 512
    reach: float = 0.25  # r of equation 6
    share: float = 1.0  # alpha of equation 6
    picture_every: int = 5


@dataclass(frozen=True, eq=False)
class DragStep:
    """One step. points (K, 2): where the handles are now, fractions of the side, x first. distance: of the
    farthest handle to its target. picture: (3, R, R) every `picture_every` steps and at the end, else None.

    state: "running", or why it ended; `note` then says it in a sentence. scene: with the last step alone; of a
    drag that failed the best state that it saw.
    """

    number: int
    points: Tensor
    distance: float
    loss: float
    state: State = "running"
    note: str = ""
    picture: Tensor | None = None
    scene: Scene | None = None
