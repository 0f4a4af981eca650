"""A SpatialGAN of cats, and the plain StyleGAN2 beside it, from photos to a checkpoint folder.

    photos -> framed set -> supervised stage -> adversarial stage -> encoder of photos (SpatialGAN alone)

`out / model` gets the averaged generator, `out / model / discriminator` and `out / model / encoder` the other
two. Every stage keeps its own folder with its state, so that an interrupted run goes on where it stopped;
once the adversarial stage has begun, the supervised one's minutes are its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.checkpoints import save as save_checkpoint
from spatial_edit.data import drawn
from spatial_edit.data.photos import Photos
from spatial_edit.generators.spatialgan.config_json import config_to_json as spatial_to_json
from spatial_edit.generators.spatialgan.encoder import FOLDER_NAME, PhotoEncoder, encoder_to_json
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.generators.stylegan2 import (
    DiscriminatorConfig,
    StyleGAN2Generator,
    config_to_json,
    discriminator_to_json,
)
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.train.cats import CatsTask
from spatial_edit.train.cats_adversarial import CatsAdversarialTask
from spatial_edit.train.cats_encoder import CatsEncoderTask
from spatial_edit.train.cats_recipe import CatsRecipe
from spatial_edit.train.framed_set import framed_set
from spatial_edit.train.loop import Plan, Task, run
from spatial_edit.train.parallel import is_main
from spatial_edit.train.rooms_pipeline import load_segmenter, summary
from spatial_edit.train.spatial_sketch import moved

MOST_BYTES = 16_000_000_000  # of a framed set, which lies in memory
MISSING = (
    "this recipe trains on aligned photos of cats' faces: --set photos=PATH, a folder or a zip; the usual "
    "set is AFHQ's cats (Choi et al. 2020, CC BY-NC 4.0: not for commercial use), which "
    "github.com/clovaai/stargan-v2 tells how to get"
)


@dataclass(frozen=True)
class Stage:
    """share: of the run's minutes. images: the stage's length instead, where not 0."""

    share: float
    images: int = 0


@dataclass(frozen=True)
class CatsPipelineRecipe:
    """A complete configuration. photos: folder or zip. drawn: how many drawn faces stand in for photos where
    none are given; 0: none do."""

    cats: CatsRecipe = field(default_factory=CatsRecipe)
    photos: str = ""
    drawn: int = 0
    perceptual: bool = True
    supervised: Stage = Stage(0.3)
    adversarial: Stage = Stage(0.6)
    encoder: Stage = Stage(0.1)
    report_seconds: float = 240.0
    quiet: bool = False


class Stages:
    """Runs the stages of one recipe and keeps what they reached."""

    def __init__(self, out: Path, minutes: float, resume: bool, report_seconds: float, quiet: bool) -> None:
        self.out, self.minutes, self.resume = out, minutes, resume
        self.report_seconds, self.quiet = report_seconds, quiet
        self.results: dict[str, float] = {}

    def begun(self, name: str) -> bool:
        """Whether this run goes on with a stage's state."""
        return self.resume and (self.out / name / "state.pt").exists()

    def run(self, name: str, task: Task, share: float, images: int) -> None:
        """One stage."""
        plan = Plan(
            self.out / name,
            self.minutes * share,
            images or None,
            self.resume,
            self.report_seconds,
            self.quiet,
        )
        progress = run(task, plan)
        self.note({f"{name}_{key}": value for key, value in summary(task, progress).items()})

    def note(self, figures: dict[str, float]) -> None:
        """Add to the results and write them."""
        self.results |= figures
        if is_main():
            (self.out / "results.json").write_text(json.dumps(self.results, indent=1))


