"""The models: one frozen row each for those that come with the project, beside those that people have added
and those of the hub (hf:owner/name@revision); and a loader with a process-wide cache."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from spatial_edit.generators.bachgan.scenes import load_bachgan
from spatial_edit.generators.blobgan.published_scenes import load_published
from spatial_edit.generators.blobgan.renderer import load_blob_generator
from spatial_edit.generators.box3d.renderer import load_box3d
from spatial_edit.generators.box3d.vector import SLOT_NAMES
from spatial_edit.generators.contract import (
    HIERARCHY_OPS,
    OBJECT_OPS,
    SCENE_OPS,
    STYLE_OPS,
    Generator,
    ModelSpec,
)
from spatial_edit.generators.ganformer.scenes import load_ganformer
from spatial_edit.generators.imported import FACTS_NAME, added, free_number, read_facts, spec_from
from spatial_edit.generators.spatialgan.eqgan_scenes import load_eqgan
from spatial_edit.generators.spatialgan.scenes import load_spatialgan
from spatial_edit.generators.stylegan2_renderer import load_stylegan2
from spatial_edit.hub.ids import is_address, parse
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

# the centres of the models of heatmaps, by number
CAT_PARTS = ("face", "eye (left)", "eye (right)", "ear (left)", "ear (right)", "nose", "chest")
ROOM_OBJECTS = ("bed", "window", "painting")

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
    "spatialgan-cats": ModelSpec(
        name="spatialgan-cats",
        number=4,
        family="spatialgan",
        title="Cats, as a hierarchy of heatmaps",
        kind="heatmaps",
        resolution=64,
        licence="CC BY-NC 4.0",
        training_data="5,123 photos of cats' faces, with their frames known",
        folder=CHECKPOINTS / "spatialgan-cats",
        row_names=CAT_PARTS,
        max_elements=len(CAT_PARTS),
        edits=HIERARCHY_OPS,
    ),
    "stylegan2-cats": ModelSpec(
        name="stylegan2-cats",
        number=5,
        family="stylegan2",
        title="Cats without a layout (the baseline)",
        kind="",
        resolution=64,
        licence="CC BY-NC 4.0",
        training_data="5,123 photos of cats' faces",
        folder=CHECKPOINTS / "stylegan2-cats",
    ),
    "spatialgan-rooms": ModelSpec(
        name="spatialgan-rooms",
        number=6,
        family="spatialgan",
        title="Bedrooms, as heatmaps of three objects",
        kind="heatmaps",
        resolution=64,
        licence="MIT",
        training_data="procedural bedrooms of this project (centres from ground truth)",
        folder=CHECKPOINTS / "spatialgan-rooms",
        row_names=ROOM_OBJECTS,
        max_elements=len(ROOM_OBJECTS),
        edits=OBJECT_OPS,
    ),
}

_LOADERS: dict[str, Callable[[ModelSpec, str], Generator]] = {
    "blobgan": load_blob_generator,
    "blobgan-published": load_published,
    "stylegan2": load_stylegan2,
    "box3d": load_box3d,
    "eqgan": load_eqgan,
    "spatialgan": load_spatialgan,
    "ganformer": load_ganformer,
    "bachgan": load_bachgan,
}
# families of which there are only networks: nothing to sample, or nothing to draw without more input
NETWORKS = ("backbone", "blobgan-encoder", "bachgan-discriminator")
# the layout that a family's scenes have: a row that says otherwise is not believed
KINDS = {
    "stylegan2": "",
    "blobgan": "blobs",
    "blobgan-published": "blobs",
    "box3d": "boxes3d",
    "eqgan": "heatmaps",
    "spatialgan": "heatmaps",
    "ganformer": "",
    "bachgan": "boxes",
}
Key = tuple[str, str]  # name, device
# a model stays loaded while its files stay the same: (their state, the generator)
_loaded: dict[Key, tuple[tuple, Generator]] = {}
_hub: dict[str, ModelSpec] = {}  # the hub's models of this process, by hf:owner/name@commit
_lock = threading.Lock()


def all_models() -> dict[str, ModelSpec]:
    """The bundled models, then those that people have added."""
    return {**MODELS, **{name: spec for name, spec in added().items() if name not in MODELS}}


def editable() -> dict[str, ModelSpec]:
    """The models that come with the project whose scenes have something to move."""
    return {name: spec for name, spec in MODELS.items() if spec.kind}


def by_number(number: int) -> ModelSpec:
    """The row whose byte in an edit code is `number`; ValueError when there is none."""
    for spec in (*all_models().values(), *list(_hub.values())):
        if spec.number == number:
            return spec
    raise ValueError(f"no model here has the number {number}: the link may be from a newer version")


def load(name: str, device: str = "cpu") -> Generator:
    """A model by name or as hf:owner/name@revision, loaded once a process and device as long as its files
    stay the same. ValueError, in one sentence, for an unknown name, a model that cannot be fetched, and a bad
    checkpoint."""
    spec = find(name)
    if spec.family not in _LOADERS:
        raise ValueError(f"{name} is a network of the family {spec.family!r}: it draws no pictures by itself")
    with _lock:
        key, state = (spec.name, device), _state(spec)
        if key not in _loaded or _loaded[key][0] != state:
            _loaded.pop(key, None)  # its memory is free before the new one is loaded
            _loaded[key] = (state, _open(spec, device))
        return _loaded[key][1]


def _open(spec: ModelSpec, device: str) -> Generator:
    """The loaded model. What is damaged in the hub's cache is thrown away, so that it is fetched again."""
    from spatial_edit.checkpoints import CheckpointError
    from spatial_edit.hub.errors import HubError
    from spatial_edit.hub.fetch import discard

    try:
        return _LOADERS[spec.family](spec, device)
    except ValueError as error:
        if not is_address(spec.name) or spec.folder is None:
            raise
        _hub.pop(spec.name, None)
        if isinstance(error, CheckpointError):
            discard(spec.folder)
        raise HubError(f"{spec.name} cannot be used: {error}") from error


