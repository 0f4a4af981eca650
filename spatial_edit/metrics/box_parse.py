"""How well pictures become rooms of boxes: places, camera, likeness, and whether edits of a parsed room do
what the same edits do to the true one.

Boxes are compared in the picture: the rectangle around a box's corners, cut off at the edges, each room
through its own camera. A true box counts when at least `SMALLEST` of the picture shows it. Read boxes are
matched to true ones of the same class, best overlap first; recall and precision count matches with an IoU of
at least a half.

Counterfactual: a room before and after one object moved over the floor or along its wall. The first picture
is parsed, the object is moved by the same metres in the parsed room, and the result is compared with the
second picture; see `parse_edits` for the figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.data.rooms import INSTANCE, Render, Rooms, edit, render
from spatial_edit.data.rooms.vocabulary import GROUPS, SHELL
from spatial_edit.generators.box3d.parts import BoxBatch
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.boxes3d import CENTRE_RANGE_3D, CLASSES
from spatial_edit.layouts.perspective import box_in_picture
from spatial_edit.metrics.box_truth import SLOTS, box_truth
from spatial_edit.metrics.parse_edits import EditError, compared

SMALLEST = 0.004  # of the picture
HALF = 0.5  # IoU of a match
FLOOR_THINGS = ("bed", "wardrobe", "bookshelf", "plant", "chair", "pouf", "floor_lamp")
WALL_THINGS = ("window", "painting_a", "painting_b", "door", "mirror")
ALONG, AWAY = (0.25, 0.8), 0.4  # metres of a move: to the side at least and at most, in depth at most
TRIES = 4
MOVED_SMALLEST, STILL_SEEN = 0.01, 0.6  # visible share of the picture before; of that, still visible after
SHORTEST = 0.03  # of the picture that the move must change: share of pixels in the union beyond the overlap


@dataclass(frozen=True, eq=False)
class RoomPair:
    """Pictures (3, R, R) in [-1, 1] before and after, union (R, R) bool of the footprints, the slot and its
    move along x and z in metres."""

    before: Tensor
    after: Tensor
    union: Tensor
    slot: int
    dx: float
    dz: float


@dataclass
class Places:
    """Sums over rooms for `figures`."""

    overlaps: list[float] = field(default_factory=list)  # of every true box: IoU with its match, else 0
    matched: int = 0  # with an IoU of at least a half
    read: int = 0
    camera: list[list[float]] = field(default_factory=list)

    def add(self, scene: Scene, truth: BoxBatch, shown: Tensor) -> None:
        """One parsed room against its truth (a batch of one); shown (26,): each slot's share of the
        picture."""
        layout = scene.layout
        assert isinstance(layout, Boxes3D)
        seen = truth.exists[0] & (shown >= SMALLEST)
        slots = seen.nonzero().flatten()
        true, _ = box_in_picture(truth.centres[0, slots], truth.halves[0, slots], truth.camera[0])
        found, _ = box_in_picture(layout.centres, layout.halves, layout.camera)
        names = [CLASSES[int(c)] for c in truth.classes[0, slots]]
        overlap = iou(true, found)
        same = torch.tensor([[a == b for b in layout.classes] for a in names]).view(overlap.shape)
        pairs = match(torch.where(same, overlap, 0.0))
        self.overlaps += [pairs.get(i, (0, 0.0))[1] for i in range(len(names))]
        self.matched += sum(value >= HALF for _, value in pairs.values())
        area = (found[:, 2:] - found[:, :2]).clamp(min=0).prod(1)
        hidden = {j for j, name in enumerate(layout.classes) if self._unseen(layout, j, truth, shown)}
        self.read += sum(float(area[j]) >= SMALLEST and j not in hidden for j in range(len(layout)))
        self._camera(layout.camera, truth.camera[0])

    @staticmethod
    def _unseen(layout: Boxes3D, j: int, truth: BoxBatch, shown: Tensor) -> bool:
        """Whether the element's slot is truly there but hardly shown: to have read it is no mistake."""
        row = layout.rows[j]
        return row < len(shown) and bool(truth.exists[0, row]) and float(shown[row]) < SMALLEST

    def _camera(self, read: Tensor, true: Tensor) -> None:
        off = (read - true).abs()
        degrees = [math.degrees(float(v)) for v in off[3:]]
        self.camera.append([float((read[:3] - true[:3]).norm()), *degrees])

    def figures(self, suffix: str) -> dict[str, float | int | str]:
        """Mean IoU, recall, precision; camera errors in metres and degrees."""
        if not self.overlaps:
            return {}
        camera = torch.tensor(self.camera).mean(0).tolist()
        names = ("position", "yaw", "pitch", "fov")
        return {
            f"parse_box_iou{suffix}": round(sum(self.overlaps) / len(self.overlaps), 4),
            f"parse_box_recall{suffix}": round(self.matched / len(self.overlaps), 4),
            f"parse_box_precision{suffix}": round(self.matched / max(self.read, 1), 4),
        } | {f"parse_camera_{n}{suffix}": round(v, 4) for n, v in zip(names, camera, strict=True)}


