"""What each command of the command line does (see cli.py).

Results go to standard output, as one JSON object with `--json`; notes go to standard error. Each command
imports what it needs when it runs, and returns the exit code.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spatial_edit.generators.contract import Generator
    from spatial_edit.session import Frame, Session
    from spatial_edit.store import Store

# What `models` shows of a metrics.json without --json.
SCORES = ("frechet", "frechet_floor", "precision", "recall", "co_move", "background_change", "dead_blobs")


def models(options: Namespace) -> int:
    """Every model, bundled or added, with the scores in its metrics.json."""
    from spatial_edit.foreign.command import provenance
    from spatial_edit.generators.registry import all_models
    from spatial_edit.metrics.evaluate import read

    rows: list[dict[str, Any]] = []
    for spec in all_models().values():
        metrics = read(spec.folder / "metrics.json") if spec.folder else {}
        row: dict[str, Any] = {"name": spec.name, "number": spec.number, "family": spec.family}
        row["layout"] = spec.kind
        row |= {"resolution": spec.resolution, "licence": spec.licence, "training_data": spec.training_data}
        row["installed"] = bool(spec.folder and (spec.folder / "config.json").is_file())
        added = provenance(spec)
        rows.append({**row, "metrics": metrics, "added": bool(added), **added})
    if options.json:
        _print_json({"models": rows})
        return 0
    for row in rows:
        state = "" if row["installed"] else "  (weights are not installed)"
        kind = row["layout"] or "none"
        words = row["format"] if row["added"] else row["training_data"]
        print(f"{row['name']:<20} {kind:<8} {row['resolution']:>4} px  {words}{state}")
        if row["added"]:
            print(f"    licence: {row['licence']}; source: {row['source'] or 'not stated'}")
        scores = [f"{name} {row['metrics'][name]}" for name in SCORES if name in row["metrics"]]
        if scores:
            print(f"    {', '.join(scores)}")
    return 0


def generate(options: Namespace) -> int:
    """The scene of a seed: its code, and its picture when --out is given."""
    _check_target(options.out)
    session = _session(options)
    if options.towards is not None:
        return _show(session.blend(options.model, options.seed, options.towards, options.share), options)
    return _show(session.generate(options.model, options.seed, options.truncation), options)


def edit(options: Namespace) -> int:
    """The scene of a code, edited."""
    _check_target(options.out)
    text = sys.stdin.read(1_000_000) if options.edit == "-" else options.edit
    session = _session(options, _store(options.store))
    session.open(options.code)
    return _show(session.edit(text), options)


def complete(options: Namespace) -> int:
    """A code's scene with all but some elements laid out anew."""
    from spatial_edit.layouts import Boxes3D

    _check_target(options.out)
    session = _session(options, _store(options.store))
    keep = list(options.keep)
    if isinstance(session.open(options.code).scene.layout, Boxes3D):
        return _show(session.vary("fill", options.seed, keep), options)
    return _show(session.edit({"op": "complete", "keep": keep, "seed": options.seed}), options)


def morph(options: Namespace) -> int:
    """A scene on the way from one code's to another's."""
    _check_target(options.out)
    session = _session(options, _store(options.store))
    session.open(options.code)
    return _show(session.edit({"op": "morph", "code": options.other, "share": options.share}), options)


def vary(options: Namespace) -> int:
    """Another room that keeps a part of a code's."""
    _check_target(options.out)
    session = _session(options, _store(options.store))
    session.open(options.code)
    return _show(session.vary(options.kind, options.seed, options.keep), options)


def parse(options: Namespace) -> int:
    """Photos to scenes; a photo that cannot be read is named, and the others are still parsed. What an
    earlier call with the same options has finished in the same folder is not parsed again."""
    from spatial_edit.images import save_png
    from spatial_edit.layouts.codec import scene_from_json
    from spatial_edit.parse.batch import Failure, Item, Options, parse_many
    from spatial_edit.uploads import safe_stem

    if options.seconds is not None and not 0 < options.seconds < 1e6:
        raise ValueError(f"--seconds is {options.seconds:g}: use a positive number")
    options.out.mkdir(parents=True, exist_ok=True)
    generator = _lookup(options)(options.model)
    session = _session(options, _store(options.store, options.out / "scenes"))
    items = [Item(path.name, path) for path in options.photos]
    settings = Options(options.effort, options.fit, options.seconds)
    results = parse_many(generator, items, settings, options.out / "results")
    done, failed = [], []
    for number, (path, result) in enumerate(zip(options.photos, results, strict=True), 1):
        if isinstance(result, Failure):
            failed.append({"photo": str(path), "error": result.reason})
            print(f"error: {path.name}: {result.reason}", file=sys.stderr)
            continue
        scene = scene_from_json((result.folder / "scene.json").read_text(encoding="utf-8"))
        frame = session.adopt(scene)
        picture = options.out / f"{number:03d}-{safe_stem(path.name)}.png"
        save_png(frame.image, picture)
        row = {"photo": str(path), "code": frame.code, "out": str(picture), "folder": str(result.folder)}
        figures = {"psnr": round(result.psnr, 3), "seconds": round(result.seconds, 3)}
        done.append({**row, "notes": [*result.notes, *frame.notes], **figures})
        if not options.json:
            for note in result.notes:
                print(f"note: {path.name}: {note}", file=sys.stderr)
            print(f"{path.name}  {result.psnr:.2f} dB  {result.seconds:.2f} s  {frame.code}", flush=True)
    if options.json:
        _print_json({"parsed": done, "refused": failed})
    return 2 if failed else 0


