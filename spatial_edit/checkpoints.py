"""Checkpoints: a folder with config.json and model.safetensors, checked before anything is loaded, saved
whole or not at all.

    config.json                        {"format": 1, "weights": "<hash>", "config": {...}}
    model.safetensors                  or model-00001-of-0000N.safetensors with model.safetensors.index.json

Loading goes through accelerate (`init_empty_weights`, `load_checkpoint_and_dispatch`), which by itself loads
a wrong architecture without an error; so names, shapes and dtypes are compared with the model first
(safetensors_header.py), then the hash, and after loading every value must be finite. Half precision on disk
becomes the module's own dtype in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.placement import MaxMemory, limits, load_spread, load_whole, places
from spatial_edit.safetensors_header import CheckpointError, Entry, few, parse_json, read_header

__all__ = [
    "CheckpointError",
    "load",
    "read_config",
    "save",
    "stored_hash",
    "verify",
    "weight_files",
    "weights_hash",
]

CONFIG_NAME = "config.json"
SINGLE_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"
MAX_CONFIG_BYTES = 1_000_000
MAX_INDEX_BYTES = 10_000_000
MAX_SHARD_BYTES = 9_400_000  # a host that refuses files of 10 MB takes these; header included below 9.5 MB

_loading = threading.Lock()  # init_empty_weights patches nn.Module for the whole process


def save(
    folder: Path,
    module: nn.Module,
    config: dict,
    dtype: torch.dtype = torch.float16,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> str:
    """Write the module's weights and persistent buffers and its configuration; returns the hash of the
    weights.

    Floating-point tensors are stored as `dtype`, others as they are. Files are written to a temporary folder
    beside the target first, then renamed into place; other files of the folder (model card, metrics) stay.
    Raises CheckpointError for NaN or infinite weights, for values beyond `dtype`, for a configuration that is
    not JSON, and when the disk is full (the folder is then as it was).
    """
    folder = Path(folder)
    try:
        json.dumps(config, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the configuration cannot be written as JSON: {error}") from error
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.saving-"))
        _write_shards(temporary, module.state_dict(), dtype, max_shard_bytes)
        digest = weights_hash(temporary)
        text = json.dumps({"format": 1, "weights": digest, "config": config}, indent=1, allow_nan=False)
        _write(temporary / CONFIG_NAME, text.encode() + b"\n")
        _move_into_place(temporary, folder)
    except OSError as error:
        raise CheckpointError(f"could not save to {folder.name}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return digest


def load(
    folder: Path,
    build: Callable[[dict], nn.Module],
    device: str | torch.device = "cpu",
    max_memory: MaxMemory | None = None,
    offload: Path | None = None,
) -> tuple[nn.Module, dict, str]:
    """The module that `build(config)` makes, with the folder's weights on `device`; its configuration; the
    hash.

    The module comes back in evaluation mode with requires_grad off. A module larger than the memory that is
    free, or than `max_memory` (accelerate's: device → bytes), is spread by accelerate over the device, the
    computer's memory and the folder `offload` (placement.py). Raises CheckpointError, in one sentence, for a
    folder or file that is missing, truncated or tampered with, for weights that do not fit the module, and
    for a disk that is full.
    """
    from accelerate import init_empty_weights

    folder = Path(folder)
    config, stored_hash = _read_config_file(folder)
    shards = weight_files(folder)
    entries = _entries(folder, shards)
    with _loading:
        try:
            with torch.device("meta"):  # accelerate's way takes memory for a moment, whatever the sizes
                outline = build(config)
            _compare(folder, outline, entries)
            with init_empty_weights():
                module = build(config)
        except CheckpointError:
            raise
        except (TypeError, ValueError, LookupError, ArithmeticError, RuntimeError, AttributeError) as error:
            raise CheckpointError(f"{folder.name}/{CONFIG_NAME} describes no model: {error}") from error
        digest = _check_hash(folder, stored_hash)
        place = torch.device(device)
        most = max_memory or limits(_bytes(module), place)
        where = places(module, place, most) if most else {}
        if len(set(where.values())) > 1 or "disk" in where.values():
            module = load_spread(module, [folder / shard for shard in shards], place, where, offload)
        else:
            path = folder / (SINGLE_NAME if shards == [SINGLE_NAME] else INDEX_NAME)
            module = load_whole(module, path, place)
    return module.eval().requires_grad_(False), config, digest


def _bytes(module: nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())


def verify(folder: Path) -> str:
    """The hash of a folder whose files are whole and those that config.json names; CheckpointError otherwise.

    Nothing is loaded: whether the weights fit a model is found by `load`."""
    folder = Path(folder)
    _, stored_hash = _read_config_file(folder)
    _entries(folder, weight_files(folder))
    return _check_hash(folder, stored_hash)


def _check_hash(folder: Path, stored_hash: str) -> str:
    digest = weights_hash(folder)
    if digest != stored_hash:
        raise CheckpointError(
            f"the weights in {folder.name} are not the ones that {CONFIG_NAME} names ({digest}, expected "
            f"{stored_hash}): get the folder again"
        )
    return digest


def weights_hash(folder: Path) -> str:
    """First 16 hex digits of the sha256 over the weight files, in the order of their names."""
    digest = hashlib.sha256()
    for name in weight_files(Path(folder)):
        with open(Path(folder) / name, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def read_config(folder: Path) -> dict:
    """The configuration in the folder's config.json; CheckpointError when it is missing or damaged."""
    return _read_config_file(Path(folder))[0]


def stored_hash(folder: Path) -> str:
    """The hash of the weights that the folder's config.json names; CheckpointError when it is damaged."""
    digest = _read_config_file(Path(folder))[1]
    if not re.fullmatch("[0-9a-f]{16}", digest):
        raise CheckpointError(f"{folder.name}/{CONFIG_NAME} names no hash of weights: get the folder again")
    return digest


def _read_config_file(folder: Path) -> tuple[dict, str]:
    if not folder.is_dir():
        raise CheckpointError(
            f"there is no checkpoint folder {folder.name!r}: get the model or check the path"
        )
    content = parse_json(folder / CONFIG_NAME, MAX_CONFIG_BYTES)
    config, digest = content.get("config"), content.get("weights")
    if content.get("format") != 1 or not isinstance(config, dict) or not isinstance(digest, str):
        raise CheckpointError(
            f'{folder.name}/{CONFIG_NAME} is not of a checkpoint: it lacks "format": 1, "weights" or "config"'
        )
    return config, digest[:16]


def weight_files(folder: Path) -> list[str]:
    """File names of the weights, sorted. CheckpointError when there are none, or names that are not ours."""
    if (folder / INDEX_NAME).exists():
        weight_map = parse_json(folder / INDEX_NAME, MAX_INDEX_BYTES).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise CheckpointError(f"{folder.name}/{INDEX_NAME} has no weight_map: get the folder again")
        names = {str(name) for name in weight_map.values()}
        count = len(names)
        expected = [_shard_name(i, count) for i in range(count)]
        if sorted(names) != expected:
            raise CheckpointError(f"{folder.name}/{INDEX_NAME} names {few(names)}, expected {few(expected)}")
        return expected
    if not (folder / SINGLE_NAME).exists():
        raise CheckpointError(f"there is no {SINGLE_NAME} in {folder.name!r}: get the model again")
    return [SINGLE_NAME]


def _entries(folder: Path, shards: list[str]) -> dict[str, Entry]:
    """Every tensor's dtype and shape from the files' headers, compared with the index if there is one."""
    entries: dict[str, Entry] = {}
    where: dict[str, str] = {}
    for shard in shards:
        header = read_header(folder / shard)
        if twice := set(header) & set(entries):
            raise CheckpointError(f"{folder.name} holds {few(twice)} more than once: get the folder again")
        entries.update(header)
        where.update(dict.fromkeys(header, shard))
    if shards != [SINGLE_NAME]:
        weight_map = parse_json(folder / INDEX_NAME, MAX_INDEX_BYTES)["weight_map"]
        if wrong := {name for name in {*weight_map, *where} if weight_map.get(name) != where.get(name)}:
            raise CheckpointError(
                f"{folder.name}/{INDEX_NAME} does not agree with the files about {few(wrong)}"
            )
    return entries


def _compare(folder: Path, module: nn.Module, entries: dict[str, Entry]) -> None:
    """CheckpointError unless names and shapes are the module's, dtypes its own or a narrower float."""
    wanted = module.state_dict()
    if missing := set(wanted) - set(entries):
        raise CheckpointError(f"the weights in {folder.name} lack {few(missing)}: they are another model's")
    if extra := set(entries) - set(wanted):
        raise CheckpointError(
            f"the weights in {folder.name} have {few(extra)} too many: they are another model's"
        )
    for name, tensor in wanted.items():
        entry = entries[name]
        if entry.shape != tuple(tensor.shape):
            raise CheckpointError(
                f"{name} in {folder.name} has shape {entry.shape}, the model needs {tuple(tensor.shape)}"
            )
        both_float = entry.dtype.is_floating_point and tensor.is_floating_point()
        if entry.dtype != tensor.dtype and not (both_float and entry.dtype.itemsize <= tensor.dtype.itemsize):
            raise CheckpointError(f"{name} in {folder.name} is {entry.dtype}, the model needs {tensor.dtype}")


def _storable(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.contiguous().clone()
    if not torch.isfinite(tensor).all():
        raise CheckpointError(f"{name} holds NaN or infinity: it is not saved")
    stored = tensor.to(dtype, copy=True).contiguous()
    if not torch.isfinite(stored).all():
        raise CheckpointError(f"{name} has values beyond {dtype}: save with dtype=torch.float32")
    return stored


def _write_shards(folder: Path, tensors: dict[str, Tensor], dtype: torch.dtype, max_shard_bytes: int) -> None:
    """The files, one at a time: only one shard's tensors are in memory a second time."""
    from safetensors.torch import save as to_bytes

    def size(tensor: Tensor) -> int:
        return tensor.numel() * (dtype.itemsize if tensor.is_floating_point() else tensor.element_size())

    groups: list[list[str]] = [[]]
    filled = 0
    for name, tensor in tensors.items():  # in the module's order; a tensor larger than a shard gets its own
        if groups[-1] and filled + size(tensor) > max_shard_bytes:
            groups.append([])
            filled = 0
        groups[-1].append(name)
        filled += size(tensor)
    files = [SINGLE_NAME] if len(groups) == 1 else [_shard_name(i, len(groups)) for i in range(len(groups))]
    for file, group in zip(files, groups, strict=True):
        shard = {name: _storable(name, tensors[name], dtype) for name in group}
        _write(folder / file, to_bytes(shard, metadata={"format": "pt"}))
    if len(groups) > 1:
        weight_map = {name: file for file, group in zip(files, groups, strict=True) for name in group}
        index = {"metadata": {"total_size": sum(map(size, tensors.values()))}, "weight_map": weight_map}
        _write(folder / INDEX_NAME, json.dumps(index, indent=1).encode() + b"\n")


def _shard_name(index: int, count: int) -> str:
    return f"model-{index + 1:05d}-of-{count:05d}.safetensors"


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _move_into_place(temporary: Path, folder: Path) -> None:
    """Rename: the whole folder when it is new, else file by file, config.json last.

    A machine that dies between two renames leaves weights that config.json does not name, which `load`
    refuses.
    """
    if not folder.exists():
        temporary.chmod(0o755)
        temporary.rename(folder)
        return
    new = sorted(path.name for path in temporary.iterdir())
    for name in sorted(new, key=lambda name: (name == CONFIG_NAME, name)):
        os.replace(temporary / name, folder / name)
    for path in folder.iterdir():
        ours = path.name in (SINGLE_NAME, INDEX_NAME) or (path.match("model-*-of-*.safetensors"))
        if ours and path.name not in new:
            path.unlink()
