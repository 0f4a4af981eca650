"""The canvas: one `gr.HTML` with its own HTML, CSS and JavaScript, no build step.

Two roads lead to the server. While a gesture runs, the browser calls the server function `render_live` with
the state on the stage; the newest state wins. When it ends, the browser triggers `commit` with edit JSON;
the answer is a new value: what `scene_value` makes. The component is an output of events and never an
input, so that an old picture cannot come back as new state. Everything that a person or a link can name is
set with textContent in JavaScript: a template would execute it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from spatial_edit.layouts import Blobs, Boxes, Boxes3D, Colour, Source
from spatial_edit.layouts.boxes3d import LIGHTS, PLACEMENT, STYLES, style_row
from spatial_edit.layouts.guard_codec import mask_to_text
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.kinds_codec import Plain
from spatial_edit.session import Frame, Step, Timeline
from spatial_edit.share import is_bare
from spatial_edit.ui import template
from spatial_edit.ui.kind_values import plain_elements, plain_world
from spatial_edit.ui.pictures import data_url, display

BARE = "bare"  # what the browser calls the kind of models without a layout


def layout_canvas(
    server_functions: list[Callable[..., Any]],
    *,
    kind: str,
    live_mode: str,
    depth: int,
    space_url: str,
    elem_id: str,
) -> gr.HTML:
    """Blobs as ellipses over the picture, or boxes as wireframes with a plan and a panel beside it.

    `kind` is the layout's kind that the page is laid out for until the first scene comes.

    `live_mode` is "live", or "release" to ask for a picture only when a gesture ends; `depth` is how many
    live requests may be on their way (1 .. 3); `space_url` is the base of links on a Space, "" elsewhere.
    A function and not a subclass: for a subclass Gradio writes a .pyi file beside the module.
    """
    return gr.HTML(
        html_template=template.page(),
        css_template=template.style(),
        js_on_load=template.script(),
        apply_default_css=False,
        elem_id=elem_id,
        server_functions=server_functions,
        layout_kind=kind or BARE,
        furniture=PLACEMENT,
        styles=STYLES,
        lights=LIGHTS,
        live_mode=live_mode,
        depth=depth,
        space_url=space_url,
    )


def scene_value(
    frame: Frame,
    names: Callable[[int], str],
    *,
    why: str,
    edits: Sequence[str] = (),
    classes: Sequence[str] = (),
    timeline: Timeline | None = None,
    can_undo: bool = False,
    can_redo: bool = False,
    stamp: int = 0,
    error: str = "",
    message: str = "",
    no_drag: str = "",
    key: str = "",
) -> dict[str, object]:
    """What the canvas shows: picture, elements (blobs farthest first), what else the layout has, code.

    `why` is "open" (another scene), "fresh" (the first one: the address bar stays clean) or "commit" (the
    answer to the browser's request number `stamp`). `names` gives an element's word from its row. `error`
    is a sentence about a refused edit; the scene is then the unharmed one. `edits` are the ops of looks and
    of whole scenes that the model knows, `classes` what labelled boxes may be. `no_drag` says why its points
    cannot be dragged; `key` deletes the entry of the store that this commit has made.
    """
    height, width = frame.image.shape[1:]
    return {
        "why": why,
        "stamp": stamp,
        "code": frame.code,
        "kind": frame.scene.layout.kind or BARE,
        "model": frame.scene.model,
        "image": data_url(display(frame.image), quality=95),
        "elements": elements_of(frame, names),
        "world": world_of(frame) | _facts(frame, names, edits, classes),
        "history": history_of(timeline),
        "can_undo": can_undo,
        "can_redo": can_redo,
        "message": message or " ".join(map(_sentence, frame.notes)),
        "error": error,
        "no_drag": no_drag,
        "key": key,
        "detail": f"{width} × {height} px",
        "aspect": width / height,
    }


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + ("" if note.endswith((".", "!", "?")) else ".")


def empty_value(sentence: str) -> dict[str, object]:
    """A canvas without a scene that says why."""
    return {"why": "fresh", "stamp": 0, "code": "", "elements": [], "error": sentence}


def elements_of(frame: Frame, names: Callable[[int], str]) -> list[dict[str, object]]:
    """The frame's elements as plain values, blobs farthest first, none where there is no layout.

    ValueError for another kind."""
    layout = frame.scene.layout
    if isinstance(layout, Boxes3D):
        return _boxes(layout)
    if isinstance(layout, Blobs):
        return _blobs(frame, layout, names)
    if isinstance(layout, Plain):
        return plain_elements(layout, names)
    if is_bare(layout):
        return []
    raise ValueError(f"this canvas does not show {layout.kind or 'such a scene'}: choose another model")


def world_of(frame: Frame) -> dict[str, object]:
    """What a layout has besides elements: room, camera, surfaces and lights of boxes; of blobs what their
    backdrop and surfaces are taken from; and the protect mask in base64, None without one."""
    layout, guard = frame.scene.layout, frame.scene.guard
    protected: dict[str, object] = {"guard": mask_to_text(guard.mask) if guard else None}
    if isinstance(layout, Boxes3D):
        return {n: getattr(layout, n).tolist() for n in ("room", "camera", "surfaces", "lights")} | protected
    if isinstance(layout, Plain):
        return plain_world(layout) | protected
    if not isinstance(layout, Blobs):
        return protected
    backdrop = layout.backdrop
    return {
        "backdrop": {"seed": backdrop.seed, "share": backdrop.share} if backdrop else None,
        "surfaces": [hexadecimal(colour) for colour in layout.surfaces],
        **protected,
    }


def _facts(
    frame: Frame, names: Callable[[int], str], edits: Sequence[str], classes: Sequence[str]
) -> dict[str, object]:
    """What the panel beside blobs or heatmaps needs to know of their scene and model; the classes of labelled
    boxes."""
    scene = frame.scene
    if isinstance(scene.layout, Boxes):
        return {"classes": list(classes)}
    if isinstance(scene.layout, Heatmaps):
        return {"can": [*edits, "protect", "unprotect"]}
    if not isinstance(scene.layout, Blobs):
        return {}
    return {
        "paints": [hexadecimal(colour) for colour in (frame.paints.surfaces if frame.paints else ())],
        "rows": [names(row) for row in range(len(scene.latent.rows))],
        "seed": scene.latent.seed,
        "truncation": scene.latent.truncation,
        "from_photo": scene.provenance.kind == "photo",
        "can": [*edits, "protect", "unprotect"],
    }


def history_of(timeline: Timeline | None) -> dict[str, object]:
    """The history for a strip: a key for every step, equal for equal codes, and its label."""
    if timeline is None:
        return {"steps": [], "present": -1, "branches": []}
    return {
        "steps": [_step(step) for step in timeline.steps],
        "present": timeline.present,
        "branches": [_step(step) for step in timeline.branches],
    }


def _step(step: Step) -> dict[str, str]:
    return {"key": hashlib.sha256(step.code.encode()).hexdigest()[:12], "label": step.label}


def hexadecimal(colour: Colour | None) -> str | None:
    """ "#rrggbb", None for no colour."""
    return None if colour is None else "#{:02x}{:02x}{:02x}".format(*colour)


def _boxes(layout: Boxes3D) -> list[dict[str, object]]:
    geometry = torch.cat([layout.centres, layout.halves], -1).tolist()  # (K, 6)
    return [
        {
            "id": number,
            "name": layout.classes[k],
            **dict(zip(("x", "y", "z", "hx", "hy", "hz"), geometry[k], strict=True)),
            "facing": layout.facings[k],
            "colour": layout.colours[k].tolist(),
            "style": style_of(layout.classes[k], layout.rows[k]),
            "hidden": layout.hidden[k],
            "locked": layout.locked[k],
        }
        for k, number in enumerate(layout.ids)
    ]


def style_of(name: str, row: int) -> int:
    """Which style of the bank a row is, 0 .. STYLES - 1; -1 for one of the scene's own or another class's."""
    variant = row - style_row(name, 0)
    return variant if 0 <= variant < STYLES else -1


def _blobs(frame: Frame, layout: Blobs, names: Callable[[int], str]) -> list[dict[str, object]]:
    centres = layout.centres.tolist()
    geometry = torch.stack([layout.sizes, layout.aspects, layout.angles], -1).tolist()  # (K, 3)
    paints = frame.paints.elements if frame.paints else [_seen_at(frame.image, *place) for place in centres]
    return [
        {
            "id": number,
            "name": names(layout.rows[k]),
            **dict(zip(("x", "y", "size", "aspect", "angle"), (*centres[k], *geometry[k]), strict=True)),
            "hidden": layout.hidden[k],
            "locked": layout.locked[k],
            "opacity": layout.opacities[k],
            "row": layout.rows[k],
            "source": _source(layout.sources[k]),
            "colour": hexadecimal(layout.colours[k]),
            "paint": hexadecimal(paints[k]),
        }
        for k, number in enumerate(layout.ids)
    ]


def _source(source: Source | None) -> dict[str, object] | None:
    return {"seed": source.seed, "row": source.row, "share": source.share} if source else None


def _seen_at(image: Tensor, x: float, y: float) -> Colour:
    """The picture's colour at a place, for a model that does not tell what it paints with."""
    side = image.shape[-1]
    column, row = (min(side - 1, max(0, int(value * side))) for value in (x, y))
    red, green, blue = ((image[:, row, column].clamp(-1, 1) + 1) * 127.5).round().int().tolist()
    return red, green, blue
