"""The discriminator's side of training when the generator is held to a heatmap: as `adversarial`, on
recoloured pictures, and with the alignment loss from the very pass that gives the generator's loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.spatialgan.attention import SIDES, features_of
from spatial_edit.train.adversarial import Adversary
from spatial_edit.train.augment import recoloured
from spatial_edit.train.losses import gamma_schedule, gradient_penalty, relativistic, set_trainable
from spatial_edit.train.parallel import process_count


class Verdict(NamedTuple):
    """Losses of a round: G's two carry gradients to the fakes, D's is detached."""

    generator: Tensor
    discriminator: Tensor
    aligned: Tensor


def aligned_round(
    adversary: Adversary,
    real: Tensor,
    fake: Tensor,
    attend: Callable[[Tensor, list[Tensor]], Tensor] | None,
    images: int,
    generator: torch.Generator,
) -> Verdict:
    """As `Adversary.round`. attend: the alignment loss, given the discriminator's logits of the fakes and its
    features of the sides 4, 8 and 16; None for no such loss."""
    recipe, batch = adversary.recipe, len(real)
    penal = (images // (batch * process_count())) % recipe.lazy == 0
    real, fake = recoloured(real, generator), recoloured(fake, generator)
    held = fake.detach()
    if penal:
        real, held = real.clone().requires_grad_(True), held.clone().requires_grad_(True)
    both = adversary.logits(torch.cat([real, held]))
    critic = relativistic(both[:batch], both[batch:])
    total = critic
    if penal:
        gamma = gamma_schedule(images, recipe.gamma_start, recipe.gamma_end, recipe.burn_in)
        total = total + gradient_penalty(both, [real, held]) * (gamma / 2 * recipe.lazy)
    adversary.optimiser.zero_grad(set_to_none=True)
    total.backward()

    set_trainable(adversary.network, False)
    if attend is None:
        logits, aligned = adversary.logits(fake), fake.new_zeros(())
    else:
        pictures = fake.to(adversary.dtype, memory_format=torch.channels_last)
        logits, features = features_of(adversary.network, pictures, SIDES)
        logits = logits.float()
        aligned = attend(logits, features)
    verdict = relativistic(logits, both[:batch].detach())
    set_trainable(adversary.network, True)
    return Verdict(verdict, critic.detach(), aligned)
