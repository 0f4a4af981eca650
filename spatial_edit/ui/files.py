"""Files to take along: the picture (which carries the scene's code), the maps, the scene."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from spatial_edit.images import to_png_bytes
from spatial_edit.layouts import Blobs, Boxes3D
from spatial_edit.layouts.codec import scene_to_json
from spatial_edit.layouts.kinds_codec import is_plain
from spatial_edit.layouts.overlays import overlay_map
from spatial_edit.session import Frame
from spatial_edit.ui.box_map import box_map
from spatial_edit.ui.canvas import elements_of, world_of
from spatial_edit.ui.pictures import blob_map, display
from spatial_edit.ui.seeing.maps import MAPS, seen_map
from spatial_edit.ui.seeing.png_code import with_code

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

FILES = ("picture", "map", "scene", *MAPS)


def scene_file(context: Context, payload: Any) -> dict[str, object]:
    """`{"name", "data"}` (a data URL) of `{"what": one of FILES, "code"}`, for the maps of maps.py what they
    need besides; ValueError when it cannot be made.
    """
    if not isinstance(payload, dict):
        raise ValueError("a file request must be an object: reload the page")
    what, code = payload.get("what"), payload.get("code")
    if what not in FILES or not isinstance(code, str):
        raise ValueError("a file request needs what (picture, map or scene) and code: reload the page")
    frame = context.new_session().open(code)
    scene = frame.scene
    made_from = scene.provenance.kind
    stem = f"{scene.model}-{scene.latent.seed if made_from == 'seed' else made_from}"
    if what == "picture":
        return _file(f"{stem}.png", "image/png", with_code(to_png_bytes(display(frame.image)), frame.code))
    if what in MAPS:
        return _file(f"{stem}-{what}.png", "image/png", to_png_bytes(seen_map(context, payload).file()))
    if what == "map":
        words = "boxes" if isinstance(scene.layout, Boxes3D) else scene.layout.kind
        return _file(f"{stem}-{words}.png", "image/png", to_png_bytes(map_of(frame)))
    return _file(f"{stem}.json", "application/json", scene_json(context, frame).encode())


def map_of(frame: Frame) -> Any:
    """The map of the frame's blobs or boxes, a PIL picture; ValueError for another kind of layout."""
    layout = frame.scene.layout
    if isinstance(layout, Boxes3D):
        return box_map(layout)
    if isinstance(layout, Blobs):
        return blob_map(layout)
    if is_plain(layout):
        return overlay_map(layout, 512)
    raise ValueError(f"there is no map of a picture by {frame.scene.model}: it has no layout")


def scene_json(context: Context, frame: Frame) -> str:
    """The scene as text: what it was made from, its code, and every element's geometry; of boxes the room,
    camera, surfaces and lights too, and of a parsed photo all that it takes to draw it again."""
    scene = frame.scene
    from_seed = scene.provenance.kind == "seed"
    value = {
        "model": scene.model,
        "weights": scene.weights,
        "seed": scene.latent.seed if from_seed else None,
        "truncation": scene.latent.truncation if from_seed else None,
        "made_from": scene.provenance.kind,
        "code": frame.code,
        **world_of(frame),
        "elements": elements_of(frame, context.row_names(scene.model)),
    }
    if not from_seed:  # a parsed photo's code names an entry of the store, which may be gone one day
        value["scene"] = json.loads(scene_to_json(scene))
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _file(name: str, kind: str, data: bytes) -> dict[str, object]:
    return {"name": name, "data": f"data:{kind};base64,{base64.b64encode(data).decode()}"}
