"""What the published StyleGAN2 checkpoints call their tensors, and how they lay them out.

Three schemes: NVIDIA's PyTorch code (stylegan2-ada-pytorch, and the stylegan3 repository's StyleGAN2),
NVIDIA's TensorFlow code, and rosinality/stylegan2-pytorch. `generator_names` and `discriminator_names` give
our name -> the file's name for a configuration; `Scheme.ours` turns a tensor of the file into our shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from spatial_edit.generators.stylegan2 import DiscriminatorConfig, StyleGAN2Config


@dataclass(frozen=True)
class Scheme:
    """Names of one code base. Layer i of ours (0: side 4; 2j - 1 and 2j: side 4 * 2^j) is their `layer(i)`;
    step j is side 4 * 2^j. parts: endings of a layer, a linear layer and a skip, ours -> theirs."""

    name: str
    const: str
    mean: str | None  # None: not among the tensors
    mapping: Callable[[int], str]  # of linear layer 0, 1, ..
    embed: str
    layer: Callable[[int], str]
    rgb: Callable[[int], str]
    skip: Callable[[int], str]
    noise: Callable[[int], str]
    parts: Mapping[str, str]
    # of a discriminator: a block's side and "fromrgb", "conv0", "conv1", "skip"; 4 and "conv", "fc", "out"; 0
    # and "embed", "fc0", "fc1", .. of the label's mapping
    judge: Callable[[int, str], str]
    ours: Callable[[str, Tensor], Tensor]  # our name, their tensor -> our shape


def generator_names(config: StyleGAN2Config, scheme: Scheme) -> dict[str, str]:
    """Our name -> the file's, for every tensor of a generator but its constant kernels."""
    parts = scheme.parts
    names = {"synthesis.const": scheme.const}
    if scheme.mean is not None:
        names["w_mean"] = scheme.mean
    if config.labels:
        names |= _both("mapping.embed", scheme.embed, parts)
    for i in range(config.mapping_layers):
        ours = f"mapping.layers.{i}" if config.labels else f"mapping.{i + 1}"
        names |= _both(ours, scheme.mapping(i), parts)
    steps = config.resolution.bit_length() - 3  # 64: 4
    for i in range(2 * steps + 1):
        endings = ("conv.weight", "conv.affine.weight", "conv.affine.bias", "noise_strength", "bias")
        names |= {f"synthesis.layers.{i}.{end}": scheme.layer(i) + parts[end] for end in endings}
        if config.fixed_noise:
            names[f"synthesis.noise_{i}"] = scheme.noise(i)
    for place, step in enumerate(range(steps + 1) if config.architecture == "skip" else [steps]):
        for end in ("conv.weight", "conv.affine.weight", "conv.affine.bias"):
            names[f"synthesis.rgbs.{place}.{end}"] = scheme.rgb(step) + parts[end]
        names[f"synthesis.rgbs.{place}.bias"] = scheme.rgb(step) + parts["rgb.bias"]
    for step in range(1, steps + 1) if config.architecture == "resnet" else []:
        names[f"synthesis.skips.{step - 1}.conv.weight"] = scheme.skip(step) + parts["weight"]
    return names


