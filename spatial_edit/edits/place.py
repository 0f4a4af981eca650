"""Place: a whole layout as the canvas sends it in the middle of a drag.

A list of `{"id", "x", "y", "size", "aspect", "angle", "hidden", "opacity", "share", "colour"}` in depth
order, farthest first. `share` is that of the element's second appearance, null without one; `colour` is
"#rrggbb", null for its own; an element without these last three keys keeps its style. It is checked like an
edit: ids of the layout only, each once, values within their ranges, locked elements as they were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from spatial_edit.edits.blob_values import MAX_ID, hundredths
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Blobs, Colour, Source
from spatial_edit.layouts.blobs import ASPECT_RANGE, CENTRE_RANGE, MAX_BLOBS, SIZE_RANGE
from spatial_edit.layouts.blobs_codec import colour_from_json
from spatial_edit.layouts.strict_json import JsonError, array, flag, integer, number, record, widened

_KEYS = ("id", "x", "y", "size", "aspect", "angle", "hidden")
_STYLE = ("opacity", "share", "colour")  # all three or none: then the element keeps its style
_STILL = 1e-3  # a locked element may differ by what rounding on the way through a browser costs


@dataclass(frozen=True)
class Style:
    """How an element is shown; share None without a second appearance, colour None for its own."""

    opacity: float
    share: float | None
    colour: Colour | None


@dataclass(frozen=True)
class Element:
    """One element; angle in radians, counter-clockwise as seen. style None: as in the layout."""

    id: int
    x: float
    y: float
    size: float
    aspect: float
    angle: float
    hidden: bool
    style: Style | None = None


def parse_elements(value: object) -> tuple[Element, ...]:
    """The elements of an already parsed JSON array; EditError with one sentence when one is not exact."""
    try:
        items = array(value, "the list of elements", MAX_BLOBS)
        return tuple(_element(item, f"element {i + 1} of the list") for i, item in enumerate(items))
    except JsonError as error:
        raise EditError(str(error)) from error


def _element(value: object, what: str) -> Element:
    styled = isinstance(value, dict) and any(key in value for key in _STYLE)
    given = record(value, what, _KEYS + _STYLE if styled else _KEYS)
    turn = 4 * math.pi  # a canvas may have gone round more than once
    return Element(
        id=integer(given["id"], f"id of {what}", 0, MAX_ID),
        x=number(given["x"], f"x of {what}", *widened(CENTRE_RANGE)),
        y=number(given["y"], f"y of {what}", *widened(CENTRE_RANGE)),
        size=number(given["size"], f"size of {what}", *widened(SIZE_RANGE)),
        aspect=number(given["aspect"], f"aspect of {what}", *widened(ASPECT_RANGE)),
        angle=number(given["angle"], f"angle of {what}", -turn, turn),
        hidden=flag(given["hidden"], f"hidden of {what}"),
        style=_style(given, what) if styled else None,
    )


def _style(given: dict[str, object], what: str) -> Style:
    opacity = number(given["opacity"], f"opacity of {what}", 0.0, 1.0)
    share, colour = given["share"], given["colour"]
    return Style(
        hundredths(opacity, f"opacity of {what}"),
        None
        if share is None
        else hundredths(number(share, f"share of {what}", 0.0, 1.0), f"share of {what}"),
        None if colour is None else colour_from_json(colour, f"colour of {what}"),
    )


def place(layout: Blobs, elements: tuple[Element, ...]) -> Blobs:
    """The layout with the elements' geometry, order, visibility and style; elements not named are left out.

    Rows and locks come from the layout. EditError for an unknown or repeated id, a locked element that
    changed, and a share without a second appearance.
    """
    seen: set[int] = set()
    order: list[int] = []
    for element in elements:
        if element.id not in layout.ids:
            raise EditError(f"there is no element {element.id}: this layout has {list(layout.ids)}")
        if element.id in seen:
            raise EditError(f"element {element.id} is given twice: give it once")
        seen.add(element.id)
        order.append(layout.index_of(element.id))
        _check_lock(layout, order[-1], element)
    chosen = layout.select(order)
    styles = [_styled(chosen, k, element) for k, element in enumerate(elements)]
    return replace(
        chosen,
        centres=torch.tensor([[e.x, e.y] for e in elements], dtype=torch.float32)
        .reshape(-1, 2)
        .clamp(*CENTRE_RANGE),
        sizes=torch.tensor([e.size for e in elements], dtype=torch.float32).clamp(*SIZE_RANGE),
        aspects=torch.tensor([e.aspect for e in elements], dtype=torch.float32).clamp(*ASPECT_RANGE),
        angles=torch.tensor([e.angle % math.pi for e in elements], dtype=torch.float32),
        hidden=tuple(e.hidden for e in elements),
        opacities=tuple(opacity for opacity, _, _ in styles),
        sources=tuple(source for _, source, _ in styles),
        colours=tuple(colour for _, _, colour in styles),
    )


def _styled(layout: Blobs, index: int, element: Element) -> tuple[float, Source | None, Colour | None]:
    """Opacity, second appearance and colour of an element as sent, or as they are."""
    source, style = layout.sources[index], element.style
    if style is None:
        return layout.opacities[index], source, layout.colours[index]
    if style.share is not None:
        if source is None:
            raise EditError(f"element {element.id} has no second appearance to mix in: restyle it first")
        source = replace(source, share=style.share)
    return style.opacity, source, style.colour


def _check_lock(layout: Blobs, index: int, element: Element) -> None:
    if not layout.locked[index]:
        return
    x, y = layout.centres[index].tolist()
    turn = (element.angle - layout.angles[index].item() + math.pi / 2) % math.pi - math.pi / 2
    changes = (
        element.x - x,
        element.y - y,
        element.size / layout.sizes[index].item() - 1,
        element.aspect / layout.aspects[index].item() - 1,
        turn,
    )
    style = (layout.opacities[index], layout.sources[index], layout.colours[index])
    changed = element.hidden != layout.hidden[index] or _styled(layout, index, element) != style
    if max(map(abs, changes)) > _STILL or changed:
        raise EditError(f"element {element.id} is locked: unlock it before you change it")
