"""EqGAN-SA's pickles: NVIDIA's format with a generator whose layers have spatial encodings.

Such a file drags along what is no weight: hooks of the training program on the discriminator's blocks, the
heatmaps of the last batch as attributes of the generator (they can be larger than the weights), and plain
torch modules inside the encodings. Only parameters and buffers are taken, so none of it matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions, Record
from spatial_edit.foreign.formats.nvlabs import discriminator
from spatial_edit.foreign.formats.persistent import is_module, modules_of, network, state_dict
from spatial_edit.foreign.formats.stylegan2_build import built, generator_config, without_kernels
from spatial_edit.foreign.formats.stylegan2_names import NVLABS, generator_names
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.generators.spatialgan.eqgan import EqGANConfig, EqGANGenerator
from spatial_edit.generators.stylegan2 import StyleGAN2Config

LEVELS = ("b8", "b16", "b32")  # named after the discriminator's block whose output has side 4, 8, 16
PARTS = {"shared": "shared.0", "scale_map": "sigma", "shift_map": "mu", "output": "output.1"}
WHAT = "an EqGAN-SA"
MAPPING_RATE = 0.01  # of the mapping network, relative to the rest


def recognises(content: Content) -> bool:
    """Whether the file holds a generator with projections of heatmaps."""
    found = network(content.root, "G_ema", "G")
    modules = found.attribute("_modules") if found is not None else None
    synthesis = modules.get("synthesis") if isinstance(modules, Mapping) else None
    if not isinstance(synthesis, Record) or not is_module(synthesis):
        return False
    parts = synthesis.attribute("_modules")
    return isinstance(parts, Mapping) and any(str(name).startswith("hm_conv") for name in parts)


def convert(content: Content, options: ImportOptions) -> Converted:
    """The generator (of the averaged weights, where there are both), and the discriminator if any.

    ForeignError for a file whose networks are not whole, or of a variant that is unknown here.
    """
    record = network(content.root, "G_ema", "G")
    assert record is not None  # recognises() saw it
    tensors = without_kernels(state_dict(record), "resample_filter", WHAT)
    _check_layers(record)
    base, config = configs(tensors, clamp_of(record))
    names = generator_names(base, NVLABS) | encoding_names(config)
    what = f"{WHAT} of {config.resolution} px"
    module = built(lambda: EqGANGenerator(config), tensors, names, NVLABS, what)

    judge = network(content.root, "D")
    return Converted(
        format="EqGAN-SA pickle",
        family="eqgan",
        title=f"EqGAN-SA, {config.resolution} px",
        resolution=config.resolution,
        config=config.to_dict(),
        module=module,
        parts={} if judge is None else {"discriminator": discriminator(judge)},
        kind="heatmaps",
        max_elements=sum(config.centres),
    )


def encoding_names(config: EqGANConfig) -> dict[str, str]:
    """Our name -> the file's, for what the network has beyond a StyleGAN2."""
    names: dict[str, str] = {}

    def convolution(ours: str, theirs: str) -> None:
        names.update({f"{ours}.{what}": f"{theirs}.{what}" for what in ("weight", "bias")})

    for level, key in enumerate(LEVELS):
        for i in (0, 1):
            convolution(f"synthesis.projections.{level}.{i}", f"synthesis.hm_conv{i}_{key}")
    layers = {f"rgb_encodings.{step}": f"b{side}.torgb" for step, side in enumerate(config.sides)}
    for i in range(2 * len(config.sides) - 1):
        side = config.sides[(i + 1) // 2]
        layers[f"encodings.{i}"] = f"b{side}.conv{0 if i % 2 else 1}"
    for ours, theirs in layers.items():
        for part, word in PARTS.items():
            convolution(f"synthesis.{ours}.{part}", f"synthesis.{theirs}.sel.{word}")
    return names


def configs(tensors: Mapping[str, Tensor], clamp: float | None) -> tuple[StyleGAN2Config, EqGANConfig]:
    """The sizes that the tensors' shapes tell: of the StyleGAN2 below, and of the whole."""
    base = generator_config(tensors, NVLABS, clamp=clamp, exact_eps=True)
    if base.labels or base.architecture != "skip" or base.image_channels != 3 or base.mapping_width:
        raise ForeignError(
            f"the file was recognised as {WHAT}, of a variant that is unknown here: with labels, another "
            "architecture than skip, grey pictures, or a mapping network of another width than its codes"
        )
    centres = tuple(_shape(tensors, f"synthesis.hm_conv0_{key}.weight")[1] for key in LEVELS)
    narrow, wide = (_shape(tensors, f"synthesis.hm_conv{i}_b8.weight")[0] for i in (0, 1))
    try:
        return base, EqGANConfig(
            resolution=base.resolution,
            channels=base.channels,
            z_dim=base.z_dim,
            w_dim=base.w_dim,
            mapping_layers=base.mapping_layers,
            centres=centres,
            heat_widths=(narrow, wide),
            hidden=_shape(tensors, "synthesis.b4.conv1.sel.shared.0.weight")[0],
            clamp=clamp,
            fixed_noise=base.fixed_noise,
        )
    except ValueError as error:
        raise ForeignError(f"the file was recognised as {WHAT}, but its sizes are not: {error}") from error


def clamp_of(record: Record) -> float | None:
    """The limit of the styled layers' outputs. ForeignError when it is no number, differs between layers, or
    the encodings have one too, which no published network has."""
    styled: set[float | None] = set()
    for name, module in modules_of(record):
        clamp = module.attribute("conv_clamp")
        if not isinstance(clamp, int | float | None) or isinstance(clamp, bool):
            raise ForeignError(f"the limit of {name[:80]} is no number: the file is damaged")
        if name.endswith((".conv0", ".conv1", ".torgb")):
            styled.add(None if clamp is None else float(clamp))
        elif clamp is not None:
            raise ForeignError(
                f"the file was recognised as {WHAT}, but it limits {name[:80]}: not drawn here"
            )
    if len(styled) > 1 or any(limit is not None and not 0 < limit < math.inf for limit in styled):
        raise ForeignError(f"the file was recognised as {WHAT}, but its layers are limited differently")
    return styled.pop() if styled else None


def _check_layers(record: Record) -> None:
    """ForeignError for activations, and learning rates of the mapping network, that are not published."""
    for name, module in modules_of(record):
        activation, rate = module.attribute("activation"), module.attribute("bias_gain")
        if activation not in (None, "lrelu", "linear"):
            raise ForeignError(
                f"the file was recognised as {WHAT}, but {name[:80]} uses {shown(activation, 40)}"
            )
        if name.startswith("mapping.fc") and not _is_published(rate):
            raise ForeignError(
                f"the file was recognised as {WHAT}, but {name[:80]} has the learning rate {shown(rate, 40)} "
                f"instead of {MAPPING_RATE}: not drawn here"
            )


def _is_published(rate: object) -> bool:
    return rate is None or (isinstance(rate, int | float) and rate == MAPPING_RATE)


def _shape(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    """Of a convolution's weight."""
    if name not in tensors:
        raise ForeignError(f"the file was recognised as {WHAT}, but it lacks {name}")
    shape = tuple(tensors[name].shape)
    if len(shape) != 4:
        raise ForeignError(f"{name} has {len(shape)} axes instead of 4: the file is damaged")
    return shape
