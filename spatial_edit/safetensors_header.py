"""The header of a safetensors file, read and checked by ourselves before any library opens the file.

Format: 8 bytes little-endian header length N, N bytes of JSON {name: {"dtype", "shape", "data_offsets":
[begin, end]}} with an optional "__metadata__", then the data; the tensors must fill the data without gaps or
overlaps.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

MAX_HEADER_BYTES = 10_000_000
MAX_TENSORS = 100_000
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class CheckpointError(ValueError):
    """A checkpoint that cannot be used or saved; the message is one sentence."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a file."""

    dtype: torch.dtype
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, Entry]:
    """Names, dtypes and shapes of a safetensors file. CheckpointError when it is missing or malformed."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise CheckpointError(f"{_name(path)} is cut short or not a safetensors file: get it again")
            header = _json_object(file.read(length), path)
    except OSError as error:
        raise CheckpointError(f"cannot read {_name(path)}: {error.strerror or error}") from error
    return {name: entry for name, (entry, _) in _checked(header, size - 8 - length, path).items()}


def layout(view: memoryview, path: Path) -> dict[str, tuple[Entry, int]]:
    """As `read_header` of a file that is in memory already; with the place in it where each tensor begins."""
    length = struct.unpack("<Q", view[:8])[0] if len(view) >= 8 else 0
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(view) - 8):
        raise CheckpointError(f"{_name(path)} is cut short or not a safetensors file: get it again")
    header = _json_object(bytes(view[8 : 8 + length]), path)
    found = _checked(header, len(view) - 8 - length, path)
    return {name: (entry, 8 + length + begin) for name, (entry, begin) in found.items()}


def _checked(header: dict, data: int, path: Path) -> dict[str, tuple[Entry, int]]:
    """Every tensor, and where it begins in the `data` bytes behind the header."""
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or metadata.get("format", "pt") != "pt":
        raise CheckpointError(f"{_name(path)} was not written for torch: get it again")
    if len(header) > MAX_TENSORS:
        raise CheckpointError(f"{_name(path)} lists {len(header)} tensors, at most {MAX_TENSORS} are read")
    spans = {}
    entries = {}
    for name, value in header.items():
        entries[name], spans[name] = _entry(name, value, path)
    end = 0
    for name, (begin, stop) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != end:
            raise CheckpointError(f"{_name(path)} has a gap or an overlap before {name!r}: get it again")
        end = stop
    if end != data:
        raise CheckpointError(
            f"{_name(path)} has {data} bytes of weights, its header promises {end}: get it again"
        )
    return {name: (entry, spans[name][0]) for name, entry in entries.items()}


def parse_json(path: Path, max_bytes: int) -> dict:
    """A JSON object from a file: no duplicate keys, no NaN, at most `max_bytes`; else CheckpointError."""
    try:
        with open(path, "rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise CheckpointError(f"cannot read {_name(path)}: {error.strerror or error}") from error
    if len(data) > max_bytes:
        raise CheckpointError(f"{_name(path)} is larger than {max_bytes / 1e6:g} MB: get it again")
    return _json_object(data, path)


def few(names: Iterable[str]) -> str:
    """Up to five of the names on one line, sorted, and how many more there are."""
    ordered = sorted(names)
    shown = ", ".join("".join(c if c.isprintable() else "?" for c in name[:80]) for name in ordered[:5])
    return f"{shown} and {len(ordered) - 5} more" if len(ordered) > 5 else shown


def _json_object(data: bytes, path: Path) -> dict:
    def unique(pairs: list[tuple[str, object]]) -> dict:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key occurs twice")
        return result

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number")

    try:
        content = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{_name(path)} is damaged, its JSON does not parse: get it again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{_name(path)} is damaged, it holds no JSON object: get it again")
    return content


def _entry(name: str, value: object, path: Path) -> tuple[Entry, tuple[int, int]]:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{_name(path)} describes {name[:80]!r} in an unknown way: get it again")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise CheckpointError(f"{_name(path)} stores {name[:80]!r} as {str(dtype)[:20]!r}: not read here")
    if not _naturals(shape) or not _naturals(offsets) or len(shape) > 8 or len(offsets) != 2:
        raise CheckpointError(f"{_name(path)} gives {name[:80]!r} an impossible shape or place: get it again")
    begin, end = offsets
    if end - begin != math.prod(shape) * DTYPES[dtype].itemsize:
        raise CheckpointError(
            f"{_name(path)} gives {name[:80]!r} {end - begin} bytes, not what its shape needs"
        )
    return Entry(DTYPES[dtype], tuple(shape)), (begin, end)


def _naturals(values: object) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48 for value in values
    )


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
