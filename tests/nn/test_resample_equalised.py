"""Resampling and equalised layers: agreement of the fast routes with the plain one, caching, gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spatial_edit.nn.equalised import (
    EqualisedConv2d,
    EqualisedLinear,
    WeightCache,
    biased_leaky_relu,
    pixel_norm,
)
from spatial_edit.nn.mapping import MappingNetwork
from spatial_edit.nn.resample import Blur, Downsample, Upsample, blur_kernel, upfirdn


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (2, 3, 7, 5), (0, 2, 4, 4)])
def test_numbers_fast_routes_are_upfirdn(shape):
    x = torch.randn(shape)
    up = upfirdn(x, blur_kernel(4.0), up=2, pad=(2, 1))
    assert up.shape[2:] == (2 * shape[2], 2 * shape[3])
    assert torch.allclose(Upsample()(x), up, atol=1e-6)
    assert torch.allclose(Downsample()(x), upfirdn(x, blur_kernel(), down=2, pad=(1, 1)), atol=1e-6)
    assert torch.allclose(Blur(2)(x), upfirdn(x, blur_kernel(), pad=(2, 2)), atol=1e-6)


def test_numbers_constant_stays_constant():
    x = torch.full((1, 2, 8, 8), 3.0)
    assert torch.allclose(Upsample()(x)[..., 2:-2, 2:-2], torch.tensor(3.0))
    assert torch.allclose(Downsample()(x)[..., 1:-1, 1:-1], torch.tensor(3.0))


@pytest.mark.parametrize("layer", [Upsample(), Downsample(), Blur(2, gain=4.0)])
def test_gradients_resampling(layer):
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer.double(), (x,))
    assert torch.autograd.gradgradcheck(layer, (x,))


def test_numbers_activation_and_memory_format():
    x, bias = torch.randn(2, 4, 3, 3), torch.randn(4)
    want = F.leaky_relu(x + bias[:, None, None], 0.2) * 2**0.5
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients):
            kept = x.clone()
            got = biased_leaky_relu(x.contiguous(memory_format=torch.channels_last), bias)
        assert torch.allclose(got, want, atol=1e-6)
        assert torch.equal(x, kept)
        assert got.is_contiguous(memory_format=torch.channels_last)
        assert biased_leaky_relu(x.bfloat16(), bias).dtype == torch.bfloat16


def test_numbers_pixel_norm_has_unit_mean_square():
    assert torch.allclose(pixel_norm(torch.randn(5, 9), 1e-8).square().mean(-1), torch.ones(5))


def test_numbers_equal_variance_at_the_start():
    torch.manual_seed(0)
    x = torch.randn(512, 64)
    assert EqualisedLinear(64, 256)(x).std().item() == pytest.approx(1, rel=0.05)
    assert EqualisedLinear(64, 256, lr_mul=0.01)(x).std().item() == pytest.approx(1, rel=0.05)


def test_cached_weight_follows_every_change():
    conv = EqualisedConv2d(2, 3, 3, padding=1)
    x = torch.randn(1, 2, 5, 5)

    def expected():
        return F.conv2d(x, conv.weight * conv.scale, padding=1)

    with torch.no_grad():
        assert torch.equal(conv(x), expected())
        conv.weight.mul_(2)  # an optimiser's step
        assert torch.equal(conv(x), expected())
        conv.load_state_dict({"weight": torch.randn_like(conv.weight)})
        assert torch.equal(conv(x), expected())
        conv.weight.data = torch.randn_like(conv.weight)
        assert torch.equal(conv(x), expected())
        x = x.double()
        conv.double()
        assert torch.equal(conv(x), expected())
    conv(x).sum().backward()
    assert conv.weight.grad is not None


def test_mapping_splits_before_its_last_layer():
    net = MappingNetwork(5, 7, hidden=6, layers=3)
    z = torch.randn(2, 5)
    hidden = net.hidden_layers(z)
    assert hidden.shape == (2, 6)
    assert torch.equal(net.last_layer(hidden), net(z))
    assert list(net.state_dict()) == [f"{i}.{name}" for i in (1, 2, 3) for name in ("weight", "bias")]


@torch.no_grad()
def test_a_cache_knows_weights_apart_that_lie_at_the_same_place() -> None:
    cache, first = WeightCache(), torch.ones(3)
    second = first.detach()  # the same memory, another tensor, as an adapted weight after a freed one
    kept = cache.get(first, lambda w: w * 2)
    assert cache.get(first, lambda w: w * 5) is kept
    assert torch.equal(cache.get(second, lambda w: w * 3), torch.full((3,), 3.0))
