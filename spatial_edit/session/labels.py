"""What a step of the history is called: "Move bed", "Restyle lamp (left)", "Auto-complete"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Blobs, Boxes3D, Layout
from spatial_edit.layouts.heatmaps import LEVEL_WORDS, Heatmaps

MAX_LABEL = 60
# verbs that are not the op's own name, and ops that need no object
_VERBS = {"set": "Change", "mix": "Mix style of", "unstyle": "Own style for", "opacity": "Opacity of"}
_WHOLE = {
    "complete": "Auto-complete",
    "relayout": "Another layout",
    "morph": "Morph",
    "truncate": "Truncation",
    "protect": "Protect",
    "unprotect": "Unprotect",
    "background": "Background",
    "appearance": "Appearance",
    "group": "Move group",
    "align": "Align",
    "distribute": "Distribute",
    "arrange": "Arrange",
    "camera": "Camera",
    "room": "Room",
    "light": "Light",
}
VARIATIONS = {"fill": "Fill the room", "restyle": "Another style", "rehouse": "Another room"}


def label_of(items: Sequence[Mapping[str, object]], before: Layout, after: Layout, spec: ModelSpec) -> str:
    """A few words for edits that have been made, at most MAX_LABEL characters."""
    words = list(dict.fromkeys(_words(item, before, after, spec) for item in items))
    if len(words) == 1:
        return words[0][:MAX_LABEL]
    verbs = {str(item["op"]) for item in items}
    if len(verbs) == 1 and len(words) > 2:
        return f"{_verb(verbs.pop())} {len(words)} elements"[:MAX_LABEL]
    more = "" if len(words) == 2 else f", {len(words) - 2} more"
    return f"{words[0]}, {words[1][:1].lower()}{words[1][1:]}{more}"[:MAX_LABEL]


def _words(item: Mapping[str, object], before: Layout, after: Layout, spec: ModelSpec) -> str:
    op, target = str(item["op"]), item.get("target")
    if op == "surface":
        return f"Paint {item.get('surface')}"
    if target is None and op in ("add", "draw"):
        row, kind = item.get("row"), item.get("class")
        return f"Add {kind if isinstance(kind, str) else _row_name(row, spec)}"
    if target is None or op in _WHOLE:
        return _WHOLE.get(op, _verb(op))
    return f"{_verb(op)} {_name(target, before, after, spec)}"


def _verb(op: str) -> str:
    return _VERBS.get(op, op[:1].upper() + op[1:])


def _name(target: object, before: Layout, after: Layout, spec: ModelSpec) -> str:
    """The word for an element, by where it still is; its number where it has no word."""
    for layout in (before, after):
        if isinstance(layout, Blobs | Boxes3D) and target in layout.ids:
            k = layout.ids.index(int(str(target)))
            return layout.classes[k] if isinstance(layout, Boxes3D) else _row_name(layout.rows[k], spec)
        if isinstance(layout, Heatmaps) and target in layout.ids:
            return _centre_name(layout, layout.ids.index(int(str(target))), spec)
    return f"element {target}"


def _centre_name(layout: Heatmaps, k: int, spec: ModelSpec) -> str:
    """Its word, else its level; with the place among those of that level where there are several."""
    if layout.ids[k] < len(spec.row_names):
        return spec.row_names[layout.ids[k]].replace("_", " ")
    level = layout.levels[k]
    mates = sorted(number for number, at in zip(layout.ids, layout.levels, strict=True) if at == level)
    word = f"{LEVEL_WORDS[level]} centre" if len(set(layout.levels)) > 1 else "object"
    return f"{word} {mates.index(layout.ids[k]) + 1}" if len(mates) > 1 else word


def _row_name(row: object, spec: ModelSpec) -> str:
    if isinstance(row, int) and row < len(spec.row_names):
        return spec.row_names[row].replace("_", " ")
    return f"element of row {row}"
