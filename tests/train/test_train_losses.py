"""Losses against closed forms, the average, and the order of an adversarial round."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from spatial_edit.train.adversarial import Adversary, AdversaryRecipe
from spatial_edit.train.blobgan_four_terms import disentanglement_loss, diversity_loss
from spatial_edit.train.ema import Ema, FixedEma
from spatial_edit.train.losses import (
    gamma_schedule,
    gradient_penalty,
    perceptual,
    relativistic,
    set_trainable,
)

CHANNELS = ((4, 8), (8, 8), (16, 6))


class Plane(nn.Module):
    """D(x) = <w, x>: its gradient is w everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.w).sum((1, 2, 3))[:, None]


def test_numbers_relativistic():
    zero = torch.zeros(5, 1)
    assert float(relativistic(zero, zero)) == pytest.approx(math.log(2))
    assert float(relativistic(zero + 30, zero)) < 1e-9
    assert float(relativistic(zero, zero + 30)) == pytest.approx(30)
    assert torch.equal(relativistic(zero + 7, zero + 2), relativistic(zero + 5, zero))  # offsets cancel


def test_numbers_perceptual():
    a, b = torch.full((1, 2, 3, 3), 2.0), torch.full((1, 1, 2, 2), -4.0)
    assert float(perceptual((a, b), (a, b))) == 0
    assert float(perceptual((1.5 * a, b), (a, b))) == pytest.approx(0.25)  # (0.5 + 0) / 2
    assert float(perceptual((30 * a,), (20 * a,))) == pytest.approx(0.5)  # relative


def test_numbers_and_gradients_penalty():
    d = Plane()
    x, y = (torch.randn(4, 3, 4, 4).requires_grad_() for _ in range(2))
    slope = float(d.w.detach().square().sum())
    one = gradient_penalty(d(x), [x])
    both = gradient_penalty(d(torch.cat([x, y])), [x, y])
    assert float(one) == pytest.approx(slope, rel=1e-5) and float(both) == pytest.approx(2 * slope, rel=1e-5)
    one.backward()  # twice differentiable: d ||w||^2 / dw = 2 w
    assert torch.allclose(d.w.grad, 2 * d.w.detach(), atol=1e-5)


def test_gradients_penalty_of_a_discriminator_is_that_of_differences():
    torch.manual_seed(0)
    d = Adversary(AdversaryRecipe(channels=CHANNELS, half_precision=False), 16).network.double()
    x = torch.rand(4, 3, 16, 16, dtype=torch.float64).requires_grad_()
    weight = d.final_linear[1].weight

    def value() -> torch.Tensor:
        return gradient_penalty(d(x), [x])

    (slope,) = torch.autograd.grad(value(), weight)
    step, index = 1e-3, (0, int(slope[0].abs().argmax()))
    with torch.no_grad():
        weight[index] += step
    higher = float(value())
    with torch.no_grad():
        weight[index] -= 2 * step
    assert (higher - float(value())) / (2 * step) == pytest.approx(float(slope[index]), rel=1e-3)


def test_numbers_gamma():
    assert gamma_schedule(0) == 5.0 and gamma_schedule(20_000) == gamma_schedule(10**9) == 0.5
    assert gamma_schedule(10_000) == pytest.approx(2.75)
    values = [gamma_schedule(i) for i in range(0, 21_000, 500)]
    assert all(a >= b for a, b in itertools.pairwise(values))


def test_numbers_four_terms():
    alike = torch.randn(3, 1, 8).expand(3, 4, 8)
    assert float(disentanglement_loss(alike)) == pytest.approx(1, abs=1e-5)
    assert float(disentanglement_loss(-alike * torch.tensor([1.0, -2, 3, -4])[:, None])) == pytest.approx(1)
    orthogonal = torch.tensor([[[1.0, -1, 0, 0], [0, 0, 1, -1]]])
    assert float(disentanglement_loss(orthogonal)) == pytest.approx(0, abs=1e-6)
    assert float(disentanglement_loss(alike[:, :1])) == 0
    constant = torch.ones(5, 2, 4)
    assert float(diversity_loss(constant, 0.01)) == pytest.approx(-math.log(0.01), rel=1e-4)
    rows = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])[:, None]  # covariance 4/3 I
    assert float(diversity_loss(rows, 0.0)) == pytest.approx(-math.log(4 / 3), rel=1e-5)


