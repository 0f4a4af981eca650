"""NVIDIA's PyTorch pickles of StyleGAN2: stylegan2-ada-pytorch, and the stylegan3 repository's StyleGAN2.

{"G", "D", "G_ema", "training_set_kwargs", "augment_pipe"}, or some of them; every network is a persistent
object. The sizes come from the tensors; what the objects say of themselves (arguments, limits, activations)
must agree. Also a plain state dict with these names, as .safetensors or .pt.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

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
from spatial_edit.foreign.formats.persistent import (
    init_args,
    init_kwargs,
    is_module,
    modules_of,
    network,
    state_dict,
)
from spatial_edit.foreign.formats.stylegan2_names import NVLABS
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.generators.stylegan2 import (
    DiscriminatorConfig,
    StyleGAN2Config,
    config_to_json,
    discriminator_to_json,
)
from spatial_edit.safetensors_header import few

GENERATOR = "a StyleGAN2 generator of NVIDIA's PyTorch code"
DISCRIMINATOR = "a StyleGAN2 discriminator of NVIDIA's PyTorch code"
LEARNING_RATE = 0.01  # of our mapping networks, relative to the rest
GENERATOR_ARGUMENTS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
DISCRIMINATOR_ARGUMENTS = ("c_dim", "img_resolution", "img_channels")


def recognises(content: Content) -> bool:
    """Whether it holds a generator with a mapping and a synthesis network, of whatever kind."""
    record = _generator_record(content.root)
    if record is not None:
        parts = record.attribute("_modules")
        return isinstance(parts, Mapping) and "synthesis" in parts and "mapping" in parts
    return "synthesis.b4.const" in tensors_below(content.root)


def convert(content: Content, options: ImportOptions) -> Converted:
    """The moving-average generator where there is one, else the plain one; the discriminator beside it."""
    record = _generator_record(content.root)
    if record is None:
        tensors = tensors_below(content.root)
        config = _generator_config(tensors, None)
        notes = ["the file does not say whether its activations are limited: they are not"]
    else:
        tensors = state_dict(record)
        _refuse_other_networks(tensors)
        config, notes = _generator_config(tensors, record), list(_notes(record))
        tensors = _with_our_rate(tensors, record)
    model = build.generator(
        build.without_kernels(tensors, "resample_filter", GENERATOR), config, NVLABS, GENERATOR
    )
    if "mapping.w_avg" not in tensors:
        notes.append(build.MEASURED)
    judge = network(content.root, "D")
    parts = {}
    if judge is not None and _is_discriminator(judge):
        parts["discriminator"] = discriminator(judge)
    elif judge is not None:
        notes.append("the file's discriminator is none of StyleGAN2's: it is left out")
    return Converted(
        format="NVIDIA's StyleGAN2, PyTorch" + (" pickle" if record is not None else " state dict"),
        family="stylegan2",
        title=title(config),
        resolution=config.resolution,
        config=config_to_json(config),
        module=model,
        parts=parts,
        notes=tuple(notes),
    )


def title(config: StyleGAN2Config) -> str:
    """ "StyleGAN2, 256 px, 10 classes"."""
    return f"StyleGAN2, {config.resolution} px" + (f", {config.labels} classes" if config.labels else "")


def discriminator(record: Record) -> tuple[nn.Module, dict[str, object]]:
    """A discriminator's record as ours, and its config.json. ForeignError as `convert`."""
    tensors = state_dict(record)
    statistics = next((m for name, m in modules_of(record) if name == "b4.mbstd"), None)
    group = 4 if statistics is None else statistics.attribute("group_size")
    group = build.WHOLE_BATCH if group is None else group
    if isinstance(group, bool) or not isinstance(group, int) or not 0 < group <= build.WHOLE_BATCH:
        raise ForeignError("the discriminator's mini-batch group is no number of pictures: damaged file")
    limited = ("fromrgb", "conv0", "conv1", "b4.conv")
    config = build.discriminator_config(tensors, NVLABS, group=group, clamp=_clamp(record, limited))
    _check_activations(record, DISCRIMINATOR)
    _check_arguments(record, DISCRIMINATOR_ARGUMENTS, _facts(config), DISCRIMINATOR)
    tensors = _with_our_rate(tensors, record)
    tensors = build.without_kernels(tensors, "resample_filter", DISCRIMINATOR)
    tensors.pop("mapping.w_avg", None)  # of the label's network: never used
    return build.discriminator(tensors, config, NVLABS, DISCRIMINATOR), discriminator_to_json(config)


def _is_discriminator(record: Record) -> bool:
    """Whether it has the last block of StyleGAN2's discriminators."""
    blocks = record.attribute("_modules")
    last = blocks.get("b4") if isinstance(blocks, Mapping) else None
    layers = last.attribute("_modules") if isinstance(last, Record) else None
    return isinstance(layers, Mapping) and {"conv", "fc", "out"} <= set(layers)


def _generator_record(root: object) -> Record | None:
    if isinstance(root, Record):
        return root if is_module(root) else None
    return network(root, "G_ema", "G")


