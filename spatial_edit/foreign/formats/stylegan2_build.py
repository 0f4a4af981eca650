"""From the tensors of a published StyleGAN2 to our network: sizes by the shapes, names, strict filling."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import ForeignError
from spatial_edit.foreign.fill import fill
from spatial_edit.foreign.formats.stylegan2_names import Scheme, discriminator_names, generator_names
from spatial_edit.generators.stylegan2 import (
    DiscriminatorConfig,
    StyleGAN2Config,
    StyleGAN2Generator,
    build_discriminator,
    config_from_json,
    config_to_json,
    discriminator_from_json,
    discriminator_to_json,
)
from spatial_edit.nn.resample import blur_kernel
from spatial_edit.safetensors_header import few

MEAN_COUNT = 10_000  # z for a mean code that the file lacks, from seed 0
MEAN_PART = 500  # of them at a time
MEASURED = f"the file has no mean code: measured over {MEAN_COUNT} z of seed 0"
MAX_STEPS = 10  # of the side: 4096 px
WHOLE_BATCH = 1 << 31  # a mini-batch group without a bound


def generator_config(
    tensors: Mapping[str, Tensor],
    scheme: Scheme,
    *,
    clamp: float | None = None,
    exact_eps: bool = False,
    mapping_eps: float = 1e-8,
) -> StyleGAN2Config:
    """The sizes of a generator by its shapes. ForeignError when the names that give them lack."""
    parts = scheme.parts

    def shape(name: str, ours: str, axes: int) -> torch.Size:
        if name not in tensors:
            raise ForeignError(f"this looks like a StyleGAN2 of {scheme.name}, but it lacks {name}")
        size = scheme.ours(ours, tensors[name]).shape
        if len(size) != axes:
            raise ForeignError(f"{name} has {len(size)} axes instead of {axes}: the file is damaged")
        return size

    def width(i: int) -> int:
        return shape(scheme.layer(i) + parts["conv.weight"], f"synthesis.layers.{i}.conv.weight", 4)[0]

    steps = 0
    while steps < MAX_STEPS and scheme.layer(2 * steps + 2) + parts["conv.weight"] in tensors:
        steps += 1
    depth = 0
    while scheme.mapping(depth) + parts["weight"] in tensors:
        depth += 1
    w_dim = shape(scheme.layer(0) + parts["conv.affine.weight"], "affine.weight", 2)[1]
    first = shape(scheme.mapping(0) + parts["weight"], "mapping.weight", 2)
    embed = scheme.embed + parts["weight"]
    rows, labels = shape(embed, "embed.weight", 2) if scheme.embed and embed in tensors else (0, 0)
    middle_rgb = steps == 0 or scheme.rgb(0) + parts["rgb.bias"] in tensors
    with_skip = scheme.skip(max(steps, 1)) + parts["weight"] in tensors
    architecture = "skip" if middle_rgb else "resnet" if with_skip else "orig"
    return StyleGAN2Config(
        resolution=4 << steps,
        channels={4 << step: width(2 * step) for step in range(steps + 1)},
        z_dim=first[1] - rows,
        w_dim=w_dim,
        mapping_layers=depth,
        architecture=architecture,
        image_channels=shape(scheme.rgb(steps) + parts["rgb.bias"], "synthesis.rgbs.0.bias", 1)[0],
        labels=labels,
        mapping_width=0 if depth < 2 or first[0] == w_dim else first[0],
        embedding=0 if rows == w_dim else rows,
        mapping_eps=mapping_eps,
        clamp=clamp,
        scale_weights=True,
        exact_eps=exact_eps,
        fixed_noise=scheme.noise(0) in tensors,
    )


def discriminator_config(
    tensors: Mapping[str, Tensor], scheme: Scheme, *, group: int = 4, clamp: float | None = None
) -> DiscriminatorConfig:
    """The sizes of a discriminator by its shapes. ForeignError when the names that give them lack."""
    parts, judge = scheme.parts, scheme.judge

    def shape(name: str, axes: int = 4) -> torch.Size:
        if name not in tensors:
            raise ForeignError(f"the file's discriminator lacks {name}")
        size = scheme.ours("weight", tensors[name]).shape  # as a plain convolution or linear layer
        if len(size) != axes:
            raise ForeignError(f"{name} has {len(size)} axes instead of {axes}: the file is damaged")
        return size

    steps = 0
    while steps < MAX_STEPS and judge(8 << steps, "conv0") + parts["weight"] in tensors:
        steps += 1
    last = shape(judge(4, "conv") + parts["weight"])
    embed = judge(0, "embed") + parts["weight"]
    labels = shape(embed, 2)[1] if embed in tensors else 0
    depth = 0
    while judge(0, f"fc{depth}") + parts["weight"] in tensors:
        depth += 1
    projection = shape(judge(4, "out") + parts["weight"], 2)[0] if labels else 0
    residual = judge(8, "skip") + parts["weight"] in tensors
    with_rgb = judge(4, "fromrgb") + parts["weight"] in tensors
    widths = {8 << step: shape(judge(8 << step, "conv0") + parts["weight"])[0] for step in range(steps)}
    statistics = last[1] - last[0]
    return DiscriminatorConfig(
        resolution=4 << steps,
        channels={4: last[0], **widths},
        architecture="resnet" if residual else "skip" if with_rgb else "orig",
        image_channels=shape(judge(4 << steps, "fromrgb") + parts["weight"])[1],
        group=group if statistics > 0 else 0,
        statistics=max(statistics, 1),
        clamp=clamp,
        labels=labels,
        label_layers=depth if labels else 8,
        projection=0 if projection == last[0] else projection,
    )


def generator(
    tensors: Mapping[str, Tensor], config: StyleGAN2Config, scheme: Scheme, what: str
) -> StyleGAN2Generator:
    """Our network with the file's weights; the mean code is measured where the file has none."""
    check(config, what)
    names = generator_names(config, scheme)
    with_mean = scheme.mean is not None and scheme.mean in tensors
    if not with_mean:
        names.pop("w_mean", None)
    model = built(lambda: StyleGAN2Generator(config), tensors, names, scheme, what)
    assert isinstance(model, StyleGAN2Generator)
    if not with_mean:
        _measure_mean(model)
    return model


