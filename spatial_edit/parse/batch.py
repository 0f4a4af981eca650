"""Batch: many photos, one work item at a time, into a folder of results.

An item is idempotent: its result is a folder whose name is a hash of photo, weights (for rooms of boxes the
reader's too) and options, written under another name first and renamed when it is whole. Who hands the items
out is a detail: a loop here, several processes elsewhere; an item whose folder exists is done.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from spatial_edit.checkpoints import weights_hash
from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d import reader
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.contract import Generator
from spatial_edit.generators.registry import CHECKPOINTS
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.images import Fit, enlarge, open_photo, to_pil, to_png_bytes
from spatial_edit.layouts.codec import scene_to_json
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.overlay import to_blob_map
from spatial_edit.layouts.overlays import overlay_map
from spatial_edit.layouts.tables import BLOB_COLUMNS, element_table
from spatial_edit.parse.box3d_files import room_table, to_room_map
from spatial_edit.parse.photo import KeepGoing, Parsed, Progress, parse_photo
from spatial_edit.parse.spatialgan import encoder_folder
from spatial_edit.parse.unknowns import blobs_of
from spatial_edit.uploads import join_tables, left_out, max_batch, safe_stem, to_csv
from spatial_edit.uploads import write_zip as write_bundle

MAP_SIDE = 256
FILES = ("original.png", "reconstruction.png", "blob_map.png", "scene.json", "blobs.csv", "result.json")


@dataclass(frozen=True)
class Options:
    """What the results depend on beside photo and weights."""

    effort: str = "encode"
    fit: Fit = "crop"
    seconds: float | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Item:
    """A photo to parse: the name that people know it by, and its bytes or path."""

    name: str
    source: bytes | Path


@dataclass(frozen=True)
class Result:
    """A finished item; its files (`FILES`) lie in `folder`. `resumed`: it was there before."""

    name: str
    folder: Path
    psnr: float
    seconds: float
    notes: tuple[str, ...]
    resumed: bool = False


@dataclass(frozen=True)
class Failure:
    """An item that has no result, and the sentence that says why."""

    name: str
    reason: str


def result_name(sha256: str, weights: str, options: Options) -> str:
    """32 hex digits: the hash of photo, weights and options."""
    text = json.dumps([sha256, weights, asdict(options)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def parsing_weights(generator: Generator) -> str:
    """Which weights a result comes from: the generator's, of boxes in a room the reader's too (ValueError
    without one), of published blobs and of heatmaps the encoder's."""
    if isinstance(generator, Box3DGenerator):
        return f"{generator.weights}+{_reader_weights(CHECKPOINTS / reader.FOLDER_NAME)}"
    encoder = None
    if isinstance(generator, PublishedScenes):
        encoder = generator.encoder_folder
    elif isinstance(generator, SpatialGANScenes):
        encoder = encoder_folder(generator)
    return f"{generator.weights}+{weights_hash(encoder)}" if encoder is not None else generator.weights


@cache
def _reader_weights(folder: Path) -> str:
    return weights_hash(folder)


def parse_item(
    generator: Generator,
    item: Item,
    options: Options,
    folder: Path,
    *,
    progress: Progress | None = None,
    keep_going: KeepGoing | None = None,
) -> Result:
    """Parse one photo into `folder`, or find it done. PhotoError for a bad photo, OSError when nothing
    can be written.

    A photo that was stopped early is given back, but its name is not kept: asked again, it is parsed
    again.
    """
    photo = open_photo(item.source)
    target = folder / result_name(photo.sha256, parsing_weights(generator), options)
    if (target / "result.json").is_file():
        return _finished(item.name, target, resumed=True)
    went_on = True

    def asked() -> bool:
        nonlocal went_on
        went_on = went_on and (keep_going is None or keep_going())
        return went_on

    parsed = parse_photo(
        generator, photo, options.effort, fit=options.fit, seconds=options.seconds, steps=options.steps,
        progress=progress, keep_going=asked,
    )  # fmt: skip
    if not went_on:
        target = folder / f"stopped-{os.urandom(8).hex()}"
    _write(parsed, generator, target)
    return _finished(item.name, target, resumed=False)


def parse_many(
    generator: Generator,
    items: Iterable[Item],
    options: Options,
    folder: Path,
    *,
    progress: Progress | None = None,
    keep_going: KeepGoing | None = None,
) -> Iterator[Result | Failure]:
    """Every item's result or failure, in order; a broken photo harms no other.

    The first `max_batch()` items are parsed, the rest are failures that say so, as are those not begun
    when keep_going returns False. progress is told the share done of the item at hand.
    """
    most = max_batch()
    for place, item in enumerate(items):
        if place >= most:
            yield Failure(item.name, left_out(most))
        elif keep_going is not None and not keep_going():
            yield Failure(item.name, "not begun: stopped")
        else:
            try:
                yield parse_item(generator, item, options, folder, progress=progress, keep_going=keep_going)
            except OSError as error:
                yield Failure(
                    item.name, f"the result could not be written: {error.strerror or type(error).__name__}"
                )
            except ValueError as error:
                yield Failure(item.name, str(error))


