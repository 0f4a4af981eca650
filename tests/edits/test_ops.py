"""Edits: strict JSON, pure, reversible, stable numbers, locks."""

from __future__ import annotations

import json
import math
from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.edits import Edit, EditError, apply, apply_all, parse_edit, parse_edits
from spatial_edit.edits.blob_group import Align, Distribute, Group
from spatial_edit.edits.blob_presence import Hide, Lock, Remove, Reorder, Show, Unlock
from spatial_edit.edits.blob_shape import Draw, Move, Reshape, Resize, Rotate, Set
from spatial_edit.edits.blob_style import Mix, Opacity, Surface
from spatial_edit.edits.ops import OPS, next_number
from spatial_edit.layouts import Blobs, Source

OUTLINE = [[0.2, 0.2], [0.6, 0.25], [0.5, 0.5]]
BEST = {
    "set": {"x": 0.4, "angle": 1.0},
    "draw": {"points": OUTLINE},
    "opacity": {"value": 0.5},
    "restyle": {"row": 2, "seed": 5, "share": 0.25},
    "mix": {"share": 0.75},
    "recolour": {"colour": "#ff8000"},
    "swap": {"with": 0},
    "group": {"targets": [3, 1], "angle": 0.3},
    "align": {"targets": [3, 1], "edge": "left"},
    "distribute": {"targets": [3, 1, 0], "axis": "x"},
    "add": {"row": 2, "x": 0.5, "y": 0.6, "size": 0.1, "aspect": 2.0, "angle": 0.3, "seed": 9},
    "background": {"seed": 9, "share": 0.5},
    "surface": {"surface": "floor", "colour": "#102030"},
    "appearance": {"seed": 9},
    "move": {"dx": 0.1, "dy": -0.2},
    "resize": {"factor": 1.2},
    "rotate": {"angle": 0.3},
    "reshape": {"factor": 1.5},
    "reorder": {"to": 0},
    "clone": {"dx": 0.1, "dy": 0.0},
}


WHOLE = ("add", "background", "surface", "appearance")
SEVERAL = ("group", "align", "distribute")


def example(op, target=3):
    of = {} if op in WHOLE + SEVERAL else {"target": target}
    return {"op": op, **of, **BEST.get(op, {})}


@pytest.fixture
def layout():
    return Blobs(
        centres=torch.tensor([[0.2, 0.3], [0.5, 0.5], [0.7, 0.1], [0.4, 0.9]]),
        sizes=torch.tensor([0.1, 0.2, 0.3, 0.15]),
        aspects=torch.tensor([1.0, 2.0, 0.5, 1.3]),
        angles=torch.tensor([0.0, 0.4, 1.0, 3.0]),
        ids=(0, 1, 3, 7),
        rows=(4, 5, 6, 6),
        sources=(None, None, Source(None, 1, 0.5), None),
    )


def run(layout, **edit):
    return apply(layout, parse_edit(edit))


def near(a, b):
    assert (a.ids, a.rows, a.hidden, a.locked) == (b.ids, b.rows, b.hidden, b.locked)
    for name in ("centres", "sizes", "aspects"):
        assert torch.allclose(getattr(a, name), getattr(b, name), rtol=0, atol=1e-6)
    turn = (a.angles - b.angles + math.pi / 2).remainder(math.pi) - math.pi / 2
    assert turn.abs().max() <= 1e-6


@pytest.mark.parametrize("op", OPS)
def test_an_edit_survives_json(op):
    edit = parse_edit(json.dumps(example(op)))
    assert edit.op == op and parse_edit(edit.as_dict()) == edit and parse_edits([edit.as_dict()]) == (edit,)


@pytest.mark.parametrize("op", OPS)
def test_edits_are_pure_and_keep_shapes(layout, op):
    before = layout.select(list(range(4)))
    after = apply(layout, parse_edit(example(op)))
    assert layout.same(before)
    n = len(after)
    assert after.centres.shape == (
        n,
        2,
    ) and after.sizes.shape == after.aspects.shape == after.angles.shape == (n,)
    assert all(getattr(after, f.name).dtype == torch.float32 for f in fields(after)[:4])
    assert len(after.rows) == len(after.hidden) == len(after.locked) == n and len(set(after.ids)) == n


def test_each_op_changes_its_field_alone(layout):
    moved = run(layout, op="move", target=3, dx=0.1, dy=-0.05)
    assert torch.allclose(moved.centres[2], torch.tensor([0.8, 0.05]))
    assert torch.equal(moved.centres[[0, 1, 3]], layout.centres[[0, 1, 3]])
    assert run(layout, op="resize", target=1, factor=1.5).sizes[1].item() == pytest.approx(0.3)
    assert run(layout, op="rotate", target=7, angle=0.3).angles[3].item() == pytest.approx(
        3.3 - math.pi, abs=1e-6
    )
    reshaped = run(layout, op="reshape", target=1, factor=2.0)
    assert reshaped.aspects[1].item() == 4.0 and torch.equal(reshaped.sizes, layout.sizes)
    assert torch.allclose(reshaped.radii().prod(-1), layout.radii().prod(-1))
    assert run(layout, op="hide", target=0).hidden == (True, False, False, False)
    assert run(layout, op="lock", target=0).locked == (True, False, False, False)


