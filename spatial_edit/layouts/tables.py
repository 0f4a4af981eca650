"""Tables: a layout as lines of numbers, one an element, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence

from spatial_edit.layouts.blobs import Blobs
from spatial_edit.layouts.boxes3d import FACINGS, Boxes3D
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.layout import Layout

Table = tuple[list[str], list[list[object]]]  # header, rows
BLOB_COLUMNS = ["number", "name", "x", "y", "size", "aspect", "angle", "opacity", "hidden", "locked"]
BOX_COLUMNS = ["number", "name", "x", "y", "z", "width", "height", "depth", "front_x", "front_z"]
BOX_COLUMNS += ["red", "green", "blue", "hidden", "locked"]
HEATMAP_COLUMNS = ["number", "name", "level", "x", "y", "sigma", "hidden", "locked"]


def element_table(layout: Layout, words: Sequence[str] = ()) -> Table:
    """One row an element, as strings and whole numbers; `words` names the rows of blobs. ValueError for
    another kind of layout.

    Blobs stand farthest first; x, y and size in fractions of the side, angle in radians. Boxes: centre and
    extents along the room's axes in metres, where the front looks, colour 0 .. 255. Heatmaps: x, y and sigma
    in fractions of the side.
    """
    if isinstance(layout, Blobs):
        return BLOB_COLUMNS, [_blob(layout, k, words) for k in range(len(layout))]
    if isinstance(layout, Boxes3D):
        return BOX_COLUMNS, [_box(layout, k) for k in range(len(layout))]
    if isinstance(layout, Heatmaps):
        return HEATMAP_COLUMNS, [_centre(layout, k, words) for k in range(len(layout))]
    raise ValueError(f"there is no table of {layout.kind}: use a model of blobs, boxes or heatmaps")


def _blob(layout: Blobs, k: int, words: Sequence[str]) -> list[object]:
    row = layout.rows[k]
    shape = [
        *layout.centres[k].tolist(),
        *(v[k].item() for v in (layout.sizes, layout.aspects, layout.angles)),
    ]
    flags = [int(layout.hidden[k]), int(layout.locked[k])]
    name = words[row] if row < len(words) else ""
    return [layout.ids[k], name, *(f"{v:.5f}" for v in shape), f"{layout.opacities[k]:.2f}", *flags]


def _box(layout: Boxes3D, k: int) -> list[object]:
    metres = [*layout.centres[k].tolist(), *(2 * layout.halves[k]).tolist()]
    colour = [round(v * 255) for v in layout.colours[k].tolist()]
    flags = [int(layout.hidden[k]), int(layout.locked[k])]
    front = FACINGS[layout.facings[k]]
    return [layout.ids[k], layout.classes[k], *(f"{v:.4f}" for v in metres), *front, *colour, *flags]


def _centre(layout: Heatmaps, k: int, words: Sequence[str]) -> list[object]:
    number = layout.ids[k]
    place = [*layout.centres[k].tolist(), layout.sigmas[k].item()]
    flags = [int(layout.hidden[k]), int(layout.locked[k])]
    name = words[number] if number < len(words) else ""
    return [number, name, layout.levels[k], *(f"{v:.5f}" for v in place), *flags]