def write_zip(results: Iterable[Result | Failure], path: Path) -> int:
    """All results' files, a table of all items and one of all their elements in one zip, whole or not at
    all; how many results are in it.

    Files are copied one after the other, never held together. OSError when it cannot be written.
    """
    rows: list[list[str]] = []
    tables: list[tuple[str, str]] = []

    def fill(bundle: zipfile.ZipFile) -> None:
        for result in results:
            if isinstance(result, Failure):
                rows.append([result.name, "", "", "", "", result.reason])
                continue
            inside = f"{sum(bool(row[1]) for row in rows) + 1:03d}-{safe_stem(result.name)}"
            for part in FILES:
                bundle.write(result.folder / part, f"{inside}/{part}")
            figures = [f"{result.psnr:.2f}", f"{result.seconds:.2f}", " ".join(result.notes)]
            rows.append([result.name, inside, *figures, ""])
            tables.append((result.name, (result.folder / "blobs.csv").read_text(encoding="utf-8")))
        header = ["photo", "folder", "psnr_db", "seconds", "notes", "error"]
        bundle.writestr("photos.csv", to_csv(header, rows))
        bundle.writestr("blobs.csv", join_tables("photo", tables))

    write_bundle(path, fill)
    return sum(bool(row[1]) for row in rows)


def layout_map(parsed: Parsed, generator: Generator) -> Image.Image:
    """The blobs, the boxes of a room or the centres of a heatmap as a picture; without a layout, the picture
    that was found."""
    if isinstance(generator, Box3DGenerator):
        return to_room_map(generator, parsed.scene, MAP_SIDE)
    if isinstance(parsed.scene.layout, Heatmaps):
        return overlay_map(parsed.scene.layout, MAP_SIDE)
    if not parsed.scene.layout.kind:
        return enlarge(to_pil(parsed.reconstruction), MAP_SIDE)
    return to_blob_map(blobs_of(parsed.scene), MAP_SIDE)


def layout_table(parsed: Parsed, generator: Generator) -> str:
    """CSV: one line a blob, a box of a room or a centre; of a scene without a layout the header alone."""
    if isinstance(generator, Box3DGenerator):
        return room_table(parsed.scene)
    if isinstance(parsed.scene.layout, Heatmaps):
        return to_csv(*element_table(parsed.scene.layout, generator.spec.row_names))
    if not parsed.scene.layout.kind:
        return to_csv(BLOB_COLUMNS, [])
    return blob_table(parsed, generator)


def blob_table(parsed: Parsed, generator: Generator) -> str:
    """CSV: one line a blob, farthest first: its word, geometry and, where rows have one, its colour (0 ..
    255)."""
    layout = blobs_of(parsed.scene)
    header, rows = element_table(layout, generator.spec.row_names)
    if not isinstance(generator, BlobGenerator):
        return to_csv(header, rows)
    for row, place in zip(rows, layout.rows, strict=True):
        row += [round((c + 1) * 127.5) for c in parsed.scene.latent.rows[place, 16:19].tolist()]
    return to_csv([*header, "red", "green", "blue"], rows)


def _write(parsed: Parsed, generator: Generator, target: Path) -> None:
    """The result's folder, under another name until it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".parsing-"))
    facts = {"psnr": parsed.psnr, "seconds": parsed.seconds, "steps": parsed.steps, "notes": parsed.notes}
    try:
        temporary.chmod(0o755)
        (temporary / "original.png").write_bytes(to_png_bytes(parsed.original))
        (temporary / "reconstruction.png").write_bytes(to_png_bytes(parsed.reconstruction))
        (temporary / "blob_map.png").write_bytes(to_png_bytes(layout_map(parsed, generator)))
        (temporary / "scene.json").write_text(scene_to_json(parsed.scene), encoding="utf-8")
        (temporary / "blobs.csv").write_text(layout_table(parsed, generator), encoding="utf-8")
        (temporary / "result.json").write_text(json.dumps(facts, allow_nan=False), encoding="utf-8")
        try:
            temporary.rename(target)
        except OSError:
            if not (
                target / "result.json"
            ).is_file():  # otherwise someone else has just finished the same item
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _finished(name: str, folder: Path, resumed: bool) -> Result:
    """The result in a folder; ValueError when its facts are damaged."""
    try:
        facts = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        notes = tuple(str(note) for note in facts["notes"])
        return Result(name, folder, float(facts["psnr"]), float(facts["seconds"]), notes, resumed)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the earlier result {folder.name} is damaged: delete it and parse again") from error
