"""Edits of what blobs look like, of several at once, and of new ones."""

from __future__ import annotations

import json
import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.edits import EditError, apply, apply_all, parse_edit, parse_edits
from spatial_edit.edits.blob_group import EDGES
from spatial_edit.edits.blob_values import extents
from spatial_edit.edits.ops import OPS
from spatial_edit.layouts import Blobs, Source
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE, SURFACES


@pytest.fixture
def layout():
    return Blobs(
        centres=torch.tensor([[0.2, 0.3], [0.5, 0.5], [0.7, 0.1], [0.4, 0.9]]),
        sizes=torch.tensor([0.1, 0.2, 0.3, 0.15]),
        aspects=torch.tensor([1.0, 2.0, 0.5, 1.3]),
        angles=torch.tensor([0.0, 0.4, 1.0, 3.0]),
        ids=(0, 1, 3, 7),
        rows=(4, 5, 6, 6),
        opacities=(1.0, 0.5, 1.0, 1.0),
        sources=(None, Source(9, 2, 0.5), None, Source(None, 1, 1.0)),
        colours=((1, 2, 3), None, None, None),
    )


def run(layout, **edit):
    return apply(layout, parse_edit(edit))


def changed(before, after):
    """The names of the fields that differ."""
    return {
        f.name
        for f in fields(before)
        if not (
            torch.equal(getattr(before, f.name), getattr(after, f.name))
            if isinstance(getattr(before, f.name), torch.Tensor)
            else getattr(before, f.name) == getattr(after, f.name)
        )
    }


def test_set_changes_what_it_names(layout):
    after = run(layout, op="set", target=3, x=0.4, aspect=2.0)
    assert changed(layout, after) == {"centres", "aspects"}
    assert after.centres[2].tolist() == pytest.approx([0.4, 0.1]) and after.aspects[2] == 2.0
    turned = run(layout, op="set", target=0, y=1.2, size=0.005, angle=-math.pi / 4)
    assert turned.angles[0].item() == pytest.approx(3 * math.pi / 4)
    assert turned.centres[0].tolist() == pytest.approx([0.2, 1.2]) and turned.sizes[
        0
    ].item() == pytest.approx(0.005)


def test_styles(layout):
    faint = run(layout, op="opacity", target=3, value=0.255)
    assert changed(layout, faint) == {"opacities"} and faint.opacities == (1.0, 0.5, 0.26, 1.0)
    styled = run(layout, op="restyle", target=3, row=7)
    assert changed(layout, styled) == {"sources"} and styled.sources[2] == Source(None, 7, 1.0)
    assert run(layout, op="restyle", target=3, row=7, seed=5, share=0.3).sources[2] == Source(5, 7, 0.3)
    assert run(layout, op="restyle", target=3, row=7, seed=None).sources[2] == Source(None, 7, 1.0)
    mixed = run(layout, op="mix", target=1, share=0.111)
    assert changed(layout, mixed) == {"sources"} and mixed.sources[1] == Source(9, 2, 0.11)
    with pytest.raises(EditError, match="element 3 has no second appearance"):
        run(layout, op="mix", target=3, share=0.5)
    painted = run(layout, op="recolour", target=7, colour="#FF8000")
    assert changed(layout, painted) == {"colours"} and painted.colours[3] == (255, 128, 0)
    assert run(layout, op="recolour", target=0, colour=None).colours == (None,) * 4
    both = run(painted, op="unstyle", target=7)
    assert both.sources[3] is None and both.colours[3] is None and both.colours[0] == (1, 2, 3)


def test_swap_exchanges_the_appearance_alone(layout):
    after = run(layout, **{"op": "swap", "target": 0, "with": 1})
    assert changed(layout, after) == {"rows", "sources", "colours"}
    assert after.rows == (5, 4, 6, 6) and after.sources[0] == Source(9, 2, 0.5) and after.sources[1] is None
    assert after.colours[:2] == (None, (1, 2, 3))
    assert run(after, **{"op": "swap", "target": 1, "with": 0}).same(layout)
    locked = run(layout, op="lock", target=1)
    for one, two in ((0, 1), (1, 0)):
        with pytest.raises(EditError, match="element 1 is locked: unlock it before you swap it"):
            run(locked, **{"op": "swap", "target": one, "with": two})
    with pytest.raises(EditError, match="itself"):
        run(layout, **{"op": "swap", "target": 1, "with": 1})
    with pytest.raises(EditError, match="no element 9"):
        run(layout, **{"op": "swap", "target": 1, "with": 9})


