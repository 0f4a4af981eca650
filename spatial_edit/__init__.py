"""Spatial Edit: a photo or a seed becomes a scene with a layout that you move.

The names below are the public ones. They are fetched when they are first used, so that `import spatial_edit`
is quick and needs nothing but torch, numpy and pillow.

    generator = spatial_edit.load("blobgan-rooms")
    image = generator.render(generator.sample(seed=7))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spatial_edit.edits.ops import Edit as Edit
    from spatial_edit.generators.contract import Generator as Generator
    from spatial_edit.generators.contract import ModelSpec as ModelSpec
    from spatial_edit.generators.registry import load as load
    from spatial_edit.images import open_photo as open_photo
    from spatial_edit.layouts import Blobs as Blobs
    from spatial_edit.layouts import Boxes3D as Boxes3D
    from spatial_edit.layouts import Latent as Latent
    from spatial_edit.layouts import Layout as Layout
    from spatial_edit.layouts import Provenance as Provenance
    from spatial_edit.layouts import Scene as Scene
    from spatial_edit.session import Session as Session

__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOME = {
    "Blobs": "spatial_edit.layouts",
    "Boxes3D": "spatial_edit.layouts",
    "Edit": "spatial_edit.edits.ops",
    "Generator": "spatial_edit.generators.contract",
    "Latent": "spatial_edit.layouts",
    "Layout": "spatial_edit.layouts",
    "ModelSpec": "spatial_edit.generators.contract",
    "Provenance": "spatial_edit.layouts",
    "Scene": "spatial_edit.layouts",
    "Session": "spatial_edit.session",
    "load": "spatial_edit.generators.registry",
    "open_photo": "spatial_edit.images",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
