"""GANformer snapshots: written, read and converted in every variant; damaged ones; both recipes' names."""

from __future__ import annotations

import builtins
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor

from spatial_edit.checkpoints import save
from spatial_edit.foreign import formats
from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions, Record
from spatial_edit.foreign.formats import ganformer
from spatial_edit.foreign.formats.ganformer_config import Said, config_of, plain
from spatial_edit.foreign.formats.ganformer_names import FILTER, attention_name, generator_names, layer_name
from spatial_edit.foreign.formats.stylegan2_build import discriminator_config
from spatial_edit.foreign.formats.stylegan2_names import NVLABS, discriminator_names
from spatial_edit.foreign.reading.reader import read
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.generators.ganformer import GANformer, GANformerConfig, load_ganformer
from spatial_edit.generators.ganformer.config import config_from_json
from spatial_edit.generators.stylegan2 import DiscriminatorConfig
from spatial_edit.nn.bipartite_attention import AttentionConfig, grid_encoding
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.nn.resample import blur_kernel
from tests.foreign.ganformer_file import CANARY, snapshot

KEYS = Path(__file__).resolve().parents[1] / "data" / "parity" / "ganformer" / "keys.json"
TINY = replace(GANformerConfig.tiny(), fixed_noise=True)
VARIANTS = {
    "duplex": TINY,
    "two rounds": replace(TINY, attention=AttentionConfig(heads=2, duplex=True, iterations=2)),
    "carried": replace(TINY, components=8, attention=AttentionConfig(duplex=True, carried=True)),
    "simplex": replace(TINY, attention=AttentionConfig(heads=2), mapping_attention=False),
    "gain and bias": replace(TINY, attention=AttentionConfig(integration="both", norm="instance")),
    "sum": replace(TINY, attention=AttentionConfig(integration="add", norm="none", dropout=0.12)),
    "gates": replace(TINY, attention=AttentionConfig(heads=2, pixel_gate=True, latent_gate=True)),
    "no modulation": replace(TINY, modulated=False),
    "RGB at every side": replace(TINY, architecture="skip", mapping_residual=False, mapping_layers=3),
    "RGB at the end": replace(TINY, architecture="orig", noise=False, fixed_noise=False),
    "other positions": replace(TINY, grid="stored"),
    "four directions": replace(TINY, directions=4),
    "upper sides alone": replace(TINY, attention_sides=(8, 16)),
    "no attention": replace(
        TINY, components=0, attention=None, attention_sides=(4, 4), mapping_attention=False, position_width=0
    ),
}  # fmt: skip


def network(config: GANformerConfig) -> GANformer:
    """Random weights, no two of them alike."""
    torch.manual_seed(3)
    model = GANformer(config).eval().requires_grad_(False)
    for name, tensor in model.state_dict().items():
        if not name.endswith("kernel"):
            tensor.copy_(torch.rand_like(tensor) - 0.5)
    return model


def published(model: GANformer) -> dict[str, Tensor]:
    """The model's tensors under the published names, with the constants that published files have."""
    config, state = model.config, model.state_dict()
    tensors = {theirs: state[ours] for ours, theirs in generator_names(config).items()}
    for i, layer in enumerate(model.synthesis.layers):
        tensors[f"{layer_name(i)}.{FILTER}"] = blur_kernel()
        if layer.attention is not None and config.grid == "sinus":
            tensors[f"{layer_name(i)}.grid_pos"] = layer.grid
        if not config.modulated:  # trained files have them all the same
            tensors[f"{layer_name(i)}.affine.weight"] = torch.randn(layer.conv.weight.shape[1], config.w_dim)
            tensors[f"{layer_name(i)}.affine.bias"] = torch.ones(layer.conv.weight.shape[1])
    return tensors


