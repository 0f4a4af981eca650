"""StyleGAN2 against the recorded numbers of the published code: NVIDIA's layout (64 px; 32 px with classes),
rosinality's layout, primitives, and the files as they are published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.foreign.content import Content, Converted, ImportOptions
from spatial_edit.foreign.formats import convert
from spatial_edit.foreign.formats import stylegan2_build as build
from spatial_edit.foreign.formats.stylegan2_names import NVLABS
from spatial_edit.foreign.reading.reader import read
from spatial_edit.generators.stylegan2 import StyleGAN2Generator
from spatial_edit.nn.equalised import biased_leaky_relu
from spatial_edit.nn.resample import Blur, Downsample, Upsample, upfirdn
from spatial_edit.nn.stylegan2 import ModulatedConv, clamped
from tests.parity.conftest import FOLDERS

Vectors = Callable[[str], dict[str, Tensor]]
Close = Callable[[Tensor, Tensor, float], None]
IMAGE, LOGIT = 2e-5, 1e-5
CODE = 1e-6


@pytest.fixture
def same(close: Close) -> Close:
    """`close` on the leading corner that the recorded tensor keeps."""
    return lambda got, want, atol: close(got[tuple(slice(n) for n in want.shape)], want, atol)


def state_dict_file(tensors: dict[str, Tensor]) -> Content:
    return Content("safetensors", tensors, Path("weights.safetensors"), 0, "")


def nvlabs_generator(tensors: dict[str, Tensor], clamp: float | None = None) -> StyleGAN2Generator:
    config = build.generator_config(tensors, NVLABS, clamp=clamp, exact_eps=True)
    kept = build.without_kernels(tensors, "resample_filter", "a test")
    return build.generator(kept, config, NVLABS, "a test")


def nvlabs_discriminator(tensors: dict[str, Tensor], group: int, clamp: float | None = None) -> nn.Module:
    config = build.discriminator_config(tensors, NVLABS, group=group, clamp=clamp)
    kept = build.without_kernels(tensors, "resample_filter", "a test")
    return build.discriminator(kept, config, NVLABS, "a test")


@pytest.fixture
def nv64(vectors: Vectors) -> tuple[StyleGAN2Generator, dict[str, Tensor]]:
    return nvlabs_generator(vectors("stylegan2/nv64_G")), vectors("stylegan2/nv64_io")


# NVIDIA, 64 px ---------------------------------------------------------------------------------------------


@torch.no_grad()
def test_numbers_mapping_and_truncation(nv64, same: Close) -> None:
    model, v = nv64
    repeated = model.codes(v["z"])[:, None].expand(-1, model.synthesis.num_codes, -1)
    same(repeated, v["ws"], CODE)
    same(model.codes(v["z"], 0.3)[:, None].expand_as(repeated), v["ws_psi0.7"], CODE)
    same(model.codes(v["z"], 0.5, cutoff=4), v["ws_psi0.5_cut4"], CODE)


@torch.no_grad()
def test_numbers_images(nv64, same: Close) -> None:
    model, v = nv64
    noise = model.synthesis.own_noise()
    same(model(v["z"], noise), v["img_const"], IMAGE)
    same(model(v["z"]), v["img_none"], IMAGE)
    same(model(v["z"], truncation=0.3), v["img_none_psi0.7"], IMAGE)
    same(model(v["z"][:1], noise), v["img_const_unfused_b0"], IMAGE)
    same(model.synthesis(v["wplus"][:1], noise), v["img_wplus_const_b0"], IMAGE)
    assert not torch.allclose(v["img_const"], v["img_none"], atol=1e-2), "the noise must matter"


@torch.no_grad()
def test_numbers_features_of_every_block(nv64, same: Close) -> None:
    model, v = nv64
    noise, codes = model.synthesis.own_noise(), model.codes(v["z"][:1])
    blocks = list(model.synthesis.blocks(codes, noise))
    assert [block.side for block in blocks] == [4, 8, 16, 32, 64]
    for side, features, rgb in blocks:
        same(features, v[f"const.feat.b{side}"], IMAGE)
        same(rgb, v[f"const.rgb.b{side}"], IMAGE)
        assert torch.equal(model.synthesis.features(codes, side, noise), features)


def test_gradients_path_lengths(nv64, same: Close) -> None:
    model, v = nv64
    codes = v["ws"][:2].clone().requires_grad_()
    images = model.synthesis(codes, model.synthesis.own_noise())
    (slope,) = torch.autograd.grad((images * v["pl_noise_b2"]).sum(), codes, create_graph=True)
    same(slope, v["pl_grads_b2"], 1e-5 * v["pl_grads_b2"].abs().max().item())
    lengths = slope.square().sum(2).mean(1).sqrt()
    assert torch.allclose(lengths, v["pl_lengths_b2"], rtol=1e-5)
    (again,) = torch.autograd.grad(lengths.sum(), codes)  # the regulariser's own gradient exists
    assert again.isfinite().all() and again.abs().max() > 0


def test_numbers_discriminator_and_r1(nv64, vectors: Vectors, same: Close) -> None:
    judge, v = nvlabs_discriminator(vectors("stylegan2/nv64_D"), 4), nv64[1]
    same(judge(v["d_img"]), v["d_logits_b8_group4"], LOGIT)
    same(judge(v["d_img"][:4]), v["d_logits_b4"], LOGIT)
    same(judge(v["d_img"][:1]), v["d_logits_b1"], LOGIT)
    with torch.no_grad():
        fake = nv64[0](v["z"], nv64[0].synthesis.own_noise())
    same(judge(fake), v["d_logits_fake_b4"], LOGIT)
    images = v["d_img"][:4].clone().requires_grad_()
    (slope,) = torch.autograd.grad(judge(images).sum(), images, create_graph=True)
    same(slope, v["r1_grads_b4"], 1e-5 * v["r1_grads_b4"].abs().max().item())
    penalty = slope.square().sum((1, 2, 3))
    assert torch.allclose(penalty, v["r1_penalty_b4"], rtol=1e-5)
    (again,) = torch.autograd.grad(penalty.sum(), images)
    assert again.isfinite().all() and again.abs().max() > 0


# NVIDIA, 32 px, three classes, limited activations, discriminator "orig" -----------------------------------


@torch.no_grad()
def test_numbers_classes(vectors: Vectors, same: Close) -> None:
    v = vectors("stylegan2/nv32cond_io")
    model = nvlabs_generator(vectors("stylegan2/nv32cond_G"), clamp=256.0)
    assert (model.config.labels, model.config.mapping_layers) == (3, 2)
    codes = model.codes(v["z"], labels=v["c"])
    same(codes[:, None].expand(-1, model.synthesis.num_codes, -1), v["ws"], CODE)
    images = model(v["z"], model.synthesis.own_noise(), labels=v["c"])
    same(images, v["img_const"], IMAGE)
    judge = nvlabs_discriminator(vectors("stylegan2/nv32cond_D"), 2, clamp=256.0)
    assert all(block.skip is None for block in list(judge.convs)[1:])
    same(judge(images, v["c"]), v["d_logits"], LOGIT)
    assert not torch.allclose(judge(images, v["c"].roll(1, 0)), v["d_logits"], atol=1e-3)


@pytest.mark.parametrize("architecture", ["resnet", "skip"])
def test_numbers_discriminator_architectures(vectors: Vectors, same: Close, architecture: str) -> None:
    v = vectors(f"ganformer/disc32_{architecture}")
    weights = {name[2:].replace(".biasAct", ""): t for name, t in v.items() if name.startswith("w.")}
    tensors = {name: t for name, t in weights.items() if not name.endswith("resample_kernel")}
    judge = nvlabs_discriminator(tensors, 4)
    images = v["in.img"].clone().requires_grad_()
    logits = judge(images)
    same(logits, v["out.logits"], 2e-5 * v["out.logits"].abs().max().item())
    (slope,) = torch.autograd.grad(logits.sum(), images)
    same(slope, v["grad.img"], 1e-4 * v["grad.img"].abs().max().item())
    assert torch.allclose(slope.square().sum((1, 2, 3)), v["out.r1_penalty"], rtol=1e-4)


# rosinality, 64 px -----------------------------------------------------------------------------------------


@pytest.fixture
def ros64(vectors: Vectors) -> tuple[StyleGAN2Generator, dict[str, Tensor]]:
    v = vectors("stylegan2/ros64_io")
    content = Content(
        "torch zip",
        {"g_ema": vectors("stylegan2/ros64_G"), "latent_avg": v["latent_avg"]},
        Path("x"),
        0,
        "",
    )
    module = convert(content).module
    assert isinstance(module, StyleGAN2Generator)
    return module, v


@torch.no_grad()
def test_numbers_rosinality_layout(ros64, same: Close) -> None:
    model, v = ros64
    noise = model.synthesis.own_noise()
    same(model.codes(v["z"]), v["w"], CODE)
    same(model(v["z"], noise), v["img_fixednoise"], IMAGE)
    same(model(v["z"], noise, truncation=0.3), v["img_psi0.7_fixednoise"], IMAGE)
    same(model(v["z"]), v["img_zeronoise"], IMAGE)
    same(model.synthesis(v["wplus"], noise), v["img_wplus_fixednoise"], IMAGE)
    first, second = model.codes(v["z"]), model.codes(v["z2"])
    mixed = torch.stack([first] * 3 + [second] * (model.synthesis.num_codes - 3), 1)
    same(model.synthesis(mixed, noise), v["img_mix_inject3_fixednoise"], IMAGE)


@torch.no_grad()
def test_numbers_rosinality_discriminator(ros64, vectors: Vectors, same: Close) -> None:
    root = {"g_ema": vectors("stylegan2/ros64_G"), "d": vectors("stylegan2/ros64_D"), "args": None}
    converted = convert(Content("torch zip", root, Path("x"), 0, ""))
    judge, v = converted.parts["discriminator"][0], ros64[1]
    assert isinstance(judge, nn.Module)
    same(judge(v["d_img"]), v["d_logits_b8"], LOGIT)
    same(judge(v["d_img"][:4]), v["d_logits_b4"], LOGIT)
    same(judge(v["d_img"][:1]), v["d_logits_b1"], LOGIT)


# primitives ------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_numbers_resampling_with_symmetric_and_asymmetric_kernels(vectors: Vectors, same: Close) -> None:
    v = vectors("stylegan2/ops")
    x = v["x"]
    same(Blur(1).kernel, v["f"], 1e-7)
    for end, kernel in (("", v["f"]), ("_asym", v["f_asym"])):
        up, down = Upsample(), Downsample()
        up.kernel, down.kernel = 4 * kernel, kernel
        same(up(x), v[f"upsample2d{end}"], 1e-5)
        same(upfirdn(x, 4 * kernel, up=2, pad=(2, 1)), v[f"upsample2d{end}"], 1e-5)
        same(down(x), v[f"downsample2d{end}"], 1e-5)
        same(upfirdn(x, kernel, down=2, pad=(1, 1)), v[f"downsample2d{end}"], 1e-5)
    # "filter2d" pads so that the size stays: 2 before, 1 after
    same(upfirdn(x, v["f"], pad=(2, 1)), v["filter2d"], 1e-5)


@torch.no_grad()
def test_numbers_convolutions_that_resample(vectors: Vectors, same: Close) -> None:
    v = vectors("stylegan2/ops")
    x, weight, small = v["xe"], v["w3"], v["w1"]
    for up_name, down_name, kernel in (
        ("conv_up_flipFalse", "conv_down_flipTrue", v["f"]),
        ("conv_up_asym", "conv_down_asym", v["f_asym"]),
    ):
        blur = Blur(1)
        blur.kernel = 4 * kernel
        same(blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)), v[up_name], 1e-5)
        blur = Blur(2)
        blur.kernel = kernel
        same(F.conv2d(blur(x), weight, stride=2), v[down_name], 1e-5)
    same(F.conv2d(Blur(1, stride=2)(x), small), v["conv1x1_down"], 1e-5)
    same(Upsample()(F.conv2d(x, small)), v["conv1x1_up"], 1e-5)


@torch.no_grad()
def test_numbers_activation_and_modulated_convolution(vectors: Vectors, same: Close) -> None:
    v = vectors("stylegan2/ops")
    x = v["xe"]
    same(biased_leaky_relu(x, v["b"]), v["bias_act_lrelu"], 1e-6)
    limited = clamped(0.5 / 2**0.5 * biased_leaky_relu(x, v["b"]), 0.3)
    same(limited, v["bias_act_lrelu_gain0.5_clamp0.3"], 1e-6)

    def modulated(weight: Tensor, **options: bool) -> Tensor:
        inputs, kernel = weight.shape[1], weight.shape[2]
        layer = ModulatedConv(inputs, weight.shape[0], kernel, 3, **options)
        layer.eps = 1e-8 / (inputs * kernel**2)
        layer.weight.copy_(weight)
        layer.affine.weight.copy_(3**0.5 * torch.eye(3))  # the styles pass through
        layer.affine.bias.zero_()
        gain = 1 if layer.demodulate else (inputs * kernel**2) ** 0.5  # recorded without the scale
        return gain * layer(x, v["styles"])

    same(modulated(v["w3"]) + v["noise"], v["modconv_demod_noise"], 1e-5)
    same(modulated(v["w3"], up=True) + v["noise2"], v["modconv_up"], 1e-5)
    same(modulated(v["w1"], demodulate=False), v["modconv_nodemod_1x1"], 1e-5)


# the files as they are published ---------------------------------------------------------------------------

NV_FILES = (
    "network-snapshot-canary.pkl",
    "network-G_ema-only-canary-proto3-numpy1.pkl",
    "tf_style_tuple.pkl",
)


def imported(path: Path) -> Converted:
    return convert(read(path), ImportOptions())


def find(name: str) -> Path:
    """A recorded file (bundled ones have a further ending); skips the test when it is nowhere."""
    for folder in FOLDERS:
        for path in (folder / "stylegan2" / f"{name}.fixture", folder / "stylegan2" / name):
            if path.exists():
                return path
    pytest.skip(f"{name} is not bundled: put the project's shared/parity folder at {FOLDERS[-1]}")


@pytest.mark.parametrize("name", NV_FILES)
@torch.no_grad()
def test_round_trip_of_nvidias_files(vectors: Vectors, same: Close, name: str) -> None:
    converted, v = imported(find(name)), vectors("stylegan2/nv64_io")
    model = converted.module
    assert isinstance(model, StyleGAN2Generator) and converted.resolution == 64
    same(model(v["z"], model.synthesis.own_noise()), v["img_const"], IMAGE)
    exact = nvlabs_generator(vectors("stylegan2/nv64_G")).state_dict()
    for key, tensor in model.state_dict().items():
        assert torch.allclose(tensor, exact[key], rtol=0, atol=1e-7 if name.startswith("tf") else 0), key
    if "G_ema" not in name:
        judge = converted.parts["discriminator"][0]
        assert isinstance(judge, nn.Module)
        same(judge(v["d_img"]), v["d_logits_b8_group4"], LOGIT)


@pytest.mark.parametrize("name", ["ros64_converted.pt", "ros64_train.pt"])
@torch.no_grad()
def test_round_trip_of_rosinalitys_files(vectors: Vectors, same: Close, name: str) -> None:
    converted, v = imported(find(name)), vectors("stylegan2/ros64_io")
    model = converted.module
    assert isinstance(model, StyleGAN2Generator)
    same(model(v["z"], model.synthesis.own_noise()), v["img_fixednoise"], IMAGE)
    if "train" in name:
        judge = converted.parts["discriminator"][0]
        assert isinstance(judge, nn.Module)
        same(judge(v["d_img"]), v["d_logits_b8"], LOGIT)
        many = model.codes(torch.randn(4096, 64, generator=torch.Generator().manual_seed(5))).mean(0)
        assert (model.w_mean - many).abs().max() < 0.1 * many.abs().max(), "the mean was measured"
    else:
        same(model.w_mean, v["latent_avg"][0], 0.0)
