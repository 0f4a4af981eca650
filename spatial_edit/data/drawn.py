"""Pictures drawn from numbers, for the smallest recipes: faces, and three things on a plain ground.

They stand in for photos where none may be had. Every picture is a function of its looks (uniform numbers) and
of its layout, both known; and it can be measured without a detector: a face's eyes are the only green in its
picture, and disc, square and ring the only red, green and blue.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# a face's points, coarse to fine, at places usual in aligned photo sets: face; eyes; ears, nose, chest
POINTS = ((0.495, 0.52), (0.355, 0.5), (0.635, 0.5), (0.22, 0.2), (0.78, 0.2), (0.495, 0.7), (0.495, 0.95))
RADII = (0.33, 0.09, 0.09, 0.14, 0.14, 0.06, 0.24)
ORDER = (6, 3, 4, 0, 1, 2, 5)  # in which they are painted
JITTER = 0.02  # standard deviation of a point's place
FACE_LOOKS = 12  # numbers that a face's colours and size are made of
EYES_CHANNEL = 1  # green
MARGIN = 0.12  # what is looked for stays this far inside the picture
THINGS = 3  # disc, square, ring
THING_LOOKS = 3  # numbers that a thing's colour is made of


class Things(NamedTuple):
    """Where the three things of B pictures are, in fractions of the side."""

    centres: Tensor  # (B, 3, 2)
    radii: Tensor  # (B, 3)
    present: Tensor  # (B, 3) 1 or 0


def draw_faces(looks: Tensor, points: Tensor, side: int, zoom: Tensor | None = None) -> Tensor:
    """(B, 3, side, side) in [-1, 1]: two ears, a face with two eyes and a nose, a chest, each a disc.

    looks (B, FACE_LOOKS) in [0, 1]; points (B, 7, 2) in the picture; zoom (B,) of the sizes, 1 when None.
    """
    r = looks.unbind(1)
    fur, ground = 0.7 + 0.3 * r[0], 0.1 + 0.3 * r[1]
    face = torch.stack([fur, fur * (0.5 + 0.25 * r[2]), fur * (0.3 + 0.3 * r[3])], 1)
    eyes = torch.stack([0.2 * r[4], 0.7 + 0.3 * r[5], 0.25 * r[6]], 1)
    chest = torch.stack([0.3 + 0.4 * r[7], 0.05 + 0.2 * r[8], 0.3 + 0.4 * r[9]], 1)
    nose = torch.tensor([0.9, 0.25, 0.4]).expand(len(looks), 3)
    colours = (face, eyes, eyes, 0.7 * face, 0.7 * face, nose, chest)
    size = 0.92 + 0.16 * r[10]
    size = size if zoom is None else size * zoom
    canvas = torch.stack([0.4 * r[11], ground, ground + 0.3], 1)[:, :, None, None]
    for i in ORDER:
        canvas = _painted(canvas, RADII[i] * size, _lengths(_offsets(points[:, i], side)), colours[i])
    return canvas.clamp(0, 1) * 2 - 1


def face_photos(count: int, seed: int, side: int) -> Tensor:
    """(count, 3, side, side) uint8: unframed faces, as a set of aligned photos."""
    generator = torch.Generator().manual_seed(seed)
    looks = torch.rand(count, FACE_LOOKS, generator=generator)
    points = torch.tensor(POINTS) + JITTER * torch.randn(count, len(POINTS), 2, generator=generator)
    pictures = draw_faces(looks, points, side)
    return ((pictures + 1) * 127.5 + 0.5).to(torch.uint8)


def draw_things(grey: Tensor, looks: Tensor, things: Things, side: int) -> Tensor:
    """(B, 3, side, side) in [-1, 1]: a red disc, a green square and a blue ring, each with a tint of its own.

    grey (B,) of the ground and looks (B, 3, THING_LOOKS) of the things, in [0, 1].
    """
    canvas = (0.15 + 0.7 * grey)[:, None, None, None].expand(-1, 3, side, side)
    for i in range(THINGS):
        colour = 0.45 * looks[:, i]
        colour = torch.where(torch.arange(3) == i, 0.75 + 0.25 * looks[:, i], colour)
        offsets, radius = _offsets(things.centres[:, i], side), things.radii[:, i]
        apart = _lengths(offsets)
        if i == 1:
            apart = offsets.abs().amax(1) * 1.1
        elif i == 2:
            apart = (apart - 0.75 * radius[:, None, None]).abs() * 3
        there = things.present[:, i]
        canvas = _painted(canvas, radius * there - (1 - there), apart, colour)  # -1: nowhere
    return canvas.clamp(0, 1) * 2 - 1


def tinted(pictures: Tensor, channel: int | Tensor, threshold: float = 0.12) -> tuple[Tensor, Tensor]:
    """What in pictures (B, 3, H, W), [-1, 1], has more of one channel than of the others: its centroid
    (B, 2), x right and y down as fractions of the side, and its share of the area (B,).

    channel: one for all pictures, or (B,) one for each."""
    values = (pictures + 1) / 2
    chosen = torch.as_tensor(channel, device=values.device).expand(len(values))
    mine = torch.nn.functional.one_hot(chosen, 3)[:, :, None, None].bool()
    others = values.masked_fill(mine, -torch.inf).amax(1)
    weight = (values.masked_fill(~mine, -torch.inf).amax(1) - others - threshold).relu()
    height, width = weight.shape[1:]
    mass = weight.sum((1, 2)).clamp(min=1e-6)
    x = (weight.sum(1) * (torch.arange(width).to(weight) + 0.5) / width).sum(1) / mass
    y = (weight.sum(2) * (torch.arange(height).to(weight) + 0.5) / height).sum(1) / mass
    return torch.stack([x, y], 1), (weight > 0).float().mean((1, 2))


def followed(
    before: Tensor, after: Tensor, channel: int | Tensor, places: Tensor, move: Tensor
) -> tuple[Tensor, Tensor]:
    """Displacement ratios (B,) in [-1, 2] of the thing with a tint, which lay at `places` (B, 2) and was
    asked to go along `move` (B, 2): (displacement . move) / |move|^2, 0 where it is missing before or after.
    And where they count (B,): where the thing is asked to stay inside the picture."""
    (first, seen), (second, kept) = tinted(before, channel), tinted(after, channel)
    ratio = ((second - first) * move).sum(1) / move.square().sum(1)
    inside = [((p > MARGIN) & (p < 1 - MARGIN)).all(1) for p in (places, places + move)]
    return torch.where((seen > 0) & (kept > 0), ratio.clamp(-1, 2), 0), inside[0] & inside[1]


def _offsets(centres: Tensor, side: int) -> Tensor:
    """(B, 2, side, side) from centres (B, 2) to the pixels."""
    axis = (torch.arange(side) + 0.5) / side
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y]) - centres[:, :, None, None]


def _lengths(offsets: Tensor) -> Tensor:
    """(B, H, W) of offsets (B, 2, H, W); `norm` over two rows is ten times slower."""
    return offsets.square().sum(1).sqrt()


def _painted(canvas: Tensor, radius: Tensor, apart: Tensor, colour: Tensor) -> Tensor:
    """What is nearer than `radius` (B,) in `colour` (B, 3); edges are about a pixel wide."""
    cover = ((radius[:, None, None] - apart) * apart.shape[-1] + 0.5).clamp(0, 1)[:, None]
    return canvas + cover * (colour[:, :, None, None] - canvas)
