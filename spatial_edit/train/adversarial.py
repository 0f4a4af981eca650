"""The discriminator's side of training, shared by every adversarial recipe.

One round on a batch: D's loss and gradient on (real, fake detached); then, with D frozen and not yet stepped,
D of the same fakes for G's loss; the caller steps G; D steps last. Both logits of G's relativistic loss so
come from the same D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.spatialgan.attention import features_of
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


class Verdict(NamedTuple):
    """What D says of a batch. G's loss, the logits and the features of the fakes carry gradients to them and
    none to D's weights; D's own loss and the features of the real pictures are detached."""

    generator: Tensor
    critic: Tensor
    logits: Tensor  # (B, 1) of the fakes
    features: list[Tensor]  # of the fakes, one a side
    of_real: list[Tensor]  # of the real pictures, one a side


class Adversary:
    """A discriminator with its optimiser and lazy R1 / R2."""

    def __init__(self, recipe: AdversaryRecipe, resolution: int) -> None:
        self.recipe = recipe
        self.network = Discriminator(resolution, dict(recipe.channels))
        self.optimiser = torch.optim.Adam(self.network.parameters(), recipe.learning_rate, (0.0, 0.99))
        self.dtype = torch.bfloat16 if recipe.half_precision else torch.float32

    def logits(self, pictures: Tensor) -> Tensor:
        return self.network(pictures.to(self.dtype, memory_format=torch.channels_last)).float()

    def seen(self, pictures: Tensor, sides: Sequence[int] = ()) -> tuple[Tensor, list[Tensor]]:
        """Logits of pictures, and what D makes of them at some sides (none are kept unless asked for)."""
        if not sides:
            return self.logits(pictures), []
        half = pictures.to(self.dtype, memory_format=torch.channels_last)
        logits, features = features_of(self.network, half, sides)
        return logits.float(), features

    def verdict(self, real: Tensor, fake: Tensor, images: int, sides: Sequence[int] = ()) -> Verdict:
        """D's gradients are left in place (call `step` after G has stepped). `images` seen so far set gamma
        and the lazy steps; sides: of the features that the verdict is to hold."""
        recipe, batch = self.recipe, len(real)
        penal = (images // (batch * process_count())) % recipe.lazy == 0
        real, held = real.detach(), fake.detach()
        if penal:
            real, held = real.clone().requires_grad_(True), held.clone().requires_grad_(True)
        both, wanted = self.seen(torch.cat([real, held]), sides)
        critic = relativistic(both[:batch], both[batch:])
        total = critic
        if penal:
            gamma = gamma_schedule(images, recipe.gamma_start, recipe.gamma_end, recipe.burn_in)
            total = total + gradient_penalty(both, [real, held]) * (gamma / 2 * recipe.lazy)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()

        set_trainable(self.network, False)
        logits, features = self.seen(fake, sides)
        generator = relativistic(logits, both[:batch].detach())
        set_trainable(self.network, True)
        of_real = [feature[:batch].detach() for feature in wanted]
        return Verdict(generator, critic.detach(), logits, features, of_real)

    def round(self, real: Tensor, fake: Tensor, images: int) -> tuple[Tensor, Tensor]:
        """The verdict's two losses: G's, which carries a gradient to `fake`, and D's."""
        verdict = self.verdict(real, fake, images)
        return verdict.generator, verdict.critic

    def step(self) -> None:
        self.optimiser.step()
