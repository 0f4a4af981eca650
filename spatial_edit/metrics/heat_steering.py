"""Steerability of models whose elements are centres of a heatmap (SpatialGAN): co-move by a detector, what
changes elsewhere, and centres that draw nothing.

Rooms are read by the judge, and once more by the segmenter; other pictures by patches, level by level: moving
a centre of that level by p moves what lay under it by q, and p . q / |p|^2 is counted (`moving`).

A centre's footprint, for the background and for dead centres, is where its Gaussian exceeds 0.1, as a blob's
is where its opacity does: the moved centre's, and those of the finer ones that follow it, before and after,
dilated by two pixels. What a finer level is to do lies within the coarser one's footprint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.data.rooms.layers import OBJECTS, room_layers
from spatial_edit.data.rooms.vocabulary import SEMANTIC
from spatial_edit.generators.contract import Generator, ModelSpec
from spatial_edit.layouts import Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.metrics.co_move import DISTANCE
from spatial_edit.metrics.figures import Figures, Say, counter
from spatial_edit.metrics.locality import DEAD_SHARE, OPAQUE, UNCHANGED, dilate
from spatial_edit.metrics.movable import shifted, visible
from spatial_edit.metrics.moving import JUDGE, SEGMENTER, measure_patches, rooms_co_move
from spatial_edit.metrics.patches import Patches
from spatial_edit.metrics.truth import TRUTH_SEED

BATCH = 32


def shows_rooms(spec: ModelSpec) -> bool:
    """Whether a model's elements are things in rooms, which the judge knows by name."""
    return any(name.split(" ")[0] in SEMANTIC for name in spec.row_names)


def heatmap_steering(generator: Generator, moves: int, dead: int, seed: int, say: Say) -> Figures:
    """Co-move of the scenes of `moves` seeds, the change elsewhere, and dead centres over `dead` seeds.

    Rooms: `co_move`, its classes, `co_move_segmenter`, and `co_move_from_truth`. Others: `co_move_level_<n>`
    of each level, and `co_move`, that of the coarsest one. `background_change` is of the coarsest level, that
    of finer ones has their number behind it. ValueError for a layout without heatmaps."""
    name = generator.spec.name
    scenes = [generator.sample(seed + i) for i in range(max(moves, dead))]
    levels = sorted({level for scene in scenes for level in _layout(scene).levels})
    say(f"{name}: co-move of {moves} seeds")
    figures: Figures = {}
    if shows_rooms(generator.spec):
        progress = counter(say, moves)
        figures |= rooms_co_move(generator, JUDGE, scenes[:moves], seed, progress=progress)
        figures |= rooms_co_move(generator, SEGMENTER, scenes[:moves], seed, prefix="co_move_segmenter")
        if true := true_scenes(generator, moves, seed):
            say(f"{name}: co-move of {moves} ground-truth layouts")
            figures |= rooms_co_move(generator, JUDGE, true, seed, prefix="co_move_from_truth")
    else:
        patches = Patches.usual()
        for level in levels:
            prefix = f"co_move_level_{level}"
            tally = measure_patches(generator, patches, scenes[:moves], seed, (level,), counter(say, moves))
            figures |= tally.figures(prefix)
            if level == levels[0] and prefix in figures:
                figures |= {"co_move": figures[prefix], "co_move_n": figures[f"{prefix}_n"]}
        figures["co_move_patches"] = patches.name
    say(f"{name}: what changes elsewhere, and dead centres, of {dead} seeds")
    figures |= background(generator, scenes[:dead], seed, levels[0])
    for level in levels[1:]:
        own = background(generator, scenes[:dead], seed, level)
        figures |= {f"{key}_level_{level}": value for key, value in own.items()}
    return figures | dead_centres(generator, scenes[:dead])


def true_scenes(generator: Generator, count: int, seed: int = 0) -> list[Scene]:
    """The appearances of seeds in the layouts of rendered rooms that no training pool holds; none for a model
    whose centres are not those that `data.rooms.layers` knows."""
    words = [name.split(" ")[0] for name in generator.spec.row_names]
    if words != [name.split(" ")[0] for name in OBJECTS]:
        return []
    rooms = room_layers(count, TRUTH_SEED + seed, generator.spec.resolution)
    scenes = []
    for i in range(count):
        scene = generator.sample(seed + i)
        hidden = tuple((~rooms.there[i]).tolist())
        layout = replace(_layout(scene), centres=rooms.centres[i], sigmas=rooms.sigmas[i], hidden=hidden)
        scenes.append(replace(scene, layout=layout))
    return scenes


