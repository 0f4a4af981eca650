"""The Fréchet Inception Distance (Heusel et al. 2017): `frechet_distance` over the features of an imported
Inception. Only this number is called FID; the distance over our own judge's features never is.

The real pictures are rendered rooms at the model's side, or those of a folder, cut to a square. An FID falls
as the number of pictures grows, so both counts stand beside it; fewer than 2048 make covariances that are not
of full rank. Pictures are rounded to bytes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.generators.contract import Generator
from spatial_edit.images import FORMATS, PhotoError, open_photo, to_square
from spatial_edit.metrics.backbones import Backbone
from spatial_edit.metrics.features import features
from spatial_edit.metrics.frechet import frechet_distance, moments
from spatial_edit.metrics.reference import REFERENCE_SEED, real_features
from spatial_edit.nn.inception import Inception

BATCH = 64
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def fid_figures(
    generator: Generator,
    inception: Backbone,
    count: int,
    real: Path | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> dict[str, float | int | str]:
    """`fid` of `count` samples (seeds `seed` and up, no truncation), with how many pictures each side has.

    real: a folder of pictures; None: as many rendered rooms. progress is told of the samples. ValueError when
    the folder has fewer than two pictures.
    """
    network, side = inception.module, generator.spec.resolution
    assert isinstance(network, Inception)
    if real is None:
        truth = real_features(network, inception.weights, side, count, REFERENCE_SEED)
    else:
        truth = features(network, folder_pictures(real, side))
    drawn = features(network, pictures(generator, count, seed), progress)
    return {
        "fid": float(f"{frechet_distance(moments(truth), moments(drawn)):.5g}"),
        "fid_samples": len(drawn),
        "fid_real": len(truth),
        "fid_real_set": "rendered rooms" if real is None else real.name,
        "fid_inception": inception.weights,
    }


def pictures(generator: Generator, count: int, seed: int = 0) -> Iterator[Tensor]:
    """Batches (B, 3, R, R) of the scenes of `count` seeds, at the model's own side."""
    for start in range(0, count, BATCH):
        seeds = list(range(seed + start, seed + min(start + BATCH, count)))
        at_once = getattr(generator, "sample_batch", None)
        scenes = at_once(seeds) if at_once else [generator.sample(s) for s in seeds]
        yield generator.render_batch(scenes)


def folder_pictures(folder: Path, side: int) -> Iterator[Tensor]:
    """Batches (B, 3, side, side) in [-1, 1] of a folder's pictures, by name; other files are left out.

    ValueError when there are fewer than two pictures.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS) if folder.is_dir() else []
    waiting: list[Tensor] = []
    found = 0
    for path in paths:
        try:
            waiting.append(to_square(open_photo(path), side, "crop"))
        except PhotoError:
            continue
        found += 1
        if len(waiting) == BATCH:
            yield torch.stack(waiting)
            waiting = []
    if found < 2:
        raise ValueError(
            f"{folder} has {found} pictures: an FID needs a folder of many ({', '.join(FORMATS)})"
        )
    if waiting:
        yield torch.stack(waiting)
