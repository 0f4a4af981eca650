"""EqGAN-SA's pickles as models: trees of records as the reader gives them, and the recorded file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from spatial_edit.foreign import formats
from spatial_edit.foreign.content import Content, Converted, ForeignError, Record
from spatial_edit.foreign.formats import eqgan
from spatial_edit.foreign.formats.persistent import state_dict
from spatial_edit.foreign.formats.stylegan2_names import NVLABS, generator_names
from spatial_edit.foreign.reading.reader import read
from spatial_edit.generators.spatialgan.eqgan import EqGANConfig, EqGANGenerator
from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes
from spatial_edit.generators.spatialgan.heatmap import HeatmapLevel
from spatial_edit.generators.stylegan2 import StyleGAN2Config

SHARED = Path(__file__).resolve().parents[3] / "shared" / "parity" / "eqgan"
CANARY = "eqgan-style-canary"


def model(clamp: float | None = None) -> EqGANGenerator:
    torch.manual_seed(5)
    widths = {4: 8, 8: 8, 16: 8, 32: 4}
    config = EqGANConfig(
        32,
        widths,
        z_dim=6,
        w_dim=8,
        mapping_layers=3,
        heat_widths=(3, 5),
        hidden=4,
        clamp=clamp,
        fixed_noise=True,
    )
    return EqGANGenerator(config).eval()


def published(network: EqGANGenerator) -> dict[str, Tensor]:
    """The network's tensors under the file's names, with the constant filters that a file has too."""
    config = network.config
    base = StyleGAN2Config(
        resolution=config.resolution,
        channels=config.channels,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        mapping_layers=config.mapping_layers,
        fixed_noise=True,
    )
    names = generator_names(base, NVLABS) | eqgan.encoding_names(config)
    state = network.state_dict()
    assert {name for name in state if name not in names} == {n for n in state if n.endswith("kernel")}
    kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
    filters = {"synthesis.b8.resample_filter": kernel, "synthesis.hm_conv0_b8.resample_filter": kernel}
    return {theirs: state[ours] for ours, theirs in names.items()} | filters


def tree(
    tensors: Mapping[str, Tensor], attributes: Mapping[str, Mapping[str, object]] | None = None
) -> Record:
    """A module's record, and those of all modules below it, with these tensors as buffers."""

    def empty() -> dict[str, dict[str, object]]:
        return {"_parameters": {}, "_buffers": {}, "_modules": {}}

    root = Record("persistent", "Generator", state=empty())
    for name, tensor in tensors.items():
        *path, last = name.split(".")
        node = root
        for i, part in enumerate(path):
            below = node.state["_modules"]
            extra = (attributes or {}).get(".".join(path[: i + 1]), {})
            node = below.setdefault(part, Record("persistent", part, state={**empty(), **extra}))
        node.state["_buffers"][last] = tensor
    return root


def content(**networks: object) -> Content:
    return Content("pickle", {"augment_pipe": None, **networks}, Path("file.pkl"), 1000, "0" * 64)


def converted(tensors: Mapping[str, Tensor], **attributes: Mapping[str, object]) -> Converted:
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return formats.convert(content(G_ema=tree(tensors, named)))


def picture(network: EqGANGenerator) -> Tensor:
    scene = EqGANScenes(network, EqGANScenes.tiny().spec, "0" * 16)
    return scene.render(scene.sample(3))


def test_round_trip_of_a_network():
    mine = model()
    found = converted(published(mine))
    assert (found.family, found.kind, found.resolution, found.max_elements) == ("eqgan", "heatmaps", 32, 7)
    assert EqGANConfig.from_dict(json.loads(json.dumps(found.config))) == mine.config
    theirs = found.module.state_dict()
    assert theirs.keys() == mine.state_dict().keys()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in mine.state_dict().items())
    assert torch.equal(picture(found.module), picture(mine)) and found.parts == {}


def test_the_averaged_weights_come_first():
    other = model()
    with torch.no_grad():
        other.synthesis.const.add_(1)
    found = formats.convert(content(G=tree(published(other)), G_ema=tree(published(model()))))
    assert torch.equal(found.module.synthesis.const, model().synthesis.const)
    alone = formats.convert(content(G=tree(published(other))))
    assert torch.equal(alone.module.synthesis.const, other.synthesis.const)


def test_a_limit_of_the_layers_is_kept():
    limits = {
        f"synthesis.b{r}.{layer}": {"conv_clamp": 256}
        for r in (4, 8, 16, 32)
        for layer in ("conv0", "conv1", "torgb")
    }
    found = formats.convert(content(G_ema=tree(published(model()), limits)))
    assert found.config["clamp"] == 256.0 and found.module.synthesis.layers[0].clamp == 256.0


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"synthesis.b8.conv0": {"conv_clamp": 3.0}, "synthesis.b8.conv1": {"conv_clamp": 4.0}},
            "differently",
        ),
        ({"synthesis.b8.conv0.sel.mu": {"conv_clamp": 3.0}}, "limits synthesis.b8.conv0.sel.mu"),
        ({"synthesis.b8.conv0": {"conv_clamp": "much"}}, "no number"),
        ({"synthesis.b8.conv0": {"activation": "swish"}}, "uses swish"),
        ({"mapping.fc0": {"bias_gain": 0.1}}, "learning rate 0.1"),
    ],
)
def test_errors_of_what_the_layers_say(attributes, message):
    with pytest.raises(ForeignError, match=message):
        formats.convert(content(G_ema=tree(published(model()), attributes)))


