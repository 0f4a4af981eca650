"""Dragging points through the session: what may be asked, one step a drag, the link's picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from spatial_edit import share
from spatial_edit.layouts.guard_codec import mask_to_text
from spatial_edit.session import Session, Store, delete_stored
from spatial_edit.session.drag import drag_refusal, read_drag
from tests.ui.fake_drag import FakeDrags, PlainDrags, fake_drag
from tests.ui.fake_generator import FakeGenerator

PAIR = {"x": 0.3, "y": 0.4, "to_x": 0.4, "to_y": 0.4}
MASK = mask_to_text(torch.eye(64, dtype=torch.bool))


@pytest.fixture(autouse=True)
def toy_drag(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("spatial_edit.session.drag.drag", fake_drag)
    monkeypatch.setattr("tests.ui.fake_drag.PAUSE", 0.0)
    yield


def session_of(generator: Any, store: Store | None = None) -> Session:
    return Session(
        {generator.spec.name: generator}.__getitem__, store, names=lambda number: generator.spec.name
    )


@pytest.fixture
def session() -> Session:
    made = session_of(FakeDrags())
    made.generate("fake-rooms", 3)
    return made


WRONG: list[tuple[Any, Any, Any, str]] = [
    (None, None, None, "list of pairs"),
    ("x", None, None, "list of pairs"),
    ([], None, None, "no point"),
    ([PAIR] * 200, None, None, "200 points"),
    ([{**PAIR, "x": k / 40, "id": k} for k in range(33)], None, None, "33 points"),
    ([{"x": 0.3, "y": 0.4}], None, None, "point 1 has no target"),
    ([PAIR, {"x": 0.3, "y": 0.4, "to_x": None, "to_y": 0.2}], None, None, "point 2 has no target"),
    ([{"to_x": 0.3, "to_y": 0.4, "id": 7}], None, None, "point 7 has no handle"),
    ([{**PAIR, "to_x": 0.3}], None, None, "at its target already"),
    ([{**PAIR, "to_x": 1.2}], None, None, "target of point 1 lies outside"),
    ([{**PAIR, "y": -0.1}], None, None, "handle of point 1 lies outside"),
    ([{**PAIR, "x": float("nan")}], None, None, "finite"),
    ([{**PAIR, "x": "0.3"}], None, None, "number"),
    ([{**PAIR, "x": True}], None, None, "number"),
    ([{**PAIR, "z": 1}], None, None, "unknown key"),
    ([{**PAIR, "id": 3}, {**PAIR, "id": 3}], None, None, "same id"),
    ([PAIR], mask_to_text(torch.zeros(64, 64, dtype=torch.bool)), None, "lets nothing change"),
    ([PAIR], "AAAA", None, "mask"),
    ([PAIR], None, [], "options"),
    ([PAIR], None, {"speed": 3}, "unknown key"),
    ([PAIR], None, {"steps": 0}, "steps"),
    ([PAIR], None, {"steps": 100_000}, "steps"),
    ([PAIR], None, {"mode": "fast"}, "auto, latent, joint, coarse"),
    ([PAIR], None, {"space": "z"}, "w, w+"),
    ([PAIR], None, {"learning_rate": 1e9}, "learning_rate"),
]


@pytest.mark.parametrize(("points", "mask", "options", "words"), WRONG)
def test_bad_requests_are_sentences(
    session: Session, points: Any, mask: Any, options: Any, words: str
) -> None:
    before = session.frame
    with pytest.raises(ValueError, match=words) as refused:
        session.drag(points, mask, options)
    assert 8 < len(str(refused.value)) < 300 and "\n" not in str(refused.value)
    assert session.frame is before and not session.can_undo


def test_what_is_asked_is_read() -> None:
    asked = read_drag(
        [{**PAIR, "id": 9}, {**PAIR, "y": 0.9}],
        MASK,
        {"mode": "latent", "space": "w", "steps": 20, "arrived": 0.01},
    )
    assert asked.points.ids == (9, 2) and torch.allclose(asked.points.targets[0], torch.tensor([0.4, 0.4]))
    assert asked.mask is not None and asked.mask.sum() == 64
    assert (asked.options.mode, asked.options.space, asked.options.steps) == ("latent", "w", 20)
    plain = read_drag([PAIR], "", {})
    assert plain.mask is None and plain.options.mode == "auto"
    assert read_drag([PAIR], mask_to_text(torch.ones(64, 64, dtype=torch.bool))).mask is None


def test_a_drag_is_one_step_and_its_link_shows_it(session: Session) -> None:
    first = session.frame
    seen: list[int] = []
    frame = session.drag([PAIR], watch=lambda step: seen.append(step.number))
    assert len(seen) > 5 and len(session.timeline.steps) == 2
    assert frame.label == "Drag" and share.is_stored(frame.code) and frame.scene.provenance.kind == "drag"
    assert not torch.equal(frame.image, first.image)
    other = session_of(FakeDrags(), session.store).open(frame.code)
    assert torch.equal(other.image, frame.image) and other.label == "Drag"
    back = session.undo()
    assert torch.equal(back.image, first.image) and back.code == first.code
    assert torch.equal(session.redo().image, frame.image)


def test_a_dragged_scene_is_edited_dragged_again_and_deleted(session: Session) -> None:
    dragged = session.drag([PAIR])
    key = session.receipt.key
    edited = session.edit({"op": "move", "target": 3, "dx": 0.05, "dy": 0.0})
    assert share.decode_stored(edited.code).entry == share.decode_stored(dragged.code).entry
    again = session.drag([{**PAIR, "x": 0.6, "y": 0.6}])
    assert share.decode_stored(again.code).entry != share.decode_stored(dragged.code).entry
    assert len(session.timeline.steps) == 4
    delete_stored(session.store, dragged.code, key)
    with pytest.raises(ValueError):
        session_of(FakeDrags(), session.store).open(dragged.code)
    assert session_of(FakeDrags(), session.store).open(again.code).code == again.code


def test_a_failed_drag_keeps_its_best_state_and_says_so(session: Session) -> None:
    frame = session.drag([{**PAIR, "to_x": 0.01, "to_y": 0.01}])
    assert any("no nearer" in note for note in frame.notes)


def test_a_stopped_drag_keeps_what_is_there(session: Session) -> None:
    numbers: list[int] = []
    session.drag([PAIR], watch=lambda step: numbers.append(step.number), keep_going=lambda: len(numbers) < 4)
    assert len(numbers) == 5 and len(session.timeline.steps) == 2  # it is asked before the next step


def test_a_photo_stays_a_photo(session: Session) -> None:
    from dataclasses import replace

    from spatial_edit.layouts import Provenance

    scene = FakeDrags().sample(5)
    session.adopt(replace(scene, provenance=Provenance("photo", "ab" * 32, "tune")))
    frame = session.drag([PAIR])
    assert frame.scene.provenance.photo == "ab" * 32 and frame.label == "Drag"
    assert session_of(FakeDrags(), session.store).open(frame.code).label == "Photo"


def test_what_cannot_be_dragged(session: Session) -> None:
    still = session_of(FakeGenerator())
    frame = still.generate("fake-rooms", 3)
    assert "no spatial features" in drag_refusal(FakeGenerator(), frame.scene)
    with pytest.raises(ValueError, match="no spatial features"):
        still.drag([PAIR])
    guarded = session.edit({"op": "protect", "mask": MASK})
    assert "protected" in drag_refusal(FakeDrags(), guarded.scene)
    with pytest.raises(ValueError, match="protected"):
        session.drag([PAIR])
    with pytest.raises(ValueError, match="no scene"):
        session_of(FakeDrags()).drag([PAIR])


def test_a_model_without_a_layout() -> None:
    session = session_of(PlainDrags())
    session.generate("plain", 4)
    frame = session.drag([PAIR])
    assert frame.scene.layout.kind == "" and frame.scene.provenance.kind == "drag"
    assert torch.equal(session_of(PlainDrags(), session.store).open(frame.code).image, frame.image)
