"""Blob truth: hand-made masks, mirrors, the room's planes; and the pool made of it."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
import torch

from spatial_edit.data.rooms import flip as flip_picture
from spatial_edit.data.rooms import pool as pools
from spatial_edit.data.rooms import render, sample_rooms
from spatial_edit.data.rooms.blob_truth import (
    PROFILE,
    RADIUS_PER_SIGMA,
    SLOT_NAMES,
    SLOTS,
    BlobTruth,
    blob_truth,
    flip,
    flip_owners,
    owners,
    surface_planes,
)
from spatial_edit.data.rooms.pool import Pool, cached_pool, render_pool, render_truth
from spatial_edit.generators.blobgan.shape import BlobGeometry, splat

SIDE = 128
POUF = SLOT_NAMES.index("pouf")
POUF_ID = 19


def grid() -> tuple[torch.Tensor, torch.Tensor]:
    axis = (torch.arange(SIDE) + 0.5) / SIDE
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


def truth_of(mask: torch.Tensor) -> BlobTruth:
    """A pouf of this shape (SIDE, SIDE) before the back wall, three metres away."""
    amodal = torch.zeros(1, 31, SIDE, SIDE)
    amodal[0, POUF_ID] = mask.float()
    instance = torch.where(mask, POUF_ID, 2).to(torch.uint8)[None]
    rgb = torch.where(mask, 255, 0).to(torch.uint8).expand(1, 3, SIDE, SIDE)
    distance = torch.full((1, 31), torch.inf)
    distance[0, POUF_ID] = 3.0
    return blob_truth(rgb, instance, amodal, distance, torch.zeros(1, 5, 3))


def same(a: BlobTruth, b: BlobTruth, atol: float = 0.0) -> None:
    """Equal where there is something."""
    assert torch.equal(a.exists, b.exists)
    for f in fields(BlobTruth):
        mine, theirs = getattr(a, f.name), getattr(b, f.name)
        if mine.shape[1] == SLOTS:
            mine, theirs = mine[a.exists], theirs[b.exists]
        assert torch.allclose(mine.float(), theirs.float(), atol=atol, rtol=0), f.name


def test_numbers_rectangle():
    x, y = grid()
    t = truth_of((x > 0.25) & (x < 0.75) & (y > 0.5) & (y < 0.75))  # half a side by a quarter
    assert t.exists[0].nonzero().flatten().tolist() == [POUF]
    assert torch.allclose(t.centres[0, POUF], torch.tensor([0.5, 0.625]), atol=1e-4)
    radius = RADIUS_PER_SIGMA / math.sqrt(12)  # of a unit length
    assert float(t.sizes[0, POUF]) == pytest.approx(radius * math.sqrt(0.5 * 0.25), rel=0.01)
    assert float(t.aspects[0, POUF]) == pytest.approx(2, rel=0.01)
    assert float(t.angles[0, POUF]) == pytest.approx(0, abs=1e-4)
    assert float(t.distances[0, POUF]) == 3.0
    assert torch.allclose(t.colours[0, POUF], torch.ones(3))
    assert torch.allclose(t.surface_colours[0, 2], -torch.ones(3))
    corner, side = t.profiles[0, POUF, 2], t.profiles[0, POUF, 0]  # in its own frame: a square
    assert corner > 1.15 * side


@pytest.mark.parametrize("angle", [-0.6, -0.3, 0.3, 0.6])
def test_numbers_rotated_ellipse(angle):
    x, y = grid()
    dx, dy = x - 0.45, y - 0.55
    u = dx * math.cos(angle) - dy * math.sin(angle)  # y down, the angle counter-clockwise as seen
    v = dx * math.sin(angle) + dy * math.cos(angle)
    mask = (u / 0.3).square() + (v / 0.12).square() < 1
    t = truth_of(mask)
    assert float(t.angles[0, POUF]) == pytest.approx(angle, abs=0.02)
    assert float(t.aspects[0, POUF]) == pytest.approx(2.5, rel=0.03)
    ratio = RADIUS_PER_SIGMA / 2  # an ellipse's radius is two standard deviations
    assert float(t.sizes[0, POUF]) == pytest.approx(ratio * math.sqrt(0.3 * 0.12), rel=0.03)
    assert torch.allclose(t.profiles[0, POUF], torch.full((PROFILE,), 1 / ratio), atol=0.06)
    geometry = BlobGeometry(
        torch.ones(1, 1),
        *(t_[:, POUF : POUF + 1] for t_ in (t.centres, t.sizes, t.aspects, t.angles, t.profiles)),
        torch.zeros(1, 5, 3),
    )
    drawn = splat(geometry, SIDE).weights[0, 0].view(SIDE, SIDE) > 0.5
    assert (drawn & mask).sum() / (drawn | mask).sum() > 0.97  # drawn again, it is the mask


def test_numbers_upright_ellipse_and_disc():
    x, y = grid()
    tall = truth_of(((x - 0.5) / 0.1).square() + ((y - 0.5) / 0.3).square() < 1)
    assert float(tall.aspects[0, POUF]) == pytest.approx(1 / 3, rel=0.03)  # first axis: the horizontal one
    assert float(tall.angles[0, POUF]) == pytest.approx(0, abs=1e-3)
    disc = truth_of((x - 0.5).square() + (y - 0.5).square() < 0.04)
    assert float(disc.aspects[0, POUF]) == pytest.approx(1, abs=0.01)
    assert float(disc.angles[0, POUF]) == 0


def test_nothing_there():
    t = truth_of(torch.zeros(SIDE, SIDE, dtype=torch.bool))
    assert not t.exists.any()
    assert all(getattr(t, f.name).isfinite().all() for f in fields(BlobTruth) if f.name != "distances")


@pytest.fixture(scope="module")
def rendered():
    rooms = sample_rooms(6, 31)
    planes = surface_planes(
        rooms.width, rooms.depth, rooms.height, rooms.camera, rooms.yaw, rooms.pitch, rooms.fov
    )
    return render(rooms, 48, amodal=True), planes


def test_mirror_twice_is_the_same(rendered):
    picture, planes = rendered
    t = blob_truth(picture.rgb, picture.instance, picture.amodal, picture.distance, planes)
    assert t.exists.any(0).sum() > 6
    same(t, flip(flip(t)), atol=1e-6)


def test_truth_of_the_mirror_image_is_the_mirrored_truth(rendered):
    picture, planes = rendered
    mine = flip(blob_truth(picture.rgb, picture.instance, picture.amodal, picture.distance, planes))
    mirror = flip_picture(picture)
    theirs = blob_truth(mirror.rgb, mirror.instance, mirror.amodal, mirror.distance, mine.planes)
    same(mine, theirs, atol=2e-3)
    assert torch.equal(flip_owners(owners(picture.instance)), owners(mirror.instance))


def test_planes_say_which_surface_every_pixel_of_the_bare_room_shows(rendered):
    picture, planes = rendered
    axis = (torch.arange(48) + 0.5) / 48
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    place = torch.stack([x, y, torch.ones_like(x)], -1)  # (48, 48, 3)
    for predicted, instance in ((planes, picture.instance), (flip_planes(planes), None)):
        if instance is None:
            instance = flip_picture(picture).instance
        surface = torch.einsum("hwc,bsc->bhws", place, predicted).argmax(-1)
        bare = instance < 5
        assert bare.float().mean() > 0.3
        assert (surface == instance)[bare].float().mean() > 0.97


def flip_planes(planes: torch.Tensor) -> torch.Tensor:
    """Through `flip`, of a truth that has nothing else."""
    batch = len(planes)
    empty = {f.name: torch.zeros(batch, SLOTS, 2) for f in fields(BlobTruth)}
    one = torch.zeros(batch, SLOTS)
    flat = {"exists": one.bool(), "sizes": one, "aspects": one, "angles": one, "distances": one}
    shaped = {"profiles": torch.zeros(batch, SLOTS, PROFILE), "surface_colours": torch.zeros(batch, 5, 3)}
    return flip(BlobTruth(**(empty | flat | shaped | {"planes": planes}))).planes


def test_depth_rules(rendered):
    picture, planes = rendered
    t = blob_truth(picture.rgb, picture.instance, picture.amodal, picture.distance, planes)
    rug = SLOT_NAMES.index("rug")
    assert (t.distances[:, rug] == 100).all()  # under everything
    for upper, lower in (("lamp (left)", "nightstand (left)"), ("decoration A", "dresser")):
        a, b = SLOT_NAMES.index(upper), SLOT_NAMES.index(lower)
        both = t.exists[:, a] & t.exists[:, b]
        assert (t.distances[both, a] < t.distances[both, b]).all()


def equal_pools(a: Pool, b: Pool) -> bool:
    tensors = zip(vars(a.truth).values(), vars(b.truth).values(), strict=True)
    return (
        torch.equal(a.pictures, b.pictures)
        and torch.equal(a.instances, b.instances)
        and all(torch.equal(x, y) for x, y in tensors)
    )


def part(pool: Pool, where: slice) -> Pool:
    return Pool(pool.pictures[where], pool.instances[where], pool.truth[where])


def test_determinism_a_shard_depends_on_seed_and_number_alone(monkeypatch):
    monkeypatch.setattr(pools, "SHARD", 8)
    whole = render_pool(24, 3, 24)
    assert equal_pools(part(whole, slice(16, 24)), render_pool(8, 3 + 16, 24))  # shard 2, made alone
    assert equal_pools(part(whole, slice(0, 16)), render_pool(16, 3, 24))  # a smaller pool is its beginning
    torch.manual_seed(123)
    assert equal_pools(part(whole, slice(0, 8)), render_truth(sample_rooms(8, 3), 24))
    assert not torch.equal(whole.pictures[:8], whole.pictures[8:16])


def test_cached_pool_is_read_back_whole(tmp_path, monkeypatch):
    said: list[str] = []
    first = cached_pool(tmp_path, 6, 4, 16, said.append)
    assert said and len(first) == 6 and first.semantic().max() < 20
    monkeypatch.setattr(pools, "render_pool", None)  # would fail
    assert equal_pools(first, cached_pool(tmp_path, 6, 4, 16))
    assert [p.suffix for p in tmp_path.iterdir()] == [".safetensors"]
