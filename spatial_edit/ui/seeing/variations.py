"""Four variations at a click: what a scene could be, as four small pictures, and the commit that makes each.

Nothing is committed and nothing is stored here: the browser sends the chosen one as an edit of its own.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from torch import Tensor

from spatial_edit.images import enlarge, to_pil
from spatial_edit.layouts import Blobs, Boxes3D
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.session import Session, resolve
from spatial_edit.session.picture import draw
from spatial_edit.session.vary import check_seed, vary
from spatial_edit.share import MAX_ID
from spatial_edit.ui.pictures import data_url
from spatial_edit.ui.seeing.maps import a_code

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

COUNT = 4
THUMBNAIL = 256  # pixels a side
OF_BLOBS = ("appearance", "restyle", "complete", "relayout")
OF_HEATMAPS = ("appearance", "replace", "relayout")
OF_BOXES = ("restyle", "fill", "rehouse")
_STRIDE = 2_654_435_761  # 2**32 over the golden ratio: neighbouring seeds lead to distant ones


def variations(context: Context, payload: Any) -> dict[str, object]:
    """`{"items": [{"image", "seed", "commit": {"kind", "edit"}} x 4]}` of `{"code", "kind", "seed", "keep":
    numbers}`; ValueError when they cannot be made.

    kind: for blobs appearance (the same layout), restyle (of the elements of `keep`), complete (they stay,
    the others are laid out anew) or relayout (the same appearance); for heatmaps appearance, replace (other
    objects where those of `keep` are) and relayout; for boxes restyle, fill and rehouse.
    """
    if not isinstance(payload, dict):
        raise ValueError("a request for variations must be an object: reload the page")
    code, seed, kind = a_code(payload.get("code")), check_seed(payload.get("seed")), payload.get("kind")
    keep = _numbers(payload.get("keep"))
    seeds = [(seed + i * _STRIDE) % 2**32 for i in range(COUNT)]
    scene, _ = resolve(context.lookup, context.store, code, names=context.model_of_number)
    if isinstance(scene.layout, Boxes3D):
        return {"items": _of_boxes(context, code, kind, seeds, keep)}
    if isinstance(scene.layout, Blobs | Heatmaps):
        return {"items": _of_edits(context, code, scene.layout, kind, seeds, keep)}
    raise ValueError(f"{scene.model} has no variations: choose another model")


def _of_boxes(
    context: Context, code: str, kind: object, seeds: list[int], keep: list[int]
) -> list[dict[str, object]]:
    scene, generator = resolve(context.lookup, context.store, code, names=context.model_of_number)
    return [
        _item(
            draw(generator, vary(generator, scene, kind, seed, keep)),
            seed,
            "vary",
            {"kind": kind, "seed": seed, "keep": keep},
        )
        for seed in seeds
    ]


def _of_edits(
    context: Context, code: str, layout: Blobs | Heatmaps, kind: object, seeds: list[int], keep: list[int]
) -> list[dict[str, object]]:
    opened = context.new_session()
    opened.open(code)
    return [_tried(opened, seed, edit_of(kind, seed, keep, layout)) for seed in seeds]


def _tried(opened: Session, seed: int, edit: list[dict[str, object]]) -> dict[str, object]:
    trial = copy(opened)  # histories are immutable: the opened session stays where it is
    return _item(trial.edit(edit).image, seed, "edit", edit)


def edit_of(kind: object, seed: int, keep: list[int], layout: Blobs | Heatmaps) -> list[dict[str, object]]:
    """The edit JSON of one variation of blobs or heatmaps; ValueError for an unknown kind or elements that
    are not there."""
    known = OF_BLOBS if isinstance(layout, Blobs) else OF_HEATMAPS
    if kind not in known:
        raise ValueError(f"there is no variation {str(kind)[:40]!r}: choose one of {', '.join(known)}")
    if kind in ("appearance", "relayout"):
        return [{"op": kind, "seed": seed}]
    if kind == "complete":
        return [{"op": "complete", "keep": keep, "seed": seed}]
    if not keep:
        raise ValueError("select the elements to restyle first")
    if isinstance(layout, Heatmaps):
        return [{"op": "replace", "target": number, "seed": seed} for number in keep]
    rows = {number: layout.rows[layout.index_of(number)] for number in keep}
    return [{"op": "restyle", "target": number, "row": row, "seed": seed} for number, row in rows.items()]


def _item(image: Tensor, seed: int, kind: str, edit: object) -> dict[str, object]:
    picture = data_url(enlarge(to_pil(image), THUMBNAIL), quality=88)
    return {"image": picture, "seed": seed, "commit": {"kind": kind, "edit": edit}}


def _numbers(value: object) -> list[int]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 64:
        raise ValueError("give the elements as a list of at most 64 numbers")
    for item in value:
        known = isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= MAX_ID
        if not known or value.count(item) > 1:
            raise ValueError(f"{str(item)[:20]!r} is no number of an element, or is named twice")
    return value
