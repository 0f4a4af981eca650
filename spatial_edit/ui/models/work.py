"""Adding a model, as the page sees it: it goes on in a thread of its own, and the page is told how long."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from spatial_edit.session.adding import Added, AddError, Wanted
from spatial_edit.ui.context import Context, sentence
from spatial_edit.ui.models.permission import Permission
from spatial_edit.ui.models.screens import ModelsTab, opened
from spatial_edit.ui.models.table import outcome_value

SHOW_EVERY = 1.0  # seconds between two words on how long it takes
UPLOAD, DISK, HUB = "upload", "disk", "hub"  # where the model is


def added(made: ModelsTab, token: str, given: tuple[Any, ...], request: Any) -> Iterator[list[Any]]:
    """Values for `everywhere`, the form's fields from the file on, and the button, again and again until the
    model is there or has been refused."""
    fields = [gr.skip()] * 6
    quiet = [gr.skip()] * (len(made.everywhere) - 1)

    def refused(error: ValueError | OSError, fields: list[Any]) -> list[Any]:
        return [
            *quiet,
            gr.HTML(value=outcome_value(sentence(error), "failed")),
            *fields,
            gr.Button(interactive=True),
        ]

    try:
        made.permission.check(request)
        wanted = made.adding.checked(wanted_of(given, made.permission))
    except (ValueError, OSError) as error:
        yield refused(error, fields)  # what was uploaded stays: a better name is all it takes
        return
    uploaded = wanted.file if given[0] == UPLOAD else None
    job = Job(lambda: made.adding.add(wanted), lambda: _after(made.context, uploaded))
    while not job.done(SHOW_EVERY):
        told = outcome_value(_busy(wanted), "busy", seconds=job.seconds)
        yield [*quiet, gr.HTML(value=told), *fields, gr.Button(interactive=False)]
    spent = [gr.File(value=None) if uploaded is not None else gr.skip(), *[gr.skip()] * 5]
    if job.error is not None:
        yield refused(job.error, spent)
        return
    assert job.result is not None
    yield [*_finished(made, token, job.result), None, *[""] * 5, gr.Button(interactive=True)]


def wanted_of(given: tuple[Any, ...], permission: Permission) -> Wanted:
    """What the form's fields say; ValueError for what no browser sends and for a file of the server's disk
    where that is not allowed."""
    where, upload, path, address, *words = given
    texts = [text if isinstance(text, str) else "" for text in (path, address, *words)]
    path, address, name, licence, source = texts
    said: dict[str, Any] = {"name": name, "licence": licence, "source": source}
    if where == UPLOAD:
        if not isinstance(upload, str):
            raise AddError("there is no file yet: choose one first")
        return Wanted(file=Path(upload), **said)
    if where == DISK and permission.local:
        if not path.strip():
            raise AddError("there is no path yet: say where the file lies")
        return Wanted(file=Path(path.strip()).expanduser(), **said)
    if where == HUB:
        if not address.strip():
            raise AddError("there is no address yet: write owner/name@revision")
        return Wanted(address=address, **said)
    raise AddError("this page is out of date: reload it")


class Job:
    """Something that goes on in a thread of its own until it ends, whoever looks on."""

    def __init__(self, work: Callable[[], Added], after: Callable[[], None]) -> None:
        self.result: Added | None = None
        self.error: ValueError | OSError | None = None
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(work, after), name="add model", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> int:
        return int(time.monotonic() - self._began)

    def done(self, patience: float) -> bool:
        """Whether it has ended, after waiting for it that many seconds at most."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self, work: Callable[[], Added], after: Callable[[], None]) -> None:
        self.error = AddError("the program failed at this model: its log says why")  # unless told otherwise
        try:
            self.result = work()
            self.error = None
        except (ValueError, OSError) as error:
            self.error = error
        finally:
            after()


def _after(context: Context, uploaded: Path | None) -> None:
    """The new model is known, and an uploaded file is gone, even when nobody looks any more."""
    context.refresh_models()
    if uploaded is None or not uploaded.resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        return
    uploaded.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # Gradio gives every upload a folder
        uploaded.parent.rmdir()


def _busy(wanted: Wanted) -> str:
    if wanted.file is not None:
        return f"Reading {wanted.file.name}, and writing {wanted.name}"
    return f"Fetching {wanted.address.strip()}, and checking it"


def _finished(made: ModelsTab, token: str, model: Added) -> list[Any]:
    """The new model in every list, and in the editor where it draws."""
    spec = model.spec
    words = f"Added {model.name}: {spec.title}, recognised as {model.format}; licence {spec.licence}."
    notes = [sentence(ValueError(note)) for note in model.notes]
    if not model.pictures:
        words += " It draws no pictures by itself: it serves other models."
        return made.screen(None, outcome_value(words, "done", notes))
    try:
        scene = opened(made.context, token, model.name)
    except (ValueError, OSError) as error:
        words += f" Its first picture could not be drawn: {sentence(error)}"
        return made.screen(None, outcome_value(words, "failed", notes))
    return made.screen(scene, outcome_value(f"{words} The editor shows it.", "done", notes))
