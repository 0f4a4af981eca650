"""Auto-complete: what is kept stays bit for bit, the rest is new, repeatable and within its ranges."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.edits import EditError
from spatial_edit.edits.complete import complete
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.layouts.blobs import CENTRE_RANGE, SIZE_RANGE


@pytest.fixture(scope="module")
def tiny():
    return BlobGenerator.tiny()


@pytest.fixture(scope="module")
def scene(tiny):
    return next(s for s in map(tiny.sample, range(50)) if len(s.layout) == 5)


def kept_part(layout, ids):
    return layout.select([k for k in range(len(layout)) if layout.ids[k] in ids])


@pytest.mark.parametrize("count", range(6))
def test_what_is_kept_stays_bit_for_bit(tiny, scene, count):
    keep = scene.layout.ids[:count]
    layout = complete(tiny, scene, keep, 3)
    assert kept_part(layout, keep).same(kept_part(scene.layout, keep))
    assert len(set(layout.ids)) == len(layout) and len(set(layout.rows)) == len(layout)
    if count < 5:
        assert len(layout) == 5  # as many come as went
    for k, number in enumerate(layout.ids):
        if number not in keep:
            assert layout.sources[k].share == 1.0 and layout.sources[k].row == layout.rows[k]
    assert layout.centres.min() >= CENTRE_RANGE[0] and layout.centres.max() <= CENTRE_RANGE[1]
    assert layout.sizes.min() >= SIZE_RANGE[0] and layout.sizes.max() <= SIZE_RANGE[1]


def test_determinism(tiny, scene):
    keep = scene.layout.ids[:2]
    first = complete(tiny, scene, keep, 7)
    assert complete(BlobGenerator.tiny(), scene, keep, 7).same(first)
    assert not complete(tiny, scene, keep, 8).same(first)


def test_new_elements_come_from_one_seed(tiny, scene):
    layout = complete(tiny, scene, scene.layout.ids[:2], 7)
    assert len({source.seed for source in layout.sources if source is not None}) == 1


def test_locked_and_hidden_elements_are_kept_too_and_styles_stay(tiny, scene):
    ids = scene.layout.ids
    layout = replace(
        scene.layout,
        locked=(True, False, False, False, False),
        hidden=(False, True, False, False, False),
        colours=(None, (1, 2, 3), None, None, None),
        surfaces=((9, 9, 9), None, None, None, None),
    )
    done = complete(tiny, replace(scene, layout=layout), [ids[1]], 5)
    assert kept_part(done, ids[:2]).same(kept_part(layout, ids[:2]))
    assert len(done) == 5 and done.surfaces == layout.surfaces


def test_a_thing_comes_to_stand_over_its_support(tiny, scene):
    supported = BlobGenerator.tiny()
    rows = scene.layout.rows
    support = rows[0]
    keep = [n for n, row in zip(scene.layout.ids, rows, strict=True) if row == support]
    plain = complete(supported, scene, keep, 1)
    thing = next(row for row in plain.rows if row != support)
    supported.spec = replace(supported.spec, stands=((thing, support),))
    layout = complete(supported, scene, keep, 1)
    middle = float(scene.layout.centres[0, 0])
    before = float(plain.centres[plain.rows.index(thing), 0]) - middle
    after = float(layout.centres[layout.rows.index(thing), 0]) - middle
    assert after == pytest.approx(before / 4, abs=1e-5) and abs(before) > 1e-3
    assert layout.rows.index(thing) > layout.rows.index(support)  # in front of it


def test_the_flow_is_held_to_what_is_kept(tiny, scene):
    """Of many completions, a new element next to a moved anchor follows it on average."""
    from spatial_edit.edits.complete import _search

    kept = scene.layout.select([0])
    found = _search(tiny, scene, kept, 4)
    row = kept.rows[0]
    near = (found.slots.centres[0, row] - kept.centres[0]).norm()
    free = tiny.sample(found.seed).layout
    if row in free.rows:
        assert near < 0.5 * (free.centres[free.rows.index(row)] - kept.centres[0]).norm() + 0.02
    assert torch.isfinite(found.slots.centres).all()


@pytest.mark.parametrize(("keep", "words"), [([99], "no element 99"), ([0, 0], "twice")])
def test_errors(tiny, scene, keep, words):
    with pytest.raises(EditError, match=words):
        complete(tiny, scene, keep, 1)