def test_a_clone_takes_the_style_along(layout):
    after = run(run(layout, op="lock", target=1), op="clone", target=1, dx=0.1, dy=0.0)
    assert after.ids[2] == 8 and after.locked == (False, True, False, False, False)
    for name in ("rows", "opacities", "sources", "colours"):
        assert getattr(after, name)[2] == getattr(layout, name)[1]


def test_the_whole_layouts_appearance(layout):
    locked = run(layout, op="lock", target=1)
    after = run(locked, op="appearance", seed=77)
    assert changed(locked, after) == {"sources", "backdrop"}
    assert after.sources == (Source(77, 4, 1.0), Source(9, 2, 0.5), Source(77, 6, 1.0), Source(77, 6, 1.0))
    assert after.backdrop == Source(77, 0, 1.0)
    back = run(after, op="appearance")
    assert back.sources == (None, Source(9, 2, 0.5), None, None) and back.backdrop is None
    half = run(layout, op="background", seed=3, share=0.5)
    assert changed(layout, half) == {"backdrop"} and half.backdrop == Source(3, 0, 0.5)
    assert run(half, op="background", seed=None).same(layout)
    floor = run(layout, op="surface", surface="floor", colour="#102030")
    assert changed(layout, floor) == {"surfaces"} and floor.surfaces == ((16, 32, 48), None, None, None, None)
    assert run(floor, op="surface", surface="floor", colour=None).same(layout)
    for k, name in enumerate(SURFACES):
        assert run(layout, op="surface", surface=name, colour="#000000").surfaces[k] == (0, 0, 0)


def test_add_puts_a_new_one_in_front(layout):
    geometry = {"x": 0.3, "y": 0.4, "size": 0.1, "aspect": 2.0, "angle": -0.5}
    after = run(layout, op="add", row=2, **geometry)
    assert after.select([0, 1, 2, 3]).same(layout)
    assert (after.ids[4], after.rows[4], after.sources[4], after.opacities[4]) == (8, 2, None, 1.0)
    assert after.centres[4].tolist() == pytest.approx([0.3, 0.4])
    assert after.angles[4].item() == pytest.approx(math.pi - 0.5)
    assert run(layout, op="add", row=2, seed=6, **geometry).sources[4] == Source(6, 2, 1.0)
    assert len(run(layout.select([]), op="add", row=2, **geometry)) == 1
    full = Blobs(torch.zeros(64, 2), *[torch.ones(64)] * 3, ids=tuple(range(64)), rows=(0,) * 64)
    for edit in ({"op": "add", "row": 2, **geometry}, {"op": "draw", "points": ring(), "row": 2}):
        with pytest.raises(EditError, match="64 elements, the most there can be: remove one before adding"):
            run(full, **edit)


def ring(centre=(0.5, 0.4), size=0.2, aspect=2.0, angle=0.7, n=64):
    """Points of an ellipse's outline at equal distances."""
    t = np.linspace(0, 2 * math.pi, 20_001)
    along, across = size * math.sqrt(aspect) * np.cos(t), size / math.sqrt(aspect) * np.sin(t)
    x = centre[0] + along * math.cos(angle) + across * math.sin(angle)
    y = centre[1] - along * math.sin(angle) + across * math.cos(angle)
    length = np.concatenate([[0], np.hypot(np.diff(x), np.diff(y)).cumsum()])
    at = np.linspace(0, length[-1], n, endpoint=False)
    return np.stack([np.interp(at, length, x), np.interp(at, length, y)], -1).tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.4, 0.6), st.floats(0.4, 0.6), st.floats(0.03, 0.2), st.floats(1.1, 4.0), st.floats(0, 3.14159)
)
def test_a_drawn_ellipse_is_that_ellipse(x, y, size, aspect, angle):
    layout = Blobs(torch.zeros(1, 2), *[torch.ones(1)] * 3, ids=(3,), rows=(0,))
    points = ring((x, y), size, aspect, angle)
    for after in (
        run(layout, op="draw", target=3, points=points),
        run(layout, op="draw", row=5, points=points),
    ):
        k = len(after) - 1
        assert after.centres[k].tolist() == pytest.approx([x, y], abs=1e-3)
        assert after.sizes[k].item() == pytest.approx(size, abs=1e-3)
        assert after.aspects[k].item() == pytest.approx(aspect, rel=1e-3)
        assert abs((after.angles[k].item() - angle + math.pi / 2) % math.pi - math.pi / 2) < 1e-3
    assert after.rows == (0, 5) and after.ids == (3, 4)


