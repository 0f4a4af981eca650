"""Vary: another room from a seed that keeps a part of the present one.

fill      the elements of `keep` stay, the rest of the room is furnished anew
restyle   the furniture stays where it is, in other colours, textures and light
rehouse   another room and other places, in the same colours and styles"""

from __future__ import annotations

from dataclasses import replace

import torch

from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.session.appearances import seed_scene
from spatial_edit.session.morph import morph
from spatial_edit.share import quantise

VARIATIONS = ("fill", "restyle", "rehouse")


def vary(generator: Generator, scene: Scene, kind: object, seed: object, keep: object = ()) -> Scene:
    """The variation of a scene; ValueError with a sentence for a model without rooms, an unknown kind, a bad
    seed, or an element that is not there."""
    from spatial_edit.generators.box3d import variations
    from spatial_edit.generators.box3d.renderer import Box3DGenerator

    if not isinstance(generator, Box3DGenerator) or not isinstance(scene.layout, Boxes3D):
        raise ValueError(f"{scene.model} cannot vary a room: open a scene of a model with boxes in a room")
    if not isinstance(kind, str) or kind not in VARIATIONS:
        raise ValueError(f"there is no variation {str(kind)[:40]!r}: choose one of {', '.join(VARIATIONS)}")
    seed = check_seed(seed)
    with torch.no_grad():
        if kind == "fill":
            return variations.fill(generator, scene, _numbers(keep, scene.layout), seed)
        if kind == "restyle":
            return variations.restyle(generator, scene, seed)
        return variations.rehouse(generator, scene, seed)


def blend(generator: Generator, first: object, second: object, share: object) -> Scene:
    """The room between two seeds: of boxes along z, of blobs a morph. ValueError with a sentence for a model
    without rooms, a bad seed or a share outside 0..1."""
    from spatial_edit.generators.box3d import variations
    from spatial_edit.generators.box3d.renderer import Box3DGenerator

    morphs = "morph" in generator.spec.edits
    if not morphs and not isinstance(generator, Box3DGenerator):
        raise ValueError(f"{generator.spec.name} cannot blend rooms: choose a model that has a layout")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"the share is {str(share)[:20]}: it must be a number from 0 to 1")
    with torch.no_grad():
        if isinstance(generator, Box3DGenerator):
            return variations.blend(generator, check_seed(first), check_seed(second), float(share))
        ends = [seed_scene(generator, check_seed(seed), 0.0) for seed in (first, second)]
        if share in (0, 1):
            return ends[int(share)]
        here, there = (replace(end, layout=quantise(end.layout)) for end in ends)  # as their codes have them
        layout, _ = morph(generator, here, there, float(share))
        return replace(here, layout=layout)


def check_seed(seed: object) -> int:
    """A seed from outside; ValueError unless it is a whole number of 0 .. 2**32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"the seed is {str(seed)[:20]}: it must be a whole number from 0 to 4294967295")
    return seed


def _numbers(keep: object, layout: Boxes3D) -> list[int]:
    """The elements to keep, each once; ValueError for what is no list of the layout's numbers."""
    if not isinstance(keep, list | tuple) or len(keep) > len(layout):
        raise ValueError("give the elements to keep as a list of their numbers, each once")
    numbers: list[int] = []
    for item in keep:
        if isinstance(item, bool) or not isinstance(item, int) or item in numbers:
            raise ValueError(f"{str(item)[:20]!r} is no number of an element, or is named twice")
        layout.index_of(item)
        numbers.append(item)
    return numbers
