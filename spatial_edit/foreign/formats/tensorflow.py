"""NVIDIA's TensorFlow pickles of StyleGAN2: (G, D, Gs), three `dnnlib.tflib.Network` objects.

Each has its variables as a list of (name, array), its arguments in `static_kwargs`, and the generators keep
mapping and synthesis as components. Gs is the moving average. The source text in such a file is dropped by
the reader. StyleGAN1 files look alike and are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions, Record
from spatial_edit.foreign.formats import stylegan2_build as build
from spatial_edit.foreign.formats.stylegan2_names import TENSORFLOW
from spatial_edit.foreign.reading.budget import shown
from spatial_edit.generators.stylegan2 import StyleGAN2Config, config_to_json, discriminator_to_json

GENERATOR = "a StyleGAN2 generator of NVIDIA's TensorFlow code"
DISCRIMINATOR = "a StyleGAN2 discriminator of NVIDIA's TensorFlow code"
LEARNING_RATE = 0.01  # of our mapping networks, relative to the rest


def recognises(content: Content) -> bool:
    """Whether it is a triple of TensorFlow networks, of whatever kind."""
    root = content.root
    return isinstance(root, tuple | list) and len(root) == 3 and all(_is_network(item) for item in root)


def convert(content: Content, options: ImportOptions) -> Converted:
    """The third network (the moving average) and, beside it, the discriminator."""
    root = content.root
    assert isinstance(root, tuple | list)
    _, judge, average = root
    tensors, said = _variables(average), _arguments(average)
    _refuse_stylegan1(tensors)
    config = build.generator_config(tensors, TENSORFLOW, clamp=_positive(said, "conv_clamp"))
    _check(said, config)
    model = build.generator(_with_our_rate(tensors, said), config, TENSORFLOW, GENERATOR)
    has_mean = "dlatent_avg" in tensors
    return Converted(
        format="NVIDIA's StyleGAN2, TensorFlow pickle",
        family="stylegan2",
        title=f"StyleGAN2, {config.resolution} px" + (f", {config.labels} classes" if config.labels else ""),
        resolution=config.resolution,
        config=config_to_json(config),
        module=model,
        parts={"discriminator": _discriminator(judge)},
        notes=() if has_mean else (build.MEASURED,),
    )


def _discriminator(record: Record) -> tuple[nn.Module, dict[str, object]]:
    tensors, said = _variables(record), _arguments(record)
    group = said.get("mbstd_group_size", 4)
    if isinstance(group, bool) or not isinstance(group, int) or not 0 < group <= build.WHOLE_BATCH:
        raise ForeignError("the discriminator's mbstd_group_size is no number of pictures: damaged file")
    clamp = _positive(said, "conv_clamp")
    config = build.discriminator_config(tensors, TENSORFLOW, group=group, clamp=clamp)
    _check_words(said)
    return build.discriminator(tensors, config, TENSORFLOW, DISCRIMINATOR), discriminator_to_json(config)


def _is_network(item: object) -> bool:
    """A tflib network: a record with variables."""
    return (
        isinstance(item, Record)
        and item.name == "Network"
        and item.module.startswith("dnnlib")
        and isinstance(item.attribute("variables"), list)
    )


def _variables(record: Record, prefix: str = "", depth: int = 0) -> dict[str, Tensor]:
    """The arrays of a network and of its components, whose names go before a slash. `lod`, the growing
    schedule of older networks, is left out."""
    found: dict[str, Tensor] = {}
    variables, components = record.attribute("variables"), record.attribute("components")
    for item in variables if isinstance(variables, list) else []:
        named = isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str)
        number = named and isinstance(item[1], int | float) and abs(item[1]) < 2**63  # fits a tensor
        if not named or not (number or isinstance(item[1], Tensor)):
            raise ForeignError("a variable of the TensorFlow network has no name or no numbers: damaged file")
        if item[0] != "lod":
            found[prefix + item[0]] = torch.as_tensor(item[1])
    if isinstance(components, Mapping):
        for name, part in components.items():
            if not _is_network(part) or depth > 3:
                raise ForeignError(
                    f"the component {shown(name, 40)!r} is no TensorFlow network: damaged file"
                )
            found |= _variables(part, f"{prefix}{name}/", depth + 1)
    return found


def _arguments(record: Record) -> dict[str, object]:
    """What a network and its components were built with; the whole's word counts before a part's."""
    said: dict[str, object] = {}
    components = record.attribute("components")
    parts = list(components.values()) if isinstance(components, Mapping) else []
    for item in [*parts, record]:
        kwargs = item.attribute("static_kwargs") if isinstance(item, Record) else None
        said |= {str(k): v for k, v in kwargs.items()} if isinstance(kwargs, Mapping) else {}
    return said


def _refuse_stylegan1(tensors: Mapping[str, Tensor]) -> None:
    marks = ("StyleMod", "ToRGB_lod", "/Noise/", "const/Const")
    if any(mark in name for name in tensors for mark in marks):
        raise ForeignError("this is a StyleGAN1 (style modulation by AdaIN): only StyleGAN2 is drawn here")
    if "mapping/LabelConcat/weight" in tensors:
        raise ForeignError(
            "this is a class-conditional StyleGAN2 of the first TensorFlow code, which joins label and "
            "latent before their norm: not drawn here (those of stylegan2-ada are)"
        )


def _check(said: Mapping[str, object], config: StyleGAN2Config) -> None:
    """ForeignError when the arguments are not what the tensors show."""
    facts = {
        "resolution": config.resolution,
        "num_channels": config.image_channels,
        "latent_size": config.z_dim,
        "dlatent_size": config.w_dim,
        "label_size": config.labels,
        "mapping_layers": config.mapping_layers,
        "architecture": config.architecture,
    }
    for name, fact in facts.items():
        value = said.get(name)
        if value is not None and not (isinstance(value, int | str) and value == fact):
            raise ForeignError(
                f"the file was recognised as {GENERATOR}, but it says {name} is {shown(value, 40)} while its "
                f"tensors show {fact}: it was altered or damaged"
            )
    base, most = said.get("fmap_base"), said.get("fmap_max", 512)
    if isinstance(base, int) and isinstance(most, int) and _is(said.get("fmap_decay", 1), 1):
        for side, width in config.channels.items():
            if width != min(2 * base // side, most):
                raise ForeignError(
                    f"the file was recognised as {GENERATOR}, but it says fmap_base is {base} and fmap_max "
                    f"{most} while its tensors have {width} channels at side {side}: it was altered or "
                    "damaged"
                )
    _check_words(said)


def _check_words(said: Mapping[str, object]) -> None:
    kernel, activation = said.get("resample_kernel"), said.get("nonlinearity")
    if kernel is not None and not _is_usual(kernel):
        raise ForeignError("the network resamples with another kernel than [1, 3, 3, 1]: not drawn here")
    if activation not in (None, "lrelu"):
        raise ForeignError(
            f"the network's nonlinearity is {shown(activation, 40)!r}: only lrelu is drawn here"
        )


def _is(value: object, number: float) -> bool:
    return isinstance(value, int | float) and value == number


def _is_usual(kernel: object) -> bool:
    """Whether it is the list [1, 3, 3, 1]."""
    wanted = (1, 3, 3, 1)
    return isinstance(kernel, list | tuple) and len(kernel) == 4 and all(map(_is, kernel, wanted))


def _with_our_rate(tensors: Mapping[str, Tensor], said: Mapping[str, object]) -> dict[str, Tensor]:
    """The mapping network's stored weights as if its learning rate were ours: the network stays the same."""
    rate = _positive(said, "mapping_lrmul")
    if rate is None or math.isclose(rate, LEARNING_RATE, rel_tol=1e-9):
        return dict(tensors)
    factor = rate / LEARNING_RATE
    return {n: t * factor if n.startswith("mapping/Dense") else t for n, t in tensors.items()}


def _positive(said: Mapping[str, object], name: str) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value > 0)
    ):
        raise ForeignError(f"the network's {name} is no positive number: the file is damaged")
    return float(value)
