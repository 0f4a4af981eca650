"""GANformer's attention and networks: what they depend on, gradients, dropout, sizes, configuration."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spatial_edit.generators.ganformer import GANformer, GANformerConfig
from spatial_edit.generators.ganformer.config import config_from_json, config_to_json
from spatial_edit.nn.bipartite_attention import (
    AttentionConfig,
    BipartiteAttention,
    carry,
    grid_encoding,
)

SIMPLEX = AttentionConfig(heads=2, integration="both")
DUPLEX = AttentionConfig(heads=2, duplex=True)


def attention(config: AttentionConfig, latents: int = 5) -> BipartiteAttention:
    torch.manual_seed(0)
    layer = BipartiteAttention(12, 6, latents, config, position_width=8, latent_position_width=6)
    return layer.eval()


def inputs(latents: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels of two 4 x 4 pictures, latents, and the positions of both."""
    torch.manual_seed(1)
    return (
        torch.randn(2, 16, 12),
        torch.randn(2, latents, 6),
        grid_encoding(4, 8).flatten(0, 1),
        torch.rand(latents, 6),
    )


def network(config: GANformerConfig) -> GANformer:
    torch.manual_seed(0)
    model = GANformer(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.3)
    return model


@pytest.fixture
def simplex() -> GANformer:
    return network(GANformerConfig.tiny_simplex())


@pytest.fixture
def duplex() -> GANformer:
    return network(GANformerConfig.tiny())


# attention -----------------------------------------------------------------------------------------------


def test_simplex_attention_looks_at_the_latents():
    layer, (x, y, places, spots) = attention(SIMPLEX), inputs()
    y.requires_grad_()
    seen = layer(x, y, places, spots)
    assert seen.pixels.shape == x.shape and seen.maps.shape == (2, 2, 16, 5) and seen.assignments is None
    assert torch.allclose(seen.maps.sum(-1), torch.ones(2, 2, 16), atol=1e-6)
    (slope,) = torch.autograd.grad(seen.maps[..., 0].sum(), y)
    assert slope.abs().min() > 0
    order = torch.tensor([3, 1, 4, 0, 2])
    turned = layer(x, y[:, order], places, spots[order])
    assert torch.allclose(turned.maps, seen.maps[..., order], atol=1e-6)
    assert torch.allclose(turned.pixels, seen.pixels, atol=1e-5)


def test_duplex_attention_looks_at_the_pixels_alone():
    """As published: where a pixel looks is decided by centroids; latents only say what it sees there."""
    x, y, places, spots = inputs()
    for rounds in (1, 3):
        layer = attention(replace(DUPLEX, iterations=rounds))
        seen, other = layer(x, y, places, spots), layer(x, y + 1, places, spots + 1)
        assert torch.equal(seen.maps, other.maps) and not torch.allclose(seen.pixels, other.pixels, atol=0.01)
        assert torch.allclose(seen.assignments.sum(2), torch.ones(2, 2, 5), atol=1e-5)
        layer(x, y, places, spots).pixels.square().sum().backward()
        assert layer.keys.weight.grad is None and layer.latent_positions.weight.grad is None
        assert layer.centroids.grad.abs().sum() > 0 and layer.values.weight.grad.abs().sum() > 0
    assert not torch.allclose(attention(DUPLEX)(x, y, places, spots).maps, seen.maps, atol=1e-3)


@pytest.mark.parametrize("config", (SIMPLEX, DUPLEX), ids=("simplex", "duplex"))
def test_a_mask_takes_latents_out(config):
    layer, (x, y, places, spots) = attention(config), inputs()
    mask = torch.ones(2, 1, 5)
    mask[0, 0, 2] = 0
    seen = layer(x, y, places, spots, mask=mask)
    assert seen.maps[0, ..., 2].abs().max() == 0 and seen.maps[1, ..., 2].min() > 0
    assert torch.allclose(seen.maps.sum(-1), torch.ones(2, 2, 16), atol=1e-6)
    changed = y.clone()
    changed[0, 2] += 5
    assert torch.equal(layer(x, changed, places, spots, mask=mask).pixels, seen.pixels)


def test_gates_open_at_first_and_scale_the_maps():
    config = replace(SIMPLEX, pixel_gate=True, latent_gate=True)
    layer, (x, y, places, spots) = attention(config), inputs()
    with torch.no_grad():
        for gate in (layer.pixel_gate, layer.latent_gate):
            for part in (gate.content, gate.position):
                part.weight.zero_()
    shares = layer(x, y, places, spots).maps.sum(-1)
    assert torch.allclose(shares, torch.full_like(shares, torch.tensor(1.0).sigmoid().item() ** 2), atol=1e-6)
    with torch.no_grad():
        layer.latent_gate.position.bias.fill_(-50)
    assert layer(x, y, places, spots).maps.max() < 1e-12


