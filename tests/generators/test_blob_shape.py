"""Splatting of profiled blobs over five surfaces: weights, occlusion, moves, gradients, empty layouts."""

from __future__ import annotations

import math

import pytest
import torch

from spatial_edit.generators.blobgan.shape import (
    POSITION_FEATURES,
    PROFILE,
    BlobGeometry,
    local_coordinates,
    pixel_grid,
    signed_distance,
    splat,
)

# floor, ceiling, back wall, left wall, right wall of a plain room
PLANES = torch.tensor([[0, 1, -0.6], [0, -1, 0.4], [0, 0, 0.25], [-1, 0, 0.3], [1, 0, -0.7]])


def blobs(centres, sizes=0.2, aspects=1.0, angles=0.0, profiles=1.0, present=1.0) -> BlobGeometry:
    """One picture; numbers are spread over all its blobs."""
    centres = torch.as_tensor(centres, dtype=torch.float32).reshape(1, -1, 2)
    like = torch.ones(1, centres.shape[1])
    spread = [torch.as_tensor(v, dtype=torch.float32) * like for v in (present, sizes, aspects, angles)]
    radial = torch.as_tensor(profiles, dtype=torch.float32) * like[..., None].expand(-1, -1, PROFILE)
    return BlobGeometry(spread[0], centres, *spread[1:], radial, PLANES[None])


def alpha(g: BlobGeometry, side: int = 64) -> torch.Tensor:
    """(K, side, side)"""
    return splat(g, side).weights[0, : g.sizes.shape[1]].unflatten(-1, (side, side))


def test_shapes_and_weights_sum_to_one():
    torch.manual_seed(0)
    g = BlobGeometry(
        (torch.rand(3, 7) > 0.3).float(),
        torch.rand(3, 7, 2) * 1.4 - 0.2,
        torch.rand(3, 7) * 0.3 + 0.01,
        torch.rand(3, 7) * 3 + 0.2,
        torch.rand(3, 7) * 6,
        torch.rand(3, 7, PROFILE) + 0.3,
        PLANES.expand(3, 5, 3),
    )
    weights, features = splat(g, 24)
    assert weights.shape == (3, 12, 576) and features.shape == (3, 576, POSITION_FEATURES)
    assert (weights.sum(1) - 1).abs().max() < 1e-5 and weights.min() >= 0
    assert features.isfinite().all() and features.abs().max() < 10
    assert weights[:, :7][g.present == 0].abs().max() == 0  # padding paints nothing


def test_numbers_disc():
    one = alpha(blobs([0.5, 0.5], sizes=0.25))[0]
    assert float(one.mean()) == pytest.approx(math.pi * 0.25**2, rel=0.02)
    assert float(one[32, 32]) == pytest.approx(1, abs=1e-4) and float(one[0, 0]) < 1e-6
    x, y = pixel_grid(64)
    g = blobs([0.5, 0.5], sizes=0.25)
    distance = signed_distance(g, *local_coordinates(g, x, y))[0, 0]
    truth = 0.25 - ((x - 0.5).square() + (y - 0.5).square()).sqrt()
    assert torch.allclose(distance, truth, atol=1e-4)


def test_numbers_angle_is_counter_clockwise_as_seen():
    one = alpha(blobs([0.5, 0.5], sizes=0.15, aspects=4.0, angles=math.pi / 4))[0]
    assert one[20, 43] > 0.9 and one[43, 20] > 0.9  # up right and down left: y points down
    assert one[20, 20] < 0.1 and one[43, 43] < 0.1
    along = alpha(blobs([0.5, 0.5], sizes=0.15, aspects=4.0))[0]
    assert along[32, 46] > 0.9 and along[46, 32] < 0.1


