"""Stage (iii) of the rooms model: the decoder learns to paint scenes from z, adversarially, without
forgetting its blobs.

Each step adds two losses: stage (i)'s reconstruction on ground truth, and the adversarial loss of pictures
painted from scenes of the layout flow, half of them with one blob moved, so that edited pictures are asked to
look real as well. The flow itself stays as it is. Steerability is watched while it runs: a bed is moved on
held-out truth and the segmenter says how far it went; when that falls below the start by more than
`tolerance`, the adversarial weight is halved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spatial_edit.data.rooms.pool import Pool
from spatial_edit.generators.blobgan.flow import LayoutFlow
from spatial_edit.generators.blobgan.rooms import depth_sorted
from spatial_edit.generators.blobgan.vector import SlotScene, unpack
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.adversarial import Adversary, AdversaryRecipe
from spatial_edit.train.blobgan_decoder import DecoderRecipe, DecoderTask
from spatial_edit.train.parallel import all_finite
from spatial_edit.train.scenes import as_float, contact_sheet, held_out

BED_SLOT, BED_CLASS = 1, 4


@dataclass(frozen=True)
class JointRecipe:
    """Weights of stage (iii) on top of stage (i)'s."""

    decoder: DecoderRecipe = replace(DecoderRecipe(), batch=8, learning_rate=1e-3, flat=0.4, code_noise=0.1)
    adversary: AdversaryRecipe = AdversaryRecipe()
    fakes: int = 16
    weight: float = 0.2
    alone: int = 2_000  # pictures that D sees before G hears of it
    ramp: int = 4_000
    move: float = 0.12
    scenes: int = 4_096  # drawn from the flow once
    tolerance: float = 0.06


class JointTask(DecoderTask):
    """A `Task` for the loop; `images` counts what D has seen of each kind."""

    def __init__(self, recipe: JointRecipe, pool: Pool, segmenter: Segmenter, flow: LayoutFlow) -> None:
        super().__init__(recipe.decoder, pool, segmenter)
        self.modules["codes"].requires_grad_(False)  # the flow was trained on what it says now
        self.joint = recipe
        self.batch = recipe.fakes
        self.adversary = Adversary(recipe.adversary, recipe.decoder.config.resolution)
        self.modules["discriminator"] = self.adversary.network
        self.optimisers["discriminator"] = self.adversary.optimiser
        self.scenes = self._draw_scenes(flow)
        self.weight = recipe.weight
        self.first_steer: float | None = None

    @torch.no_grad()
    def _draw_scenes(self, flow: LayoutFlow) -> SlotScene:
        random = torch.Generator().manual_seed(self.recipe.seed + 1)
        z = torch.randn(self.joint.scenes, flow.config.components, generator=random)
        vectors = torch.cat([flow(part.to(flow.mean.device)).cpu() for part in z.split(512)])
        return unpack(vectors, self.recipe.config)

    def fake_scenes(self) -> SlotScene:
        """A batch from z; in every second picture one blob is moved."""
        index = torch.randint(len(self.scenes.sizes), (self.joint.fakes,), generator=self.generator)
        scene = SlotScene(*(t[index] for t in self.scenes))
        chance = torch.rand(scene.sizes.shape, generator=self.generator) * scene.present
        moved = (chance == chance.amax(1, keepdim=True)) & (torch.arange(len(index)) % 2 == 0)[:, None]
        shift = (torch.rand(*moved.shape, 2, generator=self.generator) * 2 - 1) * self.joint.move
        return scene._replace(centres=(scene.centres + shift * moved[..., None]).clamp(-0.1, 1.1))

    def paint(self, scene: SlotScene, averaged: bool = False) -> Tensor:
        network = self.averages["decoder"].module if averaged else self.modules["decoder"]
        geometry, slots = depth_sorted(SlotScene(*(t.to(self.device) for t in scene)))
        everything, background = scene.rows.to(self.device), scene.background.to(self.device)
        rows = torch.gather(everything, 1, slots[..., None].expand(-1, -1, everything.shape[-1]))
        return network(geometry, rows, slots, background, None, self.dtype)

    def draw_real(self) -> Tensor:
        held, count = held_out(len(self.pool)), self.joint.fakes
        index = torch.randint(held, len(self.pool), (count,), generator=self.generator)
        pictures = as_float(self.pool.pictures[index]).to(self.device)
        return pictures.flip(3) if torch.rand((), generator=self.generator) < 0.5 else pictures

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        self.set_rate(progress, images)
        warm = images < self.joint.alone
        fake = self.paint(self.fake_scenes())
        generator_loss, critic = self.adversary.round(
            self.draw_real(), fake.detach() if warm else fake, images
        )
        reconstruction, parts = self.reconstruct(*self.draw())
        strength = self.weight * min(max(images - self.joint.alone, 0) / self.joint.ramp, 1.0)
        loss = reconstruction if warm else reconstruction + strength * generator_loss
        optimiser = self.optimisers["autoencoder"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss, critic):
            optimiser.step()
            self.adversary.step()
        return {"loss": loss.detach(), **parts, "generator": generator_loss.detach(), "discriminator": critic}

    @torch.no_grad()
    def steer(self, count: int = 96) -> float:
        """How much of a bed's commanded horizontal move the segmenter sees, mean of held-out truth scenes."""
        assert self.segmenter is not None
        ratios = []
        for shift in (-0.1, 0.1):
            _, before = self.repaint(0, count)
            _, after = self.repaint(0, count, (BED_SLOT, shift))
            (x0, m0), (x1, m1) = (self._bed(p) for p in (before, after))
            sure = (m0 > 0.01) & (m1 > 0.5 * m0) & (m1 < 2 * m0)
            ratios.append(((x1 - x0) / shift)[sure])
        return float(torch.cat(ratios).clamp(-1, 2).mean())

    def _bed(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Centroid and mass of the bed in pictures."""
        assert self.segmenter is not None
        seen = (self.segmenter(pictures).argmax(1) == BED_CLASS).float()
        axis = (torch.arange(seen.shape[-1], device=seen.device) + 0.5) / seen.shape[-1]
        mass = seen.sum((1, 2))
        return (seen.sum(1) * axis).sum(1) / mass.clamp(min=1), mass / seen[0].numel()

    @torch.no_grad()
    def sheet(self) -> Tensor:
        scene = SlotScene(*(t[:32] for t in self.scenes))
        return torch.cat([contact_sheet(self.paint(scene, averaged=True), 8, enlarge=2), super().sheet()], 1)

    def remember(self) -> dict[str, float]:
        steer = {} if self.first_steer is None else {"first_steer": self.first_steer}
        return {"weight": self.weight, **steer}

    def recall(self, memory: dict[str, float]) -> None:
        self.weight = memory.get("weight", self.weight)
        self.first_steer = memory.get("first_steer", self.first_steer)

    def metrics(self) -> dict[str, float]:
        steer = self.steer()
        if self.first_steer is None:
            self.first_steer = steer
        elif steer < self.first_steer - self.joint.tolerance:
            self.weight /= 2
        return {**super().metrics(), "steer": steer, "adversarial_weight": self.weight}
