"""GANformer against recorded numbers of the published PyTorch network: parts, pictures, gradients, judges."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from spatial_edit.foreign import formats
from spatial_edit.foreign.formats.ganformer_names import attention_name, generator_names
from spatial_edit.foreign.reading.reader import read
from spatial_edit.generators.ganformer.mapping import _unit
from spatial_edit.generators.ganformer.model import GANformer
from spatial_edit.generators.ganformer.synthesis import PlainConv
from spatial_edit.nn.bipartite_attention import (
    AttentionConfig,
    BipartiteAttention,
    carry,
    grid_encoding,
    normalised,
)
from spatial_edit.nn.equalised import EqualisedConv2d, biased_leaky_relu
from spatial_edit.nn.resample import Blur, Downsample, Upsample, blur_kernel
from spatial_edit.nn.stylegan2 import ModulatedConv, UpSkip
from tests.foreign.ganformer_file import snapshot, weights_of

IMAGE, MAP, GRADIENT = 2e-5, 1e-5, 1e-4  # of the largest number of the recorded tensor

ATTENTION = {
    "simplex_mul_layer": AttentionConfig(),
    "simplex_both_instance_mask": AttentionConfig(heads=2, integration="both", norm="instance"),
    "simplex_add_nonorm": AttentionConfig(integration="add", norm="none"),
    "simplex_imggate": AttentionConfig(heads=2, pixel_gate=True),
    "selfattn_mapping": AttentionConfig(integration="add", norm="none"),
    "duplex_param_i1": AttentionConfig(duplex=True),
    "duplex_param_i1_h2": AttentionConfig(heads=2, integration="both", duplex=True),
    "duplex_param_i2": AttentionConfig(duplex=True, iterations=2),
    "duplex_param_i3_h2": AttentionConfig(heads=2, integration="both", duplex=True, iterations=3),
}
SYNTHESIS = {
    "transformer": True, "use_pos": True, "num_heads": 1, "architecture": "resnet", "style": True,
    "local_noise": True, "start_res": 0, "end_res": 8, "norm": "layer", "integration": "mul", "kmeans": True,
    "kmeans_iters": 1, "pos_type": "sinus", "pos_directions_num": 2, "channel_base": 1024, "channel_max": 32,
}  # fmt: skip
MAPPING = {"transformer": True, "use_pos": True, "num_heads": 1, "resnet": True, "ltnt2ltnt": True}
SIZES = {"z_dim": 16, "w_dim": 16, "c_dim": 0, "k": 5, "img_resolution": 32, "img_channels": 3}
GENERATORS = {
    "gen32_default": {**SIZES, "mapping_kwargs": MAPPING, "synthesis_kwargs": SYNTHESIS},
    "gen32_clevr": {
        **SIZES,
        "k": 9,
        "mapping_kwargs": {**MAPPING, "ltnt2ltnt": False},
        "synthesis_kwargs": {**SYNTHESIS, "style": False},
    },
    "gen32_simplex_skip": {
        **SIZES,
        "mapping_kwargs": {**MAPPING, "resnet": False, "num_layers": 3},
        "synthesis_kwargs": {
            **SYNTHESIS, "num_heads": 2, "architecture": "skip", "integration": "both", "kmeans": False,
        },
    },
    "gen16_orig_stylegan": {
        **SIZES, "z_dim": 32, "w_dim": 32, "k": 1, "img_resolution": 16,
        "mapping_kwargs": {"transformer": False, "resnet": False, "num_layers": 4},
        "synthesis_kwargs": {**SYNTHESIS, "transformer": False, "architecture": "skip"},
    },
}  # fmt: skip
JUDGES = ("disc32_resnet", "disc32_skip")


@pytest.fixture
def near(close):
    """`near(got, want, share)`: no entry further away than this share of the largest recorded one."""
    return lambda got, want, share: close(got, want, share * want.abs().max().item())


# parts ---------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_numbers_operations(vectors, near):
    v = vectors("ganformer/ops")
    x, bias = v["in.x"], v["in.bias"]

    def plain(conv, weight):
        conv.weight.copy_(weight)
        conv.scale = 1.0  # the recorded operations have the weights as they are
        return conv

    near(blur_kernel(), v["in.filter"], 1e-7)
    near(Upsample()(x), v["out.upsample2"], 1e-6)
    near(Downsample()(x), v["out.downsample2"], 1e-6)
    pixels = x.flatten(2).transpose(1, 2)  # (B, n, C): what is carried to twice the side is repeated
    larger = carry(pixels[:, None], 8)[:, 0].transpose(1, 2).unflatten(2, (16, 16))
    near(larger, v["out.upsample2_nearest"], 0)

    near(plain(PlainConv(5, 7, 3), v["in.w3"])(x, x), v["out.conv3_same"], 1e-6)
    near(plain(PlainConv(5, 7, 3, up=True), v["in.w3"])(x, x), v["out.conv3_up2"], 2e-6)
    near(plain(EqualisedConv2d(5, 7, 3, stride=2), v["in.w3"])(Blur(2)(x)), v["out.conv3_down2"], 1e-6)
    near(plain(EqualisedConv2d(5, 7, 1), v["in.w1"])(Blur(1, stride=2)(x)), v["out.conv1_down2"], 1e-6)
    skip = UpSkip(5, 7)
    plain(skip.conv, v["in.w1"])
    near(skip(x), v["out.conv1_up2"], 1e-6)

    near(biased_leaky_relu(x, bias), v["out.bias_lrelu"], 1e-6)
    near(biased_leaky_relu(x, bias) * 0.5**0.5, v["out.bias_lrelu_gain"], 1e-6)


@torch.no_grad()
def test_numbers_modulation(vectors, near):
    v = vectors("ganformer/ops")

    def modulated(weight: Tensor, **options) -> Tensor:
        conv = ModulatedConv(5, 7, weight.shape[-1], 5, **options)
        conv.weight.copy_(weight)
        conv.affine.weight.copy_(torch.eye(5) * 5**0.5)  # the style itself
        conv.affine.bias.zero_()
        if not conv.demodulate:
            conv.scale = 1.0
        return conv(v["in.x"], v["in.style"])

    near(modulated(v["in.w3"]), v["out.modconv3_demod"], 2e-6)
    near(modulated(v["in.w3"], up=True), v["out.modconv3_demod_up2"], 2e-6)
    near(modulated(v["in.w3"], up=True), v["out.modconv3_demod_up2_unfused"], 2e-6)
    near(modulated(v["in.w1"], demodulate=False), v["out.modconv1_nodemod"], 2e-6)


@torch.no_grad()
def test_numbers_norms_positions_and_unit_latents(vectors, near):
    v = vectors("ganformer/ops")
    pixels = v["in.x"].flatten(2).transpose(1, 2)  # (2, 64, 5)
    near(normalised(pixels, "layer", "multiply").flatten(0, 1), v["out.rms_norm_layer"], 1e-6)
    near(normalised(pixels, "layer", "both").flatten(0, 1), v["out.norm_layer_both"], 1e-6)
    near(normalised(pixels, "instance", "both").flatten(0, 1), v["out.norm_instance_both"], 1e-6)
    near(grid_encoding(8, 16), v["out.posenc_8x8_d16"], 1e-6)
    near(grid_encoding(4, 32), v["out.posenc_4x4_d32"], 1e-6)
    near(grid_encoding(8, 16, 4), v["out.posenc_8x8_d16_dirs4"], 1e-6)
    near(_unit(v["in.x"].flatten(2)), v["out.znorm"], 1e-6)


def layer(
    config: AttentionConfig, width: int, latents: int, weights: dict[str, Tensor]
) -> BipartiteAttention:
    """An attention layer with recorded weights, all of them and no others."""
    attention = BipartiteAttention(
        width, 16, latents, config, position_width=16, latent_position_width=16
    ).eval()
    names = {attention_name(name): name for name in attention.state_dict()}
    attention.load_state_dict({names[name]: tensor for name, tensor in weights.items()})
    return attention


@pytest.mark.parametrize("name", ATTENTION)
@torch.no_grad()
def test_numbers_attention(vectors, near, name):
    v = vectors(f"ganformer/attn_{name}")
    config, pixels, latents = ATTENTION[name], v["in.from"], v["in.to"]
    attention = layer(config, pixels.shape[-1], latents.shape[1], weights_of(v))
    inside: dict[str, Tensor] = {}
    for part, module in attention.named_children():
        module.register_forward_hook(lambda _, __, output, part=part: inside.__setitem__(part, output))
    places = v["in.from_pos"].flatten(0, 1)
    seen = attention(pixels, latents, places, v["in.to_pos"], mask=v.get("in.att_mask"))
    if config.duplex:  # keys take no part in it
        attention.keys(latents), attention.latent_positions(v["in.to_pos"])

    near(seen.pixels, v["out.from"], IMAGE)
    near(seen.maps.transpose(-1, -2).reshape(v["out.att"].shape), v["out.att"], MAP)
    assert (seen.assignments is not None) == config.duplex == ("out.assign" in v)
    if seen.assignments is not None:
        near(seen.assignments.transpose(-1, -2), v["out.assign"], MAP)
    for part in ("queries", "keys", "values", "pixel_positions", "latent_positions", "modulation"):
        want = v[f"mid.{attention_name(f'{part}.weight').removesuffix('.weight')}"]
        got = inside[part].flatten(0, -2)
        near(got.repeat(len(want) // len(got), 1), want, MAP)  # positions: the same for every picture
    if config.pixel_gate:
        assert "pixel_gate" in inside


@torch.no_grad()
def test_numbers_assignments_carried_on(vectors, near):
    v = vectors("ganformer/attn_duplex_iterative_2layer")
    config = AttentionConfig(duplex=True, carried=True)
    carried = None
    for i, (side, width) in enumerate(((4, 32), (8, 24))):
        weights = {name[3:]: t for name, t in weights_of(v).items() if name.startswith(f"l{i}.")}
        attention = layer(config, width, 8, weights)
        places = v[f"in.pos{i}"].flatten(0, 1)
        seen = attention(v[f"in.from{i}"], v["in.to"], places, v["in.to_pos"], carried=carried)
        near(seen.pixels, v[f"out.from{i}"], IMAGE)
        near(seen.maps.transpose(-1, -2).reshape(v[f"out.att{i}"].shape), v[f"out.att{i}"], MAP)
        near(seen.assignments.transpose(-1, -2), v[f"out.assign{i}"], MAP)
        carried = carry(seen.assignments, side)
    with pytest.raises(ValueError, match="2 \\* latents"):
        layer(config, 24, 8, weights)(v["in.from1"], v["in.to"], places, v["in.to_pos"])


# whole networks, by way of a written file, the reader and the converter -----------------------------------


@pytest.fixture
def imported(vector_file, tmp_path):
    """`imported("gen32_default")` -> (what the importer made of a file with these weights, the vectors)."""

    def build(name: str, judge: str | None = None, protocol: int = 4):
        v = load_file(vector_file(f"ganformer/{name}.safetensors"))
        other = None
        if judge is not None:
            weights = weights_of(load_file(vector_file(f"ganformer/{judge}.safetensors")))
            other = (weights, {"img_resolution": 32, "architecture": judge.split("_")[1]})
        path = Path(tmp_path) / "any.name"
        path.write_bytes(snapshot(weights_of(v), GENERATORS[name], other, protocol))
        return formats.convert(read(path)), v

    return build


@pytest.mark.parametrize("protocol", (3, 4))
@pytest.mark.parametrize("name", GENERATORS)
@torch.no_grad()
def test_numbers_pictures_of_an_imported_file(imported, near, name, protocol):
    converted, v = imported(name, protocol=protocol)
    model, z = converted.module, v["in.z"]
    assert isinstance(model, GANformer) and converted.family == "ganformer"
    noise = model.synthesis.own_noise()
    near(model.codes(z)[:, :, 0], v["out.ws"], IMAGE)
    near(model.codes(z, 0.3)[:, :, -1], v["out.ws_psi0.7"], IMAGE)
    near(model(z), v["out.img_none"], IMAGE)
    near(model(z, noise), v["out.img_const"], IMAGE)
    near(model(z, noise, 0.3), v["out.img_const_psi0.7"], IMAGE)
    codes = model.codes(z, 0.5, layers=3)
    near(model.synthesis(codes, noise, model.positions), v["out.img_const_psi0.5_cutoff3"], IMAGE)


@pytest.mark.parametrize("name", [name for name in GENERATORS if name.startswith("gen32")])
@torch.no_grad()
def test_numbers_attention_maps(imported, near, name):
    converted, v = imported(name)
    drawn = converted.module.draw(v["in.z"], converted.module.synthesis.own_noise())
    near(drawn.image, v["out.img_const"], IMAGE)
    recorded = {key: tensor for key, tensor in v.items() if key.startswith("out.att.")}
    assert len(recorded) == 5
    for key, want in recorded.items():
        side, conv = map(int, re.fullmatch(r"out\.att\.b(\d+)\.conv(\d)", key).groups())
        index = max(0, 2 * side.bit_length() - 7 + conv)  # side 4: 0; side 8: 1, 2; ..
        near(drawn.maps[index].permute(0, 1, 4, 2, 3).flatten(0, 1), want, MAP)


def test_gradients_of_the_default_recipe(imported, near):
    converted, v = imported("gen32_default")
    model = converted.module.requires_grad_(True)
    z = v["in.z"].clone().requires_grad_()
    (model(z, model.synthesis.own_noise()) * v["in.proj"]).mean().backward()
    theirs = {theirs: ours for ours, theirs in generator_names(model.config).items()}
    ours = dict(model.named_parameters())
    checked = 0
    for key in (key for key in v if key.startswith("grad.")):
        got = z.grad if key == "grad.z" else ours[theirs[key.removeprefix("grad.")]].grad
        if key.endswith(("to_keys.bias", "to_pos_map.bias")):  # zero but for rounding: all scores shift alike
            assert max(got.abs().max(), v[key].abs().max()) < 1e-9
        else:
            near(got, v[key], GRADIENT)
        checked += 1
    assert checked == 31


@pytest.mark.parametrize("name", JUDGES)
def test_numbers_discriminator_and_r1(imported, vectors, near, name):
    converted, _ = imported("gen32_default", judge=name)
    judge, config = converted.parts["discriminator"]
    assert isinstance(judge, nn.Module) and config["architecture"] == name.split("_")[1]
    v = vectors(f"ganformer/{name}")
    images = v["in.img"].clone().requires_grad_()
    logits = judge(images)
    near(logits, v["out.logits"], IMAGE)
    (slope,) = torch.autograd.grad(logits.sum(), images)
    near(slope, v["grad.img"], GRADIENT)
    near(slope.square().sum((1, 2, 3)), v["out.r1_penalty"], GRADIENT)
