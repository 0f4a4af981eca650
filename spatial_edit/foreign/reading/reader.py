"""A checkpoint of another project, read without running anything that is in it.

`read` tells a file's kind by its first bytes, never by its name, and gives what it holds as plain values:

    zip archive ──────► torch.save since 1.6      archive.py ─┐
    magic number ─────► torch.save before that    storages.py ┤
    pickle ───────────► NVlabs, TensorFlow, ...   ────────────┴─► machine.py with names.py ─► tree.py
    header of JSON ───► safetensors

Memory and time are bounded by the file's size (budget.py). Tensors are copies; nothing of the file stays
open.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import stat
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spatial_edit.foreign.content import Content, ForeignError
from spatial_edit.foreign.reading.archive import read_archive
from spatial_edit.foreign.reading.budget import Budget, shown
from spatial_edit.foreign.reading.machine import Machine
from spatial_edit.foreign.reading.names import NAMES
from spatial_edit.foreign.reading.storages import is_stream, read_stream
from spatial_edit.foreign.reading.tree import finish
from spatial_edit.safetensors_header import CheckpointError, layout

MAX_BYTES = 8_000_000_000
MAX_HEADER = 800_000  # bytes of JSON in a small safetensors file; a tenth of a large one
JSON_TIMES = 25  # what JSON takes in memory, of its length: empty lists have two bytes and a comma
CHUNK = 16_000_000
_TEXT = set(range(32, 127)) | {9, 10, 12, 13}

# First bytes -> what the file is, and what to do.
STRANGERS = {
    b"version https://git-lfs": "a Git LFS pointer: get the file itself (git lfs pull)",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"BZh": "a bzip2 archive: unpack it first",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"\x89HDF": "an HDF5 file, which is not read",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture, a sound or a film",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\x93NUMPY": "a numpy array, which is not read",
    b"GGUF": "a GGUF file, which is not read",
}


def read(path: Path, max_bytes: int = MAX_BYTES, budget: Budget | None = None) -> Content:
    """The content of a checkpoint. ForeignError, one sentence, when it is none or anything in it is refused.

    max_bytes: larger files are refused unread. budget: what it may take (default: by its size).
    """
    name = shown(path.name)
    try:
        view = _loaded(path, max_bytes)
    except OSError as error:
        raise ForeignError(f"cannot read {name}: {error.strerror or error}") from error
    try:
        _refuse_strangers(view)
        budget = budget or Budget(len(view))
        budget.charge(len(view))
        container, root = _unpack(path, view, budget)
        root = finish(root, budget)
    except ForeignError as error:
        raise ForeignError(f"{name} was not read: {error}") from error
    return Content(container, root, path, len(view), _sha256(view))


def _loaded(path: Path, max_bytes: int) -> memoryview:
    """The file's bytes, as a copy: what is mapped and then cut short by somebody ends the whole program."""
    name = shown(path.name)
    with open(path, "rb", 0, opener=lambda place, flags: os.open(place, flags | os.O_NONBLOCK)) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ForeignError(f"{name} is no plain file")
        if facts.st_size == 0:
            raise ForeignError(f"{name} is empty: get it again")
        if facts.st_size > max_bytes:
            raise ForeignError(
                f"{name} has {facts.st_size / 1e9:.1f} GB, at most {max_bytes / 1e9:g} GB are read"
            )
        view = memoryview(mmap.mmap(-1, facts.st_size))  # memory that is given back as soon as it is free
        done = 0
        while done < len(view):
            count = file.readinto(view[done : done + CHUNK])
            if not count:
                raise ForeignError(f"{name} became shorter while it was read: try again")
            done += count
        return view.toreadonly()


def _sha256(view: memoryview) -> str:
    total = hashlib.sha256()
    for start in range(0, len(view), CHUNK):
        total.update(view[start : start + CHUNK])
    return total.hexdigest()


def _unpack(path: Path, view: memoryview, budget: Budget) -> tuple[str, object]:
    """The container's name and its value."""
    if bytes(view[:4]) in (b"PK\3\4", b"PK\5\6"):
        return "torch zip", read_archive(view, budget, NAMES)
    if is_stream(view):
        return "torch legacy", read_stream(view, budget, NAMES)
    if bytes(view[5:9]) == b"\0\0\0{":  # a length of fewer than 2^40 bytes, then JSON
        return "safetensors", _safetensors(path, view, budget)
    return "pickle", Machine(view, budget, NAMES).run()


def _refuse_strangers(view: memoryview) -> None:
    """Files that are no checkpoint at all, by how they begin."""
    head = bytes(view[:600])
    for beginning, what in STRANGERS.items():
        if head.startswith(beginning):
            raise ForeignError(f"it is no checkpoint but {what}")
    if head[257:262] == b"ustar":
        raise ForeignError("it is no checkpoint but a tar archive: unpack it first")
    if head.lstrip()[:200].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ForeignError("it is no checkpoint: it begins like an HTML page; download the file itself")
    # A pickle of protocol 0 is text too, and ends with a full stop that is its last byte.
    if head[:1] != b"\x80" and set(head) <= _TEXT and bytes(view[-1:]) != b".":
        begins = " ".join(head[:40].decode("ascii").split())
        raise ForeignError(f"it is no checkpoint but a text file; it begins {begins!r}")


def _safetensors(path: Path, view: memoryview, budget: Budget) -> dict[str, Tensor]:
    length = struct.unpack("<Q", view[:8])[0]
    if length > max(MAX_HEADER, len(view) // 10):
        raise ForeignError(f"it announces a header of {length} bytes, too much for a file of {len(view)}")
    budget.charge(JSON_TIMES * length)
    try:
        found = layout(view, path)
    except CheckpointError as error:
        raise ForeignError(f"{error}") from error
    tensors = {}
    for name, (entry, begin) in found.items():
        budget.tick()
        size = math.prod(entry.shape) * entry.dtype.itemsize
        budget.charge_tensor(size)
        numbers = torch.from_numpy(np.frombuffer(view[begin : begin + size], np.uint8).copy())
        if entry.dtype == torch.bool or not size:  # any byte but 0 is true; nothing cannot be viewed
            numbers = numbers.ne(0).to(entry.dtype)
        tensors[name] = numbers.view(entry.dtype).reshape(entry.shape)
    return tensors
