"""Which reach r and share alpha the coarse move (equation 6) should have.

Pulls of 60/256, the coarse move alone, and how far from the target what lay at the handle then is (`refound`,
by features that the drag has no part in; nothing found counts as the whole length)."""

from __future__ import annotations

import statistics

from spatial_edit.bench import Figures
from spatial_edit.edits.drag import DragOptions
from spatial_edit.metrics.drag_distance import OF, PIXELS, Model, draw_pulls, timed_drag
from spatial_edit.metrics.patches import Patches

REACHES = (0.05, 0.1, 0.25)
SHARES = (0.8, 0.9, 0.95, 1.0, 1.1)


def coarse_grid(model: Model, moves: int, seed: int = 1000) -> Figures:
    """coarse_r<r>_a<alpha>: the mean over the pulls; coarse_best: the smallest of them, by name. Other seeds
    than those that are measured."""
    pulls, patches = draw_pulls(model, PIXELS[-1] / OF, moves, seed), Patches.usual()
    figures: dict[str, float] = {}
    for reach in REACHES:
        for share in SHARES:
            how = DragOptions(mode="coarse", steps=1, reach=reach, share=share)
            ends = [timed_drag(model, pull, how, patches) for pull in pulls]
            left = [end.pull.length if end.refound is None else end.refound for end in ends]
            figures[f"coarse_r{reach:g}_a{share:g}"] = round(statistics.fmean(left), 4)
    best = min(figures, key=figures.__getitem__)
    return {**figures, "coarse_best": best, "coarse_moves": moves}
