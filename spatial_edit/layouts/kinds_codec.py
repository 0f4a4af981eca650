"""Heatmaps, Boxes, Segments, Blocks and Points as JSON.

    heatmaps  elements [{"id", "level", "x", "y", "sigma", "hidden", "locked", ["detached", "look"]}, ...]
              ["appearance", "noise"]; what is in brackets is written only where it says something: detached
              and noise when true, the seeds look and appearance when there is one
    boxes     elements [{"id", "label", "x", "y", "width", "height", "hidden", "locked"}, ...]; x, y: centre
    segments  "side", elements [{"id", "label", "runs", "hidden", "locked"}, ...]; see segments.to_runs
    blocks    "rows", "columns", "seeds" [...], "locked" [numbers of the locked blocks]
    points    elements [{"id", "x", "y", "to_x", "to_y", "hidden", "locked"}, ...]; from handle to target

Each is an object with its "kind". Reading is strict: exact keys, ranges, unique numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from spatial_edit.layouts import blocks, boxes, heatmaps, points, segments
from spatial_edit.layouts.blocks import Blocks
from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.points import Points
from spatial_edit.layouts.segments import VOID, Segments, from_runs, to_runs
from spatial_edit.layouts.strict_json import JsonError, array, flag, integer, number, record, text, widened

_FLAGS = ("hidden", "locked")
Plain = Heatmaps | Boxes | Segments | Blocks | Points
Read = Callable[[object, str], Any]


def plain_to_json(layout: Plain) -> dict[str, object]:
    """The layout as plain values."""
    if isinstance(layout, Blocks):
        locked = [number for number, fixed in zip(layout.ids, layout.locked, strict=True) if fixed]
        size = {"rows": layout.rows, "columns": layout.columns}
        return {"kind": layout.kind, **size, "seeds": list(layout.seeds), "locked": locked}
    if isinstance(layout, Heatmaps):
        values = torch.cat([layout.centres, layout.sigmas[:, None]], -1)
        elements = _rows(layout, ("level",), [layout.levels], ("x", "y", "sigma"), values)
        return {"kind": layout.kind, "elements": _with_looks(layout, elements), **_whole_look(layout)}
    elif isinstance(layout, Boxes):
        values = torch.cat([layout.centres, layout.extents], -1)
        elements = _rows(layout, ("label",), [layout.labels], ("x", "y", "width", "height"), values)
    elif isinstance(layout, Points):
        values = torch.cat([layout.handles, layout.targets], -1)
        elements = _rows(layout, (), [], ("x", "y", "to_x", "to_y"), values)
    else:
        runs = [to_runs(layout.cells == number) for number in layout.ids]
        elements = _rows(layout, ("label", "runs"), [layout.labels, runs], (), torch.zeros(len(layout), 0))
        return {"kind": layout.kind, "side": layout.side, "elements": elements}
    return {"kind": layout.kind, "elements": elements}


def _rows(
    layout: Heatmaps | Boxes | Segments | Points,
    words: Sequence[str],
    columns: Sequence[Sequence[object]],
    names: Sequence[str],
    values: Tensor,
) -> list[dict[str, object]]:
    """One object an element: id, the given columns, the values (K, names), flags."""
    numbers = values.detach().tolist()
    return [
        {
            "id": layout.ids[k],
            **{word: column[k] for word, column in zip(words, columns, strict=True)},
            **dict(zip(names, numbers[k], strict=True)),
            "hidden": layout.hidden[k],
            "locked": layout.locked[k],
        }
        for k in range(len(layout))
    ]


def _with_looks(layout: Heatmaps, elements: list[dict[str, object]]) -> list[dict[str, object]]:
    """The elements with what is unusual of them."""
    for element, detached, look in zip(elements, layout.detached, layout.looks, strict=True):
        element |= {"detached": True} if detached else {}
        element |= {} if look is None else {"look": look}
    return elements


def _whole_look(layout: Heatmaps) -> dict[str, object]:
    seed: dict[str, object] = {} if layout.appearance is None else {"appearance": layout.appearance}
    return seed | ({"noise": True} if layout.noise else {})


def plain_from_json(value: object) -> Plain:
    """The layout of `plain_to_json`, bit for bit; JsonError with one sentence when it is not exact."""
    kind = value.get("kind") if isinstance(value, dict) else None
    return _READERS[text(kind, "the layout's kind", "|".join(_READERS))](value)


def _numbers(low: float, high: float) -> Read:
    return lambda value, what: number(value, what, *widened((low, high)))


def read_label(value: object, what: str) -> str:
    """A class's word."""
    return text(value, what, boxes.LABEL)


def _table(
    value: object,
    most: int,
    readers: dict[str, Read],
    more: tuple[str, ...] = (),
    *,
    unusual: Mapping[str, Read] = MappingProxyType({}),
    beside: tuple[str, ...] = (),
) -> dict[str, list[Any]]:
    """The columns of the elements, each read by name. unusual: keys that an element may lack (None then).
    beside: keys that the layout may have besides its elements."""
    given = record(value, "the layout", ("kind", *more, "elements"), beside)
    names = ("id", *readers, *_FLAGS)
    columns: dict[str, list[Any]] = {name: [] for name in (*names, *unusual)}
    for i, item in enumerate(array(given["elements"], "the layout's elements", most)):
        what = f"element {i + 1} of the layout"
        entry = record(item, what, names, tuple(unusual))
        columns["id"].append(integer(entry["id"], f"id of {what}", 0, 255))
        for name, read in readers.items():
            columns[name].append(read(entry[name], f"{name} of {what}"))
        for name in _FLAGS:
            columns[name].append(flag(entry[name], f"{name} of {what}"))
        for name, read in unusual.items():
            columns[name].append(read(entry[name], f"{name} of {what}") if name in entry else None)
    if len(set(columns["id"])) != len(columns["id"]):
        raise JsonError("two elements of the layout have the same id: ids must be unique")
    return columns


