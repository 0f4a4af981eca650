"""The Parse photos tab: photos become scenes, several at once, each one can be opened in the editor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from spatial_edit.ui import context as shared
from spatial_edit.ui.batch import EFFORTS, FITS, Batch
from spatial_edit.ui.context import MODEL_EVENTS, PARSE_EVENTS, Context, spoken
from spatial_edit.ui.deletion import build_deletion
from spatial_edit.ui.edit_tab import EditTab
from spatial_edit.ui.scenes import answer
from spatial_edit.uploads import max_batch

SHOW_EVERY = 1.0  # seconds between two updates of the gallery: each one sends the whole list
INTRO = (
    "Turn photos of rooms into scenes you can edit. For every photo you see the photo itself, its "
    "reconstruction by the model, and the map of its layout."
)
EFFORT_CHOICES = [
    ("Encode · rough, under a second a photo", EFFORTS[0]),
    ("Refine · closer, about 10 seconds", EFFORTS[1]),
    ("Tune · closest, adapts the model, a minute", EFFORTS[2]),
]
NOTHING = (
    '<div class="nothing"><div><i></i><i></i><i></i></div>'
    "Results appear here: the photo, its reconstruction, the map of its layout.</div>"
)
# Names of files are the visitor's: set as text, never as HTML.
FAILURES_SCRIPT = """
const fill = () => {
  const rows = (props.value || []).map(([name, reason]) => {
    const row = document.createElement('li'), strong = document.createElement('b');
    strong.textContent = name; row.append(strong, ' ', reason);
    return row;
  });
  element.querySelector('ul').replaceChildren(...rows);
};
watch('value', fill); fill();
"""
FAILURES_HTML = '<div class="failures"><h3>Left out or failed</h3><ul></ul></div>'
FIT_CHOICES = [("Crop to the centre square", FITS[0]), ("Keep everything, with margins", FITS[1])]


@dataclass(frozen=True)
class ParseTab:
    """The tab's components."""

    photos: gr.File
    model: gr.Dropdown
    effort: gr.Radio
    fit: gr.Radio
    start: gr.Button
    stop: gr.Button
    status: gr.Markdown
    nothing: gr.HTML
    gallery: gr.Gallery
    failures: gr.HTML
    chosen: gr.State
    actions: gr.Row
    open: gr.Button
    save: gr.DownloadButton
    code: gr.Textbox
    key: gr.Textbox


def build_parse_tab(context: Context, edit: EditTab, tabs: gr.Tabs) -> ParseTab:
    """Lay out the tab and wire it to the editor."""
    gr.Markdown(INTRO, elem_classes="intro")
    with gr.Row(elem_classes="work"):
        with gr.Column(scale=5, min_width=300, elem_classes="side"):
            photos = gr.File(
                file_count="multiple", file_types=["image"], label="Photos", height=180, elem_id="photos"
            )
            with gr.Group():
                choices = shared.model_choices(context, shared.PARSED_KINDS)
                model = gr.Dropdown(choices, value=choices[0][1] if choices else None, label="Model")
                effort = gr.Radio(EFFORT_CHOICES, value=EFFORTS[0], label="Effort", elem_id="effort")
                fit = gr.Radio(FIT_CHOICES, value=FITS[0], label="Photos that are not square")
            with gr.Row():
                start = gr.Button("Parse photos", variant="primary", scale=3, elem_id="parse")
                stop = gr.Button("Stop", scale=1, min_width=80, interactive=False)
        with gr.Column(scale=8, min_width=340):
            status = gr.Markdown(
                f"No photos yet. Drop up to {max_batch()}, then press Parse photos.",
                elem_id="parse-status",
            )
            nothing = gr.HTML(NOTHING)
            gallery = gr.Gallery(
                label="Photo · reconstruction · map",
                show_label=False,
                columns=1,
                height="auto",
                object_fit="contain",
                allow_preview=False,
                buttons=[],
                visible=False,
                interactive=False,
                format="jpeg",
                elem_id="results",
            )
            with gr.Row(visible=False) as actions:
                open_button = gr.Button("Open in editor", variant="primary", elem_id="open-in-editor")
                save = gr.DownloadButton("Save all as zip", elem_id="save-all")
            failures = gr.HTML(
                [],
                html_template=FAILURES_HTML,
                js_on_load=FAILURES_SCRIPT,
                visible=False,
                elem_id="failures",
            )
            code, key = build_deletion(context)
    chosen = gr.State(0)
    tab = ParseTab(
        photos=photos,
        model=model,
        effort=effort,
        fit=fit,
        start=start,
        stop=stop,
        status=status,
        nothing=nothing,
        gallery=gallery,
        failures=failures,
        chosen=chosen,
        actions=actions,
        open=open_button,
        save=save,
        code=code,
        key=key,
    )
    _wire(context, edit, tab, tabs)
    return tab