def arguments(config: GANformerConfig) -> dict[str, object]:
    """What the published network with this configuration is built with."""
    how = config.attention or AttentionConfig()
    return {
        "z_dim": config.z_dim, "w_dim": config.w_dim, "c_dim": 0, "k": config.components + 1,
        "img_resolution": config.resolution, "img_channels": 3,
        "mapping_kwargs": {"resnet": config.mapping_residual, "ltnt2ltnt": config.mapping_attention},
        "synthesis_kwargs": {
            "transformer": config.attention is not None, "architecture": config.architecture,
            "style": config.modulated, "local_noise": config.noise, "num_heads": how.heads,
            "integration": {"multiply": "mul"}.get(how.integration, how.integration),
            "norm": None if how.norm == "none" else how.norm, "kmeans": how.duplex,
            "kmeans_iters": how.iterations, "iterative": how.carried, "pos_directions_num": config.directions,
        },
    }  # fmt: skip


def converted(data: bytes, folder: Path) -> Converted:
    path = folder / "no ending"
    path.write_bytes(data)
    return formats.convert(read(path))


@pytest.mark.parametrize(("name", "protocol"), [(name, 3 + i % 2) for i, name in enumerate(VARIANTS)])
@torch.no_grad()
def test_numbers_every_variant_comes_back(tmp_path, name, protocol):
    model = network(VARIANTS[name])
    got = converted(snapshot(published(model), arguments(model.config), protocol=protocol), tmp_path)
    assert got.family == "ganformer" and got.resolution == 16 and got.kind == ""
    assert got.format == "GANformer snapshot"
    assert config_from_json(got.config) == model.config == got.module.config
    mine, theirs = model.state_dict(), got.module.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)
    z, noise = model.latents_of_seeds([1, 2])
    assert torch.allclose(model(z, noise, 0.25), got.module(z, noise, 0.25), atol=1e-5)
    assert not hasattr(builtins, CANARY)


def test_numbers_the_averaged_network_is_taken_and_the_judge_comes_along(tmp_path):
    model = network(TINY)
    torch.manual_seed(1)
    judge = Discriminator(16, {4: 8, 8: 8, 16: 4})
    names = discriminator_names(DiscriminatorConfig(16, {4: 8, 8: 8, 16: 4}), NVLABS)
    tensors = {}
    for ours, theirs in names.items():
        convolution = theirs.endswith(".bias") and not theirs.startswith(("b4.fc", "b4.out"))
        tensors[theirs.replace(".bias", ".biasAct.bias") if convolution else theirs] = judge.state_dict()[
            ours
        ]
    said = {"img_resolution": 16, "epilogue_kwargs": {"mbstd_group_size": 2}}
    got = converted(snapshot(published(model), arguments(TINY), (tensors, said)), tmp_path)
    assert torch.equal(got.module.positions, model.positions)  # and not those of G, which differ by 0.5
    assert "averaged" in got.notes[0]
    module, data = got.parts["discriminator"]
    assert data["group"] == 2 and data["kind"] == "stylegan2-discriminator"
    images = torch.randn(2, 3, 16, 16)
    judge.group = 2
    assert torch.equal(module(images), judge(images))
    wrong = {**said, "img_resolution": 32}
    with pytest.raises(ForeignError, match=r"img_resolution = 32.*tensors show 16"):
        converted(snapshot(published(model), arguments(TINY), (tensors, wrong)), tmp_path)


def test_smoke_an_imported_file_becomes_a_model(tmp_path):
    got = converted(snapshot(published(network(TINY)), arguments(TINY)), tmp_path)
    save(tmp_path / "mine", got.module, dict(got.config), dtype=torch.float32)
    spec = ModelSpec("mine", 200, got.family, got.title, "", got.resolution, "?", "?", tmp_path / "mine")
    scenes = load_ganformer(spec)
    scene = scenes.sample(4, 0.25)
    assert torch.equal(scenes.render(scene), scenes.render(scene)) and scene.latent.rows.shape == (4, 8)
    want = got.module(*got.module.latents_of_seeds([4]), 0.25)[0].clamp(-1, 1)
    assert torch.allclose(scenes.render(scene), want, atol=1e-5)


def content(tensors: dict[str, Tensor]) -> Content:
    return Content("safetensors", tensors, Path("flat"), 1, "0" * 64)


def test_numbers_a_state_dict_without_a_word_about_it():
    model = network(replace(TINY, attention=AttentionConfig(duplex=True)))
    assert ganformer.recognises(content(published(model)))
    got = formats.convert(content(published(model)))
    assert got.format == "GANformer state dict" and got.module.config == model.config
    assert any("norm = layer" in note and "kmeans_iters = 1" in note for note in got.notes)
    # affine layers that never left their first value: nothing used them
    plainer = network(VARIANTS["no modulation"])
    got = formats.convert(content(published(plainer)))
    assert got.module.config == plainer.config and any("style = False" in note for note in got.notes)


