"""Opening a scene's file again: our JSON export, a whole scene, or a PNG that was saved here.

The file is hostile until checked. What comes back is a code; the browser opens it like any other.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from spatial_edit.layouts import strict_json
from spatial_edit.layouts.codec import MAX_JSON_CHARS, scene_from_json
from spatial_edit.session import resolve
from spatial_edit.ui.seeing.maps import MOST_CODE
from spatial_edit.ui.seeing.png_code import code_in, is_png

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

MAX_FILE_BYTES = 6_000_000
NO_SCENE = "this file holds no scene: use a scene (JSON) or a picture (PNG) that was saved here"


def opened_code(context: Context, payload: Any) -> str:
    """The code of the scene in `{"data": base64}`; ValueError with one sentence for anything else."""
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, str):
        raise ValueError("a file request needs data: reload the page")
    if len(data) > 4 * (MAX_FILE_BYTES + 2) // 3:
        raise ValueError(f"this file has more than {MAX_FILE_BYTES // 10**6} MB: it is no scene of ours")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the file came through damaged: try again") from error
    return _of_png(context, raw) if is_png(raw) else _of_json(context, raw)


def _of_png(context: Context, data: bytes) -> str:
    code = code_in(data)
    if not code:
        raise ValueError("this picture carries no scene: use a PNG or a scene (JSON) that was saved here")
    return _checked(context, code)


def _of_json(context: Context, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(NO_SCENE) from error
    if not text.lstrip().startswith("{"):
        raise ValueError(NO_SCENE)
    value = strict_json.parse(text, what="the scene file", max_chars=MAX_JSON_CHARS)
    if not isinstance(value, dict):
        raise ValueError(NO_SCENE)
    if "tensors" in value:  # a whole scene, as `scene_to_json` writes it
        return context.new_session().adopt(scene_from_json(text)).code
    code, whole = value.get("code"), value.get("scene")
    if not isinstance(code, str):
        raise ValueError(NO_SCENE)
    try:
        return _checked(context, code)
    except ValueError:  # of a parsed photo the export holds all, for the day when its entry is gone
        if not isinstance(whole, dict):
            raise
        return context.new_session().adopt(scene_from_json(json.dumps(whole))).code


def _checked(context: Context, code: str) -> str:
    """The code when it opens; what the person should know otherwise."""
    if not 0 < len(code) <= MOST_CODE:
        raise ValueError("the code in this file is empty or far too long: save the scene again")
    resolve(context.lookup, context.store, code, names=context.model_of_number)
    return code