def _wire(context: Context, edit: EditTab, tab: ParseTab, tabs: gr.Tabs) -> None:
    private: dict[str, Any] = {"api_visibility": "private"}

    def on_start(
        token: str,
        photos: list[str] | None,
        model: str,
        effort: str,
        fit: str,
        progress: gr.Progress = PROGRESS,
    ) -> Iterator[list[Any]]:
        yield from parse_photos(context, token, photos, model, effort, fit, progress)

    def on_stop(token: str) -> str:
        batch = context.seats.take(token).batch
        if batch is not None:
            batch.stop()
        return "Stopping…"

    def on_choose(token: str, event: gr.SelectData) -> list[Any]:
        chosen = event.index if isinstance(event.index, int) else 0
        return [chosen, *_receipt(context.seats.take(token).batch, chosen)]

    @spoken
    def on_open(token: str, chosen: int) -> list[Any]:
        seat = context.seats.take(token)
        if seat.batch is None or not seat.batch.results:
            raise ValueError("these results are gone: parse the photos again")
        results = seat.batch.results
        result = results[min(max(0, int(chosen)), len(results) - 1)]
        with seat.lock:
            return [*answer(context, seat, seat.session.open(result.code), "open"), gr.Tabs(selected="edit")]

    screen = [tab.status, tab.nothing, tab.gallery, tab.failures, tab.start, tab.stop, tab.actions, tab.save]
    screen += [tab.code, tab.key]
    tab.start.click(
        on_start,
        [edit.token, tab.photos, tab.model, tab.effort, tab.fit],
        [edit.token, tab.chosen, *screen],
        show_progress_on=[tab.status],
        **PARSE_EVENTS,
        **private,
    )
    tab.stop.click(on_stop, [edit.token], [tab.status], queue=False, show_progress="hidden", **private)
    tab.gallery.select(
        on_choose,
        [edit.token],
        [tab.chosen, tab.code, tab.key],
        show_progress="hidden",
        queue=False,
        **private,
    )
    opened = tab.open.click(on_open, [edit.token, tab.chosen], [*edit.scene, tabs], **MODEL_EVENTS, **private)
    opened.success(None, js=SHOW_CANVAS, **private)


def _receipt(batch: Batch | None, chosen: int) -> tuple[str, str]:
    """Code and deletion key of a result, empty when there is none."""
    if batch is None or not 0 <= chosen < len(batch.results):
        return "", ""
    return batch.results[chosen].code, batch.results[chosen].key


PROGRESS = gr.Progress()
# On a phone the button is far below the canvas.
SHOW_CANVAS = (
    "() => setTimeout(() => document.querySelector('#tabs').scrollIntoView({ behavior: 'smooth' }), 80)"
)


def parse_photos(
    context: Context, token: str, photos: list[str] | None, model: str, effort: str, fit: str, progress: Any
) -> Iterator[list[Any]]:
    """Run a batch and show how far it is; yields values for the tab's components. gr.Error on bad options."""
    try:
        if not photos:
            raise ValueError("there are no photos yet: drop some first")
        seat = context.seats.take(token)
        batch = Batch(context, shared.parsing_model(context, model), effort, fit)
    except (ValueError, OSError) as error:
        raise gr.Error(shared.sentence(error), print_exception=False) from error
    seat.batch = batch
    began = shown = time.monotonic()
    yield _screen(seat.token, batch, "Starting…", running=True)
    for _ in batch.run(list(photos), lambda share, text: progress(share, desc=text)):
        if time.monotonic() - shown >= SHOW_EVERY:
            shown = time.monotonic()
            done = len(batch.results) + len(batch.failures)
            yield _screen(seat.token, batch, f"{done} of {len(photos)} photos done.", running=True)
    yield _screen(seat.token, batch, _summary(batch, time.monotonic() - began), running=False)


def _summary(batch: Batch, seconds: float) -> str:
    done, failed = len(batch.results), len(batch.failures)
    words = f"**{done} {'photo' if done == 1 else 'photos'} parsed** in {seconds:.0f} s."
    if batch.stopping.is_set():
        words = f"**Stopped.** {words}"
    if failed:
        words += f" {failed} left out, the {'reason is' if failed == 1 else 'reasons are'} below."
    return words + (" Choose one to open in the editor." if done > 1 else "")


def _screen(token: str, batch: Batch, words: str, *, running: bool) -> list[Any]:
    results = batch.results
    items = [
        (
            str(r.sheet),
            " · ".join((r.name, f"likeness {r.psnr:.1f} dB", f"{r.seconds:.1f} s", *r.photo_notes)),
        )
        for r in results
    ]
    ready = bool(results) and not running
    archive = None
    if ready:
        try:
            archive = batch.archive()
        except OSError as error:  # the results can still be opened one by one
            words += f" There is no zip. {shared.sentence(error)}"
    return [
        token,
        0,
        words,
        gr.HTML(visible=not items),
        gr.Gallery(
            value=items,
            visible=bool(items),
            columns=1 if len(items) < 5 else 2,
            selected_index=0 if items else None,
        ),
        gr.HTML(value=[list(pair) for pair in batch.failures], visible=bool(batch.failures)),
        gr.Button(interactive=not running),
        gr.Button(interactive=running),
        gr.Row(visible=ready),
        gr.DownloadButton(value=archive, interactive=archive is not None) if ready else gr.DownloadButton(),
        *_receipt(batch, 0),
    ]
