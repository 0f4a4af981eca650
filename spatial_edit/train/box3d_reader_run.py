"""Train the reader of rooms and write its checkpoint folder: the recipe `box3d_reader`, or into checkpoints/

python -c "from spatial_edit.train.box3d_reader_run import build; build(20)"
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from spatial_edit.checkpoints import load, save
from spatial_edit.data.rooms.pool import shards
from spatial_edit.data.rooms.renderer import render
from spatial_edit.generators.box3d.parts import BoxBatch
from spatial_edit.generators.box3d.reader import FOLDER_NAME, RoomReader
from spatial_edit.metrics.box_truth import box_truth
from spatial_edit.nn.segmenter import Segmenter, build_segmenter
from spatial_edit.train.box3d_reader import ReaderPool, ReaderRecipe, RoomReaderTask
from spatial_edit.train.loop import Plan, run

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
AT_ONCE = 8  # rooms rendered together


def reader_pool(count: int, seed: int, resolution: int = 64) -> ReaderPool:
    """Render `count` rooms: about 60 a second and core at 64 px."""
    pictures, instances, boxes = [], [], []
    for rooms in shards(count, seed):
        for start in range(0, len(rooms), AT_ONCE):
            drawn = render(rooms[start : start + AT_ONCE], resolution)
            pictures.append(drawn.rgb)
            instances.append(drawn.instance)
        boxes.append(box_truth(rooms))
        print(f"rendered {sum(map(len, pictures))} of {count} rooms", file=sys.stderr, flush=True)
    truth = BoxBatch(*(torch.cat(values) for values in zip(*boxes, strict=True)))
    return ReaderPool(torch.cat(pictures), torch.cat(instances), truth)


def build(
    minutes: float,
    rooms: int = 12_288,
    seed: int = 100_000,
    folder: Path = CHECKPOINTS / FOLDER_NAME,
    work: Path = Path("runs") / FOLDER_NAME,
    resume: bool = False,
) -> str:
    """Render the pool, train for `minutes`, and save the averaged weights; returns their hash. Progress and
    held-out losses go to `work`; with `resume` the training there goes on, its learning rate raised to what
    the new total makes it."""
    segmenter, _, _ = load(CHECKPOINTS / "rooms-segmenter", build_segmenter)
    assert isinstance(segmenter, Segmenter)
    task = RoomReaderTask(ReaderRecipe(), reader_pool(rooms, seed), segmenter.requires_grad_(True))
    run(task, Plan(work, minutes=minutes, resume=resume))
    reader = task.averages["reader"].module
    assert isinstance(reader, RoomReader)
    return save(folder, reader, reader.config.to_dict())


@dataclass(frozen=True)
class ReaderTraining:
    """What the recipe can set."""

    rooms: int = 12_288
    seed: int = 100_000


def train_reader(
    recipe: ReaderTraining, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """`build` as a recipe: the checkpoint is in `out / model`, its state and figures in `out`."""
    weights = build(minutes, recipe.rooms, recipe.seed, out / "model", out, resume)
    say(f"the reader's weights are {weights}")
    return {"rooms": float(recipe.rooms)}


def box3d_reader() -> ReaderTraining:
    """A photo to boxes: 12,288 rooms at 64 px, about 15 minutes of one free core. Its scores are on the card
    of checkpoints/box3d-reader."""
    return ReaderTraining()
