"""backbones (being written)."""

from __future__ import annotations

from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions


def recognises(content: Content) -> bool:
    """Whether the file is of this format."""
    return False


def convert(content: Content, options: ImportOptions) -> Converted:
    """Its networks as ours."""
    raise ForeignError("not yet")
