"""How well auto-complete lays out what is missing: pairs of elements against those of real rooms.

`COUNT` true layouts of rooms that no training pool holds are cut to a half of their elements (seeded, the
larger half of an odd count) and completed. Of every set of layouts all pairs of elements are taken, by the
classes (rows) of the two, and of each pair how far its first lies from its second: dx, dy and the difference
of log size, in units of the real spread of that pair of classes (at least .01 of the side, at most 10 units).

pairwise: the squared energy distance of these offsets to the real ones (Székely & Rizzo 2013,
2 E|X - Y| - E|X - X'| - E|Y - Y'|, without bias: two halves of one set give 0 on average), the mean over
the pairs of classes that the real set has at least `ENOUGH` times, each weighted by its pairs. together: the
sum over all pairs of classes of the difference of how often a layout has them, over the real number of pairs
in a layout; a set of this size does not give 0 but its floor.

Beside them stand the same for the true layouts (the floor) and for the halves filled up with as many random
elements of other rooms, each of a class that the layout does not have yet.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.edits.complete import complete
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.layouts.blobs import joined
from spatial_edit.metrics.truth import truth_scenes

COUNT, REAL = 100, 1000  # completed layouts, and those of other rooms
ENOUGH = 30
ROOMS = 500_000  # where their seeds begin, away from those of other measures
MOST = 600  # offsets of a real pair of classes that distances are taken to
SMALLEST_SPREAD, LARGEST_OFFSET = 0.01, 10.0


@dataclass(frozen=True, eq=False)
class _Pair:
    """A real pair of classes: mean and spread (3,) of its offsets, some of them (N, 3) in those units, and
    their mean distance from each other."""

    mean: Tensor
    spread: Tensor
    offsets: Tensor
    apart: float


class RealPairs:
    """The pairs of real layouts; ValueError for a set in which no pair of classes is frequent enough."""

    def __init__(self, layouts: Sequence[Blobs]) -> None:
        offsets = offsets_of(layouts)
        self.rates = {key: len(values) / len(layouts) for key, values in offsets.items()}
        self.pairs: dict[tuple[int, int], _Pair] = {}
        for key, values in offsets.items():
            if len(values) >= ENOUGH:
                mean, spread = values.mean(0), values.std(0).clamp(min=SMALLEST_SPREAD)
                some = _units(values, mean, spread)[:MOST]
                self.pairs[key] = _Pair(mean, spread, some, _apart(some))
        if not self.pairs:
            raise ValueError(f"no two classes are together in {ENOUGH} of {len(layouts)} layouts: give more")

    def distance(self, layouts: Sequence[Blobs]) -> dict[str, float]:
        """`pairwise` and `together` of a set of layouts, see the module."""
        offsets = offsets_of(layouts)
        total, weight = 0.0, 0
        for key, pair in self.pairs.items():
            values = offsets.get(key)
            if values is not None and len(values) > 1:
                own = _units(values, pair.mean, pair.spread)
                across = float(torch.cdist(own, pair.offsets).mean())
                total += (2 * across - pair.apart - _apart(own)) * len(own)
                weight += len(own)
        keys = set(offsets) | set(self.rates)
        counts = {key: len(values) / len(layouts) for key, values in offsets.items()}
        missed = sum(abs(counts.get(key, 0.0) - self.rates.get(key, 0.0)) for key in keys)
        return {"pairwise": total / max(1, weight), "together": missed / sum(self.rates.values())}


def offsets_of(layouts: Sequence[Blobs]) -> dict[tuple[int, int], Tensor]:
    """(first row, second row), first <= second -> (N, 3) dx, dy and difference of log size of every such pair
    of visible elements."""
    found: dict[tuple[int, int], list[Tensor]] = {}
    for layout in layouts:
        seen = layout.visible()
        places = torch.cat([seen.centres, seen.sizes.log()[:, None]], 1)  # (K, 3)
        order = sorted(range(len(seen)), key=lambda k: seen.rows[k])
        for i, a in enumerate(order):
            for b in order[i + 1 :]:
                found.setdefault((seen.rows[a], seen.rows[b]), []).append(places[a] - places[b])
    return {key: torch.stack(values) for key, values in found.items()}


def half_of(layout: Blobs, random: np.random.RandomState) -> Blobs:
    """A random half of the elements, the larger one of an odd count, in their order."""
    chosen = random.permutation(len(layout))[: (len(layout) + 1) // 2]
    return layout.select(sorted(int(k) for k in chosen))


def randomly_filled(half: Blobs, count: int, others: Sequence[Blobs], random: np.random.RandomState) -> Blobs:
    """`half` with random elements of random other layouts in front, up to `count`, no class twice."""
    whole = half
    while len(whole) < count:
        other = others[random.randint(len(others))]
        k = random.randint(len(other)) if len(other) else -1
        if k >= 0 and other.rows[k] not in whole.rows:
            number = max(whole.ids, default=-1) + 1
            whole = joined([whole, replace(other.select([k]), ids=(number,))])
    return whole


def completion(
    generator: BlobGenerator, count: int, real: int, seed: int, say: Callable[[str], None]
) -> dict[str, float | int | str]:
    """`completion_pairwise` of completed layouts, of random ones and the floor, their ratio, the same of
    `together`, and the median seconds of a completion."""
    say(f"{generator.spec.name}: {count + real} true layouts")
    scenes = truth_scenes(generator, count + real, ROOMS + seed)
    measured, others = scenes[:count], [_blobs(scene) for scene in scenes[count:]]
    say(f"{generator.spec.name}: {count} halves completed")
    random = np.random.RandomState(seed)
    halves = [half_of(_blobs(scene), random) for scene in measured]
    completed, seconds = [], []
    for k, (scene, half) in enumerate(zip(measured, halves, strict=True)):
        start = time.perf_counter()
        completed.append(complete(generator, scene, half.ids, seed + k))
        seconds.append(time.perf_counter() - start)
    filled = [
        randomly_filled(half, len(_blobs(scene)), others, random)
        for scene, half in zip(measured, halves, strict=True)
    ]
    pairs = RealPairs(others)
    sets = {"": completed, "_random": filled, "_floor": [_blobs(scene) for scene in measured]}
    figures: dict[str, float | int | str] = {"completion_layouts": count}
    for suffix, layouts in sets.items():
        for name, value in pairs.distance(layouts).items():
            figures[f"completion_{name}{suffix}"] = round(value, 5)
    ratio = float(figures["completion_pairwise"]) / float(figures["completion_pairwise_random"])
    return figures | {
        "completion_ratio": round(ratio, 4),
        "completion_seconds": round(statistics.median(seconds), 3),
    }


def _blobs(scene: Scene) -> Blobs:
    assert isinstance(scene.layout, Blobs)  # true layouts of rooms are blobs
    return scene.layout


def _units(values: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    return ((values - mean) / spread).clamp(-LARGEST_OFFSET, LARGEST_OFFSET)


def _apart(values: Tensor) -> float:
    """Mean distance of different rows of (N, 3)."""
    return float(torch.cdist(values, values).sum()) / (len(values) * (len(values) - 1))
