"""The Models tab: the table of models, and adding one from a file or from the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from spatial_edit.session.adding import Adding
from spatial_edit.ui import context as shared
from spatial_edit.ui.context import MODEL_EVENTS, Context, spoken
from spatial_edit.ui.edit_tab import EditTab
from spatial_edit.ui.models.permission import Permission
from spatial_edit.ui.models.screens import ModelsTab, opened
from spatial_edit.ui.models.table import models_table, outcome, outcome_value
from spatial_edit.ui.models.work import DISK, HUB, UPLOAD, added
from spatial_edit.ui.photos.parse_tab import SHOW_CANVAS

INTRO = "The models that come with the program, and those that were added to it."
WHERE = [("Upload a file", UPLOAD), ("A file on this computer", DISK), ("Hugging Face", HUB)]
HOW = (
    "Checkpoints of StyleGAN2 (PyTorch, TensorFlow, rosinality), BlobGAN, EqGAN, GANformer and BachGAN. A "
    "file is recognised by what is in it, and nothing in it is executed."
)
TO_FORM = """() => { document.querySelector('.adding').scrollIntoView({ block: 'start',
  behavior: window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  document.querySelector('#where input:checked').focus({ preventScroll: true }); }"""
ELSEWHERE = (
    "Models are added where this program runs on one's own computer; on this server that is switched off."
)


@dataclass(frozen=True)
class Form:
    """The components of "Add a model"."""

    where: gr.Radio
    upload: gr.File
    path: gr.Textbox
    address: gr.Textbox
    name: gr.Textbox
    licence: gr.Textbox
    source: gr.Textbox
    add: gr.Button

    @property
    def given(self) -> list[Any]:
        """Inputs of an addition, in the order of `wanted_of`."""
        return [self.where, self.upload, self.path, self.address, self.name, self.licence, self.source]


def build_models_tab(
    context: Context,
    edit: EditTab,
    parse_model: gr.Dropdown,
    tab: gr.Tab,
    tabs: gr.Tabs,
    permission: Permission,
    adding: Adding,
) -> None:
    """Lay out the tab and wire it to the editor; `tab` is the surrounding one."""
    with gr.Row(elem_classes="over-models"):
        gr.Markdown(INTRO, elem_classes="intro")
        if permission.allowed:  # with many models the form is far below
            below = gr.Button("Add a model", scale=0, min_width=130, size="sm", elem_id="to-form")
            below.click(None, js=TO_FORM, api_visibility="private")
    table = models_table()
    form = None
    if permission.allowed:
        form = _form(permission)
    else:
        gr.Markdown(ELSEWHERE, elem_classes="intro")
    made = ModelsTab(context, edit, parse_model, table, outcome(), permission, adding)
    _wire_table(made, tab, tabs)
    if form is not None:
        _wire_form(made, form)


def _form(permission: Permission) -> Form:
    with gr.Column(elem_classes="adding"):
        gr.Markdown(f"## Add a model\n\n{HOW}", elem_classes="intro")
        choices = WHERE if permission.local else [choice for choice in WHERE if choice[1] != DISK]
        with gr.Row(elem_classes="work"):
            with gr.Column(min_width=280):
                where = gr.Radio(choices, value=UPLOAD, label="Where is it?", elem_id="where")
                upload = gr.File(label="Checkpoint", height=150, elem_id="checkpoint")
                path = gr.Textbox(
                    label="Path of the file",
                    placeholder="/home/me/ffhq.pkl",
                    visible=False,
                    max_lines=1,
                    max_length=4096,
                    elem_id="model-path",
                )
                address = gr.Textbox(
                    label="Model on Hugging Face",
                    info="Safetensors that this program has pushed; without a revision its newest state.",
                    placeholder="owner/name@revision",
                    visible=False,
                    max_lines=1,
                    max_length=300,
                    elem_id="model-address",
                )
            with gr.Column(min_width=280):
                name = gr.Textbox(
                    label="Name",
                    info="Small letters, digits, dots and dashes; empty: the file's own.",
                    max_lines=1,
                    max_length=100,
                    elem_id="model-name",
                )
                licence = gr.Textbox(
                    label="Licence",
                    placeholder="not stated",
                    max_lines=1,
                    max_length=400,
                    elem_id="model-licence",
                )
                source = gr.Textbox(
                    label="Source",
                    placeholder="an address, a paper",
                    max_lines=1,
                    max_length=400,
                    elem_id="model-source",
                )
                add = gr.Button("Add model", variant="primary", elem_id="add-model")
    return Form(where, upload, path, address, name, licence, source, add)


def _wire_table(made: ModelsTab, tab: gr.Tab, tabs: gr.Tabs) -> None:
    context = made.context
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def on_show() -> list[Any]:
        context.refresh_models()
        return made.screen(None, None)

    @spoken
    def on_open(token: str, event: gr.EventData) -> list[Any]:
        name = shared.known_model(context, getattr(event, "name", None))
        return [*opened(context, token, name), gr.Tabs(selected="edit")]

    @spoken
    def on_remove(token: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        made.permission.check(request)
        name = getattr(event, "name", None)
        made.adding.remove(name)
        context.refresh_models()
        seat = context.seats.take(token)
        shown = seat.session.frame
        gone = shown is not None and shown.scene.model == name
        scene = opened(context, token, context.first_model) if gone and context.first_model else None
        return made.screen(scene, outcome_value(f"Removed {name}.", "done"))

    tab.select(on_show, None, made.everywhere, queue=False, **private)
    shown = made.table.open_model(
        on_open,
        [made.edit.token],
        [*made.edit.scene, tabs],
        **private,
        **MODEL_EVENTS,
    )
    shown.success(None, js=SHOW_CANVAS, api_visibility="private")
    made.table.remove_model(
        on_remove,
        [made.edit.token],
        made.everywhere,
        **private,
        **MODEL_EVENTS,
    )


def _wire_form(made: ModelsTab, form: Form) -> None:
    outputs = [*made.everywhere, *form.given[1:], form.add]

    def on_where(where: str) -> list[Any]:
        return [gr.update(visible=where == place) for place in (UPLOAD, DISK, HUB)]

    def on_add(token: str, request: gr.Request, *given: Any) -> Iterator[list[Any]]:
        yield from added(made, token, given, request)

    quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    form.where.change(on_where, [form.where], [form.upload, form.path, form.address], **quick)
    form.add.click(
        on_add,
        [made.edit.token, *form.given],
        outputs,
        show_progress="hidden",
        api_visibility="private",
        concurrency_id="adding",
        concurrency_limit=4,  # a second one is told to wait, which one that waits in the queue is not
    )
