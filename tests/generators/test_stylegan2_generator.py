"""The StyleGAN2 baseline: modulation against the definition, truncation, determinism, errors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.nn.stylegan2 import ModulatedConv, SynthesisNetwork


@pytest.fixture
def model():
    torch.manual_seed(0)
    return StyleGAN2Generator(StyleGAN2Config.tiny()).eval()


def test_smoke_sizes(model):
    def size(config):
        return sum(p.numel() for p in StyleGAN2Generator(config).parameters())

    assert size(StyleGAN2Config.tiny()) < 50_000
    assert 1_000_000 < size(StyleGAN2Config()) < 1_500_000
    assert model(torch.randn(2, 16)).shape == (2, 3, 32, 32)
    assert model(torch.randn(0, 16)).shape == (0, 3, 32, 32)


def test_numbers_modulation_scales_the_weights():
    torch.manual_seed(0)
    conv = ModulatedConv(3, 5, 3, 4)
    x, w = torch.randn(2, 3, 6, 6), torch.randn(2, 4)
    got = conv(x, w)
    for i, style in enumerate(conv.affine(w)):
        weight = conv.weight * conv.scale * style[None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        assert torch.allclose(got[i : i + 1], F.conv2d(x[i : i + 1], weight, padding=1), atol=1e-5)


@torch.no_grad()
def test_truncation_reaches_the_mean(model):
    z = torch.randn(2, 16)
    with pytest.raises(ValueError, match="measure_mean"):
        model(z, truncation=0.5)
    model.measure_mean(256, torch.Generator().manual_seed(1))
    whole = model.codes(z, truncation=1.0)
    assert torch.allclose(whole, model.w_mean.expand_as(whole), atol=1e-6)
    assert torch.allclose(model(z, truncation=1.0)[0], model(z, truncation=1.0)[1], atol=1e-5)
    middle = (model.codes(z) + whole) / 2
    assert torch.allclose(model.codes(z, truncation=0.5), middle, atol=1e-6)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        model(z, truncation=1.5)


@torch.no_grad()
def test_determinism_of_seeds(model):
    for layer in model.synthesis.layers:
        layer.noise_strength.fill_(0.5)
    alone, batch = model.sample_images([7]), model.sample_images([3, 7])
    assert torch.equal(alone, model.sample_images([7]))
    assert torch.allclose(alone[0], batch[1], atol=1e-5)
    assert not torch.allclose(batch[0], batch[1], atol=1e-2)
    assert batch.abs().max() <= 1
    z, noise = model.latents_of_seeds([7])
    # RandomState(7).standard_normal starts like this on every platform
    assert z[0, :2].tolist() == pytest.approx([1.6905257, -0.4659374])
    assert [n.shape[-1] for n in noise] == [4, 8, 8, 16, 16, 32, 32]
    assert not torch.allclose(model(z, noise), model(z), atol=1e-2)


def test_gradients_reach_every_parameter(model):
    loss = model(torch.randn(2, 16), model.draw_noise(2)).square().mean()
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_half_precision_training_step(model):
    model = model.to(memory_format=torch.channels_last)
    z = torch.randn(2, 16)
    exact = model(z)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(z)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().mean() < 0.05 * exact.abs().mean()


def test_errors(model):
    with pytest.raises(ValueError, match="power of two"):
        SynthesisNetwork(24, {4: 2, 8: 2, 16: 2}, 3)
    with pytest.raises(ValueError, match=r"side \[16\]"):
        SynthesisNetwork(16, {4: 2, 8: 2}, 3)
    with pytest.raises(ValueError, match="7 layers"):
        model(torch.randn(1, 16), noise=[torch.zeros(1, 1, 4, 4)])
