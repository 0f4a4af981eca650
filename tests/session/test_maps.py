"""Maps of a scene: opacities and depth, of blobs and of boxes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.session.maps import depth_map, opacity_map
from tests.session.fake_generator import FakeGenerator

SIDE = 48


@pytest.fixture(scope="module")
def blobs() -> tuple[BlobGenerator, Scene]:
    generator = BlobGenerator.tiny()
    layout = Blobs(
        centres=torch.tensor([[0.3, 0.5], [0.7, 0.5]]),
        sizes=torch.tensor([0.2, 0.2]),
        aspects=torch.ones(2),
        angles=torch.zeros(2),
        ids=(4, 9),
        rows=(0, 1),
    )
    return generator, replace(generator.sample(0), layout=layout)


def test_opacity_of_one_blob_is_high_within_it_and_low_elsewhere(blobs: tuple[BlobGenerator, Scene]) -> None:
    generator, scene = blobs
    one = opacity_map(generator, scene, SIDE, 9)
    assert one.shape == (SIDE, SIDE) and 0 <= one.min() and one.max() <= 1
    middle, left, right = SIDE // 2, round(0.3 * SIDE), round(0.7 * SIDE)
    assert one[middle, right] > one[middle, left] + 0.4
    both = opacity_map(generator, scene, SIDE)
    other = opacity_map(generator, scene, SIDE, 4)
    assert torch.allclose(both, 1 - (1 - one) * (1 - other), atol=1e-6)


def test_a_hidden_blob_covers_nothing_and_an_absent_one_is_refused(
    blobs: tuple[BlobGenerator, Scene],
) -> None:
    generator, scene = blobs
    hidden = replace(scene, layout=replace(scene.layout, hidden=(False, True)))
    assert opacity_map(generator, hidden, SIDE, 9).max() == 0
    none = replace(scene, layout=replace(scene.layout, hidden=(True, True)))
    assert opacity_map(generator, none, SIDE).max() == 0 and depth_map(generator, none, SIDE).max() == 0
    with pytest.raises(ValueError, match="no element 5"):
        opacity_map(generator, scene, SIDE, 5)


def test_depth_of_blobs_is_their_order(blobs: tuple[BlobGenerator, Scene]) -> None:
    generator, scene = blobs
    depth = depth_map(generator, scene, SIDE)
    middle = SIDE // 2
    far, near = (opacity_map(generator, scene, SIDE, number) for number in (4, 9))
    assert torch.allclose(depth, near + (1 - near) * far * 0.5, atol=1e-6)
    swapped = replace(scene, layout=scene.layout.select([1, 0]))  # type: ignore[attr-defined]
    right = round(0.7 * SIDE)
    assert depth[middle, right] > depth_map(generator, swapped, SIDE)[middle, right] + 0.2


def test_rooms_have_metres_and_masks() -> None:
    generator = Box3DGenerator.tiny()
    scene = generator.sample(2)
    depth = depth_map(generator, scene, SIDE)
    room, camera = scene.layout.room, scene.layout.camera  # type: ignore[attr-defined]
    assert depth.shape == (SIDE, SIDE) and depth.min() > 0.05
    assert depth.max() < float(room.norm()) + float(camera[:3].norm())
    every = opacity_map(generator, scene, SIDE)
    assert 0 < every.mean() < 1 and every.max() <= 1
    numbers = scene.layout.ids  # type: ignore[attr-defined]
    parts = torch.stack([opacity_map(generator, scene, SIDE, number) for number in numbers])
    assert torch.allclose(parts.sum(0), every, atol=1e-5)


def test_a_model_without_maps_says_so() -> None:
    generator = FakeGenerator()
    scene = generator.sample(0)
    with pytest.raises(ValueError, match="no opacities"):
        opacity_map(generator, scene, SIDE)
    with pytest.raises(ValueError, match="no opacities"):
        depth_map(generator, scene, SIDE)
