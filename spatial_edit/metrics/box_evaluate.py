"""Everything that is measured of a model of boxes beside the quality of its samples, in stages that can be
run one by one: steering from z, moves in true rooms, edits, views, layouts of samples, latency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.metrics.box_co_move import measure_box_moves, measure_true_moves
from spatial_edit.metrics.box_edits import measure_edits
from spatial_edit.metrics.box_latency import frame_times
from spatial_edit.metrics.box_rooms import HELD_OUT, HELD_OUT_SEED, TRUE_SEED, TrueRoom, true_rooms
from spatial_edit.metrics.box_samples import sample_figures
from spatial_edit.metrics.box_views import measure_views
from spatial_edit.nn.judge import Judge

Figures = dict[str, float | int | str]
Say = Callable[[str], None]
LOOKED_AT = 64  # samples of the contact sheet, seeds 0 and up
DRAGGED = 8  # scenes that frames are timed with
POOL_SHARD = 512  # a room depends on the shard that it is drawn in


@dataclass(frozen=True)
class BoxSizes:
    """Seeds and true rooms whose objects are moved; held-out rooms, how many of them are edited and orbited;
    frames of a drag."""

    moves: int = 500
    true_moves: int = 500
    held_out: int = HELD_OUT
    edited: int = 128
    orbited: int = 128
    frames: int = 30


BOX_QUICK = BoxSizes(moves=12, true_moves=8, held_out=16, edited=6, orbited=4, frames=3)


@dataclass(frozen=True)
class BoxModel:
    """What a stage needs."""

    generator: Box3DGenerator
    judge: Judge
    sizes: BoxSizes
    seed: int
    say: Say
    counter: Callable[[Say, int], Callable[[int], None]]

    def count(self, what: str, total: int) -> Callable[[int], None]:
        """Says what is measured, and gives the progress of `total`."""
        self.say(f"{self.generator.spec.name}: {what}")
        return self.counter(self.say, total)


def steering(model: BoxModel) -> Figures:
    """Co-move from z, background change."""
    sizes = model.sizes
    progress = model.count(f"co-move of {sizes.moves} seeds", sizes.moves)
    scenes = model.generator.sample_batch([model.seed + i for i in range(sizes.moves)])
    tally = measure_box_moves(model.generator, model.judge, scenes, model.seed, progress)
    return tally.figures("co_move")


def true_steering(model: BoxModel) -> Figures:
    """Co-move from true layouts, its ceiling, counterfactual error."""
    count = model.sizes.true_moves
    progress = model.count(f"moves in {count} true rooms", count)
    rooms = true_rooms(model.generator, sample_rooms(count, TRUE_SEED + model.seed))
    return measure_true_moves(model.generator, model.judge, rooms, model.seed, progress).figures()


def edits(model: BoxModel) -> Figures:
    """Median co-move, removal, recolour."""
    count = model.sizes.edited
    progress = model.count(f"edits of {count} held-out rooms", count)
    return measure_edits(model.generator, model.judge, held_out(model)[:count], progress) | {"edits_n": count}


def views(model: BoxModel) -> Figures:
    """Held-out error, rough shading, orbit."""
    progress = model.count(f"views of {model.sizes.held_out} held-out rooms", model.sizes.held_out)
    return measure_views(model.generator, held_out(model), model.sizes.orbited, progress)


def layouts(model: BoxModel) -> Figures:
    """Floating and intersecting objects of the contact sheet's samples."""
    generator = model.generator
    model.say(f"{generator.spec.name}: layouts of {LOOKED_AT} samples")
    scenes = [generator.sample(seed) for seed in range(LOOKED_AT)]
    rooms = true_rooms(generator, sample_rooms(POOL_SHARD, TRUE_SEED))
    return sample_figures(scenes, [true.scene for true in rooms])


def latency(model: BoxModel) -> Figures:
    """One frame of a drag."""
    model.say(f"{model.generator.spec.name}: latency")
    scenes = [model.generator.sample(seed) for seed in range(DRAGGED)]
    return frame_times(model.generator, scenes, model.sizes.frames)


STAGES: dict[str, Callable[[BoxModel], Figures]] = {
    "steering": steering,
    "truth": true_steering,
    "edits": edits,
    "views": views,
    "layouts": layouts,
    "latency": latency,
}


def held_out(model: BoxModel) -> list[TrueRoom]:
    """The first rooms of the decoder's pool: never trained on."""
    rooms = sample_rooms(POOL_SHARD, HELD_OUT_SEED)[: model.sizes.held_out]
    return true_rooms(model.generator, rooms)
