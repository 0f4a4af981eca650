"""A batch of photos: one after the other, what failed is listed and the rest goes on.

Everything that is made lies in a temporary folder that disappears with the batch. Work is done in
`Batch.run`, a generator that yields after every photo; `Batch.stop` ends it there, or inside a photo at its
next progress report.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spatial_edit.images import MAX_BYTES, to_png_bytes
from spatial_edit.ui.pictures import display, triptych
from spatial_edit.uploads import left_out, max_batch, safe_stem, to_csv, write_zip

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context, ParsedPhoto

EFFORTS = ("encode", "refine", "tune")
FITS = ("crop", "letterbox")
FILES = ("original.png", "reconstruction.png", "map.png", "scene.json")
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
    key: str  # deletes the scene from the store
    psnr: float
    seconds: float
    notes: tuple[str, ...]
    photo_notes: tuple[str, ...] = ()  # those of `notes` that tell what was done to the photo


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
            self.failures.append((Path(path).name, left_out(most)))
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
        sheet = target / "sheet.jpg"
        try:
            target.mkdir()
            (target / "original.png").write_bytes(to_png_bytes(parsed.original))
            (target / "reconstruction.png").write_bytes(to_png_bytes(frame.image))
            (target / "map.png").write_bytes(to_png_bytes(layout_map))
            (target / "scene.json").write_text(scene_json(self.context, frame), encoding="utf-8")
            pictures = [display(parsed.original), display(frame.image), layout_map]
            triptych(pictures).save(sheet, "JPEG", quality=92)
        except OSError:
            shutil.rmtree(target, ignore_errors=True)
            raise
        notes = tuple(parsed.notes)
        own = tuple(note for note in notes if note not in frame.notes)
        figures = parsed.psnr, parsed.seconds
        return Result(name, folder, sheet, frame.code, parsed.receipt.key, *figures, notes, own)

    def archive(self) -> str:
        """A zip of all results and a table of them; ValueError when there are none, OSError when it cannot be
        written."""
        if not self.results:
            raise ValueError("there is nothing to save yet: parse a photo first")
        target = self.home / "spatial-edit-photos.zip"

        def fill(bundle: zipfile.ZipFile) -> None:
            for result in self.results:
                for file in FILES:
                    bundle.write(self.home / result.folder / file, f"{result.folder}/{file}")
            bundle.writestr("results.csv", self.table())

        write_zip(target, fill)
        return str(target)

    def table(self) -> str:
        """One CSV line a photo, the failed ones too."""
        header = ["photo", "folder", "psnr_db", "seconds", "model", "effort", "fit"]
        header += ["code", "deletion_key", "notes", "error"]
        same = (self.model, self.effort, self.fit)
        rows = []
        for r in self.results:
            figures = (f"{r.psnr:.2f}", f"{r.seconds:.2f}")
            rows.append((r.name, r.folder, *figures, *same, r.code, r.key, " ".join(r.notes), ""))
        rows += [(name, "", "", "", *same, "", "", "", reason) for name, reason in self.failures]
        return to_csv(header, rows)
