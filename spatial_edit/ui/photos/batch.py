"""A batch of photos: each waits, is worked on, and is then done or failed; what failed harms no other.

`Batch.run` works until no photo waits, or `Batch.stop` is called: then the photo at hand waits again, and
`run` goes on from there another time. Nothing that is done is done twice. Everything that is made lies in a
temporary folder that disappears with the batch, the photos too, since what a browser sends is swept after an
hour; in memory there are names, figures and codes alone.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spatial_edit.images import MAX_BYTES, to_png_bytes
from spatial_edit.layouts.tables import element_table
from spatial_edit.share import is_bare
from spatial_edit.ui.pictures import display, triptych
from spatial_edit.uploads import join_tables, left_out, max_batch, safe_stem, to_csv, write_zip

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context, ParsedPhoto

EFFORTS = ("encode", "refine", "tune")
FITS = ("crop", "letterbox")
FILES = ("original.png", "reconstruction.png", "blob_map.png", "scene.json", "blobs.csv")
FILES_OF_BARE = ("original.png", "reconstruction.png", "scene.json")  # without a layout
PICTURES = {"pair": "pair.jpg", "original": "original.jpg", "result": "result.jpg", "map": "blob_map.png"}
State = Literal["waiting", "working", "done", "failed"]
log = logging.getLogger(__name__)


class Stopped(ValueError):
    """Raised inside a photo when the person pressed Stop."""


@dataclass(frozen=True)
class Result:
    """A parsed photo: where its pictures lie, its scene's code, and figures."""

    folder: str
    code: str
    key: str  # deletes the scene from the store
    psnr: float
    seconds: float
    notes: tuple[str, ...]
    photo_notes: tuple[str, ...] = ()  # those of `notes` that tell what was done to the photo
    has_layout: bool = True  # else there is neither a map nor a table of elements


@dataclass(frozen=True)
class Photo:
    """One line of the list. `share` of the work that is done, 0 .. 1; `reason` why it failed."""

    number: int  # 1, 2, ... in the order in which they came: its name towards the browser
    upload: str
    name: str
    state: State = "waiting"
    share: float = 0.0
    reason: str = ""
    result: Result | None = None


