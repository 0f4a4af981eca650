"""Edits of heatmaps, boxes, segments, blocks and points."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.edits import EditError, apply, apply_all, arrange, parse_edit, parse_edits
from spatial_edit.edits.plain import PLAIN_OPS
from spatial_edit.edits.segment_ops import filled, inside_outline, shifted
from spatial_edit.layouts.segments import VOID, to_runs
from tests.ui.fake_kinds import SAMPLES

OUTLINE = [[0.5, 0.1], [0.9, 0.1], [0.9, 0.4]]
BEST = {
    "heatmaps": {
        "move": {"dx": 0.1, "dy": -0.1},
        "resize": {"factor": 1.5},
        "set": {"x": 0.3, "sigma": 0.2, "level": 2},
        "add": {"level": 1, "x": 0.5, "y": 0.5, "sigma": 0.1},
        "clone": {"dx": 0.1, "dy": 0.1},
        "reorder": {"to": 3},
        "replace": {"seed": 7},
        "appearance": {"seed": 8, "noise": True},
    },
    "boxes": {
        "move": {"dx": 0.1, "dy": -0.1},
        "resize": {"factor": 0.5},
        "set": {"width": 0.2, "label": "van"},
        "add": {"label": "bike", "x": 0.5, "y": 0.5, "width": 0.1, "height": 0.2},
        "clone": {"dx": 0.1, "dy": 0.1},
        "reorder": {"to": 0},
    },
    "segments": {
        "paint": {"runs": [0, 3, 20, 2]},
        "draw": {"points": OUTLINE},
        "move": {"dx": 0.125, "dy": 0.0},
        "set": {"label": "sofa"},
    },
    "blocks": {"reseed": {"targets": [2, 7], "seed": 9}, "swap": {"with": 7}},
    "points": {
        "move": {"end": "target", "dx": 0.1, "dy": 0.0},
        "set": {"x": 0.2, "to_y": 0.9},
        "add": {"x": 0.1, "y": 0.1, "to_x": 0.9, "to_y": 0.9},
    },
}
ALL = [(kind, op) for kind, ops in PLAIN_OPS.items() for op in ops]


def example(kind, op, target=2):
    of = {} if op in ("add", "reseed", "appearance") else {"target": target}
    return {"op": op, **of, **BEST[kind].get(op, {})}


def run(layout, **edit):
    return apply(layout, parse_edit(edit, layout.kind))


def changed(before, after):
    """The names of the fields that differ."""
    pairs = ((f.name, getattr(before, f.name), getattr(after, f.name)) for f in fields(before))
    return {
        name for name, a, b in pairs if not (torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b)
    }


@pytest.mark.parametrize("kind, op", ALL)
def test_an_edit_survives_json_and_is_pure(kind, op):
    layout, before = SAMPLES[kind](), SAMPLES[kind]()
    edit = parse_edit(json.dumps(example(kind, op)), kind)
    assert parse_edits([edit.as_dict()], kind) == (edit,)
    after = apply(layout, edit)
    assert layout.same(before) and (not after.same(before) or op in ("show", "unlock", "attach"))
    assert len(set(after.ids)) == len(after.ids) == len(after.hidden) == len(after.locked)


@pytest.mark.parametrize("kind, op", ALL)
def test_locked_elements_refuse(kind, op):
    if op in ("lock", "unlock", "add", "clone", "appearance"):
        return
    locked = run(SAMPLES[kind](), op="lock", target=2)
    with pytest.raises(EditError, match=f"element 2 is locked: unlock it before you {op} it"):
        run(locked, **example(kind, op))
    run(run(locked, op="unlock", target=2), **example(kind, op))


def test_heatmap_centres():
    layout = SAMPLES["heatmaps"]()
    moved = run(layout, op="move", target=1, dx=0.1, dy=-0.2)
    assert changed(layout, moved) == {"centres"} and moved.centres[1].tolist() == pytest.approx([0.5, 0.2])
    wider = run(layout, op="resize", target=1, factor=2.0)
    assert changed(layout, wider) == {"sigmas"} and wider.sigmas[1].item() == pytest.approx(0.2)
    finer = run(layout, op="set", target=1, level=2)
    assert changed(layout, finer) == {"levels"} and finer.levels == (0, 2, 1, 2)
    added = run(layout, op="add", level=1, x=0.5, y=0.5, sigma=0.1)
    assert (added.ids[4], added.levels[4]) == (4, 1)
    copy = run(run(layout, op="lock", target=1), op="clone", target=1, dx=0.1, dy=0.0)
    assert copy.centres[4].tolist() == pytest.approx([0.5, 0.4]) and not copy.locked[4]


def test_boxes():
    layout = SAMPLES["boxes"]()
    grown = run(layout, op="resize", target=1, factor=2.0)
    assert changed(layout, grown) == {"extents"} and grown.extents[1].tolist() == pytest.approx([0.6, 0.4])
    placed = run(layout, op="set", target=1, x=0.2, height=0.5)
    assert placed.corners()[1].tolist() == pytest.approx([0.05, 0.4, 0.35, 0.9])
    assert run(layout, op="set", target=1, label="van").labels == ("bus", "van", "person")
    assert run(layout, op="reorder", target=0, to=2).ids == (1, 2, 0)


def test_painting_takes_cells_from_others_but_locked_ones():
    layout = run(SAMPLES["segments"](), op="lock", target=2)  # the painting: rows 3 and 4, columns 11 and 12
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[2:5, 9:12] = True
    after = run(layout, op="paint", target=1, runs=to_runs(mask))
    assert (after.cells[2, 9:12] == 1).all() and (after.cells[3:5, 9:11] == 1).all()
    assert (after.cells[3:5, 11] == 2).all() and changed(layout, after) == {"cells"}
    drawn = run(layout, op="draw", points=[[0, 0], [0.25, 0], [0.25, 0.25], [0, 0.25]], label="lamp")
    assert drawn.labels[5] == "lamp" and (drawn.cells == 5).sum() == 16 and (drawn.cells[:4, :4] == 5).all()


def test_a_moved_segment_leaves_no_hole():
    layout = SAMPLES["segments"]()
    after = run(layout, op="move", target=2, dx=-0.25, dy=0.0625)
    assert torch.equal(after.cells == 2, shifted(layout.cells == 2, 1, -4))
    assert (after.cells != VOID).all() and (after.cells[3, 11:13] == 0).all()
    cut = run(layout, op="move", target=1, dx=-0.3125, dy=0.0)
    assert 0 < (cut.cells == 1).sum() < (layout.cells == 1).sum()
    gone = run(layout, op="remove", target=3)
    assert gone.ids == (0, 1, 2, 4) and (gone.cells != VOID).all()
    assert gone.cells[9, 8] == 0 and gone.cells[12, 8] == 4  # the wall above comes down, the floor comes up
    with pytest.raises(EditError, match="leave the picture"):
        run(layout, op="move", target=2, dx=0.9, dy=0.0)


def test_a_hole_goes_to_the_nearest():
    cells = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 2], [VOID, 1, 1, 2], [1, 1, 1, 2]])
    hole = torch.zeros(4, 4, dtype=torch.bool)
    hole[2, 0] = hole[1, 2] = True
    nobody = torch.tensor([], dtype=torch.int64)
    assert filled(cells, hole, nobody)[2, 0] == 1 and filled(cells, hole, nobody)[1, 2] in (1, 2)
    assert filled(cells, hole, torch.tensor([1]))[2, 0] == 2
    assert (filled(cells, torch.ones(4, 4, dtype=torch.bool), nobody) == VOID).all()


def test_the_cells_inside_an_outline():
    import numpy as np

    square = inside_outline(np.array([[0.25, 0.25], [0.75, 0.25], [0.75, 0.5], [0.25, 0.5]]), 8)
    wanted = torch.zeros(8, 8, dtype=torch.bool)
    wanted[2:4, 2:6] = True
    assert torch.equal(square, wanted)
    disc = np.array([[0.5 + 0.4 * np.cos(t), 0.5 + 0.4 * np.sin(t)] for t in np.linspace(0, 6.28, 64)])
    assert inside_outline(disc, 64).float().mean().item() == pytest.approx(np.pi * 0.16, abs=0.01)


def test_blocks():
    layout = SAMPLES["blocks"]()  # number 5 is locked
    fresh = run(layout, op="reseed", targets=[2, 7], seed=9)
    assert [k for k in range(12) if fresh.seeds[k] != layout.seeds[k]] == [2, 7] and fresh.seeds[2] == 9
    swapped = run(layout, **{"op": "swap", "target": 0, "with": 11})
    assert (swapped.seeds[0], swapped.seeds[11]) == (111, 100)
    for edit in ({"op": "reseed", "targets": [2, 5], "seed": 9}, {"op": "swap", "target": 0, "with": 5}):
        with pytest.raises(EditError, match="element 5 is locked"):
            run(layout, **edit)


def test_points():
    layout = SAMPLES["points"]()
    for end, names in (("handle", {"handles"}), ("target", {"targets"}), ("both", {"handles", "targets"})):
        assert changed(layout, run(layout, op="move", target=1, end=end, dx=0.1, dy=0.1)) == names
    after = run(layout, op="set", target=1, x=0.1, to_y=0.9)
    assert after.handles[1].tolist() == pytest.approx([0.1, 0.5])
    assert after.targets[1].tolist() == pytest.approx([0.65, 0.9])


@pytest.mark.parametrize(
    "kind, edit",
    [
        ("heatmaps", {"op": "move", "target": 0, "dx": 1.6, "dy": 0.0}),
        ("heatmaps", {"op": "resize", "target": 0, "factor": 100}),
        ("heatmaps", {"op": "set", "target": 0}),
        ("heatmaps", {"op": "set", "target": 0, "level": 3}),
        ("heatmaps", {"op": "rotate", "target": 0, "angle": 1}),
        ("heatmaps", {"op": "hide", "target": 9}),
        ("heatmaps", {"op": "reorder", "target": 0, "to": 4}),
        ("boxes", {"op": "set", "target": 0, "label": "<b>"}),
        ("boxes", {"op": "set", "target": 0, "width": 0}),
        ("boxes", {"op": "add", "label": "x", "x": 0.5, "y": 0.5, "width": 0.1}),
        ("segments", {"op": "paint", "target": 0, "runs": [0, 300]}),
        ("segments", {"op": "paint", "target": 0, "runs": [0, 1, 1, 1]}),
        ("segments", {"op": "paint", "target": 0, "runs": [0.5, 1]}),
        ("segments", {"op": "draw", "points": OUTLINE}),
        ("segments", {"op": "draw", "points": OUTLINE, "target": 0, "label": "x"}),
        ("segments", {"op": "draw", "points": [[0.1, 0.1], [0.11, 0.1], [0.1, 0.11]], "target": 0}),
        ("segments", {"op": "clone", "target": 0, "dx": 0.1, "dy": 0.1}),
        ("blocks", {"op": "hide", "target": 0}),
        ("blocks", {"op": "remove", "target": 0}),
        ("blocks", {"op": "swap", "target": 0, "with": 0}),
        ("blocks", {"op": "reseed", "targets": [0], "seed": None}),
        ("blocks", {"op": "reseed", "targets": [12], "seed": 1}),
        ("points", {"op": "move", "target": 0, "end": "middle", "dx": 0.1, "dy": 0}),
        ("points", {"op": "move", "target": 0, "end": "both", "dx": 0.9, "dy": 0}),
        ("points", {"op": "set", "target": 0, "x": -0.1}),
    ],
)
def test_refused_with_one_sentence(kind, edit):
    with pytest.raises(EditError) as caught:
        run(SAMPLES[kind](), **edit)
    assert "\n" not in str(caught.value) and len(str(caught.value)) > 15


def test_an_edit_belongs_to_its_kind():
    for kind, other in (("heatmaps", "boxes"), ("boxes", "heatmaps"), ("points", "segments")):
        edit = parse_edit(example(kind, "set"), kind)
        with pytest.raises(EditError, match=f"not for a layout of kind '{other}'"):
            apply(SAMPLES[other](), edit)


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_live_layout_is_what_its_edits_make(kind):
    layout = SAMPLES[kind]()
    edits = [example(kind, op) for op in BEST[kind] if op != "add"][:2]
    live = arrange(layout, {"edits": edits})
    assert live.same(apply_all(layout, parse_edits(edits, kind))) and not live.same(layout)
    assert arrange(layout, {"edits": []}) is layout
    for wrong in (
        [],
        {},
        {"edits": None},
        {"edits": [{}]},
        {"edits": edits, "more": 1},
        {"edits": edits * 40},
    ):
        with pytest.raises(EditError):
            arrange(layout, wrong)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.integers(-16, 16), st.integers(-16, 16), st.data())
def test_segments_stay_a_partition(target, right, down, data):
    layout = SAMPLES["segments"]()
    fixed = data.draw(st.sets(st.integers(0, 4)))
    layout = replace(layout, locked=tuple(k in fixed for k in range(5)))
    try:
        after = run(layout, op="move", target=target, dx=right / 16, dy=down / 16)
    except EditError:
        return
    void = {VOID} if fixed >= {0, 1, 2, 3, 4} - {target} else set()
    assert set(after.cells.unique().tolist()) <= {*after.ids} | void
    for k in fixed:
        assert torch.equal(layout.cells == k, after.cells == k)