def test_gradients_four_terms_pull_apart():
    features = torch.randn(16, 3, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    for loss in (lambda f: diversity_loss(f, 0.01), disentanglement_loss):
        (slope,) = torch.autograd.grad(loss(features), features)
        assert slope.isfinite().all() and slope.abs().max() > 0
        assert loss(features - 0.05 * slope / slope.norm()) < loss(features)


def test_numbers_average():
    module = nn.BatchNorm1d(2, affine=True)
    nn.init.constant_(module.weight, 0.0)
    average = Ema(module, half_life=100.0, ramp=0.1)
    nn.init.constant_(module.weight, 1.0)
    module.running_mean.fill_(3.0)
    average.update(module, batch=100, images=10_000)
    assert torch.allclose(average.module.weight, torch.tensor(0.5))  # one half-life
    assert torch.equal(average.module.running_mean, module.running_mean)
    average.update(module, batch=8, images=20)  # early: half-life 0.1 * 20 images, four of them
    assert torch.allclose(average.module.weight, torch.tensor(1 - 0.5 * 0.5**4))
    assert not any(p.requires_grad for p in average.module.parameters()) and not average.module.training


def test_numbers_fixed_average():
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 0.0)
    average = FixedEma(module, decay=0.9)
    nn.init.constant_(module.weight, 1.0)
    for batch in (1, 24, 7):
        average.update(module, batch, images=1)
    assert float(average.module.weight) == pytest.approx(1 - 0.9**3)


@pytest.fixture
def adversary() -> Adversary:
    torch.manual_seed(0)
    return Adversary(AdversaryRecipe(channels=CHANNELS, half_precision=False, lazy=4), 16)


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_round_leaves_the_discriminator_for_after_the_generator(adversary):
    real, fake = torch.rand(8, 3, 16, 16), torch.rand(8, 3, 16, 16).requires_grad_()
    before = weights(adversary.network)
    loss, critic = adversary.round(real, fake, images=8)  # not a lazy step
    assert same(before, weights(adversary.network))
    both = adversary.logits(torch.cat([real, fake]))  # real and fake of one minibatch, as D saw them
    alone = adversary.logits(fake)
    assert torch.allclose(critic, relativistic(both[:8], both[8:]), atol=1e-5)
    assert torch.allclose(loss, relativistic(alone, both[:8]), atol=1e-5)

    gradients = [p.grad.clone() for p in adversary.network.parameters()]
    loss.backward()  # G's turn: reaches the pictures and not D's gradients
    assert fake.grad is not None and fake.grad.abs().max() > 0
    assert same(gradients, [p.grad for p in adversary.network.parameters()])
    adversary.step()
    assert not same(before, weights(adversary.network))


def test_penalty_is_lazy(adversary):
    real, fake = torch.rand(8, 3, 16, 16), torch.rand(8, 3, 16, 16)

    def norm(images: int) -> float:
        adversary.round(real, fake, images)
        return sum(float(p.grad.square().sum()) for p in adversary.network.parameters())

    plain = norm(8)
    assert norm(16) == norm(24) == plain
    assert norm(0) != plain and norm(32) != plain  # every fourth step of eight pictures


def test_frozen_and_back(adversary):
    set_trainable(adversary.network, False)
    assert not any(p.requires_grad for p in adversary.network.parameters())
    set_trainable(adversary.network, True)
    assert all(p.requires_grad for p in adversary.network.parameters())
