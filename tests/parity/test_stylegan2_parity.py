"""StyleGAN2 against recorded numbers of the published 64-px network."""

from __future__ import annotations

import pytest
import torch

from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.nn.discriminator import Discriminator

CHANNELS = {4: 32, 8: 32, 16: 32, 32: 16, 64: 8}


def generator_name(name: str) -> str | None:
    """Our name of a published generator weight; None for filters and noise buffers."""
    if name.endswith(("resample_filter", "noise_const")):
        return None
    part = name.split(".")
    if name == "mapping.w_avg":
        return "w_mean"
    if part[0] == "mapping":  # mapping.fc0.weight
        return f"mapping.{int(part[1][2:]) + 1}.{part[2]}"
    if part[2] == "const":
        return "synthesis.const"
    step = int(part[1][1:]).bit_length() - 3  # b4: 0, b8: 1, ..
    rest = ".".join(part[3:])
    if rest == "weight" or rest.startswith("affine"):
        rest = f"conv.{rest}"
    if part[2] == "torgb":
        return f"synthesis.rgbs.{step}.{rest}"
    return f"synthesis.layers.{2 * step - 1 + int(part[2][-1]) if step else 0}.{rest}"


def discriminator_name(name: str) -> str | None:
    """Our name of a published discriminator weight; None for filters."""
    if name.endswith("resample_filter"):
        return None
    block, layer, what = name.split(".")
    if block == "b4":
        where = {"conv": "final_conv.0", "fc": "final_linear.0", "out": "final_linear.1"}[layer]
        return "final_conv.1.bias" if (layer, what) == ("conv", "bias") else f"{where}.{what}"
    index = {"b64": 1, "b32": 2, "b16": 3, "b8": 4}[block]
    bias = what == "bias"
    return {
        "fromrgb": f"convs.0.{int(bias)}.{what}",
        "conv0": f"convs.{index}.conv1.{int(bias)}.{what}",
        "conv1": f"convs.{index}.conv2.{1 + int(bias)}.{what}",
        "skip": f"convs.{index}.skip.1.{what}",
    }[layer]


def load(model, published, rename):
    """Every published weight has a place, and every place but the constant kernels gets one."""
    state = {rename(name): t for name, t in published.items() if rename(name)}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.endswith("kernel") for name in missing), missing
    return model.eval()


@pytest.fixture
def network(vectors):
    config = StyleGAN2Config(resolution=64, channels=CHANNELS, z_dim=64, w_dim=64, mapping_layers=8)
    published = vectors("stylegan2/nv64_G")
    model = load(StyleGAN2Generator(config), published, generator_name)
    noise = []
    for i, side in enumerate(model.synthesis.noise_sides):
        conv = 1 if i == 0 else (i + 1) % 2
        noise.append(published[f"synthesis.b{side}.conv{conv}.noise_const"][None, None])
    return model, noise, vectors("stylegan2/nv64_io")


@torch.no_grad()
def test_numbers_mapping_and_truncation(network, close):
    model, _, v = network
    close(model.codes(v["z"]), v["ws"][:, 0], 1e-5)
    close(model.codes(v["z"], truncation=0.3), v["ws_psi0.7"][:, 0], 1e-5)


@torch.no_grad()
def test_numbers_images(network, close):
    model, noise, v = network
    close(model(v["z"], noise), v["img_const"], 2e-5)
    close(model(v["z"]), v["img_none"], 2e-5)
    close(model.synthesis(v["wplus"], noise)[:1], v["img_wplus_const_b0"], 2e-5)


def test_gradients_path_lengths(network, close):
    model, noise, v = network
    codes = v["ws"][:2].clone().requires_grad_()
    (slope,) = torch.autograd.grad((model.synthesis(codes, noise) * v["pl_noise_b2"]).sum(), codes)
    lengths = slope.square().sum(2).mean(1).sqrt()
    assert torch.allclose(lengths, v["pl_lengths_b2"], rtol=1e-4)


def test_numbers_discriminator_and_r1(vectors, close):
    model = load(Discriminator(64, CHANNELS), vectors("stylegan2/nv64_D"), discriminator_name)
    v = vectors("stylegan2/nv64_io")
    close(model(v["d_img"]), v["d_logits_b8_group4"], 1e-5)
    close(model(v["d_img"][:1]), v["d_logits_b1"], 1e-5)
    images = v["d_img"][:4].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(images).sum(), images)
    assert torch.allclose(slope.square().sum((1, 2, 3)), v["r1_penalty_b4"], rtol=1e-4)