def _flags(columns: dict[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {"ids": tuple(columns["id"]), **{name: tuple(columns[name]) for name in _FLAGS}}


def _pairs(columns: dict[str, list[Any]], *names: str) -> Tensor:
    rows = list(zip(*(columns[name] for name in names), strict=True))
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, len(names))


def _heatmaps(value: object) -> Heatmaps:
    place = _numbers(*heatmaps.CENTRE_RANGE)
    readers = {
        "level": lambda v, what: integer(v, what, 0, heatmaps.LEVELS - 1),
        "x": place,
        "y": place,
        "sigma": _numbers(*heatmaps.SIGMA_RANGE),
    }
    columns = _table(
        value,
        heatmaps.MAX_CENTRES,
        readers,
        unusual={"detached": flag, "look": _seed},
        beside=("appearance", "noise"),
    )
    assert isinstance(value, dict)  # _table has read it
    layout = Heatmaps(
        _pairs(columns, "x", "y"),
        _pairs(columns, "sigma").flatten(),
        tuple(columns["level"]),
        **_flags(columns),
        detached=tuple(bool(given) for given in columns["detached"]),
        looks=tuple(columns["look"]),
        appearance=_seed(value.get("appearance"), "the layout's appearance"),
        noise=flag(value.get("noise", False), "the layout's noise"),
    )
    if layout.noise and layout.appearance is None:
        raise JsonError("the layout takes the noise of an appearance that it does not name: name its seed")
    return layout


def _seed(value: object, what: str) -> int | None:
    return None if value is None else integer(value, what, 0, 2**32 - 1)


def _boxes(value: object) -> Boxes:
    place, extent = _numbers(*boxes.CENTRE_RANGE), _numbers(*boxes.EXTENT_RANGE)
    readers = {"label": read_label, "x": place, "y": place, "width": extent, "height": extent}
    columns = _table(value, boxes.MAX_FLAT_BOXES, readers)
    return Boxes(
        _pairs(columns, "x", "y"),
        _pairs(columns, "width", "height"),
        tuple(columns["label"]),
        **_flags(columns),
    )


def _points(value: object) -> Points:
    place = _numbers(*points.PLACE_RANGE)
    columns = _table(value, points.MAX_PAIRS, dict.fromkeys(("x", "y", "to_x", "to_y"), place))
    return Points(_pairs(columns, "x", "y"), _pairs(columns, "to_x", "to_y"), **_flags(columns))


def _segments(value: object) -> Segments:
    side = integer(value.get("side") if isinstance(value, dict) else None, "the map's side", *segments.SIDES)
    columns = _table(
        value,
        segments.MAX_SEGMENTS,
        {"label": read_label, "runs": lambda v, what: read_runs(v, what, side)},
        ("side",),
    )
    cells = torch.full((side, side), VOID)
    for number_, mask in zip(columns["id"], columns["runs"], strict=True):
        if bool((cells[mask] != VOID).any()):
            raise JsonError(f"segment {number_} covers a cell of another one: each cell has one segment")
        cells[mask] = number_
    return Segments(cells, tuple(columns["label"]), **_flags(columns))


def read_runs(value: object, what: str, side: int) -> Tensor:
    """(S, S) bool of runs; JsonError when they are not those of `to_runs`."""
    items = array(value, what, side * side + 1)
    try:
        return from_runs([integer(item, what, 0, side * side) for item in items], side)
    except JsonError:
        raise
    except ValueError as error:
        raise JsonError(f"{what}: {error}") from error


def _blocks(value: object) -> Blocks:
    given = record(value, "the layout", ("kind", "rows", "columns", "seeds", "locked"))
    rows = integer(given["rows"], "the grid's rows", 1, blocks.MAX_SIDE)
    columns = integer(given["columns"], "the grid's columns", 1, blocks.MAX_SIDE)
    count = rows * columns
    seeds = [integer(v, "a block's seed", 0, 2**32 - 1) for v in array(given["seeds"], "the seeds", count)]
    fixed = [integer(v, "a locked block", 0, count - 1) for v in array(given["locked"], "the locks", count)]
    if len(seeds) != count or fixed != sorted(set(fixed)):
        raise JsonError(f"the grid has {count} blocks: give a seed for each, and locked ones once, in order")
    return Blocks(rows, columns, tuple(seeds), locked=tuple(k in fixed for k in range(count)))


_READERS: dict[str, Callable[[object], Plain]] = {
    "heatmaps": _heatmaps,
    "boxes": _boxes,
    "segments": _segments,
    "blocks": _blocks,
    "points": _points,
}
PLAIN_KINDS = tuple(_READERS)


def is_plain(layout: Layout) -> bool:
    """True for the five kinds of this module."""
    return layout.kind in _READERS