def test_draw_refuses_what_is_no_region(layout):
    for edit, words in (
        ({"points": ring()}, "needs the target"),
        ({"points": ring(), "target": 1, "row": 2}, "not both"),
        ({"points": ring(), "target": 1, "seed": 2}, "not both"),
        ({"points": ring()[:2], "target": 1}, "2 points"),
        ({"points": [*ring(), [0.5, 0.5]], "target": 1}, "65 items"),
        ({"points": [[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]], "target": 1}, "too small"),
        ({"points": [[0.1, 0.1], [0.5, 0.5], [0.9]], "target": 1}, "point 3"),
        ({"points": [[0.1, 0.1], [0.5, 0.5], [0.9, 2.0]], "target": 1}, "point 3"),
        ({"points": [[0.1, 0.1], [0.5, 0.5], [0.9, True]], "target": 1}, "point 3"),
    ):
        with pytest.raises(EditError, match=words):
            run(layout, op="draw", **edit)
    with pytest.raises(EditError, match="element 1 is locked"):
        run(run(layout, op="lock", target=1), op="draw", target=1, points=ring())


def test_a_group_moves_scales_and_turns_about_its_centre(layout):
    moved = run(layout, op="group", targets=[7, 0], dx=0.1, dy=-0.1)
    assert changed(layout, moved) == {"centres"}
    assert moved.centres[[0, 3]].flatten().tolist() == pytest.approx([0.3, 0.2, 0.5, 0.8])
    scaled = run(layout, op="group", targets=[7, 0], factor=0.5)
    assert changed(layout, scaled) == {"centres", "sizes"}
    assert scaled.centres[[0, 3]].flatten().tolist() == pytest.approx([0.25, 0.45, 0.35, 0.75])
    assert scaled.sizes.tolist() == pytest.approx([0.05, 0.2, 0.3, 0.075])
    turned = run(layout, op="group", targets=[7, 0], angle=math.pi / 2)
    assert changed(layout, turned) == {"centres", "angles"}
    # From the centre (0.3, 0.6): (-0.1, -0.3), up and a little left, goes to the left and a little down.
    assert turned.centres[0].tolist() == pytest.approx([0.0, 0.7], abs=1e-6)
    assert turned.angles[3].item() == pytest.approx(3.0 - math.pi / 2, abs=1e-6)
    assert changed(layout, run(layout, op="group", targets=[1], factor=1.0, angle=0.0, dx=0.0)) == set()


def test_several_refuse_a_locked_one_by_its_number(layout):
    locked = run(layout, op="lock", target=3)
    for edit in (
        {"op": "group", "dx": 0.1},
        {"op": "align", "edge": "top"},
        {"op": "distribute", "axis": "y"},
    ):
        with pytest.raises(EditError, match=f"element 3 is locked: unlock it before you {edit['op']} it"):
            run(locked, targets=[0, 1, 3], **edit)


def test_extents_are_those_of_the_outline(layout):
    t = torch.linspace(0, 2 * math.pi, 20_001)
    for k in range(4):
        a, b = layout.radii()[k]
        c, s = layout.angles[k].cos(), layout.angles[k].sin()
        x, y = a * t.cos() * c + b * t.sin() * s, -a * t.cos() * s + b * t.sin() * c
        assert extents(layout)[k].tolist() == pytest.approx([x.max().item(), y.max().item()], abs=1e-5)


@pytest.mark.parametrize("edge", EDGES)
def test_align(layout, edge):
    after = run(layout, op="align", targets=[0, 1, 7], edge=edge)
    assert changed(layout, after) == {"centres"} and torch.equal(after.centres[2], layout.centres[2])
    axis = 0 if edge in ("left", "right", "centre") else 1
    assert torch.equal(after.centres[:, 1 - axis], layout.centres[:, 1 - axis])
    side = {"left": -1, "top": -1, "right": 1, "bottom": 1}.get(edge, 0)
    own = [0, 1, 3]
    line = (after.centres + side * extents(layout))[own, axis]
    assert line.max() - line.min() < 1e-6
    low = (layout.centres - extents(layout))[own, axis].min()
    high = (layout.centres + extents(layout))[own, axis].max()
    assert line[0].item() == pytest.approx([low, (low + high) / 2, high][side + 1].item(), abs=1e-6)


