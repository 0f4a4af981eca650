"""Rosinality's files of StyleGAN2 and BlobGAN's baselines, made here from small networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.formats import convert
from spatial_edit.foreign.formats.stylegan2_names import (
    ROSINALITY,
    generator_names,
)
from spatial_edit.generators.stylegan2 import (
    StyleGAN2Generator,
    discriminator_from_json,
)
from tests.foreign.stylegan2_file import (
    JUDGE,
    PLAIN,
    assert_same,
    content,
    drop,
    put,
    small_generator,
    small_judge,
)


def to_rosinality(name: str, tensor: Tensor) -> Tensor:
    """Our tensor as their code keeps it."""
    if name.startswith("synthesis.noise_"):
        return tensor[None, None]
    if name.endswith("noise_strength"):
        return tensor.reshape(1)
    if name.startswith("synthesis.rgbs") and name.endswith("bias") and "affine" not in name:
        return tensor[None, :, None, None]
    leading = name == "synthesis.const" or (name.startswith("synthesis") and name.endswith("conv.weight"))
    return tensor[None] if leading else tensor


def rosinality_tensors(model: StyleGAN2Generator) -> dict[str, Tensor]:
    ours = model.state_dict()
    named = {
        t: to_rosinality(n, ours[n]).clone() for n, t in generator_names(model.config, ROSINALITY).items()
    }
    kernel = 4 * torch.outer(*2 * [torch.tensor([1.0, 3, 3, 1]) / 8])
    return named | {"convs.0.conv.blur.kernel": kernel, "to_rgbs.0.upsample.kernel": kernel}


ARGS = Record("argparse", "Namespace", state={"size": 16, "latent": 6, "n_mlp": 2, "channel_multiplier": 2})


def test_numbers_rosinality_files() -> None:
    model, judge = small_generator(PLAIN), small_judge()
    tensors, mean = rosinality_tensors(model), model.w_mean[None]
    assert_same(convert(content({"g_ema": tensors, "latent_avg": mean}, "torch zip")), model)
    training = {"g": {}, "g_ema": tensors, "d": judge.state_dict(), "args": ARGS, "latent_avg": mean}
    converted = convert(content(training, "torch zip"))
    assert_same(converted, model)
    part, data = converted.parts["discriminator"]
    assert discriminator_from_json(data) == JUDGE and isinstance(part, nn.Module)
    images = torch.randn(4, 3, 16, 16)
    assert torch.equal(part(images), judge(images))
    for root in (tensors, {"g": tensors}):
        again = convert(content(root, "torch zip"))
        assert isinstance(again.module, StyleGAN2Generator) and "10000 z" in again.notes[0]
        again.module.w_mean.copy_(model.w_mean)
        assert_same(again, model)
    bare = {name: tensor for name, tensor in tensors.items() if not name.startswith("noises.")}
    assert convert(content({"g_ema": bare})).config["fixed_noise"] is False


@pytest.mark.parametrize("prefix", ["generator_ema.", "generator."])
def test_numbers_blobgans_baselines(prefix: str) -> None:
    model, judge = small_generator(replace(PLAIN, mapping_eps=1e-5)), small_judge()
    state = {prefix + name: tensor for name, tensor in rosinality_tensors(model).items()}
    if prefix == "generator_ema.":  # the plain one beside it is not taken
        state |= {f"generator.{name}": tensor + 1 for name, tensor in rosinality_tensors(model).items()}
    state |= {f"discriminator.{name}": tensor for name, tensor in judge.state_dict().items()}
    converted = convert(content({"state_dict": state, "epoch": 3, "hyper_parameters": ARGS}, "torch zip"))
    assert isinstance(converted.module, StyleGAN2Generator) and "baseline" in converted.format
    converted.module.w_mean.copy_(model.w_mean)
    assert_same(converted, model)
    assert "discriminator" in converted.parts


@pytest.mark.parametrize("name", ["size", "latent", "n_mlp"])
def test_errors_rosinality_arguments(name: str) -> None:
    args = Record("argparse", "Namespace", state={name: 512})
    with pytest.raises(ForeignError, match=f"args say {name} is 512"):
        convert(content({"g_ema": rosinality_tensors(small_generator(PLAIN)), "args": args}))


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("convs.0.conv.modulation.bias", drop, "lacks convs.0.conv.modulation.bias"),
        ("to_rgbs.1.bias", drop, "lacks to_rgbs.1.bias"),
        ("noises.noise_3", drop, "lacks noises.noise_3"),
        ("noises.noise_3", put(torch.zeros(0, 1, 4, 4)), "noises.noise_3"),
        ("input.input", put(torch.zeros(2, 8, 4, 4)), "input.input"),
        ("to_rgb1.noise.weight", put(torch.zeros(1)), "also holds to_rgb1.noise.weight"),
        ("style.2.weight", put(torch.full((6, 6), math.nan)), "NaN or infinity is in style.2.weight"),
        ("convs.0.conv.blur.kernel", put(torch.ones(4, 4)), "not the kernel"),
    ],
)
def test_errors_damaged_rosinality_files(name: str, change: Callable, match: str) -> None:
    tensors = rosinality_tensors(small_generator(PLAIN))
    change(tensors, name)
    with pytest.raises(ForeignError, match=match):
        convert(content({"g_ema": tensors, "latent_avg": torch.ones(6)}))


def test_errors_rosinality_mean_judge_and_relatives() -> None:
    tensors = rosinality_tensors(small_generator(PLAIN))
    for mean in (torch.ones(7), "text", torch.full((6,), math.nan)):
        with pytest.raises(ForeignError, match="latent_avg"):
            convert(content({"g_ema": tensors, "latent_avg": mean}))
    judge = {name: t for name, t in small_judge().state_dict().items() if name != "final_linear.0.bias"}
    with pytest.raises(ForeignError, match=r"lacks final_linear\.0\.bias"):
        convert(content({"g_ema": tensors, "d": judge}))
    with pytest.raises(ForeignError, match=r"discriminator lacks convs\.0\.0\.weight"):
        convert(content({"g_ema": tensors, "d": {"x": torch.zeros(1)}}))
    old = {"progression.0.conv1.weight": torch.zeros(1)}
    for root in ({"generator": old}, {"state_dict": {f"generator.{n}": t for n, t in old.items()}}):
        with pytest.raises(ForeignError, match="StyleGAN1"):
            convert(content(root))
