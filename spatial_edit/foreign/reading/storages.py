"""Torch's storages and tensors, from bytes of the file: our own parser, bounds checked before any view.

Three places hold storages: a zip archive (one member each), torch's older stream (behind five pickles, in
the order of a list of keys), and the same stream inside another pickle (`torch.storage._load_from_bytes`, one
storage). Where a storage lay ("cuda:0") is ignored. Numbers are little-endian everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spatial_edit.foreign.content import ForeignError
from spatial_edit.foreign.reading.budget import OBJECT, Budget, shown
from spatial_edit.foreign.reading.machine import Machine, Pair, StandIn, Token

MAGIC = 0x1950A86A20F9469CFC6C  # the older stream's first value
STREAM_PROTOCOL = 1001
MAX_DIMENSIONS = 16

STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}
# The same numbers for numpy, which knows no bfloat16: its bits are copied as whole numbers.
_NUMPY = {
    torch.float64: "<f8",
    torch.float32: "<f4",
    torch.float16: "<f2",
    torch.bfloat16: "<i2",
    torch.int64: "<i8",
    torch.int32: "<i4",
    torch.int16: "<i2",
    torch.int8: "i1",
    torch.uint8: "u1",
    torch.bool: "u1",
}
STORAGE_NAMES: dict[Pair, StandIn | None] = {
    **{("torch", name): None for name in STORAGES if name != "UntypedStorage"},
    ("torch.storage", "UntypedStorage"): None,
}


@dataclass(eq=False)
class Storage:
    """A run of `numel` numbers; data is None until its place in the file is known."""

    dtype: torch.dtype
    numel: int
    data: memoryview | None = None

    @property
    def nbytes(self) -> int:
        return self.numel * self.dtype.itemsize

    def lay(self, data: memoryview, what: str) -> None:
        """Give it its bytes. ForeignError when they are not as many as it announces."""
        if len(data) != self.nbytes:
            raise ForeignError(f"its {what} has {len(data)} bytes where {self.nbytes} are announced")
        self.data = data


def described(pid: object, budget: Budget) -> tuple[Storage, str]:
    """The storage and the key of a persistent id ("storage", class, key, location, numel[, no view])."""
    if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage":
        raise ForeignError("it refers to something outside that is no storage")
    kind, key, numel = pid[1], pid[2], pid[4]
    if type(kind) is not Token or (kind.module, kind.name) not in STORAGE_NAMES:
        raise ForeignError("one of its storages is of no class of storages")
    if type(key) is not str or type(numel) is not int or not 0 <= numel < 2**48:
        raise ForeignError(f"its storage {shown(key)} has no whole number of entries")
    if len(pid) == 6 and pid[5] is not None:
        raise ForeignError(f"its storage {shown(key)} is a view of another, as only very old files have it")
    budget.charge(OBJECT)
    return Storage(STORAGES[kind.name], numel), key


def tensor_of(machine: Machine, storage: object, offset: object, size: object, stride: object) -> Tensor:
    """A contiguous copy of the view; filled at the end when the storage's place is not yet known."""
    if not isinstance(storage, Storage):
        raise ForeignError("it makes a tensor of something that is no storage")
    shape, steps, first = _naturals(size), _naturals(stride), sum(_naturals((offset,)))
    if len(shape) != len(steps):
        raise ForeignError(f"it makes a tensor of {len(shape)} dimensions with {len(steps)} strides")
    if len(shape) > MAX_DIMENSIONS:
        raise ForeignError(f"it makes a tensor of {len(shape)} dimensions, at most {MAX_DIMENSIONS} are read")
    numel = math.prod(shape)
    last = first + sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) if numel else first - 1
    if last >= storage.numel:
        raise ForeignError(
            f"it makes a tensor of shape {shape} that reaches to entry {last} of a storage of {storage.numel}"
        )
    machine.budget.charge_tensor(math.prod(max(n, 1) for n in shape) * storage.dtype.itemsize)
    tensor = torch.empty(shape, dtype=storage.dtype)

    def fill() -> None:
        _copy(storage, first, steps, tensor)

    if storage.data is None:
        machine.budget.charge(OBJECT)
        machine.pending.append(fill)
    else:
        fill()
    return tensor


def _copy(storage: Storage, offset: int, steps: tuple[int, ...], tensor: Tensor) -> None:
    """tensor[i] = storage[offset + sum of i * steps]; the caller has checked the bounds."""
    if storage.data is None:
        raise ForeignError("one of its tensors has no numbers")
    if not tensor.numel():
        return
    numbers = np.frombuffer(storage.data, dtype=_NUMPY[storage.dtype])
    strides = tuple(step * numbers.itemsize for step in steps)
    view = np.lib.stride_tricks.as_strided(numbers[offset:], tuple(tensor.shape), strides, writeable=False)
    if storage.dtype == torch.bool:
        np.not_equal(view, 0, out=tensor.numpy())  # any byte but 0 is true
    elif storage.dtype == torch.bfloat16:
        np.copyto(tensor.view(torch.int16).numpy(), view)
    else:
        np.copyto(tensor.numpy(), view)


def _naturals(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or not all(type(n) is int and 0 <= n < 2**48 for n in values):
        raise ForeignError("it makes a tensor whose shape, strides or offset are no whole numbers from 0 on")
    return values


# The older stream.


def is_stream(view: memoryview) -> bool:
    """Whether a torch.save stream of before 1.6 begins here."""
    magic = b"\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."
    return bytes(view[:1]) == b"\x80" and bytes(view[2 : 2 + len(magic)]) == magic


def read_stream(view: memoryview, budget: Budget, names: Mapping[Pair, StandIn | None]) -> object:
    """The value of a torch.save stream. `names`: what its object may ask for."""
    if not is_stream(view):
        raise ForeignError("its inner stream does not begin as one of torch")
    position = 0
    for _ in range(3):
        machine = Machine(view, budget, {}, position=position)
        value, position = machine.run(), machine.position
        if isinstance(value, dict) and value.get("little_endian") is not True:
            raise ForeignError("its numbers are big-endian, which is not read")
        if type(value) is int and value not in (MAGIC, STREAM_PROTOCOL):
            raise ForeignError(f"it is a torch stream of protocol {value}, only {STREAM_PROTOCOL} is read")
    found: dict[str, Storage] = {}

    def persistent(pid: object) -> Storage:
        storage, key = described(pid, budget)
        known = found.setdefault(key, storage)
        if (known.dtype, known.numel) != (storage.dtype, storage.numel):
            raise ForeignError(f"its storage {shown(key)} is announced in two ways")
        return known

    machine = Machine(view, budget, names, position=position, persistent=persistent)
    value = machine.run()
    _lay_all(view, machine.position, budget, found)
    for fill in machine.pending:
        budget.tick()
        fill()
    return value


def _lay_all(view: memoryview, position: int, budget: Budget, found: Mapping[str, Storage]) -> None:
    """Behind the object: the list of keys, and for each the count (int64) and the numbers."""
    machine = Machine(view, budget, {}, position=position)
    keys = machine.run()
    if type(keys) is not list or len(keys) != len(found) or {k for k in keys if type(k) is str} != set(found):
        raise ForeignError("its list of storages is not that of its tensors")
    for key in keys:
        storage = found[key]
        count = machine.number("<q")
        if count != storage.numel:
            raise ForeignError(
                f"its storage {shown(key)} has {count} entries where {storage.numel} are announced"
            )
        storage.lay(machine.take(storage.nbytes), f"storage {shown(key)}")
