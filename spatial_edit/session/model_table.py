"""The table of models as people read it: what each is, whose, and where it comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from spatial_edit import checkpoints
from spatial_edit.generators import imported, registry
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.safetensors_header import CheckpointError, parse_json
from spatial_edit.session.adding import draws, is_here

METRICS_NAME = "metrics.json"
RENDERED = "rendered rooms"  # what `metrics.fid` calls its own set
FAMILIES = {  # as people write them
    "blobgan": "BlobGAN",
    "blobgan-published": "BlobGAN (published)",
    "blobgan-encoder": "BlobGAN's encoder",
    "stylegan2": "StyleGAN2",
    "box3d": "Boxes3D",
    "eqgan": "EqGAN-SA",
    "spatialgan": "SpatialGAN",
    "ganformer": "GANformer",
    "bachgan": "BachGAN",
    "bachgan-discriminator": "BachGAN's discriminator",
    "backbone": "Backbone of metrics",
}
KINDS = {
    "": "none",
    "blobs": "blobs",
    "boxes3d": "boxes in a room",
    "heatmaps": "heatmap centres",
    "boxes": "labelled boxes",
    "segments": "segments",
    "blocks": "blocks",
    "points": "points",
}


@dataclass(frozen=True)
class ModelRow:
    """One line of the table; all texts are plain and may come from anywhere."""

    name: str
    title: str
    family: str
    layout: str
    resolution: int
    licence: str
    training_data: str
    source: str  # where it comes from, in words
    format: str  # what the file was recognised as, "" for bundled ones
    sha256: str  # of the original file, of a bundled model the first digits of its weights' hash
    score: tuple[str, ...]  # lines; none where nothing was measured
    added: bool
    draws: bool


def model_rows() -> list[ModelRow]:
    """All models whose weights are here, bundled ones first, networks without pictures last."""
    rows = [_row(spec) for spec in registry.all_models().values() if is_here(spec)]
    return sorted(rows, key=lambda row: (row.added, not row.draws))


def _row(spec: ModelSpec) -> ModelRow:
    added = spec.name not in registry.MODELS
    source, format, digest = _origin(spec) if added else _trained_here(spec)
    return ModelRow(
        name=spec.name,
        title=spec.title,
        family=FAMILIES.get(spec.family, spec.family),
        layout="" if spec.family in registry.NETWORKS else KINDS.get(spec.kind, spec.kind),
        resolution=spec.resolution,
        licence=spec.licence,
        training_data=spec.training_data,
        source=source,
        format=format,
        sha256=digest,
        score=fid_of(spec.folder) if added else score_of(spec.folder),
        added=added,
        draws=draws(spec),
    )


def _origin(spec: ModelSpec) -> tuple[str, str, str]:
    assert spec.folder is not None  # of added models
    try:
        facts = imported.read_facts(spec.folder)
    except CheckpointError:  # changed since the table was read
        return "", "", ""
    return facts.source, facts.format, facts.sha256


def _trained_here(spec: ModelSpec) -> tuple[str, str, str]:
    if spec.folder is None:
        return "made for a test", "", ""
    return (
        "trained by this project",
        "",
        _hash(spec.folder, (spec.folder / checkpoints.CONFIG_NAME).stat().st_mtime_ns),
    )


@lru_cache(maxsize=16)
def _hash(folder: Path, changed: int) -> str:
    """The weights' hash; `changed` is when the folder was written."""
    try:
        return checkpoints.weights_hash(folder)
    except (CheckpointError, OSError):
        return ""


def score_of(folder: Path | None) -> tuple[str, ...]:
    """The measured likeness to the training pictures, a few words a line; () where nothing was measured."""
    metrics = {} if folder is None else _metrics(folder)
    lines = []
    for key, word in (("frechet", "Fréchet distance"), ("precision", "precision"), ("recall", "recall")):
        value = metrics.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            lines.append(f"{word} {value:.2f}")
    return tuple(lines)


def fid_of(folder: Path | None) -> tuple[str, ...]:
    """An added model's FID against pictures that the user named. Likeness to this project's bedrooms is no
    score of somebody else's model, so nothing else is shown."""
    metrics = {} if folder is None else _metrics(folder)
    value, real = metrics.get("fid"), metrics.get("fid_real_set")
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not plain or not isinstance(real, str) or real == RENDERED:
        return ()
    return (f"FID {value:.2f}", f"to {real[:40]}")


def _metrics(folder: Path) -> dict[str, object]:
    try:
        return parse_json(folder / METRICS_NAME, 1_000_000)
    except (CheckpointError, OSError, json.JSONDecodeError):
        return {}
