"""Quality of models of photos: Fréchet distance, precision and recall on SqueezeNet features.

What a model is measured against lies beside it, or beside the model that it is the baseline of
(`reference_stats.safetensors`, see `photo_stats`): 10,000 samples, no truncation, against as many real
pictures; floor and baseline at the same count. The distance is not an FID and never called one. Precision and
recall need the real pictures' own features: they are given where the photos are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spatial_edit.data.photos import Photos
from spatial_edit.generators.contract import Generator, ModelSpec
from spatial_edit.metrics.features import features
from spatial_edit.metrics.fid import pictures as drawn
from spatial_edit.metrics.figures import Figures, Say, counter, digits, read
from spatial_edit.metrics.frechet import Moments, frechet_distance, moments
from spatial_edit.metrics.manifold import precision_recall
from spatial_edit.metrics.photo_stats import PhotoStats, read_stats, real_pictures
from spatial_edit.metrics.reference import STATS_NAME
from spatial_edit.metrics.squeeze_features import FEATURES, Squeeze, load_squeeze

BATCH = 64
BASELINES = {"spatialgan-cats": "stylegan2-cats"}  # a model of photos -> what it is compared with
SAME_SET = 1e-3  # distance, as a share of the set's variance, between two readings of one set


@dataclass(frozen=True)
class PhotoSet:
    """What a model of photos is measured against. baseline: the name of another model, "" without one."""

    stats: PhotoStats
    baseline: str


@dataclass(frozen=True)
class PhotoTask:
    """What is measured: a model, its set if it has one, a folder or zip of real photos if one was given."""

    generator: Generator
    photos: PhotoSet | None
    real: Path | None
    samples: int
    seed: int
    say: Say


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


def photo_set(spec: ModelSpec) -> PhotoSet | None:
    """The real set of a model of photos: beside it, or beside the model that it is the baseline of; None for
    other models. CheckpointError for a damaged file."""
    from spatial_edit.generators.registry import MODELS

    folder, baseline = spec.folder, BASELINES.get(spec.name, "")
    for name, other in BASELINES.items():
        if spec.name == other and name in MODELS:
            folder, baseline = MODELS[name].folder, other
    if folder is None or not (folder / STATS_NAME).is_file():
        return None
    return PhotoSet(read_stats(folder), baseline)


def photo_figures(task: PhotoTask, squeeze: Squeeze | None) -> Figures:
    """`frechet`, with floors and baseline where the model has a set of its own, and with the photos at hand
    `precision` and `recall`.

    squeeze: None for the trunk beside the LPIPS weights. ValueError, saying how to get one, when there is
    none; for neither set nor photos; and for weights or sides that do not fit the set.
    """
    if task.photos is None and task.real is None:
        raise ValueError(
            f"{task.generator.spec.name} has no set of photos to be compared with: give a folder or zip of "
            "them with --real"
        )
    squeeze = squeeze or load_squeeze()
    side, own = task.generator.spec.resolution, task.photos
    if own is not None:
        check_fits(own.stats, squeeze, side)
    rows = None if task.real is None else _real_rows(task, squeeze)
    known = None if own is None else own.stats.moments
    truth = known if rows is None else _moments_of(rows, known)
    assert truth is not None

    task.say(f"{task.generator.spec.name}: {task.samples} samples")
    fake = _drawn_rows(task.generator, task, squeeze)
    figures: Figures = {
        "samples": len(fake),
        "frechet": digits(frechet_distance(truth, moments(fake))),
        "frechet_real": truth.count,
        "frechet_features": FEATURES,
        "frechet_backbone": squeeze.weights,
    }
    if rows is not None:
        precision, recall = precision_recall(rows, fake)
        figures |= {"precision": round(precision, 4), "recall": round(recall, 4)}
    if own is None or truth is not known:
        assert task.real is not None
        return figures | {"frechet_real_set": task.real.name}
    facts = own.stats.facts
    figures |= {"frechet_real_set": facts.name, "frechet_floor": facts.floor}
    figures["frechet_floor_photos"] = facts.photos_floor
    return figures | _baseline(task, own, squeeze, figures)


def check_fits(stats: PhotoStats, squeeze: Squeeze, side: int) -> None:
    """ValueError unless the statistics are of this trunk's features and of pictures of this side."""
    if stats.facts.weights != squeeze.weights:
        raise ValueError(
            f"the real set was read by other weights ({stats.facts.weights}) than these ({squeeze.weights}): "
            "import torchvision's squeezenet1_1, or make the statistics again (reference-stats)"
        )
    if stats.facts.side != side:
        raise ValueError(
            f"the real set is of {stats.facts.side} px, the pictures are of {side}: compare equal sides"
        )


def _real_rows(task: PhotoTask, squeeze: Squeeze) -> Tensor:
    """Features (N, 512) of the photos: as the model's set is drawn, else each photo once."""
    assert task.real is not None
    side = task.generator.spec.resolution
    photos = Photos(task.real, 2 * side)
    facts = None if task.photos is None else task.photos.stats.facts
    frames, count = (facts.frames, facts.count) if facts else (False, len(photos))
    task.say(f"{task.real.name}: {count if frames else len(photos)} real pictures")
    batches = real_pictures(photos, side, count, frames, facts.seed if facts else 0)
    return features(squeeze.reader, batches, counter(task.say, count))


def _moments_of(rows: Tensor, known: Moments | None) -> Moments:
    """`known` itself where the rows are of the same set, else the rows' own."""
    own = moments(rows)
    if known is None or own.count != known.count:
        return own
    same = frechet_distance(own, known) <= SAME_SET * float(known.covariance.trace())
    return known if same else own


def _drawn_rows(generator: Generator, task: PhotoTask, squeeze: Squeeze) -> Tensor:
    return features(squeeze.reader, _batches(generator, task), counter(task.say, task.samples))


def _batches(generator: Generator, task: PhotoTask) -> Iterator[Tensor]:
    return drawn(generator, task.samples, task.seed)


def _baseline(task: PhotoTask, own: PhotoSet, squeeze: Squeeze, figures: Figures) -> Figures:
    """`frechet_baseline`: from the baseline's metrics.json where that rests on the same set, trunk and count,
    else measured; left out, with a word, when the baseline is not there."""
    from spatial_edit.generators.registry import MODELS, load

    if not own.baseline:
        return {}
    if task.generator.spec.name == own.baseline:
        return {"frechet_baseline": figures["frechet"]}
    spec = MODELS.get(own.baseline)
    if spec is None or spec.folder is None or not (spec.folder / "config.json").is_file():
        task.say(f"{own.baseline} is not there: frechet_baseline is left out")
        return {}
    kept = read(spec.folder / "metrics.json")
    same = ("frechet_backbone", "frechet_real", "frechet_real_set", "samples")
    if "frechet" in kept and all(kept.get(name) == figures[name] for name in same):
        return {"frechet_baseline": kept["frechet"]}
    task.say(f"{own.baseline}: {task.samples} samples")
    rows = _drawn_rows(load(own.baseline), task, squeeze)
    return {"frechet_baseline": digits(frechet_distance(own.stats.moments, moments(rows)))}
