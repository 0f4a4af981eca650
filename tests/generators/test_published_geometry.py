"""Published blob parameters <-> the Blobs layout: both ways, and against what is drawn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.splat import opacity
from spatial_edit.generators.blobgan.geometry import (
    HIDDEN_SCORE,
    PublishedShape,
    from_blobs,
    raw_to_covariance,
    to_blobs,
)
from spatial_edit.layouts import Blobs

SIDE = 64


def published(raws, scores, seed=0):
    centres = torch.rand(len(scores), 2, generator=torch.Generator().manual_seed(seed))
    return PublishedShape(centres, raw_to_covariance(torch.tensor(raws), 0.02), torch.tensor(scores))


def one_blob(**changes):
    values = {"centre": (0.5, 0.5), "size": 0.2, "aspect": 2.0, "angle": 0.0} | changes
    return Blobs(
        centres=torch.tensor([values["centre"]]),
        sizes=torch.tensor([values["size"]]),
        aspects=torch.tensor([values["aspect"]]),
        angles=torch.tensor([values["angle"]]),
        ids=(0,),
        rows=(0,),
        hidden=(values.get("hidden", False),),
    )


raw_numbers = st.tuples(*[st.floats(-3, 3)] * 2, *[st.floats(-2, 2)] * 2).filter(
    lambda r: math.hypot(r[2], r[3]) > 0.1
)


@given(raw=raw_numbers, score=st.floats(-8, 8))
def test_published_to_blobs_and_back(raw, score):
    before = published([raw], [score])
    layout, fading = to_blobs(before, SIDE)
    if layout.hidden[0]:
        assert score < -6
        return
    after = from_blobs(layout, SIDE, fading=fading)
    assert torch.allclose(after.centres, before.centres, atol=1e-6)
    assert torch.allclose(after.scores, before.scores, atol=1e-5)
    assert torch.allclose(after.covariances, before.covariances, rtol=1e-3, atol=1e-6)
    drawn = [opacity(s.centres[None], s.covariances[None], s.scores[None], 16) for s in (before, after)]
    assert (drawn[0] - drawn[1]).abs().max() < 2e-3


@given(
    size=st.floats(0.02, 1),
    aspect=st.floats(1.0, 10),
    angle=st.floats(0.01, 3.13),
    x=st.floats(-0.2, 1.2),
    y=st.floats(-0.2, 1.2),
)
def test_blobs_to_published_and_back(size, aspect, angle, x, y):
    before = one_blob(centre=(x, y), size=size, aspect=aspect, angle=angle)
    after, fading = to_blobs(from_blobs(before, SIDE), SIDE)
    assert torch.allclose(after.centres, before.centres, atol=1e-6)
    assert torch.allclose(after.sizes, before.sizes, rtol=1e-4)
    assert torch.allclose(after.aspects, before.aspects, rtol=1e-3)
    assert fading.item() == 0
    if aspect > 1.05:  # a circle has no angle
        turned = (after.angles - before.angles + torch.pi / 2).remainder(torch.pi) - torch.pi / 2
        assert turned.abs().max() < 2e-3


def test_numbers_radii_are_where_it_is_half_opaque():
    layout = one_blob(size=0.2, aspect=4.0, angle=math.pi / 6)
    shape = from_blobs(layout, SIDE)
    radii = layout.radii()[0]
    along = torch.tensor([math.cos(math.pi / 6), -math.sin(math.pi / 6)])  # counter-clockwise as seen, y down
    across = torch.tensor([-along[1], along[0]])
    for radius, direction in ((radii[0], along), (radii[1], across)):
        # the point on the ellipse, moved under the sample (32, 32) of a 64-grid
        moved = shape._replace(centres=torch.full((1, 2), 0.5) - radius * direction)
        got = opacity(moved.centres[None], moved.covariances[None], moved.scores[None], SIDE)
        assert got[0, 0, 32, 32].item() == pytest.approx(0.5, abs=2e-3)


def test_numbers_centre_is_a_pixel_centre():
    # published position i / S is the middle of pixel i: (i + 1/2) / S in a layout
    shape = published([(0.0, 0.0, 1.0, 0.0)], [1.0])._replace(centres=torch.tensor([[10 / 64, 20 / 64]]))
    layout, _ = to_blobs(shape, SIDE)
    assert torch.allclose(layout.centres, torch.tensor([[10.5 / 64, 20.5 / 64]]))
    back = from_blobs(layout, SIDE)
    got = opacity(back.centres[None], back.covariances[None], back.scores[None], SIDE)[0, 0]
    assert divmod(int(got.argmax()), SIDE) == (20, 10)


def test_numbers_score_one_is_the_published_radius():
    layout, _ = to_blobs(published([(0.0, 0.0, 1.0, 0.0)], [1.0]), SIDE)
    assert layout.sizes.item() == pytest.approx(math.sqrt(0.02))
    assert layout.aspects.item() == pytest.approx(1, abs=1e-3)


def test_faint_and_hidden_blobs():
    layout, fading = to_blobs(published([(0.0, 0.0, 1.0, 0.0)] * 3, [1.0, -1.0, -7.0]), SIDE)
    assert layout.hidden == (False, False, True)
    assert fading.tolist() == [0.0, -1.25, -7.25]
    assert (layout.sizes > 0).all()
    scores = from_blobs(layout, SIDE, fading=fading).scores
    assert torch.allclose(scores, torch.tensor([1.0, -1.0, HIDDEN_SCORE]))
    assert from_blobs(one_blob(hidden=True), SIDE).scores.item() == HIDDEN_SCORE


def test_errors_another_area():
    shape = published([(0.0, 0.0, 1.0, 0.0)], [1.0])
    with pytest.raises(ValueError, match="determinant"):
        to_blobs(shape._replace(covariances=shape.covariances * 2), SIDE)


def test_gradients_reach_the_layout():
    size = torch.tensor([0.2], requires_grad=True)
    layout = one_blob()
    object.__setattr__(layout, "sizes", size)
    from_blobs(layout, SIDE).scores.sum().backward()
    assert size.grad.item() == pytest.approx(2 * 0.2 / 0.02)
