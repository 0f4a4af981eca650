"""Layouts and scenes as JSON, and scenes as bytes for the store.
 A scene's document is a JSON object; its tensors (`rows`, `background`, `delta.0`, ...) lie beside it: in
base64 within the JSON export, or as a safetensors file whose metadata holds the document. Both forms give
every bit back. Whatever is read is hostile until checked: sizes, counts, types, ranges, finite values;
nothing is unpickled.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from spatial_edit.layouts import strict_json
from spatial_edit.layouts.blobs import Blobs
from spatial_edit.layouts.blobs_codec import blobs_from_json, blobs_to_json
from spatial_edit.layouts.boxes3d import Boxes3D
from spatial_edit.layouts.boxes3d_codec import boxes3d_from_json, boxes3d_to_json
from spatial_edit.layouts.guard_codec import mask_from_text, mask_to_text
from spatial_edit.layouts.kinds_codec import PLAIN_KINDS, Plain, plain_from_json, plain_to_json
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.scene import Guard, Latent, Provenance, Scene
from spatial_edit.layouts.strict_json import JsonError, array, integer, number, record, text

MAX_SCENE_BYTES = 4_000_000
MAX_DOCUMENT_CHARS = 64_000
MAX_JSON_CHARS = 6_000_000  # 4 MB in base64 and the document
MAX_ROWS, MAX_ROW_SIZE, MAX_BACKGROUND, MAX_DELTA = 256, 4096, 65_536, 256
MAX_SIDES = 5  # of a tensor: the weights of published convolutions have a leading 1

_DTYPES = {"F16": (torch.float16, "<f2"), "F32": (torch.float32, "<f4")}
_SCENE = ("format", "model", "weights", "seed", "truncation", "provenance", "layout", "delta")
_FORMAT = "spatial-edit scene 1"
_NO_LAYOUT = {"kind": "none"}  # of models that have nothing to move


class SceneError(ValueError):
    """A scene that cannot be written or read; the message is one sentence for the user."""


def layout_to_json(layout: Layout) -> dict[str, object]:
    """The layout as plain values, see blobs_codec.py, boxes3d_codec.py and kinds_codec.py; SceneError for a
    kind that has no JSON."""
    if isinstance(layout, Boxes3D):
        return boxes3d_to_json(layout)
    if isinstance(layout, Plain):
        return plain_to_json(layout)
    if type(layout) is Layout:
        return dict(_NO_LAYOUT)
    if not isinstance(layout, Blobs):
        raise SceneError(f"a layout of kind {layout.kind!r} cannot be stored: choose another model")
    return blobs_to_json(layout)


def layout_from_json(value: object) -> Layout:
    """The layout of `layout_to_json`, bit for bit (blobs farthest first); JsonError with one sentence when it
    is not exact."""
    if isinstance(value, dict) and value.get("kind") == Boxes3D.kind:
        return boxes3d_from_json(value)
    if isinstance(value, dict) and value.get("kind") in PLAIN_KINDS:
        return plain_from_json(value)
    if value == _NO_LAYOUT:
        return Layout()
    return blobs_from_json(value)


def scene_to_json(scene: Scene) -> str:
    """The whole scene as one JSON text, tensors in base64; SceneError when it is over 4 MB or not finite."""
    document = _document(scene)
    document["tensors"] = {
        name: {
            "dtype": "F16" if tensor.dtype == torch.float16 else "F32",
            "shape": list(tensor.shape),
            "data": base64.b64encode(_raw(tensor)).decode(),
        }
        for name, tensor in _tensors(scene).items()
    }
    return json.dumps(document, allow_nan=False)


def scene_from_json(source: str) -> Scene:
    """The scene of `scene_to_json`, bit for bit; SceneError with one sentence when anything is not exact."""
    try:
        value = strict_json.parse(source, what="the scene file", max_chars=MAX_JSON_CHARS)
        given = dict(record(value, "the scene", (*_SCENE, "tensors"), ("guard",)))
        listed = given.pop("tensors")
        if not isinstance(listed, dict) or len(listed) > MAX_DELTA + 2:
            raise JsonError(f"the scene's tensors must be a JSON object of at most {MAX_DELTA + 2}")
        return _assemble(given, {name: _tensor(name, item) for name, item in listed.items()})
    except JsonError as error:
        raise SceneError(str(error)) from error


def scene_to_bytes(scene: Scene) -> bytes:
    """The scene as a safetensors file; SceneError when it is over 4 MB or not finite."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(scene).items()}
    data = save(tensors, {"scene": json.dumps(_document(scene), allow_nan=False)})
    if len(data) > MAX_SCENE_BYTES:
        raise SceneError(
            f"the scene has {len(data)} bytes, at most {MAX_SCENE_BYTES} are stored: use a lower effort"
        )
    return data


