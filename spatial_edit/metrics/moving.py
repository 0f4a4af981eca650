"""Co-move for any model whose elements have centres in the picture, by any of three detectors (SpatialGAN,
Wang et al. 2023, section 4.2: move one element by a random vector p, paint again, find the same instance
again, q its displacement; the mean of p . q / |p|^2, of which 1 is ideal).

rooms-judge, rooms-segmenter   an instance is a connected area of one class of rooms, found again among those
                               of its class by its features (`segments`); the rules are those of `co_move`
features                       for cats, photos and other models, where nothing names pixels: an instance is
                               the patch round the element's centre, found again by a network that has no part
                               in any generator (`patches`); lost patches count as q = 0

Beside the means by class stands the plain mean over all moves, `<prefix>_mean`: the paper's number. Moves are
0.06 to 0.15 of the side long and keep the instance inside the picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.checkpoints import load
from spatial_edit.generators.contract import Generator
from spatial_edit.generators.registry import CHECKPOINTS
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.metrics.box_co_move import measure_box_moves
from spatial_edit.metrics.co_move import BATCH, DISTANCE, TRIES, Steering, along, co_move, measure_moves
from spatial_edit.metrics.features import load_judge
from spatial_edit.metrics.movable import chosen, layout_of, shifted, visible, word
from spatial_edit.metrics.patches import ALIKE, Patches
from spatial_edit.nn.segmenter import Segmenter, build_segmenter

JUDGE, SEGMENTER, FEATURES = DETECTORS = ("rooms-judge", "rooms-segmenter", "features")
HALF = 0.08  # of a patch, a fraction of the side: it stays inside the picture
Figures = dict[str, float | int | str]
Progress = Callable[[int], None]


class SegmenterReader:
    """The rooms' segmenter in the judge's place: names of pixels and two maps of features."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter

    @classmethod
    def bundled(cls) -> SegmenterReader:
        """CheckpointError, one sentence, when it is missing or damaged."""
        module, _, _ = load(CHECKPOINTS / "rooms-segmenter", build_segmenter)
        assert isinstance(module, Segmenter)
        return cls(module)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 48, H/2, W/2) of the decoder, (B, 128, H/8, W/8) of the encoder."""
        return self.segmenter.merged(images)

    def logits(self, images: Tensor, maps: tuple[Tensor, Tensor]) -> Tensor:
        """(B, classes, H, W)."""
        return F.interpolate(
            self.segmenter.head(maps[0]), scale_factor=2, mode="bilinear", align_corners=False
        )


@dataclass
class PatchMoves:
    """Ratios so far by the elements' words, and how many of the patches were not found again."""

    ratios: dict[str, list[float]] = field(default_factory=dict)
    lost: int = 0

    def figures(self, prefix: str = "co_move") -> Figures:
        """`<prefix>`, the mean over all moves, and its count; the same by the elements' words."""
        every = [ratio for ratios in self.ratios.values() for ratio in ratios]
        if not every:
            return {f"{prefix}_n": 0}
        result: Figures = {f"{prefix}": _mean(every), f"{prefix}_n": len(every)}
        for name, ratios in self.ratios.items():
            key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
            result |= {f"{prefix}_{key}": _mean(ratios), f"{prefix}_{key}_n": len(ratios)}
        return result | {f"{prefix}_lost": round(self.lost / len(every), 4)}


def measure(
    generator: Generator,
    detector: str = JUDGE,
    count: int = 500,
    seed: int = 0,
    levels: Collection[int] = (),
    progress: Progress | None = None,
) -> Figures:
    """Co-move of a model over the scenes of `count` seeds, and what it was measured with.

    levels: of heatmaps, which centres are moved (all). ValueError for an unknown detector, and for a layout
    without centres that can be moved.
    """
    if detector not in DETECTORS:
        raise ValueError(f"there is no detector {detector[:40]!r}: choose from {', '.join(DETECTORS)}")
    scenes = [generator.sample(seed + i) for i in range(count)]
    figures: Figures
    if detector == FEATURES:
        patches = Patches.usual()
        figures = measure_patches(generator, patches, scenes, seed, levels, progress).figures()
        figures["patches"] = patches.name
    else:
        figures = rooms_co_move(generator, detector, scenes, seed, levels=levels, progress=progress)
    facts: Figures = {"model": generator.spec.name, "detector": detector, "scenes": count}
    return facts | figures


