"""A scene's layout sampled again: of another seed, or at another truncation. Locked elements stay."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from spatial_edit import share
from spatial_edit.edits import EditError
from spatial_edit.edits.ops import next_number
from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Blobs, Scene, Source
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, SIZE_RANGE, joined
from spatial_edit.session.appearances import seed_scene


def relayout(generator: Generator, scene: Scene, seed: int) -> Scene:
    """The scene's appearance with the layout of another seed. An element whose row is in both keeps its
    number and style, of several the nearest one; locked elements stay as they are, in front of their row's
    place; other rows take the next free numbers, and over a photo, which has no appearance for them, that of
    the other seed."""
    layout = _blobs(scene)
    fresh = generator.sample(seed, scene.latent.truncation).layout
    assert isinstance(fresh, Blobs)  # a model of blobs samples blobs
    locked = [k for k in range(len(layout)) if layout.locked[k]]
    taken = {layout.rows[k] for k in locked}
    owners = {layout.rows[k]: k for k in range(len(layout)) if not layout.locked[k]}
    numbers = _Numbers(layout)
    parts: list[Blobs] = []
    for k in range(len(fresh)):
        row = fresh.rows[k]
        parts += [layout.select([i]) for i in locked if layout.rows[i] == row]
        if row not in taken:
            place = fresh.select([k])
            if row in owners:
                parts.append(_in_place(layout.select([owners[row]]), place))
            else:
                bare = scene.provenance.kind == "photo"
                parts.append(
                    numbers.give(replace(place, sources=(Source(seed, row, 1.0) if bare else None,)))
                )
    parts += [layout.select([i]) for i in locked if layout.rows[i] not in fresh.rows]
    return replace(scene, layout=_whole(layout, parts))


def truncate(generator: Generator, scene: Scene, amount: float) -> Scene:
    """The scene of the same seed at another truncation. A layout that is still the sampled one becomes the
    one sampled there; in an edited one every element moves by as much as its row does between the two (those
    that one of them lacks, and locked ones, stay)."""
    layout, latent = _blobs(scene), scene.latent
    old = generator.sample(latent.seed, latent.truncation).layout
    new = generator.sample(latent.seed, amount).layout
    assert isinstance(old, Blobs) and isinstance(new, Blobs)
    if layout.same(share.quantise(old)):
        changed = new
    else:
        parts = [_moved(layout.select([k]), old, new) for k in range(len(layout))]
        changed = _whole(layout, parts)
    return replace(seed_scene(generator, latent.seed, amount, changed), guard=scene.guard)


class _Numbers:
    """Free numbers for new elements of a layout."""

    def __init__(self, layout: Blobs) -> None:
        self._all = layout

    def give(self, one: Blobs) -> Blobs:
        """The one element with a number that no other has."""
        numbered = replace(one, ids=(next_number(self._all),))
        self._all = _whole(self._all, [self._all, numbered])
        return numbered


def _moved(one: Blobs, old: Blobs, new: Blobs) -> Blobs:
    """One element moved by the difference between its row's two places."""
    row = one.rows[0]
    if one.locked[0] or row not in old.rows or row not in new.rows:
        return one
    before, after = old.select([old.rows.index(row)]), new.select([new.rows.index(row)])
    return replace(
        one,
        centres=(one.centres + after.centres - before.centres).clamp(*CENTRE_RANGE),
        sizes=(one.sizes * after.sizes / before.sizes).clamp(*SIZE_RANGE),
        aspects=(one.aspects * after.aspects / before.aspects).clamp(*ASPECT_RANGE),
        angles=(one.angles + shorter(after.angles - before.angles)).remainder(math.pi),
    )


def shorter(turn: Tensor) -> Tensor:
    """The turn of an ellipse, which repeats every pi, within [-pi/2, pi/2)."""
    return (turn + math.pi / 2).remainder(math.pi) - math.pi / 2


def _in_place(one: Blobs, place: Blobs) -> Blobs:
    return replace(one, centres=place.centres, sizes=place.sizes, aspects=place.aspects, angles=place.angles)


def _whole(layout: Blobs, parts: list[Blobs]) -> Blobs:
    """The elements of the parts, farthest first, with what else the layout has."""
    elements = joined(parts) if parts else layout.select([])
    return replace(elements, backdrop=layout.backdrop, surfaces=layout.surfaces)


def _blobs(scene: Scene) -> Blobs:
    if not isinstance(scene.layout, Blobs):
        raise EditError(f"a layout of kind {scene.layout.kind!r} is not sampled again: choose another model")
    return scene.layout
