"""The Parse photos tab: photos become scenes, several at once, each one can be opened in the editor."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from spatial_edit.ui import context as shared
from spatial_edit.ui.context import MODEL_EVENTS, PARSE_EVENTS, Context, spoken
from spatial_edit.ui.edit_tab import EditTab
from spatial_edit.ui.photos.batch import EFFORTS, FITS, Batch
from spatial_edit.ui.photos.deletion import build_deletion
from spatial_edit.ui.photos.photo_list import PhotoDesk, list_value, photo_list
from spatial_edit.ui.scenes import answer
from spatial_edit.ui.serving.seats import Seat
from spatial_edit.uploads import max_batch

SHOW_EVERY = 0.7  # seconds between two updates of the list
GONE = "these results are gone: parse the photos again"
INTRO = (
    "Turn photos of rooms into scenes you can edit. For every photo you see the photo itself, its "
    "reconstruction by the model, and the map of its layout where the model has one."
)
EFFORT_CHOICES = [
    ("Encode · rough, under a second a photo", EFFORTS[0]),
    ("Refine · closer, about 10 seconds", EFFORTS[1]),
    ("Tune · closest, adapts the model, a minute", EFFORTS[2]),
]
FIT_CHOICES = [("Crop to the centre square", FITS[0]), ("Keep everything, with margins", FITS[1])]
# On a phone the button is far below the canvas.
SHOW_CANVAS = (
    "() => setTimeout(() => document.querySelector('#tabs').scrollIntoView({ behavior: 'smooth' }), 80)"
)


@dataclass(frozen=True)
class ParseTab:
    """The tab's components."""

    photos: gr.File
    model: gr.Dropdown
    effort: gr.Radio
    fit: gr.Radio
    start: gr.Button
    stop: gr.Button
    resume: gr.Button
    status: gr.Markdown
    results: gr.HTML
    save: gr.DownloadButton
    code: gr.Textbox
    key: gr.Textbox


def build_parse_tab(context: Context, edit: EditTab, tabs: gr.Tabs) -> ParseTab:
    """Lay out the tab and wire it to the editor."""
    desk = PhotoDesk()
    gr.Markdown(INTRO, elem_classes="intro")
    with gr.Row(elem_classes="work"):
        with gr.Column(scale=5, min_width=300, elem_classes="side"):
            photos = gr.File(
                file_count="multiple", file_types=["image"], label="Photos", height=180, elem_id="photos"
            )
            with gr.Group():
                choices = shared.parsing_choices(context)
                model = gr.Dropdown(
                    choices,
                    value=choices[0][1] if choices else None,
                    label="Model",
                    elem_id="parse-model",
                )
                effort = gr.Radio(EFFORT_CHOICES, value=EFFORTS[0], label="Effort", elem_id="effort")
                fit = gr.Radio(FIT_CHOICES, value=FITS[0], label="Photos that are not square")
            with gr.Row():
                start = gr.Button("Parse photos", variant="primary", scale=3, min_width=150, elem_id="parse")
                stop = gr.Button("Stop", scale=1, min_width=80, interactive=False, elem_id="stop")
                resume = gr.Button("Resume", scale=1, min_width=90, visible=False, elem_id="resume")
        with gr.Column(scale=8, min_width=340):
            status = gr.Markdown(
                f"No photos yet. Drop up to {max_batch()}, then press Parse photos.",
                elem_id="parse-status",
            )
            results = photo_list(desk)
            save = gr.DownloadButton("Save all as zip", visible=False, elem_id="save-all")
            code, key = build_deletion(context)
    tab = ParseTab(photos, model, effort, fit, start, stop, resume, status, results, save, code, key)
    _wire_work(context, edit, tab, desk)
    _wire_results(context, edit, tab, tabs)
    return tab


def _wire_work(context: Context, edit: EditTab, tab: ParseTab, desk: PhotoDesk) -> None:
    private: dict[str, Any] = {"api_visibility": "private"}
    quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", **private}

    @spoken
    def on_start(token: str, photos: list[str] | None, model: str, effort: str, fit: str) -> list[Any]:
        seat = prepare(context, token, photos, model, effort, fit)
        assert seat.batch is not None
        desk.know(seat.batch)
        return screen(seat, "Waiting for a turn…", busy=True)

    @spoken
    def on_resume(token: str) -> list[Any]:
        seat = _with_batch(context, token)
        _of(seat).stopping.clear()
        return screen(seat, "Waiting for a turn…", busy=True)

    def on_stop(token: str) -> list[Any]:
        seat = context.seats.take(token)
        if seat.batch is None:
            return screen(seat, "Nothing to stop.")
        seat.batch.stop()
        return screen(seat, "Stopping…" if seat.batch.running else words_of(seat.batch))

    def on_run(token: str) -> Iterator[list[Any]]:
        yield from work(context, token)

    shown = [edit.token, tab.status, tab.results, tab.start, tab.stop, tab.resume, tab.save]
    asked = [edit.token, tab.photos, tab.model, tab.effort, tab.fit]
    for begun in (
        tab.start.click(on_start, asked, shown, **quick),
        tab.resume.click(on_resume, [edit.token], shown, **quick),
    ):
        begun.success(on_run, [edit.token], shown, show_progress="hidden", **PARSE_EVENTS, **private)
    tab.stop.click(on_stop, [edit.token], shown, **quick)


