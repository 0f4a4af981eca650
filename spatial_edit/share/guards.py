"""Protect masks in codes.

    coding 1 | mask | seed 4 | truncation 2 (steps of 1/10000) | version 1 | the layout shown outside

Coding 0: the mask's 512 bytes of bits, row by row. Coding 1: a count of bytes (2), then the lengths of runs
of equal bits, row by row from the top left, False first, seven bits a byte, the lowest first, the top bit set
in all but the last byte of a length; the last run is left out. The shorter one is taken, so a mask never
needs more than 513 bytes; a painted one takes about 150.
"""

from __future__ import annotations

import struct

import numpy as np
import torch
from torch import Tensor

from spatial_edit.layouts import Guard
from spatial_edit.layouts.guard_codec import MASK_BYTES, mask_from_bytes, mask_to_bytes
from spatial_edit.layouts.scene import GUARD_SIDE
from spatial_edit.share.envelope import CodeError, Reader, damaged

_PACKED, _RUNS = 0, 1
_STATE = struct.Struct(">IH")
_CELLS = GUARD_SIDE * GUARD_SIDE


def pack_mask(mask: Tensor) -> bytes:
    """The mask in the shorter coding; CodeError for what is no protect mask."""
    try:
        packed = mask_to_bytes(mask)
    except ValueError as error:
        raise CodeError(str(error)) from error
    runs = _to_runs(mask.cpu().numpy().reshape(-1))
    if len(runs) + 2 < len(packed):
        return bytes([_RUNS]) + len(runs).to_bytes(2, "big") + runs
    return bytes([_PACKED]) + packed


def unpack_mask(reader: Reader) -> Tensor:
    """(G, G) bool; CodeError when the runs do not fit the mask."""
    coding = reader.byte()
    if coding == _PACKED:
        return mask_from_bytes(reader.take(MASK_BYTES))
    if coding != _RUNS:
        raise damaged()
    return _from_runs(reader.take(int.from_bytes(reader.take(2), "big")))


def pack_state(guard: Guard, steps: int) -> bytes:
    """Seed and truncation; CodeError when they do not fit."""
    if not 0 <= guard.seed < 2**32 or not 0.0 <= guard.truncation <= 1.0:
        raise CodeError(
            f"the protected state's seed {guard.seed} or truncation {guard.truncation} is out of range"
        )
    return _STATE.pack(guard.seed, round(guard.truncation * steps))


def unpack_state(reader: Reader, steps: int) -> tuple[int, float]:
    """Seed and truncation."""
    seed, truncation = _STATE.unpack(reader.take(_STATE.size))
    if truncation > steps:
        raise damaged()
    return seed, truncation / steps


def _to_runs(cells: np.ndarray) -> bytes:
    """cells (G*G,) bool."""
    edges = np.flatnonzero(np.diff(cells)) + 1
    starts = [0, *edges.tolist()] if not cells[0] else [0, 0, *edges.tolist()]
    data = bytearray()
    for length in np.diff(starts).tolist():
        while length >= 128:
            data.append(length & 127 | 128)
            length >>= 7
        data.append(length)
    return bytes(data)


def _from_runs(data: bytes) -> Tensor:
    cells = np.zeros(_CELLS, dtype=bool)
    at, value, length, shift = 0, False, 0, 0
    for byte in data:
        length |= (byte & 127) << shift
        shift += 7
        if byte & 128:
            if shift > 14:
                raise damaged()
            continue
        if length > _CELLS - at:
            raise damaged()
        cells[at : at + length] = value
        at, value, length, shift = at + length, not value, 0, 0
    if shift:
        raise damaged()
    cells[at:] = value
    return torch.from_numpy(cells.reshape(GUARD_SIDE, GUARD_SIDE))
