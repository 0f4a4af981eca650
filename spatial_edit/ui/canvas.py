"""The canvas: one `gr.HTML` with its own HTML, CSS and JavaScript, no build step.

Two roads lead to the server. While a gesture runs, the browser calls the server function `render_live` with
the state on the stage; the newest state wins. When it ends, the browser triggers `commit` with edit JSON;
the answer is a new value: what `scene_value` makes. The component is an output of events and never an
input, so that an old picture cannot come back as new state. Everything that a person or a link can name is
set with textContent in JavaScript: a template would execute it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import torch

from spatial_edit.layouts import Blobs, Boxes3D
from spatial_edit.layouts.boxes3d import LIGHTS, PLACEMENT, STYLES, style_row
from spatial_edit.session import Frame
from spatial_edit.ui import template
from spatial_edit.ui.pictures import data_url, display


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
        layout_kind=kind,
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
    can_undo: bool = False,
    can_redo: bool = False,
    stamp: int = 0,
    error: str = "",
    message: str = "",
) -> dict[str, object]:
    """What the canvas shows: picture, elements (blobs farthest first), what else the layout has, code.

    `why` is "open" (another scene), "fresh" (the first one: the address bar stays clean) or "commit" (the
    answer to the browser's request number `stamp`). `names` gives an element's word from its row. `error`
    is a sentence about a refused edit; the scene is then the unharmed one.
    """
    height = frame.image.shape[1]
    return {
        "why": why,
        "stamp": stamp,
        "code": frame.code,
        "kind": frame.scene.layout.kind,
        "model": frame.scene.model,
        "image": data_url(display(frame.image), quality=95),
        "elements": elements_of(frame, names),
        "world": world_of(frame),
        "can_undo": can_undo,
        "can_redo": can_redo,
        "message": message or " ".join(map(_sentence, frame.notes)),
        "error": error,
        "detail": f"{height} × {height} px",
    }


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + ("" if note.endswith((".", "!", "?")) else ".")


def empty_value(sentence: str) -> dict[str, object]:
    """A canvas without a scene that says why."""
    return {"why": "fresh", "stamp": 0, "code": "", "elements": [], "error": sentence}


def elements_of(frame: Frame, names: Callable[[int], str]) -> list[dict[str, object]]:
    """The frame's elements as plain values, blobs farthest first; ValueError for another kind of layout."""
    layout = frame.scene.layout
    if isinstance(layout, Boxes3D):
        return _boxes(layout)
    if isinstance(layout, Blobs):
        return _blobs(layout, names)
    raise ValueError(f"this canvas shows blobs and boxes, not {layout.kind}: choose another model")


def world_of(frame: Frame) -> dict[str, object]:
    """What a layout has besides elements: room, camera, surfaces and lights of boxes; nothing for blobs."""
    layout = frame.scene.layout
    if not isinstance(layout, Boxes3D):
        return {}
    return {name: getattr(layout, name).tolist() for name in ("room", "camera", "surfaces", "lights")}


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


def _blobs(layout: Blobs, names: Callable[[int], str]) -> list[dict[str, object]]:
    columns = zip(
        layout.ids,
        layout.rows,
        layout.centres.tolist(),
        layout.sizes.tolist(),
        layout.aspects.tolist(),
        layout.angles.tolist(),
        layout.hidden,
        layout.locked,
        strict=True,
    )
    return [
        {
            "id": number,
            "name": names(row),
            "x": centre[0],
            "y": centre[1],
            "size": size,
            "aspect": aspect,
            "angle": angle,
            "hidden": hidden,
            "locked": locked,
        }
        for number, row, centre, size, aspect, angle, hidden, locked in columns
    ]