def discriminator_names(config: DiscriminatorConfig, scheme: Scheme) -> dict[str, str]:
    """Our name -> the file's, for every tensor of a discriminator but its constant kernels."""
    parts, judge = scheme.parts, scheme.judge
    sides = [config.resolution >> i for i in range(config.resolution.bit_length() - 2)]
    names: dict[str, str] = {}

    def convolution(ours: str, theirs: str, first: int = 0) -> None:
        names[f"{ours}.{first}.weight"] = theirs + parts["weight"]
        names[f"{ours}.{first + 1}.bias"] = theirs + parts["plain.bias"]

    convolution("convs.0", judge(sides[0], "fromrgb"))
    for j, side in enumerate(sides[:-1], start=1):
        convolution(f"convs.{j}.conv1", judge(side, "conv0"))
        convolution(f"convs.{j}.conv2", judge(side, "conv1"), 1)
        if config.architecture == "resnet":
            names[f"convs.{j}.skip.1.weight"] = judge(side, "skip") + parts["weight"]
        if config.architecture == "skip":
            convolution(f"rgbs.{j - 1}", judge(side // 2, "fromrgb"))
    convolution("final_conv", judge(4, "conv"))
    names |= _both("final_linear.0", judge(4, "fc"), parts)
    names |= _both("final_linear.1", judge(4, "out"), parts)
    if config.labels:
        names |= _both("mapping.embed", judge(0, "embed"), parts)
        for i in range(config.label_layers):
            names |= _both(f"mapping.layers.{i}", judge(0, f"fc{i}"), parts)
    return names


def _both(ours: str, theirs: str, parts: Mapping[str, str]) -> dict[str, str]:
    return {f"{ours}.weight": theirs + parts["weight"], f"{ours}.bias": theirs + parts["plain.bias"]}


def _without_leading(tensor: Tensor, axes: int) -> Tensor:
    """The tensor with `axes` axes, if those before have size one; else as it is."""
    extra = tensor.dim() - axes
    fits = extra > 0 and all(size == 1 for size in tensor.shape[:extra])
    return tensor.reshape(tensor.shape[extra:]) if fits else tensor


def _side(i: int) -> int:
    """The side of the pictures that layer i gives."""
    return 4 << ((i + 1) // 2)


# NVIDIA, PyTorch -----------------------------------------------------------------------------------------


def _nvlabs_layer(i: int) -> str:
    return f"synthesis.b{_side(i)}.conv{0 if i % 2 else 1}"


def _nvlabs_judge(side: int, what: str) -> str:
    return f"b{side}.{what}" if side else f"mapping.{what}"


NVLABS = Scheme(
    name="NVIDIA's PyTorch code",
    const="synthesis.b4.const",
    mean="mapping.w_avg",
    mapping=lambda i: f"mapping.fc{i}",
    embed="mapping.embed",
    layer=_nvlabs_layer,
    rgb=lambda step: f"synthesis.b{4 << step}.torgb",
    skip=lambda step: f"synthesis.b{4 << step}.skip",
    noise=lambda i: f"{_nvlabs_layer(i)}.noise_const",
    parts={
        "conv.weight": ".weight",
        "conv.affine.weight": ".affine.weight",
        "conv.affine.bias": ".affine.bias",
        "noise_strength": ".noise_strength",
        "bias": ".bias",
        "rgb.bias": ".bias",
        "weight": ".weight",
        "plain.bias": ".bias",
    },
    judge=_nvlabs_judge,
    ours=lambda name, tensor: tensor,
)


# NVIDIA, TensorFlow: the components' variables under "mapping/" and "synthesis/" ---------------------------


def _tensorflow_layer(i: int) -> str:
    where = "Conv" if i == 0 else "Conv0_up" if i % 2 else "Conv1"
    return f"synthesis/{_side(i)}x{_side(i)}/{where}"


def _tensorflow_judge(side: int, what: str) -> str:
    if side == 0:
        return "LabelEmbed" if what == "embed" else f"Mapping{what[2:]}"
    if what == "out":
        return "Output"
    words = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
    return f"{side}x{side}/" + {**words, "conv": "Conv", "fc": "Dense0"}[what]


def _from_tensorflow(name: str, tensor: Tensor) -> Tensor:
    """Kernels HWIO -> OIHW, those of up-sampling layers turned round; dense transposed; style bias plus 1."""
    if name.endswith("conv.affine.bias"):
        return tensor + 1
    if name.endswith("noise_strength"):
        return _without_leading(tensor, 0)
    if name.startswith("synthesis.noise_"):
        return _without_leading(tensor, 2)
    if name == "synthesis.const":
        return _without_leading(tensor, 3)
    if tensor.dim() == 4:
        tensor = tensor.permute(3, 2, 0, 1)
        up = name.startswith("synthesis.skips.") or name in _UP_SAMPLING
        return tensor.flip(2, 3) if up else tensor
    return tensor.t() if tensor.dim() == 2 else tensor


_UP_SAMPLING = {f"synthesis.layers.{i}.conv.weight" for i in range(1, 64, 2)}


TENSORFLOW = Scheme(
    name="NVIDIA's TensorFlow code",
    const="synthesis/4x4/Const/const",
    mean="dlatent_avg",
    mapping=lambda i: f"mapping/Dense{i}",
    embed="mapping/LabelEmbed",
    layer=_tensorflow_layer,
    rgb=lambda step: f"synthesis/{4 << step}x{4 << step}/ToRGB",
    skip=lambda step: f"synthesis/{4 << step}x{4 << step}/Skip",
    noise=lambda i: f"synthesis/noise{i}",
    parts={
        "conv.weight": "/weight",
        "conv.affine.weight": "/mod_weight",
        "conv.affine.bias": "/mod_bias",
        "noise_strength": "/noise_strength",
        "bias": "/bias",
        "rgb.bias": "/bias",
        "weight": "/weight",
        "plain.bias": "/bias",
    },
    judge=_tensorflow_judge,
    ours=_from_tensorflow,
)


# rosinality ------------------------------------------------------------------------------------------------


def _from_rosinality(name: str, tensor: Tensor) -> Tensor:
    """Leading axes of size one dropped; the RGB bias flattened."""
    if name.startswith("synthesis.noise_"):
        return _without_leading(tensor, 2)
    if name == "synthesis.const":
        return _without_leading(tensor, 3)
    if name.endswith("noise_strength"):
        return _without_leading(tensor, 0)
    if name.startswith("synthesis.") and name.endswith("conv.weight"):
        return _without_leading(tensor, 4)
    rgb_bias = name.startswith("synthesis.rgbs.") and tensor.dim() == 4 and tensor.numel() == tensor.shape[1]
    return tensor.flatten() if rgb_bias else tensor


ROSINALITY = Scheme(
    name="rosinality's PyTorch code",
    const="input.input",
    mean=None,
    mapping=lambda i: f"style.{i + 1}",
    embed="",
    layer=lambda i: f"convs.{i - 1}" if i else "conv1",
    rgb=lambda step: f"to_rgbs.{step - 1}" if step else "to_rgb1",
    skip=lambda step: f"skips.{step - 1}",
    noise=lambda i: f"noises.noise_{i}",
    parts={
        "conv.weight": ".conv.weight",
        "conv.affine.weight": ".conv.modulation.weight",
        "conv.affine.bias": ".conv.modulation.bias",
        "noise_strength": ".noise.weight",
        "bias": ".activate.bias",
        "rgb.bias": ".bias",
        "weight": ".weight",
        "plain.bias": ".bias",
    },
    judge=lambda side, what: "",  # its discriminators have our names
    ours=_from_rosinality,
)