def scene_from_bytes(data: bytes) -> Scene:
    """The scene of `scene_to_bytes`, bit for bit; SceneError with one sentence for anything else."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not 10 <= len(data) <= MAX_SCENE_BYTES:
        raise SceneError(f"a stored scene has 10 to {MAX_SCENE_BYTES} bytes, this one has {len(data)}")
    length = int.from_bytes(data[:8], "little")
    if length > min(2 * MAX_DOCUMENT_CHARS, len(data) - 8):
        raise SceneError("the stored scene is damaged: its header is longer than the file or than is allowed")
    try:
        header = strict_json.parse(data[8 : 8 + length].decode(), what="the stored scene's header")
        metadata = header.get("__metadata__") if isinstance(header, dict) else None
        source = metadata.get("scene") if isinstance(metadata, dict) else None
        if not isinstance(source, str) or not isinstance(header, dict) or len(header) > MAX_DELTA + 3:
            raise JsonError("the stored scene is damaged: its document is missing")
        _check_header(header)
        document = strict_json.parse(source, what="the scene's document", max_chars=MAX_DOCUMENT_CHARS)
        return _assemble(dict(record(document, "the scene", _SCENE, ("guard",))), load(data))
    except JsonError as error:
        raise SceneError(str(error)) from error
    except (SafetensorError, UnicodeDecodeError) as error:
        raise SceneError("the stored scene is damaged: it is no safetensors file") from error


def _check_header(header: Mapping[str, object]) -> None:
    """Only float16 and float32 tensors of at most 4 axes reach the library that loads them."""
    for name, entry in header.items():
        if name != "__metadata__":
            given = record(entry, "a tensor's entry", ("dtype", "shape", "data_offsets"))
            text(given["dtype"], "a tensor's dtype", "F16|F32")
            _shape(given["shape"])


def _document(scene: Scene) -> dict[str, object]:
    provenance, guard = scene.provenance, scene.guard
    document: dict[str, object] = {
        "format": _FORMAT,
        "model": scene.model,
        "weights": scene.weights,
        "seed": scene.latent.seed,
        "truncation": scene.latent.truncation,
        "provenance": {"kind": provenance.kind, "photo": provenance.photo, "effort": provenance.effort},
        "layout": layout_to_json(scene.layout),
        "delta": [name for name, _ in scene.delta],
    }
    if guard is not None:
        document["guard"] = {
            "mask": mask_to_text(guard.mask),
            "layout": layout_to_json(guard.layout),
            "seed": guard.seed,
            "truncation": guard.truncation,
        }
    return document


def _guard(value: object, layout: Layout, rows: int) -> Guard:
    given = record(value, "the scene's guard", ("mask", "layout", "seed", "truncation"))
    shown = layout_from_json(given["layout"])
    if type(shown) is not type(layout) or type(shown) is Layout:
        raise JsonError(f"the guard's layout is of kind {shown.kind}, the scene's of kind {layout.kind}")
    _check_rows(shown, rows)
    return Guard(
        mask=mask_from_text(given["mask"], "the guard's mask"),
        layout=shown,
        seed=integer(given["seed"], "the guard's seed", 0, 2**32 - 1),
        truncation=number(given["truncation"], "the guard's truncation", 0.0, 1.0),
    )


def _check_rows(layout: Layout, rows: int) -> None:
    """JsonError when the layout names a row of this scene that is not there."""
    if not isinstance(layout, Blobs | Boxes3D):
        return
    named = [*layout.rows]
    if isinstance(layout, Blobs):
        named += [source.row for source in layout.sources if source is not None and source.seed is None]
    if max(named, default=0) >= rows:
        raise JsonError(f"the layout names row {max(named)}, the scene has {rows} rows")


def _tensors(scene: Scene) -> dict[str, Tensor]:
    """The scene's tensors by their names in the file, checked as they will be when they are read."""
    tensors = {"rows": scene.latent.rows, "background": scene.latent.background}
    tensors |= {f"delta.{i}": tensor for i, (_, tensor) in enumerate(scene.delta)}
    _check_tensors(tensors, len(scene.delta))
    return tensors


