"""An import: a file of another project becomes the folder of a model here, whole or not at all.

    NAME/  config.json  model*.safetensors  model.json  README.md  [discriminator/ config.json model*..]

Weights are stored in float32, also those of files in half precision: converters compute with them (folded
gains, merged norms), and the published numbers are reproduced in float32.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from spatial_edit import checkpoints
from spatial_edit.foreign import formats
from spatial_edit.foreign.card import NOT_STATED, Original, card, one_line
from spatial_edit.foreign.content import Converted, ForeignError, ImportOptions
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.imported import NAME, Facts, free_number, models_folder, spec_of, write_facts
from spatial_edit.generators.registry import MODELS

MAX_SHARD_BYTES = 100_000_000  # of a file; what is written is held in memory a second time
ROOM_BESIDE = 10_000_000  # bytes that must stay free on the disk
# networks that belong to a model: family -> (family of the model, name of the sub-folder)
ATTACHED = {"blobgan-encoder": ("blobgan-published", "encoder")}


@dataclass(frozen=True)
class ImportedModel:
    """What an import made. notes: sentences for the user."""

    name: str
    folder: Path
    spec: ModelSpec
    format: str
    parts: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Stated:
    """What the user says of a file's origin."""

    licence: str
    source: str


def import_file(
    path: Path,
    name: str | None = None,
    out: Path | None = None,
    licence: str | None = None,
    source: str | None = None,
    options: ImportOptions | None = None,
    onto: str | None = None,
    replace: bool = False,
) -> ImportedModel:
    """Read, convert and write a file. out: the folder that the model's folder goes into (default: where
    added models lie). onto: the added model that a further network (an encoder) belongs to.

    ForeignError or CheckpointError, in one sentence, for a file that cannot be read, a name that is taken,
    and a disk that is full or read-only; nothing is left behind then.
    """
    from spatial_edit.foreign.reader import read

    path, out = Path(path), Path(out or models_folder())
    stated = Stated(
        one_line(licence, "the licence") or NOT_STATED, one_line(source, "the source") or path.name
    )
    if onto is None:
        name = _free_name(name or name_from(path), out, replace)
    else:
        _model_to_extend(onto, out)
    content = read(path)
    converted = formats.convert(content, options)
    original = Original(path.name, content.size, content.sha256)
    del content  # the file's own tensors: as much memory again as the network's
    if onto is not None:
        return attach(converted, original, stated, onto, out, replace)
    assert name is not None
    return write(converted, original, stated, name, out, replace)


def name_from(path: Path) -> str:
    """A model's name made of a file's: small letters, digits, dots, dashes and underscores."""
    name = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")[:48].rstrip("-._")
    return name or "model"


def write(
    converted: Converted, original: Original, stated: Stated, name: str, out: Path, replace: bool = False
) -> ImportedModel:
    """The folder `out`/`name` of a converted file."""
    if converted.family in ATTACHED:
        family, _ = ATTACHED[converted.family]
        raise ForeignError(
            f"{original.name} is {converted.title}, which belongs to a model of the family {family}: import "
            "that model first, then this file with --onto and the model's name"
        )
    with _new_folder(out, name, converted, replace) as folder:
        digest = _write_networks(folder, converted)
        _write_words(folder, converted, original, stated, free_number(digest, name))
    return _imported(out / name, converted, name)


def attach(
    converted: Converted, original: Original, stated: Stated, onto: str, out: Path, replace: bool = False
) -> ImportedModel:
    """A further network of the added model `onto`, in a sub-folder of its own."""
    spec = _model_to_extend(onto, out)
    assert spec.folder is not None
    family, part = ATTACHED.get(converted.family, ("", ""))
    if not part:
        raise ForeignError(
            f"{original.name} is {converted.title}, a model by itself: import it without --onto"
        )
    if spec.family != family:
        raise ForeignError(f"{original.name} belongs to a model of {family}; {onto} is one of {spec.family}")
    if (spec.folder / part).exists() and not replace:
        raise ForeignError(f"{onto} already has its {part}: say --replace to put this one in its place")
    with _new_folder(spec.folder, part, converted, replace) as folder:
        _write_networks(folder, converted)
        _write_words(folder, converted, original, stated, spec.number)
    return _imported(spec.folder, converted, onto)


def _write_networks(folder: Path, converted: Converted) -> str:
    digest = _save(folder, converted.module, converted.config)
    for part, (module, config) in converted.parts.items():
        if not NAME.fullmatch(part):
            raise ForeignError(f"{part!r} cannot be the name of a network's folder")
        _save(folder / part, module, config)
    return digest


def _save(folder: Path, module: object, config: Mapping[str, object]) -> str:
    assert isinstance(module, nn.Module)
    return checkpoints.save(folder, module, dict(config), torch.float32, MAX_SHARD_BYTES)


def _write_words(folder: Path, converted: Converted, original: Original, stated: Stated, number: int) -> None:
    facts = Facts(
        family=converted.family,
        title=converted.title,
        kind=converted.kind,
        resolution=converted.resolution,
        number=number,
        licence=stated.licence,
        training_data=converted.training_data,
        source=stated.source,
        format=converted.format,
        sha256=original.sha256,
        row_names=converted.row_names,
        edits=converted.edits,
        max_elements=converted.max_elements,
    )
    write_facts(folder, facts)
    text = card(folder.name, facts, original, converted.notes)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _imported(folder: Path, converted: Converted, name: str) -> ImportedModel:
    return ImportedModel(
        name, folder, spec_of(folder), converted.format, tuple(converted.parts), converted.notes
    )


def _free_name(name: str, out: Path, replace: bool) -> str:
    if not NAME.fullmatch(name):
        raise ForeignError(
            f"{name[:60]!r} cannot be a model's name: use up to 48 small letters, digits, dots, dashes"
        )
    if name in MODELS:
        raise ForeignError(f"{name} is a model that comes with the program: choose another name with --as")
    if (out / name).exists() and not replace:
        raise ForeignError(
            f"there is already a model {name}: choose another name with --as, or say --replace to put this "
            "one in its place"
        )
    return name


def _model_to_extend(name: str, out: Path) -> ModelSpec:
    if not NAME.fullmatch(name) or not (out / name).is_dir():
        raise ForeignError(f"there is no added model {name[:60]!r} to extend: import it first")
    return spec_of(out / name)


@contextmanager
def _new_folder(out: Path, name: str, converted: Converted, replace: bool) -> Iterator[Path]:
    """A folder to fill, which becomes `out`/`name` when the block ends well, and vanishes otherwise."""
    hidden: Path | None = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        _check_space(out, converted)
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


def _check_space(out: Path, converted: Converted) -> None:
    modules = [converted.module, *(module for module, _ in converted.parts.values())]
    needed = ROOM_BESIDE
    for module in modules:
        assert isinstance(module, nn.Module)
        needed += sum(t.numel() * max(4, t.element_size()) for t in module.state_dict().values())
    free = shutil.disk_usage(out).free
    if free < needed:
        raise ForeignError(
            f"{out} has {free / 1e6:.0f} MB free, the model needs {needed / 1e6:.0f} MB: make room, or "
            "choose another disk with --out"
        )
