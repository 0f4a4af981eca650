"""The rooms model from nothing: pool, decoder, layout flow, joint fine-tuning, detector, checkpoint.

Stages run in this order and each ends in something usable: after the decoder a layout can be painted, after
the layout a seed gives a room, after the joint stage it looks better, after the detector a photo can be
parsed. Every stage keeps its own folder with its state, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from spatial_edit.checkpoints import load as load_checkpoint
from spatial_edit.checkpoints import save as save_checkpoint
from spatial_edit.data.rooms.pool import Pool
from spatial_edit.generators.blobgan.encoder import CodeEncoder
from spatial_edit.generators.blobgan.rooms import RoomsBlobGAN, RoomsConfig
from spatial_edit.nn.segmenter import Segmenter
from spatial_edit.train.blobgan_decoder import DecoderRecipe, DecoderTask
from spatial_edit.train.blobgan_detector import DetectorRecipe, DetectorTask
from spatial_edit.train.blobgan_joint import JointRecipe, JointTask
from spatial_edit.train.blobgan_layout import FlowTask, LayoutRecipe, encode_pool
from spatial_edit.train.loop import Plan, Progress, Task, run
from spatial_edit.train.parallel import accelerator, is_main
from spatial_edit.train.scenes import team_pool

SEGMENTER = Path(__file__).resolve().parents[2] / "checkpoints" / "rooms-segmenter"
STAGES = ("decoder", "layout", "joint", "detector")


@dataclass(frozen=True)
class RoomsRecipe:
    """A complete configuration. `shares` divide the minutes, `images` (when set) fix each stage's length
    instead."""

    decoder: DecoderRecipe = DecoderRecipe()
    layout: LayoutRecipe = LayoutRecipe()
    joint: JointRecipe = JointRecipe()
    detector: DetectorRecipe = DetectorRecipe()
    pool_size: int = 12_288
    pool_seed: int = 100_000
    perceptual: bool = True
    shares: dict[str, float] = field(
        default_factory=lambda: {"decoder": 0.6, "layout": 0.06, "joint": 0.24, "detector": 0.1}
    )
    images: dict[str, int] = field(default_factory=dict)
    report_seconds: float = 240.0
    quiet: bool = False

    @property
    def model(self) -> RoomsConfig:
        return RoomsConfig(self.decoder.config, self.layout.flow, self.detector.width)


def load_segmenter(folder: Path = SEGMENTER) -> Segmenter:
    """The bundled segmenter, frozen."""
    network, _, _ = load_checkpoint(
        folder, lambda config: Segmenter(tuple(config["widths"]), config["classes"])
    )
    assert isinstance(network, Segmenter)
    return network.eval().requires_grad_(False)


def train_rooms(
    recipe: RoomsRecipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Run all stages; the checkpoint is in `out / model`. Returns the last metrics of each stage."""
    config = recipe.decoder.config
    pool = team_pool(out / "pool", recipe.pool_size, recipe.pool_seed, config.resolution, say)
    segmenter = load_segmenter() if recipe.perceptual else None
    model = RoomsBlobGAN(recipe.model)
    results: dict[str, float] = {}

    def stage(name: str, task: Task) -> None:
        plan = Plan(
            out / name,
            minutes * recipe.shares[name],
            recipe.images.get(name),
            resume,
            recipe.report_seconds,
            recipe.quiet,
        )
        progress = run(task, plan)
        results.update({f"{name}_{k}": v for k, v in summary(task, progress).items()})
        if is_main():
            (out / "results.json").write_text(json.dumps(results, indent=1))

    decoder = DecoderTask(recipe.decoder, pool, segmenter)
    stage("decoder", decoder)
    copy_average(decoder, "decoder", model.decoder)
    copy_average(decoder, "codes", model.codes)

    layout = layout_task(recipe, model.codes.to(accelerator().device), pool)
    stage("layout", layout)
    copy_average(layout, "flow", model.flow)

    if segmenter is not None:
        joint = JointTask(recipe.joint, pool, segmenter, model.flow)
        start_from(joint, decoder)
        stage("joint", joint)
        copy_average(joint, "decoder", model.decoder)
        copy_average(joint, "codes", model.codes)

    detector = DetectorTask(recipe.detector, pool, segmenter)
    stage("detector", detector)
    copy_average(detector, "detector", model.detector)
    if is_main():
        save_checkpoint(out / "model", model.cpu(), model.config.to_dict())
    return results


def layout_task(recipe: RoomsRecipe, codes: CodeEncoder, pool: Pool) -> FlowTask:
    """Stage (ii) on the codes of a trained encoder."""
    vectors, masks = encode_pool(codes, pool, recipe.decoder.half_precision)
    return FlowTask(recipe.layout, recipe.decoder.config, vectors, masks)


def copy_average(task: Task, name: str, target: torch.nn.Module) -> None:
    """The averaged weights of a finished stage."""
    target.load_state_dict(task.averages[name].module.state_dict())


def start_from(joint: JointTask, decoder: DecoderTask) -> None:
    """Stage (iii) goes on from the averaged weights of stage (i)."""
    for name in ("decoder", "codes"):
        state = decoder.averages[name].module.state_dict()
        joint.modules[name].load_state_dict(state)
        joint.averages[name].module.load_state_dict(state)


def summary(task: Task, progress: Progress) -> dict[str, float]:
    """What a stage reached."""
    return {
        "images": float(progress.images),
        "minutes": progress.seconds / 60,
        **progress.losses,
        **task.metrics(),
    }


def shorter(recipe: RoomsRecipe, images: dict[str, int], pool_size: int) -> RoomsRecipe:
    """The same recipe for tests and for continuous integration: fixed lengths, a small pool, no printing."""
    return replace(recipe, images=images, pool_size=pool_size, quiet=True)
