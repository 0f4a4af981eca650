"""Strict loading of converted tensors into one of our networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import ForeignError
from spatial_edit.safetensors_header import few


def fill(module: nn.Module, tensors: Mapping[str, Tensor], what: str, constant: Iterable[str] = ()) -> None:
    """Copy `tensors` into the module's parameters and buffers of the same names, in its own dtype.

    what: what the weights are of, for the message. constant: endings of names that the module computes itself
    and that may be absent. ForeignError, with the names, for missing, extra or misshapen tensors, and for NaN
    and infinity.
    """
    wanted, endings = module.state_dict(), tuple(constant)
    missing = [name for name in wanted if name not in tensors and not (endings and name.endswith(endings))]
    if missing:
        raise ForeignError(f"the file was recognised as {what}, but it lacks {few(missing)}")
    if extra := set(tensors) - set(wanted):
        raise ForeignError(f"the file was recognised as {what}, but it also holds {few(extra)}")
    if misshapen := [name for name, tensor in tensors.items() if tensor.shape != wanted[name].shape]:
        shapes = (f"{n} {tuple(tensors[n].shape)} for {tuple(wanted[n].shape)}" for n in misshapen)
        raise ForeignError(f"the file was recognised as {what}, but shapes do not fit: {few(shapes)}")
    if broken := [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]:
        raise ForeignError(f"the file was recognised as {what}, but NaN or infinity is in {few(broken)}")
    with torch.no_grad():
        for name, tensor in tensors.items():
            wanted[name].copy_(tensor)
    module.eval().requires_grad_(False)
