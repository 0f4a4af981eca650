"""Boxes of true rooms: their parts are the renderer's primitives, their rays meet what the renderer's meet;
vectors and snapping give them back."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.data.rooms import vocabulary
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import FIELD
from spatial_edit.generators.box3d.maps import FEATURES, draw_maps
from spatial_edit.generators.box3d.parts import MAX_PARTS, BoxBatch, Parts, expand
from spatial_edit.generators.box3d.rays import SHELL, cast
from spatial_edit.generators.box3d.snap import snap
from spatial_edit.generators.box3d.vector import LENGTH, pack, unpack
from spatial_edit.metrics.box_rooms import part_rows
from spatial_edit.metrics.box_truth import box_truth

SIDE = 48


@pytest.fixture(scope="module")
def rooms() -> Rooms:
    return sample_rooms(16, 4_200_000)


@pytest.fixture(scope="module")
def truth(rooms: Rooms) -> BoxBatch:
    return box_truth(rooms)


def of_room(parts: Parts, index: int) -> Parts:
    return Parts(*(values[index : index + 1] for values in parts))


def test_numbers_parts_are_the_renderers_primitives(rooms: Rooms, truth: BoxBatch) -> None:
    parts, rows = expand(truth), torch.tensor(part_rows(rooms[0]))
    assert parts.exists.sum() == rooms.present().sum() > 200
    pattern = [FIELD["tp0"], FIELD["tp1"], FIELD["tp2"]]
    for i in range(len(rooms)):
        there = parts.exists[i]
        table = rooms.table[i, rows[parts.owner[i, there], parts.types[i, there] % MAX_PARTS]]
        colour, second = table[:, vocabulary.COLOUR], table[:, vocabulary.SECOND_COLOUR]
        exact = {
            "centres": table[:, vocabulary.CENTRE],
            "halves": table[:, vocabulary.HALF].clamp(min=1e-3),
            "colours": colour.clamp(0, 1),
            "seconds": second.clamp(0, 1),
            "patterns": table[:, pattern],
            "textures": table[:, FIELD["tex"]],
            "shapes": table[:, FIELD["kind"]],
            "tapers": table[:, FIELD["taper"]],
            "bevels": table[:, FIELD["bev"]],
            "glow": table[:, FIELD["emis"]],
        }
        for name, wanted in exact.items():
            got = getattr(parts, name)[i, there].float()
            assert (got - wanted).abs().max() < 1e-6, name


def test_numbers_rays_meet_what_the_renderers_meet(rooms: Rooms, truth: BoxBatch) -> None:
    parts, same, seen = expand(truth), 0.0, set()
    for i in range(8):
        hits = cast(truth.room[i], truth.camera[i], of_room(parts, i), SIDE, 1)
        own = torch.cat([torch.arange(SHELL), parts.owner[i] + vocabulary.SHELL])[hits.labels]
        drawn = render(rooms[i], SIDE, samples=1)
        same += float((own == drawn.instance[0]).float().mean()) / 8
        seen |= set(own.unique().tolist())
    assert same >= 0.999 and len(seen) > 15


def test_numbers_rays_have_the_renderers_depth(rooms: Rooms, truth: BoxBatch) -> None:
    parts = expand(truth)
    for i in range(3):
        depth = cast(truth.room[i], truth.camera[i], of_room(parts, i), SIDE, 1).depth
        drawn = render(rooms[i], SIDE, samples=1).depth[0]
        ratio = depth / drawn  # one is along the optical axis, the other may be along the ray
        assert ((ratio - 1).abs() < 0.5).float().mean() > 0.99
        axis = ratio[SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 - 1 : SIDE // 2 + 1]
        assert (axis - 1).abs().max() < 0.02


def test_shapes_and_numbers_maps_are_finite(truth: BoxBatch) -> None:
    _, maps = draw_maps(truth.at(slice(0, 6)), 24)
    assert maps.labels.shape == (6, 24 * 24, 4) and maps.labels.dtype == torch.uint8
    assert maps.features.shape == (6, FEATURES, 24, 24) and maps.features.isfinite().all()
    assert maps.features.abs().max() < 20
    assert (maps.features.flatten(2).std(-1).amax(0) > 0).all()  # every one of them tells something


def test_numbers_patterns_of_every_texture_are_finite(truth: BoxBatch) -> None:
    room = truth.at(0)
    for kind in vocabulary.Texture:
        background = room.background.clone()
        background[:, 0::6] = float(kind)
        for first in (0.0, 0.3, 11.0):
            background[:, 2::6] = first
            _, maps = draw_maps(room._replace(background=background), 12, 1)
            assert maps.features.isfinite().all(), (kind, first)


def test_numbers_vectors_round_trip(truth: BoxBatch) -> None:
    vectors, mask = pack(truth)
    assert vectors.shape == mask.shape == (len(truth.room), LENGTH)
    back = unpack(vectors)
    for name, before, after in zip(BoxBatch._fields, truth, back, strict=True):
        if before.shape[:2] == truth.exists.shape:
            before, after = before[truth.exists], after[truth.exists]
        assert (before.float() - after.float()).abs().max() < 1e-5, name
    again, mask_again = pack(back)
    assert torch.equal(mask, mask_again) and ((vectors - again) * mask).abs().max() < 1e-5


def test_numbers_snapping_leaves_true_rooms_nearly_alone(truth: BoxBatch) -> None:
    snapped = snap(truth)
    lost = (truth.exists & ~snapped.exists).sum()
    both = truth.exists & snapped.exists
    far = ((truth.centres - snapped.centres).abs().amax(-1) > 0.06)[both]
    assert lost <= 0.01 * truth.exists.sum() and far.float().mean() < 0.03
    assert not (snapped.exists & ~truth.exists).any()
    assert torch.equal(truth.facings[both], snapped.facings[both])


def test_numbers_snapping_twice_is_snapping_once(truth: BoxBatch) -> None:
    shifted = truth._replace(centres=truth.centres + 0.2 * torch.sin(torch.arange(3.0) + 1))
    for batch in (truth, shifted):
        once = snap(batch)
        twice = snap(once)
        assert torch.equal(once.exists, twice.exists)
        moved = (once.centres - twice.centres)[once.exists].abs().amax(-1)
        assert (moved > 1e-4).float().mean() < 0.02


def test_gradients_reach_boxes_and_colours(truth: BoxBatch) -> None:
    room = truth.at(0)
    centres, colours = room.centres.clone().requires_grad_(), room.colours.clone().requires_grad_()
    parts = expand(room._replace(centres=centres, colours=colours))
    (parts.centres[parts.exists].sum() + parts.colours[parts.exists].sum()).backward()
    there = room.exists[0]
    assert centres.grad is not None and (centres.grad[0, there] >= 1).all()
    assert colours.grad is not None and (colours.grad[0, there].abs().sum(-1) > 0).all()
