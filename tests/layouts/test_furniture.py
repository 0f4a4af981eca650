"""Furniture and collisions: what rests on what, what is within what, and which real rooms are at fault."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import FACINGS
from spatial_edit.layouts.collisions import Collision, collisions, outside, within
from spatial_edit.layouts.furniture import (
    Box,
    boxes_of,
    carried,
    key_light_at,
    lamp_light_at,
    quarters_between,
    surface_height,
    turned,
    wall_gap,
)
from tests.layouts.sample_room import any_boxes3d, sample_room


def moved(number: int, *, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Boxes3D:
    """The room with one element shifted, and nothing else."""
    room = sample_room()
    centres = room.centres.clone()
    centres[room.index_of(number)] += torch.tensor([x, y, z])
    return replace(room, centres=centres)


def found(layout: Boxes3D) -> set[tuple[str, int, int | None]]:
    """Kinds and numbers, the lower number of a pair first."""
    return {
        (c.kind, c.first, None)
        if c.second is None
        else (c.kind, min(c.first, c.second), max(c.first, c.second))
        for c in collisions(layout)
    }


def test_numbers_turning() -> None:
    x, z = FACINGS[0]
    for facing in range(4):
        once = turned(facing, 1)
        x, z = FACINGS[facing]
        assert FACINGS[once] == (-z, x)  # counter-clockwise from above: x right, z up
        assert turned(facing, 4) == facing == turned(once, -1)
        assert [quarters_between(facing, turned(facing, k)) for k in range(4)] == [0, 1, 2, 3]


def test_numbers_what_is_carried() -> None:
    room = sample_room()
    resting = {i: carried(room, i) for i in room.ids if carried(room, i)}
    assert resting == {0: (1, 2), 3: (4,), 5: (6, 7), 13: (14,)}
    with pytest.raises(ValueError, match="no element 99"):
        carried(room, 99)


@pytest.mark.parametrize(
    "number, shift, base",
    [
        (4, {"y": 0.07}, 3),  # a little above the nightstand
        (4, {"y": 0.1}, None),
        (4, {"y": -0.1}, 3),  # sunk in
        (4, {"y": -0.2}, None),
        (4, {"x": 0.24}, 3),  # its middle at the edge
        (4, {"x": 0.26}, None),
        (1, {"y": 0.2}, 0),  # anywhere within the bed's box
        (1, {"y": -0.3}, 0),
        (1, {"y": -0.4}, None),  # on the floor
        (1, {"x": -0.5}, None),
        (9, {"x": 1.0, "y": 0.45, "z": 1.4}, 0),  # a chair on the mattress
        (9, {"x": 1.0, "y": 0.7, "z": 1.4}, None),
        (6, {"z": -0.4}, 5),  # a curtain 25 cm beside its window
        (6, {"z": -0.5}, None),
        (11, {"x": 1.7, "y": -1.25, "z": -0.7}, None),  # a ceiling lamp over the dresser hangs all the same
    ],
)
def test_numbers_resting(number: int, shift: dict, base: int | None) -> None:
    room = moved(number, **shift)
    assert [i for i in room.ids if number in carried(room, i)] == ([] if base is None else [base])


def test_numbers_curtains_belong_to_the_window_of_their_wall() -> None:
    room = sample_room()
    facings = tuple(0 if i == 6 else f for i, f in zip(room.ids, room.facings, strict=True))
    turned_away = replace(room, facings=facings)
    assert carried(turned_away, 5) == (7,)


def test_numbers_chains_are_carried_whole() -> None:
    room = moved(14, x=-1.77 + 0.95, y=0.5 + 0.42 + 0.23 - 1.05, z=4.2 - 1.7)  # the television on the lamp
    assert carried(room, 3) == (4, 14) and carried(room, 4) == (14,)


def test_numbers_surfaces() -> None:
    room = sample_room()
    boxes = boxes_of(room)
    heights = [surface_height(room, room.index_of(i), boxes) for i in (0, 9, 13, 3)]
    assert heights == pytest.approx([0.45, 0.42, 0.8, 0.5])
    low = replace(room, halves=room.halves * torch.tensor([1.0, 0.4, 1.0]))
    assert surface_height(low, 0, boxes_of(low)) == pytest.approx(0.45 + 0.25, abs=1e-5)


def test_numbers_lights() -> None:
    room = sample_room()
    assert key_light_at(room, boxes_of(room)) == room.index_of(5)
    assert lamp_light_at(room, boxes_of(room)) == room.index_of(4)
    far = moved(5, z=-1.2)
    assert key_light_at(far, boxes_of(far)) is None
    lights = room.lights.clone()
    lights[:9] = torch.tensor([0.0, 2.3, 2.4, 0.2, 0.0, 0.2, 0.0, 0.0, 0.0])
    overhead = replace(room, lights=lights)
    assert key_light_at(overhead, boxes_of(overhead)) == room.index_of(11)
    lights[12] = 0.5
    assert lamp_light_at(replace(room, lights=lights), boxes_of(room)) is None


def test_numbers_wall_gaps() -> None:
    box = Box(-1.0, 0.5, 3.0, 0.4, 0.5, 0.6)
    gaps = [wall_gap(box, facing, (4.0, 4.4, 2.6)) for facing in range(4)]
    assert gaps == pytest.approx([0.8, 0.6, 2.6, float("inf")])


def test_smoke_a_tidy_room() -> None:
    assert collisions(sample_room()) == ()


@pytest.mark.parametrize(
    "number, shift, wrong",
    [
        (9, {"x": 0.6, "z": 1.4}, {("within", 0, 9)}),
        (9, {"z": 0.02}, set()),
        (3, {"x": -0.2}, {("within", 0, 3)}),
        (3, {"x": 0.3}, {("floating", 4, None)}),
        (12, {"y": -0.45}, {("within", 0, 12)}),  # a picture in the headboard
        (12, {"z": -1.0}, {("floating", 12, None)}),  # off its wall
        (9, {"y": 0.1}, {("floating", 9, None)}),
        (9, {"y": 0.05}, set()),
        (11, {"y": -0.2}, {("floating", 11, None)}),
        (4, {"y": 0.3}, {("floating", 4, None)}),
        (10, {"x": -0.5, "z": 1.0}, set()),  # a rug lies under everything
        (6, {"z": 0.5}, set()),  # a curtain before its window
        (9, {"x": -0.6}, {("outside", 9, None)}),
        (9, {"z": -2.0}, {("outside", 9, None)}),
        (9, {"y": -0.1}, {("outside", 9, None)}),
        (11, {"y": 0.1}, {("outside", 11, None)}),
        (12, {"z": 0.08}, {("outside", 12, None)}),
        (8, {"z": -0.9}, {("within", 8, 13), ("within", 8, 14)}),
    ],
)
def test_numbers_what_is_wrong(number: int, shift: dict, wrong: set) -> None:
    assert found(moved(number, **shift)) == wrong


def test_numbers_hidden_things_are_no_trouble() -> None:
    room = moved(9, x=0.6, z=1.4)
    assert found(room) and not found(replace(room, hidden=tuple(i == 9 for i in room.ids)))


def test_numbers_above_a_mattress_is_not_in_the_bed() -> None:
    """The bed's box reaches to the headboard's top; a shelf over its foot is not within it."""
    assert ("within", 0, 13) not in found(moved(13, x=-1.5, y=0.6, z=1.2))
    assert ("within", 0, 13) in found(moved(13, x=-1.5, y=0.3, z=1.2))
    assert ("within", 0, 13) in found(moved(13, x=-1.5, y=0.6, z=2.3))


def test_smoke_sentences() -> None:
    room = sample_room()
    assert Collision("within", 9, 0).sentence(room) == "the chair 9 now stands in the bed 0"
    assert Collision("floating", 9).sentence(room) == "the chair 9 now hangs in the air"
    assert Collision("outside", 9).sentence(room) == "the chair 9 now reaches outside the room"


@settings(max_examples=30)
@given(st.floats(-1, 1), st.floats(0.01, 1))
def test_numbers_within_is_symmetric_and_grows_with_depth(gap: float, half: float) -> None:
    a, b = Box(0, 0, 0, 1, 1, 1), Box(1 + half + gap, 0, 0, half, half, half)
    assert within(a, b) == within(b, a)
    assert within(a, b, 0.0) == (gap < 0) or abs(gap) < 1e-9


@settings(max_examples=20)
@given(any_boxes3d(most=8))
def test_shapes_of_any_room(layout: Boxes3D) -> None:
    for collision in collisions(layout):
        assert collision.first in layout.ids and (collision.second is None or collision.second in layout.ids)
        assert collision.sentence(layout)
    for number in layout.ids:
        assert number not in carried(layout, number)
    assert all(outside(b, tuple(layout.room.tolist())) > -9 for b in boxes_of(layout))