def train_cats(
    recipe: CatsPipelineRecipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Run all stages; the checkpoint is in `out / model`. Returns the last metrics of each stage.

    ValueError without photos, for a set that cannot be read, for too few photos and for too many."""
    photos = photos_of(recipe, say)
    data = framed_set(photos, recipe.cats)
    segmenter = load_segmenter() if recipe.perceptual else None
    stages = Stages(out, minutes, resume, recipe.report_seconds, recipe.quiet)
    task = CatsAdversarialTask(recipe.cats, data, segmenter)
    share = recipe.adversarial.share
    if stages.begun("adversarial"):
        share += recipe.supervised.share
    else:
        first = CatsTask(recipe.cats, data, segmenter)
        stages.run("supervised", first, recipe.supervised.share, recipe.supervised.images)
        task.start_from(first)
    stages.run("adversarial", task, share, recipe.adversarial.images)
    task.measure()
    if not recipe.photos and recipe.cats.spatial is not None:
        stages.note({"steering": eyes_follow(task)})
    if is_main():
        save_model(out / "model", task.averages["generator"].module)
        save_discriminator(out / "model" / "discriminator", task.modules["discriminator"], recipe.cats)
    if recipe.cats.spatial is not None:
        reader = CatsEncoderTask(data, len(photos))
        stages.run("encoder", reader, recipe.encoder.share, recipe.encoder.images)
        encoder = reader.averages["encoder"].module
        assert isinstance(encoder, PhotoEncoder)
        if is_main():
            save_checkpoint(out / "model" / FOLDER_NAME, encoder, encoder_to_json(encoder.config))
    return stages.results


def photos_of(recipe: CatsPipelineRecipe, say: Callable[[str], None] = print) -> Tensor:
    """(N, 3, h, h) uint8, h 1.5 times the model's side; ValueError as `train_cats`."""
    cats = recipe.cats
    side, least = 3 * cats.resolution // 2, max(cats.z_dim, 16)
    if not recipe.photos:
        if not recipe.drawn:
            raise ValueError(MISSING)
        return drawn.face_photos(recipe.drawn, cats.seed, side)
    photos = Photos(recipe.photos, side)
    if len(photos) < least:
        raise ValueError(f"{recipe.photos} holds {len(photos)} photos: this recipe needs {least} or more")
    most = MOST_BYTES // (3 * cats.resolution**2 * cats.views)
    if len(photos) > most:
        raise ValueError(
            f"{recipe.photos} holds {len(photos):,} photos: at most {most:,} fit into memory, take fewer"
        )
    if is_main():
        say(f"reading {len(photos):,} photos at {side} px")
    return photos.tensor()


def save_model(folder: Path, network: nn.Module) -> None:
    """A generator's checkpoint."""
    if isinstance(network, SpatialGAN):
        save_checkpoint(folder, network, spatial_to_json(network.config))
    else:
        assert isinstance(network, StyleGAN2Generator)
        save_checkpoint(folder, network, config_to_json(network.config))


def save_discriminator(folder: Path, network: nn.Module, recipe: CatsRecipe) -> None:
    """The discriminator's checkpoint, for panels of its attention."""
    assert isinstance(network, Discriminator)
    config = DiscriminatorConfig(recipe.resolution, dict(recipe.adversary.channels), group=network.group)
    save_checkpoint(folder, network, discriminator_to_json(config))


@torch.no_grad()
def eyes_follow(task: CatsTask, count: int = 128) -> float:
    """How far the eyes of drawn faces follow the heatmap, by the averaged weights; 1: as far as it moves."""
    network = task.averages["generator"].module
    state = task.generator.get_state()
    task.generator.manual_seed(3)
    z, levels = task.fresh(count, network)
    angle = 2 * math.pi * torch.rand(count, generator=task.generator)
    length = 0.06 + 0.09 * torch.rand(count, generator=task.generator)
    move = torch.stack([angle.cos(), angle.sin()], 1) * length[:, None]
    assert levels is not None
    pictures = []
    for shown in (levels, moved(levels, move.to(z))):
        task.generator.manual_seed(4)  # the same noise twice
        pictures.append(task.paint(network, z, shown).clamp(-1, 1).cpu())
    task.generator.set_state(state)
    eyes = levels[1].centres.mean(1).cpu()
    ratios, seen = drawn.followed(pictures[0], pictures[1], drawn.EYES_CHANNEL, eyes, move)
    return float(ratios[seen].mean())
