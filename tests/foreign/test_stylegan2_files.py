"""NVIDIA's PyTorch files of StyleGAN2: every kind comes back as the network it was made from; others are
refused with a sentence. The files are made here from small networks; tests/parity has the recorded ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from spatial_edit.foreign.content import ForeignError, ImportOptions, Record
from spatial_edit.foreign.formats import convert, nvlabs, rosinality, stylegan2_build, tensorflow
from spatial_edit.generators.stylegan2 import (
    StyleGAN2Config,
    StyleGAN2Generator,
    config_to_json,
    discriminator_from_json,
)
from tests.foreign.stylegan2_file import (
    JUDGE,
    SMALL,
    assert_same,
    content,
    drop,
    judge_tensors,
    nvlabs_tensors,
    picture,
    put,
    small_generator,
    small_judge,
    tree,
)

NESTED = {
    "z_dim": 6,
    "w_dim": 6,
    "c_dim": 0,
    "img_resolution": 16,
    "img_channels": 3,
    "mapping_kwargs": {"num_layers": 2},
    "synthesis_kwargs": {"channel_base": 64, "channel_max": 8, "num_fp16_res": 4},
}
FLAT = {**{k: v for k, v in NESTED.items() if k != "synthesis_kwargs"}, "channel_base": 64, "channel_max": 8}


@pytest.mark.parametrize("kwargs", [{}, NESTED, FLAT])
@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
def test_numbers_nvidias_generators(architecture: str, kwargs: dict[str, object]) -> None:
    model = small_generator(replace(SMALL, architecture=architecture))
    says = {"": {"_init_kwargs": kwargs}}
    converted = convert(content({"G_ema": tree(nvlabs_tensors(model), says)}))
    assert_same(converted, model)
    assert converted.parts == {} and converted.notes == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": 3},
        {"labels": 2, "embedding": 5, "mapping_width": 7, "mapping_layers": 4},
        {"image_channels": 1},
        {"z_dim": 5, "mapping_width": 9, "mapping_layers": 3},
        {"resolution": 8, "channels": {4: 3, 8: 5}},
        {"fixed_noise": False},
    ],
)
def test_numbers_sizes_are_read_off_the_shapes(changes: dict) -> None:
    model = small_generator(replace(SMALL, **changes))
    root = {"G": tree(nvlabs_tensors(model)), "G_ema": None, "augment_pipe": Record("persistent", "Pipe")}
    if "fixed_noise" in changes:
        root["G"] = tree({n: t for n, t in nvlabs_tensors(model).items() if "noise_const" not in n})
    assert_same(convert(content(root)), model)


@pytest.mark.parametrize("architecture", ["resnet", "orig", "skip"])
@pytest.mark.parametrize("changes", [{}, {"labels": 3, "label_layers": 2}, {"image_channels": 1}])
def test_numbers_nvidias_discriminators(architecture: str, changes: dict) -> None:
    config = replace(JUDGE, architecture=architecture, clamp=256.0, group=2, **changes)
    judge = small_judge(config)
    said = {"conv_clamp": 256}
    says: dict[str, dict[str, object]] = {
        "b16.conv0": said,
        "b8.conv1": said,
        "b4.conv": said,
        "": {"_init_kwargs": {"c_dim": config.labels, "architecture": architecture, "channel_base": 64}},
    }
    tensors = judge_tensors(judge, config)
    record = tree(tensors, says | ({"b4.fromrgb": {"conv_clamp": None}} if architecture == "skip" else {}))
    assert isinstance(record.state, dict)
    record.state["_init_kwargs"]["channel_max"] = 8
    statistics = {"_parameters": {}, "_buffers": {}, "_modules": {}, "group_size": 2}
    record.state["_modules"]["b4"].state["_modules"]["mbstd"] = Record("persistent", "Std", state=statistics)
    got, data = nvlabs.discriminator(record)
    assert discriminator_from_json(data) == config
    images = torch.randn(4, config.image_channels, 16, 16)
    labels = (torch.eye(config.labels)[[0, 1, 2, 0]],) if config.labels else ()
    assert torch.equal(got(images, *labels), judge(images, *labels))


def test_numbers_a_whole_snapshot_prefers_the_average() -> None:
    model, judge = small_generator(), small_judge()
    other = {name: tensor + 1 for name, tensor in nvlabs_tensors(model).items() if "filter" not in name}
    root = {"G": tree(other), "D": tree(judge_tensors(judge)), "G_ema": tree(nvlabs_tensors(model))}
    converted = convert(content(root))
    assert_same(converted, model)
    part, data = converted.parts["discriminator"]
    assert discriminator_from_json(data) == JUDGE and isinstance(part, nn.Module)
    images = torch.randn(4, 3, 16, 16)
    assert torch.equal(part(images), judge(images))


def test_numbers_another_kind_of_discriminator_is_left_out() -> None:
    model = small_generator()
    other = tree({"feature_network.conv.weight": torch.zeros(3)})
    converted = convert(content({"G_ema": tree(nvlabs_tensors(model)), "D": other}))
    assert_same(converted, model)
    assert converted.parts == {} and "left out" in converted.notes[0]
    broken = {name: tensor for name, tensor in judge_tensors(small_judge()).items() if name != "b4.fc.bias"}
    with pytest.raises(ForeignError, match=r"lacks b4\.fc\.bias"):
        convert(content({"G_ema": tree(nvlabs_tensors(model)), "D": tree(broken)}))


def test_numbers_limits_and_rates_that_the_objects_state() -> None:
    model = small_generator(replace(SMALL, clamp=0.5))
    layers = (
        "b4.conv1",
        "b4.torgb",
        "b8.conv0",
        "b8.conv1",
        "b8.torgb",
        "b16.conv0",
        "b16.conv1",
        "b16.torgb",
    )
    says: dict[str, dict[str, object]] = {f"synthesis.{name}": {"conv_clamp": 0.5} for name in layers}
    assert_same(convert(content({"G_ema": tree(nvlabs_tensors(model), says)})), model)
    free = small_generator(SMALL)
    assert not torch.allclose(picture(free), picture(model), atol=1e-2), "the limit must matter"

    slow = {f"mapping.fc{i}": {"bias_gain": 0.001, "use_fp16": True} for i in range(2)}
    converted = convert(content({"G_ema": tree(nvlabs_tensors(free), slow)}))
    assert isinstance(converted.module, StyleGAN2Generator)
    x = z = torch.randn(3, 6)
    x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for i in range(2):
        weight = nvlabs_tensors(free)[f"mapping.fc{i}.weight"] * 0.001 / math.sqrt(6)
        x = torch.nn.functional.linear(x, weight, nvlabs_tensors(free)[f"mapping.fc{i}.bias"] * 0.001)
        x = torch.nn.functional.leaky_relu(x, 0.2) * math.sqrt(2)
    assert torch.allclose(converted.module.codes(z), x, rtol=1e-4, atol=1e-8)
    assert "half precision" in converted.notes[0]


def test_numbers_a_missing_mean_is_measured() -> None:
    model = small_generator(replace(SMALL, labels=2))
    tensors = nvlabs_tensors(model)
    del tensors["mapping.w_avg"]
    first, second = (convert(content({"G_ema": tree(tensors)})) for _ in range(2))
    assert isinstance(first.module, StyleGAN2Generator) and isinstance(second.module, StyleGAN2Generator)
    assert "10000 z" in first.notes[0]
    assert torch.equal(first.module.w_mean, second.module.w_mean)
    labels = model.one_hot([0, 1] * 20_000)
    far = model.codes(torch.randn(40_000, 6), labels=labels)
    error = far.std(0) / math.sqrt(10_000)
    assert ((first.module.w_mean - far.mean(0)).abs() < 6 * error).all()


def test_numbers_a_state_dict_alone() -> None:
    model = small_generator()
    converted = convert(content(nvlabs_tensors(model), "safetensors"))
    assert_same(converted, model)
    assert "limited" in converted.notes[0]


REFUSED_KWARGS = [
    {"z_dim": 7},
    {"w_dim": 512},
    {"c_dim": 10},
    {"img_resolution": 32},
    {"img_channels": 1},
    {"mapping_kwargs": {"num_layers": 8}},
    {"synthesis_kwargs": {"architecture": "resnet"}},
    {"architecture": "orig"},
    {"z_dim": torch.zeros(3)},
]


@pytest.mark.parametrize("kwargs", REFUSED_KWARGS)
def test_errors_arguments_that_disagree_with_the_tensors(kwargs: dict[str, object]) -> None:
    record = tree(nvlabs_tensors(small_generator()), {"": {"_init_kwargs": kwargs}})
    with pytest.raises(ForeignError, match=r"it says \w+ is .* while its tensors show"):
        convert(content({"G_ema": record}))
    with pytest.raises(ForeignError, match="z_dim is 7"):
        positional = {"": {"_init_args": (7, 0, 6), "_init_kwargs": {}}}
        convert(content({"G_ema": tree(nvlabs_tensors(small_generator()), positional)}))


def test_errors_channels_that_disagree() -> None:
    record = tree(nvlabs_tensors(small_generator()), {"": {"_init_kwargs": {**FLAT, "channel_base": 128}}})
    with pytest.raises(ForeignError, match=r"channel_base is 128 .* 4 channels at side 16"):
        convert(content({"G_ema": record}))


@pytest.mark.parametrize(
    ("place", "attributes", "match"),
    [
        ("synthesis.b8.conv0", {"activation": "swish"}, "synthesis.b8.conv0 uses 'swish'"),
        ("synthesis.b8.conv0", {"use_noise": False}, "no noise"),
        ("synthesis.b8.conv0", {"conv_clamp": 3.0}, "differently"),
        ("synthesis.b8.conv0", {"conv_clamp": "x"}, "no number"),
        ("mapping.fc0", {"bias_gain": float("nan")}, "no number"),
    ],
)
def test_errors_layers_that_are_not_drawn_here(place: str, attributes: dict, match: str) -> None:
    says = {"synthesis.b4.conv1": {"conv_clamp": None}, place: attributes}
    with pytest.raises(ForeignError, match=match):
        convert(content({"G_ema": tree(nvlabs_tensors(small_generator()), says)}))


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("synthesis.b8.conv0.affine.bias", drop, r"lacks synthesis\.b8\.conv0\.affine\.bias"),
        ("synthesis.b16.torgb.weight", drop, r"lacks synthesis\.b16\.torgb\.weight"),
        ("synthesis.b4.conv1.weight", drop, "lacks synthesis.b4.conv1.weight"),
        ("mapping.fc0.weight", drop, "lacks mapping.fc0.weight"),
        ("synthesis.b8.conv7.weight", put(torch.zeros(2)), "also holds synthesis.b8.conv7.weight"),
        ("synthesis.b8.conv0.weight", put(torch.zeros(3, 3)), r"conv0.weight \(3, 3\) for \(8, 8, 3, 3\)"),
        ("synthesis.b8.conv1.weight", put(torch.zeros(2)), "axes"),
        ("synthesis.b8.conv1.weight", put(torch.zeros(0, 8, 3, 3)), "sizes make no sense"),
        ("mapping.fc1.bias", put(torch.full((6,), math.nan)), "NaN or infinity is in mapping.fc1.bias"),
        (
            "synthesis.b4.const",
            put(torch.full((8, 4, 4), math.inf)),
            "NaN or infinity is in synthesis.b4.const",
        ),
        ("mapping.w_avg", put(torch.full((6,), math.nan)), "mapping.w_avg"),
        ("synthesis.b8.resample_filter", put(torch.ones(4, 4)), "not the kernel"),
        ("synthesis.b8.resample_filter", put(torch.zeros(4, 4)), "not the kernel"),
        ("synthesis.b8.resample_filter", put(torch.ones(12)), "not the kernel"),
    ],
)
def test_errors_damaged_state_dicts(name: str, change: Callable, match: str) -> None:
    tensors = nvlabs_tensors(small_generator())
    change(tensors, name)
    with pytest.raises(ForeignError, match=match):
        convert(content({"G_ema": tree(tensors)}))


def test_errors_other_generators() -> None:
    fourier = {"synthesis.input.freqs": torch.zeros(2), "mapping.fc0.weight": torch.zeros(2)}
    with pytest.raises(ForeignError, match="StyleGAN3"):
        convert(content({"G_ema": tree(fourier)}))
    strange = {"synthesis.first.weight": torch.zeros(2), "mapping.fc0.weight": torch.zeros(2)}
    with pytest.raises(ForeignError, match=r"no StyleGAN2 .* synthesis.first.weight"):
        convert(content({"G_ema": tree(strange)}))


def test_errors_discriminators() -> None:
    tensors = judge_tensors(small_judge())
    for name, match in (("b4.conv.weight", "lacks b4.conv.weight"), ("b8.conv0.bias", "lacks b8.conv0.bias")):
        with pytest.raises(ForeignError, match=match):
            nvlabs.discriminator(tree({n: t for n, t in tensors.items() if n != name}))
    with pytest.raises(ForeignError, match="img_resolution is 64"):
        nvlabs.discriminator(tree(tensors, {"": {"_init_kwargs": {"img_resolution": 64}}}))
    skip = replace(JUDGE, architecture="skip")
    with pytest.raises(ForeignError, match="differently"):
        limited: dict[str, dict[str, object]] = {"b4.fromrgb": {"conv_clamp": 256}}
        nvlabs.discriminator(tree(judge_tensors(small_judge(skip), skip), limited))
    record = tree(tensors | {"b4.mbstd.x": torch.zeros(1)}, {"b4.mbstd": {"group_size": -1}})
    with pytest.raises(ForeignError, match="mini-batch group"):
        nvlabs.discriminator(record)


def test_errors_sizes_are_compared_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of 4096 x 1 x 1 x 1 numbers claims layers of gigabytes."""

    def only_without_memory(config: StyleGAN2Config) -> StyleGAN2Generator:
        assert torch.empty(0).device.type == "meta"
        return StyleGAN2Generator(config)

    monkeypatch.setattr(stylegan2_build, "StyleGAN2Generator", only_without_memory)
    tensors = nvlabs_tensors(small_generator())
    for name in ("b4.conv1", "b8.conv1", "b16.conv1"):
        tensors[f"synthesis.{name}.weight"] = torch.zeros(4096, 1, 1, 1)
    with pytest.raises(ForeignError, match="shapes do not fit"):
        convert(content({"G_ema": tree(tensors)}))


