"""Which format a file's content is, and its conversion. By what is in it, never by its name."""

from __future__ import annotations

from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions
from spatial_edit.foreign.formats import (
    bachgan,
    backbones,
    blobgan,
    eqgan,
    ganformer,
    nvlabs,
    rosinality,
    tensorflow,
)
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.generators.imported import FACTS_NAME, models_folder

# Asked in this order: those that are more particular first.
FORMATS = (blobgan, eqgan, ganformer, nvlabs, tensorflow, bachgan, rosinality, backbones)


def convert(content: Content, options: ImportOptions | None = None) -> Converted:
    """The content as our networks. ForeignError when no format fits, or the one that fits is not whole."""
    for format in FORMATS:
        if format.recognises(content):
            _check_options(format.__name__, content, options or ImportOptions())
            return format.convert(content, options or ImportOptions())
    raise ForeignError(
        f"{shown(content.path.name)} holds no network that is known here: {describe(content)}{_ours(content)}"
    )


def _check_options(format: str, content: Content, options: ImportOptions) -> None:
    """ForeignError for a further file that this format has no use for: it would be ignored in silence."""
    if options.mean is not None and format != blobgan.__name__:
        raise ForeignError(f"{shown(content.path.name)} is no BlobGAN: leave out --mean, which is for those")
    if options.beside is not None and format != backbones.__name__:
        raise ForeignError(
            f"{shown(content.path.name)} is no network for measures: leave out --with, which is for an LPIPS"
        )


def _ours(content: Content) -> str:
    """What to do with the weights of a model that this program has written; "" for others."""
    if content.container != "safetensors" or not (content.path.parent / FACTS_NAME).is_file():
        return ""
    return f"; its folder is a model of this program: copy the whole folder to {models_folder()}"


def describe(content: Content) -> str:
    """What was seen, in a few words: the container and the first names in it."""
    root = content.root
    if isinstance(root, dict):
        names = ", ".join(shown(name, 60) for name in list(root)[:5])
        entries = "one entry" if len(root) == 1 else f"{len(root)} entries"
        return f"a {content.container} file with {entries} ({names})"
    return f"a {content.container} file with one {type(root).__name__}"
