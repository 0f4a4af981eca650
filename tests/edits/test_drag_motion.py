"""Motion supervision, tracking, and the coarse move, against their equations written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.edits.drag import motion
from spatial_edit.edits.drag.coarse import coarse_move
from spatial_edit.edits.drag.hold import Held
from spatial_edit.generators.dragging import Anchor, Window, cut

SIDE, FEATURES = 32, 16


@pytest.fixture
def features() -> Tensor:
    return torch.randn(1, 5, FEATURES, FEATURES, generator=torch.Generator().manual_seed(0))


def patch(features: Tensor, p: motion.Pixel, radius: int) -> motion.Patch:
    area = motion.span(p, radius, SIDE)
    w = motion.source(area, SIDE, features.shape[-1])
    part = features[..., w.top : w.bottom, w.left : w.right]
    return motion.resized(part, area, SIDE, features.shape[-1])


def whole(features: Tensor) -> Tensor:
    return F.interpolate(features, size=(SIDE, SIDE), mode="bilinear", align_corners=False)[0]


PLACES = [(0, 0), (0, 31), (31, 0), (31, 31), (15, 16), (3, 30)]


@pytest.mark.parametrize("p", PLACES)
@pytest.mark.parametrize("feature_side", [8, 16, 32])
def test_numbers_patches_are_cut_out_of_the_resized_map(p: motion.Pixel, feature_side: int) -> None:
    features = torch.randn(1, 3, feature_side, feature_side)
    got = patch(features, p, 5)
    height, width = got.values.shape[1:]
    wanted = whole(features)[:, got.top : got.top + height, got.left : got.left + width]
    assert torch.allclose(got.values, wanted, atol=1e-6)


@pytest.mark.parametrize("p", PLACES)
def test_numbers_tracking(features: Tensor, p: motion.Pixel) -> None:
    wanted = whole(features)[:, 14, 17] + 0.01
    best = min(
        (float((whole(features)[:, y, x] - wanted).norm()), (y, x))
        for y in range(max(p[0] - 4, 0), min(p[0] + 5, SIDE))
        for x in range(max(p[1] - 4, 0), min(p[1] + 5, SIDE))
    )
    place, away = motion.tracked(patch(features, p, 9), p, wanted, 4, SIDE)
    assert place == best[1]
    assert away == pytest.approx(best[0], rel=1e-5)


def test_numbers_tracking_takes_the_first_of_equals() -> None:
    same = torch.ones(1, 2, FEATURES, FEATURES)
    place, away = motion.tracked(patch(same, (10, 10), 5), (10, 10), torch.ones(2), 3, SIDE)
    assert (place, away) == ((7, 7), pytest.approx(0, abs=1e-6))


@pytest.mark.parametrize("p", PLACES)
@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize("target", [(12.3, 20.9), (31.4, 31.4), (0.0, 0.0)])
def test_numbers_motion_loss(
    features: Tensor, p: motion.Pixel, stretched: bool, target: tuple[float, float]
) -> None:
    """Against sampling the whole resized map as the equation says."""
    full = whole(features)
    direction = torch.tensor(target) - torch.tensor(p)
    got = motion.motion_loss(patch(features, p, 12), p, target, 3, SIDE, stretched=stretched)
    if direction.norm() <= 1:
        assert got is None
        return
    direction = direction / (direction.norm() + 1e-7)
    stretch = SIDE / (SIDE - 1) if stretched else 1
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    inside = (torch.stack([y, x]).double() * stretch - torch.tensor(p)[:, None, None]).norm(dim=0) < 3
    q = torch.stack([y[inside], x[inside]], -1)  # (n, 2)
    grid = (q + direction).flip(-1) / (SIDE - 1) * 2 - 1
    ahead = F.grid_sample(full[None], grid[None, None], align_corners=True)[0, :, 0]
    wanted = (ahead - full[:, y[inside], x[inside]]).abs().mean()
    assert got is not None
    assert float(got) == pytest.approx(float(wanted), rel=1e-4)


def test_gradients_stop_at_what_is_moved_from(features: Tensor) -> None:
    """A step against the gradient carries the handle's features towards the target, and only ahead of it."""
    leaf = features.clone().requires_grad_()
    loss = motion.motion_loss(patch(leaf, (16, 16), 8), (16, 16), (16.0, 26.0), 2, SIDE, stretched=False)
    assert loss is not None
    loss.backward()
    assert leaf.grad is not None
    changed = leaf.grad.abs().sum((0, 1)).nonzero()
    # features 6.5 .. 9 of 16 pixels: the disc around 16, one pixel to the right, bilinear
    assert changed[:, 0].min() >= 7
    assert changed[:, 0].max() <= 9
    assert changed[:, 1].min() >= 7
    assert changed[:, 1].max() <= 9
    assert (leaf.grad[..., 9] != 0).any()