ODD = [
    None,
    3,
    "text",
    b"bytes",
    [],
    (1, 2, 3),
    {},
    {"G_ema": 3},
    {"G_ema": Record("persistent", "Generator")},
    {"G_ema": Record("persistent", "Generator", state=[1])},
    {"G_ema": Record("persistent", "G", state={"_parameters": {}, "_buffers": {}, "_modules": {}})},
    {1: torch.zeros(2), ("a",): {}},
    {"state_dict": 3, "g_ema": [torch.zeros(1)], "d": None},
    (Record("dnnlib.tflib.network", "Network"),) * 3,
    torch.zeros(3),
    Record("argparse", "Namespace", state={"size": 3}),
]


@pytest.mark.parametrize("root", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("format", [nvlabs, tensorflow, rosinality])
def test_errors_other_content_is_not_recognised(format, root: object) -> None:
    assert format.recognises(content(root)) is False


def test_determinism_a_conversion_repeats() -> None:
    model = small_generator()
    first = nvlabs.convert(content({"G_ema": tree(nvlabs_tensors(model))}), ImportOptions())
    assert config_to_json(model.config) == first.config
    second = nvlabs.convert(content({"G_ema": tree(nvlabs_tensors(model))}), ImportOptions())
    assert torch.equal(picture(first.module), picture(second.module))
