"""An array of edits over a scene, in order, all or nothing: of its layout, and ops on the whole scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spatial_edit import share
from spatial_edit.edits import EditError, apply, parse_edit
from spatial_edit.edits.array import edit_items
from spatial_edit.layouts import Scene
from spatial_edit.layouts.strict_json import JsonError, show
from spatial_edit.session.scene_ops import Changed, Studio, apply_scene_op, is_scene_op

# In one array, of the ops that sample scenes: a completion takes seconds, a morph up to 33 samples.
MOST_AT_ONCE = {"complete": 1, "morph": 4, "relayout": 8, "truncate": 8}


def read_items(source: object) -> tuple[Mapping[str, object], ...]:
    """The edits of a JSON text, object or array (1 .. 64) as objects that are not checked yet; EditError for
    anything else."""
    try:
        items: list[Mapping[str, object]] = []
        for what, item in edit_items(source):
            if not isinstance(item, dict):
                raise JsonError(f"{what} must be a JSON object, not {show(item)}")
            items.append(item)
    except JsonError as error:
        raise EditError(str(error)) from error
    for op, most in MOST_AT_ONCE.items():
        if sum(item.get("op") == op for item in items) > most:
            raise EditError(f"an array of edits may hold at most {most} of {op}: send the rest after it")
    return tuple(items)


def revise(studio: Studio, scene: Scene, items: tuple[Mapping[str, object], ...]) -> Changed:
    """The scene after all the edits, and notes; ValueError names the one that failed."""
    if share.is_bare(scene.layout):
        raise EditError(f"there is nothing to move in a picture of {scene.model}: it has no layout")
    notes: list[str] = []
    for i, item in enumerate(items):
        try:
            if is_scene_op(item):
                changed = apply_scene_op(studio, scene, item)
                scene, notes = changed.scene, [*notes, *changed.notes]
            else:
                edit = parse_edit(item, scene.layout.kind)
                scene = replace(scene, layout=apply(scene.layout, edit))
        except ValueError as error:
            if len(items) == 1:
                raise
            raise EditError(f"edit {i + 1}: {error}") from error
    return Changed(scene, tuple(notes))