def test_numbers_dropout_in_training():
    config = AttentionConfig(dropout=0.4)
    layer, (x, y, places, spots) = attention(config, 40), inputs(40)
    plain = layer(x, y, places, spots).maps
    layer.train()
    torch.manual_seed(4)
    maps = torch.stack([layer(x, y, places, spots).maps for _ in range(400)])  # (400, B, 1, n, k)
    assert (maps == 0).float().mean() == pytest.approx(1 - 0.8**2, abs=0.01)
    whole = (maps == 0).all(3)  # a latent that no pixel sees, by chance almost never pixel by pixel
    assert whole.float().mean() == pytest.approx(0.2, abs=0.02)
    assert (maps.mean(0) - plain).abs().max() < 0.25 * plain.max()
    layer.eval()
    assert torch.equal(layer(x, y, places, spots).maps, plain)


def test_carried_assignments_repeat():
    shares = torch.rand(1, 2, 4, 3)  # 2 x 2 pixels
    larger = carry(shares, 2).unflatten(2, (4, 4))
    assert torch.equal(larger[:, :, 2:, :2], shares[:, :, 2, None, None].expand(-1, -1, 2, 2, -1))
    assert torch.allclose(larger.sum((2, 3)), 4 * shares.sum(2))


def test_errors_of_attention():
    for wrong in (
        {"integration": "div"},
        {"norm": "batch"},
        {"heads": 0},
        {"iterations": 65},
        {"dropout": 1.0},
        {"carried": True},
    ):
        with pytest.raises(ValueError):
            AttentionConfig(**wrong)
    with pytest.raises(ValueError, match="do not divide"):
        BipartiteAttention(12, 6, 5, AttentionConfig(heads=5))
    with pytest.raises(ValueError, match="gate needs positions"):
        BipartiteAttention(12, 6, 5, AttentionConfig(pixel_gate=True))
    with pytest.raises(ValueError, match="split over 3 directions"):
        grid_encoding(4, 8, 3)


# networks ------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_shapes_and_sizes(simplex, duplex):
    for model in (simplex, duplex):
        assert sum(p.numel() for p in model.parameters()) < 50_000
        assert model(torch.randn(2, 4, 8)).shape == (2, 3, 16, 16)
        assert model(torch.randn(0, 4, 8)).shape == (0, 3, 16, 16)
        assert model.codes(torch.randn(2, 4, 8)).shape == (2, 4, 7, 8)
        drawn = model.draw(torch.randn(2, 4, 8))
        shapes = [None if m is None else tuple(m.shape) for m in drawn.maps]
        assert shapes == [(2, 1, 4, 4, 3), (2, 1, 8, 8, 3), (2, 1, 8, 8, 3), None, None]
    with pytest.raises(ValueError, match=r"takes \(B, 4, width\)"):
        duplex(torch.randn(2, 5, 8))
    with pytest.raises(ValueError, match="5 layers"):
        duplex(torch.randn(1, 4, 8), noise=[torch.zeros(1, 1, 4, 4)])
    with pytest.raises(ValueError, match="no noise maps of its own"):
        duplex.synthesis.own_noise()