def rooms_co_move(
    generator: Generator,
    detector: str,
    scenes: Sequence[Scene],
    seed: int = 0,
    *,
    prefix: str = "co_move",
    levels: Collection[int] = (),
    progress: Progress | None = None,
) -> Figures:
    """`co_move.co_move` of a model of rooms by the judge or the segmenter, and `<prefix>_mean`, `<prefix>_n`
    of all moves together. Boxes in a room are moved over its floor and along its walls (`box_co_move`)."""
    reader = load_judge()[0] if detector == JUDGE else SegmenterReader.bundled()
    if scenes and isinstance(scenes[0].layout, Boxes3D):
        steering = measure_box_moves(generator, reader, scenes, seed, progress).every  # type: ignore[arg-type]
    else:
        steering = measure_moves(generator, reader, scenes, seed, progress, levels)
    return co_move(steering, prefix) | plain_mean(steering, prefix)


def plain_mean(steering: Steering, prefix: str = "co_move") -> Figures:
    """The mean over all moves whatever their class, and how many there were."""
    every = [ratio for ratios in steering.ratios.values() for ratio in ratios]
    count: Figures = {f"{prefix}_n": len(every)}
    return count | ({f"{prefix}_mean": _mean(every)} if every else {})


@torch.no_grad()
def measure_patches(
    generator: Generator,
    patches: Patches,
    scenes: Sequence[Scene],
    seed: int = 0,
    levels: Collection[int] = (),
    progress: Progress | None = None,
) -> PatchMoves:
    """Move every element (of heatmaps those of `levels`, if any are named) whose patch lies inside the
    picture. ValueError for a layout of a kind that `movable` does not know."""
    random, tally = np.random.RandomState(seed), PatchMoves()
    for start in range(0, len(scenes), BATCH):
        chunk = [visible(scene) for scene in scenes[start : start + BATCH]]
        before = patches.read(generator.render_batch(chunk))
        trials = [(i, *trial) for i, scene in enumerate(chunk) for trial in _steps(scene, levels, random)]
        for first in range(0, len(trials), BATCH):
            part = trials[first : first + BATCH]
            moved = [shifted(chunk[i], element, dx, dy) for i, element, dx, dy in part]
            after = patches.read(generator.render_batch(moved))
            for (i, element, dx, dy), maps in zip(part, after, strict=True):
                x, y = layout_of(chunk[i]).centres[element].tolist()
                found = patches.find(before[i], (x, y), maps)
                seen = found.likeness >= ALIKE
                tally.lost += not seen
                ratio = along(dx, dy, found.x - x, found.y - y) if seen else 0.0
                tally.ratios.setdefault(word(generator.spec, chunk[i], element), []).append(ratio)
        if progress is not None:
            progress(start + len(chunk))
    return tally


def _steps(
    scene: Scene, levels: Collection[int], random: np.random.RandomState
) -> list[tuple[int, float, float]]:
    """(element, dx, dy) of one scene; elements without a move that keeps their patch inside are left out."""
    steps = []
    centres = layout_of(scene).centres.tolist()
    for element in chosen(scene, levels):
        x, y = centres[element]
        if not all(HALF <= value <= 1 - HALF for value in (x, y)):
            continue
        for _ in range(TRIES):
            length, angle = random.uniform(*DISTANCE), random.uniform(0, 2 * math.pi)
            dx, dy = length * math.cos(angle), length * math.sin(angle)
            if all(HALF <= value <= 1 - HALF for value in (x + dx, y + dy)):
                steps.append((element, dx, dy))
                break
    return steps


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