class Batch:
    """One page's photos under one model, effort and fit. Safe to look at while `run` works elsewhere."""

    def __init__(self, context: Context, model: str, effort: str, fit: str) -> None:
        if effort not in EFFORTS:
            raise ValueError(f"there is no effort {str(effort)[:20]!r}: use one of {', '.join(EFFORTS)}")
        if fit not in FITS:
            raise ValueError(f"there is no fit {str(fit)[:20]!r}: use one of {', '.join(FITS)}")
        self.context, self.model, self.effort, self.fit = context, model, effort, fit
        self.secret = secrets.token_urlsafe(18)  # whoever knows it may see the pictures
        self.stopping = threading.Event()
        self.seconds = 0.0  # of work so far, without that of the run going on
        self._began = 0.0
        self._photos: dict[int, Photo] = {}
        self._archived = ""  # the table of the photos in the zip that was made last
        self._lock, self._work = threading.Lock(), threading.Lock()
        self._home = tempfile.TemporaryDirectory(prefix="spatial-edit-")
        self.home = Path(self._home.name)

    # ---- what it holds ----

    @property
    def photos(self) -> list[Photo]:
        """All photos in the order in which they came."""
        with self._lock:
            return list(self._photos.values())

    def of(self, *states: State) -> list[Photo]:
        """The photos in one of these states."""
        return [photo for photo in self.photos if photo.state in states]

    @property
    def running(self) -> bool:
        return self._work.locked()

    @property
    def elapsed(self) -> float:
        """Seconds of work so far, all that belongs to a photo: reading, parsing, its pictures."""
        return self.seconds + (time.monotonic() - self._began if self.running else 0.0)

    def result(self, number: object) -> Result:
        """The result of a photo; ValueError when it has none."""
        photo = self._photos.get(number) if isinstance(number, int) else None
        if photo is None or photo.result is None:
            raise ValueError("this photo has no result: choose one that is done")
        return photo.result

    def picture(self, number: object, what: object) -> Path:
        """The file of a result's picture, one of PICTURES; ValueError when there is none."""
        if not isinstance(what, str) or what not in PICTURES:
            raise ValueError(f"there is no picture {str(what)[:20]!r}: use one of {', '.join(PICTURES)}")
        return self.home / self.result(number).folder / PICTURES[what]

    # ---- photos come in ----

    def take(self, uploads: list[str]) -> None:
        """Make the list these uploads. Those that are done stay so, failed ones get another try, and those no
        longer among them leave it. Beyond `max_batch()` they fail with that reason."""
        most = max_batch()
        with self._lock:
            known = {photo.upload: photo for photo in self._photos.values()}
            highest = max(self._photos, default=0)
            for photo in known.values():
                if photo.upload not in uploads:
                    self._drop(photo)
            for place, upload in enumerate(dict.fromkeys(uploads)):
                photo = known.get(upload) or Photo(highest + 1, upload, Path(upload).name)
                if photo.number > highest:
                    highest = photo.number
                if photo.state == "failed":
                    photo = replace(photo, state="waiting", reason="")
                if place >= most and photo.state == "waiting":
                    photo = replace(photo, state="failed", reason=left_out(most))
                if photo.state == "waiting" and not self._source(photo).exists():
                    self._copy(photo)
                self._photos[photo.number] = photo

    def _copy(self, photo: Photo) -> None:
        """A link where the disk allows one; when neither works, the upload itself is read, or fails with its
        reason."""
        try:
            os.link(photo.upload, self._source(photo))
        except OSError:
            try:
                shutil.copyfile(photo.upload, self._source(photo))
            except OSError:
                self._source(photo).unlink(missing_ok=True)

    def _source(self, photo: Photo) -> Path:
        return self.home / f"photo-{photo.number}"

    def _drop(self, photo: Photo) -> None:
        self._source(photo).unlink(missing_ok=True)
        if photo.result is not None:
            shutil.rmtree(self.home / photo.result.folder, ignore_errors=True)
        del self._photos[photo.number]

    # ---- work ----

    def stop(self) -> None:
        """Ask the running batch to end soon; what is done stays, the rest waits."""
        self.stopping.set()

    def run(self) -> None:
        """Parse what waits, one photo after the other; returns at once when that is going on already."""
        if not self._work.acquire(blocking=False):
            return
        self._began = time.monotonic()
        try:
            while not self.stopping.is_set() and (waiting := self.of("waiting")):
                self._parse(waiting[0])
        finally:
            self.seconds = self.elapsed
            self._work.release()

    def _set(self, photo: Photo) -> None:
        with self._lock:
            if photo.number in self._photos:
                self._photos[photo.number] = photo

    def _parse(self, photo: Photo) -> None:
        def progress(done: float = 0.0, *more: object) -> None:
            if self.stopping.is_set():
                raise Stopped("stopped")
            self._set(replace(photo, state="working", share=min(1.0, max(0.0, float(done)))))

        try:
            progress()
            source = self._source(photo)
            with open(source if source.exists() else photo.upload, "rb") as file:
                data = file.read(MAX_BYTES + 1)  # one byte more than allowed tells that it is too large
            context, options = self.context, (self.model, self.effort, self.fit)
            parsed = context.parse(context.lookup, context.store, data, *options, progress)
            result = self._keep(photo, parsed)
        except Stopped:
            self._set(photo)
        except ValueError as error:
            self._set(replace(photo, state="failed", reason=str(error)))
        except OSError as error:
            why = f"the server could not keep it: {error.strerror or type(error).__name__}"
            self._set(replace(photo, state="failed", reason=why))
        except (RuntimeError, MemoryError) as error:  # torch's, out of memory among them: the others go on
            log.exception("photo %d of a batch failed", photo.number)
            why = (
                "there was not enough memory" if "memory" in str(error).lower() else "the model failed at it"
            )
            self._set(replace(photo, state="failed", reason=why))
        else:
            self._set(replace(photo, state="done", share=1.0, result=result))
            self._source(photo).unlink(missing_ok=True)

    def _keep(self, photo: Photo, parsed: ParsedPhoto) -> Result:
        from spatial_edit.ui.files import map_of, scene_json

        frame = parsed.frame
        folder = f"{photo.number:03d}-{safe_stem(photo.name)}"
        target = self.home / folder
        has_layout = not is_bare(frame.scene.layout)
        try:
            target.mkdir()
            original, result = display(parsed.original), display(frame.image)
            (target / "original.png").write_bytes(to_png_bytes(parsed.original))
            (target / "reconstruction.png").write_bytes(to_png_bytes(frame.image))
            (target / "scene.json").write_text(scene_json(self.context, frame), encoding="utf-8")
            if has_layout:
                (target / "blob_map.png").write_bytes(to_png_bytes(map_of(frame)))
                spec = self.context.models.get(self.model)
                table = to_csv(*element_table(frame.scene.layout, spec.row_names if spec else ()))
                (target / "blobs.csv").write_text(table, encoding="utf-8")
            original.save(target / PICTURES["original"], "JPEG", quality=90)
            result.save(target / PICTURES["result"], "JPEG", quality=90)
            triptych([original, result], 192, 2).save(target / PICTURES["pair"], "JPEG", quality=85)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        notes = tuple(parsed.notes)
        own = tuple(note for note in notes if note not in frame.notes)
        figures = (parsed.psnr, parsed.seconds)
        return Result(folder, frame.code, parsed.receipt.key, *figures, notes, own, has_layout)

    # ---- what is taken along ----

    def archive(self) -> str:
        """A zip of all results, a table of the photos and one of all elements; ValueError when there are no
        results, OSError when it cannot be written."""
        done = self.of("done")
        if not done:
            raise ValueError("there is nothing to save yet: parse a photo first")
        target, table = self.home / "spatial-edit-photos.zip", self.table()
        if target.exists() and table == self._archived:  # the same bytes again: Gradio keeps one copy of them
            return str(target)

        def fill(bundle: zipfile.ZipFile) -> None:
            tables = []
            for photo in done:
                result = self.result(photo.number)
                folder = result.folder
                for file in FILES if result.has_layout else FILES_OF_BARE:
                    bundle.write(self.home / folder / file, f"{folder}/{file}")
                if result.has_layout:
                    elements = (self.home / folder / "blobs.csv").read_text(encoding="utf-8")
                    tables.append((photo.name, elements))
            bundle.writestr("photos.csv", table)
            if tables:
                bundle.writestr("blobs.csv", join_tables("photo", tables))

        write_zip(target, fill)
        self._archived = table
        return str(target)

    def table(self) -> str:
        """One CSV line a photo, in their order, the failed and the waiting ones too."""
        header = ["photo", "folder", "psnr_db", "seconds", "model", "effort", "fit"]
        header += ["code", "deletion_key", "notes", "error"]
        same = (self.model, self.effort, self.fit)
        rows: list[tuple[str, ...]] = []
        for photo in self.photos:
            if (r := photo.result) is None:
                rows.append((photo.name, "", "", "", *same, "", "", "", photo.reason or "not parsed yet"))
                continue
            figures = (f"{r.psnr:.2f}", f"{r.seconds:.2f}")
            rows.append((photo.name, r.folder, *figures, *same, r.code, r.key, " ".join(r.notes), ""))
        return to_csv(header, rows)
