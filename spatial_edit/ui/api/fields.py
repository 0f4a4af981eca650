"""The invisible fields that give the API's endpoints their types and words.

A field's schema is what gradio_client's `view_api`, the page's API view and MCP clients show. Fields are
checked by the handlers and not by Gradio, so that a wrong value is one sentence everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gradio as gr

from spatial_edit.films import KINDS
from spatial_edit.layouts.points import MAX_PAIRS
from spatial_edit.ui.context import Context
from spatial_edit.ui.photos.batch import EFFORTS
from spatial_edit.ui.seeing.maps import MAPS

SEED = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
EDITS = {"type": "array", "items": {"type": "object"}}
CODES = {"type": "array", "items": {"type": "string"}}
_PLACE = {"type": "number", "minimum": 0, "maximum": 1}
_PLACES = ("x", "y", "to_x", "to_y")
POINTS = {
    "type": "array",
    "maxItems": MAX_PAIRS,
    "items": {"type": "object", "properties": dict.fromkeys(_PLACES, _PLACE), "required": [*_PLACES]},
}
POINTS_WORDS = f"1 to {MAX_PAIRS} pairs of a handle x, y and its target to_x, to_y, in 0 to 1 of the picture"
CODE = "an edit code: what a link carries after ?e=, or s: and what it carries after ?s="
VARY = ("fill", "restyle", "rehouse")
VARIATIONS = ("appearance", "restyle", "complete", "relayout", "fill", "rehouse")


def described(component: Any, words: str, schema: dict[str, Any] | None = None) -> Any:
    """The component with a schema (its own unless given) and words for clients."""
    told = {**(schema or component.api_info()), "additional_description": words, "description": words}
    component.api_info_as_input = component.api_info_as_output = lambda: told
    return component


def choice(label: str, names: Iterable[str], words: str) -> Any:
    """One of some names; another one is refused by the handler. `names` are read whenever somebody asks."""
    field = gr.Textbox(next(iter(names), ""), label=label)

    def told() -> dict[str, Any]:
        return {"type": "string", "enum": list(names), "additional_description": words, "description": words}

    for name in ("api_info_as_input", "api_info_as_output"):
        setattr(field, name, told)
    return field


class Fields:
    """One field a parameter or result, shared by the endpoints; made within a `gr.Blocks`."""

    def __init__(self, context: Context) -> None:
        self.model = choice("model", context.models, "name of a model, see /models")
        self.seed = described(gr.Number(context.first_seed, label="seed"), "which random scene", SEED)
        self.truncation = described(
            gr.Number(0, label="truncation"), "0 full variety to 1 the average picture", SHARE
        )
        self.code = described(gr.Textbox(label="code"), CODE)
        self.before = described(gr.Textbox("", label="before"), "difference: the code to compare with")
        self.edit_json = described(
            gr.JSON(label="edit_json"), "an edit, or an array of 1 to 64, see the description", EDITS
        )
        self.kind = choice("kind", VARY, "what is made anew")
        self.variation = choice("kind", VARIATIONS, "what is made anew; fill and rehouse: of boxes alone")
        self.keep = described(gr.JSON([], label="keep"), "numbers of elements", NUMBERS)
        self.points = described(gr.JSON(label="points"), POINTS_WORDS, POINTS)
        self.mask = described(
            gr.Textbox("", label="mask"), "64 x 64 bits in base64, 1 may change; empty: all may"
        )
        self.options = described(gr.JSON({}, label="options"), "see the description", {"type": "object"})
        self.what = choice("what", MAPS, "which map")
        self.target = described(
            gr.Number(None, label="target"), "opacity: of this element alone", {"type": "integer"}
        )
        self.codes = described(gr.JSON(label="codes"), "2 to 64 codes, the first step first", CODES)
        self.format = choice("format", tuple(KINDS), "of the film")
        self.photo = described(gr.File(label="photo", type="filepath"), "an image file")
        photos = gr.File(label="photos", file_count="multiple", type="filepath")
        self.photos = described(photos, "image files")
        self.effort = choice("effort", EFFORTS, "encode is quick, refine and tune come closer")
        self.image = gr.Image(label="image", format="png", type="pil")
        self.images = gr.Gallery(label="images", format="png", type="pil")
        self.film = gr.File(label="film")
        self.text, self.note = gr.Textbox(label="text"), gr.Textbox(label="note")
        self.table = gr.JSON(label="table")