def test_unknown_settings_are_named(tmp_path):
    model = network(TINY)
    said = arguments(TINY)
    said["synthesis_kwargs"] |= {"invented": 3, "norm": "layer"}
    got = converted(snapshot(published(model), said), tmp_path)
    assert any("not looked at: invented" in note for note in got.notes)


BROKEN = {
    "lacks": lambda t: t.pop("synthesis.b8.conv0.transformer.centroids"),
    "lacks mapping.w_avg": lambda t: t.pop("mapping.w_avg"),
    "also holds": lambda t: t.update({"synthesis.b8.conv0.invented": torch.ones(2)}),
    "shapes do not fit": lambda t: t.update({"synthesis.b8.skip.weight": torch.ones(16, 16, 3, 3)}),
    "NaN or infinity": lambda t: t.update({"pos": torch.full((3, 8), float("nan"))}),
    "not the kernel": lambda t: t.update({f"synthesis.b8.conv1.{FILTER}": torch.ones(4, 4)}),
    "too few axes": lambda t: t.update({"mapping.w_avg": torch.tensor(1.0)}),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_errors_damaged_tensors(tmp_path, reason):
    tensors = {name: tensor.clone() for name, tensor in published(network(TINY)).items()}
    BROKEN[reason](tensors)
    with pytest.raises(ForeignError, match=reason) as caught:
        converted(snapshot(tensors, arguments(TINY)), tmp_path)
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)


CONTRADICTIONS = {
    "k = 9": {"k": 9},
    "z_dim = 99": {"z_dim": 99},
    "img_resolution = 32": {"img_resolution": 32},
    "kmeans = False": {"synthesis_kwargs": {"kmeans": False}},
    "architecture = skip": {"synthesis_kwargs": {"architecture": "skip"}},
    "num_heads = 2": {"synthesis_kwargs": {"num_heads": 2}},
    "integration = both": {"synthesis_kwargs": {"integration": "both"}},
    "integration 'wild'": {"synthesis_kwargs": {"integration": "wild"}},
    "norm 'batch'": {"synthesis_kwargs": {"norm": "batch"}},
    "start_res = 3": {"synthesis_kwargs": {"start_res": 3, "end_res": 8}},
    "ltnt2ltnt = False": {"mapping_kwargs": {"ltnt2ltnt": False}},
    "c_dim = 10": {"c_dim": 10},
    "kmeans_iters is no whole number": {"synthesis_kwargs": {"kmeans_iters": "many"}},
    "iterations: both must be": {"synthesis_kwargs": {"kmeans_iters": 10**9}},
    "style is not true or false": {"synthesis_kwargs": {"style": 3}},
    "k = a list": {"k": [1, 2]},
}


@pytest.mark.parametrize("reason", CONTRADICTIONS)
def test_errors_a_file_that_contradicts_itself(tmp_path, reason):
    with pytest.raises(ForeignError, match=reason):
        converted(snapshot(published(network(TINY)), CONTRADICTIONS[reason]), tmp_path)


def test_errors_latents_that_nothing_looks_at(tmp_path):
    tensors = published(network(TINY))
    silent = {name: t for name, t in tensors.items() if ".transformer." not in name and "grid" not in name}
    with pytest.raises(ForeignError, match="3 local latents and no attention"):
        converted(snapshot(silent, {}), tmp_path)


@pytest.mark.parametrize("root", (None, 3, [], {"Gs": 1, "G": None}, {"Gs": {}}, {"w": torch.ones(1)}))
def test_others_are_not_recognised(root):
    assert not ganformer.recognises(Content("pickle", root, Path("x"), 1, ""))


ODD = (
    None, 3, -1, 2**70, float("nan"), "mul", [], {}, (), b"x", {"": 3}, Record("persistent", "C", (), {}),
    torch.tensor(1.0), torch.ones(0), torch.ones(2, 2, dtype=torch.int64), torch.ones(1, 1, 1, 1, 1),
    torch.ones(3, dtype=torch.complex64), torch.full((8,), float("inf")), torch.ones(16, 16, 3, 3).bool(),
)  # fmt: skip


