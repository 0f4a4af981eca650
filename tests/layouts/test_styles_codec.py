"""Styles and protect masks in scene files: every bit comes back, old files stay as they were."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_edit.layouts import Blobs, Guard, Latent, Scene, Source
from spatial_edit.layouts.codec import (
    SceneError,
    layout_from_json,
    layout_to_json,
    scene_from_bytes,
    scene_from_json,
    scene_to_bytes,
    scene_to_json,
)
from spatial_edit.layouts.guard_codec import mask_from_text, mask_to_text
from spatial_edit.layouts.strict_json import JsonError
from tests.layouts.sample_room import sample_room

COLOURS = st.none() | st.tuples(*[st.integers(0, 255)] * 3)
SEEDS = st.integers(0, 2**32 - 1)


def plain(n=2):
    return Blobs(
        centres=torch.tensor([0.25, 0.5]).repeat(n, 1),
        sizes=torch.full((n,), 0.125),
        aspects=torch.full((n,), 1.5),
        angles=torch.full((n,), 0.75),
        ids=tuple(range(n)),
        rows=tuple(range(n)),
    )


def scene_of(layout, guard=None):
    latent = Latent(5, 0.25, torch.randn(6, 3), torch.randn(4))
    return Scene("m", "0123456789abcdef", layout, latent, guard=guard)


def speckled(seed=0):
    return torch.rand(64, 64, generator=torch.Generator().manual_seed(seed)) < 0.5


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_styles_round_trip(data):
    n = data.draw(st.integers(0, 5))
    source = st.none() | st.builds(Source, st.none() | SEEDS, st.integers(0, 5), st.floats(0, 1))

    def each(values):
        return tuple(data.draw(st.lists(values, min_size=n, max_size=n)))

    layout = replace(
        plain(n),
        opacities=each(st.floats(0, 1)),
        sources=each(source),
        colours=each(COLOURS),
        backdrop=data.draw(st.none() | st.builds(Source, SEEDS, st.just(0), st.floats(0, 1))),
        surfaces=tuple(data.draw(COLOURS) for _ in range(5)),
    )
    text = json.dumps(layout_to_json(layout), allow_nan=False)
    assert layout_from_json(json.loads(text)).same(layout)
    guard = Guard(speckled(n), replace(layout, backdrop=None), data.draw(SEEDS), data.draw(st.floats(0, 1)))
    scene = scene_of(layout, data.draw(st.none() | st.just(guard)))
    for again in (scene_from_json(scene_to_json(scene)), scene_from_bytes(scene_to_bytes(scene))):
        assert again.layout.same(layout) and again.latent.same(scene.latent)
        assert again.guard is None if scene.guard is None else scene.guard.same(again.guard)


def test_a_room_may_have_a_protect_mask():
    room = sample_room()
    latent = Latent(5, 0.0, torch.zeros(256, 3), torch.zeros(4))
    scene = Scene("m", "0123456789abcdef", room, latent, guard=Guard(speckled(), room, 3, 0.5))
    assert scene.guard.same(scene_from_bytes(scene_to_bytes(scene)).guard)
    assert scene.guard.same(scene_from_json(scene_to_json(scene)).guard)


def test_what_uses_nothing_new_is_written_as_before():
    keys = {"id", "row", "x", "y", "size", "aspect", "angle", "hidden", "locked"}
    document = layout_to_json(plain())
    assert set(document) == {"kind", "elements"} and all(set(e) == keys for e in document["elements"])
    assert "guard" not in json.loads(scene_to_json(scene_of(plain())))


def test_the_largest_scene_fits_its_document():
    source = Source(2**32 - 1, 255, 0.12345678901234567)
    full = replace(plain(64), sources=(source,) * 64, opacities=(0.12345678901234567,) * 64)
    full = replace(full, colours=((255, 255, 255),) * 64, centres=torch.full((64, 2), 1 / 3))
    latent = Latent(5, 0.25, torch.zeros(64, 3), torch.zeros(4))
    scene = Scene("m", "0123456789abcdef", full, latent, guard=Guard(speckled(), full, 2**32 - 1, 1 / 3))
    assert scene_from_bytes(scene_to_bytes(scene)).guard.same(scene.guard)


def changed(path, value):
    layout = replace(
        plain(),
        opacities=(0.5, 1.0),
        sources=(None, Source(9, 3, 0.25)),
        colours=((1, 2, 3), None),
        backdrop=Source(9, 0, 1.0),
        surfaces=(None, (255, 128, 0), None, None, None),
    )
    document = layout_to_json(layout)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


@pytest.mark.parametrize(
    "path, value",
    [
        (("elements", 0, "opacity"), 1.5),
        (("elements", 0, "opacity"), None),
        (("elements", 0, "opacity"), True),
        (("elements", 0, "colour"), "red"),
        (("elements", 0, "colour"), "#12345"),
        (("elements", 0, "colour"), None),
        (("elements", 0, "paint"), "#123456"),
        (("elements", 1, "source"), None),
        (("elements", 1, "source"), {"seed": 9, "row": 3}),
        (("elements", 1, "source", "seed"), -1),
        (("elements", 1, "source", "seed"), 2**32),
        (("elements", 1, "source", "row"), 256),
        (("elements", 1, "source", "share"), 1.01),
        (("elements", 1, "source", "more"), 1),
        (("backdrop",), None),
        (("backdrop", "seed"), None),
        (("backdrop", "row"), 0),
        (("backdrop", "share"), -0.5),
        (("surfaces",), []),
        (("surfaces", "roof"), "#ffffff"),
        (("surfaces", "floor"), None),
        (("extra",), 1),
    ],
)
def test_a_wrong_style_is_refused(path, value):
    with pytest.raises(JsonError) as caught:
        layout_from_json(changed(path, value))
    assert "\n" not in str(caught.value)


def guarded(change):
    room = sample_room()
    document = json.loads(scene_to_json(scene_of(plain(), Guard(speckled(), plain(), 3, 0.5))))
    change(document["guard"], room)
    return json.dumps(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda guard, room: guard.update(mask="AAAA"),
        lambda guard, room: guard.update(mask=guard["mask"][:-4]),
        lambda guard, room: guard.update(mask=guard["mask"] + "AAAA"),
        lambda guard, room: guard.update(mask=guard["mask"][:-1] + "\n"),
        lambda guard, room: guard.update(mask=guard["mask"][:-2] + "B="),
        lambda guard, room: guard.update(mask=7),
        lambda guard, room: guard.update(mask=None),
        lambda guard, room: guard.update(seed=-1),
        lambda guard, room: guard.update(truncation=1.5),
        lambda guard, room: guard.update(layout=layout_to_json(room)),
        lambda guard, room: guard["layout"]["elements"][0].update(row=6),
        lambda guard, room: guard.update(more=1),
        lambda guard, room: guard.pop("seed"),
    ],
)
def test_a_wrong_protect_mask_is_refused(change):
    with pytest.raises(SceneError) as caught:
        scene_from_json(guarded(change))
    assert "\n" not in str(caught.value)


def test_a_source_must_name_a_row_that_is_there():
    styled = replace(plain(), sources=(Source(None, 6, 1.0), None))
    with pytest.raises(SceneError, match="names row 6, the scene has 6 rows"):
        scene_from_json(scene_to_json(scene_of(styled)))
    scene_from_json(scene_to_json(scene_of(replace(plain(), sources=(Source(3, 6, 1.0), None)))))


def test_a_mask_is_64_by_64_bits_the_most_significant_first():
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[0, 0] = mask[1, 9] = True
    data = base64.b64decode(mask_to_text(mask))
    assert len(data) == 512 and data[0] == 0x80 and data[8 + 1] == 0x40 and sum(data) == 0xC0
    assert torch.equal(mask_from_text(mask_to_text(mask), "the mask"), mask)
