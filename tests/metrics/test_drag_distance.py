"""Pulls stay where a model has been seen, times count as the rules say, and where a patch ended is measured
without the drag's own tracker."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from spatial_edit.edits.drag import DragOptions, DragStep
from spatial_edit.layouts import Latent, Layout, Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.metrics import drag_distance
from spatial_edit.metrics.drag_distance import (
    MARGIN,
    NEAR,
    SPREAD,
    Outcome,
    Outcomes,
    Pull,
    Seen,
    anchors,
    draw_pulls,
    in_turn,
    seen,
    timed_drag,
)
from spatial_edit.metrics.movable import shifted
from spatial_edit.metrics.patches import Patches
from tests.metrics.test_moving import Textures

LENGTH = 60 / 256


class Faces(Textures):
    """One face anywhere in the middle of the picture; large ones lie further out."""

    def sample(self, seed: int, truncation: float = 0.0) -> Scene:
        draw = np.random.RandomState(seed)
        sigma = draw.uniform(0.2, 0.3)
        centre = 0.5 + draw.uniform(-1, 1, 2) * (0.02 if sigma < 0.23 else 0.2)
        centres = torch.from_numpy(np.stack([centre, centre + 0.1])).float()
        layout = Heatmaps(centres, torch.tensor([sigma, 0.1]), (0, 1), (0, 1))
        return Scene("textures", self.weights, layout, Latent(seed, 0.0, torch.zeros(1, 1), torch.zeros(0)))


def stepping(*states: str, wait: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)):
    """In place of `drag`: steps of these states, the last one with the scene shifted."""

    def steps(model: object, scene: Scene, points: object, mask: Tensor | None, options: DragOptions):
        assert not options.watch and options.picture_every == 0

        def told() -> Iterator[DragStep]:
            for number, state in enumerate(states):
                time.sleep(wait)
                last = number == len(states) - 1
                after = shifted(scene, 0, *shift) if last else None
                yield DragStep(number, torch.zeros(1, 2), 0.02, 0.0, state, scene=after)  # type: ignore[arg-type]

        return told()

    return steps


@pytest.mark.parametrize("length", [30 / 256, LENGTH])
def test_numbers_pulls_keep_to_what_the_model_has_shown(length: float) -> None:
    model = Faces()
    pulls = draw_pulls(model, length, 20, seed=5)
    assert len({pull.seed for pull in pulls}) == 20
    known = seen(model)
    for pull in pulls:
        assert pull.length == pytest.approx(length, abs=1e-6)
        assert all(MARGIN <= value <= 1 - MARGIN for value in (*pull.handle, *pull.target))
        centres, sizes = anchors(model.sample(pull.seed))
        assert len(centres) == 1, "the finer centre is no place to begin"
        x, y = centres[0].tolist()
        assert math.dist((x, y), pull.handle) <= SPREAD + 1e-6
        gone = (x + pull.target[0] - pull.handle[0], y + pull.target[1] - pull.handle[1])
        assert known.holds(gone, float(sizes[0]))
        if length == LENGTH:
            assert float(sizes[0]) > 0.2, "small faces have not been seen so far out"
    assert [p.target for p in draw_pulls(model, length, 20, seed=5)] == [p.target for p in pulls]


def test_numbers_seen_is_about_place_and_size() -> None:
    known = Seen(torch.tensor([[0.3, 0.5]]), torch.tensor([0.2]))
    assert known.holds((0.3 + 0.9 * NEAR, 0.5), 0.2) and known.holds((0.3, 0.5), 0.215)
    assert not known.holds((0.3 + 1.1 * NEAR, 0.5), 0.2) and not known.holds((0.3, 0.5), 0.24)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"of 100 scenes only 0 can be dragged by 1\.50 of the side"):
        draw_pulls(Faces(), 1.5, 2)
    bare = Textures(layout=Layout())
    with pytest.raises(ValueError, match="no centres to start a drag from"):
        seen(bare, 2)
    with pytest.raises(ValueError, match="no drags"):
        Outcomes().figures()


def test_numbers_a_drag_that_ends_early_counts_as_all_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pull = Faces(), Pull(3, (0.4, 0.4), (0.6, 0.4))
    options = DragOptions(steps=50)
    monkeypatch.setattr(drag_distance, "drag", stepping(*["running"] * 3, "arrived", wait=0.01))
    done = timed_drag(model, pull, options)
    assert done.arrived and done.steps == 3 and len(done.each) == 3 and 0.04 <= done.seconds < 0.2
    monkeypatch.setattr(drag_distance, "drag", stepping(*["running"] * 3, "diverged", wait=0.01))
    failed = timed_drag(model, pull, options)
    assert not failed.arrived and failed.steps == 50
    assert failed.seconds >= 0.5, "47 steps more, at 0.01 s each"


def test_numbers_refound_does_not_believe_the_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps say 0.02 of the side both times; what the handle held went there once and stayed once."""
    model, patches = Faces(), Patches.judge()
    number = next(s for s in range(99) if 0.4 < float(model.sample(s).layout.centres[0, 0]) < 0.5)  # type: ignore
    x, y = model.sample(number).layout.centres[0].tolist()  # type: ignore[attr-defined]
    pull = Pull(number, (x, y), (x + 0.15, y))
    for shift, away in (((0.15, 0.0), 0.0), ((0.0, 0.0), 0.15), ((0.05, 0.0), 0.1)):
        monkeypatch.setattr(drag_distance, "drag", stepping("running", "arrived", shift=shift))
        outcome = timed_drag(model, pull, DragOptions(), patches)
        assert outcome.distance == 0.02
        assert outcome.refound == pytest.approx(away, abs=0.02)


def test_numbers_figures_are_means_of_all_misses_included() -> None:
    one = Outcome(Pull(0, (0.1, 0.1), (0.2, 0.1)), 10, 1.0, (0.1, 0.3), 0.02, True, 0.04)
    figures = Outcomes(
        [one, replace(one, steps=300, seconds=5.0, distance=0.08, arrived=False, refound=None)]
    )
    assert figures.figures() == {
        "seconds": 3.0, "seconds_median": 3.0, "steps": 155.0, "steps_median": 155.0, "misses": 1,
        "distance": 0.05, "distance_median": 0.05, "lost": 1, "refound": 0.04, "refound_median": 0.04,
        "step_seconds": 0.2,
    }  # fmt: skip


def test_numbers_methods_take_turns_on_the_same_pulls(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, int]] = []

    def note(model: object, pull: Pull, options: DragOptions, patches: object) -> Outcome:
        order.append((options.mode, pull.seed))
        return Outcome(pull, 1, 1.0, (), 0.0, True)

    monkeypatch.setattr(drag_distance, "timed_drag", note)
    pulls = [Pull(seed, (0.1, 0.1), (0.2, 0.1)) for seed in (4, 7)]
    methods = {"a": (Faces(), DragOptions(mode="latent")), "b": (Faces(), DragOptions(mode="joint"))}
    result = in_turn(methods, pulls)
    assert order == [("latent", 4), ("joint", 4), ("joint", 7), ("latent", 7)]
    assert [[one.pull.seed for one in result[name].all] for name in "ab"] == [[4, 7], [4, 7]]
