"""What a seed decides of a SpatialGAN's picture: the documented order of draws, number by number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatial_edit.generators.spatialgan.draws import draws_of_seed
from spatial_edit.generators.spatialgan.network import SpatialConfig, SpatialGAN
from spatial_edit.generators.spatialgan.prior import Framed, Joint, Prior, Spread, Table
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes, from_layout, to_layout
from spatial_edit.layouts.frames import FrameRecipe

SMALL = SpatialConfig(
    resolution=16, channels={4: 8, 8: 8, 16: 8}, z_dim=4, w_dim=8, mapping_layers=2, hidden=4
)
POINTS = (((0.5, 0.52),), ((0.35, 0.5), (0.65, 0.5)), ((0.2, 0.2), (0.8, 0.2), (0.5, 0.7), (0.5, 0.9)))


def model_of(prior: Prior, **changes: object) -> SpatialGAN:
    torch.manual_seed(0)
    return SpatialGAN(replace(SMALL, prior=prior, **changes))


def objects(prior: Prior) -> SpatialGAN:
    return model_of(prior, centres=(3,), indoor=True, object_dim=5)


def rest_agrees(model: SpatialGAN, state: np.random.RandomState, drawn) -> None:
    """The noise comes last, row by row, from side 4 upwards."""
    for noise, side in zip(drawn.noise, (4, 8, 8, 16, 16), strict=True):
        assert torch.equal(noise, torch.from_numpy(state.standard_normal((1, 1, side, side))).float())


def test_the_numbers_of_a_seed_stay():
    """Golden: links outlive releases of numpy and torch."""
    drawn = draws_of_seed(model_of(Spread()), 3)
    assert drawn.z[0].tolist() == pytest.approx([1.7886285, 0.4365099, 0.0964975, -1.8634927], abs=1e-7)
    layout = to_layout(drawn.levels)
    assert layout.centres[0].tolist() == pytest.approx([0.407537, 0.3817469], abs=1e-6)
    assert layout.sigmas[0].item() == pytest.approx(0.2051467, abs=1e-6)
    assert drawn.noise[0].flatten()[:2].tolist() == pytest.approx([-0.5346302, -1.326889], abs=1e-6)


def test_spread_draws_centres_then_sigmas_level_after_level():
    model = model_of(Spread())
    for seed in range(30):
        state, drawn = np.random.RandomState(seed), draws_of_seed(model, seed)
        assert torch.equal(drawn.z, torch.from_numpy(state.standard_normal((1, 4))).float())
        centre = 0.5 + state.standard_normal(2) / 3
        while not ((centre >= 0) & (centre <= 1)).all():
            centre = 0.5 + state.standard_normal(2) / 3
        for level, (count, low, high) in zip(
            drawn.levels, ((1, 0.2, 0.3), (2, 0.06, 0.12), (4, 0.06, 0.12)), strict=True
        ):
            wanted = centre[None] if count == 1 else centre + state.standard_normal((count, 2)) / 6
            sigmas = low + (high - low) * state.uniform(size=count)
            assert np.allclose(level.centres[0], wanted, atol=1e-6) and np.allclose(level.sigmas[0], sigmas)
            assert (level.heights == 1).all()
        rest_agrees(model, state, drawn)


def test_spread_without_a_hierarchy_draws_every_level_as_the_first():
    prior = Spread(first=0.5, around=None, sigmas=((0.1, 0.2),))
    levels = draws_of_seed(model_of(prior, centres=(3, 4)), 5).levels
    assert [level.centres.shape for level in levels] == [(1, 3, 2), (1, 4, 2)]
    for level in levels:
        assert ((level.centres >= 0) & (level.centres <= 1)).all()
        assert ((level.sigmas >= 0.1) & (level.sigmas <= 0.2)).all()


def test_framed_draws_frame_then_offsets():
    prior = Framed(POINTS, (0.25, 0.07, 0.09), FrameRecipe((1.0, 1.5), 0.1, 0.2))
    model = model_of(prior, points=14)
    model.points_mean.copy_(torch.linspace(-0.01, 0.01, 14))
    model.points_factor.copy_(torch.tril(torch.rand(14, 14)) * 0.02)
    mean, factor = model.points_mean.double().numpy(), model.points_factor.double().numpy()
    for seed in range(20):
        state, drawn = np.random.RandomState(seed), draws_of_seed(model, seed)
        state.standard_normal(4)
        zoom, right, down = state.uniform(size=3)
        zoom = 1.0 + 0.5 * zoom
        shift = (2 * np.array([right, down]) - 1) * ((1 - 1 / zoom) / 2 + 0.1)
        angle = np.clip(0.2 * state.standard_normal(), -0.6, 0.6)
        offsets = (mean + factor @ state.standard_normal(14)).reshape(7, 2)
        points = np.array([point for level in POINTS for point in level]) + offsets - 0.5 - shift
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        wanted = zoom * points @ turn.T + 0.5
        assert np.allclose(torch.cat([level.centres[0] for level in drawn.levels]), wanted, atol=1e-6)
        assert np.allclose(
            [level.sigmas[0, 0] for level in drawn.levels], zoom * np.array([0.25, 0.07, 0.09])
        )
        rest_agrees(model, state, drawn)


def test_framed_is_what_the_cats_are_trained_with():
    from spatial_edit.data.framing import Frames
    from spatial_edit.train.cats_recipe import COUNT, POINTS, SIGMAS
    from spatial_edit.train.framed_set import levels_of

    model = model_of(Framed(POINTS, SIGMAS), points=COUNT)
    state = np.random.RandomState(8)
    state.standard_normal(4)
    zoom, right, down = state.uniform(size=3)
    recipe = FrameRecipe()
    zoom = recipe.zoom[0] + (recipe.zoom[1] - recipe.zoom[0]) * zoom
    shift = (2 * np.array([[right, down]]) - 1) * ((1 - 1 / zoom) / 2 + recipe.overhang)
    frames = Frames(
        *(torch.tensor(v).float() for v in ([zoom], shift, [recipe.angle * state.standard_normal()]))
    )
    theirs = levels_of(torch.zeros(1, COUNT), frames)
    for ours, wanted in zip(draws_of_seed(model, 8).levels, theirs, strict=True):
        assert torch.allclose(ours.centres, wanted.centres, atol=1e-6)
        assert torch.allclose(ours.sigmas, wanted.sigmas) and torch.equal(ours.heights, wanted.heights)


def test_table_draws_a_row_and_moves_it_a_little():
    model = objects(Table(rows=7, place=0.02, sigma=0.1))
    model.layout_table.copy_(torch.rand(7, 3, 4).half().float())
    rows = model.layout_table.double().numpy()
    for seed in range(20):
        state, drawn = np.random.RandomState(seed), draws_of_seed(model, seed)
        state.standard_normal(4)
        row = rows[state.randint(7)]
        level = drawn.levels[0]
        assert np.allclose(level.centres[0], row[:, 1:3] + 0.02 * state.standard_normal((3, 2)), atol=1e-6)
        sigmas = (row[:, 3] * np.exp(0.1 * state.standard_normal(3))).clip(0.01, 1)
        assert np.allclose(level.sigmas[0], sigmas)
        assert np.array_equal(level.heights[0].numpy(), row[:, 0] > 0.5)
        assert torch.equal(drawn.latents, torch.from_numpy(state.standard_normal((3, 5))).float())
        rest_agrees(model, state, drawn)


def test_joint_draws_one_vector():
    model = objects(Joint())
    size = 4 + 3 * (4 + 5)
    model.joint_mean.copy_(torch.randn(size) * 0.3)
    model.joint_factor.copy_(torch.tril(torch.randn(size, size)) * 0.2)
    seen = set()
    for seed in range(20):
        state, drawn = np.random.RandomState(seed), draws_of_seed(model, seed)
        v = model.joint_mean.double().numpy()
        v = v + model.joint_factor.double().numpy() @ state.standard_normal(size)
        assert np.allclose(drawn.z[0], v[:4], atol=1e-6)
        own = v[4:].reshape(3, 9)
        assert np.array_equal(drawn.levels[0].heights[0].numpy(), own[:, 0] > 0)
        assert np.allclose(drawn.levels[0].centres[0], own[:, 1:3], atol=1e-6)
        assert np.allclose(drawn.levels[0].sigmas[0], np.exp(own[:, 3]).clip(0.01, 1), atol=1e-6)
        assert np.allclose(drawn.latents, own[:, 4:], atol=1e-6)
        seen |= set(drawn.levels[0].heights[0].tolist())
        rest_agrees(model, state, drawn)
    assert seen == {0.0, 1.0}


def test_buffers_come_with_their_prior_alone():
    names = {
        Spread(): set(),
        Table(rows=2): {"layout_table"},
        Joint(): {"joint_mean", "joint_factor"},
    }
    for prior, own in names.items():
        assert set(objects(prior).state_dict()) - set(objects(Spread()).state_dict()) == own


def test_a_layout_and_its_levels_are_one():
    generator = SpatialGANScenes.tiny(objects=True)
    seen = set()
    for seed in range(10):
        drawn = draws_of_seed(generator.model, seed)
        layout = generator.sample(seed).layout
        (again,) = from_layout(layout, (3,))
        assert torch.equal(again.centres, drawn.levels[0].centres)
        assert torch.equal(again.sigmas, drawn.levels[0].sigmas)
        assert torch.equal(again.heights, drawn.levels[0].heights)
        seen |= set(layout.hidden)
    assert seen == {False, True}
