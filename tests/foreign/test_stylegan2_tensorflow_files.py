"""NVIDIA's TensorFlow files of StyleGAN2, made here from small networks; tests/parity has a recorded one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.formats import convert
from spatial_edit.foreign.formats.stylegan2_names import (
    TENSORFLOW,
    discriminator_names,
    generator_names,
)
from spatial_edit.generators.stylegan2 import (
    DiscriminatorConfig,
    StyleGAN2Generator,
    discriminator_from_json,
)
from tests.foreign.stylegan2_file import (
    JUDGE,
    PLAIN,
    assert_same,
    content,
    small_generator,
    small_judge,
)


def to_tensorflow(name: str, tensor: Tensor) -> Tensor:
    """Our tensor as their code keeps it."""
    if name.endswith("affine.bias"):
        return tensor - 1
    if name.endswith("noise_strength"):
        return tensor.reshape(1)
    if name.startswith("synthesis.noise_"):
        return tensor[None, None]
    if name == "synthesis.const":
        return tensor[None]
    if tensor.dim() == 4:
        odd = name.startswith("synthesis.layers.") and int(name.split(".")[2]) % 2 == 1
        tensor = tensor.flip(2, 3) if odd or "skips" in name else tensor
        return tensor.permute(2, 3, 1, 0)
    return tensor.t() if tensor.dim() == 2 else tensor


def tflib(variables: Mapping[str, Tensor], components: Mapping[str, Record], **said: object) -> Record:
    listed = [("lod", 0.0), *variables.items()]
    state = {"variables": listed, "components": dict(components), "static_kwargs": said, "version": 4}
    return Record("dnnlib.tflib.network", "Network", state=state)


def tensorflow_generator(model: StyleGAN2Generator, **said: object) -> Record:
    ours = model.state_dict()
    flat = {t: to_tensorflow(n, ours[n]) for n, t in generator_names(model.config, TENSORFLOW).items()}
    parts = {
        part: tflib({n.removeprefix(f"{part}/"): t for n, t in flat.items() if n.startswith(part)}, {})
        for part in ("mapping", "synthesis")
    }
    return tflib({"dlatent_avg": flat["dlatent_avg"]}, parts, **said)


def tensorflow_judge(judge: nn.Module, config: DiscriminatorConfig = JUDGE, **said: object) -> Record:
    ours = judge.state_dict()
    names = discriminator_names(config, TENSORFLOW)
    return tflib({theirs: to_tensorflow(n, ours[n]) for n, theirs in names.items()}, {}, **said)


SAID = {
    "latent_size": 6,
    "dlatent_size": 6,
    "label_size": 0,
    "resolution": 16,
    "num_channels": 3,
    "mapping_layers": 2,
    "fmap_base": 32,
    "fmap_max": 8,
    "resample_kernel": [1, 3, 3, 1],
}


@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
def test_numbers_tensorflow_files(architecture: str) -> None:
    model = small_generator(replace(PLAIN, architecture=architecture))
    config = replace(JUDGE, architecture=architecture, group=2)
    judge = small_judge(config)
    gs = tensorflow_generator(model, architecture=architecture, **SAID)
    g = tensorflow_generator(small_generator(replace(PLAIN, z_dim=3)))
    converted = convert(content((g, tensorflow_judge(judge, config, mbstd_group_size=2), gs)))
    assert_same(converted, model)
    part, data = converted.parts["discriminator"]
    assert discriminator_from_json(data) == config and isinstance(part, nn.Module)
    images = torch.randn(4, 3, 16, 16)
    assert torch.allclose(part(images), judge(images), atol=1e-6)


def test_numbers_tensorflow_classes_limits_and_rates() -> None:
    model = small_generator(replace(PLAIN, labels=3, clamp=0.7))
    config = replace(JUDGE, labels=3, clamp=0.7)
    judge = small_judge(config)
    gs = tensorflow_generator(model, label_size=3, conv_clamp=0.7)
    converted = convert(content((gs, tensorflow_judge(judge, config, conv_clamp=0.7), gs)))
    assert_same(converted, model)
    assert "3 classes" in converted.title
    slow = convert(
        content((gs, tensorflow_judge(judge, config), tensorflow_generator(model, mapping_lrmul=0.1)))
    )
    assert isinstance(slow.module, StyleGAN2Generator)
    z, labels = torch.randn(2, 6), model.one_hot([0, 1])
    assert not torch.allclose(slow.module.codes(z, labels=labels), model.codes(z, labels=labels))


@pytest.mark.parametrize(
    "said",
    [
        {**SAID, "resolution": 32},
        {**SAID, "latent_size": 512},
        {**SAID, "fmap_base": 8192},
        {"label_size": 4},
    ],
)
def test_errors_tensorflow_arguments(said: dict[str, object]) -> None:
    gs = tensorflow_generator(small_generator(PLAIN), **said)
    with pytest.raises(ForeignError, match=r"it says .* while its tensors"):
        convert(content((gs, tensorflow_judge(small_judge()), gs)))


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"resample_kernel": [1, 2, 1]}, r"another kernel than \[1, 3, 3, 1\]"),
        ({"nonlinearity": "relu"}, "nonlinearity is 'relu'"),
        ({"conv_clamp": -1}, "conv_clamp is no positive number"),
        ({"mapping_lrmul": "fast"}, "mapping_lrmul is no positive number"),
    ],
)
def test_errors_tensorflow_networks_that_are_not_drawn(said: dict[str, object], match: str) -> None:
    gs = tensorflow_generator(small_generator(PLAIN), **said)
    with pytest.raises(ForeignError, match=match):
        convert(content((gs, tensorflow_judge(small_judge()), gs)))


def test_errors_tensorflow_relatives_and_damage() -> None:
    gs, judge = tensorflow_generator(small_generator(PLAIN)), tensorflow_judge(small_judge())

    def with_variable(name: str, value: object, part: str = "synthesis") -> Record:
        changed = tensorflow_generator(small_generator(PLAIN))
        assert isinstance(changed.state, dict)
        changed.state["components"][part].state["variables"].append((name, value))
        return changed

    for name, part, match in (
        ("16x16/Conv1/StyleMod/weight", "synthesis", "StyleGAN1"),
        ("ToRGB_lod0/weight", "synthesis", "StyleGAN1"),
        ("LabelConcat/weight", "mapping", "class-conditional"),
        ("16x16/Extra/weight", "synthesis", "also holds synthesis/16x16/Extra/weight"),
    ):
        with pytest.raises(ForeignError, match=match):
            convert(content((gs, judge, with_variable(name, torch.zeros(1), part))))
    with pytest.raises(ForeignError, match="no name or no numbers"):
        convert(content((gs, judge, with_variable("x", "text"))))
    no_component = tflib({}, {"synthesis": Record("other", "Thing")})
    with pytest.raises(ForeignError, match="no TensorFlow network"):
        convert(content((gs, judge, no_component)))
    with pytest.raises(ForeignError, match="it lacks"):
        convert(content((gs, judge, tflib({}, {}))))
    with pytest.raises(ForeignError, match="mbstd_group_size"):
        convert(content((gs, tensorflow_judge(small_judge(), mbstd_group_size=0), gs)))
