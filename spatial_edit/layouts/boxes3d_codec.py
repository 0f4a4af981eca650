"""Boxes3D as JSON, bit for bit: the part of the codec that knows rooms, cameras and boxes.

    {"kind": "boxes3d",
     "room": {"width", "depth", "height"},
     "camera": {"x", "y", "z", "yaw", "pitch", "fov"},
     "surfaces": {"floor": [r, g, b], "ceiling": ..., "back wall": ..., "left wall": ..., "right wall": ...},
     "lights": {"key_x": ..., one for each name of LIGHTS},
     "elements": [{"id", "row", "class", "facing", "x", "y", "z", "hx", "hy", "hz", "r", "g", "b",
                   "hidden", "locked"}, ...]}

Metres, radians and display colours 0..1, as in `Boxes3D`. What is read is hostile until checked: keys, types,
counts, finite values within their ranges. Whether boxes lie in the room is not checked here: a sampled
scene may be imperfect, and it is the edits that refuse to make it worse (edits/boxes3d.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from spatial_edit.layouts.boxes3d import (
    CAMERA_RANGE,
    CENTRE_RANGE_3D,
    CLASSES,
    FACINGS,
    HALF_RANGE,
    LIGHT_RANGE,
    LIGHTS,
    MAX_BOXES,
    ROOM_RANGE,
    SURFACES,
    Boxes3D,
)
from spatial_edit.layouts.strict_json import JsonError, array, flag, integer, number, record, show, widened

ROOM = ("width", "depth", "height")
CAMERA = ("x", "y", "z", "yaw", "pitch", "fov")
GEOMETRY = ("x", "y", "z", "hx", "hy", "hz", "r", "g", "b")
GEOMETRY_RANGES = ((CENTRE_RANGE_3D,) * 3) + ((HALF_RANGE,) * 3) + (((0.0, 1.0),) * 3)
MAX_NUMBER = 255  # of an id or a row

_ELEMENT = ("id", "row", "class", "facing", *GEOMETRY, "hidden", "locked")


def boxes3d_to_json(layout: Boxes3D) -> dict[str, object]:
    """The layout as plain values, see the module's table."""
    geometry = torch.cat([layout.centres, layout.halves, layout.colours], -1).detach().tolist()  # (K, 9)
    elements = [
        {
            "id": layout.ids[k],
            "row": layout.rows[k],
            "class": layout.classes[k],
            "facing": layout.facings[k],
            **dict(zip(GEOMETRY, values, strict=True)),
            "hidden": layout.hidden[k],
            "locked": layout.locked[k],
        }
        for k, values in enumerate(geometry)
    ]
    return {"kind": Boxes3D.kind, **shell_to_json(layout), "elements": elements}


def shell_to_json(layout: Boxes3D) -> dict[str, object]:
    """Room, camera, surfaces and lights alone."""
    return {
        "room": dict(zip(ROOM, layout.room.tolist(), strict=True)),
        "camera": dict(zip(CAMERA, layout.camera.tolist(), strict=True)),
        "surfaces": dict(zip(SURFACES, layout.surfaces.tolist(), strict=True)),
        "lights": dict(zip(LIGHTS, layout.lights.tolist(), strict=True)),
    }


def boxes3d_from_json(value: object) -> Boxes3D:
    """The layout of `boxes3d_to_json`, bit for bit; JsonError with one sentence when it is not exact."""
    given = record(value, "the layout", ("kind", "room", "camera", "surfaces", "lights", "elements"))
    items = array(given["elements"], "the layout's elements", MAX_BOXES)
    elements = [_element(item, f"element {i + 1} of the layout") for i, item in enumerate(items)]
    ids = tuple(element["id"] for element in elements)
    if len(set(ids)) != len(ids):
        raise JsonError("two elements of the layout have the same id: ids must be unique")
    geometry = torch.tensor([element["geometry"] for element in elements], dtype=torch.float32).reshape(-1, 9)
    return Boxes3D(
        room=room_from_json(given["room"]),
        camera=camera_from_json(given["camera"]),
        surfaces=surfaces_from_json(given["surfaces"]),
        lights=lights_from_json(given["lights"]),
        centres=geometry[:, 0:3].clone(),
        halves=geometry[:, 3:6].clone(),
        colours=geometry[:, 6:9].clone(),
        classes=tuple(element["class"] for element in elements),
        facings=tuple(element["facing"] for element in elements),
        ids=ids,
        rows=tuple(element["row"] for element in elements),
        hidden=tuple(element["hidden"] for element in elements),
        locked=tuple(element["locked"] for element in elements),
    )


def room_from_json(value: object) -> Tensor:
    """(3,) width, depth, height."""
    return _named(value, "the room", ROOM, dict(zip(ROOM, ROOM_RANGE, strict=True)))


def camera_from_json(value: object) -> Tensor:
    """(6,) x, y, z, yaw, pitch, field of view."""
    return _named(value, "the camera", CAMERA, dict(zip(CAMERA, CAMERA_RANGE, strict=True)))


def lights_from_json(value: object) -> Tensor:
    """(22,) in the order of LIGHTS."""
    return _named(value, "the lights", LIGHTS, dict.fromkeys(LIGHTS, LIGHT_RANGE))


def surfaces_from_json(value: object) -> Tensor:
    """(5, 3) display colours in the order of SURFACES."""
    given = record(value, "the surfaces", SURFACES)
    return torch.tensor([colour(given[name], f"the colour of the {name}") for name in SURFACES])


def colour(value: object, what: str) -> list[float]:
    """Three display values 0..1."""
    parts = array(value, what, 3)
    if len(parts) != 3:
        raise JsonError(f"{what} has {len(parts)} values: give red, green and blue")
    return [number(part, f"{name} of {what}", 0.0, 1.0) for name, part in zip("rgb", parts, strict=True)]


def furniture_class(value: object, what: str) -> str:
    """One of CLASSES."""
    if not isinstance(value, str) or value not in CLASSES:
        raise JsonError(f"{what} is {show(value)}: choose one of {', '.join(CLASSES)}")
    return value


def geometry_from_json(given: Mapping[str, object], what: str) -> list[float]:
    """The nine numbers of GEOMETRY of an element, each in its range."""
    return [
        number(given[name], f"{name} of {what}", *widened(limits))
        for name, limits in zip(GEOMETRY, GEOMETRY_RANGES, strict=True)
    ]


def _named(
    value: object, what: str, names: tuple[str, ...], ranges: Mapping[str, tuple[float, float]]
) -> Tensor:
    given = record(value, what, names)
    values = [number(given[name], f"{name} of {what}", *widened(ranges[name])) for name in names]
    return torch.tensor(values, dtype=torch.float32)


def _element(value: object, what: str) -> dict:
    given = record(value, what, _ELEMENT)
    return {
        "id": integer(given["id"], f"id of {what}", 0, MAX_NUMBER),
        "row": integer(given["row"], f"row of {what}", 0, MAX_NUMBER),
        "class": furniture_class(given["class"], f"class of {what}"),
        "facing": integer(given["facing"], f"facing of {what}", 0, len(FACINGS) - 1),
        "geometry": geometry_from_json(given, what),
        "hidden": flag(given["hidden"], f"hidden of {what}"),
        "locked": flag(given["locked"], f"locked of {what}"),
    }
