"""Heatmaps, boxes, segments, blocks and points: what they are, their JSON, their overlays."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.layouts import Boxes3D, Latent, Scene
from spatial_edit.layouts.blocks import Blocks
from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.codec import layout_from_json, layout_to_json, scene_from_bytes, scene_to_bytes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.overlay import BACKGROUND, colour
from spatial_edit.layouts.overlays import overlay_map, overlay_svg
from spatial_edit.layouts.points import Points
from spatial_edit.layouts.segments import VOID, Segments, from_runs, to_runs
from spatial_edit.layouts.strict_json import JsonError
from tests.layouts.sample_room import sample_room
from tests.ui.fake_kinds import SAMPLES, sample_boxes, sample_heatmaps, sample_points, sample_segments

KINDS = list(SAMPLES)
LABELS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 _().-]{0,31}", fullmatch=True)


@st.composite
def any_plain(draw):
    """A layout of any of the kinds, anywhere in its ranges."""
    kind, n = draw(st.sampled_from(KINDS)), draw(st.integers(0, 6))

    def column(low, high, width=1):
        values = draw(st.lists(st.floats(low, high), min_size=n * width, max_size=n * width))
        return torch.tensor(values, dtype=torch.float32).reshape(n, width).clamp(low, high)

    def each(values, unique=False):
        return tuple(draw(st.lists(values, min_size=n, max_size=n, unique=unique)))

    flags = {
        "ids": each(st.integers(0, 255), unique=True),
        "hidden": each(st.booleans()),
        "locked": each(st.booleans()),
    }
    if kind == "heatmaps":
        return Heatmaps(column(-0.2, 1.2, 2), column(0.01, 1.0)[:, 0], each(st.integers(0, 2)), **flags)
    if kind == "boxes":
        return Boxes(column(-0.2, 1.2, 2), column(0.01, 1.4, 2), each(LABELS), **flags)
    if kind == "points":
        return Points(column(0, 1, 2), column(0, 1, 2), **flags)
    if kind == "segments":
        side = draw(st.integers(4, 20))
        dice = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        cells = dice.choice([VOID, *flags["ids"]], (side, side))
        return Segments(torch.from_numpy(cells).long(), each(LABELS), **flags)
    rows, columns = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    count = rows * columns
    seeds = draw(st.lists(st.integers(0, 2**32 - 1), min_size=count, max_size=count))
    locked = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return Blocks(rows, columns, tuple(seeds), locked=tuple(locked))


@settings(max_examples=150, deadline=None)
@given(any_plain())
def test_json_gives_every_bit_back(layout):
    again = layout_from_json(json.loads(json.dumps(layout_to_json(layout), allow_nan=False)))
    assert again.same(layout) and again.kind == layout.kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_file_holds_each_kind(kind):
    latent = Latent(5, 0.0, torch.zeros(1, 3), torch.zeros(1))
    scene = Scene("m", "0123456789abcdef", SAMPLES[kind](), latent)
    assert scene_from_bytes(scene_to_bytes(scene)).layout.same(scene.layout)


def test_the_field_of_a_heatmap_is_a_sum_of_gaussians():
    layout = Heatmaps(
        centres=torch.tensor([[0.25, 0.5], [0.75, 0.5], [0.5, 0.5]], requires_grad=True),
        sigmas=torch.tensor([0.1, 0.2, 0.3]),
        levels=(1, 1, 0),
        ids=(0, 1, 2),
    )
    field = layout.field(1, 32)
    y, x = (10 + 0.5) / 32, (7 + 0.5) / 32
    one = math.exp(-((x - 0.25) ** 2 + (y - 0.5) ** 2) / (2 * 0.1**2))
    two = math.exp(-((x - 0.75) ** 2 + (y - 0.5) ** 2) / (2 * 0.2**2))
    assert field[10, 7].item() == pytest.approx(one + two, rel=1e-5)
    field.sum().backward()
    assert layout.centres.grad is not None
    assert replace(layout, hidden=(True, True, False)).field(1, 8).abs().max() == 0


def test_runs_of_cells():
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[0, 3] = mask[1, 0] = mask[3, 3] = True
    assert to_runs(mask) == [3, 2, 15, 1] and torch.equal(from_runs([3, 2, 15, 1], 4), mask)
    for runs in ([3], [3, 0], [3, 2, 5, 1], [3, 2, 2, 1], [15, 2], [-1, 2]):
        with pytest.raises(ValueError, match="runs"):
            from_runs(runs, 4)


def test_a_segment_left_out_leaves_void():
    layout = sample_segments()
    without = layout.select([0, 1, 2, 4])
    assert (without.cells == VOID).sum() == (layout.cells == 3).sum() > 0
    assert layout.centre(1) == pytest.approx(((3 + 7) / 2 / 16, (2 + 5) / 2 / 16))


def test_blocks_stay_a_grid():
    layout = SAMPLES["blocks"]()
    assert layout.visible() is layout and layout.ids == tuple(range(12))
    assert layout.place(5) == (1 / 4, 1 / 3, 1 / 4, 1 / 3)
    with pytest.raises(ValueError, match="whole picture"):
        layout.select([0, 1])


def changed(kind, path, value):
    document = json.loads(json.dumps(layout_to_json(SAMPLES[kind]())))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


@pytest.mark.parametrize(
    "kind, path, value",
    [
        ("heatmaps", ("elements", 0, "sigma"), 0.001),
        ("heatmaps", ("elements", 0, "level"), 3),
        ("heatmaps", ("elements", 0, "level"), 1.0),
        ("heatmaps", ("elements", 0, "x"), True),
        ("heatmaps", ("elements", 0, "id"), 1),
        ("heatmaps", ("elements", 0, "more"), 1),
        ("heatmaps", ("more",), 1),
        ("boxes", ("elements", 0, "width"), 0),
        ("boxes", ("elements", 0, "label"), "<b>"),
        ("boxes", ("elements", 0, "label"), "x" * 33),
        ("boxes", ("elements", 0, "label"), None),
        ("segments", ("side",), 65),
        ("segments", ("side",), "16"),
        ("segments", ("side",), 8),
        ("segments", ("elements", 0, "runs"), [0, 300]),
        ("segments", ("elements", 0, "runs"), [0]),
        ("segments", ("elements", 1, "runs"), [0, 4]),
        ("segments", ("elements", 0, "runs"), [0, 1, 1, 1]),
        ("segments", ("elements", 0, "runs"), "0 4"),
        ("blocks", ("rows",), 4),
        ("blocks", ("rows",), 9),
        ("blocks", ("seeds",), [1]),
        ("blocks", ("seeds", 0), -1),
        ("blocks", ("locked",), [5, 5]),
        ("blocks", ("locked",), [12]),
        ("points", ("elements", 0, "to_x"), 1.1),
        ("points", ("elements", 0, "hidden"), 0),
        ("points", ("kind",), "lines"),
    ],
)
def test_wrong_layouts_are_refused(kind, path, value):
    with pytest.raises(JsonError) as caught:
        layout_from_json(changed(kind, path, value))
    assert "\n" not in str(caught.value) and len(str(caught.value)) > 20


def pixel(picture, x, y):
    return picture.getpixel((int(x * picture.width), int(y * picture.height)))


@pytest.mark.parametrize("kind", KINDS)
def test_overlays_show_every_visible_element(kind):
    layout = SAMPLES[kind]()
    root = ElementTree.fromstring(overlay_svg(layout, 200))
    groups = [node for node in root if node.get("data-id")]
    assert [int(node.get("data-id")) for node in groups] == list(layout.ids)
    assert root.get("viewBox") == "0 0 200 200"
    if kind != "blocks":
        hidden = replace(layout, hidden=(True,) + (False,) * (len(layout) - 1))
        assert len(list(ElementTree.fromstring(overlay_svg(hidden)))) == len(layout) - 1
        assert overlay_map(hidden, 64).tobytes() != overlay_map(layout, 64).tobytes()
    picture = overlay_map(layout, 64)
    assert picture.size == (64, 64) and len(picture.getcolors(5000)) > 3


def test_maps_have_the_elements_colours_where_they_are():
    boxes = overlay_map(sample_boxes(), 100)
    assert pixel(boxes, 0.15, 0.4) == colour(0) and pixel(boxes, 0.45, 0.65) == colour(1)
    assert pixel(boxes, 0.6, 0.1) == BACKGROUND
    segments = overlay_map(sample_segments(), 160)
    assert pixel(segments, 0.5, 0.6) == colour(3) and pixel(segments, 0.02, 0.02) == colour(0)
    heat = overlay_map(sample_heatmaps(), 200)
    assert math.dist(pixel(heat, 0.3, 0.2), colour(3)) < 12
    assert pixel(overlay_map(sample_points(), 200), 0.7, 0.7) == colour(2)


def test_labels_in_an_overlay_are_text_alone():
    layout = replace(sample_boxes(), labels=("<script>x</script>", 'a" onload="b', "c&d"))
    root = ElementTree.fromstring(overlay_svg(layout))
    assert not root.findall(".//{http://www.w3.org/2000/svg}script")
    assert [node[0].text for node in root] == ["0 <script>x</script>", '1 a" onload="b', "2 c&d"]


def test_what_is_not_flat_has_no_overlay():
    room = sample_room()
    assert isinstance(room, Boxes3D)
    for make in (overlay_svg, overlay_map):
        with pytest.raises(ValueError, match="boxes3d"):
            make(room)
        with pytest.raises(ValueError, match="side"):
            make(sample_boxes(), 5000)
