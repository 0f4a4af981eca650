"""Quality of models of photos: Fréchet distance, precision and recall on SqueezeNet features.

What a model is measured against lies beside it, or beside the model that it is a baseline of
(`reference_stats.safetensors`, see `photo_stats`): 10,000 samples, no truncation, against as many real
pictures; floor and baseline at the same count. The distance is not an FID and never called one. Precision and
recall need the real pictures' own features, and are given where the photos are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.metrics.features import features
from spatial_edit.metrics.frechet import frechet_distance, moments
from spatial_edit.metrics.photo_stats import PhotoStats, read_stats
from spatial_edit.metrics.squeeze_features import Squeeze, load_squeeze

BATCH = 64
Figures = dict[str, float | int | str]
Say = Callable[[str], None]


@torch.no_grad()
def photo_frechet(
    pictures: Tensor, stats_file: str | Path, backbone: Squeeze | str | Path | None = None
) -> float:
    """The Fréchet distance of pictures (N, 3, R, R) in [-1, 1] from the real set of a statistics file.

    backbone: a loaded trunk, the name or folder of an imported one, or None for the one beside the LPIPS
    weights. ValueError when there is none, or it or the side is not the file's.
    """
    stats = read_stats(Path(stats_file))
    squeeze = backbone if isinstance(backbone, Squeeze) else load_squeeze(backbone)
    check_fits(stats, squeeze, pictures.shape[-1])
    return frechet_distance(stats.moments, moments(features(squeeze.reader, pictures.split(BATCH))))


def check_fits(stats: PhotoStats, squeeze: Squeeze, side: int) -> None:
    """ValueError unless the statistics are of this trunk's features and of pictures of this side."""
    if stats.facts.weights != squeeze.weights:
        raise ValueError(
            f"the real set was read by other weights ({stats.facts.weights}) than these ({squeeze.weights}): "
            "import torchvision's squeezenet1_1, or make the statistics again (reference-stats)"
        )
    if stats.facts.side != side:
        raise ValueError(
            f"the real set is of {stats.facts.side} px, the pictures of {side}: compare equal sides"
        )
