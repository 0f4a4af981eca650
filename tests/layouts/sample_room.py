"""A furnished room as Boxes3D, written by hand, for tests of everything that handles boxes."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import (
    CAMERA_RANGE,
    CENTRE_RANGE_3D,
    CLASSES,
    HALF_RANGE,
    LIGHT_RANGE,
    MAX_BOXES,
    ROOM_RANGE,
)

# id: class, facing, row, centre, half size; room 4 x 4.4 x 2.6 m
FURNITURE = {
    0: ("bed", 0, 1, (-0.2, 0.5, 3.36), (0.8, 0.5, 1.04)),
    1: ("pillow", 0, 21, (-0.6, 0.52, 4.1), (0.3, 0.1, 0.2)),
    2: ("pillow", 0, 22, (0.2, 0.52, 4.1), (0.3, 0.1, 0.2)),
    3: ("nightstand", 0, 3, (0.95, 0.25, 4.2), (0.23, 0.25, 0.2)),
    4: ("lamp", 0, 5, (0.95, 0.71, 4.2), (0.14, 0.21, 0.14)),
    5: ("window", 1, 6, (-1.975, 1.5, 3.0), (0.025, 0.6, 0.7)),
    6: ("curtain", 1, 23, (-1.94, 1.2, 2.25), (0.06, 1.1, 0.2)),
    7: ("curtain", 1, 24, (-1.94, 1.2, 3.75), (0.06, 1.1, 0.2)),
    8: ("wardrobe", 2, 9, (1.72, 1.0, 3.0), (0.28, 1.0, 0.6)),
    9: ("chair", 0, 13, (-1.2, 0.425, 1.7), (0.35, 0.425, 0.35)),
    10: ("rug", 0, 0, (0.2, 0.008, 2.1), (1.0, 0.008, 0.7)),
    11: ("ceiling lamp", 0, 18, (0.0, 2.35, 2.4), (0.2, 0.25, 0.2)),
    12: ("painting", 0, 7, (-0.2, 1.7, 4.38), (0.4, 0.3, 0.02)),
    13: ("dresser", 2, 10, (1.77, 0.4, 1.7), (0.23, 0.4, 0.5)),
    14: ("television", 2, 19, (1.77, 1.05, 1.7), (0.03, 0.23, 0.35)),
}
KEY = (-1.855, 1.5, 3.0, 0.0, 0.6, 0.7, 1.0, 0.0, 0.0, 1.3, 1.25, 1.2)
LAMP = (0.95, 0.85, 4.2, 0.5, 0.4, 0.3)


def sample_room(names: tuple[str, ...] = ()) -> Boxes3D:
    """The room, with these classes alone when any are named."""
    chosen = {k: v for k, v in FURNITURE.items() if not names or v[0] in names}
    return Boxes3D(
        room=torch.tensor([4.0, 4.4, 2.6]),
        camera=torch.tensor([0.2, 1.5, -0.5, 0.0, -0.1, 1.1]),
        surfaces=torch.tensor([[0.6, 0.4, 0.2], [0.9] * 3, [0.8, 0.8, 0.7], [0.8, 0.8, 0.7], [0.7] * 3]),
        lights=torch.tensor([*KEY, *LAMP, 0.45, 0.46, 0.5, 1.0]),
        centres=torch.tensor([f[3] for f in chosen.values()]),
        halves=torch.tensor([f[4] for f in chosen.values()]),
        colours=torch.tensor([[k / 20, 0.5, 1 - k / 20] for k in chosen]),
        classes=tuple(f[0] for f in chosen.values()),
        facings=tuple(f[1] for f in chosen.values()),
        ids=tuple(chosen),
        rows=tuple(f[2] for f in chosen.values()),
    )


@st.composite
def any_boxes3d(draw: st.DrawFn, most: int = MAX_BOXES) -> Boxes3D:
    """Any layout within the ranges, sensible or not."""
    n = draw(st.integers(0, most))

    def row(*ranges: tuple[float, float]) -> list[float]:
        return [draw(st.floats(*limits, width=32)) for limits in map(single, ranges)]

    def several(values: st.SearchStrategy, unique: bool = False) -> tuple:
        return tuple(draw(st.lists(values, min_size=n, max_size=n, unique=unique)))

    return Boxes3D(
        room=torch.tensor(row(*ROOM_RANGE)),
        camera=torch.tensor(row(*CAMERA_RANGE)),
        surfaces=torch.tensor([row(*[(0.0, 1.0)] * 3) for _ in range(5)]),
        lights=torch.tensor(row(*[LIGHT_RANGE] * 22)),
        centres=torch.tensor([row(*[CENTRE_RANGE_3D] * 3) for _ in range(n)]).reshape(n, 3),
        halves=torch.tensor([row(*[HALF_RANGE] * 3) for _ in range(n)]).reshape(n, 3),
        colours=torch.tensor([row(*[(0.0, 1.0)] * 3) for _ in range(n)]).reshape(n, 3),
        classes=several(st.sampled_from(CLASSES)),
        facings=several(st.integers(0, 3)),
        ids=several(st.integers(0, 255), unique=True),
        rows=several(st.integers(0, 255)),
        hidden=several(st.booleans()),
        locked=several(st.booleans()),
    )


def single(limits: tuple[float, float]) -> tuple[float, float]:
    """The range between the float32 values nearest to its ends."""
    low, high = torch.tensor(limits, dtype=torch.float32).tolist()
    return low, high
