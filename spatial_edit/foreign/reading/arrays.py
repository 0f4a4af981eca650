"""numpy's arrays and scalars in pickles, as tensors and plain numbers: fixed size, little-endian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.reading.budget import TENSOR, Budget, shown
from spatial_edit.foreign.reading.machine import Machine, Token, Unfinished

CODES = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"}  # those that torch has too
MAX_DIMENSIONS = 16


def dtype(token: Token, arguments: tuple, machine: Machine) -> Record:
    """numpy.dtype("f4", False, True): a record; BUILD adds the byte order."""
    code = arguments[0] if arguments else None
    if type(code) is not str or code.lstrip("<|=") not in CODES:
        raise ForeignError(f"it holds numpy values of type {shown(code, 20)!r}: only plain numbers are read")
    machine.budget.charge(TENSOR)
    return Record("numpy", "dtype", (code.lstrip("<|="),))


def scalar(token: Token, arguments: tuple, machine: Machine) -> int | float | bool:
    """numpy.core.multiarray.scalar(dtype, bytes) as a plain number."""
    if len(arguments) != 2:
        raise ForeignError("it holds a numpy number without its bytes")
    kind, data = _numbers(arguments[0]), _bytes(arguments[1])
    if len(data) != kind.itemsize:
        raise ForeignError(f"it holds a numpy number of {len(data)} bytes where {kind.itemsize} are needed")
    return np.frombuffer(data, kind)[0].item()


@dataclass(eq=False)
class Array(Unfinished):
    """What `_reconstruct` makes: an array whose numbers come with BUILD."""

    def finish(self, state: object, budget: Budget) -> torch.Tensor:
        """The tensor of (version, shape, dtype, column order, bytes)."""
        if type(state) is not tuple or len(state) != 5:
            raise ForeignError("it holds a numpy array whose state has not five parts")
        return _tensor(state[4], state[2], state[1], state[3] is True, budget)


def reconstruct(token: Token, arguments: tuple, machine: Machine) -> Array:
    """numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b"b"): an array to be filled."""
    kind = arguments[0] if arguments else None
    if type(kind) is not Token or (kind.module, kind.name) != ("numpy", "ndarray"):
        raise ForeignError("it makes a numpy array of another class than numpy.ndarray")
    machine.budget.charge(TENSOR)
    return Array()


def from_buffer(token: Token, arguments: tuple, machine: Machine) -> torch.Tensor:
    """numpy.core.numeric._frombuffer(bytes, dtype, shape, order): how protocol 5 writes arrays."""
    if len(arguments) != 4:
        raise ForeignError("it makes a numpy array without its shape")
    data, kind, shape, order = arguments
    return _tensor(data, kind, shape, order == "F", machine.budget)


def _tensor(data: object, kind: object, shape: object, columns: bool, budget: Budget) -> torch.Tensor:
    numbers, values = _numbers(kind), _bytes(data)
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise ForeignError("it holds a numpy array whose shape is no whole numbers from 0 on")
    if len(shape) > MAX_DIMENSIONS:
        raise ForeignError(f"it holds an array of {len(shape)} dimensions, at most {MAX_DIMENSIONS} are read")
    if math.prod(shape) * numbers.itemsize != len(values):
        raise ForeignError(f"it holds a numpy array of shape {shape} with {len(values)} bytes")
    budget.charge_tensor(math.prod(max(n, 1) for n in shape) * numbers.itemsize)
    flat = np.frombuffer(values, np.uint8 if numbers.kind == "b" else numbers)
    view = flat.reshape(shape, order="F" if columns else "C")
    return torch.from_numpy(np.array(view != 0 if numbers.kind == "b" else view, order="C", copy=True))


def _numbers(kind: object) -> np.dtype:
    """The numpy type of a record that `dtype` made."""
    if not isinstance(kind, Record) or (kind.module, kind.name) != ("numpy", "dtype") or not kind.arguments:
        raise ForeignError("it holds numpy values without their type")
    state = kind.state
    if state is not None and (type(state) is not tuple or len(state) < 5):
        raise ForeignError("it holds a numpy type whose state is not one of numpy")
    if isinstance(state, tuple) and (state[1] not in ("<", "|", "=") or state[3:5] != (None, None)):
        raise ForeignError("its numpy values are big-endian or of several parts, which is not read")
    return np.dtype(f"<{kind.arguments[0]}")


def _bytes(data: object) -> bytes | memoryview:
    if isinstance(data, str):  # as Python 2 wrote it
        try:
            return data.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ForeignError("it holds numpy values that are no bytes") from error
    if not isinstance(data, bytes | memoryview):
        raise ForeignError("it holds numpy values that are no bytes")
    return data