def find(name: str) -> ModelSpec:
    """The row of a model by name or as hf:owner/name@revision, which is fetched; ValueError as `load`."""
    if is_address(name):
        return _hub_spec(name)
    models = MODELS if name in MODELS else all_models()
    if name in models:
        return models[name]
    forget(name)  # removed while it was loaded
    more = f" or one of the {len(models) - len(MODELS)} added ones" if len(models) > len(MODELS) else ""
    raise ValueError(f"there is no model '{name[:60]}': choose one of {', '.join(MODELS)}{more}")


def forget(name: str) -> None:
    """Drop what is loaded of a model that has been removed or replaced."""
    with _lock:
        for key in [key for key in _loaded if key[0] == name]:
            del _loaded[key]


def check_files(spec: ModelSpec) -> None:
    """ValueError, in one sentence, unless the row's files are a whole model of a family known here."""
    from spatial_edit.checkpoints import verify

    check_row(spec)
    if spec.family in _LOADERS:
        _open(spec, "cpu")
    elif spec.folder is not None:
        verify(spec.folder)


def check_row(spec: ModelSpec) -> None:
    """ValueError for a row whose family is unknown here, or whose layout is not that of its family."""
    if spec.family not in (*_LOADERS, *NETWORKS):
        raise ValueError(f"{spec.name} is of the family {spec.family[:40]!r}, which is unknown here: update")
    if spec.kind != KINDS.get(spec.family, ""):
        raise ValueError(f"{spec.name} says that its layout is {spec.kind[:40]!r}: {spec.family} has another")


def _hub_spec(name: str) -> ModelSpec:
    """The row of a model of the hub, called hf:owner/name@commit. Its number is of its weights' hash."""
    from spatial_edit.checkpoints import stored_hash
    from spatial_edit.hub.fetch import fetch

    if name in _hub and (_hub[name].folder or CHECKPOINTS).is_dir():
        return _hub[name]
    snapshot = fetch(parse(name))
    pinned = str(snapshot.address)
    if snapshot.note:
        logging.getLogger(__name__).warning(snapshot.note)
    spec = spec_from(read_facts(snapshot.folder), pinned, snapshot.folder)
    check_row(spec)
    with _lock:
        if pinned not in _hub:
            taken = frozenset(other.number for other in _hub.values())
            _hub[pinned] = replace(spec, number=free_number(stored_hash(snapshot.folder), pinned, taken))
        return _hub[pinned]


def _state(spec: ModelSpec) -> tuple:
    """What changes when a model's files do: of the small files, which are written anew with the weights."""
    if spec.folder is None:
        return ()
    found = []
    for path in (
        spec.folder / "config.json",
        spec.folder / FACTS_NAME,
        spec.folder / "encoder" / "config.json",
    ):
        try:
            stat = path.stat()
            found.append((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size))
        except OSError:
            continue
    return tuple(found)
