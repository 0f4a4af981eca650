"""Checkpoints of rosinality/stylegan2-pytorch, and of BlobGAN's StyleGAN2 baselines, which share its names.

converted   {"g_ema", "latent_avg"}
training    {"g", "d", "g_ema", "g_optim", "d_optim", "args", "ada_aug_p"}
bare        the generator's state dict alone
Lightning   {"state_dict": {"generator.*", "generator_ema.*", "discriminator.*"}, ...}

Where a file has no mean code, it is measured. Width multipliers are read off the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import (
    Content,
    Converted,
    ForeignError,
    ImportOptions,
    Record,
    tensors_below,
)
from spatial_edit.foreign.formats import stylegan2_build as build
from spatial_edit.foreign.formats.stylegan2_names import ROSINALITY
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.generators.stylegan2 import (
    DiscriminatorConfig,
    StyleGAN2Config,
    build_discriminator,
    config_to_json,
    discriminator_to_json,
)

GENERATOR = "a StyleGAN2 generator in rosinality's layout"
DISCRIMINATOR = "a StyleGAN2 discriminator in rosinality's layout"
STYLEGAN1_MARKS = (".progression.", "progression.", ".adain", "adain1.")
LIGHTNING_EPS = 1e-5  # of the pixel norm in BlobGAN's code; rosinality's own has 1e-8


@dataclass(frozen=True)
class _Found:
    """The parts of a file. eps: of the mapping network's pixel norm."""

    format: str
    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]
    mean: object = None
    arguments: object = None
    eps: float = 1e-8


def recognises(content: Content) -> bool:
    """Whether it holds a generator with these names (or a StyleGAN1, to say so)."""
    return _find(content.root) is not None or _is_stylegan1(content.root)


def convert(content: Content, options: ImportOptions) -> Converted:
    """The moving-average generator where there is one; the discriminator beside it."""
    found = _find(content.root)
    if found is None:
        raise ForeignError("this is a StyleGAN1 (style modulation by AdaIN): only StyleGAN2 is drawn here")
    config = build.generator_config(found.generator, ROSINALITY, mapping_eps=found.eps)
    _check(found.arguments, config)
    tensors = build.without_kernels(found.generator, "kernel", GENERATOR)
    model = build.generator(tensors, config, ROSINALITY, GENERATOR)
    notes = [build.MEASURED]
    if found.mean is not None:
        notes = []
        model.w_mean.copy_(_mean(found.mean, config))
    if "args" in (content.root if isinstance(content.root, dict) else {}):
        notes.append("a training checkpoint: its optimisers are left out")
    parts = {"discriminator": _discriminator(found.discriminator)} if found.discriminator else {}
    return Converted(
        format=found.format,
        family="stylegan2",
        title=f"StyleGAN2, {config.resolution} px",
        resolution=config.resolution,
        config=config_to_json(config),
        module=model,
        parts=parts,
        notes=tuple(notes),
    )


def _find(root: object) -> _Found | None:
    """Where the generator is in the file; None when there is none."""
    if not isinstance(root, Mapping):
        return None
    judge = tensors_below(root.get("d"))
    for name in ("g_ema", "g"):
        tensors = tensors_below(root.get(name))
        if _is_generator(tensors):
            kind = "rosinality's StyleGAN2, " + ("training checkpoint" if judge else "converted checkpoint")
            return _Found(kind, tensors, judge, root.get("latent_avg"), root.get("args"))
    if _is_generator(tensors := tensors_below(root)):
        return _Found("rosinality's StyleGAN2, generator alone", tensors, {})
    state = root.get("state_dict")
    for prefix in ("generator_ema.", "generator."):
        tensors = tensors_below(state, prefix)
        if _is_generator(tensors):
            judge = tensors_below(state, "discriminator.")
            return _Found("BlobGAN's StyleGAN2 baseline", tensors, judge, eps=LIGHTNING_EPS)
    return None


def _is_generator(tensors: Mapping[str, Tensor]) -> bool:
    return "style.1.weight" in tensors and "input.input" in tensors


def _is_stylegan1(root: object) -> bool:
    """A StyleGAN1 of the same author, or BlobGAN's baseline of that kind."""
    if not isinstance(root, Mapping):
        return False
    inner = [root.get(name) for name in ("state_dict", "generator", "g_running", "g_ema")]
    names = [str(name) for group in (root, *inner) if isinstance(group, Mapping) for name in group]
    return any(mark in name for name in names for mark in STYLEGAN1_MARKS)


def _mean(value: object, config: StyleGAN2Config) -> Tensor:
    """(w_dim,) the file's mean code."""
    if not isinstance(value, Tensor) or value.numel() != config.w_dim:
        raise ForeignError(f"the file's latent_avg is no mean of {config.w_dim} numbers: damaged file")
    if not torch.isfinite(value).all():
        raise ForeignError("the file's latent_avg holds NaN or infinity: it was altered or damaged")
    return value.reshape(-1).float()


def _check(arguments: object, config: StyleGAN2Config) -> None:
    """ForeignError when the training's arguments are not what the tensors show."""
    if isinstance(arguments, Record):
        arguments = arguments.state
    if not isinstance(arguments, Mapping):
        return
    facts = {"size": config.resolution, "latent": config.w_dim, "n_mlp": config.mapping_layers}
    for name, fact in facts.items():
        value = arguments.get(name)
        if value is not None and not (isinstance(value, int) and value == fact):
            raise ForeignError(
                f"the file was recognised as {GENERATOR}, but its args say {name} is {shown(value, 40)} "
                f"while its tensors show {fact}: it was altered or damaged"
            )


def _discriminator(tensors: dict[str, Tensor]) -> tuple[nn.Module, dict[str, object]]:
    """Our discriminator, which has these names, with the file's weights."""
    tensors = build.without_kernels(tensors, "kernel", DISCRIMINATOR)
    blocks = 0
    while blocks < build.MAX_STEPS and f"convs.{blocks + 1}.conv1.0.weight" in tensors:
        blocks += 1
    widths = {4 << blocks: _width(tensors, "convs.0.0.weight")}
    for j in range(1, blocks + 1):
        widths[(4 << blocks) >> j] = _width(tensors, f"convs.{j}.conv2.1.weight")
    statistics = _width(tensors, "final_conv.0.weight", 1) - widths[4]
    config = DiscriminatorConfig(
        resolution=4 << blocks,
        channels=dict(sorted(widths.items())),
        image_channels=_width(tensors, "convs.0.0.weight", 1),
        group=4 if statistics > 0 else 0,
        statistics=max(statistics, 1),
    )
    build.check(config, DISCRIMINATOR)
    with torch.device("meta"):
        wanted = build_discriminator(config).state_dict()
    names = {name: name for name in wanted if not name.endswith("kernel")}
    model = build.built(lambda: build_discriminator(config), tensors, names, ROSINALITY, DISCRIMINATOR)
    return model, discriminator_to_json(config)


def _width(tensors: Mapping[str, Tensor], name: str, axis: int = 0) -> int:
    if name not in tensors or tensors[name].dim() != 4:
        raise ForeignError(f"the file's discriminator lacks {name}, or it is no convolution")
    return tensors[name].shape[axis]