def test_numbers_profile_points_the_way_of_the_ellipse():
    profile = torch.ones(PROFILE)
    profile[0] = 2.0  # local angle 0: the blob's own first axis
    g = blobs([0.5, 0.5], sizes=0.15, profiles=profile)
    bump = alpha(g)[0]
    assert bump[32, 32 + 16] > 0.9 and bump[32, 32 - 16] < 0.1
    turned = alpha(g._replace(angles=torch.full((1, 1), math.pi / 2)))[0]
    assert turned[32 - 16, 32] > 0.9 and turned[32 + 16, 32] < 0.1


@pytest.mark.parametrize("dx, dy", [(7, 0), (0, -5), (-9, 11)])
def test_raster_of_a_moved_blob_is_the_moved_raster(dx, dy):
    centres = torch.tensor([[0.5, 0.45], [0.55, 0.5]])
    profile = torch.rand(PROFILE, generator=torch.Generator().manual_seed(1)) * 0.6 + 0.7
    g = blobs(centres, sizes=torch.tensor([[0.12, 0.08]]), aspects=1.7, angles=0.4, profiles=profile)
    moved = g._replace(centres=g.centres + torch.tensor([dx / 64, dy / 64]))
    assert torch.allclose(alpha(g).roll((dy, dx), (1, 2)), alpha(moved), atol=2e-4)


def test_the_nearer_blob_hides_the_farther():
    g = blobs([[0.5, 0.5], [0.6, 0.5]], sizes=0.2)
    far, near = alpha(g)
    assert near[32, 38] > 0.999 and far[32, 38] < 1e-3  # where both are, the last one shows
    assert far[32, 22] > 0.98
    alone = alpha(blobs([[0.6, 0.5]], sizes=0.2))[0]
    assert torch.allclose(near, alone, atol=1e-6)
    swapped = alpha(blobs([[0.6, 0.5], [0.5, 0.5]], sizes=0.2))
    assert swapped[0, 32, 38] < 1e-3 and swapped[1, 32, 38] > 0.999


def test_gradients_reach_every_number_of_a_shape():
    g = blobs([[0.45, 0.5], [0.6, 0.55]], sizes=0.2, aspects=1.5, angles=0.3)
    leaves = [t.clone().requires_grad_() for t in g[1:6]]
    weights, features = splat(BlobGeometry(g.present, *leaves, g.planes), 32)
    mask = torch.linspace(0, 1, 1024)
    ((weights[:, :2] * mask).sum() + features.square().mean()).backward()
    for leaf in leaves:
        assert leaf.grad.isfinite().all() and (leaf.grad != 0).any(-1).all()


def test_numbers_gradient_of_a_move():
    g = blobs([[0.5, 0.5]], sizes=0.2)
    centres = g.centres.double().clone().requires_grad_()
    wide = BlobGeometry(*(t.double() for t in g))._replace(centres=centres)
    right = torch.linspace(0, 1, 32, dtype=torch.float64).expand(32, 32).reshape(-1)

    def value(c):
        return (splat(wide._replace(centres=c), 32).weights[0, 0] * right).sum()

    (slope,) = torch.autograd.grad(value(centres), centres)
    step = torch.tensor([1e-5, 0.0], dtype=torch.float64)
    numeric = (value(centres + step) - value(centres - step)) / 2e-5
    assert float(slope[0, 0, 0]) == pytest.approx(float(numeric.detach()), rel=1e-3)
    assert abs(float(slope[0, 0, 1])) < 1e-3 * abs(float(numeric.detach()))


def test_an_empty_layout_is_the_bare_room():
    weights, features = splat(blobs(torch.zeros(0, 2)), 16)
    assert weights.shape == (1, 5, 256) and features.shape == (1, 256, POSITION_FEATURES)
    assert (weights.sum(1) - 1).abs().max() < 1e-5 and features.isfinite().all()
    shown = weights[0].argmax(0).view(16, 16)
    assert shown[-1, 8] == 0 and shown[0, 8] == 1 and shown[8, 8] == 2
    assert shown[8, 0] == 3 and shown[8, -1] == 4
    hidden = splat(blobs([[0.5, 0.5]], present=0.0), 16).weights
    assert torch.equal(hidden[:, 1:], weights)
