"""Ops on whole scenes, for the same arrays as the edits of layouts. `[..]` = optional key.

    complete   keep, seed      the elements numbered in `keep`, and locked ones, stay bit for bit; the rest is
                               laid out anew
    relayout   seed            this appearance, the layout of another seed; locked elements stay
    morph      code, share     towards the scene of a code, see morph.py
    truncate   amount          0 none .. 1 the mean; blobs move as their sampled places do
    protect    mask            outside the mask the picture stays as it is now. The mask: base64 (standard,
                               padded) of 64 x 64 bits, row by row, the first bit highest; 1 = may change
    unprotect                  the whole picture may change again

A scene that is protected already keeps its remembered state when it gets another mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from spatial_edit import share
from spatial_edit.edits import EditError
from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Blobs, Boxes3D, Guard, Scene
from spatial_edit.layouts.guard_codec import mask_from_text
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.strict_json import JsonError, array, integer, number, record, show
from spatial_edit.session import heatmap_scenes
from spatial_edit.session.appearances import with_palettes
from spatial_edit.session.morph import morph
from spatial_edit.session.picture import GUARD_NOTE
from spatial_edit.session.resample import relayout, truncate

MAX_SEED = 2**32 - 1
_INSTEAD = {  # what works for boxes
    "complete": "vary the room with fill",
    "relayout": "vary the room with rehouse",
    "morph": "generate a room between two seeds",
    "truncate": "generate the room again with another truncation",
}

_OF_HEATMAPS = ("relayout", "truncate")


@dataclass(frozen=True)
class Studio:
    """What ops on scenes need besides the scene: its model, and how a code is opened."""

    generator: Generator
    open: Callable[[str], Scene]


@dataclass(frozen=True, eq=False)
class Changed:
    """A scene after an op, and what the user should know."""

    scene: Scene
    notes: tuple[str, ...] = ()


Run = Callable[[Studio, Scene, Mapping[str, object]], Changed]


def is_scene_op(item: object) -> bool:
    """True for the JSON object of an op of this table."""
    return isinstance(item, dict) and isinstance(item.get("op"), str) and item["op"] in SCENE_OPS


def apply_scene_op(studio: Studio, scene: Scene, item: Mapping[str, object]) -> Changed:
    """The scene after one op; EditError with one sentence when it is not exact or cannot be done."""
    op = str(item["op"])
    keys, run = SCENE_OPS[op]
    name = studio.generator.spec.name
    of_heatmaps = op in _OF_HEATMAPS and isinstance(scene.layout, Heatmaps)
    if op in _INSTEAD and not (isinstance(scene.layout, Blobs) or of_heatmaps):
        if isinstance(scene.layout, Boxes3D) or op == "truncate":
            raise EditError(f"{name} has no {op}: {_INSTEAD[op]} instead")
        raise EditError(f"{name} has no {op}: that is for models of blobs")
    if op in _INSTEAD and op not in studio.generator.spec.edits:
        raise EditError(f"{name} cannot {op} a scene: choose another model")
    try:
        return run(studio, scene, record(item, f"the {op}", ("op", *keys)))
    except JsonError as error:
        raise EditError(str(error)) from error


def _complete(studio: Studio, scene: Scene, given: Mapping[str, object]) -> Changed:
    from spatial_edit.edits.complete import complete
    from spatial_edit.generators.blobgan.renderer import BlobGenerator

    if not isinstance(studio.generator, BlobGenerator):
        raise EditError(f"{studio.generator.spec.name} has no layout sampler: choose another model")
    keep = [integer(item, "an element to keep", 0, 255) for item in array(given["keep"], "keep", 64)]
    dressed = with_palettes(studio.generator, scene)
    return Changed(replace(scene, layout=complete(studio.generator, dressed, keep, _seed(given))))


def _relayout(studio: Studio, scene: Scene, given: Mapping[str, object]) -> Changed:
    if isinstance(scene.layout, Heatmaps):
        return Changed(heatmap_scenes.relayout(studio.generator, scene, _seed(given)))
    return Changed(relayout(studio.generator, scene, _seed(given)))


def _morph(studio: Studio, scene: Scene, given: Mapping[str, object]) -> Changed:
    code = given["code"]
    if not isinstance(code, str):
        raise JsonError(f"the code of the morph must be a text, not {show(code)}")
    portion = number(given["share"], "share of the morph", 0.0, 1.0)
    layout, notes = morph(studio.generator, scene, studio.open(code), portion)
    return Changed(replace(scene, layout=layout), notes)


def _truncate(studio: Studio, scene: Scene, given: Mapping[str, object]) -> Changed:
    if scene.provenance.kind != "seed":
        what = "a parsed photo" if scene.provenance.kind == "photo" else "what was dragged"
        raise EditError(f"{what} has no truncation: only scenes made from a seed have one")
    amount = share.round_truncation(number(given["amount"], "amount of the truncate", 0.0, 1.0))
    if isinstance(scene.layout, Heatmaps):
        return Changed(heatmap_scenes.truncate(studio.generator, scene, amount))
    return Changed(truncate(studio.generator, scene, amount))


def _protect(studio: Studio, scene: Scene, given: Mapping[str, object]) -> Changed:
    mask = mask_from_text(given["mask"], "the mask")
    if not mask.any():
        raise EditError("the mask lets nothing change: paint where the picture may change")
    old = scene.guard
    if old is None:
        guard = Guard(mask, scene.layout, scene.latent.seed, scene.latent.truncation)
        return Changed(replace(scene, guard=guard), (GUARD_NOTE,))
    less = bool((old.mask & ~mask).any())
    notes = ("what the new mask leaves out is as it was before the first mask",) if less else ()
    return Changed(replace(scene, guard=replace(old, mask=mask)), notes)


def _unprotect(studio: Studio, scene: Scene, given: Mapping[str, object]) -> Changed:
    if scene.guard is None:
        raise EditError("nothing is protected: there is no mask to take off")
    return Changed(replace(scene, guard=None))


def _seed(given: Mapping[str, object]) -> int:
    return integer(given["seed"], "the seed", 0, MAX_SEED)


SCENE_OPS: dict[str, tuple[tuple[str, ...], Run]] = {  # keys besides op, and what they do
    "complete": (("keep", "seed"), _complete),
    "relayout": (("seed",), _relayout),
    "morph": (("code", "share"), _morph),
    "truncate": (("amount",), _truncate),
    "protect": (("mask",), _protect),
    "unprotect": ((), _unprotect),
}
