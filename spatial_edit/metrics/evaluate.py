"""Evaluate a model of the registry and fill its metrics.json, one flat object of numbers and strings.

Quality: Fréchet distance, precision and recall on the judge's features of 10,000 samples without truncation,
with the floor (real against real) and the baseline (`stylegan2-rooms`) at the same count. Steerability:
co-move over seeds 0-499, the same with ground-truth layouts, and its ceiling; background change; dead blobs
over 200 seeds. What is measured of models of 3-D boxes instead is in `box_evaluate`, of heatmaps in
`heat_steering`, the quality of models of photos in `photo_evaluate`.

The judge reads pictures of 64 px: larger ones are averaged down first.
"""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from torch import Tensor, nn

from spatial_edit.data.rooms.blob_truth import SLOTS
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.contract import Generator
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.metrics.backbones import Backbone, load_inception
from spatial_edit.metrics.box_evaluate import BOX_QUICK, STAGES, BoxModel, BoxSizes
from spatial_edit.metrics.box_rooms import for_judge, judged_side
from spatial_edit.metrics.ceiling import measure_ceiling
from spatial_edit.metrics.co_move import co_move, measure_moves
from spatial_edit.metrics.completion import COUNT, REAL, completion
from spatial_edit.metrics.features import JUDGE_FOLDER, features, load_judge
from spatial_edit.metrics.fid import fid_figures, pictures
from spatial_edit.metrics.figures import Figures, counter, digits, hardware, merge, read
from spatial_edit.metrics.frechet import frechet_distance, moments
from spatial_edit.metrics.heat_steering import heatmap_steering, shows_rooms
from spatial_edit.metrics.locality import dead_blobs
from spatial_edit.metrics.manifold import precision_recall
from spatial_edit.metrics.photo_evaluate import PhotoSet, PhotoTask, photo_figures, photo_set
from spatial_edit.metrics.reference import Reference, reference
from spatial_edit.metrics.squeeze_features import Squeeze, is_squeeze, load_squeeze
from spatial_edit.metrics.truth import truth_scenes
from spatial_edit.nn.judge import Judge

BASELINE = "stylegan2-rooms"


@dataclass(frozen=True)
class Sizes:
    """How many samples the distances rest on, how many scenes co-move, how many seeds the dead blobs, and how
    many layouts are completed and compared with how many real ones."""

    samples: int = 10_000
    moves: int = 500
    dead: int = 200
    completed: int = COUNT
    real_layouts: int = REAL
    boxes: BoxSizes = field(default_factory=BoxSizes)


QUICK = Sizes(
    samples=256, moves=24, dead=8, completed=12, real_layouts=100, boxes=BOX_QUICK
)  # a minute; its numbers are biased and are not for a model card


def evaluate(
    model: str,
    quick: bool = False,
    out: Path | None = None,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
    stages: Sequence[str] = (),
    backbone: str | Path | None = None,
    real: Path | None = None,
) -> Figures:
    """Measure `model` and merge the figures into `out` (default: the model's own metrics.json; `quick` writes
    only where `out` says). Keys that are not computed here stay as they are.

    backbone: an imported Inception, by name or folder; with it quality has an `fid` too, against rendered
    rooms, or against the pictures of the folder `real` alone, which then stand in for the rooms. Or an
    imported SqueezeNet: then quality is that of photos (`photo_evaluate`), as it always is for models with a
    set of photos, whose `real` gives precision and recall.
    `say` gets a line at every stage (default: to stderr). `stages` runs some of `stages_of` alone, for two
    processes that share the work. ValueError for an unknown model, one that has no weights, or a stage that
    it does not have.
    """
    from spatial_edit.generators.registry import load

    say = say or (lambda text: print(text, file=sys.stderr, flush=True))
    sizes, start = QUICK if quick else Sizes(), time.monotonic()
    network = _network(backbone)
    generator = load(model)
    wanted = _checked(stages, generator)
    photos = photo_set(generator.spec)
    _check_real(network, real, photos)
    figures: Figures = {"resolution": generator.spec.resolution}
    judge, weights = load_judge()
    if photos is None:
        figures["judge"] = weights
    if "quality" in wanted and (isinstance(network, Squeeze) or (photos is not None and network is None)):
        task = PhotoTask(generator, photos, real, sizes.samples, seed, say)
        figures |= photo_figures(task, network)
    elif "quality" in wanted and real is None:
        figures["samples"] = sizes.samples
        figures |= _against_the_real(generator, judge, weights, sizes, seed, say)
    if "quality" in wanted and isinstance(network, Backbone):
        say(f"{model}: FID of {sizes.samples} samples")
        figures |= fid_figures(generator, network, sizes.samples, real, seed, counter(say, sizes.samples))
    if "steering" in wanted:
        figures |= _steered(generator, judge, weights, sizes, seed, say)
    if "completion" in wanted and _knows_rooms(generator):
        figures |= completion(generator, sizes.completed, sizes.real_layouts, seed, say)
    if isinstance(generator, Box3DGenerator):
        boxes = BoxModel(generator, judge, sizes.boxes, seed, say, counter)
        for name in wanted:
            figures |= STAGES[name](boxes) if name in STAGES else {}
    suffix = f"_{'_'.join(stages)}" if stages else ""
    flags = (" --quick" if quick else "") + "".join(f" --stage {name}" for name in stages)
    flags += f" --backbone {Path(backbone).name}" if backbone is not None else ""
    flags += f" --real {real.name}" if real is not None else ""
    figures |= {
        f"evaluate_minutes{suffix}": round((time.monotonic() - start) / 60, 2),
        "evaluate_hardware": hardware(),
        "evaluate_date": datetime.date.today().isoformat(),
        f"evaluate_command{suffix}": f"python -m spatial_edit evaluate {model}{flags}",
    }
    own = generator.spec.folder
    target = out or (None if quick or own is None else own / "metrics.json")
    figures = _training(generator, figures) | (read(target) if target is not None else {}) | figures
    return merge(target, figures) if target is not None else figures