def shares(drawn: Render) -> Tensor:
    """(B, 26) each slot's visible share of rendered rooms."""
    flat = drawn.instance.flatten(1)
    return torch.stack([(flat == SHELL + slot).float().mean(1) for slot in range(len(SLOTS))], 1)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) intersection over union of rectangles (N, 4) and (M, 4): x0, y0, x1, y1."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(v[:, 2:] - v[:, :2]).clamp(min=0).prod(1) for v in (a, b)]
    return shared / (areas[0][:, None] + areas[1][None] - shared).clamp(min=1e-9)


def match(overlap: Tensor) -> dict[int, tuple[int, float]]:
    """row: (column, value) of a matching, greatest value first; zeros are not matched."""
    left, found = overlap.clone(), {}
    while left.numel() and float(left.max()) > 0:
        i, j = divmod(int(left.argmax()), left.shape[1])
        found[i] = (j, float(left[i, j]))
        left[i], left[:, j] = 0.0, 0.0
    return found


def room_pairs(rooms: Rooms, resolution: int, seed: int = 0) -> list[RoomPair | None]:
    """One counterfactual a room, or None where nothing can be moved within sight; objects and moves are drawn
    from `seed`."""
    return [_pair(rooms[i], resolution, np.random.RandomState(seed + i)) for i in range(len(rooms))]


def _pair(room: Rooms, resolution: int, random: np.random.RandomState) -> RoomPair | None:
    first = render(room, resolution, amodal=True)
    names = [*FLOOR_THINGS, *WALL_THINGS]
    random.shuffle(names)
    for name in names:
        numbers = [INSTANCE.index(n) for n in (name, *GROUPS.get(name, ()))]
        seen = float(first.visible[0, numbers].any(0).float().mean())
        if seen < MOVED_SMALLEST:
            continue
        facing = int(box_truth(room).facings[0, numbers[0] - SHELL])
        for _ in range(TRIES):
            along = float(random.uniform(*ALONG) * random.choice([-1, 1]))
            away = float(random.uniform(-AWAY, AWAY)) if name in FLOOR_THINGS else 0.0
            sideways = name in WALL_THINGS and facing in (1, 2)
            dx, dz = (away, along) if sideways else (along, away)
            second = render(edit(room, 0, name, dx, dz), resolution, amodal=True)
            if float(second.visible[0, numbers].any(0).float().mean()) < STILL_SEEN * seen:
                continue
            assert first.amodal is not None and second.amodal is not None
            covers = [p.amodal[0, numbers].amax(0) > 0.5 for p in (first, second)]  # type: ignore[index]
            if float((covers[0] ^ covers[1]).float().mean()) < SHORTEST:
                continue
            before, after = (p.rgb[0].float() / 127.5 - 1 for p in (first, second))
            return RoomPair(before, after, covers[0] | covers[1], numbers[0] - SHELL, dx, dz)
    return None


@torch.no_grad()
def room_edit_error(generator: Box3DGenerator, scene: Scene, pair: RoomPair) -> EditError:
    """Errors of moving the object, with what it carries, in the parsed scene of `pair.before`."""
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    still = generator.render(scene)
    moved, found = still, pair.slot in layout.rows
    if found:
        centres = layout.centres.clone()
        group = [SLOTS.index(n) for n in (SLOTS[pair.slot], *GROUPS.get(SLOTS[pair.slot], ()))]
        for k, row in enumerate(layout.rows):
            if row in group:
                centres[k] += torch.tensor([pair.dx, 0.0, pair.dz])
        moved_layout = replace(layout, centres=centres.clamp(*CENTRE_RANGE_3D))
        moved = generator.render(replace(scene, layout=moved_layout))
    return compared(still, moved, pair.before, pair.after, pair.union, found)
