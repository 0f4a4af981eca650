"""What the app makes of boxes in a room, without a browser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

import app
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts.boxes3d import LIGHTS, style_row
from spatial_edit.session import render_live
from spatial_edit.session.adding import is_here
from spatial_edit.store import Store
from spatial_edit.ui import context as shared
from spatial_edit.ui.box_map import box_map, class_colour
from spatial_edit.ui.canvas import elements_of, scene_value, style_of, world_of
from spatial_edit.ui.context import Context
from spatial_edit.ui.files import scene_file
from spatial_edit.ui.scenes import commit
from spatial_edit.ui.serving.live import LiveDesk
from spatial_edit.ui.serving.seats import Seats
from tests.ui.fake_boxes import FakeBoxes
from tests.ui.fake_generator import FakeGenerator, fake_parse

BED = 0


@pytest.fixture
def context() -> Context:
    generators = {g.spec.name: g for g in (FakeBoxes(), FakeGenerator())}
    specs = {name: g.spec for name, g in generators.items()}
    made: Context = Context(
        generators.__getitem__, Store(), specs, fake_parse, Seats(lambda: made.new_session())
    )
    return made


def frame_of(context: Context, seed: int = 6) -> Any:
    return context.new_session().generate("fake-boxes", seed)


def test_the_canvas_gets_every_element_and_the_room(context: Context) -> None:
    frame = frame_of(context)
    value = scene_value(frame, lambda row: "", why="open")
    assert value["kind"] == "boxes3d" and context.first_kind == "boxes3d"
    json.dumps(value, allow_nan=False)
    layout = frame.scene.layout
    elements = elements_of(frame, lambda row: "")
    assert [e["id"] for e in elements] == list(layout.ids)
    bed = elements[layout.ids.index(BED)]
    assert bed["name"] == "bed" and bed["style"] == -1 and not bed["locked"]
    assert [bed[key] for key in ("x", "y", "z")] == layout.centres[BED].tolist()
    world: Any = world_of(frame)
    assert len(world["camera"]) == 6 and len(world["surfaces"]) == 5 and len(world["lights"]) == len(LIGHTS)


def test_styles_are_those_of_the_elements_own_class() -> None:
    assert style_of("bed", style_row("bed", 0)) == 0 and style_of("bed", style_row("bed", 9)) == 9
    assert style_of("bed", 1) == -1 and style_of("bed", style_row("pillow", 0)) == -1


def test_commit_undo_and_a_refused_edit(context: Context) -> None:
    frame = frame_of(context)
    slide = {"op": "slide", "target": 9, "dx": 0.2, "dz": 0.1}
    asked = {"kind": "edit", "edit": [slide], "code": frame.code, "stamp": 3}
    token, canvas, *_ = commit(context, "", asked)
    value = canvas.value
    assert value["stamp"] == 3 and value["error"] == "" and value["code"] != frame.code
    back = commit(context, token, {**asked, "kind": "undo", "code": value["code"], "stamp": 4})[1].value
    assert back["code"] == frame.code
    outside = {"op": "place", "target": 9, "x": 9.0, "z": 1.0}
    refused = commit(context, token, {**asked, "edit": [outside], "stamp": 5})[1].value
    assert "outside the room" in refused["error"] and refused["code"] == frame.code


def test_what_an_edit_puts_into_each_other_is_told(context: Context) -> None:
    frame = frame_of(context)
    into = {"op": "place", "target": 9, "x": -0.2, "z": 3.0, "snap": False}
    asked = {"kind": "edit", "edit": [into], "code": frame.code, "stamp": 1}
    message = commit(context, "", asked)[1].value["message"]
    assert message[0].isupper() and message.endswith(".") and "chair 9" in message and "bed 0" in message


def test_live_pictures_of_an_arrangement(context: Context) -> None:
    frame = frame_of(context)
    keys = ("id", "x", "y", "z", "hx", "hy", "hz", "facing", "hidden")
    elements = [
        {key: e[key] for key in keys} | dict(zip("rgb", e["colour"], strict=True))
        for e in elements_of(frame, lambda row: "")
    ]
    desk = LiveDesk(
        lambda code, document: render_live(
            context.lookup, context.store, code, document, names=context.model_of_number
        )
    )
    payload = {"client": "a", "seq": 1, "code": frame.code, "elements": {"elements": elements}}
    assert str(desk.answer(payload)["image"]).startswith("data:image/jpeg")
    with pytest.raises(ValueError, match="elements"):
        desk.answer({**payload, "elements": "all"})


def test_a_map_shows_what_is_in_front(context: Context) -> None:
    layout = frame_of(context).scene.layout
    picture = box_map(layout, 128)
    alone = box_map(layout.select([layout.ids.index(12)]), 128)  # the painting on the back wall
    painting = tuple(round(255 * 0.86 * part) for part in class_colour("painting"))
    spots = [(x, y) for x in range(128) for y in range(128) if alone.getpixel((x, y)) == painting]
    assert len(spots) > 50
    assert any(picture.getpixel(spot) == painting for spot in spots)
    assert max(alone.getpixel((2, 2))) < 60


def test_files_of_a_room(context: Context) -> None:
    code = frame_of(context).code
    scene = scene_file(context, {"what": "scene", "code": code})
    assert str(scene["name"]).endswith(".json")
    assert str(scene_file(context, {"what": "map", "code": code})["name"]).endswith("-boxes.png")


def test_photos_are_parsed_by_models_that_can(context: Context) -> None:
    assert shared.parsing_model(context, "fake-boxes") == "fake-boxes"
    flat = FakeGenerator("fake-flat", 250).spec
    models = {**context.models, "fake-flat": replace(flat, kind="segments")}
    other = replace(context, models=models)
    with pytest.raises(ValueError, match="use fake-boxes or fake-rooms"):
        shared.parsing_model(other, "fake-flat")
    names = [name for _, name in shared.parsing_choices(other)]
    assert names == ["fake-boxes", "fake-rooms"]


def test_the_app_opens_with_boxes_when_their_weights_are_here(tmp_path: Path) -> None:
    def spec(name: str, number: int, folder: Path) -> ModelSpec:
        return ModelSpec(name, number, "fake", name, "blobs", 64, "MIT", "none", folder)

    here = tmp_path / "here"
    here.mkdir()
    (here / "config.json").write_text("{}")
    models = {"other": spec("other", 1, here), "box3d-rooms": spec("box3d-rooms", 3, here)}
    assert list(app.in_front(models, app.PREFERRED)) == ["box3d-rooms", "other"]
    assert list(app.in_front(models, "other")) == ["other", "box3d-rooms"]
    assert list(app.in_front(models, "gone")) == ["box3d-rooms", "other"]
    assert is_here(models["other"])
    assert not is_here(spec("box3d-rooms", 3, tmp_path / "absent"))
    assert list(app.in_front({"other": models["other"]}, app.PREFERRED)) == ["other"]


def test_a_room_varies_with_a_model_that_can(context: Context) -> None:
    from spatial_edit.generators.box3d.renderer import Box3DGenerator

    tiny = Box3DGenerator.tiny(seed=0)
    able = replace(context, lookup=lambda name: tiny, models={tiny.spec.name: tiny.spec})
    seats = Seats(able.new_session)
    able = replace(able, seats=seats)
    frame = able.new_session().generate(tiny.spec.name, 1)
    asked = {
        "kind": "vary",
        "edit": {"kind": "restyle", "seed": 7, "keep": []},
        "code": frame.code,
        "stamp": 2,
    }
    value = commit(able, "", asked)[1].value
    assert value["error"] == "" and value["code"] != frame.code and value["can_undo"]
    assert "cannot vary" in commit(context, "", asked | {"code": frame_of(context).code})[1].value["error"]