def _network(backbone: str | Path | None) -> Backbone | Squeeze | None:
    """The imported network that pictures are compared by; None for none. Errors as `load_inception`."""
    if backbone is None:
        return None
    return load_squeeze(backbone) if is_squeeze(backbone) else load_inception(backbone)


def _check_real(network: Backbone | Squeeze | None, real: Path | None, photos: PhotoSet | None) -> None:
    """ValueError for real pictures that nothing compares, and for an FID of photos without any."""
    if real is not None and photos is None and network is None:
        raise ValueError("other real pictures are compared by an FID: give an imported Inception as well")
    if real is None and photos is not None and isinstance(network, Backbone):
        raise ValueError("an FID of a model of photos needs the photos: give a folder of them with --real")


def stages_of(generator: Generator) -> tuple[str, ...]:
    """What can be measured of a model, in order."""
    if generator.spec.kind == "boxes3d":
        return ("quality", *STAGES)
    if _knows_rooms(generator):
        return ("quality", "steering", "completion")
    return ("quality", "steering") if generator.spec.kind else ("quality",)


def _knows_rooms(generator: Generator) -> TypeGuard[BlobGenerator]:
    """True for a model of blobs whose slots are those of the ground truth."""
    return isinstance(generator, BlobGenerator) and generator.model.config.compact.slots == SLOTS


def _checked(stages: Sequence[str], generator: Generator) -> tuple[str, ...]:
    """The stages to run, all where none is named; ValueError for one that the model does not have."""
    known = stages_of(generator)
    for name in stages:
        if name not in known:
            raise ValueError(
                f"{generator.spec.name} has no stage {name[:40]!r}: choose from {', '.join(known)}"
            )
    return tuple(name for name in known if name in stages or not stages)


def _against_the_real(
    generator: Generator, judge: Judge, weights: str, sizes: Sizes, seed: int, say: Callable[[str], None]
) -> Figures:
    """Quality, next to the floor and the baseline."""
    name, side = generator.spec.name, judged_side(generator.spec.resolution)
    say(f"{name}: the real set, {sizes.samples} rooms at {side} px")
    real = reference(judge, weights, side, sizes.samples, JUDGE_FOLDER, counter(say, sizes.samples))
    say(f"{name}: quality")
    figures = quality(generator, judge, real, sizes.samples, seed, counter(say, sizes.samples))
    if name == BASELINE:
        return figures | {"frechet_baseline": figures["frechet"]}
    return figures | _baseline(judge, weights, real, side, sizes, seed, say)


def _training(generator: Generator, figures: Figures) -> Figures:
    """What training should have written already, for a model that came without: size, and when and where
    measured."""
    known: Figures = {
        name: figures[f"evaluate_{name}"]
        for name in ("hardware", "date", "command")
        if f"evaluate_{name}" in figures
    }
    network = getattr(generator, "model", None)
    if isinstance(network, nn.Module):
        known["parameters"] = sum(p.numel() for p in network.parameters())
    return known


