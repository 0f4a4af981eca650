"""The canvas: one `gr.HTML` with its own HTML, CSS and JavaScript, no build step.

Two roads lead to the server. While a gesture runs, the browser calls the server function `render_live` with
the state on the stage; the newest state wins. When it ends, the browser triggers `commit` with edit JSON;
the answer is a new value: what `scene_value` makes. The component is an output of events and never an
input, so that an old picture cannot come back as new state. Everything that a person or a link can name is
set with textContent in JavaScript: a template would execute it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from spatial_edit.layouts import Blobs
from spatial_edit.session import Frame
from spatial_edit.ui.pictures import data_url, display

_FOLDER = Path(__file__).parent
_SCRIPTS = ("canvas_state.js", "canvas_draw.js", "canvas_blobs.js", "canvas_input.js")


@cache
def _text(*names: str) -> str:
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


def blob_canvas(
    server_functions: list[Callable[..., Any]], *, live_mode: str, depth: int, space_url: str, elem_id: str
) -> gr.HTML:
    """Blobs as ellipses over the picture.

    `live_mode` is "live", or "release" to ask for a picture only when a gesture ends; `depth` is how many
    live requests may be on their way (1 .. 3); `space_url` is the base of links on a Space, "" elsewhere.
    A function and not a subclass: for a subclass Gradio writes a .pyi file beside the module.
    """
    return gr.HTML(
        html_template=_text("canvas.html"),
        css_template=_text("canvas.css"),
        js_on_load=_text(*_SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        server_functions=server_functions,
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
    """What the canvas shows: picture, elements (farthest first), code.

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
        "can_undo": can_undo,
        "can_redo": can_redo,
        "message": message or " ".join(frame.notes),
        "error": error,
        "detail": f"{height} × {height} px",
    }


def empty_value(sentence: str) -> dict[str, object]:
    """A canvas without a scene that says why."""
    return {"why": "fresh", "stamp": 0, "code": "", "elements": [], "error": sentence}


def elements_of(frame: Frame, names: Callable[[int], str]) -> list[dict[str, object]]:
    """The frame's elements, farthest first, as plain values; ValueError for another kind of layout."""
    layout = frame.scene.layout
    if not isinstance(layout, Blobs):
        raise ValueError(f"this canvas shows blobs, not {layout.kind}: choose another model")
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
