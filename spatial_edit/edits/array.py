"""An array of edits as it comes from outside: a JSON text, or what was parsed of one."""

from __future__ import annotations

from spatial_edit.layouts.strict_json import JsonError, array, parse, show

MAX_EDITS = 64
MAX_EDIT_CHARS = 64_000  # every op at its longest: a drawn region of 64 points, a protect mask, a code


def edit_items(source: object) -> list[tuple[str, object]]:
    """What an error calls each edit, and its JSON value, not checked yet; JsonError unless there are 1 .. 64.
    A single object is an array of one."""
    value = source
    if isinstance(source, str):
        value = parse(source, what="the edit", max_chars=MAX_EDIT_CHARS)
    if isinstance(value, dict):
        return [("the edit", value)]
    if not isinstance(value, list):
        raise JsonError(f"an edit must be a JSON object or an array of them, not {show(value)}")
    if not value:
        raise JsonError("the array of edits is empty: send at least one")
    return [(f"edit {i + 1}", item) for i, item in enumerate(array(value, "the edit", MAX_EDITS))]
