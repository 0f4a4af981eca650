"""Sampled rooms: golden sums of the tables, determinism, the vocabulary, pattern scale, errors."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.data.rooms import (
    INSTANCE,
    MIRRORED,
    SEMANTIC,
    SEMANTIC_OF_INSTANCE,
    Rooms,
    sample_rooms,
)
from spatial_edit.data.rooms.vocabulary import FIELD, SECOND_COLOUR, SHELL

# (count, seed): present primitives, float64 sum of their rows and the shell's, of yaw, pitch and exposure.
# Measured when the order of the draws was fixed; a change of any draw, or of its place, changes them.
GOLDEN = {
    (8, 0): (178, 7500.046367, 5.787125),
    (5, 7): (95, 3626.877753, 4.753026),
    (64, 100000): (1414, 60472.385559, 48.719984),
}


@pytest.mark.parametrize(("count", "seed"), list(GOLDEN))
def test_numbers_golden_sums(count: int, seed: int) -> None:
    rooms = sample_rooms(count, seed)
    present, total, camera = GOLDEN[count, seed]
    there = torch.cat([torch.ones(count, SHELL, dtype=torch.bool), rooms.present()], 1)
    assert int(rooms.present().sum()) == present
    assert float(rooms.table.double()[there].sum()) == pytest.approx(total, rel=1e-7)
    summed = float((rooms.yaw + rooms.pitch + rooms.exposure).double().sum())
    assert summed == pytest.approx(camera, rel=1e-5)


def test_shapes() -> None:
    rooms = sample_rooms(5, 3)
    slots = len(rooms.kinds)
    assert rooms.table.shape == (5, SHELL + slots, len(FIELD))
    assert len(rooms.occluders) == len(rooms.instances) == slots
    assert rooms.camera.shape == rooms.key_position.shape == rooms.ambient.shape == (5, 3)
    assert rooms.yaw.shape == rooms.exposure.shape == (5,)
    assert torch.isfinite(rooms.table).all()


def test_slots_carry_their_instance_and_class() -> None:
    rooms = sample_rooms(3, 1)
    numbers = torch.tensor([*range(SHELL), *rooms.instances], dtype=torch.float32)
    classes = torch.tensor([SEMANTIC_OF_INSTANCE[int(n)] for n in numbers], dtype=torch.float32)
    assert torch.equal(rooms.table[..., FIELD["inst"]], numbers.expand(3, -1))
    assert torch.equal(rooms.table[..., FIELD["sem"]], classes.expand(3, -1))


def test_vocabulary() -> None:
    name_of_class = {name: SEMANTIC[SEMANTIC_OF_INSTANCE[i]] for i, name in enumerate(INSTANCE)}
    expected = {"wall_left": "wall", "lamp_r": "lamp", "floor_lamp": "lamp", "ceiling_lamp": "lamp"}
    expected |= {
        "cushion": "pillow",
        "decor_b": "decor",
        "painting_a": "painting",
        "bed": "bed",
        "floor": "floor",
    }
    assert expected.items() <= name_of_class.items()
    assert all(MIRRORED[MIRRORED[i]] == i for i in range(len(INSTANCE)))
    swapped = {INSTANCE[i] for i in range(len(INSTANCE)) if MIRRORED[i] != i}
    twins = ("nightstand", "lamp", "pillow", "curtain")
    assert swapped == {"wall_left", "wall_right"} | {f"{twin}_{side}" for twin in twins for side in "lr"}


def test_determinism_same_seed_same_rooms() -> None:
    first, second, other = sample_rooms(4, 9), sample_rooms(4, 9), sample_rooms(4, 10)
    assert torch.equal(first.table, second.table)
    assert torch.equal(first.exposure, second.exposure)
    assert not torch.equal(first.table, other.table)


def test_determinism_leaves_global_randomness_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    sample_rooms(2, 5)
    assert torch.equal(torch.rand(3), expected)


def test_choosing_rooms() -> None:
    rooms = sample_rooms(6, 0)
    part = rooms[2:4]
    assert isinstance(part, Rooms)
    assert len(part) == 2
    assert torch.equal(part.table, rooms.table[2:4])
    assert torch.equal(part.lamp_colour, rooms.lamp_colour[2:4])
    assert torch.equal(rooms[-1].table, rooms.table[5:])
    with pytest.raises(IndexError, match="room 6"):
        rooms[6]


def test_furniture_stays_in_the_room() -> None:
    rooms = sample_rooms(64, 2)
    bed = [
        slot
        for slot, n in enumerate(rooms.instances)
        if INSTANCE[n] in ("wardrobe", "dresser", "door", "plant")
    ]
    rows = rooms.table[:, SHELL:][:, bed]
    there = rooms.present()[:, bed]
    reach_x = rows[..., FIELD["cx"]].abs() + rows[..., FIELD["hx"]] - rooms.width[:, None] / 2
    reach_z = rows[..., FIELD["cz"]] + rows[..., FIELD["hz"]] - rooms.depth[:, None]
    assert reach_x[there].max() < 0.03
    assert reach_z[there].max() < 0.03


def test_pattern_scale_touches_second_colours_alone() -> None:
    full, half, plain = (sample_rooms(32, 4, pattern_scale=scale) for scale in (1.0, 0.5, 0.0))
    rest = torch.ones(len(FIELD), dtype=torch.bool)
    rest[SECOND_COLOUR] = False
    assert torch.equal(full.table[..., rest], plain.table[..., rest])
    assert torch.equal(full.exposure, plain.exposure)
    changed = (full.table != plain.table).any(-1).any(0).nonzero().flatten().tolist()
    names = {INSTANCE[row if row < SHELL else full.instances[row - SHELL]] for row in changed}
    assert names == {"wall_back", "wall_left", "wall_right", "bed", "rug"}
    middle = (full.table[..., SECOND_COLOUR] + plain.table[..., SECOND_COLOUR]) / 2
    assert torch.allclose(half.table[..., SECOND_COLOUR], middle, atol=1e-6)
    walls = plain.table[:, 2:SHELL]
    assert torch.equal(walls[..., SECOND_COLOUR], walls[..., FIELD["r"] : FIELD["b"] + 1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"count": 0, "seed": 0}, "0 rooms"),
        ({"count": 10**9, "seed": 0}, "ask for 1 to"),
        ({"count": 1, "seed": -1}, "seed is -1"),
        ({"count": 1, "seed": 2**32}, "whole number from 0"),
        ({"count": 1, "seed": 0, "pattern_scale": 1.5}, "pattern_scale is 1.5"),
        ({"count": 1, "seed": 0, "pattern_scale": float("nan")}, "pattern_scale is nan"),
    ],
)
def test_errors(arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        sample_rooms(**arguments)
