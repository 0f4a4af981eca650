"""A batch of photos: one after the other, what failed is listed and the rest goes on.

Everything that is made lies in a temporary folder that disappears with the batch. Work is done in
`Batch.run`, a generator that yields after every photo; `Batch.stop` ends it there, or inside a photo at its
next progress report.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spatial_edit.images import MAX_BYTES, to_png_bytes
from spatial_edit.ui.pictures import display, triptych

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context, ParsedPhoto

EFFORTS = ("encode", "refine", "tune")
FITS = ("crop", "letterbox")
Report = Callable[[float, str], None]  # (share done of the whole batch, what is going on)


class Stopped(ValueError):
    """Raised inside a photo when the person pressed Stop."""


@dataclass(frozen=True)
class Result:
    """A parsed photo: its name, where its pictures lie, its scene's code, and figures."""

    name: str
    folder: str
    sheet: Path
    code: str
    psnr: float
    seconds: float
    notes: tuple[str, ...]


@dataclass
class Batch:
    """The photos of one press of the button. `failures` are (name, reason)."""

    context: Context
    model: str
    effort: str
    fit: str
    results: list[Result] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise ValueError(f"there is no effort {str(self.effort)[:20]!r}: use one of {', '.join(EFFORTS)}")
        if self.fit not in FITS:
            raise ValueError(f"there is no fit {str(self.fit)[:20]!r}: use one of {', '.join(FITS)}")
        self._home = tempfile.TemporaryDirectory(prefix="spatial-edit-")
        self.home = Path(self._home.name)

    def stop(self) -> None:
        """Ask the running batch to end soon; what is done stays."""
        self.stopping.set()

    def run(self, paths: list[str], report: Report) -> Iterator[None]:
        """Parse the photos in order; yields after each. Beyond `max_batch()` they are listed as left out."""
        most = max_batch()
        queued, rest = paths[:most], paths[most:]
        for path in rest:
            self.failures.append((Path(path).name, f"left out: at most {most} photos are taken at once"))
        for place, path in enumerate(queued):
            if self.stopping.is_set():
                self.failures += [(Path(p).name, "not started: stopped") for p in queued[place:]]
                return
            self._one(path, place, len(queued), report)
            yield

    def _one(self, path: str, place: int, count: int, report: Report) -> None:
        name = Path(path).name

        def progress(done: float = 0.0, *more: object) -> None:
            if self.stopping.is_set():
                raise Stopped("stopped")
            share = min(1.0, max(0.0, float(done)))
            report((place + share) / count, f"{name} ({place + 1} of {count})")

        try:
            progress()
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)  # one byte more than allowed tells that it is too large
            context = self.context
            parsed = context.parse(
                context.lookup, context.store, data, self.model, self.effort, self.fit, progress
            )
            self.results.append(self._keep(name, place, parsed))
        except ValueError as error:
            self.failures.append((name, str(error)))
        except OSError as error:
            self.failures.append(
                (name, f"the server could not keep it: {error.strerror or type(error).__name__}")
            )

    def _keep(self, name: str, place: int, parsed: ParsedPhoto) -> Result:
        from spatial_edit.ui.files import map_of, scene_json

        frame = parsed.frame
        folder = f"{place + 1:03d}-{safe_stem(name)}"
        target = self.home / folder
        layout_map = map_of(frame)
        target.mkdir()
        (target / "original.png").write_bytes(to_png_bytes(parsed.original))
        (target / "reconstruction.png").write_bytes(to_png_bytes(frame.image))
        (target / "blob_map.png").write_bytes(to_png_bytes(layout_map))
        (target / "scene.json").write_text(scene_json(self.context, frame), encoding="utf-8")
        sheet = target / "sheet.jpg"
        triptych([display(parsed.original), display(frame.image), layout_map]).save(sheet, "JPEG", quality=92)
        return Result(name, folder, sheet, frame.code, parsed.psnr, parsed.seconds, tuple(parsed.notes))

    def archive(self) -> str:
        """A zip of all results and a table of them; ValueError when there are none."""
        if not self.results:
            raise ValueError("there is nothing to save yet: parse a photo first")
        target = self.home / "spatial-edit-photos.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:  # PNG and JPEG do not shrink further
            for result in self.results:
                for file in ("original.png", "reconstruction.png", "blob_map.png", "scene.json"):
                    bundle.write(self.home / result.folder / file, f"{result.folder}/{file}")
            bundle.writestr("results.csv", self.table())
        return str(target)

    def table(self) -> str:
        """One CSV line a photo, the failed ones too."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(
            ["photo", "folder", "psnr_db", "seconds", "model", "effort", "fit", "code", "notes", "error"]
        )
        same = (self.model, self.effort, self.fit)
        for r in self.results:
            figures = (f"{r.psnr:.2f}", f"{r.seconds:.2f}")
            writer.writerow([_cell(r.name), r.folder, *figures, *same, r.code, _cell(" ".join(r.notes)), ""])
        for name, reason in self.failures:
            writer.writerow([_cell(name), "", "", "", *same, "", "", _cell(reason)])
        return text.getvalue()


def max_batch() -> int:
    """How many photos are taken at once: SPATIAL_EDIT_MAX_BATCH, 200 unless set."""
    text = os.environ.get("SPATIAL_EDIT_MAX_BATCH", "200")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"SPATIAL_EDIT_MAX_BATCH is {text!r}: set it to a whole number above 0")
    return int(text)


def safe_stem(name: str) -> str:
    """A file name's stem that is harmless in a path and in an archive."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).stem).strip("-.")[:40] or "photo"


def _cell(text: str) -> str:
    """A spreadsheet takes a cell that starts like this for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
