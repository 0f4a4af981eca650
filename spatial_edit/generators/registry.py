"""The models that come with the project: one frozen row each, and a loader with a process-wide cache."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from spatial_edit.generators.blobgan.renderer import load_blob_generator
from spatial_edit.generators.box3d.renderer import load_box3d
from spatial_edit.generators.box3d.vector import SLOT_NAMES
from spatial_edit.generators.contract import SCENE_OPS, STYLE_OPS, Generator, ModelSpec
from spatial_edit.generators.ganformer.scenes import load_ganformer
from spatial_edit.generators.imported import added
from spatial_edit.generators.stylegan2_renderer import load_stylegan2
from spatial_edit.layouts.boxes3d import CLASSES, MAX_BOXES, STYLES

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"

# the words of data.rooms.blob_truth.SLOT_NAMES, row by row (a test compares them)
ROOM_SLOTS = (
    "rug",
    "bed",
    "nightstand (left)",
    "nightstand (right)",
    "lamp (left)",
    "lamp (right)",
    "window",
    "painting A",
    "painting B",
    "wardrobe",
    "dresser",
    "bookshelf",
    "plant",
    "chair",
    "pouf",
    "door",
    "mirror",
    "floor lamp",
    "ceiling lamp",
    "decoration A",
    "decoration B",
)

# what stands on what in them, as data.rooms.blob_truth has it (a test compares them)
ROOM_STANDS = ((4, 2), (5, 3), (19, 10), (20, 10))

# every row of a Box3D latent: the sampled slots, then ten styles of every class
BOX_ROWS = tuple(name.replace("_", " ") for name in SLOT_NAMES) + tuple(
    f"{name}, style {style + 1}" for name in CLASSES for style in range(STYLES)
)

MODELS: dict[str, ModelSpec] = {
    "blobgan-rooms": ModelSpec(
        name="blobgan-rooms",
        number=1,
        family="blobgan",
        title="Bedrooms, as blobs",
        kind="blobs",
        resolution=64,
        licence="MIT",
        training_data="procedural bedrooms of this project (layout-supervised)",
        folder=CHECKPOINTS / "blobgan-rooms",
        row_names=ROOM_SLOTS,
        stands=ROOM_STANDS,
        edits=STYLE_OPS + SCENE_OPS,
    ),
    "stylegan2-rooms": ModelSpec(
        name="stylegan2-rooms",
        number=2,
        family="stylegan2",
        title="Bedrooms without a layout (the baseline)",
        kind="",
        resolution=64,
        licence="MIT",
        training_data="procedural bedrooms of this project",
        folder=CHECKPOINTS / "stylegan2-rooms",
    ),
    "box3d-rooms": ModelSpec(
        name="box3d-rooms",
        number=3,
        family="box3d",
        title="Bedrooms, as boxes",
        kind="boxes3d",
        resolution=128,
        licence="MIT",
        training_data="procedural bedrooms of this project (layout-supervised)",
        folder=CHECKPOINTS / "box3d-rooms",
        row_names=BOX_ROWS,
        max_elements=MAX_BOXES,
    ),
}

_LOADERS: dict[str, Callable[[ModelSpec, str], Generator]] = {
    "blobgan": load_blob_generator,
    "stylegan2": load_stylegan2,
    "box3d": load_box3d,
    "ganformer": load_ganformer,
}
# families of which there are only networks: nothing to sample, or nothing to draw without more input
NETWORKS = ("backbone", "blobgan-encoder")
_loaded: dict[tuple[str, str], Generator] = {}
_lock = threading.Lock()


def all_models() -> dict[str, ModelSpec]:
    """The bundled models, then those that people have added."""
    return {**MODELS, **{name: spec for name, spec in added().items() if name not in MODELS}}


def editable() -> dict[str, ModelSpec]:
    """The models that come with the project whose scenes have something to move."""
    return {name: spec for name, spec in MODELS.items() if spec.kind}


def by_number(number: int) -> ModelSpec:
    """The row whose byte in an edit code is `number`; ValueError when there is none."""
    for spec in all_models().values():
        if spec.number == number:
            return spec
    raise ValueError(f"no model here has the number {number}: the link may be from a newer version")


def load(name: str, device: str = "cpu") -> Generator:
    """A model by name, loaded once a process and device; ValueError for an unknown name or a bad
    checkpoint."""
    models = MODELS if name in MODELS else all_models()
    if name not in models:
        raise ValueError(f"there is no model '{name}': choose one of {', '.join(models)}")
    spec = models[name]
    if spec.family not in _LOADERS:
        raise ValueError(f"{name} is a network of the family {spec.family!r}: it draws no pictures by itself")
    with _lock:
        key = (name, device)
        if key not in _loaded:
            _loaded[key] = _LOADERS[spec.family](spec, device)
        return _loaded[key]


def forget(name: str) -> None:
    """Drop the loaded copies of a model that was removed or replaced."""
    with _lock:
        for key in [key for key in _loaded if key[0] == name]:
            del _loaded[key]
