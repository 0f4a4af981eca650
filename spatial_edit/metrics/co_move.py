"""Co-move: when an element is moved, does the thing that it stands on in the picture move along?

Every visible element whose centre lies in a judged segment (connected, at least 0.5 % of the picture) of
class c is moved by p, |p| uniform in 0.06 .. 0.15 of the side, direction uniform among those that keep the
segment inside the picture. With q the displacement of the segment's centroid, found again by the judge's
features (q = 0 where there is no match),

    ratio = p . q / |p|^2, clipped to [-1, 2].

`co_move_<class>` is the mean ratio of a class with at least 100 moves; `co_move` the plain mean of the six
classes in `SIX`. The shell of the room (floor, ceiling, wall) is no thing and is not counted. The names of
the model's elements are not used: a rug's blob whose centre lies hidden under the bed counts against the bed.
So the same is also given for the topmost elements alone (`co_move_topmost`), those that no nearer one covers
at their centre: what a person who points at a thing would take hold of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spatial_edit.data.rooms.vocabulary import SEMANTIC
from spatial_edit.layouts import Scene
from spatial_edit.metrics.box_rooms import for_judge
from spatial_edit.metrics.locality import background_change
from spatial_edit.metrics.movable import chosen, covers, has_footprints, layout_of, shifted, visible
from spatial_edit.metrics.segments import SMALLEST_AFTER, Maps, Segment, at, best_match, read_segments

SIX = ("bed", "window", "painting", "wardrobe", "chair", "plant")
SHELL = ("floor", "ceiling", "wall")
DISTANCE = (0.06, 0.15)
ENOUGH = 100
TRIES = 64
COVERED = 0.5  # opacity of a nearer element at an element's centre
BATCH = 32


class Painter(Protocol):
    """What is asked of a generator: pictures."""

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        """(B, 3, H, W) in [-1, 1]."""
        ...


class BlobModel(Painter, Protocol):
    """One that also tells where each element is drawn, so that the change elsewhere can be measured."""

    def opacities(self, scenes: list[Scene], resolution: int) -> list[Tensor]:
        """(K, resolution, resolution) in [0, 1] for each scene: the elements' own opacities, unhidden by
        others.
        """
        ...


@dataclass(frozen=True, eq=False)
class Move:
    """One trial: element number `element` (in depth order) of scene number `scene` goes by (dx, dy)."""

    scene: int
    element: int
    segment: Segment
    dx: float
    dy: float
    topmost: bool = True  # nothing nearer covers the element's centre
    others: tuple[Segment, ...] = ()  # the picture's other segments before the move


@dataclass
class Steering:
    """What was measured so far, one entry a move: ratios by class name, of all elements and of the topmost
    ones; change outside and area of the footprints.
    """

    ratios: dict[str, list[float]] = field(default_factory=dict)
    topmost: dict[str, list[float]] = field(default_factory=dict)
    changes: list[float] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)

    def add(self, move: Move, after: list[Segment]) -> None:
        """Count a move by the segments of the picture after it."""
        value, name = ratio(move, after), SEMANTIC[move.segment.label]
        self.ratios.setdefault(name, []).append(value)
        if move.topmost:
            self.topmost.setdefault(name, []).append(value)


@torch.no_grad()
def measure_moves(
    generator: Painter,
    judge: Maps,
    scenes: Sequence[Scene],
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    levels: Collection[int] = (),
) -> Steering:
    """Move every element of every scene that the definition asks for (of heatmaps those of some `levels`, if
    any are named). `progress` is told how many scenes are done.

    ValueError when a scene's layout is of no kind that `movable` knows.
    """
    random = np.random.RandomState(seed)
    steering = Steering()
    for start in range(0, len(scenes), BATCH):
        chunk = [visible(scene) for scene in scenes[start : start + BATCH]]
        before = for_judge(generator.render_batch(chunk))
        readings = read_segments(judge, before)
        hidden = covers(generator, chunk, before.shape[-1])
        moves = [
            move
            for i, scene in enumerate(chunk)
            for move in propose(i, scene, readings[i], hidden[i], random, levels)
        ]
        for first in range(0, len(moves), BATCH):
            _measure(generator, judge, chunk, before, moves[first : first + BATCH], steering)
        if progress is not None:
            progress(start + len(chunk))
    return steering


def co_move(steering: Steering, prefix: str = "co_move") -> dict[str, float | int | str]:
    """Means of the ratios under names that begin with `prefix`.

    `co_move`, `co_move_<class>` and how many moves each rests on, `co_move_<class>_n`; `co_move_classes`
    names the classes of the six that had enough moves, and with none of them `co_move` is left out; the same
    with `co_move_topmost`, for the six; `background_change` and `background_footprint` where pictures were
    compared.
    """
    result = _means(steering.ratios, SEMANTIC, prefix) | _means(steering.topmost, SIX, f"{prefix}_topmost")
    if steering.changes:
        result["background_change"] = _rounded(steering.changes)
        result["background_footprint"] = _rounded(steering.areas)
    return result


def _means(
    ratios: dict[str, list[float]], classes: Sequence[str], prefix: str
) -> dict[str, float | int | str]:
    result: dict[str, float | int | str] = {}
    means = {}
    for name in classes:
        if name not in ratios:
            continue
        result[f"{prefix}_{name}_n"] = len(ratios[name])
        if len(ratios[name]) >= ENOUGH:
            means[name] = sum(ratios[name]) / len(ratios[name])
            result[f"{prefix}_{name}"] = round(means[name], 4)
    counted = [name for name in SIX if name in means]
    if counted:
        result[prefix] = round(sum(means[name] for name in counted) / len(counted), 4)
    result[f"{prefix}_classes"] = " ".join(counted)
    return result


def propose(
    index: int,
    scene: Scene,
    segments: list[Segment],
    opacities: Tensor | None,
    random: np.random.RandomState,
    levels: Collection[int] = (),
) -> Iterable[Move]:
    """The moves of one scene with its elements' opacities (K, H, W), in depth order, None where none hides
    another; draws two numbers a try.
    """
    centres = layout_of(scene).centres.tolist()
    for element in chosen(scene, levels):
        x, y = centres[element]
        segment = at(segments, x, y)
        if segment is None or SEMANTIC[segment.label] in SHELL:
            continue
        step = draw_step(segment, random)
        if step is not None:
            others = tuple(s for s in segments if s is not segment)
            topmost = opacities is None or not _covered(opacities[element + 1 :], x, y)
            yield Move(index, element, segment, *step, topmost=topmost, others=others)


def _covered(nearer: Tensor, x: float, y: float) -> bool:
    height, width = nearer.shape[1:]
    return bool((nearer[:, int(y * height), int(x * width)] > COVERED).any())


def draw_step(segment: Segment, random: np.random.RandomState) -> tuple[float, float] | None:
    """(dx, dy) that keeps the segment's box inside the picture, or None after 64 tries."""
    for _ in range(TRIES):
        length = random.uniform(*DISTANCE)
        angle = random.uniform(0, 2 * math.pi)
        step = (length * math.cos(angle), length * math.sin(angle))
        if stays_inside(segment, *step):
            return step
    return None


