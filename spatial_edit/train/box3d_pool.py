"""A pool for Box3D: rendered rooms, their boxes, and the maps that the decoder reads, drawn once.

Shard i of seed s is `sample_rooms(512, s + 512 i)`, as in `data.rooms.pool`. Maps do not depend on weights,
so they are drawn once and kept in memory as float16: 0.39 MB a room at 64 px, 1.6 MB at 128 px."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.data.rooms.pool import shards
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.shake import shake
from spatial_edit.generators.box3d.maps import Maps, draw_maps
from spatial_edit.generators.box3d.parts import BoxBatch
from spatial_edit.metrics.box_truth import box_truth
from spatial_edit.train.parallel import accelerator, is_main

AT_ONCE = 8  # rooms whose rays stay in the cache


class BoxPool(NamedTuple):
    """N rooms: pictures uint8 (N, 3, R, R), labels uint8 (N, R·R, samples²), features float16 (N, F, R, R),
    boxes."""

    pictures: Tensor
    labels: Tensor
    features: Tensor
    boxes: BoxBatch

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.pictures)

    def maps(self, chosen: Tensor | slice, device: torch.device | str = "cpu") -> Maps:
        """The maps of the chosen rooms, float32."""
        return Maps(self.labels[chosen].to(device), self.features[chosen].to(device).float())


def render_box_pool(
    count: int,
    seed: int,
    resolution: int,
    samples: int = 2,
    shaken: bool = False,
    say: Callable[[str], None] | None = None,
) -> BoxPool:
    """Render `count` rooms and draw their maps: about 20 rooms a second and core at 64 px.

    `shaken`: every second shard goes through `data.rooms.shake`; the first, of which the held-out rooms are,
    stays as it is."""
    pools: list[BoxPool] = []
    for number, rooms in enumerate(shards(count, seed)):
        if shaken and number % 2:
            rooms = shake(rooms, seed + number)
        for start in range(0, len(rooms), AT_ONCE):
            part = rooms[start : start + AT_ONCE]
            boxes = box_truth(part)
            _, maps = draw_maps(boxes, resolution, samples)
            pools.append(BoxPool(render(part, resolution).rgb, maps.labels, maps.features.half(), boxes))
        if say is not None:
            say(f"drew {sum(len(p.pictures) for p in pools)} of {count} rooms")
    return join(pools)


def cached_box_pool(
    folder: Path, count: int, seed: int, resolution: int, shaken: bool, say: Callable[[str], None]
) -> BoxPool:
    """`render_box_pool`, kept as a safetensors file in `folder`; the main process draws it, others read
    it."""
    from safetensors.torch import load_file, save_file

    path = folder / f"boxes_{resolution}px_{count}_seed{seed}{'_shaken' if shaken else ''}.safetensors"
    with accelerator().main_process_first():
        if not path.exists():
            pool = render_box_pool(count, seed, resolution, shaken=shaken, say=say if is_main() else None)
            folder.mkdir(parents=True, exist_ok=True)
            tensors = {"pictures": pool.pictures, "labels": pool.labels, "features": pool.features}
            tensors |= {f"boxes.{k}": v.contiguous().clone() for k, v in pool.boxes._asdict().items()}
            temporary = path.with_suffix(".part")
            save_file(tensors, temporary)
            temporary.replace(path)
            return pool
        tensors = load_file(path)
    boxes = BoxBatch(*(tensors[f"boxes.{name}"] for name in BoxBatch._fields))
    return BoxPool(tensors["pictures"], tensors["labels"], tensors["features"], boxes)


def join(pools: list[BoxPool]) -> BoxPool:
    """One pool of several."""
    boxes = BoxBatch(*(torch.cat(values) for values in zip(*(p.boxes for p in pools), strict=True)))
    return BoxPool(
        torch.cat([p.pictures for p in pools]),
        torch.cat([p.labels for p in pools]),
        torch.cat([p.features for p in pools]),
        boxes,
    )
