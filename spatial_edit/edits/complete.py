"""Auto-complete (Epstein et al. 2022, section 4): some elements are kept, the layout network lays out the
rest.

The search is over z: CANDIDATES of them, each with a seed of its own, go through the layout flow while it is
held to the places of what is kept and to the planes of the room (`generators.blobgan.keeping`), and the one
that needed the least force is taken. As many elements come as went, those that it thinks likeliest; where
nothing goes, as many as it likes. They look as in the scene of the seed that was found. What stands on
something (a lamp on its nightstand) is brought over it, since the flow alone is not exact enough for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.edits.blob_values import next_number
from spatial_edit.edits.errors import EditError
from spatial_edit.generators.blobgan.appearance import background_of
from spatial_edit.generators.blobgan.keeping import sample_keeping
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.blobgan.vector import GEOMETRY, SlotScene, pack, slot_width, unpack
from spatial_edit.layouts import Blobs, Scene, Source
from spatial_edit.layouts.blobs import joined
from spatial_edit.seeds import normal

CANDIDATES = 64
OVER_SUPPORT = 0.25  # share of its sideways distance from the middle of its support that a thing keeps
_PLANES = 15  # numbers of a background that say where the walls are
_DISTANCE = GEOMETRY - 1  # of a slot's numbers: not known of what is kept, depth is an order


@dataclass(frozen=True, eq=False)
class _Found:
    """The scene that was found, all slots of it, and its seed."""

    slots: SlotScene
    presence: Tensor  # (S,) above 0: there, 1 and -1 in the scenes that the flow learnt from
    seed: int


@torch.no_grad()
def complete(generator: BlobGenerator, scene: Scene, keep: Sequence[int], seed: int) -> Blobs:
    """The scene's layout with the elements numbered in `keep`, and locked ones, bit for bit as they are, and
    the rest laid out anew. Backdrop and surfaces stay. EditError for a number that is not there or given
    twice."""
    layout = scene.layout
    assert isinstance(layout, Blobs)  # a generator of blobs has no other scenes
    kept = layout.select(_kept(layout, keep))
    found = _search(generator, scene, kept, seed)
    gone = sum(not hidden for hidden in layout.hidden) - sum(not hidden for hidden in kept.hidden)
    chosen = _chosen(found, kept, gone or None, generator.spec.max_elements - len(kept))
    fresh = _fresh(generator, found, chosen, layout)
    fresh = _set_down(fresh, kept, generator.spec.stands)
    return _in_depth(fresh, kept, found, generator.spec.stands)


def _kept(layout: Blobs, keep: Sequence[int]) -> list[int]:
    """Positions of the elements that stay, farthest first."""
    for number in keep:
        if number not in layout.ids:
            raise EditError(f"there is no element {number} to keep: this layout has {list(layout.ids)}")
    if len(set(keep)) != len(keep):
        raise EditError("an element to keep is named twice: name each once")
    return [k for k in range(len(layout)) if layout.ids[k] in keep or layout.locked[k]]


def _search(generator: BlobGenerator, scene: Scene, kept: Blobs, seed: int) -> _Found:
    model, config = generator.model, generator.model.config
    wanted, known = _wanted(generator, scene, kept)
    seeds = np.random.RandomState(seed).randint(0, 2**32, CANDIDATES, dtype=np.uint64).tolist()
    z = torch.cat([normal(s, (1, config.flow.components)) for s in seeds]).to(generator.device)
    vectors, effort = sample_keeping(model.flow, z, wanted, known)
    best = int(effort.argmin())
    vector = vectors[best : best + 1].cpu()
    presence = vector[0, : config.compact.slots * slot_width(config.compact) : slot_width(config.compact)]
    return _Found(unpack(vector, config.compact), presence, seeds[best])


def _wanted(generator: BlobGenerator, scene: Scene, kept: Blobs) -> tuple[Tensor, Tensor]:
    """The scene vector (V,) that the search is held to, and its known entries (V,) bool: places and shapes of
    the visible elements, and the planes. That they are there is not among them: the flow takes it from the
    rest, and pushing it makes rooms overfull."""
    config = generator.model.config.compact
    slots, width = config.slots, slot_width(config)
    background = background_of(scene.layout, scene.latent)  # type: ignore[arg-type]
    one, rows = torch.ones(1, slots), torch.ones(1, slots, config.row)
    places = torch.zeros(1, slots, 2)
    there = torch.zeros(1, slots, dtype=torch.bool)
    empty = SlotScene(there, places, one.clone(), one.clone(), one * 0, one, rows, background[None])
    known = torch.zeros(slots, width, dtype=torch.bool)
    for k, row in enumerate(kept.rows):
        if not kept.hidden[k]:
            empty.present[0, row] = True
            empty.centres[0, row], empty.sizes[0, row] = kept.centres[k], kept.sizes[k]
            empty.aspects[0, row], empty.angles[0, row] = kept.aspects[k], kept.angles[k]
            known[row, 1:_DISTANCE] = True
    vector, _ = pack(empty)
    behind = torch.arange(config.background) < _PLANES
    return vector[0].to(generator.device), torch.cat([known.flatten(), behind]).to(generator.device)


def _chosen(found: _Found, kept: Blobs, count: int | None, most: int) -> list[int]:
    """The slots that get a new element: the `count` likeliest, or all that are there."""
    free = [slot for slot in range(len(found.presence)) if slot not in kept.rows]
    free.sort(
        key=lambda slot: abs(float(found.presence[slot]) - 1)
    )  # nearest to what it is of things that are there
    there = [slot for slot in free if found.presence[slot] > 0]
    return (there if count is None else free[:count])[: max(0, most)]


def _fresh(generator: BlobGenerator, found: _Found, chosen: list[int], layout: Blobs) -> Blobs:
    """The new elements, farthest first, with numbers that the layout does not use."""
    present = torch.zeros_like(found.slots.present)
    present[0, chosen] = True
    elements = generator.scene_of(found.slots._replace(present=present), 0, found.seed, 0.0).layout
    assert isinstance(elements, Blobs)
    numbered = layout
    for k in range(len(elements)):
        one = replace(elements.select([k]), ids=(next_number(numbered),))
        numbered = joined([numbered, one])
    return replace(
        elements,
        ids=numbered.ids[len(layout) :],
        sources=tuple(Source(found.seed, row, 1.0) for row in elements.rows),
    )


def _set_down(fresh: Blobs, kept: Blobs, stands: Sequence[tuple[int, int]]) -> Blobs:
    """New things over what they stand on, new supports under what stands there."""
    centres = fresh.centres.clone()
    for upper, lower in stands:
        for mover, anchor in ((upper, lower), (lower, upper)):
            if mover not in fresh.rows:
                continue
            k = fresh.rows.index(mover)
            if anchor in kept.rows:
                middle = kept.centres[kept.rows.index(anchor), 0]
            elif anchor in fresh.rows and mover == upper:
                middle = centres[fresh.rows.index(anchor), 0]
            else:
                continue
            centres[k, 0] = middle + OVER_SUPPORT * (centres[k, 0] - middle)
    return replace(fresh, centres=centres)


def _in_depth(fresh: Blobs, kept: Blobs, found: _Found, stands: Sequence[tuple[int, int]]) -> Blobs:
    """Both together, farthest first; what is kept stays in its order."""
    away = found.slots.distances[0].tolist()  # metres
    for upper, lower in stands:
        away[upper] = min(away[upper], away[lower] - 0.01)
    keys: list[float] = []
    for row in kept.rows:
        keys.append(min([away[row % len(away)], *keys[-1:]]))
    keys += [away[row] for row in fresh.rows]
    whole = joined([kept, fresh])
    return whole.select(sorted(range(len(whole)), key=lambda k: -keys[k]))
