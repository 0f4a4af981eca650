"""A pool of rendered rooms with their blob truth: what training draws from.

A pool is made of shards of 512 rooms. Shard i of seed s is `sample_rooms(512, s + 512 i)`, so its content
depends on the seed and the shard number alone, and an interrupted training that renders it again goes on bit
for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.data.rooms.blob_truth import BlobTruth, blob_truth, concatenate, surface_planes
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import SEMANTIC_OF_INSTANCE

SHARD = 512


@dataclass(frozen=True)
class Pool:
    """N rooms: pictures uint8 (N, 3, R, R), instances uint8 (N, R, R), truth."""

    pictures: Tensor
    instances: Tensor
    truth: BlobTruth

    def __len__(self) -> int:
        return len(self.pictures)

    def semantic(self) -> Tensor:
        """uint8 (N, R, R): the class of every pixel."""
        table = torch.tensor(SEMANTIC_OF_INSTANCE, dtype=torch.uint8)
        return table[self.instances.long()]


def render_truth(rooms: Rooms, resolution: int) -> Pool:
    """Pictures, instances and blob truth of rooms."""
    picture = render(rooms, resolution, amodal=True)
    planes = surface_planes(
        rooms.width, rooms.depth, rooms.height, rooms.camera, rooms.yaw, rooms.pitch, rooms.fov
    )
    assert picture.amodal is not None and picture.distance is not None
    truth = blob_truth(
        picture.rgb, picture.instance, picture.amodal, picture.distance, planes.to(picture.rgb.device)
    )
    return Pool(picture.rgb, picture.instance, truth)


def shards(count: int, seed: int) -> Iterator[Rooms]:
    """The rooms of a pool, shard by shard; the last one may be shorter (its rooms are then others)."""
    for start in range(0, count, SHARD):
        yield sample_rooms(min(SHARD, count - start), seed + start)


def render_pool(
    count: int, seed: int, resolution: int = 64, say: Callable[[str], None] | None = None
) -> Pool:
    """Render a whole pool. About 50 pictures a second and core at 64 px."""
    parts: list[Pool] = []
    for rooms in shards(count, seed):
        parts += [render_truth(rooms[i : i + 8], resolution) for i in range(0, len(rooms), 8)]
        if say is not None:
            say(f"rendered {sum(len(p) for p in parts)} of {count} rooms")
    return Pool(
        torch.cat([p.pictures for p in parts]),
        torch.cat([p.instances for p in parts]),
        concatenate([p.truth for p in parts]),
    )


def cached_pool(
    folder: Path, count: int, seed: int, resolution: int, say: Callable[[str], None] | None = None
) -> Pool:
    """`render_pool`, kept as a safetensors file in `folder` so that a resumed run need not render again."""
    from safetensors.torch import load_file, save_file

    path = folder / f"rooms_{resolution}px_{count}_seed{seed}.safetensors"
    if path.exists():
        tensors = load_file(path)
        fields = {k.removeprefix("truth."): v for k, v in tensors.items() if k.startswith("truth.")}
        return Pool(tensors["pictures"], tensors["instances"], BlobTruth(**fields))
    pool = render_pool(count, seed, resolution, say)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"pictures": pool.pictures, "instances": pool.instances}
    tensors |= {f"truth.{k}": v.contiguous() for k, v in vars(pool.truth).items()}
    temporary = path.with_suffix(".part")
    save_file(tensors, temporary)
    temporary.replace(path)
    return pool
