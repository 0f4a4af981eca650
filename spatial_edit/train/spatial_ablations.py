"""What each part of SpatialGAN is good for: rows that differ from a base in the fields they name, trained
from several seeds, in one table. `python -m spatial_edit ablate spatialgan`.

The rows are the paper's ablations (Wang et al. 2023, tables I, IV and V, section 3.3) at the scale of
`spatial_sketch`: drawn pictures of 32 px, seconds a run. Measured on the averaged weights:

    steering   displacement of the drawn thing along the move of its centre, over the move; 1 is ideal, and an
               absent thing counts 0. Faces: the root is moved and the finer centres follow; the eyes are
               looked for. Things: each is moved alone.
    l1         mean |painted - drawn| on [-1, 1], pictures that were not trained on
    frechet    Fréchet distance of the rooms judge's features, painted and drawn, the same count in every row;
               comparable within this table alone
    seconds    of training, for 1000 images
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.data import drawn
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.metrics.features import features, load_judge
from spatial_edit.metrics.frechet import frechet
from spatial_edit.train.loop import Plan, run
from spatial_edit.train.spatial_sketch import Z_DIM, Sketch, SketchRecipe, SketchTask, moved

Changes = Mapping[str, object]
REACH = (0.06, 0.15)  # length of a move, as in the co-move ratio
JUDGED = 64  # the judge's side
COLUMNS = ("steering", "l1", "frechet", "seconds")


@dataclass(frozen=True)
class Row:
    """base: the row it is compared with, None for a base. changes: fields of `SketchRecipe`, nested with
    dots."""

    text: str
    base: str | None
    changes: Changes


_THINGS: Changes = {
    "pictures": "things",
    "spatial.z_dim": Z_DIM["things"],
    "plain.z_dim": Z_DIM["things"],
    "spatial.centres": (drawn.THINGS,),
}
ROWS: dict[str, Row] = {
    "norm": Row("hierarchy, SEL_norm, alignment", None, {}),
    "no_heatmap": Row("plain StyleGAN2, places in z", "norm", {"spatial": None}),
    "flatten": Row("heatmap joined to z", "norm", {"spatial.encoding": "flatten"}),
    "concat": Row("SEL_concat", "norm", {"spatial.encoding": "concat"}),
    "one_level": Row("all centres on one level, at all sides", "norm", {"spatial.centres": (7,)}),
    "no_align": Row("no alignment loss", "norm", {"align": 0.0}),
    "noise": Row("random-noise map, places in z", "norm", {"heat": "noise", "align": 0.0}),
    "impulse": Row("impulse noise on 5 % of the map", "norm", {"heat": "impulse"}),
    "not_coarse": Row("drawn at the picture's side", "norm", {"spatial.coarse": False}),
    "things": Row("three things, SEL_norm", None, _THINGS),
    "indoor": Row(
        "three things, SEL_indoor",
        "things",
        {"spatial.indoor": True, "spatial.object_dim": drawn.THING_LOOKS},
    ),
    "indoor_no_align": Row("SEL_indoor, no alignment loss", "indoor", {"align": 0.0}),
}


def ablation(name: str) -> SketchRecipe:
    """The recipe of a row."""
    row = ROWS[name]
    recipe = SketchRecipe() if row.base is None else ablation(row.base)
    for path, value in row.changes.items():
        recipe = _changed(recipe, path.split("."), value)
    return recipe


def _changed(values: Any, path: list[str], value: object) -> Any:
    inner = value if len(path) == 1 else _changed(getattr(values, path[0]), path[1:], value)
    return replace(values, **{path[0]: inner})


def ablation_recipes() -> dict[str, Callable[[], SketchRecipe]]:
    """By name: spatialgan_ablation_ROW_toy."""

    def recipe_of(name: str) -> Callable[[], SketchRecipe]:
        def make() -> SketchRecipe:
            return ablation(name)

        make.__doc__ = f"{ROWS[name].text}; 32 px, drawn pictures, seconds on one CPU core."
        return make

    return {f"spatialgan_ablation_{name}_toy": recipe_of(name) for name in ROWS}


def train_ablation(
    recipe: SketchRecipe, minutes: float, out: Path, resume: bool, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Train one row for its number of images and measure it. `minutes` is not looked at."""
    task = SketchTask(recipe)
    progress = run(task, Plan(out / "training", 1.0, recipe.images, resume, 1e9, quiet=True, cpu=True))
    for module in (task.modules["generator"], task.averages["generator"].module):
        module.cpu()  # the judge reads there
    figures = {"images": float(progress.images), "seconds": 1000 * progress.seconds / progress.images}
    figures |= measured(task)
    (out / "results.json").write_text(json.dumps(figures, indent=1))
    return figures


