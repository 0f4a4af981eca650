"""Fréchet distance, precision and recall against closed forms; features in batches."""

from __future__ import annotations

import math

import pytest
import torch

from spatial_edit.metrics.features import build_judge, features, quantise
from spatial_edit.metrics.frechet import Moments, frechet, frechet_distance, moments
from spatial_edit.metrics.manifold import coverage, precision_recall, radii
from spatial_edit.nn.judge import Judge


def gaussian(mean: list[float], covariance: list[list[float]]) -> Moments:
    return Moments(torch.tensor(mean).double(), torch.tensor(covariance).double(), 100)


def test_numbers_frechet_of_commuting_gaussians() -> None:
    # diagonal: |m|^2 + sum (sqrt a - sqrt b)^2 = 9 + 16 + (1-2)^2 + (3-1)^2
    a = gaussian([0.0, 0.0], [[1.0, 0.0], [0.0, 9.0]])
    b = gaussian([3.0, 4.0], [[4.0, 0.0], [0.0, 1.0]])
    assert frechet_distance(a, b) == pytest.approx(30.0, abs=1e-9)


def test_numbers_frechet_of_rotated_gaussians() -> None:
    # covariances diag(4, 1) and the same turned by 90 and by 45 degrees; tr sqrt(C1 C2) for 2 x 2 is
    # sqrt(tr(C1 C2) + 2 sqrt(det(C1 C2)))
    a = gaussian([0.0, 0.0], [[4.0, 0.0], [0.0, 1.0]])
    b = gaussian([0.0, 0.0], [[2.5, 1.5], [1.5, 2.5]])
    expected = 10 - 2 * math.sqrt(4 * 2.5 + 2.5 + 2 * 4)
    assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-9)
    assert frechet_distance(b, a) == pytest.approx(expected, abs=1e-9)


def test_numbers_frechet_of_a_set_with_itself_is_zero_even_when_singular() -> None:
    rows = torch.randn(50, 200, generator=torch.Generator().manual_seed(0))  # fewer rows than dimensions
    assert frechet(rows, rows.flip(0)) < 1e-4
    assert frechet(rows, rows + 1) == pytest.approx(200, abs=1e-3)


def test_errors_frechet() -> None:
    with pytest.raises(ValueError, match="same network"):
        frechet(torch.randn(5, 3), torch.randn(5, 4))
    with pytest.raises(ValueError, match="at least 2"):
        moments(torch.randn(1, 3))
    with pytest.raises(ValueError, match="NaN"):
        moments(torch.full((4, 3), float("nan")))


def test_numbers_radii_and_coverage_on_a_line() -> None:
    rows = torch.tensor([[0.0], [1.0], [3.0], [7.0]]).double()
    assert radii(rows, 1).tolist() == [1.0, 1.0, 2.0, 4.0]
    assert radii(rows, 3).tolist() == [7.0, 6.0, 4.0, 7.0]
    queries = torch.tensor([[-1.0], [-1.5], [11.0], [11.5]]).double()
    assert coverage(rows, radii(rows, 1), queries) == 0.5


def test_numbers_radii_count_duplicates_as_neighbours() -> None:
    rows = torch.tensor([[0.0], [0.0], [5.0]]).double()
    assert radii(rows, 1).tolist() == [0.0, 0.0, 5.0]


def test_numbers_precision_recall() -> None:
    random = torch.Generator().manual_seed(1)
    real = torch.randn(1500, 4, generator=random)
    assert precision_recall(real, real.clone()) == (1.0, 1.0)
    assert precision_recall(real, real + 100) == (0.0, 0.0)
    narrow = 0.1 * torch.randn(1500, 4, generator=random)  # looks real, covers little
    precision, recall = precision_recall(real, narrow)
    assert precision > 0.95 and recall < 0.1
    recall_of_wide, precision_of_wide = precision_recall(narrow, real)
    assert (precision_of_wide, recall_of_wide) == (precision, recall)


def test_errors_precision_recall() -> None:
    with pytest.raises(ValueError, match="above 3"):
        precision_recall(torch.randn(3, 2), torch.randn(9, 2))
    with pytest.raises(ValueError, match="NaN"):
        precision_recall(torch.full((9, 2), float("nan")), torch.randn(9, 2))


def test_determinism_features_do_not_depend_on_batching() -> None:
    torch.manual_seed(0)
    judge = Judge(fine=8, coarse=8).eval()
    images = torch.rand(7, 3, 16, 16) * 2 - 1
    seen: list[int] = []
    whole = features(judge, [images], seen.append)
    parts = features(judge, images.split(3))
    assert whole.shape == (7, judge.dimension) and seen == [7]
    torch.testing.assert_close(whole, parts, atol=1e-6, rtol=1e-5)
    with pytest.raises(ValueError, match="no pictures"):
        features(judge, [])


def test_numbers_quantise_keeps_bytes_and_clamps() -> None:
    level = torch.arange(256).float() / 127.5 - 1
    torch.testing.assert_close(quantise(level + 0.003), level, atol=1e-7, rtol=0)
    assert quantise(torch.tensor([-3.0, 3.0])).tolist() == [-1.0, 1.0]


def test_errors_build_judge() -> None:
    assert build_judge(Judge(fine=8, coarse=16).config).dimension == 48
    with pytest.raises(ValueError, match="segmenter"):
        build_judge({"kind": "segmenter"})
