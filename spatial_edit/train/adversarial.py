"""The discriminator's side of training, shared by every adversarial recipe.

One round on a batch: D's loss and gradient on (real, fake detached); then, with D frozen and not yet stepped,
D of the same fakes for G's loss; the caller steps G; D steps last. Both logits of G's relativistic loss so
come from the same D."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.train.losses import gamma_schedule, gradient_penalty, relativistic, set_trainable
from spatial_edit.train.parallel import process_count


@dataclass(frozen=True)
class AdversaryRecipe:
    """Rates of the discriminator."""

    channels: tuple[tuple[int, int], ...] = ((4, 128), (8, 128), (16, 96), (32, 64), (64, 24))
    learning_rate: float = 2e-3
    gamma_start: float = 5.0
    gamma_end: float = 0.5
    burn_in: int = 20_000
    lazy: int = 8
    half_precision: bool = True


class Adversary:
    """A discriminator with its optimiser and lazy R1 / R2."""

    def __init__(self, recipe: AdversaryRecipe, resolution: int) -> None:
        self.recipe = recipe
        self.network = Discriminator(resolution, dict(recipe.channels))
        self.optimiser = torch.optim.Adam(self.network.parameters(), recipe.learning_rate, (0.0, 0.99))
        self.dtype = torch.bfloat16 if recipe.half_precision else torch.float32

    def logits(self, pictures: Tensor) -> Tensor:
        return self.network(pictures.to(self.dtype, memory_format=torch.channels_last)).float()

    def round(self, real: Tensor, fake: Tensor, images: int) -> tuple[Tensor, Tensor]:
        """D's gradients are left in place (call `step` after G has stepped); returns G's loss, which carries
        a gradient to `fake`, and D's loss (detached). `images` seen so far set gamma and the lazy steps."""
        recipe, batch = self.recipe, len(real)
        penal = (images // (batch * process_count())) % recipe.lazy == 0
        real, held = real.detach(), fake.detach()
        if penal:
            real, held = real.clone().requires_grad_(True), held.clone().requires_grad_(True)
        both = self.logits(torch.cat([real, held]))
        loss = relativistic(both[:batch], both[batch:])
        total = loss
        if penal:
            gamma = gamma_schedule(images, recipe.gamma_start, recipe.gamma_end, recipe.burn_in)
            total = total + gradient_penalty(both, [real, held]) * (gamma / 2 * recipe.lazy)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()

        set_trainable(self.network, False)
        generator_loss = relativistic(self.logits(fake), both[:batch].detach())
        set_trainable(self.network, True)
        return generator_loss, loss.detach()

    def step(self) -> None:
        self.optimiser.step()
