"""Hand-over: a room as the layouts of other families, so that they can start from the same scene.

`to_boxes` gives 2-D boxes with depth and class, `to_blobs` ellipses. Both look at the visible elements as the
room's camera sees them. An element's outline in the picture is the convex hull of its box, cut off 5 cm
before the camera and at the picture's edges; what has none is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, MAX_BLOBS, SIZE_RANGE, Blobs
from spatial_edit.layouts.boxes3d import Boxes3D
from spatial_edit.layouts.furniture import boxes_of, sideways, supporter
from spatial_edit.layouts.perspective import NEAR, corners, project
from spatial_edit.layouts.sketch import SketchError, fit_ellipse

# a class by another name in the row names of models on blobs
ROW_NAMES = {"television": "decoration A", "vase": "decoration B"}

_EDGES = [(i, i | 1 << axis) for axis in range(3) for i in range(8) if not i >> axis & 1]


@dataclass(frozen=True, eq=False)
class PictureBoxes:
    """K boxes in the picture, farthest first. boxes (K, 5): x0, y0, x1, y1 as fractions of the side, and the
    depth of the middle in metres along the optical axis."""

    boxes: Tensor
    classes: tuple[str, ...]
    ids: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Handed:
    """Blobs, and the numbers of the elements that have no row there and so no blob."""

    layout: Blobs
    left_out: tuple[int, ...]


def to_boxes(layout: Boxes3D) -> PictureBoxes:
    """The visible elements as 2-D boxes."""
    found = []
    for index, outline, depth in _seen(layout):
        low, high = outline.min(0), outline.max(0)
        found.append((index, [*low.tolist(), *high.tolist(), depth]))
    return PictureBoxes(
        torch.tensor([values for _, values in found], dtype=torch.float32).reshape(-1, 5),
        tuple(layout.classes[i] for i, _ in found),
        tuple(layout.ids[i] for i, _ in found),
    )


def to_blobs(layout: Boxes3D, row_names: tuple[str, ...]) -> Handed:
    """The visible elements as ellipses with the moments of their outlines, farthest first.

    row_names: a word for each row of the model that is to draw them, as in `ModelSpec.row_names`: "bed", or
    "lamp (left)" and "lamp (right)", "painting A" and "painting B" for twins. Twins take their rows from the
    left to the right (nearest first at a side wall); more of a class than there are rows share the last one.
    """
    rows = _rows(layout, row_names)
    taken: list[tuple[int, tuple[tuple[float, float], float, float, float]]] = []
    for index, outline, _ in _seen(layout):
        if index not in rows:
            continue
        try:
            taken.append((index, fit_ellipse(outline)))
        except SketchError:  # too small an outline to be an ellipse
            continue
    taken = taken[-MAX_BLOBS:]
    order = [index for index, _ in taken]

    def column(values: list[float], limits: tuple[float, float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32).clamp(*limits)

    blobs = Blobs(
        centres=torch.tensor([e[0] for _, e in taken], dtype=torch.float32)
        .reshape(-1, 2)
        .clamp(*CENTRE_RANGE),
        sizes=column([e[1] for _, e in taken], SIZE_RANGE),
        aspects=column([e[2] for _, e in taken], ASPECT_RANGE),
        angles=torch.tensor([e[3] for _, e in taken], dtype=torch.float32),
        ids=tuple(layout.ids[i] for i in order),
        rows=tuple(rows[i] for i in order),
        locked=tuple(layout.locked[i] for i in order),
    )
    return Handed(blobs, tuple(number for number in layout.ids if number not in blobs.ids))


def _seen(layout: Boxes3D) -> list[tuple[int, np.ndarray, float]]:
    """(position, outline (N, 2), depth) of every visible element in the picture, farthest first: rugs before
    all else, and what rests on something after it."""
    seen = []
    boxes = boxes_of(layout)
    depths = project(layout.centres, layout.camera)[1].tolist()
    for i in range(len(layout)):
        outline = None if layout.hidden[i] else _outline(layout, i)
        if outline is not None:
            below = supporter(layout, i, boxes)
            order = depths[i] if below is None else min(depths[i], depths[below] - 0.01)
            seen.append((layout.classes[i] != "rug", -order, i, outline))
    seen.sort(key=lambda item: item[:3])
    return [(i, outline, depths[i]) for _, _, i, outline in seen]


def _outline(layout: Boxes3D, index: int) -> np.ndarray | None:
    """(N, 2) convex, within the picture; None when nothing of the box is."""
    box = corners(layout.centres[index], layout.halves[index]).double()  # (8, 3)
    camera = layout.camera.double()
    depth = project(box, camera)[1]
    near = 1.01 * NEAR
    points = [box[i] for i in range(8) if depth[i] > near]
    for i, j in _EDGES:
        if (depth[i] > near) != (depth[j] > near):
            points.append(box[i] + (box[j] - box[i]) * (near - depth[i]) / (depth[j] - depth[i]))
    if len(points) < 3:
        return None
    flat = _hull(project(torch.stack(points), camera)[0].tolist())
    for axis, value, sign in ((0, 0.0, 1), (0, 1.0, -1), (1, 0.0, 1), (1, 1.0, -1)):
        flat = _cut(flat, axis, value, sign)
    return np.array(flat) if len(flat) >= 3 else None


def _hull(points: list[list[float]]) -> list[list[float]]:
    """The convex hull, by Andrew's monotone chain."""
    ordered = sorted(points)

    def chain(sequence: list[list[float]]) -> list[list[float]]:
        out: list[list[float]] = []
        for p in sequence:
            while len(out) > 1 and _cross(out[-2], out[-1], p) <= 0:
                out.pop()
            out.append(p)
        return out[:-1]

    return chain(ordered) + chain(ordered[::-1])


def _cross(a: list[float], b: list[float], c: list[float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _cut(polygon: list[list[float]], axis: int, value: float, sign: int) -> list[list[float]]:
    """The part of a convex polygon where sign * (coordinate - value) >= 0 (Sutherland and Hodgman)."""
    out: list[list[float]] = []
    for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        a, b = sign * (p[axis] - value), sign * (q[axis] - value)
        if a >= 0:
            out.append(p)
        if (a >= 0) != (b >= 0):
            t = a / (a - b)
            out.append([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])])
    return out


def _rows(layout: Boxes3D, row_names: tuple[str, ...]) -> dict[int, int]:
    """Position of an element → row; what has no row is not in it."""
    found: dict[int, int] = {}
    for name in set(layout.classes):
        wanted = ROW_NAMES.get(name, name)
        rows = [r for r, word in enumerate(row_names) if word == wanted or _twin(word) == wanted]
        if not rows:
            continue
        members = [i for i, other in enumerate(layout.classes) if other == name]
        members.sort(key=lambda i: _along(layout, i))
        for k, index in enumerate(members):
            found[index] = rows[min(k, len(rows) - 1)]
    return found


def _twin(word: str) -> str:
    """`lamp (left)`, `painting A` → the word without its place."""
    head, _, tail = word.rpartition(" ")
    return head if tail in ("(left)", "(right)", "A", "B") else word


def _along(layout: Boxes3D, index: int) -> float:
    """The order of twins: x at the back wall, z at a side wall."""
    x, _, z = layout.centres[index].tolist()
    return z if sideways(layout.facings[index]) else x
