"""The published BlobGAN as a module: batches, any number of blobs, jitter, mean latent, errors, names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.generators.blobgan.decoder import decoder_widths
from spatial_edit.generators.blobgan.geometry import directions
from spatial_edit.generators.blobgan.jitter import Jitter, jittered_directions
from spatial_edit.generators.blobgan.published import (
    PublishedBlobGAN,
    PublishedConfig,
    discriminator_widths,
    published_discriminator,
)

TINY = PublishedConfig(
    resolution=32, blobs=3, noise_dim=8, feature_dim=8, style_dim=8, hidden_dim=16, c_model=1
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return PublishedBlobGAN(TINY).eval()


def test_official_size_and_names():
    config = PublishedConfig.official_256()
    with torch.device("meta"):
        model, judge = PublishedBlobGAN(config), published_discriminator(config)
    names = dict(model.named_parameters())
    decoder, layout = (
        sum(p.numel() for name, p in names.items() if name.startswith(part))
        for part in ("generator.", "layout_net.")
    )
    judged = sum(p.numel() for p in judge.parameters())
    assert [round(n / 1e6, 2) for n in (decoder, layout, judged)] == [35.87, 21.33, 28.86]
    assert names["layout_net.mlp.8.weight"].shape == (1287 * 10 + 1281, 1024)
    assert names["generator.convs.0.conv.weight"].shape == (1, 768, 768, 3, 3)
    assert model.generator.noise_sides == (16, 32, 32, 64, 64, 128, 128, 256, 256)
    assert [decoder_widths(96)[r] for r in (16, 64, 128, 256)] == [768, 768, 384, 192]
    assert [discriminator_widths()[r] for r in (4, 64, 128, 256)] == [512, 512, 256, 128]


@torch.no_grad()
def test_batch_equals_one_by_one(model):
    z, noise = torch.randn(3, 8), model.draw_noise(3, torch.Generator().manual_seed(1))
    model.generator.conv1.noise.weight.fill_(0.3)
    together = model(z, noise)
    assert together.shape == (3, 3, 32, 32)
    for i in range(3):
        alone = model(z[i : i + 1], [n[i : i + 1] for n in noise])
        assert torch.allclose(alone[0], together[i], atol=1e-5)
    assert torch.equal(together, model(z, noise))


@pytest.mark.parametrize("blobs", [0, 1, 9])
@torch.no_grad()
def test_any_number_of_blobs(model, blobs):
    p = model.layout(torch.randn(2, 8))
    pick = [i % 3 for i in range(blobs)]
    edited = replace(
        p,
        centres=p.centres[:, pick],
        covariances=p.covariances[:, pick],
        scores=p.scores[:, [0] + [i + 1 for i in pick]],
        features=p.features[:, [0] + [i + 1 for i in pick]],
        styles=p.styles[:, [0] + [i + 1 for i in pick]],
    )
    assert model.decode(edited).isfinite().all()
    assert model.alphas(edited)[16].shape == (2, blobs + 1, 16, 16)


@torch.no_grad()
def test_invisible_blob_changes_nothing(model):
    p = model.layout(torch.randn(1, 8))
    scores = p.scores.clone()
    scores[:, 2] = -200
    gone = replace(p, scores=scores)
    keep = [0, 2]
    without = replace(
        p,
        centres=p.centres[:, keep],
        covariances=p.covariances[:, keep],
        scores=p.scores[:, [0, 1, 3]],
        features=p.features[:, [0, 1, 3]],
        styles=p.styles[:, [0, 1, 3]],
    )
    assert torch.allclose(model.decode(gone), model.decode(without), atol=1e-5)


@torch.no_grad()
def test_truncation_and_mean_latent(model):
    z = torch.randn(2, 8)
    mean = model.mean_latent(500, torch.Generator().manual_seed(2))
    assert mean.shape == (1, 16)
    assert torch.equal(mean, model.mean_latent(500, torch.Generator().manual_seed(2)))
    full = model(z, truncation=1.0, mean_latent=mean)
    assert torch.allclose(full[0], full[1], atol=1e-5)
    assert not torch.allclose(model(z)[0], model(z)[1], atol=1e-2)
    with pytest.raises(ValueError, match="mean_latent"):
        model(z, truncation=0.5)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        model(z, truncation=float("nan"))


def test_jitter_turns_by_the_drawn_angle():
    draw = torch.Generator().manual_seed(3)
    shapes = torch.randn(4, 5, 4, generator=draw)
    jitter = Jitter.draw(4, 5, draw)
    assert min(u.min() for u in (jitter.x, jitter.y, jitter.angle, jitter.score)) >= -1
    before, after = directions(shapes), jittered_directions(shapes, jitter)
    turned = torch.atan2(-after[..., 1], after[..., 0]) - torch.atan2(-before[..., 1], before[..., 0])
    turned = (turned + torch.pi).remainder(2 * torch.pi) - torch.pi
    assert torch.allclose(turned, 0.1 * jitter.angle, atol=1e-5)
    released = jittered_directions(shapes, replace(jitter, released_jitter=True))
    up = before[..., 1] < 0
    assert torch.allclose(released[up], after[up], atol=1e-5)
    assert (released - after)[~up].abs().max() > 0.1


def test_gradients_through_jitter_and_layout(model):
    jitter = Jitter.draw(2, 3, torch.Generator().manual_seed(4))
    model(torch.randn(2, 8), model.draw_noise(2), jitter=jitter).square().mean().backward()
    # the background's score is read by nothing, so the last layer's bias has one zero gradient
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.layout_net.mlp.get_submodule("8").bias.grad[0] == 0


def test_errors(model):
    with pytest.raises(ValueError, match="this decoder takes"):
        model(torch.randn(1, 8), noise=[torch.zeros(1, 1, 4, 4)] * 3)
    with pytest.raises(ValueError, match="this network speaks"):
        model.layout_of_raw(torch.zeros(1, 7))
    with pytest.raises(ValueError, match="power of two"):
        PublishedBlobGAN(replace(TINY, resolution=40))
