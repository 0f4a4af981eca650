"""Sketch: a drawn outline becomes the ellipse with the same area moments.

For the polygon's area A, centroid c and second central moments M (2, 2) per area, by Green's theorem over its
edges; a full ellipse with radii a, b along its axes has M = diag(a^2, b^2) / 4, so the radii are 2
sqrt(eigenvalues of M). They are then scaled together to the polygon's own area (an outline fills its
ellipse's moments better than its area).

Where the outline bends little from point to point it was drawn as a curve: its chords are replaced by cubic
Hermite arcs through the same points, so that a few dozen points of an ellipse give its size and aspect to a
thousandth. Corners stay corners.
"""

from __future__ import annotations

import math

import numpy as np

from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE

MAX_POINTS = 10_000
CORNER = 1.0  # radians, less than a hexagon turns; an outline that turns more at a point has a corner there
ARC_POINTS = 5  # chords that replace one chord of a curve
MIN_AREA = math.pi * SIZE_RANGE[0] ** 2  # that of the smallest blob


class SketchError(ValueError):
    """An outline that makes no element; the message is one sentence for the user."""


def fit_ellipse(points: np.ndarray) -> tuple[tuple[float, float], float, float, float]:
    """(centre (x, y), size, aspect >= 1, angle in [0, pi)) of a closed outline.

    points (N, 2): x right, y down, fractions of the side, 3 <= N <= 10,000, either way round; the last point
    joins the first. Size and aspect are clipped to the ranges that a blob may have. SketchError for too few
    points, values that are not finite or lie outside [-0.2, 1.2], and an outline that encloses next to
    nothing.
    """
    outline = _curved(_checked(points))
    origin = outline.mean(0)
    x, y = (outline - origin).T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    cross = x * next_y - next_x * y  # (N,) twice the signed area of each triangle with the origin
    area = cross.sum() / 2
    if abs(area) < MIN_AREA:
        raise SketchError("the outline encloses too small an area: draw a larger closed shape")

    mean = np.array([((x + next_x) * cross).sum(), ((y + next_y) * cross).sum()]) / (6 * area)
    xx = ((x * x + x * next_x + next_x * next_x) * cross).sum() / (12 * area)
    yy = ((y * y + y * next_y + next_y * next_y) * cross).sum() / (12 * area)
    xy = ((2 * x * y + x * next_y + next_x * y + 2 * next_x * next_y) * cross).sum() / (24 * area)
    moments = np.array([[xx, xy], [xy, yy]]) - np.outer(mean, mean)  # (2, 2)

    values, axes = np.linalg.eigh(moments)
    centre = mean + origin
    if values[0] <= 0 or not np.all((centre >= CENTRE_RANGE[0]) & (centre <= CENTRE_RANGE[1])):
        raise SketchError("the outline crosses itself: draw one closed shape without loops")
    long = axes[:, 1]
    return (
        (float(centre[0]), float(centre[1])),
        float(np.clip(math.sqrt(abs(area) / math.pi), *SIZE_RANGE)),
        float(np.clip(math.sqrt(values[1] / values[0]), *ASPECT_RANGE)),
        math.atan2(-long[1], long[0]) % math.pi,
    )


def _curved(outline: np.ndarray) -> np.ndarray:
    """The outline (N, 2) with arcs for the chords that have no corner at either end."""
    distinct = outline[np.any(outline != np.roll(outline, 1, 0), axis=1)]
    if len(distinct) < 4:
        return outline
    outline = distinct
    chord = np.roll(outline, -1, 0) - outline  # (N, 2) from each point to the next
    length = np.linalg.norm(chord, axis=1)[:, None]
    before, before_length = np.roll(chord, 1, 0), np.roll(length, 1, 0)
    cross = before[:, 0] * chord[:, 1] - before[:, 1] * chord[:, 0]
    smooth = np.abs(np.arctan2(cross, (before * chord).sum(1))) <= CORNER
    # Of the parabola through three points, at the middle one, for a parameter that runs with the length.
    slope = (chord / length * before_length + before / before_length * length) / (length + before_length)
    t = (np.arange(ARC_POINTS) / ARC_POINTS)[None, :, None]
    start, end = outline[:, None], np.roll(outline, -1, 0)[:, None]
    leave, arrive = (slope * length)[:, None], (np.roll(slope, -1, 0) * length)[:, None]
    arcs = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * leave
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * arrive
    )  # (N, ARC_POINTS, 2)
    straight = start + t * chord[:, None]
    curved = (smooth & np.roll(smooth, -1))[:, None, None]
    return np.where(curved, arcs, straight).reshape(-1, 2)


def _checked(points: np.ndarray) -> np.ndarray:
    """(N, 2) float64; SketchError when it is no outline."""
    try:
        outline = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SketchError("the outline must be a list of (x, y) points") from error
    if outline.ndim != 2 or outline.shape[1] != 2:
        raise SketchError("the outline must be a list of (x, y) points")
    if not 3 <= len(outline) <= MAX_POINTS:
        raise SketchError(f"the outline has {len(outline)} points: draw with 3 to {MAX_POINTS}")
    low, high = CENTRE_RANGE
    if not np.all((outline >= low - 1e-6) & (outline <= high + 1e-6)):  # also refuses NaN
        raise SketchError(f"the outline leaves [{low}, {high}] or is not finite: stay near the picture")
    return outline