@torch.no_grad()
def _measure_mean(model: StyleGAN2Generator) -> None:
    """The mean of MEAN_COUNT codes (and as many classes) into `w_mean`, in parts: a wide network's fit."""
    draw = torch.Generator().manual_seed(0)
    total = torch.zeros(model.config.w_dim, dtype=torch.float64)
    for _ in range(MEAN_COUNT // MEAN_PART):
        z = torch.randn(MEAN_PART, model.config.z_dim, generator=draw)
        labels = None
        if model.config.labels:
            drawn = torch.randint(model.config.labels, (MEAN_PART,), generator=draw)
            labels = model.one_hot(drawn.tolist())
        total += model.codes(z, labels=labels).double().sum(0)
    model.w_mean.copy_(total / MEAN_COUNT)


def discriminator(
    tensors: Mapping[str, Tensor], config: DiscriminatorConfig, scheme: Scheme, what: str
) -> nn.Module:
    """Our discriminator with the file's weights."""
    check(config, what)
    names = discriminator_names(config, scheme)
    return built(lambda: build_discriminator(config), tensors, names, scheme, what)


def check(config: StyleGAN2Config | DiscriminatorConfig, what: str) -> None:
    """Our own limits, which config.json must keep, before anything is built."""
    try:
        if isinstance(config, StyleGAN2Config):
            config_from_json(config_to_json(config))
        else:
            discriminator_from_json(discriminator_to_json(config))
    except ValueError as error:
        raise ForeignError(
            f"the file was recognised as {what}, but its sizes make no sense: {error}"
        ) from error


def built(
    build: Callable[[], nn.Module],
    tensors: Mapping[str, Tensor],
    names: Mapping[str, str],
    scheme: Scheme,
    what: str,
) -> nn.Module:
    """The module of `build` with the file's tensors. names: ours -> theirs.

    All is compared before memory is taken for the module. ForeignError, with the file's names, for missing,
    extra or misshapen tensors, and for NaN and infinity.
    """
    if missing := [theirs for theirs in names.values() if theirs not in tensors]:
        raise ForeignError(f"the file was recognised as {what}, but it lacks {few(missing)}")
    if extra := set(tensors) - set(names.values()):
        raise ForeignError(f"the file was recognised as {what}, but it also holds {few(sorted(extra))}")
    with torch.device("meta"):
        wanted = build().state_dict()
    ours = {name: scheme.ours(name, tensors[theirs]) for name, theirs in names.items()}
    shapes = [
        f"{names[name]} {tuple(tensor.shape)} for {tuple(wanted[name].shape)}"
        for name, tensor in ours.items()
        if tensor.shape != wanted[name].shape
    ]
    if shapes:
        raise ForeignError(f"the file was recognised as {what}, but shapes do not fit: {few(shapes)}")
    if bad := [names[name] for name, tensor in ours.items() if not torch.isfinite(tensor).all()]:
        raise ForeignError(f"the file was recognised as {what}, but NaN or infinity is in {few(bad)}")
    module = build()
    fill(module, ours, what, constant=("kernel", "w_mean"))
    return module


def without_kernels(tensors: Mapping[str, Tensor], ending: str, what: str) -> dict[str, Tensor]:
    """The tensors but the constant blur kernels, whose names end so.

    ForeignError when one is not [1, 3, 3, 1] times itself, up to a factor: other kernels are not drawn here.
    """
    kernels = {name for name in tensors if name.split(".")[-1] == ending}
    for name in sorted(kernels):
        kernel = tensors[name].float()
        if kernel.shape == (4,):
            kernel = torch.outer(kernel, kernel)
        total = kernel.sum()
        fits = kernel.shape == (4, 4) and bool(total > 0)
        if not fits or not torch.allclose(kernel / total, blur_kernel(), atol=1e-6):
            raise ForeignError(
                f"the file was recognised as {what}, but {name} is not the kernel [1, 3, 3, 1]: networks "
                "with other resampling kernels are not drawn here"
            )
    return {name: tensor for name, tensor in tensors.items() if name not in kernels}
