"""EqGAN-SA's parts: heatmaps in two frames, sampling, encodings, attention, styles for every pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatial_edit.generators.spatialgan.attention import (
    alignment,
    attention_map,
    features_of,
    gradcam_weights,
    target_map,
    truncated_l1,
)
from spatial_edit.generators.spatialgan.encoding import SpatialEncoding
from spatial_edit.generators.spatialgan.eqgan import EqGANConfig, EqGANGenerator
from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes, from_layout, to_layout
from spatial_edit.generators.spatialgan.heatmap import FLOOR, HeatmapLevel, sample_levels, stack_levels
from spatial_edit.generators.spatialgan.spatial_styles import spatially_modulated_conv
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.nn.stylegan2 import ModulatedConv
from spatial_edit.seeds import random_state


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def one(y: float, x: float, spread: float) -> HeatmapLevel:
    return HeatmapLevel(torch.tensor([[[y, x]]]), torch.tensor([[spread]]))


def test_numbers_a_drawn_centre():
    drawn = one(-1.0, 1.0, 0.5).draw(5)[0, 0]  # corners of 5 pixels are 2 apart, neighbours 1/2
    assert drawn[0, 4] == pytest.approx(1 + FLOOR)
    assert drawn[0, 3].item() == pytest.approx(np.exp(-0.25 / 0.5) + FLOOR, rel=1e-6)
    assert drawn[2, 4].item() == pytest.approx(np.exp(-1 / 0.5) + FLOOR, rel=1e-6)
    assert drawn[1, 2].item() == pytest.approx(np.exp(-1.25 / 0.5) + FLOOR, rel=1e-6)


def test_numbers_layout_and_network_draw_the_same():
    """The layout's own map, in its own frame, is the network's: the conversion is exact."""
    levels = sample_levels(random_state(5))
    layout = to_layout(levels, 16)
    for number, level in enumerate(levels):
        ours, theirs = layout.field(number, 16), level.draw(16, floor=0.0).sum((0, 1))
        assert torch.allclose(ours, theirs, atol=2e-6)


def test_round_trip_of_the_layout():
    for seed in range(20):
        levels = sample_levels(random_state(seed))
        back = from_layout(to_layout(levels, 32), (1, 2, 4), 32)
        for got, want in zip(back, levels, strict=True):
            held = want.centres.clamp(-1.44, 1.44)  # the layout ends a fifth beyond the picture
            inside = (got.centres - want.centres).abs() < 1e-5
            assert (inside | (held.abs() > 1.39)).all()
            assert torch.allclose(got.spreads, want.spreads, rtol=1e-5) and got.heights.eq(1).all()


def test_numbers_of_sampling():
    drawn = stack_levels([sample_levels(random_state(seed)) for seed in range(4000)])
    root = drawn[0].centres
    assert [level.centres.shape[1] for level in drawn] == [1, 2, 4]
    assert root.abs().max() <= 0.75 and root.std().item() == pytest.approx(0.325, abs=0.01)
    for level, reach, low, high in zip(
        drawn, (0.0, 0.4, 0.8), (0.5, 0.1 / 1.4, 0.05), (1.0, 1.1 / 1.4, 0.55), strict=True
    ):
        offsets = level.centres - root
        assert offsets.abs().max() <= reach + 1e-6
        assert offsets.std().item() == pytest.approx(reach / 3**0.5, abs=0.01)
        assert low <= level.spreads.min() < low + 0.01 and high - 0.01 < level.spreads.max() <= high


def test_determinism_of_a_seed_and_its_order():
    model = EqGANGenerator(EqGANConfig.tiny())
    z, levels, noise = model.draws_of_seeds([11])
    state = np.random.RandomState(11)
    assert np.allclose(z[0], state.standard_normal(8).astype(np.float32))
    root = (state.standard_normal(2) * 0.33).clip(-0.75, 0.75)
    first = root + state.uniform(-0.4, 0.4, (2, 2))
    second = root + state.uniform(-0.8, 0.8, (4, 2))
    assert np.allclose(levels[0].centres[0, 0], root, atol=1e-6)
    assert np.allclose(levels[1].centres[0], first, atol=1e-6)
    assert np.allclose(levels[2].centres[0], second, atol=1e-6)
    assert levels[0].spreads.item() == pytest.approx(state.uniform(0.5, 1.0), abs=1e-6)
    state.uniform(size=6)
    assert np.allclose(noise[0][0, 0], state.standard_normal((4, 4)).astype(np.float32))
    together = model.draws_of_seeds([3, 11])
    assert torch.equal(together[0][1:], z) and torch.equal(together[2][-1][1:], noise[-1])


def test_noise_of_the_weights_comes_before_that_of_the_seed():
    model = EqGANGenerator(replace(EqGANConfig.tiny(), fixed_noise=True))
    noise = model.draws_of_seeds([1, 2])[2]
    assert all(torch.equal(n, s) for n, s in zip(noise, model.synthesis.own_noise(), strict=True))
    assert {f"synthesis.noise_{i}" for i in range(7)} <= set(model.state_dict())


def test_a_lower_step_computes_no_more_than_asked():
    model = EqGANGenerator(EqGANConfig.tiny())
    z, levels, noise = model.draws_of_seeds([1])
    heat = model.synthesis.encode(model.maps(levels))
    blocks = model.synthesis.blocks(model.codes(z), heat, noise)
    model.synthesis.layers[3] = None  # of side 16: reaching it would fail
    assert [next(blocks).side, next(blocks).side] == [4, 8]
    with pytest.raises(TypeError):
        next(blocks)


def test_clamp_limits_every_layer():
    config = EqGANConfig(32, {4: 8, 8: 8, 16: 8, 32: 8}, 8, 8, 2, heat_widths=(4, 4), hidden=4, clamp=0.05)
    model = EqGANGenerator(config)
    z, levels, noise = model.draws_of_seeds([1])
    blocks = list(model.synthesis.blocks(model.codes(z), model.synthesis.encode(model.maps(levels)), noise))
    assert all(block.features.abs().max() <= 0.05 for block in blocks)
    assert blocks[0].rgb.abs().max() <= 0.05


def test_numbers_an_encoding_that_does_nothing_but_normalise():
    layer = SpatialEncoding(2, 3, 4)
    for conv in (layer.scale_map, layer.shift_map, layer.output):
        torch.nn.init.zeros_(conv.weight)
    with torch.no_grad():  # the output convolution passes its centre on
        for channel in range(2):
            layer.output.weight[channel, channel, 1, 1] = 1 / layer.output.scale
        layer.scale_map.bias.fill_(0.5)
        layer.shift_map.bias.fill_(0.25)
        x = torch.tensor([-1.0, 1.0, -1.0, 1.0]).view(1, 1, 2, 2).repeat(1, 2, 1, 1) * 3 + 7
        out = layer(x, torch.rand(1, 3, 8, 8))
    y = torch.tensor([-1.0, 1.0, -1.0, 1.0]).view(1, 1, 2, 2) * 1.5 + 0.25
    want = x + 0.1 * torch.where(y > 0, y, 0.2 * y)
    assert torch.allclose(out, want, atol=1e-4)


def test_numbers_styles_that_do_not_vary_are_those_of_the_plain_convolution():
    for up in (False, True):
        plain = ModulatedConv(5, 4, 3, 6, up=up)
        x, w = torch.randn(2, 5, 8, 8), torch.randn(2, 6)
        styles = plain.affine(w)[:, :, None, None].expand_as(x)
        got = spatially_modulated_conv(x, plain.weight * plain.scale, styles, up=up)
        assert torch.allclose(got, plain(x, w), atol=1e-5)
    with pytest.raises(ValueError, match="must agree"):
        spatially_modulated_conv(x, plain.weight, styles[:, :, :4])


def test_numbers_of_the_loss():
    target = torch.zeros(1, 1, 2, 2)
    assert truncated_l1(torch.tensor([[[[0.1, 0.2], [0.5, 1.0]]]]), target).item() == pytest.approx(0.75)
    assert truncated_l1(torch.tensor([[[[0.1, 0.2], [0.1, 1.0]]]]), target).item() == pytest.approx(0.35)
    broken = torch.tensor([[[[float("nan"), 0.5], [float("inf"), 1.0]]]])
    assert truncated_l1(broken, target).item() == pytest.approx(0.75)
    maps = torch.tensor([[[[0.0, 2.0]], [[0.0, 4.0]]]])
    assert target_map(maps, root=False).tolist() == [[[[0.0, 1.0]]]]
    assert target_map(maps[:, :1], root=True).tolist() == [[[[0.0, 2.0]]]]


def test_numbers_attention_rectifies_channel_by_channel():
    feature = torch.tensor([[[[3.0, -1.0], [0.0, 0.0]], [[-2.0, 5.0], [0.0, 1.0]]]])
    weight = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    # sum of relu: 3, 5, 0, 1; the relu of the sum would give 1, 4, 0, 1
    assert torch.allclose(attention_map(feature, weight, 2), torch.tensor([[[[0.6, 1.0], [0.0, 0.2]]]]))
    flat = attention_map(torch.zeros(1, 2, 2, 2), weight, 4)
    assert flat.eq(0).all()


@pytest.fixture
def judge() -> Discriminator:
    return Discriminator(32, {4: 8, 8: 8, 16: 8, 32: 8}).requires_grad_(False)


def test_numbers_weights_equal_those_of_a_second_pass(judge):
    images = torch.randn(3, 3, 32, 32)
    logits, features = features_of(judge, images.requires_grad_())
    weights = gradcam_weights(logits, features)
    assert torch.equal(logits, judge(images)) and [f.shape[-1] for f in features] == [4, 8, 16]
    assert not judge.convs[1]._forward_hooks
    again = judge.convs[:3](images).detach().requires_grad_()  # side 8
    x = again
    for block in judge.convs[3:]:
        x = block(x)
    x = judge.final_linear(judge.final_conv(_with_deviation(x)).flatten(1))
    (slope,) = torch.autograd.grad(torch.nn.functional.softplus(-x).sum(), again)
    assert torch.allclose(weights[1], slope.mean((2, 3), keepdim=True), atol=1e-6)


def _with_deviation(x):
    from spatial_edit.nn.discriminator import minibatch_stddev

    return minibatch_stddev(x, 4)


def test_gradients_reach_the_picture_and_not_the_judge(judge):
    maps = [level.draw(32) for level in stack_levels([sample_levels(random_state(s)) for s in (1, 2)])]
    images = torch.randn(2, 3, 32, 32, requires_grad=True)
    found = alignment(judge, images, maps)
    assert len(found.losses) == 3 and all(loss > 0 for loss in found.losses)
    found.loss.backward()
    assert images.grad.isfinite().all() and images.grad.abs().max() > 0
    assert all(p.grad is None for p in judge.parameters())
    with torch.no_grad():  # also where nothing is to be trained
        assert alignment(judge, images.detach(), maps).loss.item() == pytest.approx(found.loss.item())


def test_errors(judge):
    with pytest.raises(ValueError, match="no features of side \\[32\\]"):
        features_of(judge, torch.randn(2, 3, 32, 32), (4, 32))
    for changed in ({"resolution": 24}, {"resolution": 8}, {"z_dim": 0}, {"channels": {4: 8}}):
        given = {"resolution": 32, "channels": {4: 8, 8: 8, 16: 8, 32: 8}} | changed
        with pytest.raises(ValueError):
            EqGANConfig(**given)
    model = EqGANScenes.tiny().model
    model.w_mean.zero_()
    with pytest.raises(ValueError, match="lack"):
        model.codes(torch.randn(1, 8), 0.5)
    with pytest.raises(ValueError, match="level 2, this model has 2"):
        from_layout(to_layout(sample_levels(random_state(1)), 32), (1, 2), 32)
    with pytest.raises(ValueError, match="no noise maps"):
        model.synthesis.own_noise()
    with pytest.raises(ValueError, match="1 noise maps given"):
        model(torch.randn(1, 8), sample_levels(random_state(1)), [torch.zeros(1, 1, 4, 4)])
