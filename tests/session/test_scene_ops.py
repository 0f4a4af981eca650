"""Ops on whole scenes: protect masks, another layout, morphs, truncation; exact and all or nothing."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch

from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Source
from spatial_edit.session import Session, draw, render_live, resolve
from spatial_edit.session.picture import soft_mask
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny():
    return BlobGenerator.tiny()


@pytest.fixture
def session(tiny):
    return Session(lambda name: tiny, Store(), names=lambda number: tiny.spec.name)


@pytest.fixture
def seed(tiny):
    """A seed with at least four blobs."""
    return next(s for s in range(50) if len(tiny.sample(s).layout) >= 4)


def mask_text(cells):
    return base64.b64encode(np.packbits(cells).tobytes()).decode()


def half(right=True):
    """(64, 64) True in one half."""
    cells = np.zeros((64, 64), bool)
    cells[:, 32:] = True
    return cells if right else ~cells


def hide_all(frame):
    return [{"op": "hide", "target": number} for number in frame.scene.layout.ids]


def protect(cells):
    return {"op": "protect", "mask": mask_text(cells)}


def photo_of(fake, tiny, seed):
    """A parsed scene, not tuned."""
    return replace(fake.parsed(tiny, seed), delta=())


def reopened(session, frame):
    other = Session(session._lookup, session.store, names=session._names).open(frame.code)
    assert torch.equal(other.image, frame.image) and other.code == frame.code
    return other


# ---- protect ----


def test_outside_the_mask_not_one_bit_changes(session, seed):
    first = session.generate("blobgan-tiny", seed)
    guarded = session.edit(protect(half()))
    assert torch.equal(guarded.image, first.image) and "soft" in guarded.notes[0]
    frame = session.edit(hide_all(first))
    assert torch.equal(frame.image[..., :16], first.image[..., :16])
    bare = Session(session._lookup, names=session._names)
    bare.open(first.code)
    free = bare.edit(hide_all(first)).image
    assert torch.equal(frame.image[..., 18:], free[..., 18:])  # beyond the soft edge
    assert not torch.equal(free[..., :16], first.image[..., :16])
    reopened(session, frame)


def test_unprotect_shows_the_whole_edit(session, seed):
    first = session.generate("blobgan-tiny", seed)
    free = session.edit(hide_all(first)).image
    session.undo()
    session.edit([protect(half()), *hide_all(first)])
    frame = session.edit({"op": "unprotect"})
    assert torch.equal(frame.image, free) and frame.scene.guard is None
    with pytest.raises(ValueError, match="nothing is protected"):
        session.edit({"op": "unprotect"})


def test_another_mask_keeps_the_remembered_state(session, seed):
    first = session.generate("blobgan-tiny", seed)
    session.edit(protect(half()))
    session.edit(hide_all(first))
    frame = session.edit(protect(half(right=False)))
    assert torch.equal(frame.image[..., 16:], first.image[..., 16:])
    assert "before the first mask" in frame.notes[0]
    wider = session.edit(protect(np.ones((64, 64), bool)))
    assert wider.notes == () and not torch.equal(wider.image, first.image)


def test_undo_takes_the_mask_off(session, seed):
    session.generate("blobgan-tiny", seed)
    session.edit(protect(half()))
    assert session.undo().scene.guard is None and session.redo().scene.guard is not None


def test_a_photo_is_protected_too(session, tiny, seed, fake):
    session.adopt(photo_of(fake, tiny, seed))
    frame = session.edit(protect(half()))
    assert frame.code.startswith("s:")
    before = frame.image
    frame = session.edit(hide_all(frame))
    assert torch.equal(frame.image[..., :16], before[..., :16]) and not torch.equal(frame.image, before)
    reopened(session, frame)
    assert session.edit({"op": "unprotect"}).scene.guard is None


def test_live_pictures_heed_the_mask(session, tiny, seed):
    first = session.generate("blobgan-tiny", seed)
    frame = session.edit(protect(half()))
    live = render_live(session._lookup, session.store, frame.code, [], names=session._names)
    whole = render_live(session._lookup, session.store, first.code, [], names=session._names)
    shown = draw(tiny, first.scene, preview=True)
    assert torch.equal(live[..., :16], shown[..., :16]) and torch.equal(live[..., 18:], whole[..., 18:])


def test_the_state_behind_a_mask_has_its_own_truncation(session, seed):
    first = session.generate("blobgan-tiny", seed)
    frame = session.edit([protect(half()), {"op": "truncate", "amount": 0.9}])
    assert torch.equal(frame.image[..., :16], first.image[..., :16])
    assert frame.scene.latent.truncation == 0.9 and frame.scene.guard.truncation == 0.0
    reopened(session, frame)


@pytest.mark.parametrize("side", [24, 32, 64, 96, 128, 256])
def test_a_soft_mask_is_nought_outside_and_rises_inwards(side):
    part = soft_mask(torch.from_numpy(half()), side)
    assert part.shape == (side, side) and torch.equal(part[:, : side // 2], torch.zeros(side, side // 2))
    line = part[side // 2]
    edge = max(1, round(0.03 * side))
    assert (line[side // 2 :] > 0).all() and (line[side // 2 + edge :] == 1).all()
    assert (line[1:] - line[:-1] >= 0).all() and 0 < line[side // 2] < 1
    assert torch.equal(soft_mask(torch.ones(64, 64, dtype=torch.bool), side), torch.ones(side, side))


@pytest.mark.parametrize(
    "mask", ["", "AAAA", None, 7, "!" * 684, mask_text(np.zeros((64, 64), bool)), mask_text(half())[:-4]]
)
def test_a_bad_mask_is_refused_in_a_sentence(session, seed, mask):
    frame = session.generate("blobgan-tiny", seed)
    with pytest.raises(ValueError, match="mask"):
        session.edit({"op": "protect", "mask": mask})
    assert session.frame is frame


# ---- another layout ----


def test_relayout_keeps_numbers_and_styles_of_shared_rows(session, tiny, seed):
    first = session.generate("blobgan-tiny", seed)
    target = first.scene.layout.ids[0]
    session.edit({"op": "recolour", "target": target, "colour": "#ff0000"})
    goal = next(s for s in range(100, 200) if first.scene.layout.rows[0] in tiny.sample(s).layout.rows)
    frame = session.edit({"op": "relayout", "seed": goal})
    layout, wanted = frame.scene.layout, tiny.sample(goal).layout
    assert layout.rows == wanted.rows and torch.allclose(layout.centres, wanted.centres, atol=1e-3)
    k = layout.rows.index(first.scene.layout.rows[0])
    assert layout.ids[k] == target and layout.colours[k] == (255, 0, 0)
    assert len(set(layout.ids)) == len(layout) and frame.scene.latent.seed == seed
    reopened(session, frame)


def test_relayout_of_a_photo_brings_looks_for_what_it_lacks(session, tiny, fake, seed):
    photo = photo_of(fake, tiny, seed)
    kept = photo.layout.select([0])
    session.adopt(replace(photo, layout=kept))
    layout = session.edit({"op": "relayout", "seed": 123}).scene.layout
    fresh = [source for source, row in zip(layout.sources, layout.rows, strict=True) if row != kept.rows[0]]
    assert len(fresh) > 1 and all(source.seed == 123 and source.share == 1 for source in fresh)


def test_relayout_leaves_locked_elements_where_they_are(session, seed):
    first = session.generate("blobgan-tiny", seed)
    number = first.scene.layout.ids[1]
    locked = session.edit({"op": "lock", "target": number}).scene.layout
    frame = session.edit({"op": "relayout", "seed": 123})
    k = frame.scene.layout.index_of(number)
    assert frame.scene.layout.select([k]).same(locked.select([1]))
    assert frame.scene.layout.rows.count(locked.rows[1]) == 1


# ---- truncation ----


def test_truncating_an_untouched_scene_is_generating_it(session, seed):
    session.generate("blobgan-tiny", seed)
    frame = session.edit({"op": "truncate", "amount": 0.6})
    again = Session(session._lookup, names=session._names).generate("blobgan-tiny", seed, 0.6)
    assert torch.equal(frame.image, again.image) and frame.code == again.code


def test_truncation_keeps_edits_and_goes_back(session, seed):
    first = session.generate("blobgan-tiny", seed)
    number = first.scene.layout.ids[0]
    moved = session.edit(
        [{"op": "resize", "target": number, "factor": 0.5}, {"op": "hide", "target": number}]
    )
    frame = session.edit({"op": "truncate", "amount": 0.5})
    assert frame.scene.layout.ids == moved.scene.layout.ids and frame.scene.layout.hidden[0]
    assert not torch.equal(frame.scene.layout.centres, moved.scene.layout.centres)
    back = session.edit({"op": "truncate", "amount": 0.0}).scene
    assert torch.allclose(back.layout.centres, moved.scene.layout.centres, atol=1e-3)
    assert torch.allclose(back.layout.sizes.log(), moved.scene.layout.sizes.log(), atol=0.02)
    assert back.latent.same(moved.scene.latent)


def test_a_photo_has_no_truncation(session, tiny, fake, seed):
    session.adopt(photo_of(fake, tiny, seed))
    with pytest.raises(ValueError, match="photo has no truncation"):
        session.edit({"op": "truncate", "amount": 0.5})


# ---- morph ----


def test_a_morph_begins_here_and_ends_there(session, tiny, seed):
    first = session.generate("blobgan-tiny", seed)
    goal = Session(session._lookup, names=session._names).generate("blobgan-tiny", 77)
    there = goal.code
    start = session.edit({"op": "morph", "code": there, "share": 0})
    assert start.code == first.code
    frame = session.edit({"op": "morph", "code": there, "share": 1})
    assert (frame.image - goal.image).abs().max() < 1e-4 and frame.scene.latent.seed == seed
    reopened(session, frame)


def test_a_morph_does_not_jump(session, seed):
    first = session.generate("blobgan-tiny", seed)
    there = Session(session._lookup, names=session._names).generate("blobgan-tiny", 77).code
    pictures = []
    for step in range(0, 21):
        session.open(first.code)
        pictures.append(session.edit({"op": "morph", "code": there, "share": step / 20}).image)
    whole = (pictures[-1] - pictures[0]).abs().mean()
    jumps = [(a - b).abs().mean() for a, b in zip(pictures[1:], pictures[:-1], strict=True)]
    assert whole > 0.01 and max(jumps) < 0.35 * whole


def test_a_morph_between_states_of_one_scene_needs_no_styles(session, seed):
    first = session.generate("blobgan-tiny", seed)
    number = first.scene.layout.ids[0]
    moved = session.edit({"op": "move", "target": number, "dx": 0.1, "dy": 0.0})
    session.open(first.code)
    layout = session.edit({"op": "morph", "code": moved.code, "share": 0.5}).scene.layout
    assert set(layout.sources) == {None} and layout.backdrop is None
    step = (layout.centres - first.scene.layout.centres)[0]
    assert step.tolist() == pytest.approx([0.05, 0.0], abs=1e-3)


def test_a_morph_names_its_styles_by_seed(session, seed):
    session.generate("blobgan-tiny", seed)
    there = Session(session._lookup, names=session._names).generate("blobgan-tiny", 77)
    layout = session.edit({"op": "morph", "code": there.code, "share": 0.25}).scene.layout
    assert layout.backdrop == Source(77, 0, 0.25)
    pairs = [s for s, row in zip(layout.sources, layout.rows, strict=True) if row in there.scene.layout.rows]
    assert pairs and all(source.seed == 77 for source in pairs)


def test_a_morph_keeps_what_is_locked_or_faded(session, seed):
    first = session.generate("blobgan-tiny", seed)
    locked, faded = first.scene.layout.ids[:2]
    there = Session(session._lookup, names=session._names).generate("blobgan-tiny", 77).code
    before = session.edit(
        [{"op": "lock", "target": locked}, {"op": "opacity", "target": faded, "value": 0}]
    ).scene.layout
    layout = session.edit({"op": "morph", "code": there, "share": 0.1}).scene.layout
    k = layout.index_of(locked)
    one = replace(layout.select([k]), backdrop=None)
    assert one.same(before.select([0])) and faded in layout.ids


def test_a_morph_stays_within_its_model(tiny, seed, models):
    names = {tiny.spec.number: tiny.spec.name, models.generator.spec.number: models.generator.spec.name}
    lookup = {tiny.spec.name: tiny, models.generator.spec.name: models.generator}
    session = Session(lookup.__getitem__, Store(), names=names.__getitem__)
    other = session.generate("fake", 3).code
    session.generate("blobgan-tiny", seed)
    with pytest.raises(ValueError, match="stays within"):
        session.edit({"op": "morph", "code": other, "share": 0.5})


def test_a_morph_towards_a_photo_is_refused(session, tiny, fake, seed):
    photo = session.adopt(photo_of(fake, tiny, seed))
    session.generate("blobgan-tiny", seed)
    with pytest.raises(ValueError, match="photo"):
        session.edit({"op": "morph", "code": photo.code, "share": 0.5})
    session.open(photo.code)
    there = Session(session._lookup, names=session._names).generate("blobgan-tiny", 77).code
    reopened(session, session.edit({"op": "morph", "code": there, "share": 0.5}))


# ---- arrays, errors ----


def test_arrays_mix_both_sorts_and_make_one_step(session, seed):
    first = session.generate("blobgan-tiny", seed)
    number = first.scene.layout.ids[0]
    frame = session.edit(
        [
            {"op": "recolour", "target": number, "colour": "#00ff00"},
            protect(half()),
            {"op": "relayout", "seed": 3},
            {"op": "background", "seed": 9},
        ]
    )
    assert len(session.timeline.steps) == 2 and frame.scene.layout.backdrop == Source(9, 0, 1.0)
    assert frame.scene.guard.layout.colours[0] == (0, 255, 0)
    reopened(session, frame)
    assert session.undo().code == first.code


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"op": "relayout"}, "lacks seed"),
        ({"op": "relayout", "seed": -1}, "seed"),
        ({"op": "relayout", "seed": 1, "more": 2}, "unknown key"),
        ({"op": "truncate", "amount": 1.5}, "amount"),
        ({"op": "truncate", "amount": True}, "amount"),
        ({"op": "morph", "code": "nonsense", "share": 0.5}, "link"),
        ({"op": "morph", "code": 7, "share": 0.5}, "code"),
        ({"op": "complete", "keep": [999], "seed": 1}, "no element|must lie"),
        ({"op": "complete", "keep": [200], "seed": 1}, "no element 200"),
        ({"op": "nothing"}, "no known op"),
        ([{"op": "hide", "target": 0}, {"op": "relayout", "seed": None}], "edit 2"),
        ([{"op": "complete", "keep": [], "seed": 1}] * 2, "at most 1 of complete"),
        ([{"op": "relayout", "seed": 1}] * 9, "at most 8 of relayout"),
        ([{"op": "truncate", "amount": 0.5}] * 9, "at most 8 of truncate"),
        ([{"op": "morph", "code": "AAAA", "share": 0.5}] * 5, "at most 4 of morph"),
        ([], "empty"),
        ("[1]", "object"),
        (3, "object"),
    ],
)
def test_errors_are_one_sentence_and_change_nothing(session, seed, edit, words):
    frame = session.generate("blobgan-tiny", seed)
    with pytest.raises(ValueError, match=words) as caught:
        session.edit(edit)
    assert session.frame is frame and "\n" not in str(caught.value)


def test_more_seeds_than_palettes_are_refused(session, seed):
    session.generate("blobgan-tiny", seed)
    layout = session.frame.scene.layout
    clones = [{"op": "clone", "target": layout.ids[0], "dx": 0, "dy": 0}] * 17
    frame = session.edit(clones)
    edits = [
        {"op": "restyle", "target": number, "row": 0, "seed": 1000 + number}
        for number in frame.scene.layout.ids[:17]
    ]
    with pytest.raises(ValueError, match="at most 16"):
        session.edit(edits)
    session.edit(edits[:16])


def test_rooms_of_boxes_are_protected_and_say_what_else_works():
    rooms = Box3DGenerator.tiny()
    session = Session(lambda name: rooms, Store(), names=lambda number: rooms.spec.name)
    first = session.generate("box3d-tiny", 3)
    frame = session.edit([protect(half()), *hide_all(first)])
    assert torch.equal(frame.image[..., :16], first.image[..., :16])
    assert not torch.equal(frame.image, first.image)
    reopened(session, frame)
    varied = session.vary("restyle", 5)
    assert torch.equal(varied.image[..., :16], first.image[..., :16]) and varied.label == "Another style"
    for edit, instead in (
        ({"op": "complete", "keep": [], "seed": 1}, "fill"),
        ({"op": "relayout", "seed": 1}, "rehouse"),
        ({"op": "morph", "code": first.code, "share": 0.5}, "two seeds"),
        ({"op": "truncate", "amount": 0.5}, "another truncation"),
    ):
        with pytest.raises(ValueError, match=instead):
            session.edit(edit)
    assert session.edit({"op": "unprotect"}).scene.guard is None


def test_a_model_without_styles_refuses_them(models):
    session = Session(models.lookup, names=models.name)
    frame = session.generate("fake", 7)
    for edit in ({"op": "recolour", "target": 1, "colour": "#ff0000"}, {"op": "truncate", "amount": 0.5}):
        with pytest.raises(ValueError, match="choose another model"):
            session.edit(edit)
    assert session.frame is frame


def test_palettes_come_with_the_code(session, tiny, seed):
    session.generate("blobgan-tiny", seed, 0.25)
    frame = session.edit([{"op": "appearance", "seed": 31}, {"op": "background", "seed": 32}])
    scene, _ = resolve(session._lookup, session.store, frame.code, names=session._names)
    assert [palette.seed for palette in scene.latent.palettes] == [31, 32]
    assert torch.equal(scene.latent.palettes[0].rows, tiny.sample(31, 0.25).latent.rows)


# ---- history ----


def test_labels_say_what_was_done(session, seed):
    first = session.generate("blobgan-tiny", seed)
    number, row = first.scene.layout.ids[0], first.scene.layout.rows[0]
    other = first.scene.layout.ids[1]
    assert first.label == f"Seed {seed}"
    steps = [
        ({"op": "move", "target": number, "dx": 0.01, "dy": 0.0}, f"Move blob {row}"),
        ({"op": "surface", "surface": "floor", "colour": "#112233"}, "Paint floor"),
        ([{"op": "hide", "target": number}], f"Hide blob {row}"),
    ]
    for edit, label in steps:
        assert session.edit(edit).label == label
    several = [{"op": "hide", "target": n} for n in first.scene.layout.ids[:3]]
    assert session.edit(several).label == "Hide 3 elements"
    assert session.edit(protect(half())).label == "Protect"
    both = [{"op": "show", "target": other}, {"op": "unprotect"}]
    assert session.edit(both).label.endswith(", unprotect")


def test_goto_walks_the_history_without_losing_any(session, seed):
    frames = [session.generate("blobgan-tiny", seed)]
    number = frames[0].scene.layout.ids[0]
    for _ in range(3):
        frames.append(session.edit({"op": "move", "target": number, "dx": 0.02, "dy": 0.0}))
    for index in (0, 3, 1):
        frame = session.goto(index)
        assert torch.equal(frame.image, frames[index].image) and session.timeline.present == index
        assert [step.code for step in session.timeline.steps] == [f.code for f in frames]
        assert frame.label == frames[index].label
    session.edit({"op": "hide", "target": number})
    assert len(session.timeline.steps) == 3 and session.timeline.branches[-1].code == frames[3].code
    for index in (-1, 99):
        with pytest.raises(ValueError, match="no step"):
            session.goto(index)
