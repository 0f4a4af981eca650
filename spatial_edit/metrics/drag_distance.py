"""How fast and how near: points of a model's pictures are dragged by a given length, and it is measured where
they end (SpatialGAN, Wang et al. 2023, table II and section 4.5: 30 and 60 pixels of 256, distance between
handle and target over the side).

A pull starts near an element's centre (of heatmaps: one of the coarsest level) and goes in a direction that
keeps handle and target inside the picture, and the centre, moved along, where the model's own samples have
centres of such a size: nothing is asked for that the model has never seen. The same pulls serve any model.

The distance is the drag's own, by its tracker. Beside it stands `refound`: the patch that lay at the handle
is looked for in the last picture by features that the drag has no part in (`patches`), and its distance to
the target is measured.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from spatial_edit.edits.drag import DragOptions, drag
from spatial_edit.layouts import Points, Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.metrics.patches import ALIKE, Patches

PIXELS, OF = (30, 60), 256  # the paper's lengths
ARRIVED, CAP = 0.03, 300  # of the side; steps
SPREAD = 0.1  # of the handles round the element's centre
MARGIN = 0.08  # of handles and targets to the picture's edge
TRIES = 32  # directions for one handle
LOOKED_AT = 400  # samples whose centres tell what a model has seen
NEAR, LIKE = 0.05, 0.1  # of a seen centre; of the logarithm of its size
Place = tuple[float, float]


class Model(Protocol):
    """What is asked of a generator besides being draggable."""

    def sample(self, seed: int, truncation: float = 0.0) -> Scene: ...

    def render(self, scene: Scene, *, preview: bool = False) -> Tensor: ...


@dataclass(frozen=True)
class Pull:
    """In the picture of a seed, what is at the handle is to come to the target; fractions of the side."""

    seed: int
    handle: Place
    target: Place

    @property
    def points(self) -> Points:
        """As edits want it."""
        return Points(torch.tensor([self.handle]), torch.tensor([self.target]), ids=(0,))

    @property
    def length(self) -> float:
        return math.dist(self.handle, self.target)


@dataclass(frozen=True)
class Outcome:
    """One drag. seconds, steps: until it ended, or of all steps that were allowed where it did not arrive;
    each: the time of every step but the first, which opens the model. distance and refound are fractions of
    the side; refound is None where nothing like the patch was found."""

    pull: Pull
    steps: int
    seconds: float
    each: tuple[float, ...]
    distance: float
    arrived: bool
    refound: float | None = None


@dataclass
class Outcomes:
    """Of one method, drag by drag."""

    all: list[Outcome] = field(default_factory=list)

    def figures(self) -> dict[str, float | int]:
        """Means and medians; `misses` counts the drags that did not arrive, `lost` those whose patch was not
        found again."""
        if not self.all:
            raise ValueError("there are no drags to average over")
        seconds, steps = [one.seconds for one in self.all], [one.steps for one in self.all]
        distances = [one.distance for one in self.all]
        seen = [one.refound for one in self.all if one.refound is not None]
        each = [time for one in self.all for time in one.each]
        result: dict[str, float | int] = {
            "seconds": round(statistics.fmean(seconds), 4),
            "seconds_median": round(statistics.median(seconds), 4),
            "steps": round(statistics.fmean(steps), 1),
            "steps_median": statistics.median(steps),
            "misses": sum(not one.arrived for one in self.all),
            "distance": round(statistics.fmean(distances), 4),
            "distance_median": round(statistics.median(distances), 4),
            "lost": len(self.all) - len(seen),
        }
        if seen:
            result["refound"] = round(statistics.fmean(seen), 4)
            result["refound_median"] = round(statistics.median(seen), 4)
        if each:
            result["step_seconds"] = round(statistics.median(each), 5)
        return result


@dataclass(frozen=True)
class Seen:
    """Where the centres of a model's own samples lie, and how large they are: (N, 2) and (N,)."""

    centres: Tensor
    sizes: Tensor

    def holds(self, centre: Place, size: float) -> bool:
        """Whether some sample has a centre of such a size there."""
        away = (self.centres - torch.tensor(centre)).norm(dim=1)
        unlike = (self.sizes.log() - math.log(size)).abs()
        return bool(((away <= NEAR) & (unlike <= LIKE)).any())


def seen(generator: Model, count: int = LOOKED_AT) -> Seen:
    """The centres of the samples of seeds 0 .. count - 1. ValueError for a model without any."""
    many = getattr(generator, "sample_batch", None)  # much faster for models whose layouts are sampled
    scenes = many(list(range(count))) if many else [generator.sample(seed) for seed in range(count)]
    found = [anchors(scene) for scene in scenes]
    if not any(len(centres) for centres, _ in found):
        raise ValueError("this model has no centres to start a drag from: choose one with a layout")
    return Seen(torch.cat([c for c, _ in found]), torch.cat([s for _, s in found]))