def _wire_results(context: Context, edit: EditTab, tab: ParseTab, tabs: gr.Tabs) -> None:
    private: dict[str, Any] = {"api_visibility": "private"}

    @spoken
    def on_choose(token: str, event: gr.EventData) -> list[str]:
        result = _of(_with_batch(context, token)).result(getattr(event, "key", None))
        return [result.code, result.key]

    @spoken
    def on_open(token: str, event: gr.EventData) -> list[Any]:
        seat = _with_batch(context, token)
        result = _of(seat).result(getattr(event, "key", None))
        with seat.lock:
            return [*answer(context, seat, seat.session.open(result.code), "open"), gr.Tabs(selected="edit")]

    quick: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
    tab.results.choose_photo(on_choose, [edit.token], [tab.code, tab.key], **quick, **private)
    opened = tab.results.open_photo(on_open, [edit.token], [*edit.scene, tabs], **MODEL_EVENTS, **private)
    opened.success(None, js=SHOW_CANVAS, **private)


def _with_batch(context: Context, token: str) -> Seat:
    seat = context.seats.take(token)
    _of(seat)
    return seat


def _of(seat: Seat) -> Batch:
    if seat.batch is None:
        raise ValueError(GONE)
    return seat.batch


def prepare(
    context: Context, token: str, photos: list[str] | None, model: str, effort: str, fit: str
) -> Seat:
    """The seat, its batch made ready for these photos: the one before when model, effort and fit are the
    same, so that what is done stays done. ValueError on bad options."""
    if not photos:
        raise ValueError("there are no photos yet: drop some first")
    seat = context.seats.take(token)
    options = (shared.parsing_model(context, model), effort, fit)
    batch = seat.batch
    if batch is None or (batch.model, batch.effort, batch.fit) != options:
        fresh = Batch(context, *options)
        if batch is not None:
            batch.stop()
        seat.batch = batch = fresh
    batch.take(list(photos))
    batch.stopping.clear()
    return seat


def work(context: Context, token: str) -> Iterator[list[Any]]:
    """Run the seat's batch in a thread of its own and show how far it is; when nobody looks any more, it
    stops."""
    seat = context.seats.take(token)
    batch = seat.batch
    if batch is None:
        yield screen(seat, f"{GONE[:1].upper()}{GONE[1:]}.")
        return
    here = contextvars.copy_context()  # what a host has noted about the request goes along
    worker = threading.Thread(target=here.run, args=(batch.run,), name="parse", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            yield screen(context.seats.take(seat.token), words_of(batch), busy=True)  # in use: the seat stays
            worker.join(SHOW_EVERY)
        yield screen(seat, words_of(batch))
    finally:
        if worker.is_alive():
            batch.stop()


def words_of(batch: Batch) -> str:
    """Where the batch is, in a sentence or two."""
    done, failed, waiting = (
        len(batch.of("done")),
        len(batch.of("failed")),
        len(batch.of("waiting", "working")),
    )
    count = done + failed + waiting
    if batch.running:
        return f"**{done + failed} of {count} photos done.**" + _left(batch, waiting)
    words = f"**{done} {'photo' if done == 1 else 'photos'} parsed** in {batch.seconds:.0f} s."
    if failed:
        words += f" {failed} failed; the {'reason stands' if failed == 1 else 'reasons stand'} in the list."
    if waiting:
        words = (
            f"**Stopped.** {words} {waiting} {'waits' if waiting == 1 else 'wait'}: press Resume to go on."
        )
    return words


def _left(batch: Batch, waiting: int) -> str:
    """How long it may still take, from what the photos that are done have taken."""
    done = len(batch.of("done"))
    if not done:
        return ""
    seconds = batch.elapsed / done * waiting
    return f" About {seconds / 60:.0f} min left." if seconds >= 90 else f" About {seconds:.0f} s left."


def screen(seat: Seat, words: str, *, busy: bool = False) -> list[Any]:
    """Values for the tab's components; `busy`: the batch runs, or is about to."""
    batch = seat.batch
    ready = batch is not None and not busy and not batch.running
    archive = None
    if ready and batch is not None and batch.of("done"):
        try:
            archive = batch.archive()
        except OSError as error:  # the results can still be opened one by one
            words += f" There is no zip. {shared.sentence(error)}"
    waiting = ready and batch is not None and bool(batch.of("waiting"))
    running = busy or (batch is not None and batch.running)
    return [
        seat.token,
        words,
        gr.HTML(value=list_value(batch)),
        gr.Button(interactive=not running),
        gr.Button(interactive=running, visible=not waiting),
        gr.Button(visible=waiting),
        gr.DownloadButton(value=archive, visible=archive is not None),
    ]
