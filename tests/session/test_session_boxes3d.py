"""Session on boxes in a room: link, history and API agree bit for bit, live pictures equal commits, and notes
tell what an edit has put into each other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from spatial_edit import share
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Blobs, Boxes3D, Provenance, Scene
from spatial_edit.layouts.boxes3d_codec import GEOMETRY, boxes3d_to_json
from spatial_edit.layouts.codec import scene_to_bytes
from spatial_edit.session import Frame, Session, render_live
from spatial_edit.share import CodeError, OtherWeights
from spatial_edit.store import Store

NAME = "box3d-tiny"


@pytest.fixture(scope="module")
def generator() -> Box3DGenerator:
    return Box3DGenerator.tiny()


class Models:
    """A registry of one."""

    def __init__(self, generator: Box3DGenerator) -> None:
        self.generator = generator

    def lookup(self, name: str) -> Box3DGenerator:
        assert name == NAME
        return self.generator

    def name(self, number: int) -> str:
        assert number == self.generator.spec.number
        return NAME


@pytest.fixture
def models(generator: Box3DGenerator) -> Models:
    return Models(generator)


@pytest.fixture
def session(models: Models) -> Session:
    return Session(models.lookup, Store(), names=models.name)


def room(frame: Frame) -> Boxes3D:
    assert isinstance(frame.scene.layout, Boxes3D)
    return frame.scene.layout


def first(frame: Frame, name: str) -> int:
    return room(frame).ids[room(frame).classes.index(name)]


def arrangement(layout: Boxes3D) -> dict:
    document = boxes3d_to_json(layout)
    keys = ("id", *GEOMETRY, "facing", "hidden")
    elements = [{key: element[key] for key in keys} for element in document["elements"]]
    shell = {key: document[key] for key in ("room", "camera", "surfaces", "lights")}
    return {"elements": elements, **shell}


def test_determinism_generate_edit_open_undo_redo(session: Session, models: Models) -> None:
    start = session.generate(NAME, 7)
    edited = session.edit({"op": "slide", "target": first(start, "bed"), "dx": 0.3, "dz": 0.0})
    assert not torch.equal(start.image, edited.image)
    opened = Session(models.lookup, Store(), names=models.name).open(edited.code)
    assert opened.code == edited.code and torch.equal(opened.image, edited.image)
    assert room(opened).same(room(edited)) and opened.scene.latent.same(edited.scene.latent)
    assert share.decode(edited.code).layout.same(room(edited))
    assert torch.equal(session.undo().image, start.image) and torch.equal(session.redo().image, edited.image)


@pytest.mark.parametrize(
    "edit",
    [
        {"op": "camera", "orbit": 0.1},
        {"op": "room", "width": 5.5},
        {"op": "surface", "surface": "floor", "r": 0.9, "g": 0.1, "b": 0.1},
        {"op": "light", "exposure": 2.0},
        {"op": "add", "class": "rug", "r": 0.9, "g": 0.1, "b": 0.1},
    ],
    ids=lambda edit: edit["op"],
)
def test_smoke_edits_change_the_picture(session: Session, edit: dict) -> None:
    start = session.generate(NAME, 3)
    after = session.edit(edit)
    assert not torch.equal(start.image, after.image) and len(after.code) <= 2000
    assert torch.equal(session.undo().image, start.image)


def test_numbers_live_equals_the_commit_that_follows(session: Session, models: Models) -> None:
    frame = session.generate(NAME, 7)
    target = first(frame, "bed")
    after = session.edit({"op": "slide", "target": target, "dx": 0.2, "dz": 0.0})
    live = render_live(models.lookup, session.store, frame.code, arrangement(room(after)), names=models.name)
    with torch.no_grad():
        assert torch.equal(live, models.generator.render(after.scene, preview=True))
    committed = Session(models.lookup, Store(), names=models.name)
    committed.open(frame.code)
    again = committed.edit({"op": "arrange", "layout": arrangement(room(after))})
    assert again.code == after.code


def test_errors_live_is_checked_like_an_edit(session: Session, models: Models) -> None:
    frame = session.generate(NAME, 7)
    frame = session.edit({"op": "lock", "target": first(frame, "bed")})
    good = arrangement(room(frame))
    bed = good["elements"].index(next(e for e in good["elements"] if e["id"] == first(frame, "bed")))

    def live(document: object) -> torch.Tensor:
        return render_live(models.lookup, session.store, frame.code, document, names=models.name)

    def changed(index: int, **values: object) -> dict:
        elements = [dict(element) for element in good["elements"]]
        elements[index] |= values
        return good | {"elements": elements}

    other = 0 if bed else 1
    live(good)
    live({"elements": good["elements"][bed : bed + 1]})
    for document, words in (
        (changed(other, x=9.0), "outside the room"),
        (changed(other, hx=0.0), "must lie in"),
        (changed(other, x=float("nan")), "finite"),
        (changed(other, r=2), "must lie in"),
        (changed(other, id=200), "no element 200"),
        (changed(other, facing=7), "must lie in"),
        (changed(other, extra=1), "unknown key"),
        (changed(bed, x=good["elements"][bed]["x"] + 0.01), "locked"),
        (changed(bed, hidden=True), "locked"),
        ({"elements": good["elements"][other : other + 1]}, "locked and is not in the arrangement"),
        (good | {"elements": good["elements"] * 6}, "at most 40"),
        (good | {"elements": good["elements"] * 2}, "given twice"),
        (good | {"camera": good["camera"] | {"x": 3.9}}, "outside the room's walls"),
        (good | {"room": good["room"] | {"width": 99}}, "must lie in"),
        (good | {"sky": 1}, "unknown key"),
        ([], "JSON object"),
        (None, "JSON object"),
    ):
        with pytest.raises(ValueError, match=words):
            live(document)


def test_smoke_notes_tell_what_stands_in_what(session: Session) -> None:
    frame = session.generate(NAME, 7)
    assert frame.notes == ()
    bed = room(frame).centres[room(frame).classes.index("bed")].tolist()
    into = {"op": "add", "class": "plant", "x": bed[0], "z": bed[2]}
    after = session.edit(into)
    assert any(note.endswith(f"now stands in the bed {first(frame, 'bed')}") for note in after.notes)
    plant = room(after).ids[-1]
    assert session.edit({"op": "recolour", "target": plant, "r": 0, "g": 0, "b": 0}).notes == ()
    up = session.edit({"op": "lift", "target": plant, "dy": 0.9})
    assert up.notes == (f"the plant {plant} now hangs in the air",)
    assert session.undo().notes == () and session.redo().notes == up.notes


def test_errors_leave_the_state_as_it_was(session: Session) -> None:
    frame = session.generate(NAME, 7)
    for bad in (
        {"op": "slide", "target": first(frame, "bed"), "dx": 9.0, "dz": 0.0},
        {"op": "camera", "x": 4.0},
        {"op": "move", "target": 0, "dx": 0.1, "dy": 0.1},
        [{"op": "hide", "target": 0}] * 65,
    ):
        with pytest.raises(ValueError):
            session.edit(bad)
    assert session.frame is not None and session.frame.code == frame.code and not session.can_undo


def parsed(generator: Box3DGenerator) -> Scene:
    """A scene as parsing makes it: from no seed, off the grid of codes."""
    scene = generator.sample(5)
    layout = replace(scene.layout, centres=scene.layout.centres + 1.7e-4)
    latent = replace(scene.latent, rows=scene.latent.rows * 1.1)
    return replace(scene, layout=layout, latent=latent, provenance=Provenance("photo", "ab" * 32, "refine"))


def test_numbers_a_parsed_room_goes_to_the_store(session: Session, models: Models) -> None:
    frame = session.adopt(parsed(models.generator))
    assert frame.code.startswith("s:") and "." not in frame.code
    edited = session.edit({"op": "slide", "target": first(frame, "bed"), "dx": 0.1, "dz": 0.0})
    assert edited.code.startswith(frame.code + ".")
    opened = Session(models.lookup, session.store, names=models.name).open(edited.code)
    assert torch.equal(opened.image, edited.image) and room(opened).same(room(edited))
    back = session.edit({"op": "slide", "target": first(frame, "bed"), "dx": -0.1, "dz": 0.0})
    assert room(back).same(room(frame)) and back.code == frame.code
    assert len(scene_to_bytes(frame.scene)) < 4_000_000


def test_errors_a_layout_of_another_kind(session: Session, models: Models) -> None:
    frame = session.generate(NAME, 7)
    blobs = Blobs(torch.zeros(1, 2), *[torch.ones(1)] * 3, ids=(0,), rows=(0,))
    wrong = replace(share.decode(frame.code), layout=blobs)
    with pytest.raises(CodeError, match="kind 'blobs'"):
        session.open(share.encode_shared(wrong))
    row = replace(share.decode(frame.code), layout=replace(room(frame), rows=(255,) * len(room(frame))))
    with pytest.raises(CodeError, match="appearance"):
        session.open(share.encode_shared(row))


def test_errors_other_weights_open_with_todays_model(session: Session, models: Models) -> None:
    code = session.generate(NAME, 7).code
    newer = Models(Box3DGenerator.tiny(seed=1))
    newer.generator.weights = "fedcba9876543210"
    later = Session(newer.lookup, Store(), names=newer.name)
    with pytest.raises(OtherWeights):
        later.open(code)
    frame = later.open(code, today=True)
    assert room(frame).same(room(session.generate(NAME, 7))) and "other weights" in frame.notes[0]


def test_errors_a_delta_is_checked_before_it_is_drawn(session: Session, models: Models) -> None:
    """Adapted weights in a stored scene are hostile until their names, shapes and sizes are the model's."""
    good = parsed(models.generator)
    name, weight = next(
        (name, p) for name, p in models.generator.model.decoder.named_parameters() if p.dim() == 4
    )
    for delta in (
        (("no.such.weight", torch.zeros(3).half()),),
        ((name, torch.zeros(2, 2).half()),),
        ((name, torch.full_like(weight, 1000.0).half()),),
    ):
        with pytest.raises(ValueError):
            session.adopt(replace(good, delta=delta))
    assert session.frame is None


def test_an_arrangement_in_an_array_of_text_is_read(models: Models, session: Session) -> None:
    first = session.generate(NAME, 3)
    turned = session.edit([{"op": "camera", "orbit": 0.1}])
    session.open(first.code)
    text = json.dumps([{"op": "arrange", "layout": arrangement(room(turned))}])
    assert session.edit(text).code == turned.code
