"""Variations: rooms from a seed that keep a part of another room.

    fill       these boxes stay, the rest of the room is furnished anew
    restyle    the same furniture at the same places, in other colours, textures and light
    rehouse    furniture of the same style in another room
    blend      between the rooms of two seeds, along z

All but `blend` draw a room from z of a seed with the kept entries as a condition
(`RoomsBox3D.sample_keeping`). A scene's link holds its boxes and colours and the seed of its appearances.
What a variation asks of the appearances is therefore answered by the nearest row that the link can name: one
of the seed's own rows or one of the styles that come with the model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.box3d.model import RoomsBox3D
from spatial_edit.generators.box3d.parts import ROW, BoxBatch
from spatial_edit.generators.box3d.renderer import Box3DGenerator, layout_of
from spatial_edit.generators.box3d.tiny import plain_room
from spatial_edit.generators.box3d.vector import (
    BOXES,
    COLOURS,
    PRESENCE,
    ROOM_KINDS,
    SLOT_CLASSES,
    SLOTS,
    STYLE,
    entries,
    pack,
)
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.boxes3d import CLASS_ID, MAX_BOXES, SCENE_ROWS, STYLES


def fill(generator: Box3DGenerator, scene: Scene, keep: list[int], seed: int) -> Scene:
    """The scene with only the elements numbered `keep`, and new furniture from `seed` around them.

    Room, camera, surfaces, lights and the kept elements stay bit for bit. ValueError for an element that is
    not there."""
    layout = _layout(scene)
    kept = layout.select([layout.index_of(number) for number in keep])
    wanted, slots = slots_of(kept, scene.latent.rows, scene.latent.background)
    kinds = entries()
    held = torch.isin(kinds.slots, torch.tensor(sorted(set(slots) - {-1})))
    held |= kinds.slots < 0
    rooms = _conditional(generator, wanted, held, seed)
    new = [s for s in rooms.exists[0].nonzero().flatten().tolist() if s not in slots][: MAX_BOXES - len(kept)]
    rows = [_nearest_row(generator.model, s, rooms.rows[0, s], scene.latent.rows, own=False) for s in new]
    return replace(scene, layout=_joined(kept, layout_of(rooms, new, rows)))


def restyle(generator: Box3DGenerator, scene: Scene, seed: int) -> Scene:
    """The same boxes, room and camera; colours, appearances, textures and lights of `seed`."""
    layout = _layout(scene)
    wanted, slots = slots_of(layout, scene.latent.rows, scene.latent.background)
    kinds = entries()
    held = (kinds.kinds == PRESENCE) & (kinds.slots >= 0)
    held |= kinds.kinds == BOXES
    held |= torch.isin(kinds.kinds, torch.tensor([ROOM_KINDS["size"], ROOM_KINDS["camera"]]))
    rooms = _conditional(generator, wanted, held, seed)
    latent = generator.sample(seed).latent
    colours, rows = layout.colours.clone(), list(layout.rows)
    for i, slot in enumerate(slots):
        if slot < 0 or layout.locked[i]:
            continue
        colours[i] = rooms.colours[0, slot].cpu()
        rows[i] = _nearest_row(generator.model, slot, rooms.rows[0, slot], latent.rows, own=True)
    whole = layout_of(rooms, [])
    changed = replace(layout, colours=colours, rows=tuple(rows), surfaces=whole.surfaces, lights=whole.lights)
    return replace(scene, layout=changed, latent=latent)


def rehouse(generator: Box3DGenerator, scene: Scene, seed: int) -> Scene:
    """Another room and other places, in the scene's colours, textures and appearances."""
    layout = _layout(scene)
    wanted, slots = slots_of(layout, scene.latent.rows, scene.latent.background)
    kinds = entries()
    styled = torch.isin(kinds.slots, torch.tensor(sorted(set(slots) - {-1})))
    held = styled & torch.isin(kinds.kinds, torch.tensor([COLOURS, STYLE]))
    held |= torch.isin(kinds.kinds, torch.tensor([ROOM_KINDS["surface"], ROOM_KINDS["texture"]]))
    rooms = _conditional(generator, wanted, held, seed)
    there = rooms.exists[0].nonzero().flatten().tolist()
    row_of = dict(zip(slots, layout.rows, strict=True))
    rows = [
        row_of[s]
        if s in row_of
        else _nearest_row(generator.model, s, rooms.rows[0, s], scene.latent.rows, own=False)
        for s in there
    ]
    return replace(scene, layout=layout_of(rooms, there, rows))


