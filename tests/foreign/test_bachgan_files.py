"""BachGAN's and SPADE's files: written as training writes them, read, converted, drawn."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from spatial_edit import checkpoints
from spatial_edit.foreign import formats
from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions
from spatial_edit.foreign.formats import bachgan
from spatial_edit.foreign.reading.reader import read
from spatial_edit.foreign.writer import import_file
from spatial_edit.generators import registry
from spatial_edit.generators.bachgan.discriminator import discriminator_of
from spatial_edit.generators.bachgan.generator import BachGAN, BachGANConfig
from spatial_edit.generators.bachgan.names import ADE_NAMES
from spatial_edit.layouts import Boxes
from spatial_edit.nn.patch_discriminator import MultiScaleDiscriminator
from tests.foreign.bachgan_file import (
    DEAD,
    dead_layers,
    randomised,
    state_of,
    without,
    write,
)

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "parity" / "bachgan" / "generator.safetensors"
SMALL = BachGANConfig(8, width_g=3, hidden=6, spectral=True)  # 256 px, as an unknown file is taken
# sha256 over "name shape dtype", sorted, of the published files' key lists
KEYS = {
    151: (
        "2ff18ca948c51713507b8ba85aa61507d0d0bc2009d8f01d736550168ff9fd49",
        "b066007cb2bce546583ee6580ebbd8d0ff33abee470784e0eb3a19fb6834e557",
    ),
    35: (
        "1e4ecb311a81d0949f363448e9ece17f8172e859c11e502eb974998861ac2789",
        "87abed96108d7f373b8a17cc35497f09b97683a57f0c344f06a3633a8a872233",
    ),
}


def content(root: object) -> Content:
    return Content("torch legacy", root, Path("150_net_G.pth"), 1, "0" * 64)


def convert(root: object) -> Converted:
    assert bachgan.recognises(content(root))
    return bachgan.convert(content(root), ImportOptions())


def spade(config: BachGANConfig = SMALL, seed: int = 0) -> BachGAN:
    network = randomised(BachGAN(config), seed)
    assert isinstance(network, BachGAN)
    return network


def inputs(config: BachGANConfig, side: int = 64) -> tuple[Tensor, Tensor | None]:
    draw = torch.Generator().manual_seed(1)
    maps = (torch.rand(1, 4, config.condition, side, side, generator=draw) > 0.7).float()
    return maps[:, 0], maps[:, 1:] if config.stages else None


@torch.no_grad()
def picture(network: object, config: BachGANConfig) -> Tensor:
    assert isinstance(network, BachGAN)
    return network(*inputs(config))


def spread(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Tensors of any size that need no memory: one number everywhere."""
    return {
        name: torch.tensor(0) if name.endswith("tracked") else torch.tensor(0.01).expand(shape)
        for name, shape in shapes.items()
    }


