"""The StyleGAN2 baseline: modulation against the definition, truncation, determinism, errors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spatial_edit.generators.stylegan2 import (
    DiscriminatorConfig,
    StyleGAN2Config,
    StyleGAN2Generator,
    build_discriminator,
    config_from_json,
    config_to_json,
    discriminator_from_json,
    discriminator_to_json,
)
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


# what published networks vary


def with_classes(**more) -> StyleGAN2Generator:
    torch.manual_seed(0)
    model = StyleGAN2Generator(replace(StyleGAN2Config.tiny(), labels=3, **more)).eval()
    model.measure_mean(64, torch.Generator().manual_seed(1))
    return model


@torch.no_grad()
def test_numbers_classes():
    model = with_classes()
    z = torch.randn(2, 16)
    first, second = (model(z, labels=model.one_hot([c, c])) for c in (0, 1))
    assert not torch.allclose(first, second, atol=1e-3)
    assert torch.equal(model.one_hot([2, 0]), torch.eye(3)[[2, 0]])
    with pytest.raises(ValueError, match="draws 3 classes: give a label"):
        model(z)
    with pytest.raises(ValueError, match="knows 3 classes"):
        model.one_hot([3])
    with pytest.raises(ValueError, match="knows no classes"):
        StyleGAN2Generator(StyleGAN2Config.tiny())(z, labels=torch.eye(3)[:2])


@torch.no_grad()
def test_determinism_a_class_is_drawn_after_z_and_noise():
    model = with_classes()
    plain = StyleGAN2Generator(StyleGAN2Config.tiny())
    for seed in (0, 7):
        (z, noise), (same_z, same_noise) = model.latents_of_seeds([seed]), plain.latents_of_seeds([seed])
        assert torch.equal(z, same_z) and all(map(torch.equal, noise, same_noise))
        draw = np.random.RandomState(seed)
        draw.standard_normal(16 + sum(r * r for r in model.synthesis.noise_sides))
        assert model.labels_of_seeds([seed]).argmax().item() == draw.randint(3)
    seen = model.labels_of_seeds(range(30)).sum(0)
    assert (seen > 2).all() and seen.sum() == 30
    assert plain.labels_of_seeds([0]) is None
    assert model.sample_images([3, 4]).shape == (2, 3, 32, 32)


@torch.no_grad()
def test_numbers_cutoff(model):
    model.measure_mean(64, torch.Generator().manual_seed(1))
    z = torch.randn(2, 16)
    codes = model.codes(z, 0.5, cutoff=3)
    assert codes.shape == (2, model.synthesis.num_codes, 16)
    assert torch.equal(codes[:, 2], model.codes(z, 0.5)) and torch.equal(codes[:, 3], model.codes(z))
    for cutoff in (-1, 9):
        with pytest.raises(ValueError, match="has 8 codes"):
            model.codes(z, 0.5, cutoff=cutoff)


@torch.no_grad()
def test_numbers_fixed_noise_is_every_seeds_noise():
    model = StyleGAN2Generator(replace(StyleGAN2Config.tiny(), fixed_noise=True))
    for layer in model.synthesis.layers:
        layer.noise_strength.fill_(0.5)
    z, noise = model.latents_of_seeds([1, 2])
    assert [tuple(n.shape) for n in noise] == [(2, 1, r, r) for r in model.synthesis.noise_sides]
    assert all(
        torch.equal(n[0, 0], own[0, 0]) for n, own in zip(noise, model.synthesis.own_noise(), strict=True)
    )
    assert torch.equal(z, StyleGAN2Generator(StyleGAN2Config.tiny()).latents_of_seeds([1, 2])[0])
    assert torch.equal(model(z, noise), model(z, model.synthesis.own_noise()))


FULL = StyleGAN2Config(
    resolution=8,
    channels={4: 3, 8: 2},
    z_dim=5,
    w_dim=6,
    mapping_layers=3,
    architecture="resnet",
    image_channels=1,
    labels=4,
    mapping_width=7,
    embedding=2,
    mapping_eps=1e-5,
    clamp=256.0,
    exact_eps=True,
    fixed_noise=True,
)
JUDGE = DiscriminatorConfig(8, {4: 3, 8: 2}, "skip", 1, 2, 3, 256.0, 4, 2, 5)


def test_numbers_configurations_come_back():
    for config in (FULL, StyleGAN2Config(), StyleGAN2Config.tiny()):
        text = json.dumps(config_to_json(config), allow_nan=False)
        assert config_from_json(json.loads(text)) == config
    assert discriminator_from_json(json.loads(json.dumps(discriminator_to_json(JUDGE)))) == JUDGE
    assert StyleGAN2Generator(FULL)(torch.zeros(1, 5), labels=torch.eye(4)[:1]).shape == (1, 1, 8, 8)
    assert build_discriminator(JUDGE)(torch.zeros(2, 1, 8, 8), torch.eye(4)[:2]).shape == (2, 1)
    old = {"kind": "stylegan2", "resolution": 8, "channels": [[4, 3], [8, 2]], "z_dim": 5, "w_dim": 6}
    assert config_from_json({**old, "mapping_layers": 2}) == StyleGAN2Config(8, {4: 3, 8: 2}, 5, 6, 2)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "judge"}, "describes 'judge'"),
        ({"z_dim": None}, "incomplete: it lacks 'z_dim'"),
        ({"channels": None}, "incomplete: it lacks 'channels'"),
        ({"resolution": 12}, "power of two"),
        ({"resolution": 1 << 20}, "from 4 to 4096"),
        ({"z_dim": True}, "'z_dim' must be a whole number"),
        ({"z_dim": "64"}, "'z_dim' must be a whole number"),
        ({"w_dim": 0}, "'w_dim' must be a whole number"),
        ({"channels": [[4, 3]]}, "one pair for each"),
        ({"channels": [[4, 3], [4, 3], [8, 2]]}, "must be pairs"),
        ({"channels": [[4, 3], [8, 10**9]]}, "must be pairs"),
        ({"channels": {"4": 3}}, "must be pairs"),
        ({"channels": [[4, 3], [8, 2, 1]]}, "must be pairs"),
        ({"architecture": "dense"}, "one of skip, orig, resnet"),
        ({"clamp": 0}, "'clamp' must be a positive number"),
        ({"clamp": float("inf")}, "'clamp' must be a positive number"),
        ({"clamp": "1"}, "'clamp' must be a positive number"),
        ({"fixed_noise": 1}, "'fixed_noise' must be true or false"),
        ({"colour": 1}, "no stylegan2 has: colour"),
    ],
)
def test_errors_of_configurations(change, match):
    with pytest.raises(ValueError, match=match):
        config_from_json({**config_to_json(FULL), **change})
    if "kind" in change:
        with pytest.raises(ValueError, match="describes"):
            discriminator_from_json(config_to_json(FULL))
