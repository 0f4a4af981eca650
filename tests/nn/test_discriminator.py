"""The shared discriminator: shapes, grouping of the mini-batch statistics, derivatives, errors."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.nn.discriminator import Discriminator, minibatch_stddev

TINY = {4: 8, 8: 8, 16: 4}


def test_shapes_and_no_influence_without_statistics():
    images = torch.randn(3, 3, 16, 16)
    encoder = Discriminator(16, TINY, group=0, outputs=5)
    together = encoder(images)
    assert together.shape == (3, 5)
    assert torch.allclose(encoder(images[:1]), together[:1], atol=1e-6)


def test_numbers_groups_interleave():
    # images 0 and 2 are equal, 1 and 3 differ by 2: interleaved groups see deviations 0 and 1
    x = torch.tensor([0.0, 1.0, 0.0, 3.0]).view(4, 1, 1, 1)
    got = minibatch_stddev(x, 2)[:, 1].flatten()
    assert torch.allclose(got, torch.tensor([1e-4, 1.0, 1e-4, 1.0]), atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="divisible by 4"):
        minibatch_stddev(torch.zeros(6, 1, 4, 4), 4)
    with pytest.raises(ValueError, match="power of two"):
        Discriminator(24, TINY)
    with pytest.raises(ValueError, match=r"side \[32\]"):
        Discriminator(32, TINY)


def test_gradients_of_a_gradient_penalty():
    model = Discriminator(16, TINY).double()
    images = torch.randn(4, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(model(images).sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.dim() > 1)


def test_half_precision_stays_half():
    model = Discriminator(16, TINY).to(memory_format=torch.channels_last)
    images = torch.randn(4, 3, 16, 16)
    exact = model(images)
    with torch.autocast("cpu", torch.bfloat16):
        features = model.convs(images)
        rough = model(images)
    assert features.dtype == rough.dtype == torch.bfloat16
    assert torch.allclose(rough.float(), exact, atol=0.1)


def test_numbers_statistics_in_several_channels():
    x = torch.randn(4, 6, 2, 2)
    got = minibatch_stddev(x, 2, channels=3)
    assert got.shape == (4, 9, 2, 2)
    for part in range(3):
        alone = minibatch_stddev(x[:, 2 * part : 2 * part + 2], 2)[:, 2]
        assert torch.allclose(got[:, 6 + part], alone)
    with pytest.raises(ValueError, match="6 channels"):
        minibatch_stddev(x, 2, channels=4)


def test_shapes_of_the_architectures():
    images = torch.randn(2, 1, 16, 16)
    for architecture in ("resnet", "orig", "skip"):
        model = Discriminator(16, TINY, in_channels=1, architecture=architecture, statistics=2)
        assert model(images).shape == (2, 1)
        assert len(model.rgbs) == (2 if architecture == "skip" else 0)
        assert any(".skip." in name for name in model.state_dict()) == (architecture == "resnet")


@torch.no_grad()
def test_numbers_labels_project_the_features():
    torch.manual_seed(0)
    model = Discriminator(16, TINY, labels=3, label_layers=2)
    images, labels = torch.randn(3, 3, 16, 16), torch.eye(3)
    features = minibatch_stddev(model.convs(images), 4)
    features = model.final_linear(model.final_conv(features).flatten(1))
    want = (features * model.mapping(None, labels)).sum(1, keepdim=True) / 8**0.5
    assert torch.allclose(model(images, labels), want, atol=1e-6)
    with pytest.raises(ValueError, match="3 classes: give labels"):
        model(images)


@torch.no_grad()
def test_numbers_a_limit_of_activations():
    torch.manual_seed(0)
    images = 100 * torch.randn(2, 3, 16, 16)
    free, limited = Discriminator(16, TINY), Discriminator(16, TINY, clamp=0.1)
    limited.load_state_dict(free.state_dict())  # a limit adds no weights and renames none
    assert limited.convs[0](images).abs().max() <= 0.1 < free.convs[0](images).abs().max()
    skips = Discriminator(16, TINY, clamp=0.1, architecture="skip").rgbs
    assert [bool(rgb(images).abs().max() <= 0.1) for rgb in skips] == [True, False]
    with pytest.raises(ValueError, match="one of resnet, orig, skip"):
        Discriminator(16, TINY, architecture="dense")
