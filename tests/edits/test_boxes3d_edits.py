"""Edits of boxes: what each does, what comes along, and that a refused one leaves the room unharmed."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.edits import BOX_OPS, EditError, apply_all, parse_edit, parse_edits
from spatial_edit.edits.boxes3d_catalogue import CATALOGUE, SCENE_ROW_CLASSES, class_of_row
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import CLASSES, PLACEMENT, SCENE_ROWS, STYLES, style_row
from spatial_edit.layouts.collisions import collisions, outside
from spatial_edit.layouts.furniture import boxes_of, carried, room_of, surface_height
from spatial_edit.layouts.perspective import project
from tests.layouts.sample_room import sample_room

BED, PILLOW, NIGHTSTAND, LAMP, WINDOW, CURTAIN, WARDROBE = 0, 1, 3, 4, 5, 6, 8
CHAIR, RUG, CEILING, PAINTING, DRESSER, TELEVISION = 9, 10, 11, 12, 13, 14
EXAMPLES = [
    {"op": "slide", "target": BED, "dx": 0.2, "dz": 0.0, "snap": False, "carry": True},
    {"op": "place", "target": CHAIR, "x": 0.2, "z": 1.6, "y": 0.425, "facing": 3},
    {"op": "lift", "target": PAINTING, "dy": 0.1},
    {"op": "turn", "target": CHAIR, "quarters": -1},
    {"op": "resize", "target": BED, "fx": 1.1, "hy": 0.6},
    {"op": "swap", "target": NIGHTSTAND, "with": DRESSER},
    {"op": "stack", "target": TELEVISION, "on": NIGHTSTAND},
    {"op": "recolour", "target": BED, "r": 1.0, "g": 0.5, "b": 0.0},
    {"op": "restyle", "target": BED, "variant": 9},
    {"op": "restyle", "target": BED, "row": 1},
    {"op": "clone", "target": CHAIR, "dx": 0.8},
    {"op": "clone", "target": NIGHTSTAND},
    *({"op": op, "target": BED} for op in ("remove", "hide", "show", "lock", "unlock")),
    {"op": "add", "class": "plant", "x": 0.5, "z": 1.5, "r": 0.1, "g": 0.2, "b": 0.3, "variant": 4},
    {"op": "camera", "orbit": 0.1, "about": BED, "dolly": 0.2},
    {"op": "room", "width": 4.6},
    {"op": "surface", "surface": "back wall", "r": 0.1, "g": 0.2, "b": 0.9},
    {"op": "light", "time": "evening", "exposure": 1.5},
]


def edited(*edits: dict, room: Boxes3D | None = None) -> Boxes3D:
    room = sample_room() if room is None else room
    result = apply_all(room, parse_edits(json.dumps(list(edits)), "boxes3d"))
    assert isinstance(result, Boxes3D)
    return result


def box(layout: Boxes3D, target: int):
    return boxes_of(layout)[layout.index_of(target)]


def facing(layout: Boxes3D, target: int) -> int:
    return layout.facings[layout.index_of(target)]


def moved(before: Boxes3D, after: Boxes3D) -> set[int]:
    """Numbers of the elements whose box or facing differs."""
    old = dict(zip(before.ids, zip(boxes_of(before), before.facings, strict=True), strict=True))
    new = dict(zip(after.ids, zip(boxes_of(after), after.facings, strict=True), strict=True))
    return {number for number in new if old.get(number) != new[number]}


def offset(layout: Boxes3D, target: int, other: int) -> tuple[float, float, float]:
    a, b = box(layout, target), box(layout, other)
    return pytest.approx((b.x - a.x, b.y - a.y, b.z - a.z), abs=1e-5)


def sentence(*edits: dict, room: Boxes3D | None = None) -> str:
    """The refusal of an edit, which must leave the room as it was."""
    room = sample_room() if room is None else room
    copy = replace(room, centres=room.centres.clone(), lights=room.lights.clone())
    with pytest.raises(EditError) as caught:
        edited(*edits, room=room)
    assert room.same(copy)
    assert "\n" not in str(caught.value) and 20 < len(str(caught.value)) < 400
    return str(caught.value)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["op"])
def test_smoke_every_op(example: dict) -> None:
    room = sample_room()
    edit = parse_edit(json.dumps(example), "boxes3d")
    assert edit.op == example["op"] and parse_edit(edit.as_dict(), "boxes3d") == edit
    after = edited(example)
    assert room.same(sample_room())
    unchanged = example["op"] in ("show", "unlock") or example.get("row") == 1
    assert after.same(room) == unchanged
    assert edited(example).same(after)


def test_smoke_every_op_has_an_example() -> None:
    assert {example["op"] for example in EXAMPLES} == set(BOX_OPS) - {"arrange"}


# ---- moving ----


def test_numbers_slide_along_the_wall() -> None:
    after = edited({"op": "slide", "target": BED, "dx": 0.3, "dz": -0.2})
    assert box(after, BED)[:3] == pytest.approx((0.1, 0.5, 3.36), abs=1e-6)
    assert offset(after, BED, PILLOW) == offset(sample_room(), BED, PILLOW).expected
    assert moved(sample_room(), after) == {BED, 1, 2}


def test_numbers_slide_away_from_the_wall() -> None:
    far = edited({"op": "slide", "target": BED, "dx": 0.0, "dz": -0.8})
    assert box(far, BED).z == pytest.approx(2.56, abs=1e-6)
    free = edited({"op": "slide", "target": BED, "dx": 0.0, "dz": -0.2, "snap": False})
    assert box(free, BED).z == pytest.approx(3.16, abs=1e-6)


def test_numbers_without_carry_the_bedding_stays() -> None:
    after = edited({"op": "slide", "target": BED, "dx": 0.2, "dz": 0.0, "carry": False})
    assert moved(sample_room(), after) == {BED}


def test_numbers_pushed_against_a_wall_it_stops() -> None:
    after = edited({"op": "slide", "target": CHAIR, "dx": -0.7, "dz": 0.0})
    assert box(after, CHAIR).x == pytest.approx(-1.65, abs=1e-6)
    corner = edited({"op": "slide", "target": NIGHTSTAND, "dx": 0.9, "dz": 0.5 - 0.4})
    assert box(corner, NIGHTSTAND).x == pytest.approx(1.77, abs=1e-6) and facing(corner, NIGHTSTAND) == 0


def test_numbers_round_the_corner_it_turns_with_all_that_it_carries() -> None:
    before = sample_room()
    after = edited({"op": "place", "target": NIGHTSTAND, "x": 1.9, "z": 2.4})
    assert facing(after, NIGHTSTAND) == facing(after, LAMP) == 2
    stand = box(after, NIGHTSTAND)
    assert (stand.hx, stand.hz) == pytest.approx((0.2, 0.23)) and stand.x + stand.hx == pytest.approx(2.0)
    assert box(after, LAMP).y == pytest.approx(box(before, LAMP).y)
    assert moved(before, after) == {NIGHTSTAND, LAMP}


def test_numbers_a_window_takes_curtains_and_light() -> None:
    before = sample_room()
    after = edited({"op": "place", "target": WINDOW, "x": 0.9, "z": 4.2})
    assert [facing(after, i) for i in (WINDOW, 6, 7)] == [0, 0, 0]
    window = box(after, WINDOW)
    assert (window.hx, window.hz) == pytest.approx((0.7, 0.025)) and window.z == pytest.approx(4.375)
    for number in (6, 7):
        curtain = box(after, number)
        assert curtain.z + curtain.hz == pytest.approx(4.4, abs=1e-5)
        assert abs(curtain.x - window.x) == pytest.approx(0.75, abs=1e-5)
    assert after.lights[:9].tolist() == pytest.approx(
        [window.x, 1.5, window.z - 0.12, 0.7, 0.6, 0.0, 0.0, 0.0, -1.0], abs=1e-5
    )
    assert torch.equal(after.lights[9:], before.lights[9:])
    alone = edited({"op": "place", "target": WINDOW, "x": 0.9, "z": 4.2, "carry": False})
    assert torch.equal(alone.lights, before.lights) and moved(before, alone) == {WINDOW}


def test_numbers_the_small_light_follows_its_lamp() -> None:
    for target in (LAMP, NIGHTSTAND):
        after = edited({"op": "slide", "target": target, "dx": 0.1, "dz": 0.0})
        assert after.lights[12:15].tolist() == pytest.approx([1.05, 0.85, 4.2], abs=1e-5)
        assert torch.equal(after.lights[:12], sample_room().lights[:12])
    chair = edited({"op": "slide", "target": CHAIR, "dx": 0.1, "dz": 0.0})
    assert torch.equal(chair.lights, sample_room().lights)


def test_numbers_a_lamp_pushed_off_comes_down_on_the_floor() -> None:
    after = edited({"op": "slide", "target": LAMP, "dx": 0.6, "dz": 0.0})
    lamp = box(after, LAMP)
    assert lamp.bottom == pytest.approx(0.0, abs=1e-6)
    onto = edited({"op": "place", "target": LAMP, "x": 1.77, "z": 2.0})
    assert box(onto, LAMP).bottom == pytest.approx(0.8, abs=1e-6)
    held = edited({"op": "slide", "target": LAMP, "dx": 0.6, "dz": 0.0, "snap": False})
    assert box(held, LAMP).y == pytest.approx(0.71)


def test_numbers_place_and_lift() -> None:
    after = edited({"op": "place", "target": CHAIR, "x": 0.25, "z": 1.5, "facing": 2})
    assert box(after, CHAIR)[:3] == pytest.approx((0.25, 0.425, 1.5)) and facing(after, CHAIR) == 2
    up = edited({"op": "lift", "target": PAINTING, "dy": 0.3})
    assert box(up, PAINTING).y == pytest.approx(2.0) and moved(sample_room(), up) == {PAINTING}
    bed = edited({"op": "lift", "target": BED, "dy": 0.2})
    assert moved(sample_room(), bed) == {BED, 1, 2}


def test_numbers_four_turns_are_none() -> None:
    once = edited({"op": "turn", "target": CHAIR, "quarters": 1})
    assert facing(once, CHAIR) == 1
    room = sample_room()
    for _ in range(4):
        room = edited({"op": "turn", "target": DRESSER, "quarters": 1, "carry": True}, room=room)
    assert room.facings == sample_room().facings
    assert offset(room, DRESSER, TELEVISION) == offset(sample_room(), DRESSER, TELEVISION).expected
    back = edited({"op": "turn", "target": CHAIR, "quarters": 3}, room=once)
    assert back.facings == sample_room().facings


def test_numbers_resize() -> None:
    after = edited({"op": "resize", "target": BED, "fx": 1.25, "fy": 1.2, "hz": 1.2})
    bed = box(after, BED)
    assert (bed.hx, bed.hy, bed.hz) == pytest.approx((1.0, 0.6, 1.2), abs=1e-5)
    assert bed.bottom == pytest.approx(0.0, abs=1e-6) and bed.z + bed.hz == pytest.approx(4.4, abs=1e-5)
    pillow = box(after, PILLOW)
    assert pillow[3:] == pytest.approx((0.3, 0.1, 0.2)) and pillow.bottom == pytest.approx(
        0.42 * 1.2, abs=1e-5
    )
    assert pillow.x - bed.x == pytest.approx(-0.4 * 1.25, abs=1e-5)
    ceiling = edited({"op": "resize", "target": CEILING, "fy": 0.5})
    assert box(ceiling, CEILING).top == pytest.approx(2.6, abs=1e-5)
    window = edited({"op": "resize", "target": WINDOW, "fy": 0.8, "fz": 0.5})
    assert window.lights[3:6].tolist() == pytest.approx([0.0, 0.48, 0.35], abs=1e-5)
    assert box(window, CURTAIN).hy == pytest.approx(0.88, abs=1e-5)


def test_numbers_swap() -> None:
    before = sample_room()
    after = edited({"op": "swap", "target": NIGHTSTAND, "with": DRESSER})
    stand, dresser = box(after, NIGHTSTAND), box(after, DRESSER)
    assert (facing(after, NIGHTSTAND), facing(after, DRESSER)) == (2, 0)
    assert stand.x + stand.hx == pytest.approx(2.0, abs=1e-5) and stand.z == pytest.approx(1.7)
    assert dresser.z + dresser.hz == pytest.approx(4.4, abs=1e-5) and dresser.x == pytest.approx(0.95)
    assert moved(before, after) == {NIGHTSTAND, LAMP, DRESSER, TELEVISION}
    assert box(after, LAMP).bottom == pytest.approx(0.5) and facing(after, TELEVISION) == 0
    assert after.lights[12:15].tolist() == pytest.approx([1.8, 0.85, 1.7], abs=1e-5)
    back = edited({"op": "swap", "target": DRESSER, "with": NIGHTSTAND}, room=after)
    for name in ("centres", "halves", "lights"):
        torch.testing.assert_close(getattr(back, name), getattr(before, name), atol=1e-5, rtol=0)


def test_numbers_stack() -> None:
    after = edited({"op": "stack", "target": TELEVISION, "on": NIGHTSTAND})
    television = box(after, TELEVISION)
    assert television.bottom == pytest.approx(0.5, abs=1e-5) and facing(after, TELEVISION) == 0
    assert carried(after, NIGHTSTAND) == (LAMP, TELEVISION) and carried(after, DRESSER) == ()
    bed = edited({"op": "stack", "target": CHAIR, "on": BED})
    assert box(bed, CHAIR).bottom == pytest.approx(surface_height(bed, 0, boxes_of(bed)), abs=1e-5)
    assert CHAIR in carried(bed, BED)
    assert not [c for c in collisions(bed) if c.kind == "floating"]


# ---- changing ----


def test_numbers_recolour_and_surface() -> None:
    after = edited({"op": "recolour", "target": BED, "r": 0.25, "g": 0.5, "b": 1})
    assert after.colours[0].tolist() == [0.25, 0.5, 1.0]
    assert torch.equal(after.colours[1:], sample_room().colours[1:])
    walls = edited({"op": "surface", "surface": "walls", "r": 0.1, "g": 0.2, "b": 0.3})
    assert torch.equal(walls.surfaces[:2], sample_room().surfaces[:2])
    assert walls.surfaces[2:].tolist() == [pytest.approx([0.1, 0.2, 0.3])] * 3


def test_numbers_restyle_keeps_the_class() -> None:
    assert edited({"op": "restyle", "target": BED, "variant": 3}).rows[0] == style_row("bed", 3)
    lamp = edited({"op": "restyle", "target": LAMP, "row": 4})
    assert lamp.rows[lamp.index_of(LAMP)] == 4
    assert "look of a pillow" in sentence({"op": "restyle", "target": BED, "row": style_row("pillow", 0)})
    assert "look of a rug" in sentence({"op": "restyle", "target": BED, "row": 0})
    assert "does not exist" in sentence({"op": "restyle", "target": BED, "row": 240})
    assert "a variant or a row" in sentence({"op": "restyle", "target": BED})
    assert "a variant or a row" in sentence({"op": "restyle", "target": BED, "row": 1, "variant": 1})


def test_numbers_remove_hide_show() -> None:
    assert edited({"op": "remove", "target": BED}).ids == tuple(i for i in range(15) if i not in (0, 1, 2))
    assert len(edited({"op": "remove", "target": BED, "carry": False})) == 14
    hidden = edited({"op": "hide", "target": NIGHTSTAND})
    assert [i for i, flag in zip(hidden.ids, hidden.hidden, strict=True) if flag] == [NIGHTSTAND, LAMP]
    assert edited({"op": "show", "target": NIGHTSTAND}, room=hidden).same(sample_room())


def test_numbers_a_lock_refuses_all_but_unlock() -> None:
    room = edited({"op": "lock", "target": PILLOW})
    black = dict.fromkeys("rgb", 0)
    for example in ({"op": "hide"}, {"op": "slide", "dx": 0.1, "dz": 0.0}, {"op": "recolour", **black}):
        assert "the pillow 1 is locked: unlock it" in sentence(example | {"target": PILLOW}, room=room)
    for op in ({"op": "slide", "dx": 0.1, "dz": 0.0}, {"op": "remove"}):
        assert "would come along" in sentence(op | {"target": BED}, room=room)
        edited(op | {"target": BED, "carry": False}, room=room)
    copy = edited({"op": "clone", "target": PILLOW, "dx": 0.1}, room=room)
    assert copy.locked[1] and not copy.locked[-1]
    assert edited({"op": "unlock", "target": PILLOW}, room=room).same(sample_room())
    assert "locked and would move with its wall" in sentence(
        {"op": "room", "width": 5.0}, room=edited({"op": "lock", "target": WARDROBE})
    )


def test_numbers_clone() -> None:
    after = edited({"op": "clone", "target": NIGHTSTAND})
    assert after.ids[-2:] == (15, 16) and after.classes[-2:] == ("nightstand", "lamp")
    assert after.rows[-2:] == (3, 5) and torch.equal(after.colours[-2:], sample_room().colours[3:5])
    assert offset(after, 15, 16) == offset(after, NIGHTSTAND, LAMP).expected
    assert collisions(after) == () and len(after.select(list(range(15)))) == 15
    assert after.select(list(range(15))).same(sample_room())
    shifted = edited({"op": "clone", "target": CHAIR, "dx": 0.5, "dz": -0.25})
    assert box(shifted, 15)[:3] == pytest.approx((-0.7, 0.425, 1.45))


@pytest.mark.parametrize("name", CLASSES)
def test_numbers_add_finds_a_place(name: str) -> None:
    """In the room, looking into it, at its place by class; touching nothing wherever there is room."""
    room = sample_room(("bed", "window", "nightstand", "dresser"))
    after = edited({"op": "add", "class": name}, room=room)
    new, entry = after.ids[-1], CATALOGUE[name]
    assert after.classes[-1] == name and after.rows[-1] == style_row(name, 0) and new not in room.ids
    assert after.colours[-1].tolist() == pytest.approx(entry.colour)
    assert outside(box(after, new), room_of(after)) < 1e-4
    assert collisions(after) == ()
    size = box(after, new)[3:]
    wide, deep = (size[2], size[0]) if facing(after, new) in (1, 2) else (size[0], size[2])
    assert (2 * wide, 2 * size[1], 2 * deep) == pytest.approx(
        (entry.width, entry.height, entry.depth), abs=1e-5
    )
    assert after.select(list(range(len(room)))).same(room)


def test_numbers_add_where_asked() -> None:
    after = edited(
        {"op": "add", "class": "wardrobe", "x": -1.8, "z": 1.2, "variant": 7, "r": 1, "g": 0, "b": 0}
    )
    new = box(after, 15)
    assert facing(after, 15) == 1 and new.x - new.hx == pytest.approx(-2.0, abs=1e-5)
    assert after.rows[-1] == style_row("wardrobe", 7) and after.colours[-1].tolist() == [1, 0, 0]
    free = edited({"op": "add", "class": "wardrobe", "x": 0.0, "z": 1.2, "snap": False, "facing": 2})
    assert box(free, 15)[:3] == pytest.approx((0.0, 1.025, 1.2)) and facing(free, 15) == 2
    vase = edited({"op": "add", "class": "vase", "x": 1.77, "z": 2.0})
    assert box(vase, 15).bottom == pytest.approx(0.8, abs=1e-5)


def test_errors_add() -> None:
    assert "no nightstand or dresser" in sentence({"op": "add", "class": "lamp"}, room=sample_room(("bed",)))
    assert "no free place for a bed" in sentence({"op": "add", "class": "bed"})
    assert "choose one of bed" in sentence({"op": "add", "class": "sofa"})
    assert "send x and z" in sentence({"op": "add", "class": "plant", "x": 0.1})
    assert "send r, g and b" in sentence({"op": "add", "class": "plant", "r": 0.1})
    assert "outside the room" in sentence({"op": "add", "class": "plant", "x": 3.0, "z": 2.0})
    full = sample_room()
    for _ in range(25):
        full = edited({"op": "add", "class": "vase", "x": 0.0, "z": 1.0}, room=full)
    assert len(full) == 40
    for example in ({"op": "add", "class": "vase"}, {"op": "clone", "target": 0, "dx": 0.1}):
        assert "at most 40 fit" in sentence(example, room=full)


# ---- the view ----


@pytest.mark.parametrize(
    "change", [{"orbit": 0.2}, {"orbit": -0.3}, {"tilt": 0.15}, {"orbit": 0.1, "tilt": 0.1}]
)
def test_numbers_orbit_keeps_the_pivot_where_it_is(change: dict) -> None:
    before, after = sample_room(), edited({"op": "camera", "about": CHAIR, **change})
    point, depth = project(before.centres[9], before.camera)
    now, now_depth = project(after.centres[9], after.camera)
    torch.testing.assert_close(now, point, atol=1e-4, rtol=0)
    torch.testing.assert_close(now_depth, depth, atol=1e-4, rtol=0)
    assert not torch.equal(after.camera, before.camera)


def test_numbers_camera_directions() -> None:
    right = edited({"op": "camera", "orbit": 0.2}).camera
    assert right[0] > 0.2 and right[3] < 0  # to the right, looking left
    up = edited({"op": "camera", "tilt": 0.2}).camera
    assert up[1] > 1.5 and up[4] < -0.1  # up, looking down
    nearer = edited({"op": "camera", "dolly": 0.5, "yaw": 0.0, "pitch": 0.0}).camera
    assert nearer.tolist() == pytest.approx([0.2, 1.5, 0.0, 0.0, 0.0, 1.1], abs=1e-6)
    placed = edited(
        {"op": "camera", "x": 0.5, "y": 1.0, "z": 0.1, "yaw": 0.3, "pitch": 0.1, "fov": 0.9}
    ).camera
    assert placed.tolist() == pytest.approx([0.5, 1.0, 0.1, 0.3, 0.1, 0.9], abs=1e-6)


def test_errors_camera() -> None:
    assert "inside the wardrobe 8" in sentence({"op": "camera", "x": 1.72, "y": 1.2, "z": 3.0})
    assert "outside the room's walls" in sentence({"op": "camera", "x": 2.1})
    assert "outside the room's walls" in sentence({"op": "camera", "z": 4.5})
    assert "below the floor or above the ceiling" in sentence({"op": "camera", "y": 3.0})
    assert "x of the camera would be 6.2" in sentence({"op": "camera", "yaw": 1.57, "pitch": 0, "dolly": 6})
    assert "fov of edit 1" in sentence({"op": "camera", "fov": 3.0})
    assert "empty" in sentence({"op": "camera"})
    assert "no element 99" in sentence({"op": "camera", "orbit": 0.1, "about": 99})
    assert "inside the wardrobe 8" in sentence(
        {"op": "place", "target": 8, "x": 0.2, "z": 0.1, "snap": False}
    )
    hidden = edited({"op": "hide", "target": WARDROBE})
    edited({"op": "camera", "x": 1.72, "y": 1.2, "z": 3.0}, room=hidden)


def test_numbers_a_larger_room_takes_its_walls_furniture() -> None:
    before = sample_room()
    after = edited({"op": "room", "width": 5.0, "depth": 5.0, "height": 3.0})
    expected = {
        **dict.fromkeys((BED, 1, 2, NIGHTSTAND, LAMP, PAINTING), (0.0, 0.0, 0.6)),
        **dict.fromkeys((WINDOW, 6, 7), (-0.5, 0.0, 0.0)),
        **dict.fromkeys((WARDROBE, DRESSER, TELEVISION), (0.5, 0.0, 0.0)),
        CEILING: (0.0, 0.4, 0.0),
    }
    for number in before.ids:
        a, b = box(before, number), box(after, number)
        assert (b.x - a.x, b.y - a.y, b.z - a.z) == pytest.approx(expected.get(number, (0, 0, 0)), abs=1e-5)
        assert a[3:] == b[3:]
    assert after.room.tolist() == [5.0, 5.0, 3.0]
    assert after.lights[0] == pytest.approx(-2.355) and after.lights[14] == pytest.approx(4.8)
    back = edited({"op": "room", "width": 4.0, "depth": 4.4, "height": 2.6}, room=after)
    torch.testing.assert_close(back.centres, before.centres, atol=1e-5, rtol=0)


def test_numbers_a_smaller_room_keeps_all_inside() -> None:
    after = edited({"op": "room", "width": 3.0, "depth": 4.0}, {"op": "camera", "x": 0.0})
    assert all(outside(b, room_of(after)) < 1e-4 for b in boxes_of(after))
    assert box(after, WARDROBE).x + 0.28 == pytest.approx(1.5, abs=1e-5)
    beside = edited({"op": "camera", "x": 1.7}, {"op": "room", "width": 2.8})
    assert float(beside.camera[0]) < 1.4
    assert "would not fit" in sentence({"op": "room", "height": 2.0})
    assert "width of edit 1 is 1" in sentence({"op": "room", "width": 1})
    assert "empty" in sentence({"op": "room"})


def test_numbers_light() -> None:
    night = edited({"op": "light", "time": "night"})
    assert night.lights[:3].tolist() == pytest.approx([0.0, 2.3, 2.4]) and night.lights[6:9].tolist() == [
        0,
        0,
        0,
    ]
    assert night.lights[9:12].sum() < sample_room().lights[9:12].sum()
    day = edited({"op": "light", "time": "day"}, room=night)
    assert day.lights[:9].tolist() == pytest.approx(sample_room().lights[:9].tolist(), abs=1e-5)
    assert day.colours[5].mean() > night.colours[5].mean() + 0.5
    assert torch.equal(day.colours[6:], sample_room().colours[6:])
    strong = edited({"op": "light", "key": 2.6, "lamp": 0.0, "ambient": 0.3, "exposure": 1.25})
    assert strong.lights[9:12].tolist() == pytest.approx([2.6, 2.5, 2.4], abs=1e-5)
    assert strong.lights[15:18].tolist() == [0, 0, 0] and strong.lights[18:21].max() == pytest.approx(0.3)
    assert strong.lights[21] == 1.25
    lit = edited({"op": "light", "lamp": 0.5}, room=strong)
    assert lit.lights[15:18].tolist() == [0.5, 0.5, 0.5]
    assert "empty" in sentence({"op": "light"})
    assert "time of edit 1 is 'noon'" in sentence({"op": "light", "time": "noon"})


# ---- bad input ----

BAD = [
    ({"op": "slide", "target": 0, "dx": 5.0, "dz": 0.0}, "the bed 0 would be outside the room"),
    ({"op": "slide", "target": 0, "dx": 2.5, "dz": 0.0, "snap": False}, "reach 1.10 m outside the room"),
    ({"op": "slide", "target": 77, "dx": 0.0, "dz": 0.0}, "no element 77"),
    ({"op": "slide", "target": 0, "dx": "1", "dz": 0.0}, "dx of edit 1 must be a number"),
    ({"op": "slide", "target": 0, "dx": 0.0}, "lacks dz"),
    ({"op": "slide", "target": 0, "dx": 0.0, "dz": 0.0, "dy": 1}, "unknown key 'dy'"),
    ({"op": "slide", "target": 0, "dx": 0.0, "dz": 0.0, "snap": 1}, "true or false"),
    ({"op": "lift", "target": 0, "dy": 5.0}, "outside the room"),
    ({"op": "lift", "target": 0, "dy": -0.3}, "outside the room"),
    ({"op": "turn", "target": PAINTING, "quarters": 1}, "hangs at a wall"),
    ({"op": "turn", "target": BED, "quarters": 4}, "must lie in"),
    ({"op": "resize", "target": BED, "fx": 0.0}, "fx of edit 1 is 0.0: it must lie in"),
    ({"op": "resize", "target": BED, "hx": 0}, "hx of edit 1 is 0: it must lie in"),
    ({"op": "resize", "target": BED, "hx": -1}, "must lie in"),
    ({"op": "resize", "target": BED, "hx": 3}, "6.00 m wide, the room has 4.00 m"),
    ({"op": "resize", "target": RUG, "fy": 0.1}, "hy of the rug 10 would be 0.0008 m"),
    ({"op": "resize", "target": BED, "fx": 1.1, "hx": 1.0}, "send one of them"),
    ({"op": "resize", "target": BED}, "no new size"),
    ({"op": "swap", "target": BED, "with": PILLOW}, "one rests on the other"),
    ({"op": "swap", "target": BED, "with": BED}, "with itself"),
    ({"op": "swap", "target": BED, "with": PAINTING}, "one hangs and the other stands"),
    ({"op": "stack", "target": WINDOW, "on": BED}, "cannot stand on anything"),
    ({"op": "stack", "target": BED, "on": PILLOW}, "which rests on it"),
    ({"op": "stack", "target": BED, "on": BED}, "on itself"),
    ({"op": "stack", "target": CHAIR, "on": RUG}, "nothing can stand on the rug 10"),
    ({"op": "stack", "target": WARDROBE, "on": DRESSER}, "outside the room"),
    ({"op": "recolour", "target": BED, "r": 1.5, "g": 0, "b": 0}, "r of edit 1 is 1.5"),
    ({"op": "surface", "surface": "roof", "r": 1, "g": 0, "b": 0}, "'roof'"),
    ({"op": "fly", "target": 0}, "no known op"),
    ({"op": ["slide"]}, "no known op"),
    ({}, "no known op"),
    (7, "must be a JSON object"),
]  # fmt: skip


@pytest.mark.parametrize("bad, words", BAD, ids=lambda value: str(value)[:50])
def test_errors_are_one_sentence(bad: object, words: str) -> None:
    assert words in sentence(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"op": NaN}', "[" * 99, "[7]" * 9000])
def test_errors_of_any_text(text: str) -> None:
    with pytest.raises(EditError):
        parse_edits(text, "boxes3d")


def test_errors_not_finite() -> None:
    with pytest.raises(EditError, match="finite"):
        parse_edits({"op": "slide", "target": 0, "dx": math.nan, "dz": 0.0}, "boxes3d")


def test_errors_all_or_nothing() -> None:
    words = sentence({"op": "hide", "target": BED}, {"op": "slide", "target": 99, "dx": 0, "dz": 0})
    assert words.startswith("edit 2: there is no element 99")


def test_errors_an_edit_of_another_kind() -> None:
    with pytest.raises(EditError, match="not for a layout of kind 'boxes3d'"):
        apply_all(sample_room(), parse_edits({"op": "move", "target": 0, "dx": 0.1, "dy": 0}, "blobs"))
    with pytest.raises(EditError, match="no edits"):
        parse_edits({"op": "move"}, "voxels")
    with pytest.raises(EditError, match="not an array"):
        parse_edit([{"op": "hide", "target": 0}], "boxes3d")


# ---- properties ----


def any_edit() -> st.SearchStrategy[dict]:
    targets, metres, flags = st.sampled_from(range(15)), st.floats(-3, 3), st.booleans()

    def op(name: str, **values: st.SearchStrategy) -> st.SearchStrategy[dict]:
        return st.fixed_dictionaries({"op": st.just(name), "target": targets, **values})

    return st.one_of(
        op("slide", dx=metres, dz=metres, snap=flags, carry=flags),
        op("place", x=metres, z=st.floats(0, 4), snap=flags, carry=flags),
        op("place", x=metres, z=st.floats(0, 4), y=st.floats(0, 2.6), facing=st.integers(0, 3)),
        op("turn", quarters=st.integers(-3, 3), carry=flags),
        op("resize", fx=st.floats(0.5, 2), fy=st.floats(0.5, 2), fz=st.floats(0.5, 2), carry=flags),
        op("swap", **{"with": targets}),
        op("stack", on=targets),
        op("clone"),
        op("lift", dy=st.floats(-1, 1)),
        st.fixed_dictionaries({"op": st.just("add"), "class": st.sampled_from(CLASSES)}),
        st.fixed_dictionaries({"op": st.just("room"), "width": st.floats(3, 6), "depth": st.floats(3, 6)}),
        st.fixed_dictionaries({"op": st.just("camera"), "orbit": st.floats(-0.4, 0.4), "dolly": metres}),
    )


@settings(max_examples=80)
@given(st.lists(any_edit(), min_size=1, max_size=4))
def test_numbers_whatever_is_done_the_room_stays_whole(edits: list[dict]) -> None:
    """Each edit is done or refused; after it all boxes lie in the room, numbers are sane, the camera is
    free."""
    layout = sample_room()
    for edit in edits:
        try:
            layout = edited(edit, room=layout)
        except EditError:
            continue
        assert len(set(layout.ids)) == len(layout) <= 40
        for field in fields(layout):
            value = getattr(layout, field.name)
            if isinstance(value, torch.Tensor):
                assert value.dtype == torch.float32 and bool(torch.isfinite(value).all()), field.name
            elif field.name != "kind":
                assert len(value) == len(layout)
        assert all(outside(b, room_of(layout)) < 0.021 for b in boxes_of(layout))
        x, y, z = layout.camera[:3].tolist()
        assert not any(b.holds(x, y, z) for b in boxes_of(layout))
        hung = [i for i, name in enumerate(layout.classes) if PLACEMENT[name] == "hung"]
        assert all(layout.facings[i] in range(4) for i in hung)


@settings(max_examples=40)
@given(st.sampled_from([BED, NIGHTSTAND, CHAIR, DRESSER]), st.floats(-0.3, 0.3), st.floats(-0.3, 0.0))
def test_numbers_slide_then_slide_back(target: int, dx: float, dz: float) -> None:
    there = {"op": "slide", "target": target, "dx": dx, "dz": dz, "snap": False}
    try:
        after = edited(there)
    except EditError:
        return
    back = edited(there | {"dx": -dx, "dz": -dz}, room=after)
    torch.testing.assert_close(back.centres, sample_room().centres, atol=1e-5, rtol=0)
    assert carried(after, target) == carried(sample_room(), target)


def test_numbers_row_classes_are_those_of_the_rooms() -> None:
    box_truth = pytest.importorskip("spatial_edit.metrics.box_truth", reason="needs the truth about boxes")
    assert box_truth.SLOT_CLASSES == SCENE_ROW_CLASSES
    for name in CLASSES:
        for variant in (0, STYLES - 1):
            assert class_of_row(style_row(name, variant)) == name
    assert len(SCENE_ROW_CLASSES) == SCENE_ROWS and set(CATALOGUE) == set(CLASSES)