def test_distribute(layout):
    after = run(layout, op="distribute", targets=[3, 0, 1, 7], axis="x")
    assert changed(layout, after) == {"centres"} and torch.equal(after.centres[:, 1], layout.centres[:, 1])
    # In the order of x: 0 (0.2), 7 (0.4), 1 (0.5), 3 (0.7).
    assert after.centres[[0, 3, 1, 2], 0].tolist() == pytest.approx([0.2, 0.2 + 1 / 6, 0.2 + 2 / 6, 0.7])
    assert torch.equal(after.centres[[0, 2]], layout.centres[[0, 2]])
    with pytest.raises(EditError, match="at least 3 elements, not 2"):
        run(layout, op="distribute", targets=[3, 0], axis="x")


@pytest.mark.parametrize(
    "edit",
    [
        {"op": "group", "targets": [0, 1], "dx": 1.0},
        {"op": "group", "targets": [1, 3], "factor": 4.0},
        {"op": "group", "targets": [0, 1], "factor": 0.01},
        {"op": "group", "targets": [0, 2], "dx": 0.1},
        {"op": "group", "targets": [0, 0], "dx": 0.1},
        {"op": "group", "targets": [], "dx": 0.1},
        {"op": "group", "targets": 0, "dx": 0.1},
        {"op": "group", "targets": [True], "dx": 0.1},
        {"op": "group", "targets": list(range(65)), "dx": 0.1},
        {"op": "group", "targets": [0]},
        {"op": "align", "targets": [0], "edge": "up"},
        {"op": "align", "targets": [0], "edge": ["left"]},
        {"op": "align", "targets": [0]},
        {"op": "distribute", "targets": [0, 1, 3], "axis": "z"},
        {"op": "set", "target": 0},
        {"op": "set", "target": 0, "x": 1.3},
        {"op": "set", "target": 0, "size": 0.004},
        {"op": "set", "target": 0, "aspect": 11},
        {"op": "set", "target": 0, "x": None},
        {"op": "opacity", "target": 0, "value": 1.01},
        {"op": "opacity", "target": 0, "value": "1"},
        {"op": "restyle", "target": 0, "row": 256},
        {"op": "restyle", "target": 0, "row": None},
        {"op": "restyle", "target": 0, "row": 1, "seed": 2**32},
        {"op": "restyle", "target": 0, "row": 1, "share": -0.1},
        {"op": "recolour", "target": 0, "colour": "#ff80"},
        {"op": "recolour", "target": 0, "colour": "#ff80zz"},
        {"op": "recolour", "target": 0, "colour": "red"},
        {"op": "recolour", "target": 0, "colour": [255, 0, 0]},
        {"op": "recolour", "target": 0},
        {"op": "surface", "surface": "wall", "colour": None},
        {"op": "surface", "surface": "floor"},
        {"op": "background", "seed": -1},
        {"op": "background", "seed": 1.0},
        {"op": "appearance", "seed": True},
        {"op": "appearance", "target": 0, "seed": 1},
        {"op": "add", "row": 1, "x": 0.5, "y": 0.5, "size": 0.1, "aspect": 1.0},
        {"op": "add", "row": 1, "x": 0.5, "y": 1.5, "size": 0.1, "aspect": 1.0, "angle": 0.0},
    ],
)
def test_refused_with_one_sentence(layout, edit):
    with pytest.raises(EditError) as caught:
        run(layout, **edit)
    assert "\n" not in str(caught.value) and len(str(caught.value)) > 20


NUMBER = st.integers(0, 255)
SEED = st.none() | st.integers(0, 2**32 - 1)
SHARE = st.floats(0, 1)
COLOUR = st.none() | st.integers(0, 0xFFFFFF).map("#{:06x}".format)
TARGETS = st.lists(NUMBER, min_size=3, max_size=64, unique=True)
STEP, FACTOR, ANGLE = st.floats(-1.4, 1.4), st.floats(0.005, 200), st.floats(-6.28, 6.28)
CENTRE = st.floats(*CENTRE_RANGE)
GEOMETRY = {
    "x": CENTRE,
    "y": CENTRE,
    "size": st.floats(*SIZE_RANGE),
    "aspect": st.floats(*ASPECT_RANGE),
    "angle": ANGLE,
}
POINTS = st.lists(st.tuples(CENTRE, CENTRE).map(list), min_size=3, max_size=64)


