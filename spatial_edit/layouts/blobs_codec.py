"""Blobs as JSON.

    {"kind": "blobs", "elements": [{"id": 0, "row": 0, "x": ..., "y": ..., "size": ..., "aspect": ...,
     "angle": ..., "hidden": false, "locked": false}, ...]}

farthest first. Written only where they are not the usual: an element's `opacity`, `source` ({"seed", "row",
"share"}, seed null = a row of this scene) and `colour` ("#rrggbb"); the layout's `backdrop` ({"seed",
"share"}) and `surfaces` ({"floor": "#rrggbb", ...}).
"""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import Tensor

from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, MAX_BLOBS, SIZE_RANGE, SURFACES, Blobs
from spatial_edit.layouts.strict_json import (
    JsonError,
    array,
    flag,
    integer,
    number,
    record,
    show,
    text,
    widened,
)
from spatial_edit.layouts.style import Colour, Source

_ELEMENT = ("id", "row", "x", "y", "size", "aspect", "angle", "hidden", "locked")
_STYLE = ("opacity", "source", "colour")
_TURN = 4 * math.pi
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def blobs_to_json(layout: Blobs) -> dict[str, object]:
    """The layout as plain values."""
    geometry = torch.cat(
        [layout.centres, torch.stack([layout.sizes, layout.aspects, layout.angles], -1)], -1
    )  # (K, 5)
    elements: list[dict[str, object]] = []
    for k, row in enumerate(geometry.detach().tolist()):
        values = (layout.ids[k], layout.rows[k], *row, layout.hidden[k], layout.locked[k])
        element: dict[str, object] = dict(zip(_ELEMENT, values, strict=True))
        if layout.opacities[k] != 1.0:
            element["opacity"] = layout.opacities[k]
        source, colour = layout.sources[k], layout.colours[k]
        if source is not None:
            element["source"] = {"seed": source.seed, "row": source.row, "share": source.share}
        if colour is not None:
            element["colour"] = colour_to_json(colour)
        elements.append(element)
    document: dict[str, object] = {"kind": "blobs", "elements": elements}
    if layout.backdrop is not None:
        document["backdrop"] = {"seed": layout.backdrop.seed, "share": layout.backdrop.share}
    if any(layout.surfaces):
        named = zip(SURFACES, layout.surfaces, strict=True)
        document["surfaces"] = {name: colour_to_json(colour) for name, colour in named if colour is not None}
    return document


def blobs_from_json(value: object) -> Blobs:
    """The layout of `blobs_to_json`, bit for bit; JsonError with one sentence when it is not exact."""
    given = record(value, "the layout", ("kind", "elements"), ("backdrop", "surfaces"))
    text(given["kind"], "the layout's kind", "blobs|boxes3d")
    elements = array(given["elements"], "the layout's elements", MAX_BLOBS)
    rows = [_element(item, f"element {i + 1} of the layout") for i, item in enumerate(elements)]
    if len({row["id"] for row in rows}) != len(rows):
        raise JsonError("two elements of the layout have the same id: ids must be unique")

    def column(*names: str) -> Tensor:
        return torch.tensor([[row[name] for name in names] for row in rows], dtype=torch.float32)

    def each(name: str) -> tuple[Any, ...]:
        return tuple(row[name] for row in rows)

    return Blobs(
        centres=column("x", "y").reshape(-1, 2),
        sizes=column("size").flatten(),
        aspects=column("aspect").flatten(),
        angles=column("angle").flatten(),
        ids=each("id"),
        rows=each("row"),
        hidden=each("hidden"),
        locked=each("locked"),
        opacities=each("opacity"),
        sources=each("source"),
        colours=each("colour"),
        backdrop=_backdrop(given["backdrop"]) if "backdrop" in given else None,
        surfaces=_surfaces(given.get("surfaces", {})),
    )


def colour_to_json(colour: Colour) -> str:
    """The "#rrggbb" of a colour."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def colour_from_json(value: object, what: str) -> Colour:
    """The colour of "#rrggbb"; JsonError for anything else."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise JsonError(f'{what} is {show(value)}: write it as "#rrggbb"')
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)


def _element(value: object, what: str) -> dict[str, Any]:
    given = record(value, what, _ELEMENT, _STYLE)
    ranges = {"x": CENTRE_RANGE, "y": CENTRE_RANGE, "size": SIZE_RANGE, "aspect": ASPECT_RANGE}
    values: dict[str, Any] = {
        name: number(given[name], f"{name} of {what}", *widened(limits)) for name, limits in ranges.items()
    }
    values["angle"] = number(given["angle"], f"angle of {what}", -_TURN, _TURN)
    for name in ("id", "row"):
        values[name] = integer(given[name], f"{name} of {what}", 0, 255)
    for name in ("hidden", "locked"):
        values[name] = flag(given[name], f"{name} of {what}")
    values["opacity"] = number(given.get("opacity", 1.0), f"opacity of {what}", 0.0, 1.0)
    values["source"] = _source(given["source"], f"source of {what}") if "source" in given else None
    values["colour"] = colour_from_json(given["colour"], f"colour of {what}") if "colour" in given else None
    return values


def _source(value: object, what: str) -> Source:
    given = record(value, what, ("seed", "row", "share"))
    seed = given["seed"]
    return Source(
        None if seed is None else integer(seed, f"seed of {what}", 0, 2**32 - 1),
        integer(given["row"], f"row of {what}", 0, 255),
        number(given["share"], f"share of {what}", 0.0, 1.0),
    )


def _backdrop(value: object) -> Source:
    given = record(value, "the layout's backdrop", ("seed", "share"))
    seed = integer(given["seed"], "seed of the backdrop", 0, 2**32 - 1)
    return Source(seed, 0, number(given["share"], "share of the backdrop", 0.0, 1.0))


def _surfaces(value: object) -> tuple[Colour | None, ...]:
    given = record(value, "the layout's surfaces", (), SURFACES)
    return tuple(
        colour_from_json(given[name], f"the colour of the {name}") if name in given else None
        for name in SURFACES
    )
