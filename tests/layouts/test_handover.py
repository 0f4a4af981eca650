"""Hand-over: rooms as 2-D boxes and as blobs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings

from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE
from spatial_edit.layouts.handover import to_blobs, to_boxes
from spatial_edit.layouts.perspective import box_in_picture
from tests.layouts.sample_room import any_boxes3d, sample_room

ROWS = (
    "rug",
    "bed",
    "lamp (left)",
    "lamp (right)",
    "window",
    "painting A",
    "painting B",
    "decoration A",
    "pouf",
)


def one(name: str, centre: tuple, half: tuple, **changes: object) -> Boxes3D:
    room = replace(
        sample_room((name,)).select([0]), camera=torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, math.pi / 2])
    )
    return replace(room, centres=torch.tensor([centre]), halves=torch.tensor([half]), **changes)


def test_numbers_a_box_straight_ahead() -> None:
    """Camera at height 1, 90 degrees: a face at distance 2 spans x / (2 * 2) around the middle."""
    boxes = to_boxes(one("bed", (0.5, 1.0, 3.0), (0.5, 0.4, 1.0)))
    assert boxes.boxes[0].tolist() == pytest.approx([0.5, 0.4, 0.75, 0.6, 3.0], abs=1e-6)
    assert (boxes.classes, boxes.ids) == (("bed",), (0,))
    blob = to_blobs(one("bed", (0.0, 1.0, 3.0), (0.4, 0.4, 1.0)), ROWS).layout
    assert blob.centres[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-6)
    assert float(blob.sizes[0]) == pytest.approx(math.sqrt(0.04 / math.pi), abs=1e-6)  # the area of the face
    assert float(blob.aspects[0]) == pytest.approx(1.0, abs=1e-5)


def test_numbers_behind_the_camera_and_around_it() -> None:
    assert len(to_boxes(one("bed", (0.0, 1.0, -3.0), (0.5, 0.4, 1.0))).ids) == 0
    assert len(to_boxes(one("bed", (9.0, 1.0, 1.0), (0.5, 0.4, 0.5))).ids) == 0
    rug = to_boxes(one("bed", (0.0, 0.1, 1.0), (0.5, 0.1, 2.0)))  # from behind the camera to z = 3
    assert rug.boxes[0, 1:4].tolist() == pytest.approx([0.5 + 0.5 * 0.8 / 3, 0.8125, 1.0], abs=1e-6)
    # its top, 0.8 m below the camera, leaves the picture at depth 0.8, where 0.5 m are 0.3125 of the side


def test_numbers_a_stick_past_the_camera_is_cut_off_before_it() -> None:
    """2 cm thick, from 1 m behind the camera to 1 m before it: its cut at depth 0.0505 is the outline."""
    stick = to_boxes(one("bed", (0.01, 1.0, 0.0), (0.01, 0.01, 1.0)))
    wide, high = 0.5 * 0.02 / 0.0505, 0.5 * 0.01 / 0.0505
    assert stick.boxes[0, :4].tolist() == pytest.approx([0.5, 0.5 - high, 0.5 + wide, 0.5 + high], abs=1e-5)


def test_numbers_agree_with_the_projection_in_front_of_the_camera() -> None:
    room = sample_room()
    boxes = to_boxes(room)
    wanted, depth = box_in_picture(room.centres, room.halves, room.camera)
    whole = 0
    for row, number in zip(boxes.boxes, boxes.ids, strict=True):
        k = room.index_of(number)
        if wanted[k].min() == 0 or wanted[k].max() == 1:
            continue  # what lies in the picture can be narrower than what is cut at its edges
        whole += 1
        torch.testing.assert_close(row[:4], wanted[k], atol=1e-5, rtol=0)
        torch.testing.assert_close(row[4], depth[k], atol=1e-5, rtol=0)
    assert whole >= 5


def test_numbers_order() -> None:
    boxes = to_boxes(sample_room())
    assert boxes.classes[0] == "rug"
    assert boxes.ids.index(4) > boxes.ids.index(3) and boxes.ids.index(1) > boxes.ids.index(0)
    standing = [n in ("wardrobe", "chair", "dresser") for n in boxes.classes]
    free = boxes.boxes[standing, 4].tolist()
    assert len(free) == 3 and free == sorted(free, reverse=True)


def test_numbers_rows_by_name() -> None:
    handed = to_blobs(sample_room(), ROWS)
    rows = dict(zip(handed.layout.ids, handed.layout.rows, strict=True))
    assert rows == {0: 1, 4: 2, 5: 4, 10: 0, 12: 5, 14: 7}
    assert set(handed.left_out) == {1, 2, 3, 6, 7, 8, 9, 11, 13}
    lamps = sample_room(("lamp",)).select([0, 0, 0])
    moved = lamps.centres + torch.tensor([[0.3, 0.0, 0.0], [-0.9, 0.0, 0.0], [0.6, 0.0, 0.0]])
    three = to_blobs(replace(lamps, centres=moved, ids=(0, 1, 2)), ROWS).layout
    assert dict(zip(three.ids, three.rows, strict=True)) == {1: 2, 0: 3, 2: 3}


def test_numbers_hidden_is_left_out_and_locks_stay() -> None:
    room = sample_room()
    room = replace(room, hidden=(True, *room.hidden[1:]), locked=(*room.locked[:-1], True))
    handed = to_blobs(room, ROWS)
    assert 0 in handed.left_out and 0 not in to_boxes(room).ids
    assert handed.layout.locked[handed.layout.ids.index(14)]


@settings(max_examples=40)
@given(any_boxes3d(most=10))
def test_shapes_of_any_room(layout: Boxes3D) -> None:
    boxes = to_boxes(layout)
    assert boxes.boxes.shape == (len(boxes.ids), 5) and bool(torch.isfinite(boxes.boxes).all())
    x0, y0, x1, y1, _ = boxes.boxes.unbind(-1)
    assert bool((x0 <= x1).all() and (y0 <= y1).all() and (boxes.boxes[:, :4] >= -1e-6).all())
    assert bool((boxes.boxes[:, :4] <= 1 + 1e-6).all())
    blobs = to_blobs(layout, tuple(sorted(set(layout.classes)))).layout
    centres, sizes = (blobs.centres, CENTRE_RANGE), (blobs.sizes, SIZE_RANGE)
    for values, limits in (centres, sizes, (blobs.aspects, ASPECT_RANGE)):
        assert bool((values >= limits[0]).all() and (values <= limits[1]).all())
    assert len(set(blobs.ids)) == len(blobs) and set(blobs.ids) <= set(layout.ids)


def test_numbers_the_blob_model_has_a_row_for_all_but_bedding_and_curtains() -> None:
    from spatial_edit.generators.registry import ROOM_SLOTS

    room = replace(sample_room(), camera=torch.tensor([0.0, 1.4, -2.5, 0.0, -0.05, 1.2]))
    handed = to_blobs(room, ROOM_SLOTS)
    assert {room.classes[room.index_of(i)] for i in handed.left_out} == {"pillow", "curtain"}
    rows = zip(handed.layout.ids, handed.layout.rows, strict=True)
    words = {room.classes[room.index_of(number)]: ROOM_SLOTS[row] for number, row in rows}
    assert words["television"] == "decoration A" and words["painting"] == "painting A"
    assert words["nightstand"] == "nightstand (left)" and words["ceiling lamp"] == "ceiling lamp"
