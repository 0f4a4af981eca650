"""SpatialGAN on cats, and the plain StyleGAN2 beside it, second stage: adversarial.

Half of the fakes are painted from z ~ N(0, 1) and centres drawn at random, half are repaintings of the set.
These have a picture that they should be: the first stage's loss stays on, and D's features of both are
matched. SpatialGAN adds the alignment loss (`generators.spatialgan.attention`). Both models have the same D,
rates and pictures.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.spatialgan.attention import aligned
from spatial_edit.generators.spatialgan.levels import Levels, stacked
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.adversarial import Adversary, Verdict
from spatial_edit.train.augment import recoloured
from spatial_edit.train.cats import CatsTask
from spatial_edit.train.cats_recipe import MATCHED, CatsRecipe
from spatial_edit.train.framed_set import FramedSet
from spatial_edit.train.losses import perceptual
from spatial_edit.train.parallel import all_finite


class Terms(NamedTuple):
    """What D says of a batch: G's loss, its own, the alignment's, and how far repaintings are from their
    pictures in its features."""

    generator: Tensor
    critic: Tensor
    align: Tensor
    matching: Tensor


class CatsAdversarialTask(CatsTask):
    """Stage 2; a `Task` for the loop."""

    def __init__(self, recipe: CatsRecipe, data: FramedSet, segmenter: Segmenter | None) -> None:
        super().__init__(recipe, data, segmenter)
        for group in self.optimisers["generator"].param_groups:
            group["betas"] = (0.0, 0.99)
            group["times"] = 1.0
        self.adversary = Adversary(recipe.adversary, recipe.resolution)
        self.modules["discriminator"] = self.adversary.network
        self.optimisers["discriminator"] = self.adversary.optimiser

    def start_from(self, first: CatsTask) -> None:
        """Go on from the averaged weights of stage 1."""
        state = first.averages["generator"].module.state_dict()
        self.modules["generator"].load_state_dict(state)
        self.averages["generator"].module.load_state_dict(state)

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        recipe, half = self.recipe, self.batch // 2
        self.set_rate(recipe.adversarial_rate, progress, images)
        network = self.modules["generator"]
        painted, target, loss, levels, parts = self.repaint(half, weight=recipe.perceptual)
        z, drawn = self.fresh(half, network)
        fake = torch.cat([painted, self.paint(network, z, drawn)])
        both = None
        if levels is not None and drawn is not None and recipe.align:
            both = stacked([levels, drawn])
        real = torch.cat([target, self.draw(half)[0]])
        terms = self.round(real, fake, both, images)
        loss = recipe.repainting * loss + recipe.weight * terms.generator
        loss = loss + recipe.align * terms.align + recipe.matching * terms.matching
        optimiser = self.optimisers["generator"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss, terms.critic):
            optimiser.step()
            self.adversary.step()
        return {"loss": loss.detach(), **parts, **{k: v.detach() for k, v in terms._asdict().items()}}

    def round(self, real: Tensor, fake: Tensor, levels: Levels | None, images: int) -> Terms:
        """D's verdict on recoloured pictures, pairs alike; the first halves of real and fake show the
        same."""
        random, half = self.generator.get_state(), len(real) // 2
        real = recoloured(real, self.generator)
        self.generator.set_state(random)
        fake = recoloured(fake, self.generator)
        sides = [side for side in MATCHED if side < self.recipe.resolution]
        said = self.adversary.verdict(real, fake, images, sides)
        matching = perceptual(tuple(f[:half] for f in said.features), tuple(f[:half] for f in said.of_real))
        align = fake.new_zeros(()) if levels is None else self.align(said, levels)
        return Terms(said.generator, said.critic, align, matching)

    def align(self, said: Verdict, levels: Levels) -> Tensor:
        """The alignment loss of the fakes that D has seen."""
        maps = [level.draw(self.recipe.resolution) for level in levels]
        return aligned(said.logits, said.features[: len(maps)], maps).loss.float()
