"""Rooms as layouts and back, masks, steps: what the measures of models of boxes rest on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from spatial_edit.data.rooms import INSTANCE, edit
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.box3d.vector import SLOT_NAMES
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import PLACEMENT
from spatial_edit.layouts.collisions import collisions
from spatial_edit.layouts.perspective import project
from spatial_edit.metrics.box_masks import footprint, group_of, outside_both, owners, share
from spatial_edit.metrics.box_rooms import TrueRoom, draw_rooms, for_judge, furnished, judged_side, true_rooms
from spatial_edit.metrics.box_steps import Mover, shift_in_plane
from spatial_edit.metrics.box_views import ORBIT, errors, measure_views, orbit, shading
from spatial_edit.metrics.co_move import DISTANCE

SIDE = 32


@pytest.fixture(scope="module")
def tiny() -> Box3DGenerator:
    return Box3DGenerator.tiny()


@pytest.fixture(scope="module")
def true(tiny: Box3DGenerator) -> list[TrueRoom]:
    return true_rooms(tiny, sample_rooms(6, 4_300_000))


def layout_of(room: TrueRoom) -> Boxes3D:
    assert isinstance(room.scene.layout, Boxes3D)
    return room.scene.layout


def test_numbers_an_unedited_layout_is_the_room_itself(true: list[TrueRoom]) -> None:
    for room in true:
        again = furnished(room, layout_of(room))
        assert torch.equal(again.present(), room.room.present())
        difference = (draw_rooms([again], SIDE) - draw_rooms([room.room], SIDE)).abs()
        assert difference.max() < 0.02 and difference.mean() < 1e-4


def test_numbers_an_edited_layout_is_the_counterfactual(true: list[TrueRoom]) -> None:
    """The same move and removal as `data.rooms.counterfactual` makes."""
    for room in true[:4]:
        layout = layout_of(room)
        index = layout.classes.index("bed")
        moving = [
            i for i, row in enumerate(layout.rows) if SLOT_NAMES[row] in ("bed", "pillow_l", "pillow_r")
        ]
        moving += [i for i, row in enumerate(layout.rows) if SLOT_NAMES[row] == "cushion"]
        assert set(group_of(layout, index)) == set(moving)
        centres = layout.centres.clone()
        centres[moving] += torch.tensor([0.3, 0.0, -0.2])
        changed = (
            (replace(layout, centres=centres), {"dx": 0.3, "dz": -0.2}),
            (layout.select([i for i in range(len(layout)) if i not in moving]), {"remove": True}),
        )
        for edited, options in changed:
            ours = draw_rooms([furnished(room, edited)], SIDE)
            theirs = draw_rooms([edit(room.room, 0, "bed", **options)], SIDE)  # type: ignore[arg-type]
            assert (ours - theirs).abs().max() < 0.02
            assert (ours - draw_rooms([room.room], SIDE)).abs().mean() > 0.01


def test_numbers_hidden_things_and_colours(true: list[TrueRoom]) -> None:
    room = true[0]
    layout = layout_of(room)
    hidden = furnished(room, replace(layout, hidden=(True,) * len(layout)))
    assert not hidden.present().any()
    colours = torch.full_like(layout.colours, 0.1)
    dark = draw_rooms([furnished(room, replace(layout, colours=colours))], SIDE)
    assert dark.mean() < draw_rooms([room.room], SIDE).mean() - 0.02


def test_errors_layouts_that_a_room_cannot_draw(true: list[TrueRoom]) -> None:
    layout = layout_of(true[0])
    for rows in ((0,) * len(layout), tuple(range(100, 100 + len(layout)))):
        with pytest.raises(ValueError, match="once"):
            furnished(true[0], replace(layout, rows=rows))


def test_numbers_masks_are_the_renderers(tiny: Box3DGenerator, true: list[TrueRoom]) -> None:
    for room in true[:3]:
        layout = layout_of(room)
        owner = owners(tiny, room.scene, SIDE)
        assert owner.shape == (SIDE, SIDE, 4)
        drawn = render(room.room, SIDE, amodal=True)
        assert drawn.amodal is not None
        for index, row in enumerate(layout.rows):
            number = INSTANCE.index(SLOT_NAMES[row])
            seen = (drawn.instance[0] == number).float()
            assert (share(owner, [index]) - seen).abs().mean() < 0.02
            alone = footprint(tiny, room.scene, [index], SIDE)
            assert (alone.float() - (drawn.amodal[0, number] > 0.1).float()).abs().mean() < 0.005
        outside = outside_both(tiny, room.scene, room.scene, [0], SIDE)
        assert not (outside & footprint(tiny, room.scene, [0], SIDE)).any()


def test_numbers_steps_move_the_centre_by_p(true: list[TrueRoom]) -> None:
    random, hung, stood = np.random.RandomState(0), 0, 0
    for room in true:
        layout = layout_of(room)
        mover = Mover(layout)
        for index, name in enumerate(layout.classes):
            step = mover.draw(index, lambda dx, dy: True, random)
            if step is None:
                continue
            assert set(step.moving) == set(group_of(layout, index)) and step.moving[0] == index
            before, after = (project(x.centres[index], layout.camera)[0] for x in (layout, step.layout))
            assert torch.allclose(after - before, torch.tensor([step.dx, step.dy]), atol=1e-4)
            assert DISTANCE[0] - 1e-3 < math.hypot(step.dx, step.dy) < DISTANCE[1] + 1e-3
            shift = step.layout.centres - layout.centres
            assert (shift[list(step.moving)] - torch.tensor(step.shift)).abs().max() < 1e-5
            rest = [i for i in range(len(layout)) if i not in step.moving]
            assert torch.equal(step.layout.centres[rest], layout.centres[rest])
            if PLACEMENT[name] == "hung":
                assert min(abs(step.shift[0]), abs(step.shift[2])) < 1e-5
                hung += 1
            else:
                assert abs(step.shift[1]) < 1e-5
                stood += 1
            wrong = {(c.kind, c.first, c.second) for c in collisions(layout)}
            new = {(c.kind, c.first, c.second) for c in collisions(step.layout)} - wrong
            assert not [c for c in new if c[0] in ("within", "outside")]
    assert hung >= 5 and stood >= 10


def test_determinism_and_refusals_of_steps(true: list[TrueRoom]) -> None:
    mover = Mover(layout_of(true[0]))

    def draws(seed: int) -> list[object]:
        random = np.random.RandomState(seed)
        steps = [mover.draw(i, lambda dx, dy: True, random) for i in range(len(mover.layout))]
        return [step and step.shift for step in steps]

    assert draws(3) == draws(3) != draws(4)
    random = np.random.RandomState(0)
    assert all(mover.draw(i, lambda dx, dy: False, random) is None for i in range(len(mover.layout)))
    layout = mover.layout
    assert shift_in_plane(layout.centres[0], layout.camera, 1, 0.0, -5.0) is None  # above the horizon


def test_numbers_orbit_keeps_the_middle_where_it_is(true: list[TrueRoom]) -> None:
    turned = 0
    for room in true:
        layout = layout_of(room)
        middle = torch.tensor([0.0, 0.9, float(layout.room[1]) / 2])
        for angle in (-ORBIT, ORBIT):
            view = orbit(layout, angle)
            if view is None:
                continue
            turned += 1
            old, new = (project(middle, x.camera) for x in (layout, view))
            assert torch.allclose(old[0], new[0], atol=1e-4) and torch.allclose(old[1], new[1], atol=1e-4)
            back = orbit(view, -angle)
            assert back is not None and torch.allclose(back.camera, layout.camera, atol=1e-5)
            real = draw_rooms([furnished(room, view)], SIDE)
            assert (real - draw_rooms([room.room], SIDE)).abs().mean() > 0.02
    assert turned >= 6


def test_numbers_errors_and_what_the_judge_reads(tiny: Box3DGenerator, true: list[TrueRoom]) -> None:
    real = torch.zeros(2, 3, 8, 8)
    drawn = torch.stack([torch.full((3, 8, 8), 0.2), torch.full((3, 8, 8), -2.0)])
    (l1, psnr), (clamped, _) = errors(drawn, real)
    assert l1 == pytest.approx(0.2) and psnr == pytest.approx(20) and clamped == pytest.approx(1)
    pattern = torch.randn(1, 3, 128, 128)
    assert for_judge(pattern).shape == (1, 3, 64, 64) and judged_side(128) == 64 and judged_side(32) == 32
    assert torch.allclose(for_judge(pattern)[0, 0, 0, 0], pattern[0, 0, :2, :2].mean(), atol=1e-6)
    assert torch.equal(for_judge(pattern[..., :32, :32]), pattern[..., :32, :32])

    figures = measure_views(tiny, true[:3], 2)
    assert figures["held_out_n"] == 3 and 0 < int(figures["orbit_n"]) <= 4
    rough = shading(tiny, [room.scene for room in true[:3]])
    assert rough.shape == (3, 3, SIDE, SIDE)
    # the rough shading knows the room's colours: nearer to the picture than grey is
    picture = draw_rooms([room.room for room in true[:3]], SIDE)
    assert (rough - picture).abs().mean() < 0.7 * picture.abs().mean()
    assert figures["held_out_l1_shading"] == pytest.approx(float((rough - picture).abs().mean()), abs=1e-4)
