"""The Edit tab: a seed becomes a scene, the canvas changes it, links and files take it along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from spatial_edit.session import render_live
from spatial_edit.ui import context as shared
from spatial_edit.ui.canvas import layout_canvas
from spatial_edit.ui.context import MODEL_EVENTS, Context, sentence, spoken
from spatial_edit.ui.dragging.service import drag_functions
from spatial_edit.ui.files import scene_file
from spatial_edit.ui.kind_values import HELP_KINDS
from spatial_edit.ui.scenes import answer, commit, load
from spatial_edit.ui.seeing.desk import Desk
from spatial_edit.ui.seeing.service import seeing_functions
from spatial_edit.ui.serving import hardware
from spatial_edit.ui.serving.live import LiveDesk
from spatial_edit.ui.sharing import ShareDesk, build_sharing

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", **MODEL_EVENTS}
TODAY = "This layout with today's model"
# Gradio's `release` knows the mouse alone; the browser's `change` also a typed number and the arrow keys.
TRUNCATION_SCRIPT = """() => {
  const press = () => document.querySelector('#generate').click();
  document.querySelector('#truncation').addEventListener('change', () => setTimeout(press, 60));
}"""
_HELP_BLOBS = """
| | |
|---|---|
| **Move** | drag, or arrow keys (Shift: larger steps); it snaps, Alt turns that off |
| **Resize, reshape** | drag a white handle (Shift: keep the form), `+` `-`, `,` `.` |
| **Turn** | drag the dark handle (Shift: 15° steps), `[` `]` |
| **Several** | Shift+click, F and a frame around them, Ctrl+A |
| **Next · previous** | N · P (Shift: select along) |
| **Depth** | Page Up, Page Down, Home, End, or drag in the list |
| **Clone · hide · lock · remove** | Ctrl+D · H · L · Delete |
| **Undo · redo** | Ctrl+Z · Ctrl+Shift+Z |
| **Draw, protect** | D and draw a region · M and paint what may change |
| **Drag points** | G, then click what is to move and where it is to go; Ctrl+Enter starts and stops |
| **Zoom** | Ctrl+wheel or pinch; space and drag to move the picture; 0 for all of it |
| **More** | right click, long press or Shift+F10 |
| **Overlapping** | click again to reach the element below, or choose it in the list |
| **Exact numbers** | the sliders and the table beside the picture |
"""
_HELP_BOXES = """
| | |
|---|---|
| **Slide** | drag in the picture or in the plan, or arrow keys (Shift: larger steps) |
| **Walls** | what belongs to a wall snaps to it; Alt turns that off |
| **Lift** | drag the round handle, or Page Up, Page Down |
| **Resize** | drag a square handle (Shift: keep the form), `+` `-` |
| **Turn** | `[` `]` |
| **Several** | Shift+click, F and a frame around them, Ctrl+A |
| **Camera** | sliders, or its dot and the white knob in the plan |
| **Clone · hide · lock · remove** | Ctrl+D · H · L · Delete |
| **Undo · redo** | Ctrl+Z · Ctrl+Y |
| **Overlapping** | click again to reach what is behind, or choose it in the list |
"""


@dataclass(frozen=True)
class EditTab:
    """The components that other parts of the app write to."""

    token: gr.State
    canvas: gr.HTML
    model: gr.Dropdown
    seed: gr.Number
    truncation: gr.Slider
    code: gr.Textbox
    banner: gr.Row
    banner_text: gr.Markdown
    old_code: gr.State

    @property
    def scene(self) -> list[Any]:
        """Outputs of every event that changes the scene, in the order of `answer`."""
        return [self.token, self.canvas, self.model, self.seed, self.truncation, self.code]


def build_edit_tab(context: Context, demo: gr.Blocks) -> EditTab:
    """Lay out the tab and wire it; `demo` is the page whose opening brings the first scene."""
    token, old_code = gr.State(""), gr.State("")
    with gr.Row(visible=False, elem_classes="banner") as banner:
        banner_text = gr.Markdown("")
        today = gr.Button(TODAY, scale=0, min_width=260, elem_id="today")
    with gr.Row(elem_classes="work"):
        with gr.Column(scale=8, min_width=340):
            canvas = layout_canvas(
                _server_functions(context),
                kind=context.first_kind,
                live_mode=hardware.live_mode(),
                depth=hardware.depth(),
                space_url=shared.space_url(),
                elem_id="canvas",
            )
        with gr.Column(scale=5, min_width=300, elem_classes="side"):
            with gr.Group():
                model = gr.Dropdown(
                    shared.model_choices(context), value=context.first_model, label="Model", elem_id="model"
                )
                seed = gr.Number(
                    context.first_seed,
                    label="Seed",
                    precision=0,
                    minimum=0,
                    maximum=2**32 - 1,
                    elem_id="seed",
                )
                truncation = gr.Slider(
                    0,
                    1,
                    0,
                    step=0.05,
                    label="Truncation",
                    info="0 is full variety, 1 the average picture.",
                    buttons=[],
                    elem_id="truncation",
                )
            with gr.Row(elem_classes="buttons"):
                generate = gr.Button(
                    "Generate", variant="primary", scale=2, min_width=120, elem_id="generate"
                )
                die = gr.Button("Random seed", scale=1, min_width=120, elem_id="die")
            code = build_sharing()
            with gr.Accordion("Mouse, touch and keys", open=False, elem_id="keys"):
                gr.Markdown(_HELP_BLOBS, elem_classes=["help", "of-blobs"])
                gr.Markdown(_HELP_BOXES, elem_classes=["help", "of-boxes"])
                gr.Markdown(HELP_KINDS, elem_classes=["help", "of-kinds"])
    tab = EditTab(token, canvas, model, seed, truncation, code, banner, banner_text, old_code)
    _wire(context, tab, generate, die, today)
    first_scene = [*tab.scene, tab.banner, tab.banner_text, tab.old_code]

    def on_load(request: gr.Request) -> list[Any]:
        return load(context, dict(request.query_params))

    demo.load(on_load, None, first_scene, **QUIET)
    demo.load(None, js=TRUNCATION_SCRIPT, api_visibility="private")
    return tab


def _wire(context: Context, tab: EditTab, generate: gr.Button, die: gr.Button, today: gr.Button) -> None:
    inputs: list[Any] = [tab.token, tab.model, tab.seed, tab.truncation]

    @spoken
    def on_generate(token: str, model: str, seed: float, truncation: float) -> list[Any]:
        return generated(token, model, seed, truncation)

    def generated(token: str, model: str, seed: float, truncation: float, *, again: bool = True) -> list[Any]:
        seat = context.seats.take(token)
        with seat.lock:
            name, shown = shared.known_model(context, model), seat.session.frame
            if not again and shown is not None and shown.scene.model == name:
                return [gr.skip()] * len(outputs)
            frame = seat.session.generate(name, shared.whole(seed, "the seed"), truncation)
            return [*answer(context, seat, frame, "open"), gr.Row(visible=False)]

    @spoken
    def on_model(token: str, model: str, seed: float, truncation: float) -> list[Any]:
        # the field tells of a choice also when it is merely left
        return generated(token, model, seed, truncation, again=False)

    @spoken
    def on_open(token: str, code: str) -> list[Any]:
        seat = context.seats.take(token)
        with seat.lock:
            return answer(context, seat, seat.session.open(code or ""), "open")

    @spoken
    def on_today(token: str, code: str) -> list[Any]:
        seat = context.seats.take(token)
        with seat.lock:
            frame = seat.session.open(code, today=True)
            return [*answer(context, seat, frame, "open"), gr.Row(visible=False)]

    def on_commit(token: str, event: gr.EventData) -> list[Any]:
        return commit(
            context, token, {name: getattr(event, name, None) for name in ("kind", "edit", "code", "stamp")}
        )

    outputs = [*tab.scene, tab.banner]
    generate.click(on_generate, inputs, outputs, **QUIET)
    tab.seed.submit(on_generate, inputs, outputs, **QUIET)
    tab.model.input(on_model, inputs, outputs, **QUIET)
    die.click(
        None, None, tab.seed, js="() => Math.floor(Math.random() * 4294967296)", api_visibility="private"
    ).then(on_generate, inputs, outputs, **QUIET)
    tab.code.submit(on_open, [tab.token, tab.code], tab.scene, **QUIET)
    today.click(on_today, [tab.token, tab.old_code], outputs, **QUIET)
    tab.canvas.commit(on_commit, [tab.token], tab.scene, trigger_mode="multiple", **QUIET)


def _server_functions(context: Context) -> list[Any]:
    desk = LiveDesk(
        lambda code, elements: render_live(
            context.lookup, context.store, code, elements, names=context.model_of_number
        )
    )

    files, links = Desk(per_second=4, burst=16), ShareDesk(context)

    def render_live_picture(payload: Any) -> dict[str, object] | None:
        try:
            return desk.answer(payload)
        except (ValueError, OSError):
            return None  # the canvas says so; the commit that follows gives the reason

    def render_file(payload: Any) -> dict[str, object]:
        try:
            with files.turn():
                return scene_file(context, payload)
        except (ValueError, OSError) as error:
            return {"error": sentence(error)}

    def share_scene(payload: Any) -> dict[str, str]:
        try:
            with files.turn():
                return links.answer(payload)
        except (ValueError, OSError) as error:
            return {"error": sentence(error)}

    render_live_picture.__name__ = "render_live"
    return [
        render_live_picture,
        render_file,
        share_scene,
        *seeing_functions(context),
        *drag_functions(context),
    ]
