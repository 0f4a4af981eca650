"""Boxes3D as JSON and scenes with boxes as bytes: every bit comes back, and nothing hostile gets through."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings

from spatial_edit.layouts import Boxes3D, Latent, Scene
from spatial_edit.layouts.codec import (
    SceneError,
    layout_from_json,
    layout_to_json,
    scene_from_bytes,
    scene_from_json,
    scene_to_bytes,
    scene_to_json,
)
from spatial_edit.layouts.strict_json import JsonError
from tests.layouts.sample_room import any_boxes3d, sample_room


def scene_of(layout: Boxes3D) -> Scene:
    latent = Latent(7, 0.1, torch.randn(236, 4), torch.randn(6))
    return Scene("box3d-rooms", "0123456789abcdef", layout, latent)


@settings(max_examples=40)
@given(any_boxes3d())
def test_numbers_json_gives_every_bit_back(layout: Boxes3D) -> None:
    assert layout_from_json(json.loads(json.dumps(layout_to_json(layout)))).same(layout)


@settings(max_examples=15)
@given(any_boxes3d(most=6))
def test_numbers_a_scene_gives_every_bit_back(layout: Boxes3D) -> None:
    rows = max(236, *layout.rows, 0) + 1
    scene = scene_of(layout)
    scene = replace(scene, latent=replace(scene.latent, rows=torch.randn(min(rows, 256), 3)))
    for back in (scene_from_bytes(scene_to_bytes(scene)), scene_from_json(scene_to_json(scene))):
        assert isinstance(back.layout, Boxes3D)
        assert back.layout.same(layout) and back.latent.same(scene.latent) and back.model == scene.model


def test_smoke_the_json_reads_as_it_says() -> None:
    value = layout_to_json(sample_room())
    assert value["kind"] == "boxes3d" and value["room"] == pytest.approx(
        {"width": 4.0, "depth": 4.4, "height": 2.6}
    )
    bed = value["elements"][0]
    assert (bed["class"], bed["facing"], bed["row"], bed["locked"]) == ("bed", 0, 1, False)
    assert (bed["z"], bed["hx"]) == pytest.approx((3.36, 0.8))
    assert list(value["surfaces"]) == ["floor", "ceiling", "back wall", "left wall", "right wall"]
    assert value["lights"]["exposure"] == 1.0


def changed(path: tuple, value: object) -> dict:
    document = copy.deepcopy(layout_to_json(sample_room()))
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return document


BAD = [
    (("elements", 0, "class"), "sofa", "'sofa'.*choose one of bed, pillow"),
    (("elements", 0, "class"), ["bed"], "a JSON array.*choose one of bed"),
    (("elements", 1, "facing"), 4, r"facing of element 2.*\[0, 3\]"),
    (("elements", 1, "facing"), 1.0, "whole number"),
    (("elements", 0, "x"), float("nan"), "finite"),
    (("elements", 0, "x"), float("inf"), "finite"),
    (("elements", 0, "x"), 10.5, r"\[-10, 10\]"),
    (("elements", 0, "hy"), 0.0, "hy of element 1.*must lie in"),
    (("elements", 0, "hy"), -0.5, "must lie in"),
    (("elements", 0, "hz"), 4.5, "must lie in"),
    (("elements", 0, "r"), 1.5, "must lie in"),
    (("elements", 0, "g"), "1", "number"),
    (("elements", 0, "id"), 1, "same id"),
    (("elements", 0, "id"), 256, "must lie in"),
    (("elements", 0, "row"), -1, "must lie in"),
    (("elements", 0, "hidden"), 0, "true or false"),
    (("elements", 0, "extra"), 0, "unknown key 'extra'"),
    (("elements", 0), None, "must be a JSON object"),
    (("elements",), {}, "must be a JSON array"),
    (("room", "width"), 1.0, r"width of the room.*\[2, 8"),
    (("room",), [4, 4, 2.5], "the room must be a JSON object"),
    (("camera", "fov"), 0.0, "fov of the camera"),
    (("camera", "yaw"), True, "number"),
    (("lights", "exposure"), 11, "exposure of the lights"),
    (("lights", "sun"), 1, "unknown key 'sun'"),
    (("surfaces", "floor"), [0.1, 0.2], "red, green and blue"),
    (("surfaces", "floor"), [0.1, 0.2, 0.3, 0.4], "at most 3"),
    (("surfaces", "floor"), [0.1, 0.2, 2], "b of the colour of the floor"),
    (("kind",), "boxes", "kind"),
]


@pytest.mark.parametrize("path, value, words", BAD, ids=lambda value: str(value)[:30])
def test_errors_are_one_sentence(path: tuple, value: object, words: str) -> None:
    with pytest.raises(JsonError, match=words) as caught:
        layout_from_json(changed(path, value))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_errors_sixty_objects() -> None:
    document = layout_to_json(sample_room())
    document["elements"] = document["elements"] * 4
    with pytest.raises(JsonError, match="60 items, at most 40"):
        layout_from_json(document)


@pytest.mark.parametrize("key", ["room", "camera", "surfaces", "lights", "elements"])
def test_errors_a_missing_part(key: str) -> None:
    document = layout_to_json(sample_room())
    del document[key]
    with pytest.raises(JsonError, match=f"lacks {key}"):
        layout_from_json(document)


def test_errors_a_row_that_the_scene_lacks() -> None:
    scene = scene_of(sample_room())
    short = replace(scene, latent=replace(scene.latent, rows=torch.randn(10, 2)))
    with pytest.raises(SceneError, match="row 24"):
        scene_from_json(scene_to_json(short))
