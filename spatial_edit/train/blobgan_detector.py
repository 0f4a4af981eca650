"""The photo-to-layout network of the rooms model, trained on pictures with known blobs.

The trunk starts from the segmenter's weights when there are any. Loss: cross-entropy of which slot every
pixel shows and of presence, and for present slots the L1 distance of every geometry number in units of its
spread over the pool. Pictures are mirrored, brightened, tinted, blurred and given noise, so that photographs
are not too foreign."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.data.rooms.blob_truth import BlobTruth, flip, flip_owners, owners
from spatial_edit.data.rooms.pool import Pool
from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.encoder import Detected, Detector
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.ema import Ema
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, held_out


@dataclass(frozen=True)
class DetectorRecipe:
    """Rates of the detector's training."""

    config: CompactConfig = CompactConfig()
    width: int = 32
    batch: int = 64
    learning_rate: float = 2e-3
    half_precision: bool = True
    seed: int = 0


def raw_targets(truth: BlobTruth) -> tuple[Tensor, Tensor, Tensor]:
    """presence (B, S), fields (B, S, 22) as `Detected` orders them, planes (B, 5, 3)."""
    stretch = truth.aspects.log()
    fields = [
        truth.centres,
        truth.sizes.clamp(min=0.01).log()[..., None],
        torch.stack([stretch * (2 * truth.angles).cos(), stretch * (2 * truth.angles).sin()], -1),
        truth.distances.clamp(0.2, 20.0).log()[..., None],
        truth.profiles.clamp(min=0.05).log(),
    ]
    return truth.exists.float(), torch.cat(fields, -1), truth.planes


def start_from_segmenter(detector: Detector, segmenter: Segmenter) -> None:
    """Give the trunk the segmenter's weights, all but its last layer (the classes are others)."""
    mine = detector.trunk.state_dict()
    theirs = segmenter.state_dict()
    usable = {k: v for k, v in theirs.items() if k in mine and mine[k].shape == v.shape and "head" not in k}
    detector.trunk.load_state_dict({**mine, **usable})


class DetectorTask:
    """See the module; a `Task` for the loop."""

    def __init__(self, recipe: DetectorRecipe, pool: Pool, segmenter: Segmenter | None = None) -> None:
        self.recipe, self.pool, self.batch = recipe, pool, recipe.batch
        torch.manual_seed(recipe.seed)
        detector = Detector(recipe.config, recipe.width)
        if segmenter is not None:
            start_from_segmenter(detector, segmenter)
        self._set_statistics(detector)
        self.modules: dict[str, nn.Module] = {"detector": detector}
        self.averages = {"detector": Ema(detector)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "detector": torch.optim.AdamW(detector.parameters(), recipe.learning_rate, weight_decay=1e-3)
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.dtype = torch.bfloat16 if recipe.half_precision else torch.float32

    @property
    def device(self) -> torch.device:
        return device_of(self.modules["detector"])

    def _set_statistics(self, detector: Detector) -> None:
        presence, fields, planes = raw_targets(self.pool.truth)
        weight = presence[..., None]
        total = weight.sum(0).clamp(min=1)
        mean = (fields * weight).sum(0) / total
        spread = (((fields - mean).square() * weight).sum(0) / total).sqrt().clamp(min=0.02)
        detector.mean.copy_(mean)
        detector.spread.copy_(spread)
        detector.plane_mean.copy_(planes.mean(0))
        detector.plane_spread.copy_(planes.std(0).clamp(min=0.02))

    def draw(self) -> tuple[Tensor, BlobTruth, Tensor]:
        held = held_out(len(self.pool))
        index = torch.randint(held, len(self.pool), (self.batch,), generator=self.generator)
        pictures, truth = as_float(self.pool.pictures[index]), self.pool.truth[index]
        shown = owners(self.pool.instances[index, ::2, ::2])
        if torch.rand((), generator=self.generator) < 0.5:
            pictures, truth, shown = pictures.flip(3), flip(truth), flip_owners(shown)
        pictures = self.disturb(pictures.to(self.device))
        return pictures, truth.to(self.device), shown.to(self.device)

    def disturb(self, pictures: Tensor) -> Tensor:
        """Contrast, tint, noise, and blur for a quarter of the pictures."""
        count = len(pictures)

        def normal(*shape: int) -> Tensor:
            return torch.randn(count, *shape, generator=self.generator).to(pictures.device)

        def uniform() -> Tensor:
            return torch.rand(count, 1, 1, 1, generator=self.generator).to(pictures.device)

        pictures = pictures * (1 + 0.15 * normal(1, 1, 1)) + 0.1 * normal(1, 1, 1) + 0.06 * normal(3, 1, 1)
        noisy = pictures + 0.08 * uniform() * normal(*pictures.shape[1:])
        soft = F.avg_pool2d(F.pad(noisy, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return torch.where(uniform() < 0.25, soft, noisy)

    def loss(self, found: Detected, truth: BlobTruth, shown: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        detector = self.modules["detector"]
        assert isinstance(detector, Detector)
        presence, fields, planes, masks = found
        spread, plane_spread = detector.spread, detector.plane_spread
        pixels = F.cross_entropy(masks, shown)
        target, wanted, true_planes = raw_targets(truth)
        seen = F.binary_cross_entropy_with_logits(presence, target)
        error = ((fields - wanted) / spread).abs()
        weight = target[..., None].expand_as(error)
        geometry = (error[..., :6] * weight[..., :6]).sum() / weight[..., :6].sum().clamp(min=1)
        outline = (error[..., 6:] * weight[..., 6:]).sum() / weight[..., 6:].sum().clamp(min=1)
        room = ((planes - true_planes) / plane_spread).abs().mean()
        total = 2 * pixels + 2 * seen + geometry + 0.5 * outline + room
        return total, {
            "pixels": pixels,
            "presence": seen,
            "geometry": geometry,
            "outline": outline,
            "planes": room,
        }

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        warm = min(1.0, (images + self.batch) / (100 * self.batch))
        for group in self.optimisers["detector"].param_groups:
            group["lr"] = (
                self.recipe.learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
            )
        pictures, truth, shown = self.draw()
        loss, parts = self.loss(self.modules["detector"](pictures, self.dtype), truth, shown)
        optimiser = self.optimisers["detector"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"loss": loss.detach(), **{k: v.detach() for k, v in parts.items()}}

    def sheet(self) -> Tensor | None:
        return None

    @torch.no_grad()
    def metrics(self) -> dict[str, float]:
        held = held_out(len(self.pool))
        truth = self.pool.truth[:held].to(self.device)
        pictures = as_float(self.pool.pictures[:held]).to(self.device)
        found = self.averages["detector"].module(pictures, self.dtype)
        shown = owners(self.pool.instances[:held, ::2, ::2]).to(self.device)
        _, parts = self.loss(found, truth, shown)
        presence, fields = found.presence, found.fields
        there = truth.exists
        distance = (fields[..., :2] - truth.centres).norm(dim=-1)
        return {
            **{f"held_out_{k}": float(v) for k, v in parts.items()},
            "held_out_presence_accuracy": float(((presence > 0) == there).float().mean()),
            "held_out_centre_error": float(distance[there].mean()),
        }
