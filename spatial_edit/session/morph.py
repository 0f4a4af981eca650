"""Morph: a scene part of the way to another one of the same model.

Elements are paired by row, and what is left over by number. A pair's centre, log size, log aspect and angle
(the shorter way round) go from one to the other; its appearance is the own one mixed with the other's as a
`Source`; depth is the mean of both places. An element without a partner shrinks away, or grows, through size
and opacity. The backdrops mix in the same way. Locked elements stay as they are.

An element has one second appearance. Where one of a pair has its own already, or the two scenes' have, the
change of style is not smooth: it happens half-way, and a note says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spatial_edit.edits import EditError
from spatial_edit.edits.ops import next_number
from spatial_edit.generators.contract import Generator, Painter, Paints
from spatial_edit.layouts import Blobs, Colour, Scene, Source
from spatial_edit.layouts.blobs import SIZE_RANGE, joined
from spatial_edit.layouts.style import SHARE_STEPS
from spatial_edit.session.appearances import with_palettes
from spatial_edit.session.resample import shorter

HALF = 0.5


@dataclass(frozen=True, eq=False)
class _Side:
    """One end of the way: its layout, the colours it shows, and the seed of its rows (None: a photo's)."""

    layout: Blobs
    paints: Paints | None
    seed: int | None


@dataclass(frozen=True, eq=False)
class _Placed:
    """An element and its depth, 0 farthest .. 1 nearest."""

    element: Blobs
    depth: float


def morph(generator: Generator, scene: Scene, other: Scene, portion: float) -> tuple[Blobs, tuple[str, ...]]:
    """The layout at `portion` (0..1, in hundredths) of the way to `other`, and notes. EditError for a scene
    of another model, or one whose appearance comes from a photo."""
    portion = round(portion * SHARE_STEPS) / SHARE_STEPS
    if other.model != scene.model:
        raise EditError(f"the other scene is of {other.model}: a morph stays within {scene.model}")
    if other.provenance.kind != "seed":
        raise EditError(
            "the other scene was parsed from a photo: its appearance has no seed, morph from it instead"
        )
    here, there = _side(generator, scene), _side(generator, other)
    if portion == 0:
        return here.layout, ()
    pairs = _pairs(here.layout, there.layout)
    placed, taken = [], set(pairs.values())
    for k in range(len(here.layout)):
        if portion < 1 or k in pairs or here.layout.locked[k]:  # what has no partner is gone at the end
            placed.append(_travelled(here, there, k, pairs.get(k), portion))
    numbered = here.layout
    for j in range(len(there.layout)):
        if j not in taken:
            one = replace(_arriving(there, j, portion), ids=(next_number(numbered),))
            numbered = joined([numbered, one])
            placed.append(_Placed(one, _depth(j, there.layout)))
    placed.sort(key=lambda p: p.depth)
    elements = joined([p.element for p in placed]) if placed else here.layout.select([])
    backdrop = _backdrop(here, there, portion)
    layout = replace(elements, backdrop=backdrop, surfaces=_surfaces(here, there, portion))
    return layout, _notes(here, there, pairs, scene.latent.truncation != other.latent.truncation)


def _side(generator: Generator, scene: Scene) -> _Side:
    if not isinstance(scene.layout, Blobs):
        raise EditError(f"a layout of kind {scene.layout.kind!r} cannot be morphed: choose another scene")
    paints = generator.paints(with_palettes(generator, scene)) if isinstance(generator, Painter) else None
    return _Side(scene.layout, paints, scene.latent.seed if scene.provenance.kind == "seed" else None)


def _pairs(here: Blobs, there: Blobs) -> dict[int, int]:
    """Positions that belong together: of the same row, the nearest first, then of the same number and row
    unlike. Locked elements have no partner."""
    pairs: dict[int, int] = {}
    free = list(range(len(there)))
    for same in (there.rows, there.ids):
        own = here.rows if same is there.rows else here.ids
        for k in reversed(range(len(here))):
            fitting = [j for j in free if same[j] == own[k] and k not in pairs]
            if fitting and not here.locked[k]:
                pairs[k] = fitting[-1]
                free.remove(fitting[-1])
    return pairs


def _travelled(here: _Side, there: _Side, k: int, partner: int | None, portion: float) -> _Placed:
    """An element of this side on its way; without a partner it shrinks, locked it stays."""
    one, depth = here.layout.select([k]), _depth(k, here.layout)
    if one.locked[0]:
        return _Placed(one, depth)
    if partner is None:
        return _Placed(_faded(one, 1 - portion), depth)
    goal = there.layout.select([partner])
    second = _appearance(there, partner)
    source, colour = one.sources[0], _colour(here, there, k, partner, portion)
    if _is_free(one) and (second.seed, second.row) == (here.seed, one.rows[0]):
        source = None  # two states of the same scene
    elif _is_free(one) or portion >= HALF:
        source = replace(second, share=portion if _is_free(one) else 1.0)
    mixed = replace(
        one,
        centres=torch.lerp(one.centres, goal.centres, portion),
        sizes=_between(one.sizes, goal.sizes, portion),
        aspects=_between(one.aspects, goal.aspects, portion),
        angles=(one.angles + portion * shorter(goal.angles - one.angles)).remainder(math.pi),
        hidden=one.hidden if portion < HALF else goal.hidden,
        opacities=(_hundredths(one.opacities[0] + portion * (goal.opacities[0] - one.opacities[0])),),
        sources=(source,),
        colours=(colour,),
    )
    return _Placed(mixed, (1 - portion) * depth + portion * _depth(partner, there.layout))


def _arriving(there: _Side, j: int, portion: float) -> Blobs:
    """An element that this side lacks, as far as it has grown."""
    goal = there.layout.select([j])
    return _faded(replace(goal, sources=(_appearance(there, j),), locked=(False,)), portion)


def _faded(one: Blobs, left: float) -> Blobs:
    opacity = _hundredths(one.opacities[0] * left)
    return replace(one, sizes=(one.sizes * left).clamp(*SIZE_RANGE), opacities=(opacity,))


def _appearance(side: _Side, k: int) -> Source:
    """The appearance of an element as a whole source: its own, or the second one where that prevails."""
    source = side.layout.sources[k]
    if source is None or source.share < HALF:
        return Source(side.seed, side.layout.rows[k], 1.0)
    return Source(side.seed if source.seed is None else source.seed, source.row, 1.0)


def _is_free(one: Blobs) -> bool:
    """True for an element that has no second appearance yet."""
    return one.sources[0] is None or one.sources[0].share == 0


def _colour(here: _Side, there: _Side, k: int, j: int, portion: float) -> Colour | None:
    first, second = here.layout.colours[k], there.layout.colours[j]
    if first is None and second is None:
        return None
    shown = (
        here.paints.elements[k] if here.paints else first,
        there.paints.elements[j] if there.paints else second,
    )
    return _blended(first, second, shown, portion)


def _surfaces(here: _Side, there: _Side, portion: float) -> tuple[Colour | None, ...]:
    result: list[Colour | None] = []
    for i, (first, second) in enumerate(zip(here.layout.surfaces, there.layout.surfaces, strict=True)):
        if first is None and second is None:
            result.append(None)
            continue
        sides = ((here, first), (there, second))
        shown = tuple(side.paints.surfaces[i] if side.paints else colour for side, colour in sides)
        result.append(_blended(first, second, (shown[0], shown[1]), portion))
    return tuple(result)


def _blended(
    first: Colour | None, second: Colour | None, shown: tuple[Colour | None, Colour | None], portion: float
) -> Colour | None:
    """Between two literal colours; an end without one lends the colour that it shows."""
    a, b = first or shown[0], second or shown[1]
    if portion == 1 or a is None or b is None:
        return second if portion >= HALF else first
    red, green, blue = (round(x + portion * (y - x)) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _backdrop(here: _Side, there: _Side, portion: float) -> Source | None:
    own, far = here.layout.backdrop, there.layout.backdrop
    free = own is None or own.share == 0
    if not free and portion < HALF:
        return own
    seed = far.seed if far is not None and far.share >= HALF and far.seed is not None else there.seed
    if free and seed == here.seed:
        return None
    return Source(seed, 0, portion if free else 1.0)


def _notes(here: _Side, there: _Side, pairs: dict[int, int], truncated: bool) -> tuple[str, ...]:
    jumping = sum(
        not _is_free(here.layout.select([k])) or not _is_free(there.layout.select([j]))
        for k, j in pairs.items()
    )
    notes = []
    if jumping:
        notes.append(
            f"{jumping} elements have a second appearance already: their style changes at once, half-way"
        )
    if truncated:
        notes.append("the other scene's appearance is taken at this scene's truncation")
    return tuple(notes)


def _between(a: Tensor, b: Tensor, portion: float) -> Tensor:
    return torch.lerp(a.log(), b.log(), portion).exp() if portion < 1 else b


def _depth(k: int, layout: Blobs) -> float:
    return k / max(1, len(layout) - 1)


def _hundredths(value: float) -> float:
    return round(value * SHARE_STEPS) / SHARE_STEPS
