"""What the canvas is told of a scene, and the way along its history."""

from __future__ import annotations

import base64
import hashlib
import json

import numpy as np
import pytest

from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.session import Session
from spatial_edit.store import Store
from spatial_edit.ui.canvas import elements_of, scene_value, world_of
from spatial_edit.ui.scenes import _step


@pytest.fixture
def session():
    tiny = BlobGenerator.tiny()
    session = Session(lambda name: tiny, Store(), names=lambda number: tiny.spec.name)
    seed = next(s for s in range(50) if len(tiny.sample(s).layout) >= 4)
    session.generate(tiny.spec.name, seed)
    return session


def value_of(session, **more):
    edits = ("recolour", "surface")
    return scene_value(
        session.frame, "row {}".format, why="commit", edits=edits, timeline=session.timeline, **more
    )


def test_elements_tell_their_styles(session):
    first, second = session.frame.scene.layout.ids[:2]
    frame = session.edit(
        [
            {"op": "recolour", "target": first, "colour": "#ff0010"},
            {"op": "restyle", "target": second, "row": 2, "seed": 9, "share": 0.25},
            {"op": "opacity", "target": second, "value": 0.5},
        ]
    )
    elements = {element["id"]: element for element in elements_of(frame, "row {}".format)}
    assert set(elements[first]) == {
        "id", "name", "x", "y", "size", "aspect", "angle", "hidden", "locked", "opacity", "row", "source",
        "colour", "paint",
    }  # fmt: skip
    assert elements[first]["colour"] == elements[first]["paint"] == "#ff0010"
    assert elements[first]["source"] is None and elements[first]["opacity"] == 1
    assert elements[second]["source"] == {"seed": 9, "row": 2, "share": 0.25}
    assert elements[second]["colour"] is None and elements[second]["opacity"] == 0.5
    assert elements[second]["paint"].startswith("#") and len(elements[second]["paint"]) == 7


def test_the_world_tells_backdrop_surfaces_and_mask(session):
    cells = np.zeros((64, 64), bool)
    cells[3:9, 20:40] = True
    mask = base64.b64encode(np.packbits(cells).tobytes()).decode()
    session.edit(
        [
            {"op": "background", "seed": 5, "share": 0.5},
            {"op": "surface", "surface": "back", "colour": "#010203"},
            {"op": "protect", "mask": mask},
        ]
    )
    world = value_of(session)["world"]
    assert world["backdrop"] == {"seed": 5, "share": 0.5} and world["guard"] == mask
    assert world["surfaces"] == [None, None, "#010203", None, None] and world["paints"][2] == "#010203"
    assert len(world["paints"]) == 5 and world["rows"][3] == "row 3" and len(world["rows"]) == 6
    assert world["can"] == ["recolour", "surface", "protect", "unprotect"]
    assert world["from_photo"] is False and world["truncation"] == 0
    assert set(world_of(session.frame)) == {"backdrop", "surfaces", "guard"}
    json.dumps(value_of(session), allow_nan=False)


def test_the_history_has_a_key_and_a_label_for_every_step(session):
    first = session.frame.code
    session.edit({"op": "relayout", "seed": 3})
    history = value_of(session)["history"]
    assert history["present"] == 1 and history["branches"] == []
    assert [step["label"] for step in history["steps"]][1] == "Another layout"
    assert history["steps"][0]["key"] == hashlib.sha256(first.encode()).hexdigest()[:12]
    assert _step(session, "goto", {"step": 0}).code == first
    session.edit({"op": "relayout", "seed": 4})
    history = value_of(session)["history"]
    assert history["present"] == 1 and [tip["label"] for tip in history["branches"]] == ["Another layout"]
    assert _step(session, "goto", {"branch": 0}).label == "Another layout"


@pytest.mark.parametrize(
    "where",
    [{}, {"step": 99}, {"step": -1}, {"step": True}, {"branch": 0}, {"step": 0, "branch": 0}, "0", [0]],
)
def test_errors_of_the_way_along_the_history(session, where):
    frame = session.frame
    with pytest.raises(ValueError):
        _step(session, "goto", where)
    assert session.frame is frame
