"""Overlay: numbers and colours by id, safe text, nearer over farther."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from spatial_edit.layouts import Blobs
from spatial_edit.layouts.overlay import BACKGROUND, colour, to_blob_map, to_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def layout():
    return Blobs(
        centres=torch.tensor([[0.4, 0.5], [0.6, 0.5]]),
        sizes=torch.tensor([0.2, 0.2]),
        aspects=torch.tensor([1.0, 1.0]),
        angles=torch.tensor([0.0, 0.0]),
        ids=(4, 9),
        rows=(0, 1),
    )


def test_the_svg_is_well_formed_and_numbered(layout):
    root = ElementTree.fromstring(to_svg(layout, 200, {4: "bed"}))
    assert [text.text for text in root.iter(f"{SVG}text")] == ["4", "9"]
    first = next(root.iter(f"{SVG}ellipse"))
    assert (float(first.get("cx")), float(first.get("rx"))) == (80.0, 40.0)
    assert next(root.iter(f"{SVG}title")).text == "4 bed"


def test_labels_are_escaped(layout):
    nasty = '"><script>alert(1)</script>&'
    source = to_svg(layout, labels={4: nasty + "\0\x1b"})
    assert "<script" not in source
    assert next(ElementTree.fromstring(source).iter(f"{SVG}title")).text == f"4 {nasty}"


def test_hidden_elements_are_left_out_everywhere(layout):
    hidden = replace(layout, hidden=(False, True))
    assert 'data-id="9"' not in to_svg(hidden) and 'data-id="4"' in to_svg(hidden)
    assert np.array_equal(to_blob_map(hidden, 64), to_blob_map(layout.select([0]), 64))


def test_colours_are_stable_and_distinct(layout):
    assert len({colour(i) for i in range(64)}) == 64
    assert to_blob_map(layout, 100).getpixel((30, 50)) == colour(4)
    assert to_blob_map(layout.select([0]), 100).getpixel((30, 50)) == colour(4)


@pytest.mark.parametrize("side", [1, 31, 64, 257])
def test_nearer_covers_farther_at_any_resolution(layout, side):
    picture = to_blob_map(layout, side)
    assert picture.size == (side, side) and picture.mode == "RGB"
    if side > 1:
        middle = (side // 2, side // 2)
        assert picture.getpixel(middle) == colour(9)
        assert to_blob_map(layout.select([1, 0]), side).getpixel(middle) == colour(4)
        assert picture.getpixel((0, 0)) == BACKGROUND


def test_the_area_is_that_of_the_ellipse(layout):
    one = replace(layout, aspects=torch.tensor([3.0, 1.0]), angles=torch.tensor([0.7, 0.0])).select([0])
    picture = np.asarray(to_blob_map(one, 300), np.float64)
    share = (picture - BACKGROUND)[..., 0].sum() / (colour(4)[0] - BACKGROUND[0]) / 300**2
    assert share == pytest.approx(math.pi * 0.2**2, rel=0.01)


def test_angles_turn_counter_clockwise_as_seen(layout):
    tilted = replace(
        layout, aspects=torch.tensor([6.0, 1.0]), angles=torch.tensor([math.pi / 4, 0.0])
    ).select([0])
    picture = to_blob_map(replace(tilted, centres=torch.tensor([[0.5, 0.5]])), 100)
    assert picture.getpixel((70, 30)) == colour(4) and picture.getpixel((70, 70)) == BACKGROUND
    assert "rotate(-45.00" in to_svg(tilted)


def test_a_moved_blob_is_a_moved_raster(layout):
    one = layout.select([0])
    moved = replace(one, centres=one.centres + torch.tensor([0.125, -0.25]))
    a, b = (np.asarray(to_blob_map(x, 64), int) for x in (one, moved))
    assert np.abs(np.roll(a, (-16, 8), (0, 1)) - b).max() <= 1


@pytest.mark.parametrize("side", [0, -1, 4097])
def test_a_wrong_side_is_refused(layout, side):
    for draw in (to_svg, to_blob_map):
        with pytest.raises(ValueError, match="side"):
            draw(layout, side)
