"""Stage (ii) of Box3D: the layout sampler, z → room.

Rooms need not be rendered to learn how they are furnished: the vectors of tens of thousands of sampled rooms
(`generators.box3d.vector`) are standardised, weighted, projected on their principal components, and a
rectified flow learns them (`train.blobgan_layout.FlowTask` does the same for blobs). The bank of styles is
drawn from the same rooms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatial_edit.data.rooms.pool import SHARD
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.generators.blobgan.flow import FlowConfig, LayoutFlow
from spatial_edit.generators.box3d.parts import ROW, BoxBatch, to_object_axes
from spatial_edit.generators.box3d.vector import (
    BOXES,
    COLOURS,
    PRESENCE,
    ROOM_KINDS,
    SLOT_CLASSES,
    Codebook,
    entries,
    learn_codebook,
    pack,
)
from spatial_edit.layouts.boxes3d import CLASS_ID, CLASSES, STYLES
from spatial_edit.metrics.box_truth import box_truth
from spatial_edit.train.blobgan_layout import FlowSteps
from spatial_edit.train.ema import Ema

WEIGHTS = {PRESENCE: 2.0, BOXES: 1.5, COLOURS: 0.8}
ROOM_WEIGHTS = {"size": 2.0, "camera": 2.5, "surface": 2.0, "texture": 1.0, "light": 1.5}
CODEBOOK_ROOMS = 8_192
STYLE_WEIGHT = 0.5  # of places, textures and patterns of parts


@dataclass(frozen=True)
class RoomFlowRecipe:
    """Rates and sizes."""

    flow: FlowConfig = FlowConfig(components=256, hidden=448)
    rooms: int = 61_440
    batch: int = 512
    learning_rate: float = 1.5e-3
    seed: int = 0
    pool_seed: int = 7_000_000


def sampled_boxes(count: int, seed: int) -> Iterator[BoxBatch]:
    """The boxes of sampled rooms, shard by shard."""
    for start in range(0, count, SHARD):
        yield box_truth(sample_rooms(min(SHARD, count - start), seed + start))


def room_vectors(count: int, seed: int) -> tuple[Codebook, Tensor, Tensor]:
    """The codebook of the first rooms, and the compressed vectors (N, K) and masks of all; whole vectors are
    long and mostly constant, so they are never held together."""
    some = [pack(boxes) for boxes in sampled_boxes(min(count, CODEBOOK_ROOMS), seed)]
    book = learn_codebook(torch.cat([vector for vector, _ in some]), torch.cat([mask for _, mask in some]))
    del some
    vectors, masks = [], []
    for boxes in sampled_boxes(count, seed):
        vector, mask = pack(boxes)
        vectors.append(book.compress(vector))
        masks.append(book.compress(mask).bool())
    return book, torch.cat(vectors), torch.cat(masks)


def entry_weights(book: Codebook) -> Tensor:
    """(K,) the importance of the entries that vary."""
    kinds = entries().kinds[book.kept]
    weights = torch.full((len(book.kept),), STYLE_WEIGHT)
    for kind, weight in (WEIGHTS | {ROOM_KINDS[name]: w for name, w in ROOM_WEIGHTS.items()}).items():
        weights[kinds == kind] = weight
    return weights


class RoomFlowTask(FlowSteps):
    """A `Task` for the loop; `book` and `bank` go to the shipped model beside the flow."""

    def __init__(self, recipe: RoomFlowRecipe) -> None:
        self.recipe, self.batch = recipe, recipe.batch
        torch.manual_seed(recipe.seed)
        self.book, compact, mask = room_vectors(recipe.rooms, recipe.pool_seed)
        self.bank = style_bank(next(sampled_boxes(min(recipe.rooms, SHARD), recipe.pool_seed)))
        self.rates = presence_rates(compact, mask)
        flow = LayoutFlow(recipe.flow, compact.shape[1])
        self.data, self.kept_variance = _prepare(flow, self.book, compact, mask.float(), recipe.seed)
        importance = (flow.scale / flow.scale[0]).sqrt()
        self.importance = importance / importance.mean()
        self.modules: dict[str, nn.Module] = {"flow": flow}
        self.averages = {"flow": Ema(flow, half_life=70 * recipe.batch, ramp=0.2)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "flow": torch.optim.AdamW(
                flow.velocity.parameters(), recipe.learning_rate, (0.9, 0.99), weight_decay=0.02
            )
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)

    def sheet(self) -> Tensor | None:
        return None

    def metrics(self) -> dict[str, float]:
        return {"kept_variance": self.kept_variance}


@torch.no_grad()
def _prepare(
    flow: LayoutFlow, book: Codebook, compact: Tensor, masks: Tensor, seed: int
) -> tuple[Tensor, float]:
    """Set the flow's standardisation and components; the data's whitened coefficients (N, R), and the share
    of the weighted variance that the components keep."""
    count = masks.sum(0).clamp(min=1)
    mean = (compact * masks).sum(0) / count
    spread = (((compact - mean).square() * masks).sum(0) / count).sqrt().clamp(min=1e-3)
    presence = entries().kinds[book.kept] == PRESENCE
    mean[presence], spread[presence] = 0.0, 1.0
    flow.mean.copy_(mean)
    flow.spread.copy_(spread / entry_weights(book))
    standard = (compact - flow.mean) / flow.spread * masks
    flow.offset.copy_(standard.mean(0))
    centred = standard - flow.offset
    values, basis = torch.linalg.eigh(centred.T @ centred / len(centred))
    flow.basis.copy_(basis.flip(1)[:, : flow.config.components])
    coefficients = centred @ flow.basis
    flow.scale.copy_(coefficients.std(0))
    kept = float(values.flip(0)[: flow.config.components].sum() / values.sum())
    return coefficients / flow.scale, kept


@torch.no_grad()
def calibrate(flow: LayoutFlow, book: Codebook, rates: Tensor, seed: int = 0, count: int = 8_192) -> None:
    """Shift the means of presences so that they are positive as often as in the data.

    A flow that is not perfect draws values between -1 and +1, and the rarer a thing, the more of them end
    below zero. rates (K,): how often each entry is positive in the data."""
    device = flow.mean.device
    z = torch.randn(count, flow.config.components, generator=torch.Generator().manual_seed(seed))
    values = torch.cat([flow(part.to(device)) for part in z.split(1024)])
    presence = (entries().kinds[book.kept] == PRESENCE) & (rates > 0.02) & (rates < 0.98)
    for k in presence.nonzero().flatten().tolist():
        flow.mean[k] -= values[:, k].quantile(1 - float(rates[k]))


def presence_rates(compact: Tensor, masks: Tensor) -> Tensor:
    """(K,) how often an entry that means something is positive."""
    return ((compact > 0) & masks).sum(0) / masks.sum(0).clamp(min=1)


def style_bank(rooms: BoxBatch) -> Tensor:
    """(classes, STYLES, ROW + 6) rows, colours and half extents (object axes) of every class, as different as
    they come: each next style is the one whose row is farthest from those chosen."""
    bank = torch.zeros(len(CLASSES), STYLES, ROW + 6)
    classes = torch.tensor([CLASS_ID[name] for name in SLOT_CLASSES])
    for number in range(len(CLASSES)):
        slots = (classes == number).nonzero().flatten()
        there = rooms.exists[:, slots]
        half = to_object_axes(rooms.halves[:, slots], rooms.facings[:, slots], signed=False)
        values = torch.cat([rooms.rows[:, slots], rooms.colours[:, slots], half], -1)[there]
        scaled = values / values.std(0).clamp(min=1e-2)
        chosen = [int((scaled - scaled.mean(0)).square().sum(1).argmin())]
        while len(chosen) < STYLES:
            distance = torch.cdist(scaled, scaled[chosen]).amin(1)
            # not the farthest of all, which is an oddity: the upper part of the typical half
            chosen.append(int(distance.argsort()[int(0.8 * (len(distance) - 1))]))
        bank[number] = values[chosen]
    return bank
