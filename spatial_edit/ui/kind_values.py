"""What the canvas is told of heatmaps, labelled boxes, segments, blocks and points.

Their elements, and what a layout has besides them."""

from __future__ import annotations

from collections.abc import Callable

from spatial_edit.layouts.blocks import Blocks
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.kinds_codec import Plain, plain_to_json
from spatial_edit.layouts.segments import Segments

HELP_KINDS = """
| | |
|---|---|
| **Move** | drag, or arrow keys (Shift: larger steps) |
| **Heatmaps** | finer centres follow, Alt: alone; white handle, `+` `-`: sigma; `1` `2` `3`: level |
| **Boxes** | drag a corner (Shift: keep the form), `+` `-`, `,` `.`; right click: its class, a new box |
| **Segments** | Alt+drag: paint with the selected one |
| **Blocks** | drag onto another one: the two change places; `R`: draw anew |
| **Points** | drag the handle or its target; `T`: which of them the arrow keys move |
| **Hide · lock · remove** | H · L · Delete |
| **Drag points** | G, then click what is to move and where it is to go; Ctrl+Enter starts and stops |
| **Undo · redo** | Ctrl+Z · Ctrl+Shift+Z |
"""


def plain_elements(layout: Plain, names: Callable[[int], str]) -> list[dict[str, object]]:
    """The elements as plain values: those of the layout's JSON, with a `name` where there is a class.

    names: the word for a heatmap centre's number."""
    if isinstance(layout, Blocks):
        return [
            {
                "id": number,
                "name": "",
                **dict(zip(("x", "y", "width", "height"), layout.place(k), strict=True)),
                "seed": layout.seeds[k],
                "hidden": False,
                "locked": layout.locked[k],
            }
            for k, number in enumerate(layout.ids)
        ]
    elements = plain_to_json(layout)["elements"]
    assert isinstance(elements, list)  # plain_to_json makes it for every kind but blocks
    if isinstance(layout, Segments):
        for k, element in enumerate(elements):
            element["x"], element["y"] = layout.centre(k)
    if isinstance(layout, Heatmaps):
        for k, element in enumerate(elements):
            element["label"] = names(layout.ids[k])
    return [{"name": element.pop("label", ""), **element} for element in elements]


def plain_world(layout: Plain) -> dict[str, object]:
    """The grid of blocks, the map's side, the seed of a heatmap scene's other look; nothing for others."""
    if isinstance(layout, Blocks):
        return {"rows": layout.rows, "columns": layout.columns}
    if isinstance(layout, Heatmaps):
        return {"appearance": layout.appearance}
    return {"side": layout.side} if isinstance(layout, Segments) else {}
