"""Drawn pictures: what they show is where the layout says; the measuring of moves is right on the truth."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.data import drawn


def faces(count: int = 16, shift: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    looks = torch.rand(count, drawn.FACE_LOOKS, generator=generator)
    points = torch.tensor(drawn.POINTS) + 0.05 * torch.randn(count, 1, 2, generator=generator) + shift
    return drawn.draw_faces(looks, points, 48), points


def test_faces_have_their_eyes_where_the_points_say():
    pictures, points = faces()
    assert pictures.shape == (16, 3, 48, 48) and pictures.min() >= -1 and pictures.max() <= 1
    centre, share = drawn.tinted(pictures, drawn.EYES_CHANNEL)
    assert (centre - points[:, 1:3].mean(1)).abs().max() < 0.01
    assert share.min() > 0.01 and share.max() < 0.2


def test_zoom_enlarges():
    looks, points = torch.full((2, drawn.FACE_LOOKS), 0.5), torch.tensor(drawn.POINTS).expand(2, -1, -1)
    pictures = drawn.draw_faces(looks, points, 48, torch.tensor([1.0, 1.4]))
    share = drawn.tinted(pictures, drawn.EYES_CHANNEL)[1]
    assert share[1] / share[0] == pytest.approx(1.4**2, rel=0.2)


def test_photos_are_the_same_for_a_seed():
    first = drawn.face_photos(4, 3, 32)
    assert first.dtype == torch.uint8 and first.shape == (4, 3, 32, 32)
    assert torch.equal(first, drawn.face_photos(4, 3, 32))
    assert not torch.equal(first, drawn.face_photos(4, 4, 32))


def test_things_are_where_they_are_and_absent_ones_are_nowhere():
    generator = torch.Generator().manual_seed(1)
    centres = torch.tensor([[0.25, 0.25], [0.75, 0.3], [0.4, 0.75]]).expand(3, -1, -1)
    things = drawn.Things(centres, torch.full((3, 3), 0.15), 1 - torch.eye(3))
    looks = torch.rand(3, drawn.THINGS, drawn.THING_LOOKS, generator=generator)
    pictures = drawn.draw_things(torch.rand(3, generator=generator), looks, things, 48)
    for channel in range(3):
        place, share = drawn.tinted(pictures, channel)
        for i in range(3):
            if i == channel:
                assert share[i] == 0
            else:
                assert (place[i] - centres[i, channel]).abs().max() < 0.01


def test_ratios_of_the_truth_are_one_and_of_nothing_zero():
    (before, points), (after, _) = faces(), faces(shift=0.08)
    move = torch.full((16, 2), 0.08)
    eyes = points[:, 1:3].mean(1)
    ratios, counts = drawn.followed(before, after, drawn.EYES_CHANNEL, eyes, move)
    assert counts.sum() > 8 and (ratios[counts] - 1).abs().max() < 0.1
    assert (drawn.followed(before, before, drawn.EYES_CHANNEL, eyes, move)[0] == 0).all()
    grey = torch.zeros_like(before)
    assert (drawn.followed(before, grey, drawn.EYES_CHANNEL, eyes, move)[0] == 0).all()
    back, _ = drawn.followed(after, before, drawn.EYES_CHANNEL, eyes, move)
    assert (back <= -0.9).all()  # the wrong way
    outside, _ = torch.full((16, 2), 0.95), None
    assert not drawn.followed(before, after, drawn.EYES_CHANNEL, outside, move)[1].any()