def test_gradients_reach_every_parameter_of_simplex_attention(simplex):
    loss = simplex(torch.randn(2, 4, 8), simplex.draw_noise(2)).square().mean()
    loss.backward()
    silent = [n for n, p in simplex.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


def test_gradients_reach_the_code_of_every_layer(simplex):
    codes = simplex.codes(torch.randn(1, 4, 8)).detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(simplex.synthesis(codes, None, simplex.positions).sum(), codes)
    felt = slope.abs().sum(-1)[0] > 0  # (k + 1, num_codes)
    assert felt[3].all()  # the global latent: five layers, the last convolution, RGB
    assert felt[:3].tolist() == [[True] * 3 + [False] * 4] * 3  # attention is at the sides 4 and 8


def test_gradients_of_duplex_attention_leave_its_keys_alone(duplex):
    duplex(torch.randn(2, 4, 8), duplex.draw_noise(2)).square().mean().backward()
    silent = {n for n, p in duplex.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert silent == {
        n
        for n, _ in duplex.named_parameters()
        if n.startswith("synthesis.") and (".keys." in n or ".latent_positions." in n)
    }


def test_half_precision_training_step(simplex, duplex):
    z = torch.randn(2, 4, 8)
    for model in (simplex, duplex):
        exact = model(z)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(z)
            loss = model.train()(z, model.draw_noise(2)).float().square().mean()
        assert (rough.float() - exact).abs().mean() < 0.05 * exact.abs().mean()
        loss.backward()
        assert model.synthesis.const.grad.isfinite().all()


@torch.no_grad()
def test_local_latents_have_no_order_but_by_their_positions(simplex):
    z, order = torch.randn(2, 4, 8), torch.tensor([2, 0, 1, 3])
    picture = simplex(z)
    assert not torch.allclose(simplex(z[:, order]), picture, atol=1e-3)
    simplex.positions.copy_(simplex.positions[order[:3]])
    assert torch.allclose(simplex(z[:, order]), picture, atol=1e-4)


@torch.no_grad()
def test_without_modulation_the_global_latent_does_nothing():
    z = torch.randn(1, 4, 8)
    other = z.clone()
    other[:, 3] += 1
    for modulated in (True, False):
        model = network(replace(GANformerConfig.tiny_simplex(), modulated=modulated))
        assert torch.equal(model(z), model(other)) != modulated


@torch.no_grad()
def test_truncation_reaches_the_mean(duplex):
    z = torch.randn(2, 4, 8)
    with pytest.raises(ValueError, match="measure_mean"):
        duplex(z, truncation=0.5)
    duplex.measure_mean(256, torch.Generator().manual_seed(1))
    mean = duplex.w_mean.clone()
    duplex.train().measure_mean(256, torch.Generator().manual_seed(1))
    assert duplex.training and torch.equal(duplex.w_mean, mean)  # measured without dropout
    duplex.eval()
    whole, plain = duplex.codes(z, 1.0), duplex.codes(z)
    assert torch.allclose(whole, duplex.w_mean.expand_as(whole), atol=1e-6)
    assert torch.allclose(duplex.codes(z, 0.5), (whole + plain) / 2, atol=1e-6)
    part = duplex.codes(z, 1.0, layers=2)
    assert torch.equal(part[:, :, :2], whole[:, :, :2]) and torch.equal(part[:, :, 2:], plain[:, :, 2:])
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        duplex(z, truncation=1.5)


def test_determinism_of_seeds(duplex):
    z, noise = duplex.latents_of_seeds([7])
    # RandomState(7).standard_normal starts like this on every platform
    assert z.shape == (1, 4, 8) and z[0, 0, :2].tolist() == pytest.approx([1.6905257, -0.4659374])
    assert [n.shape[-1] for n in noise] == [4, 8, 8, 16, 16]
    both, _ = duplex.latents_of_seeds([3, 7])
    assert torch.equal(both[1:], z)
    fixed = network(replace(GANformerConfig.tiny(), fixed_noise=True))
    again, own = fixed.latents_of_seeds([7])
    assert torch.equal(again, z) and torch.equal(own[2][0], fixed.synthesis.own_noise()[2][0])


@pytest.mark.parametrize(
    "config",
    (
        GANformerConfig(),
        GANformerConfig.tiny(),
        GANformerConfig.tiny_simplex(),
        replace(GANformerConfig.tiny(), components=0, attention=None, mapping_attention=False),
    ),
    ids=("published", "duplex", "simplex", "no attention"),
)
def test_configuration_travels_as_json(config):
    assert config_from_json(json.loads(json.dumps(config_to_json(config)))) == config


def test_errors_of_configurations():
    good = json.loads(json.dumps(config_to_json(GANformerConfig.tiny())))
    for name, value, why in (
        ("kind", "stylegan2", "this loader reads"),
        ("resolution", 24, "power of two"),
        ("resolution", True, "resolution"),
        ("channels", [[4, 8]], "channels"),
        ("components", 100_000, "components"),
        ("components", 0, "attention needs local latents"),
        ("mapping_layers", "8", "mapping_layers"),
        ("architecture", "dense", "architecture"),
        ("attention", [], "object or null"),
        ("attention", {"heads": 1}, "'attention' lacks"),
        ("attention", {**good["attention"], "dropout": float("nan")}, "dropout"),
        ("attention_sides", [4], "attention_sides"),
        ("attention_sides", 4, "attention_sides"),
        ("z_dim", 9, "z_dim equal to w_dim"),
        ("invented", 1, "invented"),
    ):
        with pytest.raises(ValueError, match=why):
            config_from_json({**good, name: value})
    with pytest.raises(ValueError, match="lacks or has too much: grid"):
        config_from_json({name: value for name, value in good.items() if name != "grid"})