def _generator_config(tensors: Mapping[str, Tensor], record: Record | None) -> StyleGAN2Config:
    clamp = None if record is None else _clamp(record, ("conv0", "conv1", "torgb"))
    config = build.generator_config(tensors, NVLABS, clamp=clamp, exact_eps=True)
    if record is not None:
        _check_activations(record, GENERATOR)
        _check_arguments(record, GENERATOR_ARGUMENTS, _facts(config), GENERATOR)
    return config


def _refuse_other_networks(tensors: Mapping[str, Tensor]) -> None:
    names = tuple(tensors)
    if any(name.startswith(("synthesis.L0_", "synthesis.input.")) for name in names):
        raise ForeignError(
            "this is a StyleGAN3 generator (alias-free layers, Fourier input): only StyleGAN2 is drawn here"
        )
    if "synthesis.b4.const" not in tensors:
        held = few(names) if names else "no tensors"
        raise ForeignError(f"the file's generator is no StyleGAN2 that is known here: it holds {held}")


# what the objects say of themselves


def _clamp(record: Record, limited: tuple[str, ...]) -> float | None:
    """The limit that all the layers named so have."""
    unlimited = "b4.fromrgb"  # as in our networks
    stated = {
        name: _number(module.attribute("conv_clamp"), "conv_clamp")
        for name, module in modules_of(record)
        if name.endswith(limited) and "conv_clamp" in _attributes(module)
    }
    found = {clamp for name, clamp in stated.items() if name != unlimited}
    if len(found) > 1 or stated.get(unlimited) is not None:
        raise ForeignError("the network's layers limit their activations differently: not drawn here")
    return found.pop() if found else None


def _check_activations(record: Record, what: str) -> None:
    for name, module in modules_of(record):
        activation = module.attribute("activation")
        if activation is not None and activation not in ("lrelu", "linear"):
            raise ForeignError(
                f"the file was recognised as {what}, but {shown(name)} uses {shown(activation, 40)!r}"
            )
        if module.attribute("use_noise") is False:
            raise ForeignError(
                f"the file was recognised as {what}, but {shown(name)} has no noise: not drawn here"
            )


def _facts(config: StyleGAN2Config | DiscriminatorConfig) -> dict[str, object]:
    """A network's sizes under the names of the arguments it was built with."""
    facts: dict[str, object] = {
        "c_dim": config.labels,
        "img_resolution": config.resolution,
        "img_channels": config.image_channels,
        "architecture": config.architecture,
    }
    if isinstance(config, StyleGAN2Config):
        facts |= {"z_dim": config.z_dim, "w_dim": config.w_dim, "num_layers": config.mapping_layers}
    return facts | {"channels": dict(config.channels)}


def _check_arguments(record: Record, order: tuple[str, ...], facts: dict[str, object], what: str) -> None:
    """ForeignError when an argument that the network was built with is not what its tensors show."""
    said = {**dict(zip(order, init_args(record), strict=False)), **init_kwargs(record)}
    nested = ("synthesis_kwargs", "mapping_kwargs") if "num_layers" in facts else ()
    for group in nested:
        inner = said.get(group)
        said |= {str(k): v for k, v in inner.items()} if isinstance(inner, Mapping) else {}
    for name, fact in facts.items():
        value = said.get(name)
        if value is not None and name != "channels" and not (isinstance(value, int | str) and value == fact):
            raise ForeignError(
                f"the file was recognised as {what}, but it says {name} is {shown(value, 40)} while its "
                f"tensors show {fact}: it was altered or damaged"
            )
    base, most, channels = said.get("channel_base"), said.get("channel_max", 512), facts["channels"]
    assert isinstance(channels, dict)
    if isinstance(base, int) and isinstance(most, int):
        wrong = [side for side, width in channels.items() if width != min(base // side, most)]
        if wrong:
            raise ForeignError(
                f"the file was recognised as {what}, but it says channel_base is {base} and channel_max "
                f"{most} while its tensors have {channels[wrong[0]]} channels at side {wrong[0]}: it was "
                "altered or damaged"
            )


def _with_our_rate(tensors: Mapping[str, Tensor], record: Record) -> dict[str, Tensor]:
    """The mapping network's stored weights as if its learning rate were ours: the network stays the same."""
    scaled = dict(tensors)
    for name, module in modules_of(record):
        if not name.startswith("mapping.fc"):
            continue
        rate = _number(module.attribute("bias_gain"), f"{name}.bias_gain")
        if rate is None or math.isclose(rate, LEARNING_RATE, rel_tol=1e-9):
            continue
        for end in ("weight", "bias"):
            if f"{name}.{end}" in scaled:
                scaled[f"{name}.{end}"] = scaled[f"{name}.{end}"] * (rate / LEARNING_RATE)
    return scaled


def _notes(record: Record) -> Iterator[str]:
    if any(module.attribute("use_fp16") is True for _, module in modules_of(record)):
        yield "the published network ran its upper blocks in half precision; here all run in float32"


def _attributes(module: Record) -> Mapping[str, object]:
    return module.state if isinstance(module.state, dict) else {}


def _number(value: object, name: str) -> float | None:
    """A finite number or None; ForeignError for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ForeignError(f"the network's {name[:80]} is no number: the file is damaged")
    return float(value)
