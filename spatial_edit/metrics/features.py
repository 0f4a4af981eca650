"""The judge's pooled features of many pictures, in batches and without gradients, and where the judge comes
from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor

from spatial_edit.checkpoints import load
from spatial_edit.nn.judge import Judge

JUDGE_FOLDER = Path(__file__).parents[2] / "checkpoints" / "rooms-judge"
BATCH = 64


class Reader(Protocol):
    """A network that describes pictures (B, 3, H, W) in [-1, 1] by rows of numbers (B, D)."""

    def features(self, images: Tensor) -> Tensor: ...


def load_judge(folder: Path = JUDGE_FOLDER, device: str = "cpu") -> tuple[Judge, str]:
    """The bundled judge, in eval mode and frozen, and its weights' hash.

    CheckpointError, one sentence, when it is missing or damaged.
    """
    module, _, weights = load(folder, build_judge, device)
    judge = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return cast(Judge, judge), weights


def build_judge(config: dict) -> Judge:
    """An untrained judge of a checkpoint's configuration; ValueError when that is of another kind of
    network.
    """
    if config.get("kind") != "judge":
        raise ValueError(f"this is the configuration of a {config.get('kind')!r}, not of a judge")
    return Judge(
        int(config["fine"]), int(config["coarse"]), tuple(config["dilations"]), int(config["classes"])
    )


@torch.no_grad()
def features(
    judge: Reader, batches: Iterable[Tensor], progress: Callable[[int], None] | None = None
) -> Tensor:
    """(N, D) float32 on the CPU from batches (B, 3, H, W) in [-1, 1], quantised to 8 bits as a saved picture
    would be.

    Real pictures are bytes; without the rounding a generator's finer steps alone would set the two sets
    apart. `progress` is told how many pictures are done.
    """
    rows: list[Tensor] = []
    done = 0
    for batch in batches:
        for images in batch.split(BATCH):
            pooled = judge.features(quantise(images).contiguous(memory_format=torch.channels_last))
            rows.append(pooled.float().cpu())
            done += len(images)
            if progress is not None:
                progress(done)
    if not rows:
        raise ValueError("there are no pictures to read features from")
    return torch.cat(rows)


def quantise(images: Tensor) -> Tensor:
    """Pictures in [-1, 1] at the 256 levels of a byte: level / 127.5 - 1, clamped."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
