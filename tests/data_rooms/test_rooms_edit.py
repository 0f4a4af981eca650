"""Counterfactual rooms: an edit changes what it should and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spatial_edit.data.rooms import GROUPS, INSTANCE_ID, Render, Rooms, edit, render, sample_rooms
from spatial_edit.data.rooms.vocabulary import COLOUR, FIELD, SHELL


@pytest.fixture(scope="module")
def rooms() -> Rooms:
    return sample_rooms(12, 3)


@pytest.fixture(scope="module")
def before(rooms: Rooms) -> Render:
    return render(rooms, 32, amodal=True)


def footprint(drawn: Render, name: str) -> Tensor:
    """(B, 32, 32) bool: where any ray meets the object or what belongs to it."""
    assert drawn.amodal is not None
    return (drawn.amodal[:, [INSTANCE_ID[n] for n in (name, *GROUPS.get(name, ()))]] > 0).any(1)


@pytest.mark.parametrize("name", ["bed", "window", "dresser", "plant", "nightstand_l", "rug"])
def test_move_changes_labels_in_the_footprints_alone(rooms: Rooms, before: Render, name: str) -> None:
    after = render(edit(rooms, "all", name, dx=0.25, dz=-0.1), 32, amodal=True)
    outside = ~(footprint(before, name) | footprint(after, name))
    has = rooms.has(name)
    assert torch.equal(after.instance[outside], before.instance[outside])
    assert torch.equal(after.depth[outside], before.depth[outside])
    assert torch.equal(after.rgb[~has], before.rgb[~has])
    assert not torch.equal(after.instance[has], before.instance[has])

    difference = (after.rgb.int() - before.rgb.int()).abs().amax(1)  # (B, 32, 32)
    assert difference[outside].float().mean() < 3  # soft shadows and dimmed corners only
    assert difference[~outside].float().mean() > 3 * difference[outside].float().mean()


@pytest.mark.parametrize("change", [{"dx": 0.3}, {"dz": -0.3}, {"remove": True}])
def test_without_shadows_pixels_outside_are_the_same(rooms: Rooms, change: dict) -> None:
    before, after = (
        render(each, 32, shadows=False, occlusion=False, amodal=True)
        for each in (rooms, edit(rooms, "all", "bed", **change))
    )
    outside = ~(footprint(before, "bed") | footprint(after, "bed"))
    assert outside.float().mean() > 0.3
    pixels = outside[:, None].expand_as(before.rgb)
    assert torch.equal(after.rgb[pixels], before.rgb[pixels])


def test_move_is_in_metres_and_takes_the_group_along(rooms: Rooms) -> None:
    moved = edit(rooms, "all", "bed", dx=0.25, dz=-0.5)
    shift = moved.table - rooms.table
    slots = torch.tensor([n in {INSTANCE_ID[x] for x in ("bed", *GROUPS["bed"])} for n in rooms.instances])
    goes = rooms.present() & slots
    assert torch.allclose(shift[:, SHELL:][goes][:, 0], torch.tensor(0.25), atol=1e-6)
    assert torch.allclose(shift[:, SHELL:][goes][:, 2], torch.tensor(-0.5), atol=1e-6)
    assert (shift[:, SHELL:][~goes] == 0).all() and (shift[:, :SHELL] == 0).all()
    assert (shift[..., 3:] == 0).all()


def test_move_there_and_back(rooms: Rooms, before: Render) -> None:
    back = edit(edit(rooms, "all", "bed", dx=0.5), "all", "bed", dx=-0.5)
    assert torch.allclose(back.table, rooms.table, atol=1e-6)
    assert (render(back, 32).instance == before.instance).float().mean() > 0.999


def test_moved_towards_the_camera_is_nearer_and_larger(rooms: Rooms, before: Render) -> None:
    after = render(edit(rooms, "all", "bed", dz=-0.3), 32, amodal=True)
    bed = INSTANCE_ID["bed"]
    assert before.distance is not None and after.distance is not None
    box = before.amodal_boxes[:, bed]  # a bed that the picture cuts shows another end of itself when it moves
    facing = (rooms.yaw.abs() < 0.6) & (box[:, 0] > 0) & (box[:, 2:] < 1).all(1)
    assert facing.any()
    assert (after.distance[:, bed] < before.distance[:, bed])[facing].all()
    assert (after.amodal_areas[:, bed] > before.amodal_areas[:, bed])[facing].all()


def test_one_room_alone(rooms: Rooms) -> None:
    moved = edit(rooms, 2, "bed", dx=0.1)
    changed = (moved.table != rooms.table).any(-1).any(-1)
    assert changed.tolist() == [i == 2 for i in range(len(rooms))]


def test_edit_leaves_its_input_alone(rooms: Rooms) -> None:
    copy = rooms.table.clone()
    edit(rooms, "all", "bed", dx=1.0, recolour=(1, 0, 0))
    edit(rooms, "all", "bed", remove=True)
    assert torch.equal(rooms.table, copy)


def test_remove(rooms: Rooms, before: Render) -> None:
    without = edit(rooms, "all", "window", remove=True)
    after = render(without, 32, amodal=True)
    assert after.amodal is not None and after.distance is not None
    for name in ("window", "curtain_l", "curtain_r"):
        assert not without.has(name).any()
        assert float(after.amodal[:, INSTANCE_ID[name]].max()) == 0
        assert torch.isinf(after.distance[:, INSTANCE_ID[name]]).all()
    outside = ~footprint(before, "window")
    assert torch.equal(after.instance[outside], before.instance[outside])
    assert torch.equal(without.key_position, rooms.key_position)


def test_recolour_changes_the_object_alone(rooms: Rooms, before: Render) -> None:
    dyed = edit(rooms, "all", "bed", recolour=(0.9, 0.1, 0.1))
    after = render(dyed, 32)
    assert torch.equal(after.instance, before.instance)
    assert torch.equal(after.depth, before.depth)
    assert before.amodal is not None
    elsewhere = (before.amodal[:, INSTANCE_ID["bed"]] == 0)[:, None].expand_as(before.rgb)
    assert torch.equal(after.rgb[elsewhere], before.rgb[elsewhere])
    red, green = (after.rgb[:, i][before.visible[:, INSTANCE_ID["bed"]]].float().mean() for i in (0, 1))
    assert red > 1.8 * green
    slots = [SHELL + slot for slot, n in enumerate(rooms.instances) if n == INSTANCE_ID["bed"]]
    parts = dyed.table[:, slots, COLOUR]
    assert (parts[..., 0] > parts[..., 1]).all() and parts.max() <= 1
    pillow = SHELL + rooms.instances.index(INSTANCE_ID["pillow_l"])
    assert torch.equal(dyed.table[:, pillow], rooms.table[:, pillow])


def test_recolour_of_a_wall_is_exact(rooms: Rooms) -> None:
    dyed = edit(rooms, "all", "wall_back", recolour=(0.2, 0.3, 0.8))
    wall = dyed.table[:, INSTANCE_ID["wall_back"], COLOUR]
    assert torch.allclose(wall, torch.tensor([0.2, 0.3, 0.8]).expand(len(rooms), 3))
    rest = torch.arange(rooms.table.shape[1]) != INSTANCE_ID["wall_back"]
    assert torch.equal(dyed.table[:, rest], rooms.table[:, rest])


def test_lamp_goes_with_its_nightstand_when_asked(rooms: Rooms) -> None:
    both = rooms.has("nightstand_l") & rooms.has("lamp_l")
    index = int(both.nonzero()[0])
    slot = SHELL + rooms.instances.index(INSTANCE_ID["lamp_l"])
    stays, goes = (edit(rooms, index, "nightstand_l", dx=0.2, with_lamp=flag) for flag in (False, True))
    x = FIELD["cx"]
    assert stays.table[index, slot, x] == rooms.table[index, slot, x]
    assert float(goes.table[index, slot, x] - rooms.table[index, slot, x]) == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"index": "all", "object": "sofa"}, "no object 'sofa'"),
        ({"index": 99, "object": "bed"}, "no room 99"),
        ({"index": -1, "object": "bed"}, "no room -1"),
        ({"index": "some", "object": "bed"}, "no room 'some'"),
        ({"index": 0, "object": "bed", "dx": float("nan")}, "finite"),
        ({"index": 0, "object": "floor", "dx": 0.1}, "can only be recoloured"),
        ({"index": 0, "object": "wall_left", "remove": True}, "can only be recoloured"),
        ({"index": 0, "object": "bed", "recolour": (0.1, 0.2)}, "red, green and blue"),
        ({"index": 0, "object": "bed", "recolour": (0.1, 0.2, 1.2)}, "between 0 and 1"),
        ({"index": 0, "object": "bed", "recolour": (0.1, 0.2, float("nan"))}, "between 0 and 1"),
    ],
)
def test_errors(rooms: Rooms, arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        edit(rooms, **arguments)


def test_errors_object_is_not_in_the_room(rooms: Rooms) -> None:
    missing = int((~rooms.has("pouf")).nonzero()[0])
    with pytest.raises(ValueError, match=f"room {missing} has no pouf"):
        edit(rooms, missing, "pouf", dx=0.1)
    gone = edit(rooms, "all", "bed", remove=True)
    with pytest.raises(ValueError, match="none of these 12 rooms has a bed"):
        edit(gone, "all", "bed", dx=0.1)
