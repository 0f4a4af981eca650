"""Between two steps of an edit: pictures on the way from one scene to the other.

The geometry of elements that both have moves in a straight line (sizes and aspects by their logarithms,
angles the short way round). What cannot move (appearance, class, depth order, elements that come or go)
cross-fades: both scenes are drawn with the geometry of that moment, and mixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from spatial_edit.layouts import Blobs, Boxes3D, Layout, Scene

Draw = Callable[[Scene], Tensor]  # (3, H, W) in [-1, 1]
_BLOBS = ("centres", "sizes", "aspects", "angles", "opacities")
_BOXES = ("centres", "halves", "colours")
_ROOM = ("room", "camera", "surfaces", "lights")
_MOVING = {Blobs: _BLOBS, Boxes3D: (*_BOXES, *_ROOM)}


def picture_between(draw: Draw, before: Scene, after: Scene, share: float) -> Tensor:
    """The picture at `share` (0..1) of the way; ValueError for two kinds of layout."""
    if type(before.layout) is not type(after.layout):
        raise ValueError("the steps have different kinds of layout: replay those of one model")
    if type(after.layout) not in _MOVING:
        return torch.lerp(draw(before), draw(after), share)
    first = draw(replace(before, layout=towards(before.layout, after.layout, share)))
    if moves_only(before, after):
        return first
    second = draw(replace(after, layout=towards(after.layout, before.layout, 1 - share)))
    return torch.lerp(first, second, share)


def eased(share: float) -> float:
    """Slow at both ends: 3 t^2 - 2 t^3."""
    return share * share * (3 - 2 * share)


def moves_only(before: Scene, after: Scene) -> bool:
    """Whether geometry alone leads from one scene to the other."""
    old, new = before.layout, after.layout
    kept = [f.name for f in fields(old) if f.name not in _MOVING.get(type(old), ())]
    guards = before.guard is None and after.guard is None
    return (
        guards
        and before.latent.same(after.latent)
        and len(before.delta) == len(after.delta)
        and type(old) is type(new)
        and all(getattr(old, name) == getattr(new, name) for name in kept)
    )


def towards(layout: Layout, other: Layout, share: float) -> Layout:
    """The layout with the geometry of the elements that `other` has too at `share` of the way there."""
    assert isinstance(layout, Blobs | Boxes3D) and isinstance(other, Blobs | Boxes3D)
    mine = [i for i, number in enumerate(layout.ids) if number in other.ids]
    theirs = [other.index_of(layout.ids[i]) for i in mine]
    per_element = _BLOBS if isinstance(layout, Blobs) else _BOXES
    changes: dict[str, Any] = {
        name: _moved(getattr(layout, name), getattr(other, name), mine, theirs, share, name)
        for name in per_element
    }
    if isinstance(layout, Boxes3D):
        for name in _ROOM:
            changes[name] = torch.lerp(getattr(layout, name), getattr(other, name), share)
    return replace(layout, **changes)


def _moved(own: Any, aim: Any, mine: list[int], theirs: list[int], share: float, name: str) -> Any:
    if isinstance(own, tuple):
        moved = list(own)
        for i, j in zip(mine, theirs, strict=True):
            moved[i] = own[i] + (aim[j] - own[i]) * share
        return tuple(moved)
    start, end = own[mine], aim[theirs]
    if name == "angles":  # an ellipse repeats every half turn
        step = (end - start + math.pi / 2) % math.pi - math.pi / 2
        way = start + share * step
    elif name in ("sizes", "aspects"):
        way = torch.exp(torch.lerp(start.log(), end.log(), share))
    else:
        way = torch.lerp(start, end, share)
    moved_rows: Tensor = own.clone()
    moved_rows[mine] = way
    return moved_rows
