"""The app on models of the plain kinds of layout: what the canvas is told, commits, live pictures, files."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spatial_edit.session import Session, Store, render_live
from spatial_edit.ui.canvas import scene_value
from spatial_edit.ui.template import KINDS, script
from spatial_edit.ui.wiring import build
from tests.ui.fake_kinds import SAMPLES, FakePlain

EDITS = {
    "heatmaps": {"op": "move", "target": 1, "dx": 0.1, "dy": 0.0},
    "boxes": {"op": "set", "target": 1, "x": 0.5, "y": 0.5, "width": 0.2, "height": 0.1},
    "segments": {"op": "move", "target": 2, "dx": -0.25, "dy": 0.0},
    "blocks": {"op": "swap", "target": 1, "with": 2},
    "points": {"op": "set", "target": 1, "to_x": 0.2, "to_y": 0.2},
}


def session_of(kind: str) -> tuple[Session, FakePlain]:
    model = FakePlain(kind)
    return Session(lambda name: model, Store(), names=lambda number: model.spec.name), model


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_scene_is_shown_edited_and_undone(kind: str) -> None:
    session, model = session_of(kind)
    frame = session.generate(model.spec.name, 5)
    value: Any = scene_value(frame, lambda row: "", why="open")
    assert value["kind"] == kind and len(value["elements"]) == len(SAMPLES[kind]())
    assert all({"id", "name", "x", "y", "hidden", "locked"} <= set(item) for item in value["elements"])
    after = session.edit([EDITS[kind]])
    assert after.code != frame.code and not torch.equal(after.image, frame.image)
    document = {"edits": [EDITS[kind]]}
    live = render_live(
        lambda name: model, session.store, frame.code, document, names=lambda number: model.spec.name
    )
    assert torch.allclose(live, after.image)
    assert session.undo().code == frame.code
    assert session.open(after.code).scene.layout.same(after.scene.layout)
    with pytest.raises(ValueError, match="no known op"):
        session.edit({"op": "explode", "target": 1})


def test_what_the_canvas_is_told() -> None:
    def told(kind: str) -> Any:
        session, model = session_of(kind)
        return scene_value(session.generate(model.spec.name, 5), lambda row: "", why="open")

    assert told("blocks")["world"] == {"rows": 3, "columns": 4, "guard": None}
    block = told("blocks")["elements"][5]
    assert (block["x"], block["y"], block["seed"], block["locked"]) == (0.25, 1 / 3, 105, True)
    window = told("segments")["elements"][1]
    assert told("segments")["world"]["side"] == 16 and window["name"] == "window"
    assert window["runs"] == [35, 4, 51, 4, 67, 4] and window["x"] == pytest.approx(5 / 16)
    assert told("boxes")["elements"][0]["name"] == "bus" and "label" not in told("boxes")["elements"][0]


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_model_of_a_kind_is_offered_when_it_is_there(kind: str) -> None:
    model = FakePlain(kind)
    page = build(lambda name: model, Store(), {model.spec.name: model.spec})
    choices = [block.choices for block in page.blocks.values() if getattr(block, "elem_id", None) == "model"]
    assert choices == [[(f"Toy {kind}", f"fake-{kind}")]]
    canvas = [block for block in page.blocks.values() if getattr(block, "elem_id", None) == "canvas"]
    assert len(canvas) == 1 and canvas[0].props["layout_kind"] == kind


def test_the_bundled_models_are_of_three_kinds() -> None:
    from spatial_edit.generators.registry import editable

    assert {spec.kind for spec in editable().values()} == {"blobs", "boxes3d", "heatmaps"}


def test_each_kind_is_a_small_script_of_its_own() -> None:
    assert KINDS == tuple(f"kinds/{name}.js" for name in ("common", *SAMPLES, "bare"))
    assert all(f"name: '{kind}'" in script() for kind in SAMPLES)