def blend(generator: Box3DGenerator, first: int, second: int, share: float) -> Scene:
    """The room at `share` (0..1) of the way from seed `first` to seed `second`, on the great circle between
    their z. Appearances are those of the nearer seed. ValueError for a share outside 0..1."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share is {share}: use a number from 0 (the first seed) to 1 (the second)")
    if share in (0.0, 1.0):
        return generator.sample(first if share == 0.0 else second)
    a, b = generator.noise([first, second]).unbind(0)
    angle = torch.acos(((a @ b) / (a.norm() * b.norm())).clamp(-1, 1)).clamp(min=1e-4)
    z = (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)
    with torch.no_grad():
        rooms = generator.model.sample(z[None])
    base = generator.sample(first if share < 0.5 else second)
    there = rooms.exists[0].nonzero().flatten().tolist()
    rows = [_nearest_row(generator.model, s, rooms.rows[0, s], base.latent.rows, own=True) for s in there]
    return replace(base, layout=layout_of(rooms, there, rows))


def slots_of(layout: Boxes3D, rows: Tensor, background: Tensor) -> tuple[BoxBatch, list[int]]:
    """The layout as a room with all 26 slots (a batch of one), and each element's slot, -1 for those that
    find none: an element keeps the slot of its row, others take the first free one of their class."""
    slots, taken = [-1] * len(layout), set()
    for own in (True, False):
        for i, name in enumerate(layout.classes):
            fitting = [s for s in range(SLOTS) if SLOT_CLASSES[s] == name and s not in taken]
            fitting = [s for s in fitting if s == layout.rows[i]] if own else fitting
            if slots[i] < 0 and fitting:
                slots[i] = fitting[0]
                taken.add(fitting[0])
    room = plain_room()
    filled = [value.clone() for value in room]
    batch = BoxBatch(*filled)._replace(
        room=layout.room[None], camera=layout.camera[None], surfaces=layout.surfaces[None],
        lights=layout.lights[None], background=background[None],
        exists=torch.zeros(1, SLOTS, dtype=torch.bool),
    )  # fmt: skip
    for i, slot in enumerate(slots):
        if slot >= 0 and not layout.hidden[i]:
            batch.exists[0, slot] = True
            batch.facings[0, slot] = layout.facings[i]
            batch.centres[0, slot], batch.halves[0, slot] = layout.centres[i], layout.halves[i]
            batch.colours[0, slot], batch.rows[0, slot] = layout.colours[i], rows[layout.rows[i]]
    return batch, slots


def _conditional(generator: Box3DGenerator, wanted: BoxBatch, held: Tensor, seed: int) -> BoxBatch:
    """A room from z of `seed` near the entries `held` (LENGTH,) bool of `wanted`."""
    vector, mask = pack(wanted)
    keep = mask * held
    device = generator.device
    rooms = generator.model.sample_keeping(generator.noise([seed]), vector.to(device), keep.to(device))
    return BoxBatch(*(value.cpu() for value in rooms))


def _nearest_row(model: RoomsBox3D, slot: int, wanted: Tensor, rows: Tensor, own: bool) -> int:
    """The number of the row of this slot's class that is nearest to `wanted` (ROW,): one of the styles, or
    with `own` the slot's own row of the seed where it has one."""
    number = CLASS_ID[SLOT_CLASSES[slot]]
    styles = model.bank[number, :, :ROW].cpu()
    scale = styles.std(0).clamp(min=0.05)
    distance = ((styles - wanted.cpu()) / scale).square().sum(1)
    best = int(distance.argmin())
    if own and float(rows[slot].abs().sum()) > 0:
        mine = float(((rows[slot] - wanted.cpu()) / scale).square().sum())
        if mine <= float(distance[best]):
            return slot
    return SCENE_ROWS + STYLES * number + best


def _joined(kept: Boxes3D, new: Boxes3D) -> Boxes3D:
    """The kept elements with their numbers, and the new ones with the lowest that are free."""
    free = [number for number in range(256) if number not in kept.ids]
    return replace(
        kept,
        centres=torch.cat([kept.centres, new.centres]),
        halves=torch.cat([kept.halves, new.halves]),
        colours=torch.cat([kept.colours, new.colours]),
        classes=kept.classes + new.classes,
        facings=kept.facings + new.facings,
        ids=kept.ids + tuple(free[: len(new)]),
        rows=kept.rows + new.rows,
        hidden=kept.hidden + new.hidden,
        locked=kept.locked + new.locked,
    )


def _layout(scene: Scene) -> Boxes3D:
    if not isinstance(scene.layout, Boxes3D):
        raise ValueError(f"{scene.model} has no boxes in a room: choose a model that has them")
    return scene.layout
