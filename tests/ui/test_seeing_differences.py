"""What an edit changed: numbers by hand on toy pictures, and on the toy model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageColor

from spatial_edit.layouts import Blobs, Boxes3D, Latent, Scene
from spatial_edit.layouts.boxes3d import LAMP_POSITION
from spatial_edit.layouts.overlay import to_blob_map
from spatial_edit.layouts.scene import GUARD_SIDE, Guard
from spatial_edit.ui.seeing.areas import DILATION, area, edited_area
from spatial_edit.ui.seeing.differences import THRESHOLD, difference, heat_picture, lab, percent
from spatial_edit.ui.seeing.ramps import GROUND, HEAT, painted, with_legend
from tests.layouts.sample_room import sample_room
from tests.ui.fake_boxes import FakeBoxes
from tests.ui.fake_generator import FakeGenerator

SIDE = 40


def scene_of(layout: Blobs | Boxes3D, seed: int = 1) -> Scene:
    return Scene("toy", "0" * 16, layout, Latent(seed, 0.0, torch.zeros(30, 2), torch.zeros(2)))


def two_blobs(**changes: object) -> Blobs:
    layout = Blobs(
        centres=torch.tensor([[0.25, 0.5], [0.75, 0.5]]),
        sizes=torch.tensor([0.1, 0.1]),
        aspects=torch.ones(2),
        angles=torch.zeros(2),
        ids=(0, 1),
        rows=(0, 1),
    )
    return replace(layout, **changes)  # type: ignore[arg-type]


# ---- where ----


def test_nothing_differs_nowhere() -> None:
    found = edited_area(scene_of(two_blobs()), scene_of(two_blobs(locked=(True, False))), SIDE)
    assert not found.mask.any() and found.elements == 0 and found.why == ""


def test_a_moved_blob_covers_its_two_places_and_a_margin() -> None:
    moved = two_blobs(centres=torch.tensor([[0.25, 0.5], [0.75, 0.2]]))
    mask = edited_area(scene_of(two_blobs()), scene_of(moved), 100).mask
    assert mask[20, 75] and mask[50, 75] and not mask[50, 25]
    reach = 0.1 + DILATION
    assert mask[50, round(100 * (0.75 + reach)) - 2] and not mask[50, round(100 * (0.75 + reach)) + 2]
    share = 3.14159 * 0.1**2 * 2
    assert share < mask.float().mean() < 2 * share


@pytest.mark.parametrize(
    "change",
    [{"hidden": (True, False)}, {"opacities": (0.5, 1.0)}, {"colours": ((1, 2, 3), None)}, {"rows": (2, 1)}],
)
def test_what_changes_of_one_blob_is_its_area(change: dict[str, object]) -> None:
    mask = edited_area(scene_of(two_blobs()), scene_of(two_blobs(**change)), SIDE).mask
    assert mask[SIDE // 2, SIDE // 4] and not mask[SIDE // 2, 3 * SIDE // 4]


def test_reordering_marks_the_one_that_moved_in_depth() -> None:
    layout = Blobs(
        centres=torch.tensor([[0.2, 0.5], [0.5, 0.5], [0.8, 0.5]]),
        sizes=torch.full((3,), 0.08),
        aspects=torch.ones(3),
        angles=torch.zeros(3),
        ids=(0, 1, 2),
        rows=(0, 1, 2),
    )
    found = edited_area(scene_of(layout), scene_of(layout.select([1, 2, 0])), SIDE)
    middle = SIDE // 2
    assert found.elements == 1 and found.mask[middle, 8] and not found.mask[middle, 20]


def test_a_removed_and_a_new_blob_count() -> None:
    old = two_blobs()
    assert edited_area(scene_of(old), scene_of(old.select([0])), SIDE).mask[SIDE // 2, 30]
    assert edited_area(scene_of(old.select([0])), scene_of(old), SIDE).mask[SIDE // 2, 30]


def test_what_lies_everywhere_has_no_border() -> None:
    floor = two_blobs(surfaces=((1, 2, 3), None, None, None, None))
    found = edited_area(scene_of(two_blobs()), scene_of(floor), SIDE)
    assert found.mask.all() and found.why == "the surfaces"
    assert edited_area(scene_of(two_blobs()), scene_of(two_blobs(), seed=2), SIDE).why == "the scene"
    room = sample_room()
    turned = replace(room, camera=room.camera + torch.tensor([0, 0, 0, 0.1, 0, 0]))
    assert edited_area(scene_of(room), scene_of(turned), SIDE).why == "the camera"
    brighter = replace(room, lights=room.lights * 1.5)
    assert edited_area(scene_of(room), scene_of(brighter), SIDE).why == "the lights"


def test_a_lamp_that_takes_its_light_along_has_a_border() -> None:
    room = sample_room()
    centres, lights = room.centres.clone(), room.lights.clone()
    centres[0, 0] += 0.3
    lights[LAMP_POSITION] += 0.3
    moved = replace(room, centres=centres, lights=lights)
    found = edited_area(scene_of(room), scene_of(moved), SIDE)
    assert found.elements == 1 and found.why == "" and 0 < found.mask.float().mean() < 1


def test_the_protect_mask_is_the_border_where_there_is_one() -> None:
    mask = torch.zeros(GUARD_SIDE, GUARD_SIDE, dtype=torch.bool)
    mask[:, : GUARD_SIDE // 2] = True
    after = replace(scene_of(two_blobs(rows=(2, 2))), guard=Guard(mask, two_blobs(), 1, 0.0))
    found = edited_area(scene_of(two_blobs()), after, 64).mask
    assert torch.equal(found, mask)


def test_the_area_of_a_turned_blob_is_the_one_that_is_drawn() -> None:
    layout = two_blobs(
        sizes=torch.tensor([0.1, 0.15]), aspects=torch.tensor([3.0, 0.3]), angles=torch.tensor([0.7, 1.1])
    )
    for number in (0, 1):
        drawn = np.asarray(to_blob_map(layout.select([number]), 200)).std(-1) > 40
        cast = area(layout, {number}, 200).numpy()
        assert cast.sum() > 500 and (drawn != cast).mean() < 0.006


def test_the_area_of_a_box_is_where_the_toy_model_draws_it() -> None:
    generator = FakeBoxes()
    scene = generator.sample(0)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    number = layout.ids[0]
    alone = layout.select([0])
    bare = replace(scene, layout=replace(alone, hidden=(True,)))
    drawn = (generator.render(replace(scene, layout=alone)) - generator.render(bare)).abs().amax(0) > 1e-3
    cast = area(layout, {number}, 64)
    assert drawn.any() and (drawn & ~cast).sum() == 0 and cast.sum() <= drawn.sum() * 1.05 + 4


# ---- how much ----


def test_percentages_by_hand() -> None:
    before = torch.zeros(3, SIDE, SIDE)
    after = before.clone()
    layout = two_blobs(sizes=torch.tensor([0.1, 0.2]))
    mask = edited_area(scene_of(two_blobs()), scene_of(layout), SIDE).mask
    inside = mask.nonzero()
    outside = (~mask).nonzero()
    for y, x in inside[: len(inside) // 4].tolist():
        after[1, y, x] += 2 * (THRESHOLD + 0.001)  # in [-1, 1]: twice as far as in [0, 1]
    for y, x in inside[len(inside) // 2 :].tolist():
        after[2, y, x] -= 2 * (THRESHOLD - 0.001)  # too little to count
    for y, x in outside[:3].tolist():
        after[0, y, x] += 1
    found = difference(scene_of(two_blobs()), scene_of(layout), before, after)
    assert found.inside == pytest.approx((len(inside) // 4) / len(inside))
    assert found.outside == pytest.approx(3 / len(outside))
    assert found.sentence == f"Changed inside {percent(found.inside)}, outside {percent(found.outside)}."


def test_an_edit_of_the_toy_model_is_zero_where_nothing_changed() -> None:
    generator = FakeGenerator()
    before = generator.sample(6)
    layout = before.layout
    centres = layout.centres.clone()
    centres[9] += torch.tensor([0.05, 0.0])
    after = replace(before, layout=replace(layout, centres=centres))
    found = difference(before, after, generator.render(before), generator.render(after))
    assert found.distance[2:10, 40:].max() < 0.05  # far from the lamp
    assert found.inside > 0.15 and found.outside == pytest.approx(0, abs=0.01)
    same = difference(before, before, generator.render(before), generator.render(before))
    assert same.distance.max() == 0 and same.inside == 0 and same.outside == 0
    assert same.sentence == "Changed inside 0 %, outside 0 %."


def test_no_border_is_said() -> None:
    before, after = scene_of(two_blobs()), scene_of(two_blobs(), seed=5)
    found = difference(before, after, torch.zeros(3, 8, 8), torch.ones(3, 8, 8))
    assert found.outside is None and found.sentence.startswith("Changed 100 % of the picture")


def test_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one model"):
        difference(scene_of(two_blobs()), scene_of(two_blobs()), torch.zeros(3, 8, 8), torch.zeros(3, 16, 16))


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.0004, "under 0.1 %"), (0.004, "0.4 %"), (0.31, "31 %"), (0.0996, "10 %"), (1, "100 %")],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words


# ---- colours ----


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("white", (100, 0, 0)),
        ("black", (0, 0, 0)),
        ("red", (53.24, 80.09, 67.20)),
        ("blue", (32.30, 79.19, -107.86)),
    ],
)
def test_lab_of_known_colours(name: str, expected: tuple[float, float, float]) -> None:
    rgb = torch.tensor(ImageColor.getrgb(name)).float()[:3, None, None] / 255
    assert lab(rgb).flatten().tolist() == pytest.approx(expected, abs=0.05)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_ramps_grow_lighter(values: list[float]) -> None:
    shares = torch.tensor(sorted(values))[None]
    for ramp in (HEAT, GROUND):
        lightness = lab(painted(shares, ramp))[0, 0]
        assert (lightness.diff() >= -0.3).all()


def test_the_heat_picture_shows_heat_where_it_is_and_grey_elsewhere() -> None:
    before, after = torch.zeros(3, SIDE, SIDE), torch.zeros(3, SIDE, SIDE)
    after[0, 18:22, 28:32] = 1
    found = difference(
        scene_of(two_blobs()), scene_of(two_blobs(sizes=torch.tensor([0.1, 0.12]))), before, after
    )
    outline = edited_area(
        scene_of(two_blobs()), scene_of(two_blobs(sizes=torch.tensor([0.1, 0.12]))), 400
    ).mask
    picture = heat_picture(found, after, outline)
    assert picture.size == (400, 400)
    red, green, blue = picture.getpixel((300, 200))
    assert red > blue + 80
    red, green, blue = picture.getpixel((50, 50))
    assert red == green == blue
    colours = {picture.getpixel((x, 200)) for x in range(220, 380)}
    assert (255, 255, 255) in {
        picture.getpixel((x, y)) for x in range(230, 370) for y in range(130, 270)
    } and colours


def test_a_saved_map_has_a_legend() -> None:
    from spatial_edit.ui.seeing.ramps import to_picture

    plain = to_picture(torch.zeros(256, 256), GROUND)
    sheet = with_legend(plain, GROUND, "Depth", "5 m", "1 m")
    assert sheet.width == 256 and sheet.height > 256
    strip = sheet.crop((0, 256, 256, sheet.height))
    assert len(strip.getcolors(10_000) or []) > 40  # the ramp
