"""Ops on whole scenes of heatmaps: the layout of another seed, and another truncation."""

from __future__ import annotations

from dataclasses import replace

import torch

from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.session.appearances import seed_scene


def relayout(generator: Generator, scene: Scene, seed: int) -> Scene:
    """The scene's appearance with the centres of another seed. Those that are locked stay where they are,
    and centres that have been removed come back; what was detached and replaced stays so."""
    layout, fresh = scene.layout, generator.sample(seed, scene.latent.truncation).layout
    assert isinstance(layout, Heatmaps) and isinstance(fresh, Heatmaps)
    locked = [k for k, fixed in enumerate(layout.locked) if fixed]
    room = {level: fresh.levels.count(level) for level in fresh.levels}
    for k in locked:  # each takes the room of one centre of its level
        room[layout.levels[k]] = room.get(layout.levels[k], 0) - 1
    taken = {layout.ids[k] for k in locked}
    chosen: list[int] = []
    for k, level in enumerate(fresh.levels):
        if fresh.ids[k] not in taken and room[level] > 0:
            chosen.append(k)
            room[level] -= 1
    return replace(scene, layout=_put_together(layout, locked, fresh.select(chosen)))


def _put_together(layout: Heatmaps, locked: list[int], fresh: Heatmaps) -> Heatmaps:
    """The locked centres, then the fresh ones, in the order of their numbers."""
    old = {number: k for k, number in enumerate(layout.ids)}
    fixed = layout.select(locked)
    detached, looks = list(fresh.detached), list(fresh.looks)
    for k, number in enumerate(fresh.ids):
        if number in old:
            detached[k], looks[k] = layout.detached[old[number]], layout.looks[old[number]]
    whole = replace(
        layout,
        centres=torch.cat([fixed.centres, fresh.centres]),
        sigmas=torch.cat([fixed.sigmas, fresh.sigmas]),
        levels=fixed.levels + fresh.levels,
        ids=fixed.ids + fresh.ids,
        hidden=fixed.hidden + fresh.hidden,
        locked=fixed.locked + fresh.locked,
        detached=fixed.detached + tuple(detached),
        looks=fixed.looks + tuple(looks),
    )
    return whole.select(sorted(range(len(whole)), key=lambda k: whole.ids[k]))


def truncate(generator: Generator, scene: Scene, amount: float) -> Scene:
    """The scene at another truncation, which acts on the code: no centre moves."""
    return replace(seed_scene(generator, scene.latent.seed, amount, scene.layout), guard=scene.guard)