def entries(value: object) -> Iterator[tuple[dict, object]]:
    """Every entry of a tree of dicts and records, as (dict, key)."""
    inside = value.state if isinstance(value, Record) else value
    if isinstance(inside, dict):
        for key in inside:
            yield inside, key
            yield from entries(inside[key])


def copied(value: object) -> object:
    if isinstance(value, Record):
        return Record(value.module, value.name, value.arguments, copied(value.state))
    return {key: copied(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def test_errors_of_damaged_trees_are_sentences(tmp_path):
    """Entries lost, renamed or replaced: a conversion or a refusal, and nothing else."""
    path = tmp_path / "file"
    path.write_bytes(snapshot(published(network(TINY)), arguments(TINY)))
    whole = {"Gs": read(path).root["Gs"]}
    outcomes = Counter()
    for seed in range(40):
        random, root = Random(seed), copied(whole)
        for _ in range(random.choice((1, 1, 2, 3))):
            place, key = random.choice(list(entries(root)))
            old = place.pop(key)
            if (chance := random.random()) < 0.7:
                place[key] = random.choice(ODD)
            elif chance < 0.85:
                place[random.choice(("weight", "l0", "b8", "zz"))] = old
        damaged = Content("pickle", root, path, 1, "")
        if not ganformer.recognises(damaged):
            outcomes["not recognised"] += 1
            continue
        try:
            ganformer.convert(damaged, ImportOptions())
            outcomes["whole"] += 1
        except ForeignError as error:
            assert "\n" not in str(error) and len(str(error)) < 700
            outcomes["refused"] += 1
    assert outcomes["whole"] and outcomes["refused"] > 5, outcomes


@pytest.mark.parametrize(("recipe", "count"), (("ffhq", 370), ("clevr", 322)))
def test_names_of_the_published_recipes(recipe, count):
    """Every tensor of a published file has its place, with its shape, or is known to be of no use."""
    listed = json.loads(KEYS.read_text())[recipe]
    assert len(listed["G"]) == count and len(listed["D"]) == 64
    tensors = {name: torch.empty(shape, device="meta") for name, shape in listed["G"].items()}
    tensors |= {name: blur_kernel() for name in tensors if name.endswith(FILTER)}
    told = plain(listed["arguments"])
    said = Said(told, (plain(listed["arguments"]["mapping_kwargs"]),),
                (plain(listed["arguments"]["synthesis_kwargs"]),))  # fmt: skip
    config, assumed = config_of(tensors, said)
    assert assumed == () and config.resolution == 256 and config.attention_sides == (4, 128)
    if recipe == "ffhq":
        assert replace(config, fixed_noise=False) == GANformerConfig()
    names = generator_names(config)
    used = ganformer._used(tensors, config)
    assert set(used) == set(names.values())
    with torch.device("meta"):
        model = GANformer(config)
    assert all(model.state_dict()[ours].shape == used[theirs].shape for ours, theirs in names.items())
    dead = sum(t.numel() for name, t in tensors.items() if ".affine." in name) * (not config.modulated)
    assert sum(p.numel() for p in model.parameters()) + dead == listed["parameters"]

    judged = {name: torch.empty(shape, device="meta") for name, shape in listed["D"].items()}
    judged = {n.replace(".biasAct.bias", ".bias"): t for n, t in judged.items() if not n.endswith(FILTER)}
    assert set(judged) == set(discriminator_names(discriminator_config(judged, NVLABS), NVLABS).values())


def test_names_in_an_attention_layer():
    assert attention_name("pixel_gate.position.bias") == "from_gate_attention.gate_pos.bias"
    assert attention_name("centroids") == "centroids"
    with pytest.raises(KeyError):
        attention_name("invented.weight")
    assert [layer_name(i) for i in (0, 1, 2, 3)] == [
        "synthesis.b4.conv1", "synthesis.b8.conv0", "synthesis.b8.conv1", "synthesis.b16.conv0",
    ]  # fmt: skip
    assert not torch.equal(grid_encoding(8, 8), grid_encoding(8, 8, 4))
