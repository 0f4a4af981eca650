"""Evaluate a model of the registry and fill its metrics.json, one flat object of numbers and strings.

Quality: Fréchet distance, precision and recall on the judge's features of 10,000 samples without truncation,
with the floor (real against real) and the baseline (`stylegan2-rooms`) at the same count. Steerability:
co-move over seeds 0-499, the same with ground-truth layouts, and its ceiling; background change; dead blobs
over 200 seeds. What is measured of models of 3-D boxes instead is in `box_evaluate`.

The judge reads pictures of 64 px: larger ones are averaged down first.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
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
from spatial_edit.metrics.backbones import load_inception
from spatial_edit.metrics.box_evaluate import BOX_QUICK, STAGES, BoxModel, BoxSizes
from spatial_edit.metrics.box_rooms import for_judge, judged_side
from spatial_edit.metrics.ceiling import measure_ceiling
from spatial_edit.metrics.co_move import co_move, measure_moves
from spatial_edit.metrics.completion import COUNT, REAL, completion
from spatial_edit.metrics.features import JUDGE_FOLDER, features, load_judge
from spatial_edit.metrics.fid import fid_figures, pictures
from spatial_edit.metrics.frechet import frechet_distance, moments
from spatial_edit.metrics.locality import dead_blobs
from spatial_edit.metrics.manifold import precision_recall
from spatial_edit.metrics.reference import Reference, reference
from spatial_edit.metrics.truth import truth_scenes
from spatial_edit.nn.judge import Judge

Figures = dict[str, float | int | str]
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
    rooms, or against the pictures of the folder `real` alone, which then stand in for the rooms.
    `say` gets a line at every stage (default: to stderr). `stages` runs some of `stages_of` alone, for two
    processes that share the work. ValueError for an unknown model, one that has no weights, or a stage that
    it does not have.
    """
    from spatial_edit.generators.registry import load

    say = say or (lambda text: print(text, file=sys.stderr, flush=True))
    sizes = QUICK if quick else Sizes()
    if real is not None and backbone is None:
        raise ValueError("other real pictures are compared by an FID: give an imported Inception as well")
    inception = load_inception(backbone) if backbone is not None else None
    start = time.monotonic()
    generator = load(model)
    judge, weights = load_judge()
    wanted = _checked(stages, generator)
    figures: Figures = {"resolution": generator.spec.resolution, "judge": weights}
    if "quality" in wanted and real is None:
        figures["samples"] = sizes.samples
        figures |= _against_the_real(generator, judge, weights, sizes, seed, say)
    if "quality" in wanted and inception is not None:
        say(f"{model}: FID of {sizes.samples} samples")
        figures |= fid_figures(generator, inception, sizes.samples, real, seed, _counter(say, sizes.samples))
    if "steering" in wanted and generator.spec.kind == "blobs":
        figures |= steering(generator, judge, sizes, seed, say)
        figures |= ceiling(judge, weights, generator.spec.resolution, sizes, say)
    if "completion" in wanted and _knows_rooms(generator):
        figures |= completion(generator, sizes.completed, sizes.real_layouts, seed, say)
    if isinstance(generator, Box3DGenerator):
        boxes = BoxModel(generator, judge, sizes.boxes, seed, say, _counter)
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
    real = reference(judge, weights, side, sizes.samples, JUDGE_FOLDER, _counter(say, sizes.samples))
    say(f"{name}: quality")
    figures = quality(generator, judge, real, sizes.samples, seed, _counter(say, sizes.samples))
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
        "frechet": _digits(frechet_distance(real.moments, moments(fake))),
        "frechet_floor": _digits(real.floor),
        "precision": round(precision, 4),
        "recall": round(recall, 4),
    }


def samples(generator: Generator, count: int, seed: int = 0) -> Iterator[Tensor]:
    """Batches (B, 3, R, R) of the scenes of `count` seeds, R at most 64."""
    return (for_judge(batch) for batch in pictures(generator, count, seed))


def steering(
    generator: Generator, judge: Judge, sizes: Sizes, seed: int, say: Callable[[str], None]
) -> Figures:
    """Co-move, from z and from the truth, background change and dead blobs of a model of blobs."""
    if not hasattr(generator, "opacities"):
        raise ValueError(f"{generator.spec.name} does not tell its elements' opacities: co-move needs them")
    scenes = [generator.sample(seed + i) for i in range(max(sizes.moves, sizes.dead))]
    counter = _counter(say, sizes.moves)

    say(f"{generator.spec.name}: co-move of {sizes.moves} seeds")
    figures = co_move(measure_moves(generator, judge, scenes[: sizes.moves], seed, counter))  # type: ignore[arg-type]
    say(f"{generator.spec.name}: dead blobs of {sizes.dead} seeds")
    figures["dead_blobs"] = round(dead_blobs(generator, scenes[: sizes.dead]), 4)  # type: ignore[arg-type]

    if isinstance(generator, BlobGenerator) and len(scenes[0].latent.rows) == SLOTS:
        say(f"{generator.spec.name}: co-move of {sizes.moves} ground-truth layouts")
        true = measure_moves(generator, judge, truth_scenes(generator, sizes.moves, seed), seed, counter)
        truth = co_move(true, "co_move_from_truth")
        figures |= {name: value for name, value in truth.items() if not name.startswith("background")}
    return figures


def ceiling(judge: Judge, weights: str, resolution: int, sizes: Sizes, say: Callable[[str], None]) -> Figures:
    """`co_move_ceiling` and its classes: as the judge's metrics.json has them, else measured."""
    kept = read(JUDGE_FOLDER / "metrics.json")
    if kept.get("co_move_ceiling_resolution") == resolution and kept.get("co_move_ceiling_judge") == weights:
        return {k: v for k, v in kept.items() if k.startswith("co_move_ceiling")}
    say(f"co-move of {sizes.moves} counterfactual pairs of the renderer")
    moves = measure_ceiling(judge, sizes.moves, resolution, progress=_counter(say, sizes.moves))
    place: Figures = {"co_move_ceiling_resolution": resolution, "co_move_ceiling_judge": weights}
    return co_move(moves, "co_move_ceiling") | place


def hardware() -> str:
    """The processor and the number of threads torch uses."""
    import torch

    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.get_num_threads()} threads"


def read(path: Path) -> Figures:
    """A metrics.json; an empty object when there is none. ValueError when it is not a flat JSON object."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(
            f"{path.name} in {path.parent.name} is not JSON ({error}): repair or delete it"
        ) from error
    if not isinstance(content, dict) or any(isinstance(v, dict | list) for v in content.values()):
        raise ValueError(f"{path.name} in {path.parent.name} is not a flat JSON object: repair or delete it")
    return content


def merge(path: Path, figures: Figures) -> Figures:
    """Write the figures over those in the file, whole or not at all; returns everything that it holds now."""
    content = read(path) | figures
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return content


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


def _counter(say: Callable[[str], None], total: int) -> Callable[[int], None]:
    """Says how far it is at every tenth."""
    told = 0

    def progress(done: int) -> None:
        nonlocal told
        if done * 10 // total > told:
            told = done * 10 // total
            say(f"  {done} of {total}")

    return progress


def _digits(value: float) -> float:
    return float(f"{value:.5g}")


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []
