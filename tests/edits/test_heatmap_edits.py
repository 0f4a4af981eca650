"""Edits of heatmaps: what follows a moved centre, sigma 0, detached centres, appearances of other seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spatial_edit.edits import EditError, apply, apply_all, arrange, parse_edit, parse_edits
from spatial_edit.layouts.heatmaps import CENTRE_RANGE, Heatmaps
from spatial_edit.layouts.layout import Layout


def hierarchy() -> Heatmaps:
    """A face, two eyes, ears, nose and chest."""
    centres = [[0.5, 0.5], [0.4, 0.45], [0.6, 0.45], [0.25, 0.2], [0.75, 0.2], [0.5, 0.65], [0.5, 0.9]]
    return Heatmaps(
        torch.tensor(centres),
        torch.tensor([0.25, 0.07, 0.07, 0.09, 0.09, 0.09, 0.09]),
        (0, 1, 1, 2, 2, 2, 2),
        tuple(range(7)),
    )


def objects() -> Heatmaps:
    return Heatmaps(
        torch.tensor([[0.3, 0.7], [0.2, 0.2], [0.8, 0.3]]),
        torch.tensor([0.2, 0.1, 0.1]),
        (0, 0, 0),
        (0, 1, 2),
    )


def run(layout: Layout, **edit: object) -> Heatmaps:
    result = apply(layout, parse_edit(edit, layout.kind))
    assert isinstance(result, Heatmaps)
    return result


def steps(before: Heatmaps, after: Heatmaps) -> list[bool]:
    """Which centres have moved."""
    return (after.centres != before.centres).any(1).tolist()


def test_finer_levels_follow_the_root():
    layout = hierarchy()
    after = run(layout, op="move", target=0, dx=0.1, dy=-0.05)
    assert torch.allclose(after.centres - layout.centres, torch.tensor([0.1, -0.05]).expand(7, 2), atol=1e-6)
    assert replace(after, centres=layout.centres).same(layout)
    placed = run(layout, op="set", target=0, x=0.6, y=0.45)
    assert torch.allclose(placed.centres, after.centres, atol=1e-6)


def test_a_centre_among_others_of_its_level_moves_by_itself():
    layout = hierarchy()
    for target in range(1, 7):
        after = run(layout, op="move", target=target, dx=0.1, dy=0.0)
        assert steps(layout, after) == [k == target for k in range(7)]
    assert steps(objects(), run(objects(), op="move", target=0, dx=0.1, dy=0.0)) == [True, False, False]


def test_alone_detached_and_locked_ones_stay():
    layout = hierarchy()
    alone = run(layout, op="move", target=0, dx=0.1, dy=0.0, alone=True)
    assert steps(layout, alone) == [True] + [False] * 6
    assert steps(layout, run(layout, op="set", target=0, x=0.6, alone=True)) == [True] + [False] * 6
    parted = run(run(layout, op="detach", target=1), op="lock", target=5)
    assert parted.followers(0) == (2, 3, 4, 6)
    after = run(parted, op="move", target=0, dx=0.1, dy=0.0)
    assert steps(layout, after) == [True, False, True, True, True, False, True]
    joined = run(run(after, op="attach", target=1), op="unlock", target=5)
    assert joined.followers(0) == (1, 2, 3, 4, 5, 6)


def test_a_middle_centre_that_is_alone_leads_the_finer_ones():
    layout = run(run(hierarchy(), op="remove", target=2), op="remove", target=0)
    after = run(layout, op="move", target=1, dx=0.1, dy=0.0)
    assert steps(layout, after) == [True] * 5


def test_followers_stop_at_the_border_and_the_target_says_so():
    layout = run(hierarchy(), op="set", target=6, x=CENTRE_RANGE[1] - 0.1)
    after = run(layout, op="move", target=0, dx=0.4, dy=0.0)
    assert after.centres[6, 0] == CENTRE_RANGE[1] and after.centres[0, 0] == pytest.approx(0.9)
    with pytest.raises(EditError, match="the place of centre 0"):
        run(layout, op="move", target=0, dx=1.6, dy=0.0)


@given(st.integers(0, 6), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_moved_and_moved_back(target, dx, dy):
    layout = hierarchy()
    there = run(layout, op="move", target=target, dx=dx, dy=dy)
    back = run(there, op="move", target=target, dx=-dx, dy=-dy)
    assert torch.allclose(back.centres, layout.centres, atol=1e-6)
    assert replace(back, centres=layout.centres).same(layout)


def test_a_live_layout_is_what_the_release_commits():
    layout, edit = hierarchy(), {"op": "move", "target": 0, "dx": 0.1, "dy": 0.1}
    live = arrange(layout, {"edits": [edit]})
    assert live.same(apply_all(layout, parse_edits([edit], "heatmaps")))


def test_sigma_nought_removes_and_raising_it_brings_back():
    layout = objects()
    gone = run(layout, op="set", target=1, sigma=0)
    assert gone.hidden == (False, True, False) and torch.equal(gone.sigmas, layout.sigmas)
    assert run(gone, op="show", target=1).same(layout)
    back = run(gone, op="set", target=1, sigma=0.15)
    assert back.hidden == (False,) * 3 and back.sigmas[1].item() == pytest.approx(0.15)
    with pytest.raises(EditError, match=r"use 0 for none, or 0\.01 to 1"):
        run(layout, op="set", target=1, sigma=0.004)
    for sigma in (-0.1, 1.1, float("nan"), True, "0"):
        with pytest.raises(EditError):
            run(layout, op="set", target=1, sigma=sigma)


def test_replace_gives_an_object_another_code_and_a_hierarchy_another_whole():
    one = run(objects(), op="replace", target=2, seed=7)
    assert one.looks == (None, None, 7) and one.appearance is None and one.seeds() == (7,)
    assert run(one, op="replace", target=2, seed=None).same(objects())
    whole = run(hierarchy(), op="replace", target=2, seed=7)
    assert whole.looks == (None,) * 7 and whole.appearance == 7 and not whole.is_plain
    assert run(whole, op="replace", target=2, seed=None).same(hierarchy())


def test_an_appearance_is_for_all_but_locked_looks():
    dressed = run(run(objects(), op="replace", target=0, seed=4), op="replace", target=2, seed=7)
    locked = run(dressed, op="lock", target=2)
    after = run(locked, op="appearance", seed=9, noise=True)
    assert (after.looks, after.appearance, after.noise) == ((None, None, 7), 9, True)
    assert after.seeds() == (7, 9)
    plain = run(run(after, op="unlock", target=2), op="appearance", seed=None)
    assert plain.same(objects())


def test_elements_keep_what_is_theirs():
    layout = run(run(hierarchy(), op="detach", target=3), op="appearance", seed=9)
    layout = replace(layout, looks=(None, None, None, 5, None, None, None))
    moved = run(layout, op="reorder", target=3, to=0)
    assert moved.detached == (True,) + (False,) * 6 and moved.looks == (5,) + (None,) * 6
    assert moved.appearance == 9
    gone = run(layout, op="remove", target=3)
    assert gone.is_plain is False and gone.detached == (False,) * 6 and gone.looks == (None,) * 6
    more = run(layout, op="add", level=1, x=0.5, y=0.5, sigma=0.1)
    assert (more.detached[7], more.looks[7], more.appearance) == (False, None, 9)
    assert run(layout, op="clone", target=3, dx=0.1, dy=0.0).looks[7] == 5


@pytest.mark.parametrize(
    "edit, words",
    [
        ({"op": "detach", "target": 0}, "coarsest level"),
        ({"op": "detach", "target": 9}, "there is no element 9"),
        ({"op": "move", "target": 0, "dx": 0.1, "dy": 0.1, "alone": 1}, "alone"),
        ({"op": "set", "target": 0, "alone": True}, "set changes nothing: send x, y, sigma or level"),
        ({"op": "replace", "target": 1}, "lacks seed"),
        ({"op": "replace", "target": 1, "seed": -1}, "seed"),
        ({"op": "replace", "target": 1, "seed": 2**32}, "seed"),
        ({"op": "replace", "target": 1, "seed": 1.5}, "seed"),
        ({"op": "appearance"}, "lacks seed"),
        ({"op": "appearance", "seed": None, "noise": True}, "name the seed"),
        ({"op": "appearance", "seed": 1, "share": 0.5}, "unknown key"),
        ({"op": "set", "target": 0, "x": 2.5}, "x"),
    ],
)
def test_refused_with_one_sentence(edit, words):
    with pytest.raises(EditError, match=words) as caught:
        apply(hierarchy(), parse_edit(edit, "heatmaps"))
    assert "\n" not in str(caught.value)


def test_locked_centres_keep_their_places_and_looks():
    layout = run(hierarchy(), op="lock", target=1)
    for edit in ({"op": "detach"}, {"op": "attach"}, {"op": "replace", "seed": 3}, {"op": "set", "sigma": 0}):
        with pytest.raises(EditError, match="element 1 is locked"):
            run(layout, target=1, **edit)
