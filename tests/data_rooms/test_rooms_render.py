"""Rendered rooms: which surface is seen, labels, amodal cover, boxes, flips, determinism, errors."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from spatial_edit.data.rooms import (
    INSTANCE,
    INSTANCE_ID,
    MIRRORED,
    SEMANTIC_OF_INSTANCE,
    Render,
    Rooms,
    boxes_of,
    edit,
    flip,
    render,
    sample_rooms,
)
from spatial_edit.data.rooms.paint import paint
from spatial_edit.data.rooms.primitives import cast_rays, intersect
from spatial_edit.data.rooms.shading import shade
from spatial_edit.data.rooms.surface import describe
from spatial_edit.data.rooms.vocabulary import FIELD, SHELL, Kind, Texture


@pytest.fixture(scope="module")
def rooms() -> Rooms:
    return sample_rooms(8, 0)


@pytest.fixture(scope="module")
def drawn(rooms: Rooms) -> Render:
    return render(rooms, 32, amodal=True)


def test_shapes(drawn: Render) -> None:
    assert drawn.rgb.shape == (8, 3, 32, 32)
    assert drawn.rgb.dtype == drawn.semantic.dtype == drawn.instance.dtype == torch.uint8
    assert drawn.semantic.shape == drawn.instance.shape == drawn.depth.shape == (8, 32, 32)
    assert drawn.amodal is not None and drawn.amodal.shape == (8, len(INSTANCE), 32, 32)
    assert drawn.distance is not None and drawn.distance.shape == (8, len(INSTANCE))
    assert drawn.visible_boxes.shape == drawn.amodal_boxes.shape == (8, len(INSTANCE), 4)
    assert drawn.visible_areas.shape == drawn.amodal_areas.shape == (8, len(INSTANCE))


def test_smoke_one_odd_pixel_counts(rooms: Rooms) -> None:
    assert render(rooms[:1], 1, samples=1).rgb.shape == (1, 3, 1, 1)
    assert render(rooms[:2], 17, samples=3, amodal=True).rgb.shape == (2, 3, 17, 17)


def test_determinism_same_picture_in_any_batch(rooms: Rooms, drawn: Render) -> None:
    again = render(sample_rooms(8, 0), 32)
    assert torch.equal(again.rgb, drawn.rgb)
    alone = render(rooms[5], 32)
    assert torch.equal(alone.rgb[0], drawn.rgb[5])
    assert torch.equal(alone.depth[0], drawn.depth[5])


def march(rooms: Rooms, resolution: int, step: float) -> tuple[Tensor, Tensor]:
    """Instance and depth by walking along every ray until a point lies in something: slow, other maths."""
    rays = cast_rays(rooms, resolution, 1)
    direction = torch.stack(torch.broadcast_tensors(rays.dx, rays.dy, rays.dz), -1)
    table = rooms.table[:, SHELL:, None]
    centre, half, taper = table[..., 0:3], table[..., 3:6], table[..., FIELD["taper"]]
    kind = torch.tensor(rooms.kinds)[None, :, None]

    def inside(points: Tensor) -> Tensor:  # (B, R, 3) → (B, P, R)
        q = (points[:, None] - centre) / half
        radius = 1 + (taper - 1) * (q[..., 1] + 1) / 2
        ball = q.square().sum(-1) < 1
        tube = (q[..., 0].square() + q[..., 2].square() < radius.square()) & (q[..., 1].abs() < 1)
        return torch.where(
            kind == Kind.BOX, (q.abs() < 1).all(-1), torch.where(kind == Kind.CYLINDER, tube, ball)
        )

    around = inside(rooms.camera[:, None])  # what the camera is inside of is not drawn
    name, depth = torch.full(direction.shape[:2], -1), torch.full(direction.shape[:2], torch.inf)
    numbers = torch.tensor(rooms.instances)
    for t in torch.arange(0.05, 9.0, step):
        points = rooms.camera[:, None] + direction * t
        hit = inside(points) & ~around
        found = torch.where(hit.any(1), numbers[hit.int().argmax(1)], -1)
        x, y, z = points.unbind(-1)
        width, height, back = rooms.width[:, None] / 2, rooms.height[:, None], rooms.depth[:, None]
        for surface, out in ((0, y < 0), (1, y > height), (2, z > back), (3, x < -width), (4, x > width)):
            found = torch.where((found < 0) & out, surface, found)
        new = (name < 0) & (found >= 0)
        name, depth = torch.where(new, found, name), torch.where(new, t, depth)
    return name, depth


def test_numbers_first_surface_is_the_one_seen(rooms: Rooms) -> None:
    resolution, step = 16, 0.008
    few = rooms[:3]
    name, depth = march(few, resolution, step)
    seen = render(few, resolution, samples=1)
    same = seen.instance.flatten(1).long() == name
    assert same.float().mean() > 0.97  # edges thinner than a step may differ
    assert ((seen.depth.flatten(1) - depth).abs() < 2 * step)[same].float().mean() > 0.97


def test_occlusion_order_what_hides_an_object_is_nearer(rooms: Rooms) -> None:
    fine = render(rooms, 32, samples=1, amodal=True)
    assert fine.amodal is not None
    hidden_pixels = 0
    for number in range(SHELL, len(INSTANCE)):
        alone = rooms
        for name in INSTANCE[SHELL:]:
            if name != INSTANCE[number] and bool(alone.has(name).any()):
                alone = _without(alone, name)
        if not bool(alone.has(INSTANCE[number]).any()):
            continue
        bare = render(alone, 32, samples=1)
        assert torch.equal(bare.visible[:, number].float(), fine.amodal[:, number])
        hidden = bare.visible[:, number] & ~fine.visible[:, number]
        assert (fine.depth[hidden] <= bare.depth[hidden]).all()
        hidden_pixels += int(hidden.sum())
    assert hidden_pixels > 100  # the test saw something hidden at all


def _without(rooms: Rooms, name: str) -> Rooms:
    """`edit` takes along what belongs to an object; here one instance alone goes."""
    rows = [SHELL + slot for slot, number in enumerate(rooms.instances) if INSTANCE[number] == name]
    table = rooms.table.clone()
    table[:, rows, FIELD["cy"]], table[:, rows, 3:6] = -50.0, 1e-3
    return dataclasses.replace(rooms, table=table)


def test_numbers_labels_and_cover_are_those_of_the_sub_samples(rooms: Rooms, drawn: Render) -> None:
    """A picture of twice the side with one sample casts the very same rays."""
    fine = render(rooms, 64, samples=1, amodal=True)
    assert torch.equal(drawn.instance, fine.instance[:, ::2, ::2])
    assert torch.equal(drawn.semantic, fine.semantic[:, ::2, ::2])
    assert torch.equal(drawn.depth, fine.depth[:, ::2, ::2])
    assert drawn.amodal is not None and fine.amodal is not None
    assert torch.equal(drawn.amodal, torch.nn.functional.avg_pool2d(fine.amodal, 2))

    majority = render(rooms, 32, labels="majority")
    votes = torch.nn.functional.avg_pool2d(fine.visible.float(), 2)  # (B, 31, 32, 32)
    won = votes.gather(1, majority.instance[:, None].long())[:, 0]
    assert torch.equal(won, votes.amax(1))
    assert torch.equal(majority.rgb, drawn.rgb)
    assert (majority.instance != drawn.instance).any()


def test_labels_agree_with_each_other(drawn: Render) -> None:
    class_of = torch.tensor(SEMANTIC_OF_INSTANCE)
    assert torch.equal(drawn.semantic.long(), class_of[drawn.instance.long()])


def test_amodal_holds_visible(rooms: Rooms, drawn: Render) -> None:
    assert drawn.amodal is not None and drawn.distance is not None
    assert (drawn.amodal[drawn.visible] > 0).all()
    assert drawn.amodal.min() >= 0 and drawn.amodal.max() <= 1
    shown = drawn.visible_areas > 0
    low, high = slice(0, 2), slice(2, 4)
    assert (drawn.amodal_boxes[..., low] <= drawn.visible_boxes[..., low])[shown].all()
    assert (drawn.amodal_boxes[..., high] >= drawn.visible_boxes[..., high])[shown].all()
    nearest = torch.where(drawn.visible, drawn.depth[:, None], torch.inf).amin((2, 3))
    assert (drawn.distance <= nearest).all()
    covered = drawn.amodal.amax((2, 3)) > 0
    assert torch.equal(torch.isfinite(drawn.distance), covered)
    for number in range(SHELL, len(INSTANCE)):
        assert not covered[~rooms.has(INSTANCE[number]), number].any()
    assert torch.equal(drawn.amodal[:, :SHELL].sum(1), torch.ones(8, 32, 32))


def test_boxes_bound_their_masks(drawn: Render) -> None:
    assert drawn.amodal is not None
    for masks, boxes in ((drawn.visible, drawn.visible_boxes), (drawn.amodal > 0, drawn.amodal_boxes)):
        for mask, box in zip(masks.flatten(0, 1), boxes.flatten(0, 1), strict=True):
            if not mask.any():
                assert box.tolist() == [0, 0, 0, 0]
                continue
            y, x = mask.nonzero().unbind(1)
            expected = [x.min() / 32, y.min() / 32, (x.max() + 1) / 32, (y.max() + 1) / 32]
            assert box.tolist() == pytest.approx([float(side) for side in expected])


def test_boxes_of_an_oblong_mask() -> None:
    masks = torch.zeros(1, 2, 4, 8, dtype=torch.bool)
    masks[0, 0, 1:3, 2:7] = True
    assert boxes_of(masks).tolist() == [[[0.25, 0.25, 0.875, 0.75], [0, 0, 0, 0]]]


def test_flip_swaps_left_and_right(drawn: Render) -> None:
    turned = flip(drawn)
    assert torch.equal(turned.rgb, drawn.rgb.flip(-1))
    assert drawn.distance is not None and turned.distance is not None
    for left, right in (("wall_left", "wall_right"), ("lamp_l", "lamp_r"), ("curtain_l", "curtain_r")):
        a, b = INSTANCE_ID[left], INSTANCE_ID[right]
        assert torch.equal(turned.visible[:, b], drawn.visible[:, a].flip(-1))
        assert torch.equal(turned.distance[:, b], drawn.distance[:, a])
    assert torch.equal(turned.visible[:, INSTANCE_ID["bed"]], drawn.visible[:, INSTANCE_ID["bed"]].flip(-1))
    assert torch.equal(turned.visible_boxes[..., 0], _mirrored(drawn.visible_boxes, drawn.visible_areas))
    twice = flip(turned)
    assert torch.equal(twice.instance, drawn.instance)
    assert torch.equal(twice.amodal, drawn.amodal)  # type: ignore[arg-type]


def _mirrored(boxes: Tensor, areas: Tensor) -> Tensor:
    """Left sides of mirrored boxes, under the ids that the things have in the mirrored picture."""
    left = torch.where(areas > 0, 1 - boxes[..., 2], torch.zeros(()))
    return left[:, list(MIRRORED)]


def test_flip_is_the_picture_of_the_mirrored_room(rooms: Rooms, drawn: Render) -> None:
    table = rooms.table.clone()
    table[..., FIELD["cx"]] *= -1
    table[:, SHELL:, FIELD["inst"]] = torch.tensor([MIRRORED[n] for n in rooms.instances]).float()
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    turned = dataclasses.replace(rooms, table=table, camera=rooms.camera * mirror, yaw=-rooms.yaw)
    seen = render(turned, 64, samples=1)
    expected = flip(render(rooms, 64, samples=1))
    assert (seen.instance == expected.instance).float().mean() > 0.999
    assert (seen.depth - expected.depth).abs().median() < 1e-4


def test_shadows_and_occlusion_only_darken(rooms: Rooms) -> None:
    full = render(rooms, 32).rgb.int()
    for switches in ({"shadows": False}, {"occlusion": False}):
        lighter = render(rooms, 32, **switches).rgb.int()  # type: ignore[arg-type]
        assert (lighter >= full).all()
        assert (lighter > full + 3).any()


def test_no_nan_from_any_texture() -> None:
    """A NaN would come out as black: looked for in the light itself, with every painter on every pixel."""
    many = sample_rooms(24, 11)
    rays = cast_rays(many, 24, 1)
    slots = list(range(len(many.kinds)))
    surface = describe(many, rays, intersect(rays, many, slots))
    albedo, coat = paint(surface, set(Texture))
    light = shade(many, rays, surface, albedo, coat, slots, 1, True, True)
    assert torch.isfinite(light).all()
    assert set(surface["tex"].int().unique().tolist()) >= set(Texture) - {Texture.PLAID, Texture.TELEVISION}
    seen = paint(surface, set(surface["tex"].int().unique().tolist()))[0]
    assert all(torch.equal(a, b) for a, b in zip(albedo, seen, strict=True))


def test_pictures_are_neither_black_nor_white(drawn: Render) -> None:
    brightness = drawn.rgb.float().mean((1, 2, 3))
    assert (brightness > 20).all() and (brightness < 240).all()


@pytest.mark.gpu
@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device: run on a machine that has one"
)
def test_numbers_gpu_agrees_with_cpu(rooms: Rooms) -> None:
    here, there = render(rooms, 64), render(rooms.to("cuda"), 64)
    close = (here.rgb.int() - there.rgb.cpu().int()).abs() <= 2
    assert close.float().mean() > 0.999
    assert torch.equal(there.rgb, render(rooms.to("cuda"), 64).rgb)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"resolution": 0}, "resolution is 0"),
        ({"resolution": 5000}, "use 1 to 1024"),
        ({"samples": 0}, "0 samples"),
        ({"labels": "best"}, "label mode 'best'"),
    ],
)
def test_errors(rooms: Rooms, arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        render(rooms, **arguments)


def test_errors_amodal_was_not_asked_for(rooms: Rooms) -> None:
    with pytest.raises(ValueError, match="amodal=True"):
        _ = render(rooms[:1], 8).amodal_boxes


def test_edit_is_not_needed_for_presence(rooms: Rooms) -> None:
    assert bool(rooms.has("bed").all()) and bool(rooms.has("floor").all())
    assert not bool(edit(rooms, "all", "bed", remove=True).has("bed").any())