def _assemble(document: dict[str, object], tensors: dict[str, Tensor]) -> Scene:
    """The scene of a checked document and its tensors; JsonError or SceneError when they do not fit."""
    text(document["format"], "the scene's format", _FORMAT)
    names = array(document["delta"], "the scene's delta", MAX_DELTA)
    delta = [text(name, "a name in the scene's delta", r"[A-Za-z0-9_.]{1,200}") for name in names]
    if len(set(delta)) != len(delta):
        raise JsonError("a name in the scene's delta is given twice: give it once")
    _check_tensors(tensors, len(delta))
    layout = layout_from_json(document["layout"])
    rows = len(tensors["rows"])
    _check_rows(layout, rows)
    origin = record(document["provenance"], "the scene's provenance", ("kind", "photo", "effort"))
    provenance = Provenance(
        text(origin["kind"], "the provenance's kind", "seed|photo|drag"),
        text(origin["photo"], "the provenance's photo", "([0-9a-f]{64})?"),
        text(origin["effort"], "the provenance's effort", "[a-z]{0,16}"),
    )
    latent = Latent(
        seed=integer(document["seed"], "the scene's seed", 0, 2**32 - 1),
        truncation=number(document["truncation"], "the scene's truncation", 0.0, 1.0),
        rows=tensors["rows"],
        background=tensors["background"],
    )
    return Scene(
        model=text(document["model"], "the scene's model", "[a-z0-9][a-z0-9_.-]{0,63}"),
        weights=text(document["weights"], "the scene's weights", "[0-9a-f]{8,64}"),
        layout=layout,
        latent=latent,
        provenance=provenance,
        delta=tuple((name, tensors[f"delta.{i}"]) for i, name in enumerate(delta)),
        guard=_guard(document["guard"], layout, rows) if "guard" in document else None,
    )


def _check_tensors(tensors: Mapping[str, Tensor], deltas: int) -> None:
    wanted = {"rows", "background", *(f"delta.{i}" for i in range(deltas))}
    if set(tensors) != wanted:
        raise SceneError("the scene's tensors are not rows, background and one for every name of its delta")
    rows, background = tensors["rows"], tensors["background"]
    if rows.dim() != 2 or not (1 <= rows.shape[0] <= MAX_ROWS and 1 <= rows.shape[1] <= MAX_ROW_SIZE):
        raise SceneError(
            f"the scene's rows have shape {tuple(rows.shape)}, at most ({MAX_ROWS}, {MAX_ROW_SIZE}) is read"
        )
    if background.dim() != 1 or len(background) > MAX_BACKGROUND:
        raise SceneError(f"the scene's background has shape {tuple(background.shape)}, it must be one vector")
    for name, tensor in tensors.items():
        if tensor.dtype not in (
            (torch.float16, torch.float32) if name.startswith("delta.") else (torch.float32,)
        ):
            raise SceneError(
                f"the scene's {name} is {tensor.dtype}, it must be float32 (or float16 in a delta)"
            )
        if not bool(torch.isfinite(tensor).all()):
            raise SceneError(f"the scene's {name} holds a value that is not finite")
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > MAX_SCENE_BYTES:
        raise SceneError(f"the scene's tensors are over {MAX_SCENE_BYTES} bytes: use a lower effort")


def _shape(value: object) -> tuple[int, ...]:
    return tuple(
        integer(side, "a side of a tensor", 0, MAX_SCENE_BYTES) for side in array(value, "a shape", MAX_SIDES)
    )


def _raw(tensor: Tensor) -> bytes:
    little = "<f2" if tensor.dtype == torch.float16 else "<f4"
    return tensor.detach().cpu().contiguous().numpy().astype(little, copy=False).tobytes()


def _tensor(name: str, value: object) -> Tensor:
    given = record(value, "a tensor of the scene", ("dtype", "shape", "data"))
    dtype, numpy_name = _DTYPES[text(given["dtype"], "a tensor's dtype", "F16|F32")]
    shape = _shape(given["shape"])
    if not isinstance(given["data"], str):
        raise JsonError("a tensor's data must be base64 text")
    try:
        data = base64.b64decode(given["data"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError("a tensor's data is not base64: export the scene again") from error
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise JsonError(
            f"a tensor of shape {list(shape)} has {len(data)} bytes of data: export the scene again"
        )
    return torch.from_numpy(np.frombuffer(data, numpy_name).reshape(shape).astype(numpy_name[1:], copy=True))
