"""Stage (i) of Box3D: the decoder on true boxes.

Every picture of the pool comes with its boxes, lights and maps (`box3d_pool`). The decoder paints them and
the picture must come out: 6 L1 + 3 perceptual (the frozen segmenter's features)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatial_edit.generators.box3d.decoder import Box3DConfig, RoomDecoder
from spatial_edit.generators.box3d.maps import draw_maps
from spatial_edit.generators.box3d.parts import BoxBatch, expand
from spatial_edit.metrics.box_truth import SLOTS
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.box3d_pool import BoxPool
from spatial_edit.train.ema import Ema
from spatial_edit.train.losses import perceptual
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, contact_sheet, held_out

BED = [SLOTS.index(name) for name in ("bed", "pillow_l", "pillow_r", "cushion")]


@dataclass(frozen=True)
class RoomDecoderRecipe:
    """Weights and rates."""

    config: Box3DConfig = Box3DConfig()
    batch: int = 16
    learning_rate: float = 3e-3
    final_rate: float = 0.05  # share of the learning rate left at the end of the cosine
    flat: float = 0.5  # share of the run before the cosine begins
    l1: float = 6.0
    perceptual: float = 3.0
    half_precision: bool = True
    seed: int = 0


class RoomDecoderTask:
    """See the module; a `Task` for the loop. `start`: weights of a decoder to go on from, levels that it
    lacks being new."""

    def __init__(
        self,
        recipe: RoomDecoderRecipe,
        pool: BoxPool,
        segmenter: Segmenter | None,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self.recipe, self.pool, self.segmenter = recipe, pool, segmenter
        self.batch = recipe.batch
        torch.manual_seed(recipe.seed)
        decoder = RoomDecoder(recipe.config)
        if start is not None:
            grow(decoder, start)
        self.modules: dict[str, nn.Module] = {"decoder": decoder}
        self.averages = {"decoder": Ema(decoder)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "decoder": torch.optim.Adam(decoder.parameters(), recipe.learning_rate, (0.5, 0.99))
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.dtype = torch.bfloat16 if recipe.half_precision else torch.float32
        self.frozen = {} if segmenter is None else {"segmenter": segmenter}

    @property
    def device(self) -> torch.device:
        return device_of(self.modules["decoder"])

    def set_rate(self, progress: float, images: int) -> None:
        recipe = self.recipe
        late = max(progress - recipe.flat, 0) / (1 - recipe.flat)
        wave = 0.5 * (1 + torch.cos(torch.tensor(late * torch.pi)).item())
        warm = min(1.0, (images + self.batch) / (50 * self.batch))
        for group in self.optimisers["decoder"].param_groups:
            group["lr"] = recipe.learning_rate * warm * (recipe.final_rate + (1 - recipe.final_rate) * wave)

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        self.set_rate(progress, images)
        pool = self.pool
        index = torch.randint(held_out(len(pool)), len(pool), (self.batch,), generator=self.generator)
        real = as_float(pool.pictures[index]).to(self.device)
        boxes = BoxBatch(*(value.to(self.device) for value in pool.boxes.at(index)))
        painted = self.modules["decoder"](boxes, expand(boxes), pool.maps(index, self.device), self.dtype)
        l1 = (painted - real).abs().mean()
        loss, parts = self.recipe.l1 * l1, {"l1": l1.detach()}
        if self.segmenter is not None:
            distance = self.distance(painted, real)
            loss = loss + self.recipe.perceptual * distance
            parts["perceptual"] = distance.detach()
        optimiser = self.optimisers["decoder"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"loss": loss.detach(), **parts}

    def distance(self, painted: Tensor, real: Tensor) -> Tensor:
        """Perceptual distance in the segmenter's features."""
        assert self.segmenter is not None
        with torch.autocast(painted.device.type, torch.bfloat16, enabled=self.recipe.half_precision):
            with torch.no_grad():
                target = self.segmenter.features(real.to(memory_format=torch.channels_last))
            return perceptual(self.segmenter.features(painted.to(memory_format=torch.channels_last)), target)

    @torch.no_grad()
    def repaint(self, first: int, last: int, move: float = 0.0) -> tuple[Tensor, Tensor]:
        """Held-out pictures and their repainting by the averaged weights; `move` shifts the beds, metres."""
        chosen = slice(first, last)
        real = as_float(self.pool.pictures[chosen]).to(self.device)
        boxes = BoxBatch(*(value.to(self.device) for value in self.pool.boxes.at(chosen)))
        parts, maps = expand(boxes), self.pool.maps(chosen, self.device)
        if move:
            centres = boxes.centres.clone()
            centres[:, BED, 0] += move
            boxes = boxes._replace(centres=centres)
            parts, maps = draw_maps(boxes, self.recipe.config.resolution)
        return real, self.averages["decoder"].module(boxes, parts, maps, self.dtype)

    def sheet(self) -> Tensor:
        real, painted = self.repaint(0, 16)
        _, moved = self.repaint(0, 16, 0.7)
        return contact_sheet(torch.cat([real, painted, moved]), 8, enlarge=2)

    def metrics(self) -> dict[str, float]:
        held = held_out(len(self.pool))
        pairs = [self.repaint(i, min(i + 32, held)) for i in range(0, held, 32)]
        real, painted = (torch.cat(p) for p in zip(*pairs, strict=True))
        error = ((painted.clamp(-1, 1) - real) / 2).square().mean((1, 2, 3))
        return {
            "held_out_l1": float((painted - real).abs().mean()),
            "held_out_psnr": float((-10 * error.log10()).mean()),
        }


def grow(decoder: RoomDecoder, start: dict[str, Tensor]) -> None:
    """Load what fits by name and shape; a new last level keeps its fresh weights, but paints nothing yet."""
    own = decoder.state_dict()
    fitting = {name: value for name, value in start.items() if name in own and own[name].shape == value.shape}
    decoder.load_state_dict({**own, **fitting})
    for level, block in enumerate(decoder.blocks):
        if f"blocks.{level}.to_rgb.weight" not in fitting:
            nn.init.zeros_(block.to_rgb.weight)  # type: ignore[union-attr, arg-type]