@torch.no_grad()
def background(generator: Generator, scenes: Sequence[Scene], seed: int = 0, level: int = 0) -> Figures:
    """`background_change`: mean |difference| / 2 outside the footprints when a centre of a level is moved by
    0.06 to 0.15 of the side, and `background_footprint`, the share of the picture inside. Moves whose
    footprints fill the picture are left out; without any left, so are the figures."""
    random = np.random.RandomState(seed)
    pairs: list[tuple[Scene, Scene, Tensor]] = []
    for scene in map(visible, scenes):
        layout = _layout(scene)
        for element in (k for k, own in enumerate(layout.levels) if own == level):
            length, angle = random.uniform(*DISTANCE), random.uniform(0, 2 * math.pi)
            moved = shifted(scene, element, length * math.cos(angle), length * math.sin(angle))
            gone = [element, *layout.followers(element)]
            side = generator.spec.resolution
            both = footprint(layout, gone, side) | footprint(_layout(moved), gone, side)
            pairs.append((scene, moved, ~dilate(both[None])[0]))
    changes, areas = [], []
    for start in range(0, len(pairs), BATCH):
        before, after, outside = zip(*pairs[start : start + BATCH], strict=True)
        difference = _difference(generator, list(before), list(after))
        for apart, mask in zip(difference, outside, strict=True):
            if mask.any():
                changes.append(float(apart[mask].mean()))
                areas.append(1 - float(mask.float().mean()))
    if not changes:
        return {}
    return {"background_change": _mean(changes), "background_footprint": _mean(areas)}


@torch.no_grad()
def dead_centres(generator: Generator, scenes: Sequence[Scene]) -> Figures:
    """`dead_elements`: the share of the model's centres whose removal changes the picture inside their
    footprint by less than 1/255 of its range in at least 95 % of the scenes that have them."""
    trials = [(scene, k) for scene in map(visible, scenes) for k in range(len(_layout(scene)))]
    there: dict[int, int] = {}
    still: dict[int, int] = {}
    side = generator.spec.resolution
    for start in range(0, len(trials), BATCH):
        part = trials[start : start + BATCH]
        without = [replace(scene, layout=_hidden(_layout(scene), k)) for scene, k in part]
        for (scene, k), apart in zip(
            part, _difference(generator, [scene for scene, _ in part], without), strict=True
        ):
            layout = _layout(scene)
            inside = footprint(layout, [k], side)
            if not inside.any():  # it lies outside the picture
                continue
            number = layout.ids[k]
            there[number] = there.get(number, 0) + 1
            still[number] = still.get(number, 0) + (float(apart[inside].mean()) < UNCHANGED)
    if not there:
        return {}
    dead = [still[number] / count >= DEAD_SHARE for number, count in there.items()]
    return {"dead_elements": round(sum(dead) / len(dead), 4)}


def footprint(layout: Heatmaps, elements: Sequence[int], side: int) -> Tensor:
    """(side, side) bool: where one of the centres' Gaussians exceeds 0.1."""
    axis = (torch.arange(side) + 0.5) / side
    centres, sigmas = layout.centres[list(elements)], layout.sigmas[list(elements)]
    across, down = ((axis - centres[:, i, None]).square() for i in (0, 1))  # (K, side) each
    squares = down[:, :, None] + across[:, None, :]
    return (squares < -2 * math.log(OPAQUE) * sigmas.square()[:, None, None]).any(0)


def _hidden(layout: Heatmaps, element: int) -> Heatmaps:
    return replace(layout, hidden=tuple(old or k == element for k, old in enumerate(layout.hidden)))


def _difference(generator: Generator, first: list[Scene], second: list[Scene]) -> Tensor:
    """(B, H, W) mean |difference| / 2 of the scenes' pictures."""
    pictures = [generator.render_batch(scenes).clamp(-1, 1) for scenes in (first, second)]
    return (pictures[1] - pictures[0]).abs().mean(1) / 2


def _layout(scene: Scene) -> Heatmaps:
    if not isinstance(scene.layout, Heatmaps):
        raise ValueError(f"this needs a layout of heatmaps, {scene.model} has {scene.layout.kind or 'none'}")
    return scene.layout


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 5)
