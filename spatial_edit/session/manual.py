"""What edits there are, in words, for those who write programs: the tables of the modules that read edits."""

from __future__ import annotations

from spatial_edit.edits import boxes3d, ops
from spatial_edit.session import scene_ops


def edit_manual() -> str:
    """Every edit with its keys: of blobs, of boxes in a room, of whole scenes."""
    tables = (module.__doc__ or "" for module in (ops, boxes3d, scene_ops))
    return "\n\n".join(table.strip() for table in tables)