def quality(
    generator: Generator,
    judge: Judge,
    real: Reference,
    count: int,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """`frechet`, `frechet_floor`, `precision`, `recall` of `count` samples, seeds `seed` and up, no
    truncation.
    """
    fake = features(judge, samples(generator, count, seed), progress)
    precision, recall = precision_recall(real.features, fake)
    return {
        "frechet": digits(frechet_distance(real.moments, moments(fake))),
        "frechet_floor": digits(real.floor),
        "precision": round(precision, 4),
        "recall": round(recall, 4),
    }


def samples(generator: Generator, count: int, seed: int = 0) -> Iterator[Tensor]:
    """Batches (B, 3, R, R) of the scenes of `count` seeds, R at most 64."""
    return (for_judge(batch) for batch in pictures(generator, count, seed))


def _steered(
    generator: Generator, judge: Judge, weights: str, sizes: Sizes, seed: int, say: Callable[[str], None]
) -> Figures:
    """What steering can be measured of a model's layout; the ceiling beside it for models of rooms."""
    if isinstance(generator, SpatialGANScenes):
        figures = heatmap_steering(generator, sizes.moves, sizes.dead, seed, say)
        if not shows_rooms(generator.spec):
            return figures
    elif generator.spec.kind == "blobs":
        figures = steering(generator, judge, sizes, seed, say)
    else:
        return {}
    return figures | ceiling(judge, weights, generator.spec.resolution, sizes, say)


def steering(
    generator: Generator, judge: Judge, sizes: Sizes, seed: int, say: Callable[[str], None]
) -> Figures:
    """Co-move, from z and from the truth, background change and dead blobs of a model of blobs."""
    if not hasattr(generator, "opacities"):
        raise ValueError(f"{generator.spec.name} does not tell its elements' opacities: co-move needs them")
    scenes = [generator.sample(seed + i) for i in range(max(sizes.moves, sizes.dead))]
    progress = counter(say, sizes.moves)

    say(f"{generator.spec.name}: co-move of {sizes.moves} seeds")
    figures = co_move(measure_moves(generator, judge, scenes[: sizes.moves], seed, progress))  # type: ignore[arg-type]
    say(f"{generator.spec.name}: dead blobs of {sizes.dead} seeds")
    figures["dead_blobs"] = round(dead_blobs(generator, scenes[: sizes.dead]), 4)  # type: ignore[arg-type]

    if isinstance(generator, BlobGenerator) and len(scenes[0].latent.rows) == SLOTS:
        say(f"{generator.spec.name}: co-move of {sizes.moves} ground-truth layouts")
        true = measure_moves(generator, judge, truth_scenes(generator, sizes.moves, seed), seed, progress)
        truth = co_move(true, "co_move_from_truth")
        figures |= {name: value for name, value in truth.items() if not name.startswith("background")}
    return figures


def ceiling(judge: Judge, weights: str, resolution: int, sizes: Sizes, say: Callable[[str], None]) -> Figures:
    """`co_move_ceiling` and its classes: as the judge's metrics.json has them, else measured."""
    kept = read(JUDGE_FOLDER / "metrics.json")
    if kept.get("co_move_ceiling_resolution") == resolution and kept.get("co_move_ceiling_judge") == weights:
        return {k: v for k, v in kept.items() if k.startswith("co_move_ceiling")}
    say(f"co-move of {sizes.moves} counterfactual pairs of the renderer")
    moves = measure_ceiling(judge, sizes.moves, resolution, progress=counter(say, sizes.moves))
    place: Figures = {"co_move_ceiling_resolution": resolution, "co_move_ceiling_judge": weights}
    return co_move(moves, "co_move_ceiling") | place


def _baseline(
    judge: Judge,
    weights: str,
    real: Reference,
    resolution: int,
    sizes: Sizes,
    seed: int,
    say: Callable[[str], None],
) -> Figures:
    """`frechet_baseline`: from the baseline's metrics.json where that rests on the same judge, resolution and
    count, else measured; left out, with a word, when the baseline is not there or draws at another
    resolution."""
    from spatial_edit.generators.registry import MODELS, load

    spec = MODELS.get(BASELINE)
    if spec is None or spec.folder is None or not (spec.folder / "config.json").is_file():
        say(f"{BASELINE} is not there: frechet_baseline is left out")
        return {}
    if judged_side(spec.resolution) != resolution:
        say(f"{BASELINE} draws {spec.resolution} px, not {resolution}: frechet_baseline is left out")
        return {}
    kept = read(spec.folder / "metrics.json")
    if (kept.get("judge"), kept.get("samples")) == (weights, sizes.samples) and "frechet" in kept:
        return {"frechet_baseline": kept["frechet"]}
    say(f"{BASELINE}: quality")
    return {"frechet_baseline": quality(load(BASELINE), judge, real, sizes.samples, seed)["frechet"]}