def edit(op, optional=None, **keys):
    return st.fixed_dictionaries({"op": st.just(op), **keys}, optional=optional or {})


EDITS = st.one_of(
    edit("move", target=NUMBER, dx=STEP, dy=STEP),
    edit("reorder", target=NUMBER, to=st.integers(0, 63)),
    edit("set", {k: v for k, v in GEOMETRY.items() if k != "x"}, target=NUMBER, x=CENTRE),
    edit("opacity", target=NUMBER, value=SHARE),
    edit("restyle", {"seed": SEED, "share": SHARE}, target=NUMBER, row=NUMBER),
    edit("mix", target=NUMBER, share=SHARE),
    edit("unstyle", target=NUMBER),
    edit("recolour", target=NUMBER, colour=COLOUR),
    edit("swap", target=st.integers(0, 100), **{"with": st.integers(101, 255)}),
    edit("draw", target=NUMBER, points=POINTS),
    edit("draw", {"seed": SEED}, row=NUMBER, points=POINTS),
    edit("group", {"dy": STEP, "factor": FACTOR, "angle": ANGLE}, targets=TARGETS, dx=STEP),
    edit(
        "align", targets=TARGETS, edge=st.sampled_from(["left", "right", "top", "bottom", "centre", "middle"])
    ),
    edit("distribute", targets=TARGETS, axis=st.sampled_from(["x", "y"])),
    edit("add", {"seed": SEED}, row=NUMBER, **GEOMETRY),
    edit("background", {"seed": SEED, "share": SHARE}),
    edit("surface", surface=st.sampled_from(SURFACES), colour=COLOUR),
    edit("appearance", {"seed": SEED, "share": SHARE}),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=8))
def test_edits_survive_json(documents):
    edits = parse_edits(json.dumps(documents))
    again = [one.as_dict() for one in edits]
    assert parse_edits(json.dumps(again)) == edits
    for document, one in zip(documents, again, strict=True):
        for key, value in one.items():  # what is written was given, in the same words
            assert document[key] == value
        left_out = {key: document[key] for key in document if key not in one}
        assert left_out.items() <= {"seed": None, "share": 1.0}.items()


@settings(max_examples=200, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=8))
def test_what_can_be_applied_stays_within_the_ranges(documents):
    base = Blobs(
        centres=torch.tensor([[0.2, 0.3], [0.5, 0.5], [0.7, 0.1]]),
        sizes=torch.tensor([0.1, 0.2, 0.3]),
        aspects=torch.tensor([1.0, 2.0, 0.5]),
        angles=torch.tensor([0.0, 0.4, 1.0]),
        ids=(0, 1, 2),
        rows=(0, 1, 2),
        sources=(Source(None, 1, 0.5),) * 3,
    )
    aim = {"target": 0, "with": 1, "targets": [2, 0, 1]}
    for document in documents:
        document = document | {key: value for key, value in aim.items() if key in document}
        try:
            layout = run(base, **document)
        except EditError:
            continue
        assert layout.centres.min() >= -0.2 - 1e-6 and layout.centres.max() <= 1.2 + 1e-6
        assert layout.sizes.min() >= 0.005 - 1e-9 and layout.sizes.max() <= 1
        assert layout.aspects.min() >= 0.1 - 1e-7 and layout.aspects.max() <= 10
        assert layout.angles.min() >= 0 and layout.angles.max() < math.pi + 1e-6
        assert {len(getattr(layout, f.name)) for f in fields(layout)[:11]} == {len(layout)}


def test_a_batch_of_new_ops_is_all_or_nothing(layout):
    edits = parse_edits(
        [
            {"op": "appearance", "seed": 3},
            {"op": "add", "row": 1, "x": 0.5, "y": 0.5, "size": 0.1, "aspect": 1.0, "angle": 0.0},
            {"op": "recolour", "target": 8, "colour": "#ff0000"},
            {"op": "mix", "target": 8, "share": 0.5},
        ]
    )
    with pytest.raises(EditError, match=r"^edit 4: element 8 has no second appearance"):
        apply_all(layout, edits)
    assert apply_all(layout, edits[:3]).colours[4] == (255, 0, 0)


def test_every_op_is_listed_once():
    assert len(OPS) == 26 and all(kind.op == name for name, kind in OPS.items())
