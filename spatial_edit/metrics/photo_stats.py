"""The real set that a model of photos is measured against, as its mean and covariance.

`reference_stats.safetensors` beside a model holds them with the set's name, count and floors; the photos are
not shipped. Pictures of a set of aligned photos are framed at random (`data.framing`): every photo about
equally often, mirrored half of the time, everything from one seed.

The covariance is kept as D S S D: D the features' deviations (float32), S the symmetric root of their
correlations, its lower triangle in float16 (its entries lie in [-1, 1]). For the cats that is 0.27 MB, and
moves no Fréchet distance by more than 0.01 %.

Two floors, real against real at the same count: `floor` between two draws of frames from the same photos,
what a model that knows its training set by heart would reach; `photos_floor` between two halves of the
photos.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.data.framing import FrameRecipe, draw_frames, framed
from spatial_edit.data.photos import Photos
from spatial_edit.metrics.features import features
from spatial_edit.metrics.frechet import Moments, frechet_distance, moments
from spatial_edit.metrics.reference import STATS_NAME
from spatial_edit.metrics.squeeze_features import FEATURES, WIDTH, Squeeze
from spatial_edit.safetensors_header import CheckpointError, read_header

COUNT = 10_000
SEED = 0
STEP = 64
ENTRIES = WIDTH * (WIDTH + 1) // 2
SHAPES = {"mean": (WIDTH,), "deviations": (WIDTH,), "root": (ENTRIES,)}
DAMAGED = "is not a file of reference statistics: make it with python -m spatial_edit reference-stats PHOTOS"


@dataclass(frozen=True)
class Facts:
    """How a real set came about. photos: how many it was drawn from; count: how many pictures; frames:
    whether they were framed at random; weights: the hash of the trunk that saw them."""

    name: str
    side: int
    photos: int
    count: int
    frames: bool
    seed: int
    weights: str
    floor: float
    photos_floor: float
    features: str = FEATURES


@dataclass(frozen=True, eq=False)
class PhotoStats:
    """A real set's facts and moments."""

    facts: Facts
    moments: Moments


def make_stats(
    photos: Photos,
    squeeze: Squeeze,
    side: int,
    name: str,
    count: int = COUNT,
    frames: bool = True,
    seed: int = SEED,
    say: Callable[[str], None] = lambda text: None,
) -> PhotoStats:
    """The statistics of `count` pictures of the photos at `side` (of all of them, once each, without
    frames). ValueError for fewer than 4 photos, a photo that cannot be read, or a side below 32."""
    if len(photos) < 4:
        raise ValueError(f"{photos.source.name} has {len(photos)} photos: statistics need at least 4")
    every = torch.arange(len(photos))

    def read(chosen: Tensor, draw: int) -> Tensor:
        say(f"{name}: {count if frames else len(chosen)} pictures of {len(chosen)} photos")
        return features(squeeze.reader, real_pictures(photos, side, count, frames, draw, chosen))

    rows = read(every, seed)
    own = moments(rows)
    mixed = torch.randperm(len(photos), generator=torch.Generator().manual_seed(seed))
    first, second = (read(half, seed + 2 + i) for i, half in enumerate(mixed.tensor_split(2)))
    photos_floor = frechet_distance(moments(first), moments(second))
    floor = frechet_distance(own, moments(read(every, seed + 1))) if frames else photos_floor
    facts = Facts(
        name,
        side,
        len(photos),
        len(rows),
        frames,
        seed,
        squeeze.weights,
        _digits(floor),
        _digits(photos_floor),
    )
    return PhotoStats(facts, own)


def real_pictures(
    photos: Photos, side: int, count: int, frames: bool, seed: int, chosen: Tensor | None = None
) -> Iterator[Tensor]:
    """Batches (B, 3, side, side) in [-1, 1] of the chosen photos (all of them): `count` framed ones, or each
    once as it is. The photos' own side is `photos.side`, best twice `side`."""
    chosen = torch.arange(len(photos)) if chosen is None else chosen
    generator = torch.Generator().manual_seed(seed)
    if frames:
        rounds = -(-count // len(chosen))
        order = torch.cat([torch.randperm(len(chosen), generator=generator) for _ in range(rounds)])[:count]
        chosen = chosen[order]
    for part in chosen.split(STEP):
        pictures = photos.batch(part).float() / 127.5 - 1
        if not frames:
            yield torch.nn.functional.interpolate(
                pictures, size=(side, side), mode="bilinear", antialias=True, align_corners=False
            )
            continue
        mirrored = torch.rand(len(part), generator=generator) < 0.5
        pictures[mirrored] = pictures[mirrored].flip(3)
        yield framed(pictures, draw_frames(len(part), FrameRecipe(), generator), side)


def write_stats(path: Path, stats: PhotoStats) -> None:
    """The file, whole or not at all."""
    from safetensors.torch import save_file

    covariance = stats.moments.covariance
    deviations = covariance.diagonal().sqrt()
    scale = deviations.clamp(min=1e-12)
    values, vectors = torch.linalg.eigh(covariance / scale[:, None] / scale)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    rows, columns = torch.tril_indices(WIDTH, WIDTH)
    tensors = {"mean": stats.moments.mean.float(), "deviations": deviations.float()}
    tensors["root"] = root[rows, columns].half()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(tensors, temporary, metadata={"facts": json.dumps(asdict(stats.facts), allow_nan=False)})
        temporary.chmod(0o644)  # safetensors writes for the owner alone
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_stats(path: Path) -> PhotoStats:
    """The statistics of a file, or of the file in a model's folder. CheckpointError, one sentence, when there
    is none or it is damaged."""
    from safetensors import safe_open

    path = path / STATS_NAME if path.is_dir() else path
    header = read_header(path)
    if {name: entry.shape for name, entry in header.items()} != SHAPES:
        raise CheckpointError(f"{path.name} {DAMAGED}")
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name).double() for name in SHAPES}
        facts = _facts((file.metadata() or {}).get("facts", ""), path)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise CheckpointError(f"{path.name} holds NaN or infinity: get it again")
    root = torch.zeros(WIDTH, WIDTH, dtype=torch.float64)
    rows, columns = torch.tril_indices(WIDTH, WIDTH)
    root[rows, columns] = tensors["root"]
    root[columns, rows] = tensors["root"]
    scaled = tensors["deviations"][:, None] * root
    return PhotoStats(facts, Moments(tensors["mean"], scaled @ scaled.T, facts.count))


def _facts(text: str, path: Path) -> Facts:
    """Facts of JSON that may come from anywhere."""
    kinds = {"str": str, "int": int, "float": float, "bool": bool}
    fields = {name: kinds[str(kind)] for name, kind in Facts.__annotations__.items()}
    try:
        content = json.loads(text) if len(text) < 10_000 else None
    except ValueError:
        content = None
    if not isinstance(content, dict) or set(content) != set(fields):
        raise CheckpointError(f"{path.name} {DAMAGED}")
    if any(type(content[name]) is not kind for name, kind in fields.items()):
        raise CheckpointError(f"{path.name} {DAMAGED}")
    facts = Facts(**content)
    sizes = 16 <= facts.side <= 4096 and facts.count >= 2 and facts.photos >= 1
    floors = all(math.isfinite(v) and v >= 0 for v in (facts.floor, facts.photos_floor))
    if not (sizes and floors and len(facts.name) <= 100 and facts.name.isprintable()):
        raise CheckpointError(f"{path.name} {DAMAGED}")
    return facts


def _digits(value: float) -> float:
    return float(f"{value:.5g}")