@torch.no_grad()
def measured(task: SketchTask, samples: int | None = None) -> dict[str, float]:
    """steering (not of a plain network), l1, frechet and parameters of the averaged weights."""
    network, count = task.averages["generator"].module, samples or task.recipe.samples
    task.generator.manual_seed(10_000)  # the same pictures in every row of a kind
    sketches = [task.draw(min(64, count - start)) for start in range(0, count, 64)]
    painted = [task.paint(network, sketch, seed=1).clamp(-1, 1) for sketch in sketches]
    apart = [
        (ours - sketch.pictures).abs().mean((1, 2, 3)) for ours, sketch in zip(painted, sketches, strict=True)
    ]
    judge, _ = load_judge()
    seen = features(judge, map(_judged, painted))
    known = features(judge, (_judged(sketch.pictures) for sketch in sketches))
    figures = {
        "l1": float(torch.cat(apart).mean()),
        "frechet": frechet(seen, known),
        "parameters": float(sum(p.numel() for p in network.parameters())),
    }
    if isinstance(network, SpatialGAN):
        figures["steering"] = _mean(
            steering(task, network, sketch, ours) for sketch, ours in zip(sketches, painted, strict=True)
        )
    return figures


def _judged(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, size=(JUDGED, JUDGED), mode="bilinear", align_corners=False)


def _mean(parts: Iterable[Tensor]) -> float:
    return float(torch.cat(list(parts)).mean())


def steering(task: SketchTask, network: nn.Module, sketch: Sketch, before: Tensor) -> Tensor:
    """(N,) displacement ratios in [-1, 2] of those pictures whose thing stays inside."""
    count, faces = len(before), task.recipe.pictures == "faces"
    angle = 2 * math.pi * torch.rand(count, generator=task.generator)
    length = REACH[0] + (REACH[1] - REACH[0]) * torch.rand(count, generator=task.generator)
    move = torch.stack([angle.cos(), angle.sin()], 1) * length[:, None]
    if faces:
        channel, shift = torch.full((count,), drawn.EYES_CHANNEL), move
        chosen = torch.ones(count, dtype=torch.bool)
    else:  # each thing in turn, where it is there
        channel = torch.arange(count) % drawn.THINGS
        one = F.one_hot(channel, drawn.THINGS)
        shift = one[..., None] * move[:, None]
        chosen = (sketch.levels[0].heights * one).sum(1) > 0
    start, _ = drawn.tinted(sketch.pictures, channel)
    after = task.paint(network, sketch._replace(levels=moved(sketch.levels, shift)), seed=1).clamp(-1, 1)
    ratios, counts = drawn.followed(before, after, channel, start, move)
    return ratios[chosen & counts]


def ablate(
    rows: Sequence[str], seeds: Sequence[int], images: int, out: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Train the rows from every seed; `out` gets table.md, table.json and a folder a run. Runs that are there
    already with as many images are not repeated."""
    out.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {}
    results: dict[str, list[dict[str, float]]] = {name: [] for name in rows}
    for seed in seeds:  # seeds outside: an interrupted table has whole columns
        for name in rows:
            recipe = replace(ablation(name), images=images, seed=seed)
            folder = out / f"{name}_seed{seed}"
            results[name].append(_kept(folder, recipe) or train_ablation(recipe, 1.0, folder, False, say))
            figures = results[name][-1]
            shown = ", ".join(f"{c} {figures[c]:.3f}" for c in COLUMNS if c in figures)
            say(f"{name}, seed {seed}: {shown}")
            _remember(folder, recipe)
            table = {name: summary(name, runs) for name, runs in results.items() if runs}
            content = {"images": images, "seeds": list(seeds), "rows": table}
            (out / "table.json").write_text(json.dumps(content, indent=1))
            (out / "table.md").write_text(markdown(table))
    return content


def _kept(folder: Path, recipe: SketchRecipe) -> dict[str, float] | None:
    """The figures of an earlier run of the very same recipe."""
    try:
        if json.loads((folder / "recipe.json").read_text()) == _plain(recipe):
            return json.loads((folder / "results.json").read_text())
    except (OSError, ValueError):
        return None
    return None


def _remember(folder: Path, recipe: SketchRecipe) -> None:
    (folder / "recipe.json").write_text(json.dumps(_plain(recipe)))


def _plain(recipe: SketchRecipe) -> object:
    """As JSON gives it back: lists, and text for keys."""
    return json.loads(json.dumps(asdict(recipe)))


def summary(name: str, runs: Sequence[Mapping[str, float]]) -> dict[str, object]:
    """Mean and spread (standard deviation over the seeds, 0 for one) of each column."""
    row = ROWS[name]
    figures: dict[str, object] = {"text": row.text, "base": row.base, "runs": len(runs)}
    for column in (*COLUMNS, "parameters"):
        values = [run[column] for run in runs if column in run]
        if values:
            figures[column] = statistics.fmean(values)
            figures[f"{column}_spread"] = statistics.stdev(values) if len(values) > 1 else 0.0
    return figures


def markdown(table: Mapping[str, Mapping[str, Any]]) -> str:
    """The table for people."""
    lines = [
        "| row | | parameters | steering | L1 | Fréchet (judge) | seconds / 1000 images |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in table.items():
        cells = [f"{row[c]:.3g} ± {row[f'{c}_spread']:.2g}" if c in row else "none" for c in COLUMNS]
        lines.append(f"| {name} | {row['text']} | {row['parameters']:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
