"""History: undo, redo, branches, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial_edit.edits.history import MAX_BRANCHES, MAX_STEPS, History


def test_undo_redo():
    history = History().commit("a").commit("b").commit("c")
    assert history.undo().present == "b" and history.undo().undo().present == "a"
    assert history.undo().redo() == history
    assert not history.undo().undo().can_undo and not history.can_redo


def test_nothing_to_undo_or_redo():
    for history in (History(), History().commit("a")):
        with pytest.raises(ValueError, match="nothing to undo"):
            history.undo()
        with pytest.raises(ValueError, match="nothing to redo"):
            history.redo()


def test_a_left_future_is_a_branch():
    history = History().commit("a").commit("b").commit("c").undo().undo().commit("d")
    assert history.branches == ("c",) and not history.can_redo
    taken = history.take_branch(0)
    assert taken.present == "c" and taken.undo().present == "d" and taken.branches == ()
    for index in (-1, 1):
        with pytest.raises(ValueError, match="no branch"):
            history.take_branch(index)


def test_bounds():
    history = History()
    for i in range(3 * MAX_STEPS):
        history = history.commit(i)
    assert len(history.past) + 1 == MAX_STEPS and history.present == 3 * MAX_STEPS - 1
    for i in range(3 * MAX_BRANCHES):
        history = history.undo().commit(-i)
    assert len(history.branches) == MAX_BRANCHES


@given(st.lists(st.sampled_from(["commit", "undo", "redo"]), max_size=60))
def test_behaves_as_a_list_with_a_cursor(actions):
    history, steps, at = History().commit(0), [0], 0
    for i, action in enumerate(actions, 1):
        if action == "commit":
            steps = [*steps[: at + 1], i]
            at, history = at + 1, history.commit(i)
        elif action == "undo" and at > 0:
            at, history = at - 1, history.undo()
        elif action == "redo" and at + 1 < len(steps):
            at, history = at + 1, history.redo()
        assert [*history.past, history.present, *history.future] == steps and history.present == steps[at]


def test_goto_moves_along_the_steps_and_loses_none():
    history = History().commit("a").commit("b").commit("c").undo()
    assert history.steps == ("a", "b", "c")
    for index, step in enumerate(history.steps):
        there = history.goto(index)
        assert there.present == step and there.steps == history.steps and there.branches == ()
    assert history.goto(0).redo().present == "b" and history.goto(2).undo().present == "b"
    for index in (-1, 3):
        with pytest.raises(ValueError, match="no step"):
            history.goto(index)
