"""Published blob parameters <-> the Blobs layout: both ways, and against what is drawn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kernels.splat import opacity
from spatial_edit.generators.blobgan.geometry import (
    OMIT_BELOW,
    PublishedShape,
    aspect_of_ratio,
    from_blobs,
    ratio_of_aspect,
    raw_to_covariance,
    score_of_size,
    size_of_score,
    to_blobs,
)
from spatial_edit.layouts import Blobs
from spatial_edit.layouts.blobs import ASPECT_RANGE, SIZE_RANGE

SIDE = 64
ROUND = (0.0, 0.0, 1.0, 0.0)


def published(raws, scores, seed=0):
    """Centres, scores and raw numbers of a picture."""
    centres = torch.rand(len(scores), 2, generator=torch.Generator().manual_seed(seed))
    return centres, torch.tensor(scores), torch.tensor(raws)


def one_blob(**changes):
    values = {"centre": (0.5, 0.5), "size": 0.2, "aspect": 2.0, "angle": 0.0} | changes
    return Blobs(
        centres=torch.tensor([values["centre"]]),
        sizes=torch.tensor([values["size"]]),
        aspects=torch.tensor([values["aspect"]]),
        angles=torch.tensor([values["angle"]]),
        ids=(0,),
        rows=(0,),
    )


def drawn(shape: PublishedShape, side=SIDE):
    return opacity(shape.centres[None], shape.covariances[None], shape.scores[None], side)[0]


raw_numbers = st.tuples(*[st.floats(-4, 4)] * 2, *[st.floats(-2, 2)] * 2).filter(
    lambda r: math.hypot(r[2], r[3]) > 0.1
)


@given(raw=raw_numbers, score=st.floats(-4.9, 49), c=st.sampled_from([0.01, 0.02]))
def test_what_is_drawn_from_the_layout_is_what_was_published(raw, score, c):
    centres, scores, raws = published([raw], [score])
    layout = to_blobs(centres, scores, raws, SIDE, ab_norm=c)
    assert len(layout) == 1
    low, high = SIZE_RANGE
    assert low <= layout.sizes.item() <= high
    assert ASPECT_RANGE[0] <= layout.aspects.item() <= ASPECT_RANGE[1]
    after = from_blobs(layout, SIDE, ab_norm=c)
    before = PublishedShape(centres, raw_to_covariance(raws, c), scores)
    assert torch.allclose(after.centres, before.centres, atol=1e-6)
    assert torch.allclose(after.scores, before.scores, rtol=1e-5, atol=1e-5)
    assert torch.allclose(after.covariances, before.covariances, rtol=1e-4, atol=1e-7)
    steep = math.exp(abs(raw[0] - raw[1]) / 2)  # a thin blob turns a rounding into more
    assert (drawn(after) - drawn(before)).abs().max() < 1e-5 * (1 + steep)


@given(
    size=st.floats(0.006, 1),
    aspect=st.floats(0.11, 9.5),
    angle=st.floats(0.01, 3.13),
    x=st.floats(-0.2, 1.2),
    y=st.floats(-0.2, 1.2),
)
def test_layout_to_published_and_back(size, aspect, angle, x, y):
    before = one_blob(centre=(x, y), size=size, aspect=aspect, angle=angle)
    shape = from_blobs(before, SIDE, eps=0.0)
    assert torch.linalg.det(shape.covariances.double()).item() == pytest.approx(0.02**2, rel=1e-3)
    assert torch.allclose(shape.centres + 0.5 / SIDE, before.centres, atol=1e-6)
    assert torch.allclose(size_of_score(shape.scores, 0.02), before.sizes, rtol=1e-5)
    ratio = ratio_of_aspect(before.aspects)
    assert torch.allclose(aspect_of_ratio(ratio), before.aspects, rtol=1e-5)
    values, vectors = torch.linalg.eigh(shape.covariances[0].double())
    assert values[1].item() == pytest.approx(0.02 * max(ratio.item(), 1 / ratio.item()), rel=1e-3)
    if ratio.item() > 1.1:  # a circle has no angle
        along = torch.tensor([math.cos(angle), -math.sin(angle)]).double()
        assert abs(float(vectors[:, 1] @ along)) == pytest.approx(1, abs=1e-4)


def test_maps_are_monotone_smooth_and_odd_in_the_logarithm():
    sizes = size_of_score(torch.linspace(-5.6, 50, 2001), 0.02)
    assert (sizes.diff() > 0).all() and SIZE_RANGE[0] <= sizes.min() and sizes.max() <= SIZE_RANGE[1] + 1e-6
    slopes = size_of_score(torch.tensor([0.999, 1.0, 1.001]).double(), 0.02).diff()
    assert slopes[0].item() == pytest.approx(slopes[1].item(), rel=2e-3)
    ratios = torch.logspace(0, 3, 1001)
    aspects = aspect_of_ratio(ratios)
    assert (aspects.diff() > 0).all() and aspects.max() < ASPECT_RANGE[1]
    assert torch.allclose(aspect_of_ratio(1 / ratios) * aspects, torch.ones(1001), rtol=1e-5)
    assert torch.equal(aspect_of_ratio(ratios[ratios <= 5]), ratios[ratios <= 5])
    at_the_end = ratio_of_aspect(torch.tensor(ASPECT_RANGE))
    assert at_the_end.isfinite().all() and torch.allclose(at_the_end.prod(), torch.tensor(1.0))


def test_numbers_radii_are_where_it_is_half_opaque():
    layout = one_blob(size=0.2, aspect=4.0, angle=math.pi / 6)
    shape = from_blobs(layout, SIDE)
    radii = layout.radii()[0]
    along = torch.tensor([math.cos(math.pi / 6), -math.sin(math.pi / 6)])  # counter-clockwise as seen, y down
    across = torch.tensor([-along[1], along[0]])
    for radius, direction in ((radii[0], along), (radii[1], across)):
        # the point on the ellipse, moved under the sample (32, 32) of a 64-grid
        moved = shape._replace(centres=torch.full((1, 2), 0.5) - radius * direction)
        assert drawn(moved)[0, 32, 32].item() == pytest.approx(0.5, abs=2e-3)


def test_numbers_centre_is_a_pixel_centre():
    # published position i / S is the middle of pixel i: (i + 1/2) / S in a layout
    _, scores, raws = published([ROUND], [1.0])
    layout = to_blobs(torch.tensor([[10 / 64, 20 / 64]]), scores, raws, SIDE)
    assert torch.allclose(layout.centres, torch.tensor([[10.5 / 64, 20.5 / 64]]))
    got = drawn(from_blobs(layout, SIDE))[0]
    assert divmod(int(got.argmax()), SIDE) == (20, 10)


def test_numbers_score_one_is_the_published_radius():
    layout = to_blobs(*published([ROUND], [1.0]), SIDE)
    assert layout.sizes.item() == pytest.approx(math.sqrt(0.02))
    assert layout.aspects.item() == pytest.approx(1, abs=1e-6)
    assert score_of_size(torch.tensor([2 * math.sqrt(0.02)]), 0.02).item() == pytest.approx(4)


def test_faint_blobs_are_small_and_those_put_away_are_no_elements():
    layout = to_blobs(*published([ROUND] * 4, [1.0, -1.0, -5.0, -7.0]), SIDE)
    assert layout.ids == layout.rows == (0, 1, 2)
    assert (layout.sizes.diff() < 0).all()
    scores = from_blobs(layout, SIDE).scores
    assert torch.allclose(scores, torch.tensor([1.0, -1.0, -5.0]), atol=1e-5)
    assert torch.sigmoid(torch.tensor(OMIT_BELOW)) < 1 / 255


def test_larger_than_the_picture_is_rounded():
    layout = to_blobs(*published([ROUND], [80.0]), SIDE)
    assert layout.sizes.item() == SIZE_RANGE[1]
    assert from_blobs(layout, SIDE).scores.item() == pytest.approx(50)


def test_gradients_reach_the_layout():
    for size, slope in ((0.2, 2 * 0.2 / 0.02), (0.05, 2 / 0.05)):
        layout = one_blob(aspect=7.0)
        free = torch.tensor([size], requires_grad=True)
        aspect = torch.tensor([7.0], requires_grad=True)
        object.__setattr__(layout, "sizes", free)
        object.__setattr__(layout, "aspects", aspect)
        shape = from_blobs(layout, SIDE)
        shape.scores.sum().backward(retain_graph=True)
        assert free.grad.item() == pytest.approx(slope, rel=1e-4)
        shape.covariances[0, 0, 0].backward()
        assert aspect.grad.item() == pytest.approx(0.02 * 25 / 9, rel=1e-4)
