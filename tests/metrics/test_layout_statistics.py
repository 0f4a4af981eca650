"""Distances between sets of layouts whose differences are known."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.layouts import Blobs
from spatial_edit.metrics.layout_statistics import layout_distance, tabulate, wasserstein


def blobs(*elements: tuple[int, float, float, float], hidden: tuple[bool, ...] = ()) -> Blobs:
    numbers = torch.tensor([e[1:] for e in elements]).reshape(-1, 3)
    count = len(elements)
    rows = tuple(e[0] for e in elements)
    return Blobs(
        numbers[:, :2],
        numbers[:, 2],
        torch.ones(count),
        torch.zeros(count),
        tuple(range(count)),
        rows,
        hidden,
    )


def rooms(count: int, seed: int, shift: float = 0.0, tied: bool = True) -> list[Blobs]:
    """Class 0 anywhere in x, class 1 a fixed 0.2 to its right (`tied`) or anywhere too."""
    random = torch.Generator().manual_seed(seed)
    draws = torch.rand(count, 2, generator=random) * 0.5 + shift
    return [
        blobs((0, x, 0.5, 0.1), (1, (x if tied else other) + 0.2, 0.5, 0.1)) for x, other in draws.tolist()
    ]


def test_numbers_wasserstein() -> None:
    values = torch.linspace(0, 1, 101)
    assert wasserstein(values, values.flip(0)) == 0.0
    assert wasserstein(values, values + 0.3) == pytest.approx(0.3, abs=1e-6)
    assert wasserstein(values, torch.zeros(50)) == pytest.approx(0.5, abs=1e-3)


def test_numbers_equal_sets_are_at_zero() -> None:
    result = layout_distance(rooms(50, 0), rooms(50, 0)[::-1])
    assert set(result.values()) == {0.0}


def test_numbers_a_shift_shows_in_the_marginals_alone() -> None:
    result = layout_distance(rooms(400, 0), rooms(400, 0, shift=0.1))
    assert result["x"] == pytest.approx(0.1, abs=1e-5)
    assert result["pairwise"] == pytest.approx(0, abs=1e-6) and result["y"] == 0.0
    assert result["marginal"] == pytest.approx(0.1 / 4, abs=1e-5)


def test_numbers_a_broken_tie_shows_in_the_pairs() -> None:
    result = layout_distance(rooms(400, 0), rooms(400, 1, tied=False))
    assert result["dx"] > 0.1 and result["x"] < 0.04  # |difference of two uniforms of width 1/2| has mean 1/6
    assert result["dy"] == 0.0


def test_numbers_presence_and_size() -> None:
    full = [blobs((0, 0.5, 0.5, 0.1), (1, 0.2, 0.2, 0.1))] * 30
    half = [blobs((0, 0.5, 0.5, 0.2))] * 15 + [blobs((0, 0.5, 0.5, 0.2), (1, 0.2, 0.2, 0.1))] * 15
    result = layout_distance(full, half)
    assert result["presence"] == pytest.approx(0.25) and result["together"] == pytest.approx(0.5)
    assert result["size"] == pytest.approx(0.6931, abs=1e-3)  # class 1 is too rare in `half` for a distance


def test_numbers_hidden_elements_do_not_count_and_the_farthest_stands_for_its_class() -> None:
    table = tabulate(
        [blobs((1, 0.1, 0.2, 1.0), (1, 0.3, 0.4, 0.5), (0, 0.5, 0.5, 0.5), hidden=(False, False, True))], 3
    )
    assert table[0, 1].tolist() == pytest.approx([0.1, 0.2, 0.0])
    assert table[0, [0, 2]].isnan().all()


def test_errors() -> None:
    with pytest.raises(ValueError, match="two sets"):
        layout_distance([], rooms(3, 0))


def test_smoke_layouts_without_elements() -> None:
    assert layout_distance([blobs()] * 3, [blobs()] * 3)["marginal"] == 0.0
