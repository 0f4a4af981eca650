"""Small StyleGAN2 networks, and NVIDIA's pickles of them as the reader gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import Content, Converted, Record
from spatial_edit.foreign.formats.stylegan2_names import (
    NVLABS,
    discriminator_names,
    generator_names,
)
from spatial_edit.generators.stylegan2 import (
    DiscriminatorConfig,
    StyleGAN2Config,
    StyleGAN2Generator,
    build_discriminator,
    config_from_json,
)

CHANNELS = {4: 8, 8: 8, 16: 4}
SMALL = StyleGAN2Config(
    resolution=16,
    channels=CHANNELS,
    z_dim=6,
    w_dim=6,
    mapping_layers=2,
    scale_weights=True,
    exact_eps=True,
    fixed_noise=True,
)
PLAIN = replace(SMALL, exact_eps=False)
JUDGE = DiscriminatorConfig(resolution=16, channels=CHANNELS)


def shaken(module: nn.Module) -> nn.Module:
    """The module with no parameter at its initial zero, so that a lost bias or noise shows."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not name.endswith("kernel"):
                tensor += 0.3 * torch.randn(tensor.shape)
    return module.eval().requires_grad_(False)


def small_generator(config: StyleGAN2Config = SMALL) -> StyleGAN2Generator:
    torch.manual_seed(0)
    model = shaken(StyleGAN2Generator(config))
    assert isinstance(model, StyleGAN2Generator)
    return model


def small_judge(config: DiscriminatorConfig = JUDGE) -> nn.Module:
    torch.manual_seed(1)
    return shaken(build_discriminator(config))


def content(root: object, container: str = "pickle") -> Content:
    return Content(container, root, Path("network.bin"), 1, "")


def picture(model: object) -> Tensor:
    """Two pictures of a generator, with its own noise where it has some, truncated."""
    assert isinstance(model, StyleGAN2Generator)
    draw = torch.Generator().manual_seed(3)
    z = torch.randn(2, model.config.z_dim, generator=draw)
    labels = model.one_hot([0, model.config.labels - 1]) if model.config.labels else None
    noise = model.synthesis.own_noise() if model.config.fixed_noise else None
    return model(z, noise, 0.2, labels)


def assert_same(converted: Converted, model: StyleGAN2Generator) -> None:
    """The converted network is the model: configuration, weights, pictures; its config.json too."""
    assert converted.family == "stylegan2" and converted.resolution == model.config.resolution
    assert isinstance(converted.module, StyleGAN2Generator)
    assert converted.module.config == model.config
    assert config_from_json(converted.config) == model.config
    for name, tensor in model.state_dict().items():
        assert torch.allclose(converted.module.state_dict()[name], tensor, rtol=0, atol=1e-6), name
    assert torch.allclose(picture(converted.module), picture(model), atol=1e-5)
    assert not any(p.requires_grad for p in converted.module.parameters())


BUFFERS = ("noise_const", "w_avg", "resample_filter")


def tree(tensors: Mapping[str, Tensor], says: Mapping[str, Mapping[str, object]] | None = None) -> Record:
    """A persistent object with these tensors. says: dotted name of a module -> further attributes."""
    root = Record("persistent", "Module", state={"_parameters": {}, "_buffers": {}, "_modules": {}})
    for name, tensor in tensors.items():
        place = root
        *path, last = name.split(".")
        for part in path:
            assert isinstance(place.state, dict)
            empty = {"_parameters": {}, "_buffers": {}, "_modules": {}}
            place = place.state["_modules"].setdefault(part, Record("persistent", "Module", state=empty))
        assert isinstance(place.state, dict)
        place.state["_buffers" if last in BUFFERS else "_parameters"][last] = tensor
    for name, attributes in (says or {}).items():
        place = root
        for part in name.split(".") if name else []:
            assert isinstance(place.state, dict)
            place = place.state["_modules"][part]
        assert isinstance(place.state, dict)
        place.state.update(attributes)
    return root


def nvlabs_tensors(model: StyleGAN2Generator) -> dict[str, Tensor]:
    ours = model.state_dict()
    named = {theirs: ours[name].clone() for name, theirs in generator_names(model.config, NVLABS).items()}
    kernel = torch.outer(*2 * [torch.tensor([1.0, 3, 3, 1]) / 8])
    return named | {"synthesis.b8.resample_filter": kernel, "synthesis.b8.conv0.resample_filter": kernel}


def judge_tensors(judge: nn.Module, config: DiscriminatorConfig = JUDGE) -> dict[str, Tensor]:
    ours = judge.state_dict()
    return {theirs: ours[name].clone() for name, theirs in discriminator_names(config, NVLABS).items()}


def drop(tensors: dict[str, Tensor], name: str) -> None:
    del tensors[name]


def put(value: Tensor) -> Callable[[dict[str, Tensor], str], None]:
    return lambda tensors, name: tensors.__setitem__(name, value)
