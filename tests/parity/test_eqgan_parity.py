"""EqGAN-SA against recorded numbers of the published 64-px network: heatmaps, network, attention, losses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from spatial_edit.generators.spatialgan.attention import (
    alignment,
    attention_map,
    features_of,
    gradcam_weights,
    target_map,
    truncated_l1,
)
from spatial_edit.generators.spatialgan.encoding import HeatmapProjection, SpatialEncoding
from spatial_edit.generators.spatialgan.eqgan import EqGANConfig, EqGANGenerator
from spatial_edit.generators.spatialgan.heatmap import HeatmapLevel
from spatial_edit.generators.spatialgan.spatial_styles import spatially_modulated_conv
from spatial_edit.nn.discriminator import Discriminator

KEYS = ("b8", "b16", "b32")  # level 0, 1, 2; their discriminator features have side 4, 8, 16
CHANNELS = {4: 32, 8: 32, 16: 32, 32: 16, 64: 8}
CONFIG = EqGANConfig(resolution=64, channels=CHANNELS, z_dim=64, w_dim=64, fixed_noise=True)


def generator_name(name: str) -> str | None:
    """Our name of a published generator weight; None for filters. (Written apart from the import's.)"""
    if name.endswith("resample_filter"):
        return None
    part = name.split(".")
    if name == "mapping.w_avg":
        return "w_mean"
    if part[0] == "mapping":
        return f"mapping.{int(part[1][2:]) + 1}.{part[2]}"
    if part[1].startswith("hm_conv"):
        level = KEYS.index(part[1][9:])
        return f"synthesis.projections.{level}.{part[1][7]}.{part[2]}"
    if part[2] == "const":
        return "synthesis.const"
    step = int(part[1][1:]).bit_length() - 3
    rgb = part[2] == "torgb"
    index = step if rgb else 2 * step - 1 + int(part[2][-1]) if step else 0
    if part[3] == "sel":
        module = {"shared": "shared", "sigma": "scale_map", "mu": "shift_map", "output": "output"}[part[4]]
        return f"synthesis.{'rgb_encodings' if rgb else 'encodings'}.{index}.{module}.{part[-1]}"
    if part[3] == "noise_const":
        return f"synthesis.noise_{index}"
    rest = ".".join(part[3:])
    if rest == "weight" or rest.startswith("affine"):
        rest = f"conv.{rest}"
    return f"synthesis.{'rgbs' if rgb else 'layers'}.{index}.{rest}"


def discriminator_name(name: str) -> str | None:
    """Our name of a published discriminator weight; None for filters."""
    if name.endswith("resample_filter"):
        return None
    block, layer, what = name.split(".")
    if block == "b4":
        where = {"conv": "final_conv.0", "fc": "final_linear.0", "out": "final_linear.1"}[layer]
        return "final_conv.1.bias" if (layer, what) == ("conv", "bias") else f"{where}.{what}"
    index, bias = 7 - int(block[1:]).bit_length() + 1, what == "bias"
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


def relative(got, want, share):
    """No entry further away than a share of the largest recorded one."""
    assert got.shape == want.shape
    worst = (got.detach() - want).abs().max().item()
    assert worst <= share * want.abs().max().item(), worst


@pytest.fixture
def v(vectors):
    return vectors("eqgan/eq64_io")


@pytest.fixture
def model(vectors):
    return load(EqGANGenerator(CONFIG), vectors("eqgan/eq64_G"), generator_name)


@pytest.fixture
def judge(vectors):
    discriminator = load(Discriminator(64, CHANNELS), vectors("eqgan/eq64_D"), discriminator_name)
    return discriminator.requires_grad_(False)


def levels_of(v, dx: float = 0.0) -> tuple[HeatmapLevel, ...]:
    """The recorded hierarchy, its root moved by dx; the finer centres keep their offsets."""
    root = v["hm.centers_yx"] + torch.tensor([0.0, dx])
    finer = [root[:, None] + v[f"hm.l{i}_delta_yx"].transpose(1, 2) for i in (2, 3)]
    spreads = [v["hm.sigma1"].expand(4, 1), v["hm.sigma2"][:, 0, 0], v["hm.sigma3"][:, 0, 0]]
    centres = [root[:, None], *finer]
    return tuple(HeatmapLevel(c, s) for c, s in zip(centres, spreads, strict=True))


def recorded_maps(v):
    return [v[f"hm.{key}"] for key in KEYS]


def test_numbers_heatmaps(v, model, close):
    for got, want in zip(model.maps(levels_of(v)), recorded_maps(v), strict=True):
        close(got, want, 1e-6)


@torch.no_grad()
def test_numbers_projections(v, model, close):
    first, _, last = model.synthesis.project([m[:1] for m in recorded_maps(v)])
    close(first, v["hmfeat_into.b4"], 2e-5)
    close(last, v["hmfeat_into.b16"], 2e-5)


@torch.no_grad()
def test_numbers_one_encoding(v, model, close):
    layer = model.synthesis.encodings[3]  # of side 16, before it doubles from 8
    assert isinstance(layer, SpatialEncoding)
    close(layer(v["sel_b16conv0.x"], v["sel_b16conv0.hm"]), v["sel_b16conv0.out"], 2e-5)


@torch.no_grad()
def test_numbers_codes_features_images(v, model, close):
    codes = model.codes(v["z"])
    close(codes[:, None].expand(-1, model.synthesis.num_codes, -1), v["ws"], 1e-5)
    noise, heat = model.synthesis.own_noise(), model.synthesis.encode(recorded_maps(v))
    blocks = list(model.synthesis.blocks(v["ws"], heat, noise))
    assert [block.side for block in blocks] == [4, 8, 16, 32, 64]
    for block in blocks:
        close(block.features[:1], v[f"feat.b{block.side}"], 2e-5)
    close(blocks[-1].rgb, v["img_const"], 2e-5)
    close(model(v["z"], levels_of(v), noise), v["img_const"], 2e-5)
    close(model(v["z"], levels_of(v)), v["img_none"], 2e-5)


@torch.no_grad()
def test_numbers_the_root_is_moved(v, model, close):
    noise = model.synthesis.own_noise()
    close(model(v["z"], levels_of(v, 0.3), noise), v["img_const_moved_x+0.3"], 2e-5)
    shifted = [level.shifted(0.0, 0.3) for level in levels_of(v)]
    close(model(v["z"], shifted, noise), v["img_const_moved_x+0.3"], 2e-5)


def test_numbers_discriminator_and_gradcam(v, judge, close):
    logits, features = features_of(judge, v["img_const"].clone().requires_grad_())
    close(logits, v["d_logits"], 2e-5)
    for key, feature in zip(KEYS, features, strict=True):
        close(feature, v[f"d_feat.{key}"], 2e-5)
    for key, weight in zip(KEYS, gradcam_weights(logits, features), strict=True):
        assert not weight.requires_grad
        relative(weight, v[f"gradcam_weight.{key}"], 1e-4)


def test_numbers_attention_and_alignment(v, judge, close):
    found = alignment(judge, v["img_const"], recorded_maps(v))
    for i, key in enumerate(KEYS):
        close(found.attention[i], v[f"attention.{key}"], 1e-4)
        close(found.targets[i], v[f"target.{key}"], 1e-6)
        close(found.losses[i][None], v[f"align.{key}"], 1e-5)
    close(found.loss[None], v["stat.align_loss_sum"], 1e-5)


def test_gradients_of_the_generator_step(v, model, judge, close):
    maps = model.maps(levels_of(v))
    heat = model.synthesis.encode(maps)
    images = model.synthesis(model.codes(v["z"]), heat, model.synthesis.own_noise())
    found = alignment(judge, images, maps)
    adversarial = functional.softplus(-found.logits).mean()
    close(adversarial[None], v["stat.loss_G_adv"], 1e-5)
    close(found.loss[None], v["stat.align_loss_sum"], 1e-5)
    (adversarial + found.loss).backward()

    slopes = {name: p.grad for name, p in model.named_parameters()}
    recorded = {name[5:]: t for name, t in v.items() if name.startswith("grad.")}
    assert len(recorded) == 11
    for name, want in recorded.items():
        relative(slopes[generator_name(name)], want, 1e-3)
    total = torch.stack([slope.square().sum() for slope in slopes.values()]).sum().sqrt()
    relative(total[None], v["gradnorm.total"], 1e-3)


def test_numbers_a_style_for_every_pixel(v, close):
    x, weight, styles = v["spatial.x"], v["spatial.w"], v["spatial.styles"]
    close(spatially_modulated_conv(x, weight, styles), v["spatial.out"], 2e-5)
    close(spatially_modulated_conv(x, weight, styles, up=True), v["spatial.out_up2"], 2e-5)
    plain = spatially_modulated_conv(x, weight, styles, demodulate=False)
    close(plain, v["spatial.out_nodemod"], 2e-5)


@pytest.fixture
def small(vectors):
    return vectors("eqgan/eq64_small")


@torch.no_grad()
def test_numbers_bundled_heatmap_projection_and_encoding(small, close):
    """From the parameters of the heatmap to the features behind one encoding."""
    last = levels_of(small)[2].draw(64)[:1]
    projection, layer = HeatmapProjection(4, 16, 32), SpatialEncoding(32, 32)
    names = {generator_name(name): t for name, t in small.items() if name.startswith("synthesis.")}
    for module, prefix in ((projection, "synthesis.projections.2."), (layer, "synthesis.encodings.3.")):
        module.load_state_dict({n.removeprefix(prefix): t for n, t in names.items() if n.startswith(prefix)})
    close(layer(small["sel_b16conv0.x"], projection(last)), small["sel_b16conv0.out"], 2e-5)


def test_numbers_bundled_attention_and_alignment(small, close):
    attention = attention_map(small["d_feat.b8"], small["gradcam_weight.b8"], 64)
    close(attention, small["attention.b8"], 1e-4)
    target = target_map(levels_of(small)[0].draw(64), root=True)
    close(truncated_l1(attention, target)[None], small["align.b8"], 1e-5)


def test_numbers_bundled_styles_for_every_pixel(small, close):
    x, weight, styles = (small[f"spatial.{name}"] for name in ("x", "w", "styles"))
    close(spatially_modulated_conv(x, weight, styles), small["spatial.out"], 2e-5)
    close(spatially_modulated_conv(x, weight, styles, up=True), small["spatial.out_up2"], 2e-5)