def anchors(scene: Scene) -> tuple[Tensor, Tensor]:
    """(K, 2) and (K,) the centres and sizes of the elements that drags begin at: of heatmaps those of the
    coarsest level there is."""
    layout = scene.layout
    centres, sizes = getattr(layout, "centres", None), getattr(layout, "sizes", None)
    if isinstance(layout, Heatmaps):
        sizes = layout.sigmas
    if centres is None or sizes is None or centres.shape[1:] != (2,):
        return torch.zeros(0, 2), torch.zeros(0)
    kept = [k for k, hidden in enumerate(getattr(layout, "hidden", ())) if not hidden]
    if isinstance(layout, Heatmaps):
        first = min((layout.levels[k] for k in kept), default=0)
        kept = [k for k in kept if layout.levels[k] == first]
    return centres[kept], sizes[kept]


def draw_pulls(
    generator: Model, length: float, count: int, seed: int = 0, known: Seen | None = None
) -> list[Pull]:
    """`count` pulls of a length (fraction of the side), one a scene, from seed `seed` on; scenes that allow
    none are passed over. ValueError when hardly any scene allows one."""
    known = known or seen(generator)
    random, pulls = np.random.RandomState(seed), []
    for number in range(seed, seed + 50 * count):
        pull = _pull(generator.sample(number), number, length, known, random)
        if pull is not None:
            pulls.append(pull)
        if len(pulls) == count:
            return pulls
    raise ValueError(
        f"of {50 * count} scenes only {len(pulls)} can be dragged by {length:.2f} of the side: use shorter "
        "pulls"
    )


def _pull(
    scene: Scene, number: int, length: float, known: Seen, random: np.random.RandomState
) -> Pull | None:
    centres, sizes = anchors(scene)
    if not len(centres):
        return None
    k = random.randint(len(centres))
    x, y = centres[k].tolist()
    for _ in range(TRIES):
        away, angle, way = SPREAD * math.sqrt(random.rand()), *random.uniform(0, 2 * math.pi, 2)
        handle = (x + away * math.cos(angle), y + away * math.sin(angle))
        dx, dy = length * math.cos(way), length * math.sin(way)
        target = (handle[0] + dx, handle[1] + dy)
        if not all(MARGIN <= value <= 1 - MARGIN for value in (*handle, *target)):
            continue
        if known.holds((x + dx, y + dy), float(sizes[k])):
            return Pull(number, handle, target)
    return None


def timed_drag(
    generator: Model,
    pull: Pull,
    options: DragOptions,
    patches: Patches | None = None,
    scene: Scene | None = None,
) -> Outcome:
    """One drag of the picture of the pull's seed (or of a scene), to its end, without failure detection.

    One that ends earlier without arriving counts as all `options.steps`, the missing ones at the mean of the
    others. The search for the patch is not timed.
    """
    scene = scene or generator.sample(pull.seed)
    options = replace(options, watch=False, picture_every=0)
    times = [time.perf_counter()]
    told = []
    for step in drag(generator, scene, pull.points, None, options):
        times.append(time.perf_counter())
        told.append(step)
    last = told[-1]
    assert last.scene is not None
    arrived, seconds = last.state == "arrived", times[-1] - times[0]
    each = tuple(b - a for a, b in itertools.pairwise(times[1:]))
    missing = 0 if arrived else options.steps - last.number
    seconds += missing * (statistics.fmean(each) if each else seconds)
    refound = None if patches is None else _refound(generator, patches, pull, scene, last.scene)
    return Outcome(pull, last.number + missing, seconds, each, last.distance, arrived, refound)


def _refound(generator: Model, patches: Patches, pull: Pull, before: Scene, after: Scene) -> float | None:
    maps = patches.read(torch.stack([generator.render(before), generator.render(after)]))
    found = patches.find(maps[0], pull.handle, maps[1])
    return math.dist((found.x, found.y), pull.target) if found.likeness >= ALIKE else None


def in_turn(
    methods: dict[str, tuple[Model, DragOptions]], pulls: Sequence[Pull], patches: Patches | None = None
) -> dict[str, Outcomes]:
    """Every pull by every method, one after the other, so that what else the machine does hits all alike;
    every second pull the other way round."""
    result = {name: Outcomes() for name in methods}
    for number, pull in enumerate(pulls):
        for name in list(methods) if number % 2 == 0 else list(methods)[::-1]:
            generator, options = methods[name]
            result[name].all.append(timed_drag(generator, pull, options, patches))
    return result
