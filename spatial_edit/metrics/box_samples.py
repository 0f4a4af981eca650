"""Samples looked at as layouts: how many objects they have, and whether anything floats or sticks in
something else (`layouts.collisions`)."""

from __future__ import annotations

from collections.abc import Iterable

from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.collisions import collisions

Figures = dict[str, float | int | str]


def sample_figures(scenes: Iterable[Scene], data: Iterable[Scene]) -> Figures:
    """`samples_flawed`: scenes with something that floats or lies within something else;
    `samples_outside`: with something that reaches through a wall; `objects`: the mean number. The same of
    rooms of the data, as shares and `objects_data`.

    ValueError when there are no scenes, or their layouts are of another kind.
    """
    own, theirs = _counts(scenes), _counts(data)
    return {
        "samples_looked_at": own[0],
        "samples_flawed": own[1],
        "samples_outside": own[2],
        "objects": round(own[3] / own[0], 3),
        "data_flawed_share": round(theirs[1] / theirs[0], 4),
        "data_outside_share": round(theirs[2] / theirs[0], 4),
        "objects_data": round(theirs[3] / theirs[0], 3),
    }


def _counts(scenes: Iterable[Scene]) -> tuple[int, int, int, int]:
    """Number of scenes, flawed ones, ones that reach outside, and all their objects."""
    count = flawed = outside = objects = 0
    for scene in scenes:
        layout = scene.layout
        if not isinstance(layout, Boxes3D):
            raise ValueError(f"this needs a layout of boxes, {scene.model} has {layout.kind or 'none'}")
        kinds = {c.kind for c in collisions(layout)}
        count, objects = count + 1, objects + len(layout.visible())
        flawed += bool(kinds & {"within", "floating"})
        outside += "outside" in kinds
    if not count:
        raise ValueError("there are no scenes to look at")
    return count, flawed, outside, objects