def rooms(options: Namespace) -> int:
    """A contact sheet: colours, instances, depth."""
    from spatial_edit.data.rooms import draw_sheet

    _check_target(options.out)
    draw_sheet(options.count, options.seed, options.out, options.resolution)
    print(options.out)
    return 0


def train(options: Namespace) -> int:
    """Run a recipe."""
    from spatial_edit.train import run_recipe

    if not 0 < options.minutes < 1e6:
        raise ValueError(f"--minutes is {options.minutes:g}: use a positive number")
    overrides = dict(_field(text) for text in options.fields)
    figures = run_recipe(
        options.recipe, minutes=options.minutes, resume=options.resume, overrides=overrides, out=options.out
    )
    return _show_figures(figures, options)


def evaluate(options: Namespace) -> int:
    """Measure a model."""
    from spatial_edit.runtime import keep_freed_memory

    _check_target(options.out, ".json")
    keep_freed_memory()
    if options.parse:
        from spatial_edit.metrics.parse_quality import evaluate_parse

        figures = evaluate_parse(
            options.model,
            quick=options.quick,
            out=options.out,
            rooms=options.rooms,
            photos=options.photos,
            tuned=options.tuned,
            backbone=options.backbone,
        )
    else:
        from spatial_edit.metrics import evaluate

        figures = evaluate(
            options.model,
            quick=options.quick,
            out=options.out,
            stages=options.stage,
            backbone=options.backbone,
            real=options.real,
        )
    return _show_figures(figures, options)


def co_move(options: Namespace) -> int:
    """How the elements of a model's scenes are steered."""
    from spatial_edit.metrics.moving import measure

    if options.seed + options.scenes > 2**32:
        raise ValueError(
            f"--seed {options.seed} leaves no room for {options.scenes} scenes: use a smaller one"
        )
    generator = _lookup(options)(options.model)

    def progress(done: int) -> None:
        print(f"  {done} of {options.scenes} scenes", file=sys.stderr, flush=True)

    figures = measure(generator, options.detector, options.scenes, options.seed, options.level, progress)
    return _show_figures(figures, options)


def reference_stats(options: Namespace) -> int:
    """Measure a set of photos and write its statistics."""
    from dataclasses import asdict

    from spatial_edit.data.photos import Photos
    from spatial_edit.metrics.photo_stats import make_stats, write_stats
    from spatial_edit.metrics.squeeze_features import load_squeeze
    from spatial_edit.runtime import keep_freed_memory

    _check_target(options.out, ".safetensors")
    keep_freed_memory()
    squeeze = load_squeeze(options.backbone)
    stats = make_stats(
        Photos(options.photos, 2 * options.side), squeeze, options.side,
        name=options.name or options.photos.stem, count=options.count, frames=not options.as_they_are,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )  # fmt: skip
    write_stats(options.out, stats)
    return _show_figures(asdict(stats.facts), options)


def _lookup(options: Namespace) -> Callable[[str], Generator]:
    from spatial_edit.generators.registry import load
    from spatial_edit.runtime import choose, keep_freed_memory

    keep_freed_memory()
    device = choose(options.device).device
    return lambda name: load(name, device=device)


def _session(options: Namespace, store: Store | None = None) -> Session:
    from spatial_edit.session import Session

    return Session(_lookup(options), store)


def _store(address: str | None, otherwise: Path | None = None) -> Store:
    from spatial_edit.store import Store

    if address:
        return Store(address)
    store = Store.from_environment()
    return Store(str(otherwise)) if otherwise and not store.persistent else store


def _show(frame: Frame, options: Namespace) -> int:
    from spatial_edit.images import save_png

    if options.out:
        save_png(frame.image, options.out)
    if options.json:
        from spatial_edit.layouts.codec import layout_to_json

        latent = frame.scene.latent
        facts = {"model": frame.scene.model, "weights": frame.scene.weights, "seed": latent.seed}
        facts.update(truncation=latent.truncation, code=frame.code, notes=list(frame.notes))
        facts["layout"] = layout_to_json(frame.scene.layout)
        _print_json({**facts, "out": str(options.out) if options.out else None})
        return 0
    for note in frame.notes:
        print(f"note: {note}", file=sys.stderr)
    print(frame.code)
    return 0


def _show_figures(figures: Mapping[str, object], options: Namespace) -> int:
    if options.json:
        _print_json(figures)
        return 0
    for name, value in figures.items():
        print(f"{name:<32} {value:.4g}" if isinstance(value, float) else f"{name:<32} {value}")
    return 0


def _check_target(path: Path | None, suffix: str = ".png") -> None:
    """Before the work: a picture that cannot be written is said at once."""
    if path is not None and not path.parent.is_dir():
        raise ValueError(f"there is no folder {str(path.parent)!r}: make it first, or choose another --out")
    if path is not None and path.suffix.lower() != suffix:
        raise ValueError(f"--out is {path.name!r}: give it a name that ends in {suffix}")


def _field(text: str) -> tuple[str, object]:
    """FIELD=VALUE -> the field and its value: a JSON value where it is one, else the text."""
    name, equals, value = text.partition("=")
    if not equals or not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"--set {text[:60]!r} is not FIELD=VALUE: write for example --set batch=32")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _print_json(content: object) -> None:
    print(json.dumps(content, indent=1, allow_nan=False))
