"""Label maps against the renderer's own rays."""

from __future__ import annotations

import torch

from spatial_edit.generators.box3d.parts import BoxBatch, expand
from spatial_edit.generators.box3d.rays import SHELL, cast
from spatial_edit.generators.box3d.tiny import plain_room
from spatial_edit.parse.box3d_labels import label_maps

SIDE = 40


def moved(rooms: BoxBatch, *offsets: float) -> BoxBatch:
    """A batch of the room with its camera moved to the right by each offset."""
    batch = BoxBatch(*(value.repeat(len(offsets), *[1] * (value.dim() - 1)) for value in rooms))
    camera = batch.camera.clone()
    camera[:, 0] += torch.tensor(offsets)
    return batch._replace(camera=camera)


def by_rays(rooms: BoxBatch) -> torch.Tensor:
    parts = expand(rooms)
    labels = cast(rooms.room[0], rooms.camera[0], parts, SIDE, 1).labels
    owner = torch.cat([torch.arange(SHELL), SHELL + parts.owner[0]])
    return owner[labels].flatten()


def test_numbers_agree_with_the_rays_of_the_renderer() -> None:
    rooms = plain_room()
    agreement = (label_maps(rooms, SIDE)[0] == by_rays(rooms)).float().mean()
    assert float(agreement) > 0.98  # cylinders lose their taper


def test_a_batch_is_its_rooms_one_by_one() -> None:
    rooms = plain_room()
    batch = label_maps(moved(rooms, 0.0, 0.4, -0.6), SIDE)
    for number, offset in enumerate((0.0, 0.4, -0.6)):
        assert torch.equal(batch[number], label_maps(moved(rooms, offset), SIDE)[0])
    assert not torch.equal(batch[0], batch[1])


def test_what_is_behind_the_camera_is_not_seen() -> None:
    rooms = plain_room()
    camera = rooms.camera.clone()
    camera[0, 2], camera[0, 3] = 3.9, 3.1  # at the back wall, looking the other way
    labels = label_maps(rooms._replace(camera=camera), SIDE)
    bed = SHELL + 1
    assert bed in label_maps(rooms, SIDE)
    assert 2 not in labels  # the back wall
