"""Folders of models: a name that is free, room on the disk, and a folder that appears whole or not at all."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spatial_edit.foreign.content import ForeignError
from spatial_edit.generators import registry
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.imported import FACTS_NAME, NAME, models_folder, spec_of

INSTEAD = "say --replace to put this one in its place"
ROOM_BESIDE = 10_000_000  # bytes that must stay free on the disk


def name_from(stem: str) -> str:
    """A model's name made of a file's: small letters, digits, dots, dashes and underscores."""
    name = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")[:48].rstrip("-._")
    return name or "model"


def free_name(name: str, out: Path, replace: bool, how: str = " with --as", instead: str = INSTEAD) -> str:
    """The name when a model can have it; ForeignError when it cannot. how: another name is given; instead:
    what else can be done when it is taken."""
    if not NAME.fullmatch(name):
        raise ForeignError(
            f"{name[:60]!r} cannot be a model's name: use up to 48 small letters, digits, dots, dashes"
        )
    if name in registry.MODELS:
        raise ForeignError(f"{name} is a model that comes with the program: choose another name{how}")
    target = out / name
    if (target.exists() or target.is_symlink()) and not replace:
        raise ForeignError(f"there is already a model {name}: choose another name{how}, or {instead}")
    if target.exists() and not (target / FACTS_NAME).is_file():
        raise ForeignError(f"{target} is not the folder of a model: it is not replaced; choose another name")
    return name


def model_to_extend(name: str, out: Path) -> ModelSpec:
    """The row of the added model; ForeignError when there is none."""
    if not NAME.fullmatch(name) or not (out / name).is_dir():
        raise ForeignError(f"there is no added model {name[:60]!r} to extend: import it first")
    return spec_of(out / name)


@contextmanager
def new_folder(out: Path, name: str, needed: int, replace: bool) -> Iterator[Path]:
    """A folder to fill, which becomes `out`/`name` when the block ends well, and vanishes otherwise.

    needed: bytes that will be written. ForeignError, in one sentence, for a disk that is full or read-only.
    """
    hidden: Path | None = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        _check_space(out, needed)
        hidden = Path(tempfile.mkdtemp(dir=out, prefix=f".{name}.importing-"))
        folder = hidden / name
        folder.mkdir()
        yield folder
        _move(folder, out / name, hidden / "replaced", replace)
    except OSError as error:
        raise ForeignError(f"could not write {name} to {out}: {error.strerror or error}") from error
    finally:
        if hidden is not None:
            shutil.rmtree(hidden, ignore_errors=True)


def remove(name: str, out: Path | None = None) -> Path:
    """Delete an added model; its folder. ForeignError for a bundled one and for a name that is not there."""
    if name in registry.MODELS:
        raise ForeignError(f"{name} comes with the program: only models that were added can be removed")
    folder = (out or models_folder()) / name
    if not NAME.fullmatch(name) or folder.is_symlink() or not (folder / FACTS_NAME).is_file():
        raise ForeignError(f"there is no added model {name[:60]!r}")
    try:
        hidden = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}.removing-"))
        folder.rename(hidden / name)
    except OSError as error:
        raise ForeignError(f"could not remove {name}: {error.strerror or error}") from error
    shutil.rmtree(hidden, ignore_errors=True)
    registry.forget(name)
    return folder


def _sweep(out: Path) -> None:
    """Remove what imports left that were killed more than a day ago."""
    for path in (*out.glob(".*.importing-*"), *out.glob(".*.removing-*")):
        if not path.is_symlink() and path.is_dir() and time.time() - path.stat().st_mtime > 86_400:
            shutil.rmtree(path, ignore_errors=True)


def _move(folder: Path, target: Path, aside: Path, replace: bool) -> None:
    if not target.exists():
        folder.rename(target)
        return
    if not replace:  # somebody else made it meanwhile
        raise ForeignError(f"there is already a model {target.name}: choose another name with --as")
    target.rename(aside)
    try:
        folder.rename(target)
    except OSError:
        aside.rename(target)
        raise


def _check_space(out: Path, needed: int) -> None:
    free, needed = shutil.disk_usage(out).free, needed + ROOM_BESIDE
    if free < needed:
        raise ForeignError(
            f"{out} has {free / 1e6:.0f} MB free, the model needs {needed / 1e6:.0f} MB: make room, or "
            "choose another disk with --out"
        )
