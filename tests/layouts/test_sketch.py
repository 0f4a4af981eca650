"""Sketch: outlines of known shapes give their ellipses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.layouts.sketch import SketchError, fit_ellipse


def ellipse(centre, size, aspect, angle, n=400):
    t = np.linspace(0, 2 * math.pi, n, endpoint=False)
    along, across = size * math.sqrt(aspect) * np.cos(t), size / math.sqrt(aspect) * np.sin(t)
    x = centre[0] + along * math.cos(angle) + across * math.sin(angle)
    y = centre[1] - along * math.sin(angle) + across * math.cos(angle)
    return np.stack([x, y], -1)


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    st.floats(0.02, 0.2),
    st.floats(1.05, 5.0),
    st.floats(0, math.pi, exclude_max=True),
    st.booleans(),
)
def test_an_ellipse_is_found_again(centre, size, aspect, angle, reverse):
    points = ellipse(centre, size, aspect, angle)
    found_centre, found_size, found_aspect, found_angle = fit_ellipse(points[::-1] if reverse else points)
    assert found_centre == pytest.approx(centre, abs=1e-6)
    assert found_size == pytest.approx(size, rel=1e-3)
    assert found_aspect == pytest.approx(aspect, rel=1e-3)
    assert abs((found_angle - angle + math.pi / 2) % math.pi - math.pi / 2) < 1e-4
    assert 0 <= found_angle < math.pi


def test_a_rectangle_keeps_its_area_and_proportion():
    centre, size, aspect, angle = fit_ellipse([[0.1, 0.4], [0.7, 0.4], [0.7, 0.6], [0.1, 0.6]])
    assert centre == pytest.approx((0.4, 0.5))
    assert math.pi * size**2 == pytest.approx(0.12) and aspect == pytest.approx(3.0)
    assert min(angle, math.pi - angle) == pytest.approx(0.0, abs=1e-6)


def test_a_triangle_leaning_up_right_has_an_acute_angle():
    _, _, _, angle = fit_ellipse([[0.1, 0.9], [0.9, 0.1], [0.6, 0.6]])
    assert angle == pytest.approx(math.pi / 4, abs=0.1)


def test_extremes_are_clipped_to_a_blobs_ranges():
    _, _, aspect, _ = fit_ellipse(ellipse((0.5, 0.5), 0.1, 16.0, 0.0))
    assert aspect == 10.0


@pytest.mark.parametrize(
    "points, words",
    [
        ([], "points"),
        ([[0, 0], [1, 1]], "2 points"),
        ([[0.1, 0.1]] * 3, "area"),
        ([[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]], "area"),
        ([[0.1, 0.1], [0.104, 0.1], [0.1, 0.104]], "area"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "area"),
        ([[0, 0], [1, 0], [math.nan, 1]], "finite"),
        ([[0, 0], [1, 0], [0, 5]], "leaves"),
        ([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "list of"),
        ([0, 1, 2], "list of"),
        ("abc", "list of"),
        (None, "list of"),
        (np.zeros((10_001, 2)), "10001 points"),
    ],
)
def test_what_is_no_outline_is_refused(points, words):
    with pytest.raises(SketchError, match=words):
        fit_ellipse(points)


def test_a_lopsided_figure_of_eight_never_gives_nonsense():
    """Loops of opposite direction: either refused, or an ellipse within the ranges."""
    for share in np.linspace(0.05, 0.95, 40):
        points = [[0.1, 0.1], [0.9, 0.1 + 0.8 * share], [0.9, 0.1], [0.1, 0.1 + 0.8 * (1 - share)]]
        try:
            centre, size, aspect, _ = fit_ellipse(points)
        except SketchError:
            continue
        assert all(-0.2 <= c <= 1.2 for c in centre) and 0.005 <= size <= 1 and 0.1 <= aspect <= 10
