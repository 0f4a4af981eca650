"""Stage (i) of the rooms model: decoder and code encoder on ground-truth blobs.

Every picture of the pool comes with its blobs (`data.rooms.blob_truth`). The encoder reads a code under each
blob, the decoder paints the layout with those codes, and the picture must come back: 6 L1 + 3 perceptual (the
frozen segmenter's features) + 0.02 code^2. Noise on the codes keeps them smooth enough to be sampled later.
Adversarial terms come in stage (iii), when whole pictures look right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatial_edit.data.rooms.blob_truth import BlobTruth, flip
from spatial_edit.data.rooms.pool import Pool
from spatial_edit.generators.blobgan.compact import CompactConfig, CompactDecoder
from spatial_edit.generators.blobgan.encoder import CodeEncoder
from spatial_edit.generators.blobgan.rooms import depth_sorted
from spatial_edit.generators.blobgan.shape import PROFILE, BlobGeometry, Splat, splat
from spatial_edit.metrics.truth import slot_scene
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.ema import Ema
from spatial_edit.train.losses import perceptual
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, contact_sheet, held_out


@dataclass(frozen=True)
class DecoderRecipe:
    """Weights and rates of stage (i)."""

    config: CompactConfig = CompactConfig()
    batch: int = 16
    learning_rate: float = 3e-3
    final_rate: float = 0.05  # share of the learning rate left at the end of the cosine
    flat: float = 0.5  # share of the run before the cosine begins
    l1: float = 6.0
    perceptual: float = 3.0
    code: float = 0.02
    code_noise: float = 0.2
    half_precision: bool = True
    seed: int = 0


class DecoderTask:
    """See the module; a `Task` for the loop."""

    def __init__(self, recipe: DecoderRecipe, pool: Pool, segmenter: Segmenter | None) -> None:
        self.recipe, self.pool, self.segmenter = recipe, pool, segmenter
        self.batch = recipe.batch
        torch.manual_seed(recipe.seed)
        decoder, codes = CompactDecoder(recipe.config), CodeEncoder(recipe.config)
        self.modules: dict[str, nn.Module] = {"decoder": decoder, "codes": codes}
        self.averages = {name: Ema(module) for name, module in self.modules.items()}
        weights = [*decoder.parameters(), *codes.parameters()]
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "autoencoder": torch.optim.Adam(weights, recipe.learning_rate, (0.5, 0.99))
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.dtype = torch.bfloat16 if recipe.half_precision else torch.float32
        self.frozen = {} if segmenter is None else {"segmenter": segmenter}

    @property
    def device(self) -> torch.device:
        return device_of(self.modules["decoder"])

    def draw(self) -> tuple[Tensor, BlobTruth]:
        """A batch of pictures in [-1, 1] and their truth, mirrored half of the time."""
        held, count = held_out(len(self.pool)), self.recipe.batch
        index = torch.randint(held, len(self.pool), (count,), generator=self.generator)
        pictures, truth = as_float(self.pool.pictures[index]), self.pool.truth[index]
        if torch.rand((), generator=self.generator) < 0.5:
            pictures, truth = pictures.flip(3), flip(truth)
        return pictures.to(self.device), truth.to(self.device)

    def encode(
        self, pictures: Tensor, truth: BlobTruth
    ) -> tuple[BlobGeometry, Tensor, Splat, Tensor, Tensor]:
        geometry, slots = depth_sorted(slot_scene(truth, self.recipe.config))
        with torch.no_grad():
            maps = splat(geometry, self.recipe.config.resolution)
        rows, background = self.modules["codes"](pictures, geometry, slots, maps, self.dtype)
        return geometry, slots, maps, rows, background

    def reconstruct(self, pictures: Tensor, truth: BlobTruth) -> tuple[Tensor, dict[str, Tensor]]:
        """The autoencoder's loss on a batch, its parts, and nothing stepped."""
        recipe = self.recipe
        geometry, slots, maps, rows, background = self.encode(pictures, truth)
        codes, overall = rows[..., PROFILE + 3 :], background[:, 30:]
        noise = [
            recipe.code_noise * torch.randn(c.shape, generator=self.generator).to(c.device)
            for c in (codes, overall)
        ]
        noisy = torch.cat([rows[..., : PROFILE + 3], codes + noise[0]], -1)
        behind = torch.cat([background[:, :30], overall + noise[1]], -1)
        painted = self.modules["decoder"](geometry, noisy, slots, behind, maps, self.dtype)
        l1 = (painted - pictures).abs().mean()
        size = (
            codes.square().mean(-1) * geometry.present
        ).sum() / geometry.present.sum() + overall.square().mean()
        loss = recipe.l1 * l1 + recipe.code * size
        parts = {"l1": l1.detach(), "code": size.detach()}
        if self.segmenter is not None:
            distance = self.perceptual(painted, pictures)
            loss = loss + recipe.perceptual * distance
            parts["perceptual"] = distance.detach()
        return loss, parts

    def perceptual(self, painted: Tensor, pictures: Tensor) -> Tensor:
        assert self.segmenter is not None
        with torch.autocast(painted.device.type, torch.bfloat16, enabled=self.recipe.half_precision):
            with torch.no_grad():
                target = self.segmenter.features(pictures.to(memory_format=torch.channels_last))
            return perceptual(self.segmenter.features(painted.to(memory_format=torch.channels_last)), target)

    def set_rate(self, progress: float, images: int) -> None:
        recipe = self.recipe
        late = max(progress - recipe.flat, 0) / (1 - recipe.flat)
        cosine = recipe.final_rate + (1 - recipe.final_rate) * 0.5 * (
            1 + torch.cos(torch.tensor(late * torch.pi)).item()
        )
        warm = min(1.0, (images + self.batch) / (50 * self.batch))
        for group in self.optimisers["autoencoder"].param_groups:
            group["lr"] = recipe.learning_rate * warm * cosine

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        self.set_rate(progress, images)
        loss, parts = self.reconstruct(*self.draw())
        optimiser = self.optimisers["autoencoder"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"loss": loss.detach(), **parts}

    @torch.no_grad()
    def repaint(self, first: int, last: int, move: tuple[int, float] | None = None) -> tuple[Tensor, Tensor]:
        """Held-out pictures and their repainting by the averaged weights; `move` = (slot, dx) shifts one
        blob."""
        pictures = as_float(self.pool.pictures[first:last]).to(self.device)
        truth = self.pool.truth[first:last].to(self.device)
        geometry, slots = depth_sorted(slot_scene(truth, self.recipe.config))
        codes, decoder = self.averages["codes"].module, self.averages["decoder"].module
        maps = splat(geometry, self.recipe.config.resolution)
        rows, background = codes(pictures, geometry, slots, maps, self.dtype)
        if move is not None:
            shift = (slots == move[0]).float() * move[1]
            centres = geometry.centres + torch.stack([shift, torch.zeros_like(shift)], -1)
            geometry = geometry._replace(centres=centres)
        return pictures, decoder(geometry, rows, slots, background, None, self.dtype)

    def sheet(self) -> Tensor:
        real, painted = self.repaint(0, 16)
        _, moved = self.repaint(0, 16, (1, 0.18))
        return contact_sheet(torch.cat([real, painted, moved]), 8, enlarge=2)

    def metrics(self) -> dict[str, float]:
        held = held_out(len(self.pool))
        pairs = [self.repaint(i, min(i + 64, held)) for i in range(0, held, 64)]
        real, painted = (torch.cat(p) for p in zip(*pairs, strict=True))
        error = ((painted.clamp(-1, 1) - real) / 2).square().mean((1, 2, 3))
        return {
            "held_out_l1": float((painted - real).abs().mean()),
            "held_out_psnr": float((-10 * error.log10()).mean()),
        }
