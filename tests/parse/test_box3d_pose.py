"""The vector that the geometry search moves: round trip, and what stays in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D
from spatial_edit.parse.box3d_pose import FIRST, Pose


@pytest.fixture(scope="module")
def generator() -> Box3DGenerator:
    return Box3DGenerator.tiny()


def boxes(layout: object) -> Boxes3D:
    assert isinstance(layout, Boxes3D)
    return layout


def test_the_start_is_the_scene(generator: Box3DGenerator) -> None:
    scene = generator.sample(4)
    pose = Pose(generator, scene)
    back, layout = boxes(pose.scene_at(pose.start).layout), boxes(scene.layout)
    for name in ("room", "camera", "centres", "halves", "lights"):
        assert torch.allclose(getattr(back, name), getattr(layout, name), atol=1e-5), name
    assert (back.classes, back.ids, back.rows) == (layout.classes, layout.ids, layout.rows)


def test_what_is_at_a_wall_stays_there_when_the_room_grows(generator: Box3DGenerator) -> None:
    pose = Pose(generator, generator.sample(4))
    vector = pose.start.clone()
    vector[:3] += 0.2
    before, after = pose.layout, boxes(pose.scene_at(vector).layout)
    bound = 0
    for k, facing in enumerate(before.facings):
        if before.classes[k] not in ("bed", "wardrobe", "window", "painting", "nightstand"):
            continue
        axis, wall = (2, 1) if facing == 0 else (0, 0)
        size = (1.0 if facing == 0 else 0.5) * torch.stack([before.room[wall], after.room[wall]])
        gaps = [
            s - layout.centres[k, axis].abs() - layout.halves[k, axis]
            for s, layout in zip(size, (before, after), strict=True)
        ]
        assert abs(float(gaps[0] - gaps[1])) < 1e-4, before.classes[k]
        bound += 1
    assert bound >= 3


def test_what_stands_on_something_goes_with_it(generator: Box3DGenerator) -> None:
    pose = Pose(generator, generator.sample(4))
    names = list(pose.layout.classes)
    lamp, table = names.index("lamp"), names.index("nightstand")
    vector = pose.start.clone()
    vector[FIRST + 6 * table] += 0.1
    vector[FIRST + 6 * table + 4] += 0.3  # higher
    after = boxes(pose.scene_at(vector).layout)
    foot = after.centres[lamp, 1] - after.halves[lamp, 1]
    top = after.centres[table, 1] + after.halves[table, 1]
    shift = after.centres - pose.layout.centres
    assert float(foot) == pytest.approx(float(top), abs=1e-3)
    assert float(shift[lamp, 0]) == pytest.approx(float(shift[table, 0]), abs=1e-5)
    assert abs(float(shift[table, 0])) > 0.05


def test_the_light_goes_with_the_window(generator: Box3DGenerator) -> None:
    pose = Pose(generator, generator.sample(4))
    window = pose.layout.classes.index("window")
    vector = pose.start.clone()
    vector[FIRST + 6 * window + 1] += 0.2
    after = boxes(pose.scene_at(vector).layout)
    assert float(after.lights[1] - pose.layout.lights[1]) == pytest.approx(0.2, abs=1e-5)


def test_an_empty_room_has_a_pose(generator: Box3DGenerator) -> None:
    scene = generator.sample(4)
    scene = replace(scene, layout=scene.layout.select([]))
    pose = Pose(generator, scene)
    assert pose.scene_at(pose.start) is scene


def test_blobs_are_refused(generator: Box3DGenerator) -> None:
    with pytest.raises(ValueError, match="rooms of boxes"):
        Pose(generator, BlobGenerator.tiny().sample(0))
