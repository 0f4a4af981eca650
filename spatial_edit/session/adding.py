"""Models that people add: a file of another project or a model of the hub becomes one of the models here.

One at a time. What fails leaves nothing behind; every error is one sentence. What is added lies in
`generators.imported.models_folder()`, where `registry.all_models` finds it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from spatial_edit import checkpoints
from spatial_edit.generators import imported, registry
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.imported import is_added

__all__ = [
    "AddError",
    "Added",
    "Adding",
    "Wanted",
    "check_file",
    "draws",
    "free_name",
    "is_added",
    "is_here",
    "pictured",
]

if TYPE_CHECKING:
    from spatial_edit.foreign.writer import ImportedModel

INSTEAD = "remove that one first"
BUSY = "another model is being added just now: wait until it is done"
COMMAND = "(on the command line: python -m spatial_edit import)"
Import = Callable[..., "ImportedModel"]  # import_file or import_hub of foreign.writer


class AddError(ValueError):
    """A model that could not be added or removed; the message is one sentence for the user."""


@dataclass(frozen=True)
class Wanted:
    """What the user asks for: a file on this computer or an address on the hub, and what they say of it."""

    file: Path | None = None
    address: str = ""  # owner/name@revision, with or without hf:
    name: str = ""  # "" for one that is made of the file's or the address's
    licence: str = ""
    source: str = ""


@dataclass(frozen=True)
class Added:
    """A new model. pictures: whether it draws, or is a network that serves others."""

    name: str
    spec: ModelSpec
    format: str
    pictures: bool
    notes: tuple[str, ...] = ()


class Adding:
    """Adds and removes models, one at a time. Safe to use from several threads."""

    def __init__(self, from_file: Import | None = None, from_hub: Import | None = None) -> None:
        self._from_file, self._from_hub = from_file, from_hub
        self._turn = threading.Lock()

    def checked(self, wanted: Wanted) -> Wanted:
        """The request with the name that the model will get; AddError for one that cannot be met whatever the
        file holds."""
        given = [wanted.file is not None, bool(wanted.address.strip())]
        if sum(given) != 1:
            raise AddError(
                "give a file or a model on the hub, not both"
                if any(given)
                else "there is nothing to add yet: choose a file, or name a model on the hub"
            )
        if wanted.file is not None:
            check_file(wanted.file)
        if self._turn.locked():
            raise AddError(BUSY)
        return replace(wanted, name=free_name(wanted.name.strip() or _suggested(wanted)))

    def add(self, wanted: Wanted) -> Added:
        """The new model; a ValueError with one sentence when there is none."""
        wanted = self.checked(wanted)
        with self._my_turn(), _told():
            said = {"licence": wanted.licence.strip() or None, "source": wanted.source.strip() or None}
            if wanted.file is None:
                made = (self._from_hub or _hub_import())(wanted.address.strip(), wanted.name, **said)
            else:
                made = (self._from_file or _file_import())(wanted.file, wanted.name, **said)
        return Added(made.name, made.spec, made.format, draws(made.spec), made.notes)

    def remove(self, name: object) -> None:
        """Delete an added model; a ValueError for one that is not there or comes with the program."""
        from spatial_edit.foreign import folders

        if not isinstance(name, str) or name in registry.MODELS or name not in imported.added():
            raise AddError(f"there is no added model {str(name)[:48]!r}: reload the page")
        with self._my_turn(), _told():
            folders.remove(name)
            registry.forget(name)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            raise AddError(BUSY)
        try:
            yield
        finally:
            self._turn.release()


def _file_import() -> Import:
    from spatial_edit.foreign.writer import import_file

    return import_file


def _hub_import() -> Import:
    from spatial_edit.foreign.writer import import_hub

    return import_hub


def _suggested(wanted: Wanted) -> str:
    from spatial_edit.foreign.folders import name_from

    if wanted.file is not None:
        return name_from(wanted.file.stem)
    repo, _, _ = wanted.address.strip().partition("@")
    return name_from(repo.rpartition("/")[2])


def check_file(path: Path) -> None:
    """AddError unless there is such a file."""
    if not path.is_file():
        raise AddError(f"there is no file {str(path)[-80:]!r} on the computer that runs this program")


def pictured() -> dict[str, ModelSpec]:
    """The models whose pictures people are shown and whose weights are here, bundled ones first."""
    return {name: spec for name, spec in registry.all_models().items() if draws(spec) and is_here(spec)}


def draws(spec: ModelSpec) -> bool:
    """Whether a model draws pictures that people are shown: not a network that serves others, and no baseline
    that comes with the program to be compared with."""
    bundled = spec.name in registry.MODELS
    return spec.name in registry.editable() if bundled else spec.family not in registry.NETWORKS


def is_here(spec: ModelSpec) -> bool:
    """Whether a model's weights are installed."""
    return spec.folder is None or (spec.folder / checkpoints.CONFIG_NAME).is_file()


def free_name(name: str) -> str:
    """The name, stripped; AddError when it cannot be a model's or is taken."""
    from spatial_edit.foreign import folders

    with _told():
        return folders.free_name(name.strip(), imported.models_folder(), False, "", INSTEAD)


@contextmanager
def _told() -> Iterator[None]:
    """Errors as AddError, one sentence each: those of the importers, of memory and of the disk."""
    try:
        yield
    except AddError:
        raise
    except OSError as error:
        raise AddError(f"the disk does not allow it: {error.strerror or type(error).__name__}") from error
    except ValueError as error:
        text = " ".join(str(error).split())
        text = text.replace(str(imported.models_folder()), "the folder of models")  # whoever reads it is afar
        raise AddError(f"{text} {COMMAND}" if " --" in text else text) from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "memory" in str(error).lower():
            raise AddError("there is not enough memory for this model: close other programs first") from error
        raise AddError("its network cannot be built: the file is damaged, or of another version") from error
