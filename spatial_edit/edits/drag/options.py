"""The settings of a drag, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from spatial_edit.edits.errors import EditError
from spatial_edit.generators.dragging import Space
from spatial_edit.layouts import Scene

Mode = Literal["auto", "latent", "joint", "coarse"]
State = Literal["running", "arrived", "stalled", "oscillating", "lost", "diverged", "steps", "stopped"]


class DragError(EditError):
    """A drag that cannot be done, in one sentence: what was wrong, what to do."""


@dataclass(frozen=True)
class DragOptions:
    """mode: "latent" (the code alone, DragGAN), "joint" (code and centres in turn), "coarse" (centres first
    by equation 6, then joint), "auto" (coarse where the model has centres, else latent). space: of the code.

    Lengths in fractions of the side: motion_radius (r1) of the motion loss and tracking_radius (r2), 3 and 12
    pixels at 512, but never under 2 and 3 pixels. arrived: the distance of every handle to its target at
    which the drag ends, at least one pixel, for the motion loss ends there. reach (r) and share (alpha):
    equation 6; search: how far around the predicted place the handle is looked for after the coarse move.

    learning_rate, layout_rate: of Adam for codes and for centres (fractions of the side). code_weight: of the
    mean |code - its start|. stretched: pixel q of the motion loss counts as lying at q h / (h - 1), as in the
    published program.

    watch: give up a drag that fails. patience: steps without a nearer handle until then. doubt: a point is
    lost when nothing near it is more like it than this share of the mean distance to all places at the start,
    5 steps long. picture_every: 0 for none but the first and the last.
    """

    mode: Mode = "auto"
    space: Space = "w+"
    steps: int = 300
    learning_rate: float = 0.002
    layout_rate: float = 0.002
    mask_weight: float = 20.0
    code_weight: float = 0.0
    motion_radius: float = 3 / 512
    tracking_radius: float = 12 / 512
    arrived: float = 2 / 512
    reach: float = 0.25  # r of equation 6
    share: float = 0.95  # alpha of equation 6
    search: float = 24 / 512
    patience: int = 40
    doubt: float = 0.9
    picture_every: int = 5
    stretched: bool = False
    watch: bool = True


@dataclass(frozen=True, eq=False)
class DragStep:
    """One step. points (K, 2): where the handles are now, fractions of the side, x first. distance: of the
    farthest handle to its target. loss: what the next step makes smaller. picture: (3, R, R) of step 0, of
    every `picture_every`-th and of the last one, else None. phase: "coarse" for the move of equation 6.
    centres (K, 2): of the layout now, None where a model has none.

    state: "running", or why it ended; `note` then says it in a sentence. scene: with the last step alone; of
    a drag that failed the best state that it saw (points, centres, distance and picture are then of it too),
    of one that was stopped the state that it was in.
    """

    number: int
    points: Tensor
    distance: float
    loss: float
    state: State = "running"
    note: str = ""
    picture: Tensor | None = None
    scene: Scene | None = None
    phase: Literal["coarse", "fine"] = "fine"
    centres: Tensor | None = None
