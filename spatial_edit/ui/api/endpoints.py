"""The API for programs: named endpoints, each without a memory of its caller.

    /models() -> table                                  /describe(code) -> table
    /generate(model, seed, truncation) -> image, code   /open(code) -> image
    /edit(code, edit_json) -> image, code               /map(code, what, before, target) -> image, text
    /complete(code, keep, seed) -> image, code          /variations(code, kind, seed, keep) -> images, table
    /vary(code, kind, seed, keep) -> image, code        /replay(codes, format) -> film
    /parse(photo, model, effort) -> image, code         /parse_many(photos, model, effort) -> table
    /link(code) -> text, text
    /drag(code, points, mask, options) -> image, code, text

Pictures are PNG at the model's own resolution, so that the same code always gives the same bytes. What reads
photos, films and links is in api_more.py. The functions' names are those of the tools of an MCP server.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from PIL import Image

from spatial_edit.images import to_pil
from spatial_edit.session.manual import edit_manual
from spatial_edit.ui import context as shared
from spatial_edit.ui.api.drags import add_drags
from spatial_edit.ui.api.fields import Fields
from spatial_edit.ui.api.more import add_more
from spatial_edit.ui.context import MODEL_EVENTS, Context, spoken
from spatial_edit.ui.files import scene_json


def build_api(context: Context) -> None:
    """Add the endpoints to the surrounding Blocks."""
    with gr.Group(visible=False):
        fields, button = Fields(context), gr.Button()
    for part in (*vars(fields).values(), button):
        part.visible = False  # of visible ones, in a hidden group too, the browser loads the code: 200 kB
    _add_scenes(context, fields, button)
    _add_edits(context, fields, button)
    add_more(context, fields, button)
    add_drags(context, fields, button)


def _add_scenes(context: Context, fields: Fields, button: gr.Button) -> None:
    @spoken
    def models() -> list[dict[str, object]]:
        """List the models: name, title, kind of layout ("" for none), which of the edits of looks and of
        whole scenes it knows, and a word for every row of appearances."""
        return [
            {
                "name": name,
                "title": spec.title,
                "kind": spec.kind,
                "edits": list(spec.edits),
                "row_names": list(spec.row_names),
            }
            for name, spec in context.models.items()
        ]

    @spoken
    def generate(model: str, seed: float, truncation: float) -> tuple[Image.Image, str]:
        """Make the scene of a seed: the picture and its edit code.

        Args:
            model: name of a model, see models
            seed: 0 to 4294967295
            truncation: 0 full variety to 1 the average picture
        """
        name = shared.known_model(context, model)
        frame = context.new_session().generate(name, shared.whole(seed, "the seed"), truncation)
        return to_pil(frame.image), frame.code

    @spoken
    def open_code(code: str) -> Image.Image:
        """Draw the scene of an edit code.

        Args:
            code: an edit code
        """
        return to_pil(context.new_session().open(code).image)

    @spoken
    def describe(code: str) -> dict[str, object]:
        """Tell what is in the scene of an edit code: every element with its number, name and geometry.

        Args:
            code: an edit code
        """
        return json.loads(scene_json(context, context.new_session().open(code)))

    model = [fields.model, fields.seed, fields.truncation]
    button.click(models, None, [fields.table], api_name="models")
    button.click(generate, model, [fields.image, fields.code], api_name="generate", **MODEL_EVENTS)
    button.click(open_code, [fields.code], [fields.image], api_name="open", **MODEL_EVENTS)
    button.click(describe, [fields.code], [fields.table], api_name="describe", **MODEL_EVENTS)


def _add_edits(context: Context, fields: Fields, button: gr.Button) -> None:
    @spoken
    def edit(code: str, edit_json: Any) -> tuple[Image.Image, str]:
        """Args:
        code: an edit code
        edit_json: an edit, or an array of 1 to 64
        """
        session = context.new_session()
        session.open(code)
        frame = session.edit(edit_json)
        return to_pil(frame.image), frame.code

    @spoken
    def complete(code: str, keep: Any, seed: float) -> tuple[Image.Image, str]:
        """Complete a layout: the elements of `keep` stay bit for bit, the model lays out the rest anew.

        Args:
            code: an edit code
            keep: numbers of the elements that stay
            seed: 0 to 4294967295, another one gives another answer
        """
        session, number = context.new_session(), shared.whole(seed, "the seed")
        boxes = session.open(code).scene.layout.kind == "boxes3d"
        if boxes:
            frame = session.vary("fill", number, keep or ())
        else:
            frame = session.edit({"op": "complete", "keep": keep or [], "seed": number})
        return to_pil(frame.image), frame.code

    @spoken
    def vary(code: str, kind: str, seed: float, keep: Any) -> tuple[Image.Image, str]:
        """Make another room that keeps a part of this one, for models with boxes in a room.

        Args:
            code: an edit code
            kind: fill (the elements of `keep` stay), restyle (the furniture stays), rehouse (the style stays)
            seed: 0 to 4294967295
            keep: numbers of the elements that stay
        """
        session = context.new_session()
        session.open(code)
        frame = session.vary(kind, shared.whole(seed, "the seed"), keep or ())
        return to_pil(frame.image), frame.code

    made = [fields.image, fields.code]
    manual = f"Apply an edit, or an array of 1 to 64, to the scene of an edit code.\n\n{edit_manual()}"
    inputs = [fields.code, fields.edit_json]
    button.click(edit, inputs, made, api_name="edit", api_description=manual, **MODEL_EVENTS)
    button.click(complete, [fields.code, fields.keep, fields.seed], made, api_name="complete", **MODEL_EVENTS)
    button.click(
        vary, [fields.code, fields.kind, fields.seed, fields.keep], made, api_name="vary", **MODEL_EVENTS
    )
