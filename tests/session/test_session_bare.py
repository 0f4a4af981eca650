"""Sessions with a model without a layout: seeds, links, history, parsed photos; and no edits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spatial_edit import share
from spatial_edit.edits import EditError
from spatial_edit.layouts import Guard, Latent, Layout, Scene
from spatial_edit.layouts.codec import SceneError, scene_from_bytes, scene_from_json, scene_to_json
from spatial_edit.layouts.scene import Provenance
from spatial_edit.session import Session, render_live
from spatial_edit.store import Store
from tests.ui.fake_bare import Plain

PHOTO = Provenance("photo", "ab" * 32, "encode")


@pytest.fixture
def session() -> Session:
    model = Plain()
    return Session(lambda name: model, Store(), names=lambda number: "plain")


def parsed(rows: Tensor) -> Scene:
    return Scene("plain", "00112233aabbccdd", Layout(), Latent(5, 0.0, rows, torch.zeros(0)), PHOTO)


def test_generate_open_and_history(session: Session) -> None:
    first = session.generate("plain", 3, 0.25)
    second = session.generate("plain", 4)
    assert not torch.equal(first.image, second.image) and first.code != second.code
    assert session.undo().code == first.code and torch.equal(session.frame.image, first.image)
    assert session.redo().code == second.code and session.goto(0).code == first.code
    again = session.open(first.code)
    assert torch.equal(again.image, first.image) and again.scene.latent.truncation == 0.25
    assert [step.label for step in session.timeline.steps] == ["Seed 3", "Link"]


def test_other_weights_and_another_kind_are_told(session: Session) -> None:
    code = session.generate("plain", 3).code
    other = Plain("99aabbccddeeff00")
    late = Session(lambda name: other, Store(), names=lambda number: "plain")
    with pytest.raises(share.OtherWeights, match="open it as its seed"):
        late.open(code)
    today = late.open(code, today=True)
    assert today.scene.weights == other.weights and "its seed with today's model" in today.notes[0]
    model = Plain()
    model.spec = replace(model.spec, kind="blobs")
    with pytest.raises(share.CodeError, match="without a layout"):
        Session(lambda name: model, Store(), names=lambda number: "plain").open(code)


def test_a_link_to_an_added_model_that_is_not_here() -> None:
    for number, words in ((130, "add that model first"), (250, "update the program")):
        code = share.encode(Plain().sample(3), number)
        with pytest.raises(share.UnknownModel, match=words):
            Session(lambda name: Plain(), Store(), names={}.__getitem__).open(code)


@pytest.mark.parametrize(
    "edit",
    [
        {"op": "move", "target": 0, "dx": 0.1, "dy": 0},
        {"op": "truncate", "amount": 0.5},
        {"op": "unprotect"},
        {"op": "nothing"},
    ],
)
def test_nothing_is_edited(session: Session, edit: dict) -> None:
    frame = session.generate("plain", 3)
    with pytest.raises(EditError, match="nothing to move in a picture of plain"):
        session.edit([edit])
    assert session.frame is frame
    with pytest.raises(ValueError):
        session.vary("fill", 3)
    with pytest.raises(ValueError):
        session.blend("plain", 1, 2, 0.5)
    model = Plain()
    with pytest.raises(ValueError):
        render_live(lambda name: model, session.store, frame.code, [], names=lambda number: "plain")


def test_a_parsed_photo_goes_to_the_store(session: Session) -> None:
    codes = torch.linspace(-1, 1, 12).reshape(4, 3)
    frame = session.adopt(parsed(codes))
    assert share.is_stored(frame.code) and session.receipt is not None
    assert torch.equal(frame.scene.latent.rows, codes) and frame.label == "Photo"
    session.generate("plain", 3)
    again = session.open(frame.code)
    assert torch.equal(again.image, frame.image) and again.scene.provenance == PHOTO


def test_what_cannot_be_drawn_is_not_stored(session: Session) -> None:
    with pytest.raises(ValueError, match="parse the photo again"):
        session.adopt(parsed(torch.zeros(4, 7)))
    assert session.frame is None and session.receipt is None


def test_as_a_file_and_back() -> None:
    scene = parsed(torch.randn(4, 3, generator=torch.Generator().manual_seed(1)))
    back = scene_from_json(scene_to_json(scene))
    assert back.layout.same(Layout()) and back.latent.same(scene.latent) and back.provenance == PHOTO
    text = scene_to_json(scene).replace('{"kind": "none"}', '{"kind": "none", "elements": []}')
    with pytest.raises(SceneError):
        scene_from_json(text)


def test_a_file_with_a_mask_is_refused() -> None:
    mask = torch.ones(64, 64, dtype=torch.bool)
    scene = replace(parsed(torch.zeros(4, 3)), guard=Guard(mask, Layout(), 5, 0.0))
    with pytest.raises(SceneError, match="guard"):
        scene_from_json(scene_to_json(scene))
    with pytest.raises(SceneError):
        scene_from_bytes(b"no scene at all")
