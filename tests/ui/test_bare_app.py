"""What the app makes of a model without a layout, without a browser."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from dataclasses import replace

from spatial_edit.layouts.scene import Provenance
from spatial_edit.session import Session
from spatial_edit.store import Store
from spatial_edit.ui import context as shared
from spatial_edit.ui.context import Context
from spatial_edit.ui.files import scene_file, scene_json
from spatial_edit.ui.photos.batch import Batch
from spatial_edit.ui.photos.photo_list import list_value
from spatial_edit.ui.scenes import commit, load
from spatial_edit.ui.seeing.maps import seen_map
from spatial_edit.ui.seeing.replay import replay_file
from spatial_edit.ui.serving.seats import Seats
from spatial_edit.ui.wiring import build
from tests.ui.fake_bare import Plain
from tests.ui.fake_generator import FakeGenerator, FakeParsed


def parse(lookup: Any, store: Any, data: bytes, model: str, effort: str, *rest: Any) -> FakeParsed:
    """A photo as its codes: four rows of its first pixel's colour."""
    generator = lookup(model)
    with Image.open(io.BytesIO(data)) as picture:
        pixel = picture.convert("RGB").getpixel((0, 0))
    scene = generator.sample(1)
    rows = (torch.tensor(pixel) / 127.5 - 1).expand(4, 3).clone()
    scene = replace(scene, latent=replace(scene.latent, rows=rows), provenance=Provenance("photo", "ab" * 32))
    session = Session(lookup, store, names=lambda number: model)
    frame = session.adopt(scene)
    assert session.receipt is not None
    return FakeParsed(frame, frame.image, 30.0, 0.1, ("scaled",), session.receipt)


@pytest.fixture
def context() -> Context:
    generators = {generator.spec.name: generator for generator in (Plain(), FakeGenerator())}
    specs = {name: generator.spec for name, generator in generators.items()}
    made: Context = Context(generators.__getitem__, Store(), specs, parse, Seats(lambda: made.new_session()))
    return made


def test_the_canvas_is_told_of_a_picture_alone(context: Context) -> None:
    token, value, model, seed, truncation, code, *_ = load(context, {})
    said = value.value
    assert said["kind"] == "bare" and said["elements"] == [] and said["code"] == code and not said["error"]
    assert said["detail"] == "16 × 16 px" and said["image"].startswith("data:image/")
    assert model.value == "plain" and (seed, truncation) == (6, 0.0)
    assert ("plain · Plain", "plain") in model.choices
    seat = context.seats.take(token)
    second = seat.session.generate("plain", 7)
    back = commit(context, token, {"kind": "undo", "edit": [], "code": second.code, "stamp": 3})
    assert back[1].value["code"] == code and back[1].value["can_redo"] and back[1].value["stamp"] == 3


def test_an_edit_is_refused_in_a_sentence(context: Context) -> None:
    token, _, _, _, _, code, *_ = load(context, {})
    edit = [{"op": "move", "target": 0, "dx": 0.1, "dy": 0.1}]
    value = commit(context, token, {"kind": "edit", "edit": edit, "code": code, "stamp": 1})[1].value
    assert value["error"] == "There is nothing to move in a picture of plain: it has no layout."
    assert value["code"] == code


def test_a_page_may_open_with_such_a_model() -> None:
    page = build(lambda name: Plain(), Store(), {"plain": Plain().spec})
    canvas = [block for block in page.blocks.values() if getattr(block, "elem_id", None) == "canvas"]
    assert canvas[0].props["layout_kind"] == "bare"


def test_files(context: Context) -> None:
    code = context.new_session().generate("plain", 6).code
    picture = scene_file(context, {"what": "picture", "code": code})
    assert picture["name"] == "plain-6.png"
    whole = json.loads(scene_json(context, context.new_session().open(code)))
    assert whole["elements"] == [] and whole["code"] == code and whole["seed"] == 6
    with pytest.raises(ValueError, match="it has no layout"):
        scene_file(context, {"what": "map", "code": code})


def test_differences_and_films_of_two_seeds(context: Context) -> None:
    first, second = (context.new_session().generate("plain", seed).code for seed in (6, 7))
    assert seen_map(context, {"what": "difference", "code": second, "before": first}).sentence
    for what in ("opacity", "depth"):
        with pytest.raises(ValueError):
            seen_map(context, {"what": what, "code": first})
    name, kind, data = replay_file(context, {"codes": [first, second], "format": "gif"}, lambda share: None)
    assert name.endswith(".gif") and kind == "image/gif" and data[:3] == b"GIF"


def test_photos_are_parsed_with_it(context: Context) -> None:
    assert shared.parsing_model(context, "plain") == "plain"
    assert [name for _, name in shared.parsing_choices(context)] == ["plain", "fake-rooms"]
    spec = replace(context.models["plain"], family="eqgan")  # type: ignore[type-var]
    other = replace(context, models={"plain": spec})
    with pytest.raises(ValueError, match="cannot be parsed"):
        shared.parsing_model(other, "plain")


def test_a_batch_without_maps_and_tables(context: Context, tmp_path: Path) -> None:
    files = []
    for place, colour in enumerate(((200, 10, 10), (10, 200, 10))):
        Image.new("RGB", (32, 32), colour).save(tmp_path / f"{place}.png")
        files.append(str(tmp_path / f"{place}.png"))
    batch = Batch(context, "plain", "encode", "crop")
    batch.take(files)
    batch.run()
    assert [photo.state for photo in batch.photos] == ["done", "done"], batch.photos[0].reason
    rows: Any = list_value(batch)["photos"]
    assert [row["mapped"] for row in rows] == [False, False]
    with zipfile.ZipFile(batch.archive()) as bundle:
        names = sorted(Path(name).name for name in bundle.namelist())
    assert names == sorted(["original.png", "reconstruction.png", "scene.json"] * 2 + ["photos.csv"])
    assert batch.picture(1, "pair").exists() and not batch.picture(1, "map").exists()
    opened = context.new_session().open(batch.result(2).code)
    assert opened.image[1].mean() > 0.5 > opened.image[0].mean()  # green
