"""The API for programs: five named endpoints, each without a memory of its caller.

    /generate(model, seed, truncation) -> image, code
    /edit(code, edit_json) -> image, code
    /vary(code, kind, seed, keep) -> image, code
    /parse(photo, model, effort) -> image, code
    /open(code) -> image

Pictures are PNG at the model's own resolution, so that the same code always gives the same bytes. The
components are invisible: they give the endpoints their types.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image

from spatial_edit.images import MAX_BYTES, to_pil
from spatial_edit.ui import context as shared
from spatial_edit.ui.batch import EFFORTS
from spatial_edit.ui.context import MODEL_EVENTS, PARSE_EVENTS, Context, spoken


def build_api(context: Context) -> None:
    """Add the endpoints to the surrounding Blocks."""

    @spoken
    def generate(model: str, seed: float, truncation: float) -> tuple[Image.Image, str]:
        """Make the scene of a seed: model is a name, seed 0 to 4294967295, truncation 0 to 1."""
        name = shared.known_model(context, model)
        frame = context.new_session().generate(name, shared.whole(seed, "the seed"), truncation)
        return to_pil(frame.image), frame.code

    @spoken
    def edit(code: str, edit_json: Any) -> tuple[Image.Image, str]:
        """Apply an edit, or an array of at most 64, to the scene of a code.

        Blobs: {"op": "move", "target": 3, "dx": 0.1, "dy": 0}, and resize, reshape, rotate, reorder, clone,
        remove, hide, show, lock, unlock.

        Boxes in a room, in metres: {"op": "slide", "target": 1, "dx": 0.4, "dz": 0}, and place, lift, turn,
        resize, stack, swap, recolour, restyle, clone, remove, hide, show, lock, unlock, add, camera, room,
        surface, light, arrange.
        """
        session = context.new_session()
        session.open(code)
        frame = session.edit(edit_json)
        return to_pil(frame.image), frame.code

    @spoken
    def vary(code: str, kind: str, seed: float, keep: Any) -> tuple[Image.Image, str]:
        """Another room that keeps a part of this one: kind is fill (the elements whose numbers `keep` lists
        stay), restyle (the furniture stays) or rehouse (the style stays)."""
        session = context.new_session()
        session.open(code)
        frame = session.vary(kind, shared.whole(seed, "the seed"), keep or ())
        return to_pil(frame.image), frame.code

    @spoken
    def parse(photo: str | None, model: str, effort: str) -> tuple[Image.Image, str]:
        """Turn a photo into a scene."""
        if not photo:
            raise ValueError("there is no photo: send an image file")
        if effort not in EFFORTS:
            raise ValueError(f"there is no effort {str(effort)[:20]!r}: use one of {', '.join(EFFORTS)}")
        name = shared.parsing_model(context, model)
        with open(photo, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        parsed = context.parse(context.lookup, context.store, data, name, effort, "crop", None)
        return to_pil(parsed.frame.image), parsed.frame.code

    @spoken
    def open_code(code: str) -> Image.Image:
        """Draw the scene of a code."""
        return to_pil(context.new_session().open(code).image)

    with gr.Group(visible=False):
        model = gr.Textbox(context.first_model, label="model")
        seed = gr.Number(context.first_seed, label="seed")
        truncation = gr.Number(0, label="truncation")
        code, edit_json = gr.Textbox(label="code"), gr.JSON(label="edit_json")
        kind, keep = gr.Textbox("fill", label="kind"), gr.JSON(label="keep")
        photo, effort = gr.File(label="photo"), gr.Textbox(EFFORTS[0], label="effort")
        image = gr.Image(label="image", format="png", type="pil")
        button = gr.Button()
    button.click(generate, [model, seed, truncation], [image, code], api_name="generate", **MODEL_EVENTS)
    button.click(edit, [code, edit_json], [image, code], api_name="edit", **MODEL_EVENTS)
    button.click(vary, [code, kind, seed, keep], [image, code], api_name="vary", **MODEL_EVENTS)
    button.click(parse, [photo, model, effort], [image, code], api_name="parse", **PARSE_EVENTS)
    button.click(open_code, [code], [image], api_name="open", **MODEL_EVENTS)
