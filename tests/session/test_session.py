"""Session: link, history and API agree bit for bit; errors leave the state as it was."""

from __future__ import annotations

import copy
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from spatial_edit import share
from spatial_edit.images import to_square
from spatial_edit.session import Session, delete_stored, parse_upload, render_live, resolve
from spatial_edit.share import CodeError, OtherWeights, UnknownModel
from spatial_edit.store import Cache, NotFound, Store, StoreError

MOVE = {"op": "move", "target": 3, "dx": 0.1, "dy": -0.05}


@pytest.fixture
def session(models):
    return Session(models.lookup, Store(), names=models.name)


def same_picture(a, b):
    return torch.equal(a.image, b.image)


def elements(layout):
    keys = zip(
        layout.ids,
        *layout.centres.T.tolist(),
        layout.sizes.tolist(),
        layout.aspects.tolist(),
        layout.angles.tolist(),
        layout.hidden,
        strict=True,
    )
    return [
        dict(zip(("id", "x", "y", "size", "aspect", "angle", "hidden"), row, strict=True)) for row in keys
    ]


def test_generate_edit_open_agree_bit_for_bit(session, models):
    session.generate("fake", 7, 0.3)
    edited = session.edit(MOVE)
    opened = Session(models.lookup, Store(), names=models.name).open(edited.code)
    assert opened.code == edited.code
    assert same_picture(opened, edited)
    assert opened.scene.layout.same(edited.scene.layout) and opened.scene.latent.same(edited.scene.latent)


def test_the_committed_scene_is_the_decoded_code(session):
    frame = session.generate("fake", 12)
    assert share.decode(frame.code).layout.same(frame.scene.layout)


def test_edits_change_the_picture(session):
    first = session.generate("fake", 7)
    assert not same_picture(first, session.edit(MOVE))


def test_undo_and_redo_restore_bit_for_bit(session):
    first = session.generate("fake", 7)
    second = session.edit(MOVE)
    third = session.edit([{"op": "hide", "target": 1}, {"op": "resize", "target": 2, "factor": 1.5}])
    assert same_picture(session.undo(), second) and session.frame.code == second.code
    assert same_picture(session.undo(), first) and not session.can_undo
    assert same_picture(session.redo(), second)
    assert same_picture(session.redo(), third) and not session.can_redo


def test_a_left_branch_can_be_taken_again(session):
    session.generate("fake", 7)
    left = session.edit(MOVE)
    session.undo()
    session.edit({"op": "hide", "target": 0})
    assert len(session.branches) == 1
    assert same_picture(session.take_branch(0), left) and session.can_undo


def test_move_and_move_back_give_the_same_code(session):
    first = session.generate("fake", 7)
    session.edit(MOVE)
    assert session.edit({"op": "move", "target": 3, "dx": -0.1, "dy": 0.05}).code == first.code


def test_a_clone_keeps_its_number_through_the_link(session, models):
    session.generate("fake", 7)
    frame = session.edit({"op": "clone", "target": 2, "dx": 0.1, "dy": 0.1})
    opened = Session(models.lookup, names=models.name).open(frame.code)
    assert 6 in opened.scene.layout.ids
    session.undo()
    assert session.edit({"op": "clone", "target": 2, "dx": 0.1, "dy": 0.1}).code == frame.code


def test_a_code_holds_the_truncation_that_was_asked_for(session):
    frame = session.generate("fake", 3, 0.3)
    assert frame.scene.latent.truncation == 0.3 and share.decode(frame.code).truncation == 0.3


@pytest.mark.parametrize("seed", [-1, 2**32, True, 1.0, "7", None])
def test_a_wrong_seed_is_refused(session, seed):
    with pytest.raises(ValueError, match="seed"):
        session.generate("fake", seed)


@pytest.mark.parametrize("truncation", [-0.1, 1.1, float("nan"), True, "0", None])
def test_a_wrong_truncation_is_refused(session, truncation):
    with pytest.raises(ValueError, match="truncation"):
        session.generate("fake", 1, truncation)


def test_errors_leave_the_state_as_it_was(session, models):
    frame = session.generate("fake", 7)
    bad_target = {"op": "remove", "target": 99}
    for attempt in (
        lambda: session.edit(bad_target),
        lambda: session.edit([MOVE, bad_target]),
        lambda: session.open("nonsense"),
        lambda: session.generate("absent", 1),
        session.undo,
        session.redo,
    ):
        with pytest.raises(ValueError):
            attempt()
        assert session.frame is frame and not session.can_undo
    models.generator.broken = True
    for attempt in (lambda: session.edit(MOVE), lambda: session.generate("fake", 8)):
        with pytest.raises(ValueError, match="out of order"):
            attempt()
        assert session.frame is frame and not session.can_undo and not session.can_redo


def test_a_renderer_error_leaves_undo_possible(session, models):
    first = session.generate("fake", 7)
    session.edit(MOVE)
    models.generator.broken = True
    with pytest.raises(ValueError, match="out of order"):
        session.undo()
    models.generator.broken = False
    assert same_picture(session.undo(), first)


