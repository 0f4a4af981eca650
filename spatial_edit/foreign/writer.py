"""An import: a file of another project becomes the folder of a model here, whole or not at all.

    NAME/  config.json  model*.safetensors  model.json  README.md  [discriminator/ config.json model*..]

Weights are stored in float32, also those of files in half precision: converters compute with them (folded
gains, merged norms), and the published numbers are reproduced in float32.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path

import torch
from torch import nn

from spatial_edit import checkpoints
from spatial_edit.foreign import formats
from spatial_edit.foreign.card import NOT_STATED, Original, card, one_line, printable
from spatial_edit.foreign.content import Converted, ForeignError, ImportOptions
from spatial_edit.foreign.folders import free_name, model_to_extend, name_from, new_folder
from spatial_edit.foreign.formats import blobgan
from spatial_edit.generators import registry
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.imported import (
    NAME,
    Facts,
    free_number,
    models_folder,
    read_facts,
    spec_from,
    spec_of,
    write_facts,
)
from spatial_edit.hub.card import licence_of
from spatial_edit.hub.fetch import FILES, fetch
from spatial_edit.hub.ids import parse

MAX_SHARD_BYTES = 100_000_000  # of a file; what is written is held in memory a second time
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
    from spatial_edit.foreign.reading.reader import read

    path, out = Path(path), Path(out or models_folder())
    stated = Stated(
        one_line(licence, "the licence") or NOT_STATED, one_line(source, "the source") or printable(path.name)
    )
    if onto is None:
        name = free_name(name or name_from(path.stem), out, replace)
    else:
        model_to_extend(onto, out)
    content = read(path)
    converted = formats.convert(content, options)
    original = Original(path.name, content.size, content.sha256)
    del content  # the file's own tensors: as much memory again as the network's
    if onto is not None:
        return attach(converted, original, stated, onto, out, replace)
    assert name is not None
    return write(converted, original, stated, name, out, replace)


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
    with new_folder(out, name, _bytes(converted), replace) as folder:
        digest = _write_networks(folder, converted)
        _write_words(folder, converted, original, stated, free_number(digest, name))
    registry.forget(name)
    return _imported(out / name, converted, name)


def import_hub(
    address: str,
    name: str | None = None,
    out: Path | None = None,
    licence: str | None = None,
    source: str | None = None,
    replace: bool = False,
) -> ImportedModel:
    """A model of the hub (hf:owner/name@revision) becomes an added one, which stays when the hub is gone.

    Its weights are loaded once, which compares names, shapes, dtypes and hash with the network. licence and
    source: the model's own unless given. HubError, CheckpointError or ForeignError, in one sentence.
    """
    parsed, out = parse(address), Path(out or models_folder())
    licence, source = one_line(licence, "the licence"), one_line(source, "the source")
    name = free_name(name or name_from(parsed.repo.rpartition("/")[2]), out, replace)
    snapshot = fetch(parsed)
    registry.check_files(spec_from(read_facts(snapshot.folder), str(snapshot.address), snapshot.folder))
    facts = read_facts(snapshot.folder)
    number = free_number(checkpoints.stored_hash(snapshot.folder), name)
    licence = licence or (facts.licence if facts.licence != NOT_STATED else _licence_of(snapshot.folder))
    facts = changed(
        facts, number=number, licence=licence or NOT_STATED, source=source or str(snapshot.address)
    )
    files = _files(snapshot.folder)
    with new_folder(out, name, sum(path.stat().st_size for path in files), replace) as folder:
        for path in files:
            target = folder / path.relative_to(snapshot.folder)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)  # the cache's own files are links
        write_facts(folder, facts)
        if not (folder / "README.md").exists():
            (folder / "README.md").write_text(card(name, facts), encoding="utf-8")
        checkpoints.verify(folder)
    registry.forget(name)
    notes = (snapshot.note,) if snapshot.note else ()
    return ImportedModel(name, out / name, spec_of(out / name), facts.format or facts.family, (), notes)


def attach(
    converted: Converted, original: Original, stated: Stated, onto: str, out: Path, replace: bool = False
) -> ImportedModel:
    """A further network of the added model `onto`, in a sub-folder of its own."""
    spec = model_to_extend(onto, out)
    assert spec.folder is not None
    family, part = ATTACHED.get(converted.family, ("", ""))
    if not part:
        raise ForeignError(
            f"{original.name} is {converted.title}, a model by itself: import it without --onto"
        )
    if spec.family != family:
        raise ForeignError(f"{original.name} belongs to a model of {family}; {onto} is one of {spec.family}")
    if converted.family == "blobgan-encoder":
        blobgan.check_encoder(converted.config, checkpoints.read_config(spec.folder))
    if (spec.folder / part).exists() and not replace:
        raise ForeignError(f"{onto} already has its {part}: say --replace to put this one in its place")
    with new_folder(spec.folder, part, _bytes(converted), replace) as folder:
        _write_networks(folder, converted)
        _write_words(folder, converted, original, stated, spec.number)
    registry.forget(onto)
    return _imported(spec.folder, converted, onto)


def _bytes(converted: Converted) -> int:
    """Of everything that will be written: float32 or wider."""
    modules = [converted.module, *(module for module, _ in converted.parts.values())]
    tensors = [t for module in modules if isinstance(module, nn.Module) for t in module.state_dict().values()]
    return sum(tensor.numel() * max(4, tensor.element_size()) for tensor in tensors)


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
    spec_of(folder)  # what cannot be read again is no import
    text = card(folder.name, facts, original, converted.notes)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _imported(folder: Path, converted: Converted, name: str) -> ImportedModel:
    return ImportedModel(
        name, folder, spec_of(folder), converted.format, tuple(converted.parts), converted.notes
    )


def _licence_of(folder: Path) -> str:
    """What the card of a model says of its licence."""
    path = folder / "README.md"
    return licence_of(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else ""


def _files(folder: Path) -> list[Path]:
    """A fetched model's own files; whatever else lies in the hub's cache stays there."""
    found = [*folder.glob("*"), *folder.glob("*/*")]
    return [path for path in sorted(found) if FILES.fullmatch(path.relative_to(folder).as_posix())]