def test_depth_and_numbers(layout):
    assert run(layout, op="reorder", target=7, to=0).ids == (7, 0, 1, 3)
    assert run(layout, op="reorder", target=0, to=3).ids == (1, 3, 7, 0)
    assert run(layout, op="remove", target=1).ids == (0, 3, 7)
    cloned = run(layout, op="clone", target=1, dx=0.1, dy=0.1)
    assert cloned.ids == (0, 1, 8, 3, 7) and cloned.rows == (4, 5, 5, 6, 6)
    assert torch.allclose(cloned.centres[2], torch.tensor([0.6, 0.6]))


def test_next_number(layout):
    assert next_number(layout) == 8
    assert next_number(layout.select([])) == 0
    assert next_number(Blobs(torch.zeros(3, 2), *[torch.ones(3)] * 3, ids=(0, 255, 2), rows=(0, 0, 0))) == 1


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 3), st.floats(-0.2, 0.2), st.floats(-0.1, 0.1), st.floats(0.5, 2.0), st.floats(-6.28, 6.28)
)
def test_there_and_back(index, dx, dy, factor, angle):
    layout = Blobs(
        centres=torch.tensor([[0.2, 0.3], [0.5, 0.5], [0.7, 0.1], [0.4, 0.9]]),
        sizes=torch.tensor([0.1, 0.2, 0.3, 0.15]),
        aspects=torch.tensor([1.0, 2.0, 0.5, 1.3]),
        angles=torch.tensor([0.0, 0.4, 1.0, 3.0]),
        ids=(0, 1, 3, 7),
        rows=(4, 5, 6, 6),
    )
    target = layout.ids[index]
    pairs = [
        (Move(target, dx=dx, dy=dy), Move(target, dx=-dx, dy=-dy)),
        (Resize(target, factor=factor), Resize(target, factor=1 / factor)),
        (Reshape(target, factor=factor), Reshape(target, factor=1 / factor)),
        (Rotate(target, angle=angle), Rotate(target, angle=-angle)),
    ]
    for there, back in pairs:
        near(apply_all(layout, (there, back)), layout)
    for to in range(4):
        moved = apply(layout, Reorder(target, to=to))
        assert apply(moved, Reorder(target, to=index)).same(layout)
    for there, back in ((Hide, Show), (Lock, Unlock)):
        assert apply_all(layout, (there(target), back(target))).same(layout)


@pytest.mark.parametrize("op", [op for op in OPS if op not in ("lock", "unlock", "clone", *WHOLE)])
def test_locked_elements_refuse(layout, op):
    locked = run(layout, op="lock", target=3)
    with pytest.raises(EditError, match=f"element 3 is locked: unlock it before you {op} it"):
        apply(locked, parse_edit(example(op)))
    apply(run(locked, op="unlock", target=3), parse_edit(example(op)))


def test_a_clone_of_a_locked_element_is_free(layout):
    cloned = run(run(layout, op="lock", target=3), op="clone", target=3, dx=0.0, dy=0.0)
    assert cloned.locked == (False, False, True, False, False)


@pytest.mark.parametrize(
    "edit",
    [
        {"op": "move", "target": 3, "dx": 0.6, "dy": 0.0},
        {"op": "move", "target": 3, "dx": 0.0, "dy": -0.4},
        {"op": "clone", "target": 3, "dx": 0.6, "dy": 0.0},
        {"op": "resize", "target": 3, "factor": 4.0},
        {"op": "resize", "target": 3, "factor": 0.01},
        {"op": "reshape", "target": 1, "factor": 6.0},
        {"op": "reshape", "target": 1, "factor": 0.04},
        {"op": "reorder", "target": 1, "to": 4},
        {"op": "hide", "target": 2},
    ],
)
def test_results_out_of_range_are_refused(layout, edit):
    with pytest.raises(EditError):
        apply(layout, parse_edit(edit))


def test_the_ends_of_the_ranges_are_allowed(layout):
    assert run(layout, op="move", target=1, dx=0.7, dy=-0.7).centres[1].tolist() == pytest.approx([1.2, -0.2])
    assert run(layout, op="resize", target=0, factor=10.0).sizes[0].item() <= 1.0
    assert run(layout, op="resize", target=0, factor=0.05).sizes[0].item() == pytest.approx(0.005)


def test_what_is_not_json_built_is_checked_too(layout):
    for edit in (
        Move(3, dx=math.nan, dy=0.0),
        Resize(3, factor=math.inf),
        Rotate(3, angle=math.nan),
        Reorder(3, to=-1),
        Opacity(3, math.nan),
        Mix(3, 1.5),
        Set(3),
        Set(3, x=math.nan),
        Group((3, 1), angle=math.inf),
        Align((3,), "up"),
        Distribute((3, 1, 0), "z"),
        Surface("wall", None),
        Draw(((0.1, 0.1), (math.nan, 0.2), (0.4, 0.4)), target=3),
    ):
        with pytest.raises(EditError):
            apply(layout, edit)


