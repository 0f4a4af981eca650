"""BachGAN and SPADE: `<epoch>_net_G.pth`, a plain state dict, and its discriminator `<epoch>_net_D.pth`.

Both published BachGAN configurations (ADE20K 256 px, Cityscapes 512 x 256) and generators of SPADE without
fusion. Spectral norm is folded: W / (uᵀWv). Sizes come from shapes; how often the side is doubled and how
large pictures are is not in the file, so published values are taken, and a note says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions
from spatial_edit.foreign.fill import fill
from spatial_edit.generators.bachgan.discriminator import PatchConfig, discriminator_of
from spatial_edit.generators.bachgan.generator import BachGAN, BachGANConfig
from spatial_edit.generators.bachgan.names import (
    ADE_NAMES,
    ADE_THINGS,
    CITYSCAPES_NAMES,
    CITYSCAPES_THINGS,
    plain_names,
)
from spatial_edit.generators.bachgan.scenes import words_of
from spatial_edit.layouts.boxes import MAX_FLAT_BOXES
from spatial_edit.nn.spade import spectral_sigma
from spatial_edit.safetensors_header import few

# Layers that published files hold and no picture depends on.
DEAD = re.compile(r"(conv1_1|conv1_1_memory|conv1_2|conv2_1|conv2_2|upscore)\.(weight|bias)")
MAX_WIDTH = 4096  # channels of any kind
_SHARED = "head_0.norm_0.mlp_shared.0.weight"
_JUDGE = "discriminator_0.model0.0.weight"
_CODES = "fc_mu.weight"


@dataclass(frozen=True)
class Known:
    """What a number of channels says of a network: the data set it was made for."""

    title: str
    config: BachGANConfig


_ADE = BachGANConfig(151, names=ADE_NAMES, things=ADE_THINGS, background=150)
_CITY = BachGANConfig(
    35, height=256, width=512, doublings="more", names=CITYSCAPES_NAMES, things=CITYSCAPES_THINGS
)
KNOWN = {
    151: Known("ADE20K", _ADE),
    35: Known("Cityscapes", _CITY),
    36: Known("Cityscapes with instances", replace(_CITY, edges=True)),
    184: Known("COCO-Stuff with instances", BachGANConfig(183, edges=True, background=182)),
}


def recognises(content: Content) -> bool:
    """Whether the file is a state dict with the names of a SPADE generator, discriminator or encoder."""
    names = _state(content.root)
    encoder = _CODES in names and "layer1.0.weight_orig" in names
    return (_SHARED in names and "conv_img.weight" in names) or _JUDGE in names or encoder


def convert(content: Content, options: ImportOptions) -> Converted:
    """The generator, or the discriminator, as ours; ForeignError for an encoder."""
    everything = _state(content.root)
    state = {name: value for name, value in everything.items() if _is_weight(value, name)}
    if strange := set(everything) - set(state):
        raise ForeignError(f"{content.path.name} was recognised as SPADE's, but it also holds {few(strange)}")
    if _SHARED in state:
        return _generator(state)
    if _JUDGE in state:
        return _discriminator(state)
    raise ForeignError(
        f"{content.path.name} was recognised as the encoder of style codes of a SPADE network, which is not "
        "used here: import the generator, <epoch>_net_G.pth"
    )


def _state(root: object) -> Mapping[str, object]:
    """The root as a flat dict of names, "module." of a parallel run taken off."""
    if not isinstance(root, dict) or not all(isinstance(name, str) for name in root):
        return {}
    if root and all(name.startswith("module.") for name in root):
        return {name.removeprefix("module."): value for name, value in root.items()}
    return root


def _is_weight(value: object, name: str) -> TypeGuard[Tensor]:
    whole = name.endswith("num_batches_tracked")
    return isinstance(value, Tensor) and (whole or value.is_floating_point())


def _generator(state: dict[str, Tensor]) -> Converted:
    config, guessed = _config(state)
    fusion = "BachGAN" if config.stages else "SPADE"
    known = KNOWN.get(config.condition)
    size = f"{config.width} px" if config.width == config.height else f"{config.width} x {config.height} px"
    title = f"{fusion}, {known.title if known else f'{config.condition} channels'}, {size}"
    alive = {_our_name(name): value for name, value in state.items() if not DEAD.fullmatch(name)}
    tensors = _with_counters(fold(alive, title))
    module = _filled(lambda: BachGAN(config), tensors, title)
    notes = [guessed] if guessed else []
    if config.stages:
        notes.append("no memory of label maps comes with the file: backgrounds are made from empty maps")
    return Converted(
        format=f"{fusion} generator (PyTorch state dict)",
        family="bachgan",
        title=title,
        resolution=max(config.width, config.height),
        config=config.to_dict(),
        module=module,
        notes=tuple(notes),
        kind="boxes",
        row_names=words_of(config),
        max_elements=MAX_FLAT_BOXES,
        training_data=known.title if known else "not stated",
    )


def _config(state: Mapping[str, Tensor]) -> tuple[BachGANConfig, str]:
    """The configuration, and a note of what could not be seen in the file."""
    shared, first = state[_SHARED], state.get("fc.weight")
    if first is not None and first.dim() == 2:
        raise ForeignError(
            "the file was recognised as a SPADE generator that starts from a random code (use_vae); only "
            "generators that start from the label map are read here"
        )
    if shared.dim() != 4 or first is None or first.dim() != 4 or shared.shape[2] != shared.shape[3]:
        raise ForeignError("the file was recognised as a SPADE generator, but its first layers are not whole")
    channels, hidden, kernel = first.shape[1], shared.shape[0], shared.shape[2]
    sizes = (channels, hidden, first.shape[0], kernel)
    if not 1 <= min(sizes) <= max(sizes) <= MAX_WIDTH or first.shape[0] % 16 or kernel % 2 == 0:
        raise ForeignError(
            f"the file was recognised as a SPADE generator, but of unknown sizes: {channels} channels in, "
            f"{first.shape[0]} at the smallest side, kernels of {kernel} x {kernel}"
        )
    known, segment = KNOWN.get(channels), state.get("conv_seg.weight")
    config = known.config if known else BachGANConfig(channels, names=plain_names(channels))
    if "encode_shared.0.weight" in state and config.edges:  # fusion and instances exclude each other
        known, config = None, BachGANConfig(channels, names=plain_names(channels))
    if segment is not None and segment.shape[:1] == (channels - 1,) and not config.edges:
        known, config = None, BachGANConfig(channels - 1, edges=True, names=plain_names(channels - 1))
    if "up_4.norm_0.mlp_shared.0.weight" in state:
        config = replace(config, doublings="most")
    config = replace(
        config,
        width_g=first.shape[0] // 16,
        hidden=hidden,
        kernel=kernel,
        norm="batch" if "head_0.norm_0.param_free_norm.running_mean" in state else "instance",
        stages=int("encode_shared.0.weight" in state),
        segment=segment is not None,
    )
    note = (
        f"how large pictures are is not in the file: {config.width} x {config.height} px with "
        f'"{config.doublings}" doublings is taken; change height, width and doublings in config.json if not'
    )
    return config, "" if known and config.stages else note


def _our_name(name: str) -> str:
    name = re.sub(r"^encode_shared\.", "fusion.encode.", name)
    return re.sub(r"^memory_shared\.", "fusion.stages.0.", name)


def fold(state: Mapping[str, Tensor], what: str) -> dict[str, Tensor]:
    """State of spectral convolutions (weight_orig, weight_u, weight_v) as plain ones, all in float32.

    Old files lack weight_v and hold the last pass's W / σ as `weight`: σ is then the best ratio of the two;
    with neither, v = Wᵀu. A `weight` beside all three is only that cache, and is dropped.
    """
    names = [name for name in state if name.endswith(".weight_orig")]
    folded = {
        name: value.long() if name.endswith("num_batches_tracked") else value.float()
        for name, value in state.items()
        if not name.endswith((".weight_orig", ".weight_u", ".weight_v"))
    }
    for name in names:
        base = name.removesuffix("_orig")
        kernel, u, v = (_part(state, base + end) for end in ("_orig", "_u", "_v"))
        assert kernel is not None
        matrix = kernel.flatten(1) if kernel.dim() > 1 and kernel.numel() else None
        if u is None or matrix is None or u.shape != matrix.shape[:1]:
            raise ForeignError(f"the file was recognised as {what}, but {base}_u is missing or misshapen")
        cached = _part(state, base)
        if v is not None:
            if v.shape != matrix.shape[1:]:
                raise ForeignError(f"the file was recognised as {what}, but {base}_v is misshapen")
            sigma = spectral_sigma(kernel, u, v)
        elif cached is not None and cached.shape == kernel.shape:
            sigma = kernel.square().sum() / (kernel * cached).sum()
        else:
            sigma = spectral_sigma(kernel, u, F.normalize(torch.mv(matrix.T, u), dim=0))
        folded[base] = kernel / sigma
        if not torch.isfinite(folded[base]).all():
            raise ForeignError(f"the file was recognised as {what}, but NaN or infinity is in {base}")
    return folded


def _part(state: Mapping[str, Tensor], name: str) -> Tensor | None:
    value = state.get(name)
    return None if value is None else value.float()


def _with_counters(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Counters of batches, which old files lack and no picture depends on, added where they are absent."""
    end = ".param_free_norm.running_mean"
    counters = {name.removesuffix("running_mean") + "num_batches_tracked" for name in tensors if end in name}
    return {**{name: torch.tensor(0) for name in counters}, **tensors}


