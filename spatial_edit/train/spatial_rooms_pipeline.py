"""A SpatialGAN of rooms with objects, from nothing to a checkpoint folder.

    rooms in layers -> supervised stage -> adversarial stage

Folders and resuming are those of `cats_pipeline`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from spatial_edit.data.rooms.layers import cached_layers
from spatial_edit.train.cats_pipeline import Stage, Stages, save_discriminator, save_model
from spatial_edit.train.parallel import accelerator, is_main
from spatial_edit.train.rooms_pipeline import load_segmenter
from spatial_edit.train.spatialgan_rooms import (
    RoomsObjectsAdversarialTask,
    RoomsObjectsRecipe,
    RoomsObjectsTask,
    object_set,
)


@dataclass(frozen=True)
class RoomsObjectsPipelineRecipe:
    """A complete configuration."""

    rooms: RoomsObjectsRecipe = field(default_factory=RoomsObjectsRecipe)
    perceptual: bool = True
    supervised: Stage = Stage(0.5)
    adversarial: Stage = Stage(0.5)
    report_seconds: float = 240.0
    quiet: bool = False


def train_rooms_objects(
    recipe: RoomsObjectsPipelineRecipe,
    minutes: float,
    out: Path,
    resume: bool,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Run both stages; the checkpoint is in `out / model`. Returns the last metrics of each stage."""
    rooms = recipe.rooms
    with accelerator().main_process_first():
        layers = cached_layers(
            out / "layers", rooms.rooms, rooms.pool_seed, rooms.resolution, say if is_main() else None
        )
    data = object_set(layers, rooms)
    segmenter = load_segmenter() if recipe.perceptual else None
    stages = Stages(out, minutes, resume, recipe.report_seconds, recipe.quiet)
    task = RoomsObjectsAdversarialTask(rooms, data, segmenter)
    share = recipe.adversarial.share
    if stages.begun("adversarial"):
        share += recipe.supervised.share
    else:
        first = RoomsObjectsTask(rooms, data, segmenter)
        stages.run("supervised", first, recipe.supervised.share, recipe.supervised.images)
        task.start_from(first)
    stages.run("adversarial", task, share, recipe.adversarial.images)
    task.measure()
    if is_main():
        save_model(out / "model", task.averages["generator"].module)
        save_discriminator(out / "model" / "discriminator", task.modules["discriminator"], rooms)
    return stages.results