def stays_inside(segment: Segment, dx: float, dy: float) -> bool:
    """Whether the segment's box, moved, is within the picture."""
    left, top, right, bottom = segment.box
    return left + dx >= 0 and top + dy >= 0 and right + dx <= 1 and bottom + dy <= 1


def ratio(move: Move, after: list[Segment]) -> float:
    """p . q / |p|^2 in [-1, 2] for a move and the segments of the picture after it; 0 when its segment is
    gone.
    """
    found = best_match(move.segment, after, move.others)
    if found is None:
        return 0.0
    qx = found.centroid[0] - move.segment.centroid[0]
    qy = found.centroid[1] - move.segment.centroid[1]
    return along(move.dx, move.dy, qx, qy)


def along(dx: float, dy: float, qx: float, qy: float) -> float:
    """p . q / |p|^2 in [-1, 2]: the share of the way p = (dx, dy) that q went."""
    return min(max((dx * qx + dy * qy) / (dx**2 + dy**2), -1.0), 2.0)


def moved(scene: Scene, move: Move) -> Scene:
    """The scene after the move."""
    return shifted(scene, move.element, move.dx, move.dy)


def _measure(
    generator: Painter,
    judge: Maps,
    scenes: list[Scene],
    before: Tensor,
    moves: list[Move],
    steering: Steering,
) -> None:
    old = [scenes[move.scene] for move in moves]
    new = [moved(scene, move) for scene, move in zip(old, moves, strict=True)]
    after = for_judge(generator.render_batch(new))

    for move, segments in zip(moves, read_segments(judge, after, SMALLEST_AFTER), strict=True):
        steering.add(move, segments)

    if not has_footprints(generator, scenes[0]):
        return
    elements = [move.element for move in moves]
    images = before[[move.scene for move in moves]]
    changes, areas = background_change(generator, images, after, old, new, elements)  # type: ignore[arg-type]
    steering.changes += changes
    steering.areas += areas


def _rounded(values: list[float]) -> float:
    return round(sum(values) / len(values), 5)