def _filled(build: Callable[[], nn.Module], tensors: dict[str, Tensor], what: str) -> nn.Module:
    """The module with the tensors in it. Names and shapes are compared before anything is allocated."""
    with torch.device("meta"):
        module = build()
    fill(module, tensors, what)
    module.load_state_dict(tensors, strict=True, assign=True)
    return module.eval().requires_grad_(False)


def _discriminator(state: dict[str, Tensor]) -> Converted:
    """discriminator_0.model1.0.0.weight -> scales.0.stages.1.0.weight"""
    pattern = re.compile(r"discriminator_(\d)\.model(\d)\.((?:\d\.)*)(\w+)")
    parts = {name: match for name in state if (match := pattern.fullmatch(name))}
    if extra := set(state) - set(parts):
        raise ForeignError(
            f"the file was recognised as a SPADE discriminator, but it also holds {few(extra)}"
        )
    scales = 1 + max(int(match[1]) for match in parts.values())
    last = max(int(match[2]) for match in parts.values())
    first = state[_JUDGE]
    if first.dim() != 4 or last < 2 or not 1 <= min(first.shape) <= max(first.shape) <= MAX_WIDTH:
        raise ForeignError("the file was recognised as a SPADE discriminator, but its layers are not whole")
    config = PatchConfig(inputs=first.shape[1], width=first.shape[0], layers=last, scales=scales)
    title = f"SPADE discriminator, {scales} scales"
    renamed = {}
    for name, match in parts.items():
        inner = "" if int(match[2]) == last else "0."
        renamed[f"scales.{match[1]}.stages.{match[2]}.{inner}{match[4]}"] = state[name]
    module = _filled(lambda: discriminator_of(config.to_dict()), fold(renamed, title), title)
    return Converted(
        format="SPADE discriminator (PyTorch state dict)",
        family="bachgan-discriminator",
        title=title,
        resolution=256,
        config=config.to_dict(),
        module=module,
        notes=("a discriminator draws no pictures: it is kept for training",),
    )
