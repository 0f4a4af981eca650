"""A decoder with a scene's delta: weights that were adapted to one photo, as differences (`Scene.delta`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from spatial_edit.layouts import Scene


def paint_adapted(decoder: nn.Module, scenes: list[Scene], arguments: tuple[Any, ...]) -> Tensor:
    """The decoder's pictures with the delta that all scenes share (or none), float32 in [-1, 1] on the CPU.

    ValueError for scenes with different deltas."""
    delta = scenes[0].delta
    if any(s.delta is not delta and s.delta != delta for s in scenes):
        raise ValueError("scenes tuned on different photos cannot be rendered in one batch")
    if delta:
        state: dict[str, Tensor] = dict(decoder.named_parameters())
        for name, difference in delta:
            state[name] = state[name] + difference.to(state[name].device, torch.float32)
        pictures = functional_call(decoder, state, arguments)
    else:
        pictures = decoder(*arguments)
    return pictures.float().clamp(-1, 1).cpu()
