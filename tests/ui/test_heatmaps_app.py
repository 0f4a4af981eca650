"""What the server tells and makes for scenes of heatmaps: words, variations, what is inside the networks."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image

pytest.importorskip("gradio", reason="gradio is absent: pip install -r requirements.txt")

from spatial_edit import share
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.session import Store
from spatial_edit.ui.canvas import scene_value
from spatial_edit.ui.context import Context
from spatial_edit.ui.seeing.inside import SIDE, seen_inside
from spatial_edit.ui.seeing.service import seeing_functions
from spatial_edit.ui.seeing.variations import variations
from spatial_edit.ui.serving.seats import Seats
from tests.ui.fake_generator import fake_parse

WORDS = ("bed", "night_stand", "painting")


@pytest.fixture(scope="module")
def models() -> dict[str, SpatialGANScenes]:
    objects, levels = SpatialGANScenes.tiny(objects=True), SpatialGANScenes.tiny()
    objects.spec = replace(objects.spec, name="objects", number=237, row_names=WORDS)
    levels.spec = replace(levels.spec, name="levels", number=236)
    return {"objects": objects, "levels": levels}


@pytest.fixture
def context(models: dict[str, SpatialGANScenes]) -> Context:
    specs: dict[str, Any] = {name: model.spec for name, model in models.items()}
    made = Context(models.__getitem__, Store(), specs, fake_parse, Seats(lambda: made.new_session()))
    return made


def opened(context: Context, name: str) -> Any:
    session = context.new_session()
    session.generate(name, 5)
    return session


def test_words_levels_and_abilities_are_told(context: Context) -> None:
    session = opened(context, "objects")
    value: Any = scene_value(
        session.frame, context.row_names("objects"), why="open", edits=context.edits("objects")
    )
    assert [item["name"] for item in value["elements"]] == ["bed", "night stand", "painting"]
    assert {"appearance", "replace"} <= set(value["world"]["can"]) and value["world"]["appearance"] is None
    after = session.edit({"op": "appearance", "seed": 9})
    value = scene_value(after, context.row_names("objects"), why="commit")
    assert value["world"]["appearance"] == 9


@pytest.mark.parametrize(
    ("name", "edit", "label"),
    [
        ("objects", {"op": "move", "target": 1, "dx": 0.1, "dy": 0.0}, "Move night stand"),
        ("levels", {"op": "move", "target": 0, "dx": 0.1, "dy": 0.0}, "Move coarse centre"),
        ("levels", {"op": "detach", "target": 4}, "Detach fine centre 2"),
    ],
)
def test_a_step_is_called_by_the_centre_s_word(context: Context, name: str, edit: Any, label: str) -> None:
    assert opened(context, name).edit(edit).label == label


@pytest.mark.parametrize(
    ("name", "kind"), [("levels", "appearance"), ("objects", "replace"), ("levels", "relayout")]
)
def test_four_variations_and_the_commit_that_makes_each(context: Context, name: str, kind: str) -> None:
    session = opened(context, name)
    asked = {"code": session.frame.code, "kind": kind, "seed": 5, "keep": [1]}
    items: Any = variations(context, asked)["items"]
    assert len({item["image"] for item in items}) == 4
    before = session.frame.scene.layout
    after = session.edit(items[2]["commit"]["edit"])
    assert not torch.equal(after.image, session.undo().image)
    same = torch.equal(after.scene.layout.centres, before.centres)
    assert same != (kind == "relayout")
    if kind == "replace":
        assert [look is None for look in after.scene.layout.looks] == [True, False, True]


def test_what_cannot_vary_says_so(context: Context) -> None:
    code = opened(context, "objects").frame.code
    with pytest.raises(ValueError, match="there is no variation 'restyle': choose one of appearance"):
        variations(context, {"code": code, "kind": "restyle", "seed": 5, "keep": [1]})
    with pytest.raises(ValueError, match="select the elements"):
        variations(context, {"code": code, "kind": "replace", "seed": 5, "keep": []})


def test_features_are_pictures_whose_cells_stay_cells(context: Context) -> None:
    answer: Any = seen_inside(context, {"what": "features", "code": opened(context, "levels").frame.code})
    assert [panel["title"] for panel in answer["panels"]] == ["4 × 4", "8 × 8", "16 × 16", "32 × 32"]
    for count, panel in zip((4, 8, 16, 32), answer["panels"], strict=True):
        with Image.open(io.BytesIO(base64.b64decode(panel["image"].split(",")[1]))) as picture:
            cell = SIDE // count
            assert picture.format == "PNG" and picture.size == (SIDE, SIDE)
            assert len(picture.crop((cell, 0, 2 * cell, cell)).getcolors() or []) == 1


@pytest.mark.parametrize(
    "payload", [None, [], {}, {"what": "x"}, {"what": "features"}, {"what": [], "code": "a"}]
)
def test_a_bad_request_is_a_sentence(context: Context, payload: Any) -> None:
    see_inside = {function.__name__: function for function in seeing_functions(context)}["see_inside"]
    answer = see_inside(payload)
    assert set(answer) == {"error"} and str(answer["error"]).endswith(".")


def test_a_model_without_its_discriminator_says_so(context: Context) -> None:
    code = share.encode(context.lookup("objects").sample(1), 237)
    with pytest.raises(ValueError, match="does not come with it"):
        seen_inside(context, {"what": "attention", "code": code})