def test_a_renderer_error_leaves_nothing_in_the_store(session, models, fake):
    models.generator.broken = True
    with pytest.raises(ValueError, match="out of order"):
        session.adopt(fake.parsed(models.generator))
    assert session.store._listing() == {} and session.receipt is None


def test_editing_before_the_first_scene_is_refused(session):
    with pytest.raises(ValueError, match="no scene to edit"):
        session.edit(MOVE)


def test_more_elements_than_the_model_takes_are_refused(session):
    session.generate("fake", 7)
    clone = {"op": "clone", "target": 0, "dx": 0.0, "dy": 0.0}
    session.edit([clone] * 18)
    with pytest.raises(CodeError, match="at most 24"):
        session.edit(clone)


def test_a_code_for_an_unknown_model_says_so(session):
    frame = session.generate("fake", 7)
    with pytest.raises(UnknownModel, match="model number 9"):
        session.open(share.encode(frame.scene, 9))


def test_a_code_with_a_row_that_the_model_lacks_is_refused(session):
    frame = session.generate("fake", 7)
    layout = replace(frame.scene.layout, rows=(200, *frame.scene.layout.rows[1:]))
    with pytest.raises(CodeError, match="appearance"):
        session.open(share.encode(replace(frame.scene, layout=layout), 251))


def test_other_weights_are_told_and_the_layout_opens_with_todays_model(session, fake):
    frame = session.generate("fake", 7)
    newer = fake.Models(fake.FakeGenerator("fedcba9876543210"))
    today = Session(newer.lookup, names=newer.name)
    with pytest.raises(OtherWeights) as caught:
        today.open(frame.code)
    assert caught.value.shared.layout.same(frame.scene.layout) and today.frame is None
    opened = today.open(frame.code, today=True)
    assert opened.scene.layout.same(frame.scene.layout) and opened.scene.weights == "fedcba9876543210"
    assert opened.code != frame.code and "other weights" in opened.notes[0]


def test_a_parsed_scene_keeps_every_bit_of_its_latent(session, models, fake):
    scene = fake.parsed(models.generator)
    frame = session.adopt(scene)
    assert frame.code.startswith("s:") and frame.scene.latent.same(scene.latent)
    assert frame.scene.provenance == scene.provenance
    assert torch.equal(frame.scene.delta[0][1], scene.delta[0][1])
    assert "until the program restarts" in frame.notes[0]


def test_a_parsed_scene_edits_and_opens_bit_for_bit(session, models, fake):
    first = session.adopt(fake.parsed(models.generator))
    edited = session.edit(MOVE)
    assert edited.code.startswith(first.code + ".") and len(session.store._listing()) == 1
    opened = Session(models.lookup, session.store, names=models.name).open(edited.code)
    assert same_picture(opened, edited) and opened.code == edited.code
    assert session.edit({"op": "move", "target": 3, "dx": -0.1, "dy": 0.05}).code == first.code
    session.undo()
    assert same_picture(session.undo(), first)


def test_a_stored_code_is_canonical(session, models, fake):
    first = session.adopt(fake.parsed(models.generator))
    longer = share.encode_stored(session.receipt.id, first.scene.layout)
    assert session.open(longer).code == first.code


def test_a_parsed_scene_of_other_weights(session, models, fake):
    session.adopt(fake.parsed(models.generator))
    code = session.edit(MOVE).code
    layout = session.frame.scene.layout
    newer = fake.Models(fake.FakeGenerator("fedcba9876543210"))
    other = Session(newer.lookup, session.store, names=newer.name)
    with pytest.raises(OtherWeights):
        other.open(code)
    opened = other.open(code, today=True)
    assert opened.scene.layout.same(layout) and not share.is_stored(opened.code)


def test_a_scene_of_other_weights_is_not_stored(session, models, fake):
    newer = fake.Models(fake.FakeGenerator("fedcba9876543210"))
    other = Session(newer.lookup, names=newer.name)
    with pytest.raises(OtherWeights):
        other.adopt(fake.parsed(models.generator))
    assert not other.store._listing() and other.frame is None


def test_steps_of_a_tuned_photo_share_its_weights(session, models, fake, monkeypatch):
    """Also when the entry was read from the store again in between."""
    first = session.adopt(fake.parsed(models.generator))
    monkeypatch.setattr(sys.modules["spatial_edit.session.resolve"], "_stored", Cache(1, -1.0))
    second = session.edit(MOVE)
    assert second.scene.delta and second.scene.delta[0][1] is first.scene.delta[0][1]
    assert second.scene.latent.rows is not first.scene.latent.rows  # it was read again


def test_a_deleted_scene_is_gone_at_once(session, models, fake):
    frame = session.adopt(fake.parsed(models.generator))
    with pytest.raises(StoreError, match="key"):
        delete_stored(session.store, frame.code, "wrong")
    delete_stored(session.store, frame.code, session.receipt.key)
    with pytest.raises(NotFound):
        session.open(frame.code)
    assert session.frame.code == frame.code