def broken(change: Callable[[dict[str, Tensor]], object]) -> dict[str, Tensor]:
    tensors = {name: tensor.clone() for name, tensor in published(model()).items()}
    change(tensors)
    return tensors


def put(name: str, tensor: Tensor) -> Callable[[dict[str, Tensor]], object]:
    return lambda tensors: tensors.__setitem__(name, tensor)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("synthesis.b16.conv0.sel.mu.bias"), "lacks synthesis.b16.conv0.sel.mu.bias"),
        (lambda t: t.pop("synthesis.hm_conv0_b16.weight"), "lacks synthesis.hm_conv0_b16.weight"),
        (lambda t: t.pop("synthesis.b4.conv1.sel.shared.0.weight"), "lacks"),
        (
            put("synthesis.b16.conv0.sel.nu.bias", torch.zeros(1)),
            "also holds synthesis.b16.conv0.sel.nu.bias",
        ),
        (put("synthesis.b16.conv0.sel.mu.bias", torch.zeros(2)), "shapes do not fit"),
        (put("synthesis.b16.conv0.sel.mu.bias", torch.tensor([float("nan")])), "NaN or infinity"),
        (put("synthesis.hm_conv1_b8.weight", torch.zeros(4)), "axes"),
        (put("synthesis.hm_conv1_b8.weight", torch.zeros(5000, 3, 3, 3)), "sizes"),
        (put("mapping.embed.weight", torch.zeros(8, 3)), "variant that is unknown"),
        (put("synthesis.b8.resample_filter", torch.ones(4, 4)), "kernel"),
    ],
)
def test_errors_strict(change, message):
    with pytest.raises(ForeignError, match=message):
        converted(broken(change))


def test_a_wide_lie_costs_no_memory(monkeypatch):
    """Shapes that ask for gigabytes are refused before anything is made."""
    made: list[int] = []
    tensors = broken(put("synthesis.b32.conv1.weight", torch.zeros(4096, 1, 1, 1)))
    build = EqGANGenerator.__init__

    def counting(self, config):
        build(self, config)
        made.append(sum(p.numel() for p in self.parameters() if p.device.type != "meta"))

    monkeypatch.setattr(EqGANGenerator, "__init__", counting)
    with pytest.raises(ForeignError, match="shapes do not fit"):
        converted(tensors)
    assert made == [0]  # on no device


@pytest.mark.parametrize(
    "root",
    [
        None,
        3,
        [],
        {},
        {"G_ema": 3},
        {"G_ema": Record("a", "b")},
        {"G_ema": Record("a", "b", state={"_modules": 3})},
    ],
)
def test_other_content_is_not_recognised(root):
    assert not eqgan.recognises(Content("pickle", root, Path("x"), 1, ""))
    plain = {name: t for name, t in published(model()).items() if ".sel." not in name and "hm_" not in name}
    assert not eqgan.recognises(content(G_ema=tree(plain)))


def canary(ending: str) -> Path:
    path = SHARED / (CANARY + ending)
    if not path.exists():
        pytest.skip(f"{path.name} is not bundled: put the project's shared/parity folder beside the checkout")
    return path


def test_numbers_every_tensor_of_the_recorded_file():
    expected = json.loads(canary(".expected.json").read_text())
    found = read(canary(".pkl"))
    seen = {}
    for name in ("G_ema", "D"):
        for key, tensor in state_dict(found.root[name]).items():
            data = tensor.float().contiguous().numpy().astype("<f4").tobytes()
            seen[f"{name}.{key}"] = {
                "shape": list(tensor.shape),
                "sha256_f32le": hashlib.sha256(data).hexdigest(),
            }
    assert seen == expected


def test_smoke_the_recorded_file_becomes_a_model():
    found = formats.convert(read(canary(".pkl")))
    assert found.family == "eqgan" and found.title == "EqGAN-SA, 32 px"
    # nothing of the heatmaps that the file drags along
    assert sum(t.numel() for t in found.module.state_dict().values()) < 600_000
    scenes = EqGANScenes(found.module, replace(EqGANScenes.tiny().spec, resolution=32), "0" * 16)
    assert scenes.render(scenes.sample(1)).std() > 0.01
    judge, config = found.parts["discriminator"]
    assert config["kind"] == "stylegan2-discriminator"
    assert judge(torch.zeros(4, 3, 32, 32)).shape == (4, 1)


def test_numbers_the_conversion_gives_the_recorded_pictures():
    """The published tensors, through the import, give the published pictures."""
    if not (SHARED / "eq64_io.safetensors").exists():
        pytest.skip(
            "eqgan/eq64_io is not bundled: put the project's shared/parity folder beside the checkout"
        )
    v, g, d = (load_file(SHARED / f"eq64_{part}.safetensors") for part in ("io", "G", "D"))
    found = formats.convert(content(G_ema=tree(g), D=tree(d)))
    root = v["hm.centers_yx"]
    centres = [root[:, None], *(root[:, None] + v[f"hm.l{i}_delta_yx"].transpose(1, 2) for i in (2, 3))]
    spreads = [v["hm.sigma1"].expand(4, 1), v["hm.sigma2"][:, 0, 0], v["hm.sigma3"][:, 0, 0]]
    levels = [HeatmapLevel(c, s) for c, s in zip(centres, spreads, strict=True)]
    with torch.no_grad():
        picture = found.module(v["z"], levels, found.module.synthesis.own_noise())
        assert (picture - v["img_const"]).abs().max() < 2e-5
        assert (found.parts["discriminator"][0](v["img_const"]) - v["d_logits"]).abs().max() < 2e-5
