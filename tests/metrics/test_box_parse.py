"""Measures of parsed rooms: overlaps by hand, truth scored as perfect, counterfactual pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.data.rooms import render, sample_rooms
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D
from spatial_edit.metrics.box_parse import Places, iou, match, room_edit_error, room_pairs, shares
from spatial_edit.metrics.box_rooms import true_rooms

SIDE = 32


@pytest.fixture(scope="module")
def generator() -> Box3DGenerator:
    return Box3DGenerator.tiny()


@pytest.fixture(scope="module")
def rooms(generator: Box3DGenerator):
    sampled = sample_rooms(2, 77)
    return sampled, true_rooms(generator, sampled), shares(render(sampled, SIDE))


def test_numbers_of_overlaps() -> None:
    a = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 1.0, 1.0]])
    b = torch.tensor([[0.2, 0.0, 0.6, 0.4], [0.5, 0.5, 1.0, 1.0], [0.7, 0.0, 0.7, 0.0]])
    assert torch.allclose(iou(a, b), torch.tensor([[1 / 3, 0.0, 0.0], [0.0, 1.0, 0.0]]), atol=1e-5)


def test_a_match_takes_the_best_first_and_each_once() -> None:
    found = match(torch.tensor([[0.6, 0.5], [0.9, 0.0]]))
    assert {i: j for i, (j, _) in found.items()} == {1: 0, 0: 1}
    assert match(torch.zeros(2, 0)) == {} and match(torch.zeros(1, 1)) == {}


def test_the_truth_is_perfect_and_a_turned_camera_is_not(rooms) -> None:
    _, true, shown = rooms
    right, turned = Places(), Places()
    for number, room in enumerate(true):
        right.add(room.scene, room.boxes, shown[number])
        layout = room.scene.layout
        assert isinstance(layout, Boxes3D)
        camera = layout.camera + torch.tensor([0.0, 0.0, 0.0, 0.1, 0.0, 0.0])
        turned.add(replace(room.scene, layout=replace(layout, camera=camera)), room.boxes, shown[number])
    figures, others = right.figures(""), turned.figures("_turned")
    assert figures["parse_box_iou"] == figures["parse_box_recall"] == figures["parse_box_precision"] == 1.0
    assert figures["parse_camera_position"] == figures["parse_camera_fov"] == 0.0
    assert others["parse_camera_yaw_turned"] == pytest.approx(5.7296, abs=1e-3)
    assert float(others["parse_box_iou_turned"]) < 0.9


def test_what_was_not_read_lowers_recall_and_what_is_not_there_precision(rooms) -> None:
    _, true, shown = rooms
    room, layout = true[0], true[0].scene.layout
    seen = [k for k, row in enumerate(layout.rows) if shown[0][row] > 0.02]
    fewer = layout.select([k for k in range(len(layout)) if k != seen[0]])
    missing, extra = Places(), Places()
    missing.add(replace(room.scene, layout=fewer), room.boxes, shown[0])
    assert float(missing.figures("")["parse_box_recall"]) < 1 == missing.figures("")["parse_box_precision"]
    extra.add(room.scene, room.boxes._replace(exists=room.boxes.exists & (shown[:1] < 0.02)), shown[0])
    assert float(extra.figures("").get("parse_box_precision", 0)) < 1


def test_no_rooms_no_figures() -> None:
    assert Places().figures("") == {}


def test_pairs_are_moves_of_one_object(generator: Box3DGenerator, rooms) -> None:
    sampled, true, _ = rooms
    pairs = room_pairs(sampled, SIDE)
    found = [(pair, room) for pair, room in zip(pairs, true, strict=True) if pair is not None]
    assert found
    for pair, room in found:
        assert pair.union.any() and not pair.union.all()
        assert 0.25 <= max(abs(pair.dx), abs(pair.dz)) <= 0.8
        assert float((pair.before - pair.after).abs()[:, pair.union].mean()) > float(
            (pair.before - pair.after).abs()[:, ~pair.union].mean()
        )
        error = room_edit_error(generator, room.scene, pair)
        assert error.found and error.inside != error.inside_still
        still = room_edit_error(generator, room.scene, replace(pair, dx=0.0, dz=0.0))
        assert still.inside == still.inside_still
        gone = room.scene.layout.select([k for k, r in enumerate(room.scene.layout.rows) if r != pair.slot])
        missed = room_edit_error(generator, replace(room.scene, layout=gone), pair)
        assert not missed.found and missed.inside == missed.inside_still
