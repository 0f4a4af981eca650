"""Rooms taken apart: the picture, the picture without one of a few objects, and the picture without all of
them.

With these an object can be put anywhere in the picture, its visible pixels cut out and pasted onto the room
without it, and everything is known about the result. What a pasted object would hide or be hidden by stays as
it was: pixels move, not furniture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.data.rooms.blob_truth import GROUPS, owners
from spatial_edit.data.rooms.counterfactual import edit
from spatial_edit.data.rooms.pool import render_truth
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import INSTANCE

OBJECTS = ("bed", "window", "painting A")  # names of blob_truth's groups
_SLOTS = tuple([name for name, _ in GROUPS].index(name) for name in OBJECTS)
_INSTANCES = tuple(INSTANCE[dict(GROUPS)[name][0]] for name in OBJECTS)
SIGMA_PER_SIZE = 0.5  # of a heatmap, from the radius of the mask that it stands for


@dataclass(frozen=True, eq=False)
class RoomLayers:
    """N rooms with n objects each. Pictures are uint8 (N, 3, R, R)."""

    whole: Tensor
    bare: Tensor  # without all of the objects
    without: Tensor  # without object `gone`
    gone: Tensor  # (N,) number of an object of the room, -1: it has none
    masks: Tensor  # (N, n, R, R) bool, the visible pixels of each object
    there: Tensor  # (N, n) bool
    centres: Tensor  # (N, n, 2)
    sigmas: Tensor  # (N, n)

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: object) -> RoomLayers:
        return RoomLayers(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def room_layers(
    count: int, seed: int, resolution: int = 64, say: Callable[[str], None] | None = None
) -> RoomLayers:
    """Render them: three pictures a room, about 60 pictures a second and core at 64 px."""
    rooms = sample_rooms(count, seed)
    parts = []
    for start in range(0, count, 8):
        parts.append(_layers(rooms[start : start + 8], resolution, start))
        if say is not None and start % 512 == 0:
            say(f"rendered {start} of {count} rooms")
    return RoomLayers(**{f.name: torch.cat([getattr(p, f.name) for p in parts]) for f in fields(RoomLayers)})


def cached_layers(
    folder: Path, count: int, seed: int, resolution: int = 64, say: Callable[[str], None] | None = None
) -> RoomLayers:
    """`room_layers`, kept as a safetensors file so that a resumed run need not render again."""
    from safetensors.torch import load_file, save_file

    path = folder / f"layers_{count}_{seed}_{resolution}.safetensors"
    if path.exists():
        return RoomLayers(**load_file(path))
    layers = room_layers(count, seed, resolution, say)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    save_file({f.name: getattr(layers, f.name).contiguous() for f in fields(RoomLayers)}, partial)
    partial.replace(path)
    return layers


def _layers(rooms: Rooms, resolution: int, start: int) -> RoomLayers:
    drawn = render_truth(rooms, resolution)
    owner = owners(drawn.instances)
    masks = torch.stack([owner == slot for slot in _SLOTS], 1)
    there = drawn.truth.exists[:, list(_SLOTS)]
    gone = torch.full((len(rooms),), -1)
    for i in range(len(rooms)):
        has = there[i].nonzero().flatten()
        if len(has):
            gone[i] = has[(start + i) % len(has)]
    one, bare = rooms, rooms
    for number, name in enumerate(_INSTANCES):
        for i in range(len(rooms)):
            if there[i, number]:
                bare = edit(bare, i, name, remove=True)
            if gone[i] == number:
                one = edit(one, i, name, remove=True)
    truth = drawn.truth
    return RoomLayers(
        drawn.pictures,
        render(bare, resolution).rgb,
        render(one, resolution).rgb,
        gone,
        masks,
        there,
        truth.centres[:, list(_SLOTS)],
        SIGMA_PER_SIZE * truth.sizes[:, list(_SLOTS)],
    )
