"""The photo-to-room network of Box3D, trained on rendered rooms with known vectors.

The trunk starts from the segmenter's weights. Loss: cross-entropy of which slot or surface every pixel shows;
of presences, facings and textures; the L1 distance of all numbers in units of their spread; and the L1
distance in the picture between the corners of the true boxes and of those that were read, each through its
own camera, so that boxes and camera agree. What cannot be seen need not be read. Half of the pictures are
mirrored; all are brightened, tinted, blurred and given noise, so that photographs are not too foreign."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.data.rooms.pool import SHARD
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import INSTANCE
from spatial_edit.generators.box3d.parts import MAX_PARTS, PART_WIDTH, BoxBatch, along_x, to_room_axes
from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.generators.box3d.reader import NUMBER, ReaderConfig, Reading, RoomReader
from spatial_edit.generators.box3d.snap import SUPPORT
from spatial_edit.generators.box3d.vector import (
    BOXES,
    COLOURS,
    PRESENCE,
    ROOM_KINDS,
    SLOT_NAMES,
    SLOT_VECTOR,
    SLOTS,
    STYLE,
    entries,
    learn_codebook,
    pack,
)
from spatial_edit.layouts.boxes3d import KEY_NORMAL, KEY_POSITION, LAMP_POSITION
from spatial_edit.layouts.perspective import corners, project
from spatial_edit.metrics.box_truth import box_truth
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.ema import Ema
from spatial_edit.train.parallel import all_finite, device_of
from spatial_edit.train.scenes import as_float, held_out

WEIGHTS = {
    PRESENCE: 2.0, BOXES: 1.0, COLOURS: 0.6, STYLE: 0.4, ROOM_KINDS["size"]: 0.5, ROOM_KINDS["camera"]: 1.0,
    ROOM_KINDS["surface"]: 0.6, ROOM_KINDS["texture"]: 0.4, ROOM_KINDS["light"]: 0.4,
}  # fmt: skip
NAMES = {PRESENCE: "presence", BOXES: "boxes", COLOURS: "colours", STYLE: "style"} | {
    kind: name for name, kind in ROOM_KINDS.items()
}
SEEN = 6  # pixels of which a slot must show this many to be called present
TWINS = (("nightstand", "bed"), ("lamp", "bed"), ("pillow", "bed"), ("curtain", "window"))
TAIL = SLOTS * SLOT_VECTOR  # where the room's entries begin
REACH = (-0.5, 1.5)  # picture coordinates within which a corner's error counts


@dataclass(frozen=True)
class ReaderRecipe:
    """Rates and weights."""

    width: int = 160
    batch: int = 64
    learning_rate: float = 2e-3
    pixels: float = 1.0
    corners: float = 20.0  # of an L1 distance in sides of the picture
    half_precision: bool = True
    seed: int = 0


@dataclass(frozen=True)
class ReaderPool:
    """N rooms: pictures uint8 (N, 3, R, R), instances uint8 (N, R, R), and their boxes."""

    pictures: Tensor
    instances: Tensor
    rooms: BoxBatch

    def __len__(self) -> int:
        return len(self.pictures)


def truth_of_pool(count: int, seed: int) -> BoxBatch:
    """The boxes of the pool `data.rooms.pool` draws for this seed."""
    parts = [box_truth(sample_rooms(min(SHARD, count - s), seed + s)) for s in range(0, count, SHARD)]
    return BoxBatch(*(torch.cat(values) for values in zip(*parts, strict=True)))


def only_seen(rooms: BoxBatch, instances: Tensor) -> BoxBatch:
    """The rooms without the slots that show fewer than `SEEN` pixels and carry nothing that does."""
    counts = torch.stack([(instances == SHELL + s).flatten(1).sum(1) for s in range(SLOTS)], 1)
    seen = counts >= SEEN * instances[0].numel() / 64**2
    for name, support in SUPPORT.items():
        seen[:, SLOT_NAMES.index(support)] |= seen[:, SLOT_NAMES.index(name)]
    return rooms._replace(exists=rooms.exists & seen)


def mirror(rooms: BoxBatch) -> tuple[BoxBatch, Tensor]:
    """The rooms of the mirrored pictures, and (B, 31) the instance that each instance becomes.

    Twins at the back wall change places; at a side wall they are told apart by their distance."""
    order = torch.arange(SLOTS).repeat(len(rooms.room), 1)
    for name, support in TWINS:
        pair = [SLOT_NAMES.index(f"{name}_{side}") for side in "lr"]
        swap = along_x(rooms.facings[:, SLOT_NAMES.index(support)])[:, None]
        order[:, pair] = torch.where(swap, order[:, pair].flip(1), order[:, pair])
    walls = [0, 1, 2, 4, 3]

    def take(values: Tensor) -> Tensor:
        index = order if values.dim() == 2 else order[..., None].expand(-1, -1, values.shape[-1])
        return values.gather(1, index)

    def negated(values: Tensor, *columns: int) -> Tensor:
        values = values.clone()
        values[..., list(columns)] *= -1
        return values

    rows = rooms.rows.unflatten(-1, (MAX_PARTS, PART_WIDTH)).clone()
    rows[..., 1] = torch.where(along_x(rooms.facings)[..., None], -rows[..., 1], rows[..., 1])
    background = rooms.background.unflatten(-1, (SHELL, -1))[:, walls].flatten(1)
    lights = negated(rooms.lights, KEY_POSITION.start, KEY_NORMAL.start, LAMP_POSITION.start)
    mirrored = BoxBatch(
        rooms.room, negated(rooms.camera, 0, 3), rooms.surfaces[:, walls], lights, background,
        take(rooms.exists), rooms.classes, take(torch.tensor([0, 2, 1, 3])[rooms.facings]),
        take(negated(rooms.centres, 0)), take(rooms.halves), take(rooms.colours), take(rows.flatten(-2)),
    )  # fmt: skip
    shell = torch.tensor(walls).expand(len(order), -1)
    return mirrored, torch.cat([shell, order + SHELL], 1).to(torch.uint8)


class RoomReaderTask:
    """See the module; a `Task` for the loop."""

    def __init__(self, recipe: ReaderRecipe, pool: ReaderPool, segmenter: Segmenter | None = None) -> None:
        self.recipe, self.pool, self.batch = recipe, pool, recipe.batch
        torch.manual_seed(recipe.seed)
        seen = only_seen(pool.rooms, pool.instances)
        mirrored, self.becomes = mirror(seen)
        packed = [pack(seen), pack(mirrored)]
        held = held_out(len(pool))
        vectors, masks = (torch.cat([p[i][held:] for p in packed]) for i in (0, 1))
        book = learn_codebook(vectors, masks)
        reader = RoomReader(ReaderConfig(len(book.kept), pool.pictures.shape[-1], token=recipe.width))
        reader.learn(book, book.compress(vectors), book.compress(masks))
        del vectors, masks
        self.truth = [(book.compress(v), book.compress(m).bool()) for v, m in packed]
        self.facings = [seen.facings, mirrored.facings]
        if segmenter is not None:
            start_from_segmenter(reader, segmenter)
        self.kinds = entries().kinds[book.kept]
        self.modules: dict[str, nn.Module] = {"reader": reader}
        self.averages = {"reader": Ema(reader)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "reader": torch.optim.AdamW(reader.parameters(), recipe.learning_rate, weight_decay=0.02)
        }
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.dtype = torch.bfloat16 if recipe.half_precision else torch.float32

    @property
    def device(self) -> torch.device:
        return device_of(self.modules["reader"])

    def draw(self, index: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Pictures, which slot or surface (B, R/2, R/2) each pixel shows, values and mask (B, K), facings;
        `side` 1 is mirrored."""
        pictures, shown = as_float(self.pool.pictures[index]), self.pool.instances[index]
        if side:
            pictures, flat = pictures.flip(3), shown.flip(2).flatten(1).long()
            shown = self.becomes[index].gather(1, flat).view_as(shown)
        slots = (shown[:, ::2, ::2].long() - SHELL) % (SLOTS + SHELL)
        values, mask = (t[index] for t in self.truth[side])
        items = (pictures, slots, values, mask.float(), self.facings[side][index])
        moved = [item.to(self.device) for item in items]
        return moved[0], moved[1], moved[2], moved[3], moved[4]

    def loss(
        self, found: Reading, shown: Tensor, values: Tensor, mask: Tensor, facings: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        reader = self.modules["reader"]
        assert isinstance(reader, RoomReader)
        number = (found.raw - (values - reader.mean) / reader.spread).abs()
        wanted = (values > 0.25).float()
        chance = F.binary_cross_entropy_with_logits(found.raw, wanted, reduction="none")
        error = torch.where(reader.kinds == NUMBER, number.clamp(max=6.0), chance) * mask
        kinds = self.kinds.to(error.device)
        parts = {
            NAMES[kind]: error[:, kinds == kind].sum() / mask[:, kinds == kind].sum().clamp(min=1)
            for kind in WEIGHTS
        }
        total = torch.stack([weight * parts[NAMES[kind]] for kind, weight in WEIGHTS.items()]).sum()
        pixels = F.cross_entropy(found.masks, shown)
        off = self.corners_off(reader, found.raw, values, facings)
        parts |= {"pixels": pixels, "corners": off}
        return total + self.recipe.pixels * pixels + self.recipe.corners * off, parts

    def corners_off(self, reader: RoomReader, raw: Tensor, values: Tensor, facings: Tensor) -> Tensor:
        """The mean L1 distance in the picture between corners of present boxes, true and read."""
        truth, _, there = boxes_of(reader, values, facings)
        found, depth, _ = boxes_of(reader, reader.values(raw), facings)
        error = (found.clamp(*REACH) - truth.clamp(*REACH)).abs().mean(-1) * (depth > 0.3)  # (B, 26, 8)
        return (error.mean(-1) * there).sum() / there.sum().clamp(min=1)

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        warm = min(1.0, (images + self.batch) / (100 * self.batch))
        wave = 0.5 * (1 + math.cos(math.pi * progress))
        for group in self.optimisers["reader"].param_groups:
            group["lr"] = self.recipe.learning_rate * warm * (0.02 + 0.98 * wave)
        index = torch.randint(
            held_out(len(self.pool)), len(self.pool), (self.batch,), generator=self.generator
        )
        side = int(torch.randint(2, (), generator=self.generator))
        pictures, *targets = self.draw(index, side)
        found = self.modules["reader"](disturb(pictures, self.generator), self.dtype)
        loss, parts = self.loss(found, *targets)
        optimiser = self.optimisers["reader"]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if all_finite(loss):
            optimiser.step()
        return {"loss": loss.detach(), **{k: v.detach() for k, v in parts.items()}}

    def sheet(self) -> Tensor | None:
        return None

    @torch.no_grad()
    def metrics(self) -> dict[str, float]:
        """Losses on the held-out rooms, and how often a slot is rightly called present or absent."""
        reader = self.averages["reader"].module
        assert isinstance(reader, RoomReader)
        index = torch.arange(held_out(len(self.pool)))
        pictures, *targets = self.draw(index, 0)
        found = reader(pictures, self.dtype)
        _, parts = self.loss(found, *targets)
        presence = self.kinds == PRESENCE
        right = (found.raw[:, presence] > 0) == (targets[1][:, presence] > 0)
        return {f"held_out_{k}": float(v) for k, v in parts.items()} | {
            "held_out_presence_accuracy": float(right.float().mean())
        }


def boxes_of(reader: RoomReader, values: Tensor, facings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 26, 8, 2) the corners in the picture and (B, 26, 8) their depths, of boxes given by the entries
    (B, K) that vary; (B, 26) which are present. As `vector.unpack`, with gradients."""
    whole = reader.book.constant.expand(len(values), -1).index_copy(1, reader.book.kept, values)
    slots = whole[:, :TAIL].unflatten(1, (SLOTS, SLOT_VECTOR))
    room, camera = whole[:, TAIL : TAIL + 3], whole[:, TAIL + 3 : TAIL + 9]
    half = to_room_axes(slots[..., 8:11].clamp(-5.5, 1.2).exp(), facings, signed=False)
    x, y, z = (
        slots[..., 5] * room[:, None, 0] / 2,
        slots[..., 6] + half[..., 1],
        slots[..., 7] * room[:, None, 1],
    )
    points, depth = torch.vmap(project)(corners(torch.stack([x, y, z], -1), half), camera)
    return points, depth, (slots[..., 0] > 0).float()


def disturb(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Contrast, brightness, tint, gamma, noise, and blur for a quarter of the pictures (B, 3, H, W)."""
    count = len(pictures)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator).to(pictures.device)

    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator).to(pictures.device)

    bright = ((pictures + 1) / 2).clamp(1e-3, 1) ** (0.25 * normal(1, 1, 1)).exp()
    pictures = (
        (2 * bright - 1) * (1 + 0.15 * normal(1, 1, 1)) + 0.1 * normal(1, 1, 1) + 0.08 * normal(3, 1, 1)
    )
    noisy = pictures + 0.1 * uniform() * normal(*pictures.shape[1:])
    soft = F.avg_pool2d(F.pad(noisy, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return torch.where(uniform() < 0.25, soft, noisy)


def start_from_segmenter(reader: RoomReader, segmenter: Segmenter) -> None:
    """Give the trunk the segmenter's weights, all but its last layer (the classes are others)."""
    mine = reader.trunk.state_dict()
    usable = {k: v for k, v in segmenter.state_dict().items() if "head" not in k and mine[k].shape == v.shape}
    reader.trunk.load_state_dict({**mine, **usable})


assert len(INSTANCE) == SLOTS + SHELL
