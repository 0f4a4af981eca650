"""Protect masks as text: the bits of the mask, row by row, the most significant first, in padded base64."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import torch
from torch import Tensor

from spatial_edit.layouts.scene import GUARD_SIDE
from spatial_edit.layouts.strict_json import JsonError, show

MASK_BYTES = GUARD_SIDE * GUARD_SIDE // 8


def mask_to_bytes(mask: Tensor) -> bytes:
    """The (G, G) bool mask as MASK_BYTES bytes; ValueError for another shape or type."""
    if mask.shape != (GUARD_SIDE, GUARD_SIDE) or mask.dtype != torch.bool:
        raise ValueError(f"a protect mask is {GUARD_SIDE} x {GUARD_SIDE} truth values, not {mask.shape}")
    return np.packbits(mask.cpu().numpy()).tobytes()


def mask_from_bytes(data: bytes) -> Tensor:
    """(G, G) bool, True where the picture may change, of exactly MASK_BYTES bytes."""
    if len(data) != MASK_BYTES:
        raise ValueError(f"a protect mask has {MASK_BYTES} bytes, not {len(data)}")
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).astype(bool)
    return torch.from_numpy(bits.reshape(GUARD_SIDE, GUARD_SIDE))


def mask_to_text(mask: Tensor) -> str:
    """The mask in standard, padded base64."""
    return base64.b64encode(mask_to_bytes(mask)).decode()


def mask_from_text(value: object, what: str) -> Tensor:
    """The mask of `mask_to_text`; JsonError with one sentence for anything else."""
    wanted = f"{what} must be {MASK_BYTES} bytes in base64: {GUARD_SIDE} x {GUARD_SIDE} bits, row by row"
    if not isinstance(value, str):
        raise JsonError(f"{wanted}, not {show(value)}")
    try:
        data = base64.b64decode(value[: 4 * MASK_BYTES], validate=True)
    except (binascii.Error, ValueError) as error:
        raise JsonError(wanted) from error
    if len(data) != MASK_BYTES or base64.b64encode(data).decode() != value:
        raise JsonError(wanted)
    return mask_from_bytes(data)