def published(labels: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Meta tensors of a published generator with its dead layers, and of its discriminator."""
    config = bachgan.KNOWN[labels].config
    with torch.device("meta"):
        generator = state_of(BachGAN(replace(config, spectral=True)), dead=False)
        judge = state_of(MultiScaleDiscriminator(labels + 3, spectral=True))
        generator.update({name: torch.empty(shape) for name, shape in DEAD.items()})
    return generator, judge


@pytest.mark.parametrize("labels", KEYS)
def test_shapes_every_published_key(labels: int) -> None:
    for state, wanted in zip(published(labels), KEYS[labels], strict=True):
        lines = sorted(f"{n} {list(t.shape)} {str(t.dtype).removeprefix('torch.')}" for n, t in state.items())
        assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == wanted
    assert sum(t.numel() for n, t in published(labels)[0].items() if n in DEAD) == 5_234_176


@pytest.mark.parametrize(
    ("labels", "size", "doublings", "parameters"),
    [(151, (256, 256), "normal", 96_990_330), (35, (256, 512), "more", 98_294_542 - 5_234_176)],
)
def test_shapes_published_generators(labels, size, doublings, parameters) -> None:
    shapes = {name: tuple(t.shape) for name, t in published(labels)[0].items()}
    converted = convert(spread(shapes))
    config = BachGANConfig.from_dict(json.loads(json.dumps(converted.config)))
    assert (config.height, config.width) == size and config.doublings == doublings
    assert config.labels == labels and config.width_g == 64 and config.stages == 1 and config.segment
    assert converted.kind == "boxes" and converted.family == "bachgan" and converted.resolution == size[1]
    assert isinstance(converted.module, BachGAN) and converted.module.config.spectral is False
    assert sum(p.numel() for p in converted.module.parameters()) == parameters
    assert len(config.names) == labels and len(config.things) == {151: 115, 35: 10}[labels]
    assert not any("height" in note for note in converted.notes)


@pytest.mark.parametrize("labels", KEYS)
def test_shapes_published_discriminators(labels: int) -> None:
    converted = convert(spread({name: tuple(t.shape) for name, t in published(labels)[1].items()}))
    assert converted.family == "bachgan-discriminator" and converted.kind == ""
    assert converted.config == {
        "kind": "patch-discriminator", "inputs": labels + 3, "width": 64, "layers": 4, "scales": 2,
    }  # fmt: skip


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("run", ["A", "B"])
@torch.no_grad()
def test_numbers_recorded_pictures_from_a_file(run: str, legacy: bool, tmp_path: Path) -> None:
    """Written, read without running anything, converted: the picture is the recorded one."""
    if not RECORDED.exists():
        pytest.skip(
            f"the recorded weights are not here: put the project's shared/parity folder at {RECORDED}"
        )
    v = load_file(RECORDED)
    state = {name.removeprefix("netG."): t for name, t in v.items() if name.startswith("netG.")}
    path = write(tmp_path / "150_net_G.pth", {**state, **dead_layers(0.5)}, legacy=legacy)
    found = read(path)
    assert found.container == ("torch legacy" if legacy else "torch zip")
    converted = formats.convert(found)
    assert isinstance(converted.module, BachGAN) and converted.family == "bachgan"
    config = BachGANConfig.from_dict(dict(converted.config))
    assert (config.labels, config.width_g, config.stages, config.doublings) == (8, 3, 1, "normal")
    model = converted.module
    if run == "B":  # how often the side is doubled is not in the file
        model = BachGAN(replace(config, doublings="more"))
        model.load_state_dict(converted.module.state_dict())
    retrieved = v[f"{run}.in.retrieved"].float().unflatten(1, (3, 8))
    image = model.eval()(v[f"{run}.in.box"].float(), retrieved)
    assert (image - v[f"{run}.out.image"]).abs().max() <= 2e-5


@pytest.mark.parametrize("legacy", [False, True])
def test_numbers_a_file_of_a_random_network(legacy: bool, tmp_path: Path) -> None:
    network = spade()
    path = write(tmp_path / "latest.bin", state_of(network, dead=True), legacy=legacy)
    converted = formats.convert(read(path))
    assert "BachGAN" in converted.format and "BachGAN" in converted.title
    assert (picture(converted.module, SMALL) - picture(network, SMALL)).abs().max() < 1e-5
    assert any("height" in note for note in converted.notes)


@pytest.mark.parametrize(
    "config",
    [
        replace(SMALL, stages=0),
        replace(SMALL, stages=0, segment=False),
        replace(SMALL, stages=0, doublings="most", segment=False, width_g=4),
        replace(SMALL, stages=0, norm="instance", kernel=5),
        replace(SMALL, edges=True),
        replace(SMALL, labels=35, edges=True, stages=0, segment=False, doublings="more"),
    ],
)
@torch.no_grad()
def test_numbers_variants(config: BachGANConfig) -> None:
    network = spade(config)
    converted = convert(dict(state_of(network)))
    got = BachGANConfig.from_dict(dict(converted.config))
    for name in ("labels", "edges", "stages", "segment", "doublings", "norm", "kernel", "width_g", "hidden"):
        assert getattr(got, name) == getattr(config, name), name
    maps = inputs(config, 128)
    assert (converted.module(*maps) - network(*maps)).abs().max() < 1e-5
    if not config.stages:
        assert "SPADE" in converted.title


def test_numbers_files_of_old_torch() -> None:
    network = spade()
    state = state_of(network, dead=True)
    want = picture(network, SMALL)
    parallel = {f"module.{name}": value for name, value in state.items()}
    bare = without(state, ["weight_v", "num_batches_tracked"])
    cached = dict(bare)
    for name, value in state.items():
        if name.endswith("weight_orig"):
            base = name.removesuffix("_orig")
            cached[base] = value / torch.dot(state[f"{base}_u"], value.flatten(1) @ state[f"{base}_v"])
    both = {**cached, **state}
    wrong = {**cached, "head_0.conv_0.weight": cached["head_0.conv_0.weight"] * 1.1}
    for root in (parallel, cached, both):
        assert (picture(convert(root).module, SMALL) - want).abs().max() < 1e-5
    for network_of in (bare, wrong):  # u, or the cache, says something else by a little
        assert 1e-6 < (picture(convert(network_of).module, SMALL) - want).abs().max() < 0.2


@torch.no_grad()
def test_numbers_discriminator_and_its_folder(tmp_path: Path) -> None:
    network = randomised(MultiScaleDiscriminator(11, 4, spectral=True))
    converted = formats.convert(read(write(tmp_path / "60_net_D.pth", state_of(network))))
    pictures = torch.randn(2, 11, 64, 64, generator=torch.Generator().manual_seed(0))
    module = converted.module
    checkpoints.save(tmp_path / "d", module, dict(converted.config), dtype=torch.float32)
    again, *_ = checkpoints.load(tmp_path / "d", discriminator_of)
    for judge in (module, again):
        for ours, theirs in zip(judge(pictures), network(pictures), strict=True):
            assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))


def test_smoke_an_imported_file_is_a_model_with_boxes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    config = replace(SMALL, labels=151, stages=0, segment=False)
    path = write(tmp_path / "x.pkl", state_of(spade(config)), legacy=True)
    imported = import_file(path, "rooms")
    assert imported.spec.kind == "boxes" and imported.spec.family == "bachgan"
    generator = registry.load("rooms")
    scene = generator.sample(1)
    assert isinstance(scene.layout, Boxes) and set(scene.layout.labels) <= set(ADE_NAMES)
    picture = generator.render(scene)
    assert picture.shape == (3, 256, 256) and picture.std() > 0.001
    moved = replace(scene, layout=replace(scene.layout, centres=scene.layout.centres * 0.8))
    assert not torch.equal(generator.render(moved), picture)

    judge = write(tmp_path / "d.pth", state_of(MultiScaleDiscriminator(11, 4, spectral=True).eval()))
    assert import_file(judge, "judge").spec.family == "bachgan-discriminator"
    with pytest.raises(ValueError, match="draws no pictures by itself"):
        registry.load("judge")


def test_errors_what_does_not_fit_is_named() -> None:
    state = dict(state_of(spade(), dead=True))

    def refused(match: str, **changes: object) -> None:
        root = {**state, **{name.replace("__", "."): value for name, value in changes.items()}}
        with pytest.raises(ForeignError, match=match) as error:
            convert({name: value for name, value in root.items() if value is not None})
        assert "\n" not in str(error.value)

    refused("lacks up_2.conv_0.bias", up_2__conv_0__bias=None)
    refused("also holds up_9.weight", up_9__weight=torch.zeros(3))
    refused("conv3_1.weight", conv3_1__weight=torch.zeros(3))  # not one of the layers that are known as dead
    refused("shapes do not fit: conv_img.weight", conv_img__weight=torch.zeros(3, 4, 3, 3))
    refused("NaN or infinity is in fc.bias", fc__bias=torch.full((48,), float("nan")))
    refused("NaN or infinity is in up_0.conv_0.weight", up_0__conv_0__weight_u=torch.zeros(24))
    refused("weight_u is missing or misshapen", up_0__conv_0__weight_u=None)
    refused("weight_u is missing or misshapen", up_0__conv_0__weight_u=torch.zeros(3))
    refused("weight_v is misshapen", up_0__conv_0__weight_v=torch.zeros(3))
    refused("weight_u is missing or misshapen", up_0__conv_0__weight_orig=torch.tensor(1.0))
    refused("also holds epoch", epoch=7)
    refused("also holds fc.weight", fc__weight=torch.zeros(48, 8, 3, 3, dtype=torch.long))
    refused("first layers are not whole", fc__weight=None)
    refused("unknown sizes", fc__weight=torch.zeros(50, 8, 3, 3))
    refused("unknown sizes", fc__weight=torch.zeros(48, 0, 3, 3))
    refused("unknown sizes", fc__weight=torch.zeros(1).expand(16 * 10**9, 8, 3, 3))
    refused("use_vae", fc__weight=torch.zeros(48, 256))


def test_errors_a_claimed_size_allocates_nothing() -> None:
    """A file whose first layers promise a huge network is refused by names and shapes alone."""
    huge = spread({"fc.weight": (4096, 4096, 3, 3), "conv_img.weight": (3, 256, 3, 3)})
    huge["head_0.norm_0.mlp_shared.0.weight"] = torch.tensor(0.0).expand(4096, 4096, 9, 9)
    with pytest.raises(ForeignError, match="lacks"):
        convert(huge)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (0, 8, 3, 3), (48, 0, 3, 3), (8, 8, 3), (6, 8, 0, 0)])
def test_errors_a_weight_of_any_other_shape(shape: tuple[int, ...]) -> None:
    generator = dict(state_of(spade()))
    judge = dict(state_of(MultiScaleDiscriminator(11, 4, spectral=True)))
    of_generator = [n for n in generator if n.startswith(("fc.", "conv_", "encode_", "head_0.", "up_3.conv"))]
    for state, names in ((generator, of_generator), (judge, list(judge))):
        for name in names:
            if state[name].shape == shape:
                continue
            with pytest.raises(ForeignError):
                convert({**state, name: torch.ones(shape)})


def test_errors_encoders_and_broken_discriminators() -> None:
    encoder = {"fc_mu.weight": torch.zeros(256, 8192), "layer1.0.weight_orig": torch.zeros(64, 3, 3, 3)}
    with pytest.raises(ForeignError, match="encoder of style codes"):
        convert(encoder)
    judge = dict(state_of(MultiScaleDiscriminator(11, 4, spectral=True)))
    for name, value, match in (
        ("discriminator_0.model1.0.0.bias", torch.zeros(8), "also holds"),
        ("discriminator_x.model1", torch.zeros(8), "also holds discriminator_x"),
        ("discriminator_0.model0.0.weight", torch.zeros(4), "not whole"),
        ("discriminator_5.model0.0.bias", torch.zeros(4), "lacks"),
    ):
        with pytest.raises(ForeignError, match=match):
            convert({**judge, name: value})


def test_errors_nothing_else_is_recognised() -> None:
    for root in (None, 3, "head_0", [], {}, {1: 2}, {"state_dict": {}}, {"conv_img.weight": torch.zeros(1)}):
        assert not bachgan.recognises(content(root))
    odd = {"head_0.norm_0.mlp_shared.0.weight": 1, "conv_img.weight": None}
    with pytest.raises(ForeignError, match="also holds"):
        convert(odd)
