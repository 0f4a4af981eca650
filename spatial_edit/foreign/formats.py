"""Which format a file's content is, and its conversion. By what is in it, never by its name."""

from __future__ import annotations

from spatial_edit.foreign import (
    bachgan,
    backbones,
    blobgan,
    eqgan,
    ganformer,
    nvlabs,
    rosinality,
    tensorflow,
)
from spatial_edit.foreign.budget import shown
from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions

# Asked in this order: those that are more particular first.
FORMATS = (blobgan, eqgan, ganformer, nvlabs, tensorflow, bachgan, rosinality, backbones)


def convert(content: Content, options: ImportOptions | None = None) -> Converted:
    """The content as our networks. ForeignError when no format fits, or the one that fits is not whole."""
    for format in FORMATS:
        if format.recognises(content):
            return format.convert(content, options or ImportOptions())
    raise ForeignError(f"{shown(content.path.name)} holds no network that is known here: {describe(content)}")


def describe(content: Content) -> str:
    """What was seen, in a few words: the container and the first names in it."""
    root = content.root
    if isinstance(root, dict):
        names = ", ".join(shown(name, 60) for name in list(root)[:5])
        return f"a {content.container} file with {len(root)} entries ({names})"
    return f"a {content.container} file with one {type(root).__name__}"
