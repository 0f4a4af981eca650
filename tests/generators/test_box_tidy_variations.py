"""Tidy furniture, and rooms that keep a part of another room."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.generators.box3d.parts import EXTENT, MAX_PARTS, PART_WIDTH, PLACE
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.box3d.segments import segments
from spatial_edit.generators.box3d.tidy import tidy
from spatial_edit.generators.box3d.variations import blend, fill, rehouse, restyle, slots_of
from spatial_edit.generators.box3d.vector import SLOT_NAMES
from spatial_edit.layouts import Blobs, Boxes3D, Scene
from spatial_edit.metrics.box_truth import box_truth

BED = SLOT_NAMES.index("bed")


@pytest.fixture(scope="module")
def generator() -> Box3DGenerator:
    return Box3DGenerator.tiny()


def test_real_furniture_stays_as_it_is() -> None:
    """Numbers: every row of 128 rooms within 1e-4."""
    boxes = box_truth(sample_rooms(128, 5))
    change = (tidy(boxes).rows - boxes.rows).abs() * boxes.exists[..., None]
    assert float(change.max()) < 1e-4


def test_a_bed_that_fell_apart_is_put_together() -> None:
    """Numbers: noisy parts fill their box again, and the duvet's top lies 5 cm over the mattress's."""
    boxes = box_truth(sample_rooms(64, 6))
    rows = boxes.rows.clone().unflatten(-1, (MAX_PARTS, PART_WIDTH))
    noise = torch.randn(rows[..., PLACE].shape, generator=torch.Generator().manual_seed(1)) * 0.08
    rows[..., PLACE] += noise
    parts = tidy(boxes._replace(rows=rows.flatten(-2))).rows[:, BED].unflatten(-1, (MAX_PARTS, PART_WIDTH))
    low, high = parts[..., PLACE] - parts[..., EXTENT], parts[..., PLACE] + parts[..., EXTENT]
    there = parts[..., :1] > 0.5
    assert torch.allclose(torch.where(there, low, 9.0).amin(1), torch.tensor(-1.0), atol=1e-4)
    assert torch.allclose(torch.where(there, high, -9.0).amax(1), torch.tensor(1.0), atol=1e-4)
    over = (high[:, 2, 1] - high[:, 1, 1]) * boxes.halves[:, BED, 1]
    assert float((over - 0.05).abs().max()) < 0.02  # the box was stretched by what the noise took


def test_fill_keeps_what_is_kept(generator: Box3DGenerator) -> None:
    """Determinism: kept elements, room and camera bit for bit; the same seed gives the same furniture."""
    scene = generator.sample(3)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    kept = [layout.ids[1], layout.ids[3]]
    filled = fill(generator, scene, kept, 9)
    assert isinstance(filled.layout, Boxes3D) and filled.latent.same(scene.latent)
    part = filled.layout.select([filled.layout.index_of(number) for number in kept])
    assert part.same(layout.select([1, 3]))
    assert len(filled.layout) > 2 and len(set(filled.layout.ids)) == len(filled.layout)
    assert fill(generator, scene, kept, 9).layout.same(filled.layout)
    assert not fill(generator, scene, kept, 10).layout.same(filled.layout)
    generator.render(filled)


def test_restyle_keeps_the_places(generator: Box3DGenerator) -> None:
    """Numbers: boxes and camera stay, colours change, a locked element keeps its colour."""
    scene = generator.sample(3)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    locked = replace(layout, locked=(True,) + (False,) * (len(layout) - 1))
    styled = restyle(generator, replace(scene, layout=locked), 9)
    assert isinstance(styled.layout, Boxes3D)
    assert torch.equal(styled.layout.centres, layout.centres) and torch.equal(
        styled.layout.camera, layout.camera
    )
    assert torch.equal(styled.layout.colours[0], layout.colours[0])
    assert not torch.equal(styled.layout.colours[1:], layout.colours[1:])
    assert styled.latent.seed == 9
    generator.render(styled)


def test_rehouse_keeps_the_colours(generator: Box3DGenerator) -> None:
    """Numbers: colours and surfaces stay where the furniture stays, places change."""
    scene = generator.sample(3)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    moved = rehouse(generator, scene, 9).layout
    assert isinstance(moved, Boxes3D)
    bed, other = layout.classes.index("bed"), moved.classes.index("bed")
    assert torch.allclose(moved.colours[other], layout.colours[bed], atol=1e-5)
    assert torch.allclose(moved.surfaces, layout.surfaces, atol=1e-5)
    assert not torch.equal(moved.centres[other], layout.centres[bed])


def test_blend_goes_from_seed_to_seed(generator: Box3DGenerator) -> None:
    """Numbers, errors: the ends are the seeds' own rooms, halfway is neither, other shares are refused."""
    assert blend(generator, 3, 4, 0.0).layout.same(generator.sample(3).layout)
    assert blend(generator, 3, 4, 1.0).layout.same(generator.sample(4).layout)
    middle = blend(generator, 3, 4, 0.5).layout
    assert not middle.same(generator.sample(3).layout) and not middle.same(generator.sample(4).layout)
    with pytest.raises(ValueError, match="share"):
        blend(generator, 3, 4, 1.5)


def test_variations_want_a_room(generator: Box3DGenerator) -> None:
    """Errors: blobs, and an element that is not there."""
    scene = generator.sample(3)
    empty = torch.zeros(0)
    blobs = Blobs(empty.reshape(0, 2), empty, empty, empty, ids=(), rows=())
    with pytest.raises(ValueError, match="no boxes in a room"):
        restyle(generator, replace(scene, layout=blobs), 1)
    with pytest.raises(ValueError, match="no element 99"):
        fill(generator, scene, [99], 1)


def test_clones_find_no_second_slot(generator: Box3DGenerator) -> None:
    """Numbers: of three beds one has a slot; each slot is given once."""
    scene = generator.sample(3)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    bed = layout.classes.index("bed")
    three = layout.select([bed, bed, bed, 0])
    batch, slots = slots_of(three, scene.latent.rows, scene.latent.background)
    assert slots.count(-1) == 2 and slots.count(BED) == 1
    assert int(batch.exists.sum()) == 2


def test_segments_cover_the_picture(generator: Box3DGenerator) -> None:
    """Shapes, numbers: masks and surfaces sum to 1; hidden elements have none; errors for a bad size."""
    scene = generator.sample(3)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    hidden = replace(scene, layout=replace(layout, hidden=(False, True) + (False,) * (len(layout) - 2)))
    found = segments(generator, hidden, 24)
    assert found.masks.shape == (len(layout), 24, 24) and found.surfaces.shape == (5, 24, 24)
    assert torch.allclose(found.masks.sum(0) + found.surfaces.sum(0), torch.ones(24, 24))
    assert float(found.masks[1].max()) == 0.0 and float(found.depths[1]) == float("inf")
    assert float(segments(generator, scene, 24).masks[1].max()) > 0.5
    with pytest.raises(ValueError, match="resolution"):
        segments(generator, Scene(scene.model, scene.weights, layout, scene.latent), 0)
