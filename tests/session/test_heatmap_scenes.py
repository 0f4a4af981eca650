"""Scenes of heatmaps in a session: other layouts, appearances, truncation, and what a model lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.session import Session, render_live
from spatial_edit.session.appearances import MAX_PALETTES
from spatial_edit.session.labels import label_of
from spatial_edit.store import Store

MAKERS = {
    "eqgan": EqGANScenes.tiny,
    "hierarchy": SpatialGANScenes.tiny,
    "objects": lambda: SpatialGANScenes.tiny(objects=True),
}


@pytest.fixture(scope="module", params=MAKERS)
def tiny(request):
    return MAKERS[request.param]()


@pytest.fixture
def session(tiny):
    return session_of(tiny)


def session_of(generator):
    return Session(lambda name: generator, Store(), names=lambda number: generator.spec.name)


def test_another_layout_of_the_same_appearance(session, tiny):
    first = session.generate(tiny.spec.name, 5)
    session.edit([{"op": "lock", "target": 0}, {"op": "remove", "target": 1}])
    frame = session.edit({"op": "relayout", "seed": 9})
    layout, there = frame.scene.layout, session_of(tiny).generate(tiny.spec.name, 9).scene.layout
    assert layout.ids == first.scene.layout.ids and layout.levels == first.scene.layout.levels
    assert torch.equal(layout.centres[0], first.scene.layout.centres[0]) and layout.locked[0]
    assert torch.equal(layout.centres[1:], there.centres[1:]) and layout.hidden[1:] == there.hidden[1:]
    assert frame.scene.latent.same(first.scene.latent) and frame.label == "Another layout"
    session.edit({"op": "unlock", "target": 0})
    whole = session.edit({"op": "relayout", "seed": 9})
    assert whole.scene.layout.same(there)
    assert session.edit({"op": "relayout", "seed": 5}).scene.layout.same(first.scene.layout)


def test_what_was_detached_and_replaced_stays_so_in_another_layout(session, tiny):
    session.generate(tiny.spec.name, 5)
    last = session.frame.scene.layout.ids[-1]
    objects = tiny.spec.name == "spatialgan-objects-tiny"
    edit = {"op": "replace", "target": last, "seed": 6} if objects else {"op": "detach", "target": last}
    before = session.edit(edit).scene.layout
    layout = session.edit({"op": "relayout", "seed": 9}).scene.layout
    assert (layout.looks, layout.detached) == (before.looks, before.detached)
    assert layout.looks[-1] == 6 if objects else layout.detached[-1]


def test_a_locked_centre_of_another_number_takes_the_room_of_one(session, tiny):
    """Removed and added again it has a number that no sampled centre has."""
    first = session.generate(tiny.spec.name, 5).scene.layout
    last, count = first.ids[-1], len(first)
    edits = [
        {"op": "add", "level": first.levels[-1], "x": 0.4, "y": 0.4, "sigma": 0.1},
        {"op": "remove", "target": last},
    ]
    added = session.edit(edits).scene.layout
    (number,) = set(added.ids) - set(first.ids)
    session.edit({"op": "lock", "target": number})
    layout = session.edit({"op": "relayout", "seed": 9}).scene.layout
    assert len(layout) == count and sorted(layout.levels) == sorted(first.levels)
    at = layout.ids.index(number)
    assert torch.equal(layout.centres[at], added.centres[added.ids.index(number)])


def test_the_same_layout_with_other_appearances(session, tiny):
    first = session.generate(tiny.spec.name, 5)
    frames = [session.edit({"op": "appearance", "seed": seed}) for seed in (6, 7, 8)]
    pictures = [first.image, *(frame.image for frame in frames)]
    for i, one in enumerate(pictures):
        assert all(not torch.equal(one, other) for other in pictures[:i])
    other = tiny.sample(7)
    wanted = tiny.render(replace(other, layout=first.scene.layout))
    again = session.edit({"op": "appearance", "seed": 7, "noise": True})
    assert torch.equal(again.image, wanted) and again.label == "Appearance"
    noise = [tiny.inputs([scene])[2] for scene in (again.scene, other)]
    assert all(torch.equal(a, b) for a, b in zip(*noise, strict=True))
    assert torch.equal(session.open(again.code).image, again.image)
    own = session.edit({"op": "appearance", "seed": None})
    assert torch.equal(own.image, first.image) and own.code == first.code


def test_truncation_moves_no_centre(session, tiny):
    first = session.generate(tiny.spec.name, 5)
    frame = session.edit([{"op": "set", "target": 0, "x": 0.4}, {"op": "truncate", "amount": 0.75}])
    assert frame.scene.latent.truncation == 0.75 and not torch.equal(frame.image, first.image)
    assert frame.scene.layout.centres[0, 0] == pytest.approx(0.4)
    full = session.edit({"op": "truncate", "amount": 1})
    dressed = session.edit({"op": "appearance", "seed": 6})
    if tiny.spec.name != "spatialgan-objects-tiny":  # nothing is left of z but its mean
        assert torch.equal(full.image, dressed.image)


def test_the_root_leads_in_a_live_picture_too(session, tiny):
    frame = session.generate(tiny.spec.name, 5)
    edit = {"op": "move", "target": 0, "dx": 0.1, "dy": 0.05}
    live = render_live(
        lambda name: tiny, session.store, frame.code, {"edits": [edit]}, names=lambda number: tiny.spec.name
    )
    after = session.edit(edit)
    assert torch.equal(live, after.image)
    moved = (after.scene.layout.centres != frame.scene.layout.centres).any(1).tolist()
    assert moved == ([True, False, False] if len(moved) == 3 else [True] * 7)


def test_replace_is_for_an_object_or_for_all(session, tiny):
    first = session.generate(tiny.spec.name, 5)
    session.edit({"op": "set", "target": 1, "sigma": 0.2})
    plain = session.frame.image
    frame = session.edit({"op": "replace", "target": 1, "seed": 6})
    assert not torch.equal(frame.image, plain)
    layout = frame.scene.layout
    objects = tiny.spec.name == "spatialgan-objects-tiny"
    assert (layout.looks[1], layout.appearance) == ((6, None) if objects else (None, 6))
    assert torch.equal(session.open(frame.code).image, frame.image)
    assert torch.equal(session.goto(0).image, first.image)


def test_what_a_model_lacks_is_said(session, tiny):
    session.generate(tiny.spec.name, 5)
    with pytest.raises(ValueError, match="that is for models of blobs"):
        session.edit({"op": "morph", "code": "x", "share": 0.5})
    bare = MAKERS["hierarchy"]()
    bare.spec = replace(bare.spec, edits=())
    other = session_of(bare)
    other.generate(bare.spec.name, 5)
    with pytest.raises(ValueError, match="does not know the edit 'appearance'"):
        other.edit({"op": "appearance", "seed": 3})
    with pytest.raises(ValueError, match="cannot relayout a scene"):
        other.edit({"op": "relayout", "seed": 3})


def test_more_seeds_than_are_kept_are_refused():
    """No layout of three objects names so many; a link could."""
    generator = SpatialGANScenes.tiny()
    generator.spec = replace(generator.spec, max_elements=32)
    session = session_of(generator)
    layout = session.generate(generator.spec.name, 5).scene.layout
    crowd = layout.select([0] * (MAX_PALETTES + 1))
    crowd = replace(crowd, ids=tuple(range(len(crowd))), looks=tuple(range(len(crowd))))
    from spatial_edit import share

    code = share.encode(replace(session.frame.scene, layout=crowd), generator.spec.number)
    with pytest.raises(ValueError, match="at most 16 are possible"):
        session.open(code)


def test_steps_are_called_by_the_centre_s_word():
    generator = SpatialGANScenes.tiny()
    spec = replace(generator.spec, row_names=("face", "eye (left)"))
    layout = generator.sample(1).layout
    assert label_of([{"op": "move", "target": 0}], layout, layout, spec) == "Move face"
    assert label_of([{"op": "detach", "target": 1}], layout, layout, spec) == "Detach eye (left)"
