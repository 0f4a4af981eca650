"""The Box3D model from nothing: pools with maps, decoder, growth to twice the side, layout sampler,
checkpoint.

Stages run in this order and each ends in something usable: after the decoder a layout can be painted, after
the growth it is painted at twice the side, after the layout stage a seed gives a room. Every stage keeps its
own folder with its state, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from spatial_edit.checkpoints import save as save_checkpoint
from spatial_edit.generators.blobgan.flow import FlowConfig
from spatial_edit.generators.box3d.decoder import Box3DConfig
from spatial_edit.generators.box3d.model import RoomsBox3D, RoomsConfig
from spatial_edit.train.box3d_decoder import RoomDecoderRecipe, RoomDecoderTask
from spatial_edit.train.box3d_flow import RoomFlowRecipe, RoomFlowTask, calibrate
from spatial_edit.train.box3d_pool import cached_box_pool
from spatial_edit.train.loop import Plan, Task, run
from spatial_edit.train.parallel import is_main
from spatial_edit.train.rooms_pipeline import copy_average, load_segmenter, summary


@dataclass(frozen=True)
class Box3DRecipe:
    """A complete configuration. `shares` divide the minutes, `images` (when set) fix each stage's length
    instead. `growth` is None for a model that stays at the decoder's side."""

    decoder: RoomDecoderRecipe = RoomDecoderRecipe()
    growth: RoomDecoderRecipe | None = None
    layout: RoomFlowRecipe = RoomFlowRecipe()
    pool_size: int = 12_288
    growth_pool_size: int = 4_608
    pool_seed: int = 100_000
    perceptual: bool = True
    shares: dict[str, float] = field(default_factory=lambda: {"decoder": 0.25, "growth": 0.6, "layout": 0.15})
    images: dict[str, int] = field(default_factory=dict)
    report_seconds: float = 240.0
    quiet: bool = False


def train_box3d(
    recipe: Box3DRecipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Run all stages; the checkpoint is in `out / model`. Returns the last metrics of each stage."""
    segmenter = load_segmenter() if recipe.perceptual else None
    results: dict[str, float] = {}

    def stage(name: str, task: Task) -> None:
        plan = Plan(
            out / name, minutes * recipe.shares[name], recipe.images.get(name), resume,
            recipe.report_seconds, recipe.quiet,
        )  # fmt: skip
        progress = run(task, plan)
        results.update({f"{name}_{k}": v for k, v in summary(task, progress).items()})
        if is_main():
            (out / "results.json").write_text(json.dumps(results, indent=1))

    first = recipe.decoder
    pool = cached_box_pool(
        out / "pool", recipe.pool_size, recipe.pool_seed, first.config.resolution, False, say
    )
    decoder = RoomDecoderTask(first, pool, segmenter)
    stage("decoder", decoder)
    last = decoder
    if recipe.growth is not None:
        side, count = recipe.growth.config.resolution, recipe.growth_pool_size
        pool = cached_box_pool(out / "pool", count, recipe.pool_seed, side, True, say)
        last = RoomDecoderTask(
            recipe.growth, pool, segmenter, decoder.averages["decoder"].module.state_dict()
        )
        stage("growth", last)

    layout = RoomFlowTask(recipe.layout)
    stage("layout", layout)
    config = RoomsConfig(last.recipe.config, recipe.layout.flow, len(layout.book.kept))
    model = RoomsBox3D(config)
    copy_average(last, "decoder", model.decoder)
    copy_average(layout, "flow", model.flow)
    model.book.load_state_dict(layout.book.state_dict())
    calibrate(model.flow, model.book, layout.rates)
    model.bank.copy_(layout.bank)
    if is_main():
        save_checkpoint(out / "model", model.cpu(), config.to_dict())
    return results


def box3d_rooms_S() -> Box3DRecipe:
    """64 px and growth to 128 px, 12,288 and 4,608 rooms, two CPU cores, about two hours with the pools. Its
    scores are on the card of checkpoints/box3d-rooms."""
    grown = Box3DConfig(resolution=128, widths=(96, 96, 64, 32, 16))
    growth = RoomDecoderRecipe(config=grown, batch=8, learning_rate=1.5e-3, flat=0.4)
    return Box3DRecipe(growth=growth)


def box3d_rooms_M() -> Box3DRecipe:
    """256 px from 128 px, wider, 60,000 rooms, for one GPU with 80 GB or more and 24 minutes. Not yet run."""
    base = Box3DConfig(resolution=128, widths=(192, 192, 128, 64, 32), vector=64, hidden=192, modulation=64)
    decoder = RoomDecoderRecipe(config=base, batch=128)
    growth = replace(
        decoder,
        config=replace(base, resolution=256, widths=(*base.widths, 24)),
        batch=48,
        learning_rate=1.5e-3,
    )
    return Box3DRecipe(decoder=decoder, growth=growth, pool_size=24_576, growth_pool_size=8_192)


def box3d_rooms_toy() -> Box3DRecipe:
    """16 px, 96 rooms, under a minute on two CPU cores: proves that the loop learns, not that rooms look
    good."""
    config = Box3DConfig(
        resolution=16, widths=(24, 16), vector=12, embedding=8, hidden=32, modulation=16, summary=8
    )
    flow = RoomFlowRecipe(flow=FlowConfig(components=32, hidden=64, blocks=2, steps=6), rooms=512, batch=128)
    decoder = RoomDecoderRecipe(config=config, batch=16)
    return Box3DRecipe(
        decoder=decoder,
        growth=replace(decoder, config=replace(config, resolution=32, widths=(24, 16, 8))),
        layout=flow,
        pool_size=96,
        growth_pool_size=64,
        perceptual=False,
        images={"decoder": 1_600, "growth": 480, "layout": 25_600},
        report_seconds=1e9,
    )