def test_live_equals_the_commit_that_follows(session, models):
    frame = session.generate("fake", 7)
    dragged = elements(frame.scene.layout)
    dragged[3]["x"] += 0.1
    dragged[3]["y"] -= 0.05
    live = render_live(models.lookup, session.store, frame.code, dragged, names=models.name)
    assert torch.equal(live, session.edit(MOVE).image)


def test_live_leaves_out_what_is_not_named(session, models):
    frame = session.generate("fake", 7)
    live = render_live(
        models.lookup, session.store, frame.code, elements(frame.scene.layout)[1:], names=models.name
    )
    assert torch.equal(live, session.edit({"op": "remove", "target": 0}).image)


def test_live_is_checked_like_an_edit(session, models):
    code = session.generate("fake", 7).code
    good = elements(session.frame.scene.layout)

    def changed(**values):
        return [good[0] | values, *good[1:]]

    for bad in (
        None,
        "[]",
        {},
        [1],
        changed(x=2.0),
        changed(x=float("nan")),
        changed(x=True),
        changed(size=0.0),
        changed(aspect=11.0),
        changed(hidden=0),
        changed(id=1),
        changed(id=99),
        changed(extra=1),
        [{k: v for k, v in good[0].items() if k != "angle"}],
        good * 20,
    ):
        with pytest.raises(ValueError):
            render_live(models.lookup, session.store, code, bad, names=models.name)


def test_live_refuses_to_move_a_locked_element(session, models):
    session.generate("fake", 7)
    frame = session.edit({"op": "lock", "target": 2})
    good = elements(frame.scene.layout)
    render_live(models.lookup, session.store, frame.code, good, names=models.name)
    good[2]["x"] += 0.01
    with pytest.raises(ValueError, match="locked"):
        render_live(models.lookup, session.store, frame.code, good, names=models.name)


def test_live_from_eight_threads_gives_the_same_pictures(session, models, fake):
    codes = [session.generate("fake", seed).code for seed in range(20, 24)]
    codes.append(session.adopt(fake.parsed(models.generator)).code)

    def render(i):
        code = codes[i % len(codes)]
        scene, _ = resolve(models.lookup, session.store, code, names=models.name)
        moved = elements(scene.layout)
        moved[i % 6]["x"] = 0.1 + i % 7 / 10
        return render_live(models.lookup, session.store, code, moved, names=models.name)

    alone = [render(i) for i in range(64)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(render, range(64)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_live_samples_a_seed_once(session, models, fake):
    fresh = fake.Models(fake.FakeGenerator("aaaabbbbccccdddd"))
    user = Session(fresh.lookup, names=fresh.name)
    frame = user.generate("fake", 77)
    for _ in range(5):
        render_live(fresh.lookup, user.store, frame.code, elements(frame.scene.layout), names=fresh.name)
    assert fresh.generator.sampled == 1


def test_an_uploaded_photo_becomes_a_stored_scene(models, fake, monkeypatch):
    """The parser is replaced: what is tested is the way from bytes to a link."""
    buffer = io.BytesIO()
    Image.new("RGBA", (40, 20), (255, 0, 0, 0)).save(buffer, "PNG")

    def parse_photo(generator, photo, effort, *, fit, progress, keep_going):
        progress(0.5)
        assert (photo.image.size, effort, fit) == ((40, 20), "encode", "letterbox")
        original = to_square(photo, 24, fit)
        return SimpleNamespace(
            scene=fake.parsed(generator), original=original, psnr=21.5, seconds=0.1, notes=photo.notes
        )

    monkeypatch.setitem(sys.modules, "spatial_edit.parse", SimpleNamespace(parse_photo=parse_photo))
    store, steps = Store(), []
    done = parse_upload(models.lookup, store, buffer.getvalue(), "fake", "encode", "letterbox", steps.append)
    assert done.original.shape == (3, 24, 24) and steps == [0.5] and done.psnr == 21.5
    assert any("transparen" in note for note in done.notes) and "restarts" in done.notes[-1]
    assert torch.equal(
        Session(models.lookup, store, names=models.name).open(done.frame.code).image, done.frame.image
    )
    store.delete(done.receipt.id, done.receipt.key)
    with pytest.raises(ValueError):
        parse_upload(models.lookup, store, b"no photo", "fake", "encode", "crop", None)
    assert store._listing() == {}


def test_a_session_can_be_copied_and_shares_its_store(session):
    session.generate("fake", 7)
    twin = copy.deepcopy(session)
    assert twin.store is session.store
    twin.edit(MOVE)
    assert session.can_undo is False and twin.can_undo is True


@pytest.mark.parametrize(
    "code", ["", "s:", "s:../../etc/passwd", None, 7, "s:" + "A" * 22, "Ж" * 40, "A" * 9000]
)
def test_hostile_codes_are_refused_with_a_sentence(session, code):
    with pytest.raises(ValueError) as caught:
        session.open(code)
    assert len(str(caught.value)) < 200 and "\n" not in str(caught.value)


def test_the_history_says_whether_it_began_with_a_photo(session, models, fake):
    made, parsed = session.generate("fake", 1), session.adopt(fake.parsed(models.generator))
    for frame, label in ((made, "Link"), (parsed, "Photo")):
        session.open(frame.code)
        assert session.timeline.steps[-1].label == label