def test_an_array_is_all_or_nothing_and_names_the_culprit(layout):
    edits = parse_edits([example("move"), example("remove"), example("move")])
    with pytest.raises(EditError, match=r"^edit 3: there is no element 3"):
        apply_all(layout, edits)


def test_a_full_layout_takes_no_clone():
    full = Blobs(torch.zeros(64, 2), *[torch.ones(64)] * 3, ids=tuple(range(64)), rows=(0,) * 64)
    with pytest.raises(EditError, match="64"):
        run(full, op="clone", target=0, dx=0.0, dy=0.0)


def test_everything_may_be_removed(layout):
    empty = apply_all(layout, tuple(Remove(number) for number in layout.ids))
    assert len(empty) == 0 and empty.centres.shape == (0, 2) and len(empty.visible()) == 0


def test_gradients_flow(layout):
    layout.centres.requires_grad_()
    run(layout, op="move", target=3, dx=0.1, dy=0.0).centres.sum().backward()
    assert torch.equal(layout.centres.grad, torch.ones(4, 2))


MOVE = '{"op": "move", "target": 3, "dx": 0.1, "dy": 0.0}'


@pytest.mark.parametrize(
    "source",
    [
        "",
        "null",
        "7",
        '"move"',
        "[]",
        "[1]",
        "[[]]",
        f"[[{MOVE}]]",
        "{",
        "{}",
        MOVE + "x",
        "[" * 5000,
        "[" * 5000 + "]" * 5000,
        '{"op":' * 3000 + "1" + "}" * 3000,
        f"[{', '.join([MOVE] * 65)}]",
        " " * 64_000 + MOVE,
        MOVE.replace("0.1", "NaN"),
        MOVE.replace("0.1", "Infinity"),
        MOVE.replace("0.1", "-Infinity"),
        MOVE.replace("0.1", "1e999"),
        MOVE.replace("0.1", "1.5"),
        MOVE.replace("0.1", "true"),
        MOVE.replace("0.1", '"0.1"'),
        MOVE.replace("0.1", "null"),
        MOVE.replace("0.1", "[0.1]"),
        MOVE.replace("0.1", "9" * 5000),
        MOVE.replace("0.1", "-" + "9" * 400),
        MOVE.replace("3", "true"),
        MOVE.replace("3", "3.0"),
        MOVE.replace("3", "-1"),
        MOVE.replace("3", "256"),
        MOVE.replace("3", '"3"'),
        MOVE.replace("3", "9" * 3000),
        MOVE.replace('"dy": 0.0', '"dx": 0.1'),
        MOVE.replace(', "dy": 0.0', ""),
        MOVE.replace('"op": "move", ', ""),
        MOVE.replace('"target": 3, ', ""),
        MOVE.replace("}", ', "extra": 1}'),
        MOVE.replace("}", ', "\\ud800": 1}'),
        MOVE.replace("}", ', "target": 3}'),
        MOVE.replace('"move"', '"Move"'),
        MOVE.replace('"move"', '["move"]'),
        MOVE.replace('"move"', '{"a": 1}'),
        MOVE.replace('"move"', '"' + "x" * 9000 + '"'),
        '{"op": "remove", "target": 3, "dx": 0.1}',
        '{"op": "resize", "target": 3, "factor": 0}',
        '{"op": "resize", "target": 3, "factor": -1}',
        '{"op": "rotate", "target": 3, "angle": 7}',
        '{"op": "reorder", "target": 3, "to": 1.0}',
        '{"op": "reorder", "target": 3, "to": -1}',
        '{"op": "reorder", "target": 3, "to": false}',
    ],
)
def test_hostile_json_is_refused_with_one_sentence(source):
    with pytest.raises(EditError) as caught:
        parse_edits(source)
    assert 10 < len(str(caught.value)) < 300 and "\n" not in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize(
    "value", [None, 3, 1.5, b"{}", (), {1: 2}, {"op": {}}, {"op": "move", 3: 4}, [None], [{}], object()]
)
def test_hostile_objects_are_refused(value):
    with pytest.raises(EditError):
        parse_edits(value)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(list(OPS)),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["op", "target", "dx", "dy", "factor", "angle", "to"]) | st.text(max_size=3),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_raises_edit_error_alone(value):
    for source in (value, json.dumps(value)):
        try:
            edits = parse_edits(source)
        except EditError:
            continue
        assert all(isinstance(edit, Edit) for edit in edits)


def test_an_array_is_no_single_edit():
    for source in ([example("move")] * 2, json.dumps([example("move")])):
        with pytest.raises(EditError, match="array"):
            parse_edit(source)
