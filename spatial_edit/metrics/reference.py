"""The real set that rooms are measured against: rendered rooms that no training pool holds, and a second such
set.

`checkpoints/rooms-judge/reference_stats.safetensors` ships the first set's mean, covariance and count for
each resolution, and the floor, the Fréchet distance between the two real sets. The features themselves, which
precision and recall need, are rendered again on the first use (minutes) and kept in the user's cache folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.metrics.features import Reader, features
from spatial_edit.metrics.frechet import Moments, frechet_distance, moments
from spatial_edit.nn.judge import Judge

STATS_NAME = "reference_stats.safetensors"
REFERENCE_SEED = 2_000_000
FLOOR_SEED = 100_000  # the rooms that the bundled models learn from, as independent of the first set as any
SHARD = 512  # rooms drawn together; a room depends on its whole shard
STEP = 64


@dataclass(frozen=True, eq=False)
class Reference:
    """Features (N, D) of the real set, their moments, and the floor at the same N."""

    features: Tensor
    moments: Moments
    floor: float


def reference(
    judge: Judge,
    weights: str,
    resolution: int,
    count: int,
    folder: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Reference:
    """The real set of `count` rooms at `resolution`, as the judge with the hash `weights` sees it.

    Moments and floor come from `folder`'s file where it has them for this judge, resolution and count; else
    they are computed, which renders a second set.
    """
    rows = real_features(judge, weights, resolution, count, REFERENCE_SEED, progress)
    shipped = read_stats(folder, weights, resolution) if folder is not None else None
    if shipped is not None and shipped[0].count == count:
        return Reference(rows, *shipped)
    other = real_features(judge, weights, resolution, count, FLOOR_SEED, progress)
    return Reference(rows, moments(rows), frechet_distance(moments(rows), moments(other)))


def real_features(
    judge: Reader,
    weights: str,
    resolution: int,
    count: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """(count, D) features of rooms of a seed, from the user's cache folder or rendered and kept there."""
    from safetensors.torch import load_file, save_file

    path = cache_folder() / f"judge-{weights}-{resolution}px-{count}-{seed}.safetensors"
    if path.is_file():
        return load_file(path)["features"]
    rows = features(judge, real_pictures(count, seed, resolution), progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    save_file({"features": rows}, temporary)
    os.replace(temporary, path)
    return rows


def real_pictures(count: int, seed: int, resolution: int) -> Iterator[Tensor]:
    """Batches (B, 3, R, R) in [-1, 1] of `count` rooms: shard k of 512 rooms has the seed `seed` + 512 k."""
    for start in range(0, count, SHARD):
        rooms = sample_rooms(SHARD, seed + start)
        wanted = min(SHARD, count - start)
        for first in range(0, wanted, STEP):
            part = rooms[first : min(first + STEP, wanted)]
            yield render(part, resolution).rgb.float() / 127.5 - 1


def cache_folder() -> Path:
    """$SPATIAL_EDIT_CACHE, or spatial-edit in $XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("SPATIAL_EDIT_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "spatial-edit"


def write_stats(folder: Path, weights: str, resolution: int, real: Reference) -> None:
    """Add a resolution to the folder's file, whole or not at all; other judges' entries are dropped."""
    from safetensors.torch import save_file

    path = folder / STATS_NAME
    tensors = _read(path, weights)
    tensors |= {
        f"mean_{resolution}": real.moments.mean,
        f"covariance_{resolution}": real.moments.covariance,
        f"count_{resolution}": torch.tensor(real.moments.count),
        f"floor_{resolution}": torch.tensor(real.floor, dtype=torch.float64),
    }
    temporary = path.with_suffix(f".{os.getpid()}")
    save_file(tensors, temporary, metadata={"judge": weights})
    temporary.chmod(0o644)  # safetensors writes for the owner alone
    os.replace(temporary, path)


def read_stats(folder: Path, weights: str, resolution: int) -> tuple[Moments, float] | None:
    """Moments and floor that the folder's file has for this judge and resolution, or None."""
    tensors = _read(folder / STATS_NAME, weights)
    if f"mean_{resolution}" not in tensors:
        return None
    mean, covariance = tensors[f"mean_{resolution}"], tensors[f"covariance_{resolution}"]
    count = int(tensors[f"count_{resolution}"])
    return Moments(mean, covariance, count), float(tensors[f"floor_{resolution}"])


def _read(path: Path, weights: str) -> dict[str, Tensor]:
    """Every tensor of the file; nothing when there is no file or it is another judge's."""
    from safetensors import safe_open

    if not path.is_file():
        return {}
    with safe_open(path, "pt") as file:
        if (file.metadata() or {}).get("judge") != weights:
            return {}
        return {name: file.get_tensor(name) for name in file.keys()}
