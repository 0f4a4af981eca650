"""Pairs of elements against those of real layouts, on sets whose differences are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spatial_edit.generators.registry import CHECKPOINTS
from spatial_edit.layouts import Blobs
from spatial_edit.metrics.completion import RealPairs, half_of, offsets_of, randomly_filled
from spatial_edit.metrics.evaluate import read


def blobs(*elements: tuple[int, float, float, float]) -> Blobs:
    numbers = torch.tensor([e[1:] for e in elements]).reshape(-1, 3)
    n = len(elements)
    ids = tuple(range(n))
    rows = tuple(e[0] for e in elements)
    return Blobs(numbers[:, :2], numbers[:, 2], torch.ones(n), torch.zeros(n), ids, rows)


def rooms(count: int, seed: int, spread: float = 0.02, shift: float = 0.0) -> list[Blobs]:
    """Class 0 anywhere, class 1 about 0.2 to its right, class 2 anywhere in half of the rooms."""
    random = np.random.RandomState(seed)
    layouts = []
    for _ in range(count):
        x, y, z = random.uniform(0.2, 0.6, 3)
        parts = [(0, x, y, 0.1), (1, x + 0.2 + shift + spread * random.standard_normal(), y, 0.1)]
        if random.uniform() < 0.5:
            parts.append((2, z, 0.5, 0.2))
        layouts.append(blobs(*parts))
    return layouts


def test_numbers_offsets_are_of_pairs_by_class():
    found = offsets_of([blobs((3, 0.5, 0.5, 0.2), (1, 0.1, 0.2, 0.1), (1, 0.2, 0.2, 0.1))])
    assert set(found) == {(1, 1), (1, 3)} and len(found[1, 3]) == 2
    assert found[1, 3][0].tolist() == pytest.approx([-0.4, -0.3, float(np.log(0.5))], abs=1e-6)


def test_numbers_equal_rooms_are_near_nought_and_broken_ties_are_not():
    real = RealPairs(rooms(400, 0))
    same, loose = real.distance(rooms(100, 1)), real.distance(rooms(100, 2, spread=0.2))
    assert abs(same["pairwise"]) < 0.05 and same["together"] < 0.15
    assert loose["pairwise"] > 10 * abs(same["pairwise"]) + 0.2
    assert real.distance(rooms(100, 3, shift=0.05))["pairwise"] > 0.2


def test_numbers_missing_elements_show_in_how_often_pairs_are_together():
    real = RealPairs(rooms(400, 0))
    short = [layout.select([0, 1]) for layout in rooms(100, 1)]
    assert real.distance(short)["together"] == pytest.approx(0.5, abs=0.05)  # 1 of 2 pairs on average


def test_halves_and_fillings():
    random = np.random.RandomState(0)
    others = rooms(20, 5)
    layout = blobs((0, 0.1, 0.1, 0.1), (1, 0.2, 0.2, 0.1), (5, 0.3, 0.3, 0.1))
    half = half_of(layout, random)
    assert len(half) == 2 and set(half.ids) < set(layout.ids)
    full = randomly_filled(half.select([0]), 3, others, random)
    assert len(full) == 3 and len(set(full.rows)) == 3 and len(set(full.ids)) == 3


def test_errors_say_when_too_few_are_given():
    with pytest.raises(ValueError, match="give more"):
        RealPairs(rooms(5, 0))


def test_the_bundled_model_completes_well_enough():
    """What `evaluate blobgan-rooms --stage completion` found and wrote."""
    figures = read(CHECKPOINTS / "blobgan-rooms" / "metrics.json")
    assert figures["completion_layouts"] == 100 and float(figures["completion_seconds"]) <= 5
    assert float(figures["completion_pairwise"]) <= 0.5 * float(figures["completion_pairwise_random"])
