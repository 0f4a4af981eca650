"""Files to take along: the picture, the blob map, the scene."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from spatial_edit.images import to_png_bytes
from spatial_edit.layouts import Blobs
from spatial_edit.session import Frame
from spatial_edit.ui.canvas import elements_of
from spatial_edit.ui.pictures import blob_map, display

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context


def scene_file(context: Context, payload: Any) -> dict[str, object]:
    """`{"name", "data"}` (a data URL) of `{"what": picture, map or scene, "code"}`; ValueError when it
    cannot be made.
    """
    if not isinstance(payload, dict):
        raise ValueError("a file request must be an object: reload the page")
    what, code = payload.get("what"), payload.get("code")
    if what not in ("picture", "map", "scene") or not isinstance(code, str):
        raise ValueError("a file request needs what (picture, map or scene) and code: reload the page")
    frame = context.new_session().open(code)
    scene = frame.scene
    stem = f"{scene.model}-{scene.latent.seed if scene.provenance.kind == 'seed' else 'photo'}"
    if what == "picture":
        return _file(f"{stem}.png", "image/png", to_png_bytes(display(frame.image)))
    if what == "map":
        return _file(f"{stem}-blobs.png", "image/png", to_png_bytes(map_of(frame)))
    return _file(f"{stem}.json", "application/json", scene_json(context, frame).encode())


def map_of(frame: Frame) -> Any:
    """The frame's blob map, a PIL picture; ValueError for another kind of layout."""
    if not isinstance(frame.scene.layout, Blobs):
        raise ValueError(f"there is no blob map of {frame.scene.layout.kind}")
    return blob_map(frame.scene.layout)


def scene_json(context: Context, frame: Frame) -> str:
    """The scene as text: what it was made from, its code, and every element's geometry."""
    scene = frame.scene
    from_seed = scene.provenance.kind == "seed"
    value = {
        "model": scene.model,
        "weights": scene.weights,
        "seed": scene.latent.seed if from_seed else None,
        "truncation": scene.latent.truncation if from_seed else None,
        "made_from": scene.provenance.kind,
        "code": frame.code,
        "elements": elements_of(frame, context.row_names(scene.model)),
    }
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _file(name: str, kind: str, data: bytes) -> dict[str, object]:
    return {"name": name, "data": f"data:{kind};base64,{base64.b64encode(data).decode()}"}