MASKS = {
    "all": (slice(0, 32), slice(0, 32)),
    "a corner": (slice(27, 32), slice(0, 3)),
    "inside": (slice(9, 14), slice(10, 21)),
    "a pixel": (slice(9, 10), slice(31, 32)),
}


@pytest.mark.parametrize("name", MASKS)
def test_numbers_mask(name: str) -> None:
    """Number and gradient, against resizing all of the map."""
    draws = torch.Generator().manual_seed(1)
    features = torch.randn(1, 19, FEATURES, FEATURES, generator=draws).requires_grad_()
    start = torch.randn(1, 19, FEATURES, FEATURES, generator=draws)
    fixed = torch.zeros(SIDE, SIDE)
    fixed[MASKS[name]] = 1
    wanted = ((whole(features) - whole(start)) * fixed).abs().mean()
    (slope,) = torch.autograd.grad(wanted, features)
    held = Held(fixed, FEATURES)
    got = held.loss(*(cut(x, [held.window])[0] for x in (features, start)))
    (own,) = torch.autograd.grad(2 * got, features)
    assert float(got.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    assert torch.allclose(own, 2 * slope, atol=1e-8)
    assert held.window == Window(0, 0, 16, 16) if name == "all" else held.window.bottom - held.window.top < 7


FACE = (Anchor(0, None, True), Anchor(1, 0, True), Anchor(2, 0, True), Anchor(2, None, True))
CENTRES = torch.tensor([[0.5, 0.5], [0.4, 0.4], [0.9, 0.9], [0.95, 0.1]])


def test_numbers_equation_6() -> None:
    handles, targets = torch.tensor([[0.5, 0.55]]), torch.tensor([[0.7, 0.55]])
    move = coarse_move(CENTRES, FACE, handles, targets, reach=0.1, share=0.5)
    steps = move.centres - CENTRES
    assert torch.allclose(steps[:3], torch.tensor([0.1, 0.0]), atol=1e-6), (
        "the coarse centre and its followers"
    )
    assert torch.equal(steps[3], torch.zeros(2)), "detached"
    assert torch.allclose(move.predicted, torch.tensor([[0.6, 0.55]]))
    assert move.moved


def test_numbers_a_fine_centre_moves_alone() -> None:
    handles, targets = torch.tensor([[0.9, 0.85]]), torch.tensor([[0.9, 0.65]])
    move = coarse_move(CENTRES, FACE, handles, targets, reach=0.1, share=1.0)
    steps = move.centres - CENTRES
    assert torch.allclose(steps[2], torch.tensor([0.0, -0.2]), atol=1e-6)
    assert not steps[[0, 1, 3]].any()


def test_numbers_the_nearest_handle_counts() -> None:
    handles = torch.tensor([[0.5, 0.5], [0.42, 0.4]])
    targets = torch.tensor([[0.6, 0.5], [0.42, 0.3]])
    move = coarse_move(CENTRES, FACE, handles, targets, reach=0.2, share=1.0)
    steps = move.centres - CENTRES
    assert torch.allclose(steps[0], torch.tensor([0.1, 0.0]), atol=1e-6)
    assert torch.allclose(steps[1], torch.tensor([0.0, -0.1]), atol=1e-6), (
        "not both moves, and not its parent's"
    )


def test_numbers_what_is_out_of_reach_or_locked_stays() -> None:
    handles, targets = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.5]])
    locked = tuple(anchor._replace(free=False) for anchor in FACE)
    for anchors, reach in ((FACE, 0.0), (locked, 0.5)):
        far = CENTRES + 0.001
        move = coarse_move(far, anchors, handles, targets, reach=reach, share=1.0)
        assert torch.equal(move.centres, far)
        assert torch.equal(move.predicted, handles)
        assert not move.moved
