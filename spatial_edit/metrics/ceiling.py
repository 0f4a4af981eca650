"""The ceiling of co-move: the same measure on the renderer's own counterfactual pairs.

A room is rendered, one object is moved in the scene, the room is rendered again; the judge reads both
pictures. Where this falls short of 1 the judge or the measure is at fault, not a generator.

The object's centre is that of its box, projected; p is the displacement of that point. What stands at a wall
is moved along its wall, other things in any direction over the floor, as far as it takes for |p| to have the
length drawn. Rooms do not check for collisions: a move after which a topmost object is mostly hidden, or its
visible area grown beyond a match's bounds, is left out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from spatial_edit.data.rooms.counterfactual import edit
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import (
    CENTRE,
    FIELD,
    GROUPS,
    HALF,
    INSTANCE,
    INSTANCE_ID,
    SEMANTIC,
    SHELL,
)
from spatial_edit.metrics.co_move import DISTANCE, Move, Steering, stays_inside
from spatial_edit.metrics.co_move import SHELL as SHELL_CLASSES
from spatial_edit.metrics.segments import SIZE_RATIO, SMALLEST_AFTER, Segment, at, read_segments
from spatial_edit.nn.judge import Judge

FARTHEST = 6.0  # metres an object is moved at most
PARTS = ("pillow_l", "pillow_r", "cushion", "curtain_l", "curtain_r")  # they move with their bed or window
TRIES = 16
BATCH = 32
CEILING_SEED = 4_000_000


@torch.no_grad()
def measure_ceiling(
    judge: Judge,
    count: int = 500,
    resolution: int = 64,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Steering:
    """The moves of `count` rooms, for `co_move`. `progress` is told how many rooms are done."""
    random = np.random.RandomState(seed)
    rooms = sample_rooms(count, CEILING_SEED + seed)
    steering = Steering()
    for start in range(0, count, BATCH):
        chunk = rooms[start : start + BATCH]
        before = render(chunk, resolution)
        readings = read_segments(judge, as_float(before.rgb))
        trials: list[tuple[Move, Rooms]] = []
        for i, (segments, instance) in enumerate(zip(readings, before.instance, strict=True)):
            trials += propose(chunk[i], i, segments, instance, random)
        for first in range(0, len(trials), BATCH):
            part = trials[first : first + BATCH]
            after = [render(room, resolution) for _, room in part]
            found = read_segments(judge, as_float(torch.cat([drawn.rgb for drawn in after])), SMALLEST_AFTER)
            for (move, _), drawn, segments in zip(part, after, found, strict=True):
                if not collides(move, before.instance[move.scene], drawn.instance[0]):
                    steering.add(move, segments)
        if progress is not None:
            progress(start + len(chunk))
    return steering


def collides(move: Move, before: Tensor, after: Tensor) -> bool:
    """Whether a topmost object's visible area leaves the bounds in which a match is looked for, by the
    instance maps (H, W) of both pictures: it went behind or into something else."""
    areas = [int((instance == move.element).sum()) for instance in (before, after)]
    return move.topmost and not 1 / SIZE_RATIO <= areas[1] / max(areas[0], 1) <= SIZE_RATIO


def as_float(rgb: Tensor) -> Tensor:
    """Bytes to [-1, 1]."""
    return rgb.float() / 127.5 - 1


def propose(
    room: Rooms, index: int, segments: list[Segment], instance: Tensor, random: np.random.RandomState
) -> list[tuple[Move, Rooms]]:
    """The moves of one room (a batch of one, with its instance map (H, W)) and the room after each: one for
    every object whose centre lies in a segment that is no shell and that can be moved without leaving the
    picture."""
    result = []
    for name in INSTANCE[SHELL:]:
        if name in PARTS or not bool(room.has(name)):
            continue
        centre, front = _box_centre(room, name)
        x, y = project(room, centre)
        segment = at(segments, x, y)
        if segment is None or SEMANTIC[segment.label] in SHELL_CLASSES:
            continue
        seen = INSTANCE[int(instance[int(y * instance.shape[0]), int(x * instance.shape[1])])]
        for _ in range(TRIES):
            step = _draw_step(room, centre, front, random)
            if step is not None and stays_inside(segment, *step[0]):
                topmost = seen in (name, *GROUPS.get(name, ()))
                others = tuple(s for s in segments if s is not segment)
                move = Move(index, INSTANCE_ID[name], segment, *step[0], topmost=topmost, others=others)
                result.append((move, edit(room, 0, name, *step[1])))
                break
    return result


def project(room: Rooms, point: tuple[float, float, float]) -> tuple[float, float]:
    """Where a point in metres falls in the picture of a room (a batch of one), fractions of the side; (inf,
    inf) behind the camera."""
    x, y, z = (p - c for p, c in zip(point, room.camera[0].tolist(), strict=True))
    yaw, pitch = float(room.yaw), float(room.pitch)
    tangent = math.tan(float(room.fov) / 2)
    x, z = x * math.cos(yaw) - z * math.sin(yaw), x * math.sin(yaw) + z * math.cos(yaw)
    y, z = y * math.cos(pitch) - z * math.sin(pitch), y * math.sin(pitch) + z * math.cos(pitch)
    if z < 0.1:
        return math.inf, math.inf
    return 0.5 + 0.5 * x / (z * tangent), 0.5 - 0.5 * y / (z * tangent)


def _draw_step(
    room: Rooms, centre: tuple[float, float, float], front: tuple[float, float], random: np.random.RandomState
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """((dx, dy) in the picture, (dx, dz) in metres), or None when that direction never reaches the length
    drawn.
    """
    length = random.uniform(*DISTANCE)
    angle = random.uniform(0, 2 * math.pi)
    way = (math.cos(angle), math.sin(angle))
    if front != (0.0, 0.0):  # along the wall: across the front's direction
        sign = 1.0 if angle < math.pi else -1.0
        way = (sign * abs(front[1]), sign * abs(front[0]))
    start = project(room, centre)

    def shift(metres: float) -> tuple[float, float]:
        x, y = project(room, (centre[0] + metres * way[0], centre[1], centre[2] + metres * way[1]))
        return x - start[0], y - start[1]

    low, high = 0.0, FARTHEST
    if not length <= math.hypot(*shift(high)):
        return None
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if math.hypot(*shift(middle)) < length else (low, middle)
    return (shift(low), (low * way[0], low * way[1])) if math.isfinite(shift(low)[0]) else None


def _box_centre(room: Rooms, name: str) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """Centre in metres of the box around an object's parts, and the direction (x, z) of its front, (0, 0) for
    none.
    """
    table = room.table[0, SHELL:]
    own = room.present()[0] & torch.tensor([i == INSTANCE_ID[name] for i in room.instances])
    rows = table[own]
    low = (rows[:, CENTRE] - rows[:, HALF]).amin(0)
    high = (rows[:, CENTRE] + rows[:, HALF]).amax(0)
    x, y, z = ((low + high) / 2).tolist()
    fronts = rows[:, [FIELD["fx"], FIELD["fz"]]]
    facing = fronts[fronts.abs().sum(1) > 0]
    front = facing[0].sign().tolist() if len(facing) else [0.0, 0.0]
    return (x, y, z), (front[0], front[1])
