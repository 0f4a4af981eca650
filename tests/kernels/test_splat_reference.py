"""The splat's specification: values worked out by hand, odd shapes, first and second derivatives."""

from __future__ import annotations

import math

import pytest
import torch

from kernels.splat import composite, opacity, pyramid, splat

SHAPES = [(1, 1, 1), (2, 3, 7), (1, 5, 13), (0, 2, 4), (2, 0, 5), (3, 1, 1)]  # batch, blobs, side


def blobs(batch, count, *, dtype=torch.float64, seed=0):
    """Random ellipses: centres, positive definite covariances, scores."""
    draw = torch.Generator().manual_seed(seed)
    centres = torch.rand(batch, count, 2, generator=draw, dtype=dtype)
    root = torch.randn(batch, count, 2, 2, generator=draw, dtype=dtype) * 0.2
    covariances = root @ root.transpose(-1, -2) + 0.02 * torch.eye(2, dtype=dtype)
    return centres, covariances, torch.randn(batch, count, generator=draw, dtype=dtype)


def by_solve(centres, covariances, scores, side):
    """The same opacities through a general linear solver."""
    axis = torch.arange(side, dtype=centres.dtype) / side
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(-1, 2)
    away = grid - centres[:, :, None]  # (B, K, P, 2)
    solved = torch.linalg.solve(covariances, away.transpose(-1, -2)).transpose(-1, -2)
    return torch.sigmoid(scores[..., None] - (away * solved).sum(-1)).unflatten(-1, (side, side))


def test_numbers_opacity_by_hand():
    # a circle of variance 0.02 and score 1: half opaque at distance sqrt(0.02), sigmoid(1) in the middle
    radius = math.sqrt(0.02)
    centres = torch.tensor([[[0.5, 0.5]]], dtype=torch.float64)
    got = opacity(centres, 0.02 * torch.eye(2, dtype=torch.float64)[None, None], torch.ones(1, 1), 2)
    assert got[0, 0, 1, 1].item() == pytest.approx(1 / (1 + math.exp(-1)))
    edge = centres - torch.tensor([radius, 0.0], dtype=torch.float64)
    got = opacity(edge, 0.02 * torch.eye(2, dtype=torch.float64)[None, None], torch.ones(1, 1), 2)
    assert got[0, 0, 1, 1].item() == pytest.approx(0.5)


def test_numbers_rows_are_y():
    centres = torch.tensor([[[0.75, 0.25]]])
    got = opacity(centres, 0.001 * torch.eye(2)[None, None], torch.ones(1, 1), 4)[0, 0]
    assert divmod(int(got.argmax()), 4) == (1, 3)


def test_numbers_offset_moves_the_grid():
    centres, covariances, scores = blobs(1, 2)
    shifted = opacity(centres + 0.5 / 8, covariances, scores, 8, offset=0.5)
    assert torch.allclose(shifted, opacity(centres, covariances, scores, 8))


@pytest.mark.parametrize("batch, count, side", SHAPES)
def test_shapes_and_a_general_solver(batch, count, side):
    given = blobs(batch, count)
    got = opacity(*given, side)
    assert got.shape == (batch, count, side, side)
    if batch and count:
        assert torch.allclose(got, by_solve(*given, side), rtol=1e-9, atol=1e-12)
    alphas = composite(got)
    assert alphas.shape == (batch, count + 1, side, side)
    assert torch.allclose(alphas.sum(1), torch.ones(batch, side, side, dtype=torch.float64))
    features = torch.randn(batch, count + 1, 3, dtype=torch.float64)
    assert splat(alphas, features).shape == (batch, 3, side, side)


def test_numbers_thin_ellipse_in_float32():
    # radii 100 : 1 and turned by 45 degrees, where ad - b^2 cancels most
    s = 0.02 * torch.tensor([[100.01, 99.99], [99.99, 100.01]], dtype=torch.float64)[None, None] / 2
    centres, scores = torch.full((1, 1, 2), 0.5, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    exact = opacity(centres, s, scores, 17)
    single = opacity(centres.float(), s.float(), scores.float(), 17)
    assert (single - exact).abs().max() < 1e-3


def test_numbers_compositing_by_hand():
    # two half-transparent layers: the near one gets 1/2, the far one 1/4, the background 1/4
    alphas = composite(torch.full((1, 2, 1, 1), 0.5))
    assert alphas.flatten().tolist() == [0.25, 0.25, 0.5]
    opaque = composite(torch.tensor([0.3, 1.0]).view(1, 2, 1, 1))
    assert opaque.flatten().tolist() == [0.0, 0.0, 1.0]


def test_numbers_non_contiguous():
    centres, covariances, scores = blobs(2, 4)
    plain = composite(opacity(centres, covariances, scores, 6))
    strided = composite(
        opacity(
            centres.transpose(0, 1).contiguous().transpose(0, 1),
            covariances.transpose(2, 3),
            torch.stack([scores, scores], -1)[..., 0],
            6,
        )
    )
    assert torch.equal(plain, strided)
    features = torch.randn(2, 3, 5, dtype=torch.float64).transpose(1, 2)  # (2, 5, 3)
    assert torch.allclose(splat(plain, features), torch.einsum("nkhw,nkd->ndhw", plain, features))


def test_numbers_pyramid_keeps_the_mean():
    alphas = composite(opacity(*blobs(1, 3), 16))
    levels = pyramid(alphas, 4)
    assert list(levels) == [16, 8, 4]
    assert torch.allclose(levels[4].mean((2, 3)), alphas.mean((2, 3)))


@pytest.mark.parametrize("side, smallest", [(12, 8), (4, 8), (7, 2)])
def test_errors_pyramid(side, smallest):
    with pytest.raises(ValueError, match="need a square"):
        pyramid(torch.zeros(1, 2, side, side), smallest)


def whole(centres, root, scores, features):
    eye = 0.02 * torch.eye(2, dtype=root.dtype)
    alphas = composite(opacity(centres, root @ root.transpose(-1, -2) + eye, scores, 4))
    return splat(pyramid(alphas, 2)[2], features)


def gradient_input(batch, count):
    draw = torch.Generator().manual_seed(1)
    shapes = [(batch, count, 2), (batch, count, 2, 2), (batch, count), (batch, count + 1, 2)]
    scale = [1.0, 0.2, 1.0, 1.0]
    return [
        (torch.rand(shape, generator=draw, dtype=torch.float64) * s).requires_grad_()
        for shape, s in zip(shapes, scale, strict=True)
    ]


def test_gradients_first_and_second():
    given = gradient_input(1, 3)
    assert torch.autograd.gradcheck(whole, given)
    assert torch.autograd.gradgradcheck(whole, given)


def test_gradients_where_a_blob_is_opaque():
    # 1 - o = 0: a cumulative product that divides would give NaN
    opacities = torch.tensor([0.3, 1.0, 0.4], dtype=torch.float64).view(1, 3, 1, 1).requires_grad_()
    assert torch.autograd.gradcheck(composite, (opacities,))
    assert torch.autograd.gradgradcheck(composite, (opacities,))
