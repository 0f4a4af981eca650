"""Writes files as BachGAN's and SPADE's training does: `<epoch>_net_G.pth`, torch.save of a plain state dict.

The names are those of the published key lists (test_bachgan_files.py compares them). A BachGAN generator has,
beside its live weights, layers that its forward pass never uses; their sizes are fixed.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.generators.bachgan.generator import BachGAN
from spatial_edit.nn.patch_discriminator import MultiScaleDiscriminator

DEAD = {
    "conv1_1.weight": (64, 35, 3, 3),
    "conv1_1.bias": (64,),
    "conv1_1_memory.weight": (64, 70, 3, 3),
    "conv1_1_memory.bias": (64,),
    "conv1_2.weight": (64, 64, 5, 5),
    "conv1_2.bias": (64,),
    "conv2_1.weight": (128, 64, 3, 3),
    "conv2_1.bias": (128,),
    "conv2_2.weight": (128, 128, 5, 5),
    "conv2_2.bias": (128,),
    "upscore.weight": (128, 35, 32, 32),
}


def published_name(name: str) -> str:
    """Our name of a weight of an unfolded generator or discriminator -> the published one."""
    name = re.sub(r"^fusion\.encode\.", "encode_shared.", name)
    name = re.sub(r"^fusion\.stages\.0\.", "memory_shared.", name)
    judge = re.fullmatch(r"scales\.(\d)\.stages\.(\d)\.(?:0\.)?(\w+)", name)
    if judge:
        scale, stage, what = judge.groups()
        inner = "0." if stage in "04" else "0.0."
        return f"discriminator_{scale}.model{stage}.{inner}{what}"
    return name


def state_of(network: BachGAN | MultiScaleDiscriminator, *, dead: bool = False) -> OrderedDict[str, Tensor]:
    """The published state dict of a network of ours with spectral convolutions."""
    state = OrderedDict((published_name(name), value) for name, value in network.state_dict().items())
    if dead:
        state.update(dead_layers())
    return state


def dead_layers(scale: float = 0.0) -> dict[str, Tensor]:
    """The layers that no picture depends on."""
    return {name: torch.full(shape, scale) for name, shape in DEAD.items()}


def without(state: Mapping[str, Tensor], endings: Iterable[str]) -> OrderedDict[str, Tensor]:
    """The state without the names that end so: files of old torch have no weight_v."""
    return OrderedDict((n, t) for n, t in state.items() if not n.endswith(tuple(endings)))


def write(path: Path, state: Mapping[str, Tensor], *, legacy: bool = False) -> Path:
    """torch.save as training calls it: an OrderedDict that carries its _metadata. legacy: the container of
    torch before 1.6, in which the published files are."""
    whole: OrderedDict[str, Tensor] = OrderedDict(state)
    versions = OrderedDict((name, {"version": 1}) for name in ("", "fc", "head_0", "head_0.norm_0"))
    versions["head_0.conv_0"] = {"version": 1, "spectral_norm": {"weight.version": 1}}
    whole._metadata = versions  # type: ignore[attr-defined]
    torch.save(whole, path, _use_new_zipfile_serialization=not legacy)
    return path


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights of middling size, settled u and v, random running statistics; evaluation mode."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.copy_(torch.rand(value.shape, generator=draw) + 0.5)
            elif value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=draw) * 0.1)
        for _ in range(6):
            for module in network.modules():
                if hasattr(module, "power_iteration"):
                    module.power_iteration()
    return network.eval()
