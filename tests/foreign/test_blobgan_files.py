"""BlobGAN's Lightning checkpoints as models here: sizes, settings, numbers, and what is wrong with a file."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from spatial_edit.foreign import formats
from spatial_edit.foreign.content import Content, ForeignError, ImportOptions, Record, tensors_below
from spatial_edit.foreign.formats import blobgan
from spatial_edit.foreign.formats.blobgan_sizes import Settings, channels_of_encoder, model_sizes
from spatial_edit.foreign.formats.omegaconf_tree import NoSetting, setting
from spatial_edit.foreign.reading.reader import read
from spatial_edit.generators.blobgan.published import PublishedConfig
from spatial_edit.generators.blobgan.published_files import built_encoder, built_model, model_config
from spatial_edit.generators.blobgan.published_scenes import EDITS
from spatial_edit.seeds import normal
from tests.foreign.lightning_file import (
    SECRETS,
    configuration,
    hyper_parameters,
    model_state,
    pickled,
    plain_settings,
    write,
)

DATA = Path(__file__).resolve().parents[1] / "data" / "parity" / "blobgan"
SMALL = PublishedConfig(
    resolution=64, blobs=6, noise_dim=48, feature_dim=32, style_dim=24, hidden_dim=64, c_model=4
)


@pytest.fixture(scope="module")
def vectors():
    return load_file(DATA / "generator_64.safetensors")


@pytest.fixture(scope="module")
def inverter():
    return load_file(DATA / "inverter_64.safetensors")


@pytest.fixture(scope="module")
def state(vectors):
    return model_state(vectors, load_file(DATA / "discriminator_64.safetensors"))


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    return write(tmp_path_factory.mktemp("blobgan") / "bedrooms.ckpt", state)


@pytest.fixture(scope="module")
def content(file):
    return read(file)


def other(content: Content, **state: object) -> Content:
    """The same file with other entries of its state dict; None takes one out."""
    changed = {**content.root["state_dict"], **{name.replace("__", "."): t for name, t in state.items()}}
    changed = {name: value for name, value in changed.items() if value is not None}
    return replace(content, root={**content.root, "state_dict": changed})


def without_settings(content: Content) -> Content:
    return replace(content, root={k: v for k, v in content.root.items() if k != "hyper_parameters"})


# a model -------------------------------------------------------------------------------------------------


def test_numbers_a_file_is_the_recorded_network(content, vectors):
    converted = formats.convert(content)
    assert (converted.family, converted.kind, converted.resolution) == ("blobgan-published", "blobs", 64)
    assert converted.module.config == SMALL and converted.title == "BlobGAN, 6 blobs, 64 px"
    assert len(converted.row_names) == 6 and converted.edits == EDITS
    noise = [vectors[f"in.noise_{i}"] for i in range(5)]
    with torch.no_grad():
        picture = converted.module(vectors["in.z"], noise)
    assert (picture - vectors["out.image"]).abs().max() < 1e-4
    again = built_model(json.loads(json.dumps(converted.config)))
    again.load_state_dict(converted.module.state_dict(), strict=True)


def test_what_is_said_and_what_is_kept(content):
    converted = formats.convert(content)
    text = json.dumps(converted.config) + " ".join(converted.notes)
    assert not [secret for secret in SECRETS if secret in text]
    assert any("jitter (xy 0.04, shift 0.5, angle 0.1)" in note for note in converted.notes)
    assert any("measured anew" in note for note in converted.notes)
    assert not any("assumed" in note or "not used" in note for note in converted.notes)
    notes = formats.convert(other(content, stranger=torch.ones(2))).notes
    assert any("not used: stranger" in note for note in notes)
    with pytest.raises(ForeignError, match=r"it also holds generator\.extra"):  # the network itself is whole
        formats.convert(other(content, generator_ema__extra=torch.ones(1)))


def test_bytes_recorded_with_omegaconf_are_what_it_makes():
    pytest.importorskip("omegaconf", reason="install omegaconf 2.1.2 to compare the recorded tree with it")
    from tests.foreign.lightning_file import RECORDED

    assert hyper_parameters() == RECORDED.read_bytes()


def test_settings_come_from_the_tree(state, tmp_path):
    plain = {**plain_settings(), "ab_norm": 0.03, "layout_net": {"mlp_lr_mul": 0.02, "norm_features": False}}
    config = formats.convert(read(write(tmp_path / "a.ckpt", state, pickled(plain)))).module.config
    assert config == replace(SMALL, ab_norm=0.03, lr_mul=0.02, norm_features=False)


def test_without_settings_the_published_ones_are_assumed_and_said(content):
    converted = formats.convert(without_settings(content))
    assert converted.module.config == SMALL
    assert sum("assumed" in note for note in converted.notes) == 2  # ab_norm, normalised features
    bare = replace(content, root=content.root["state_dict"])
    assert formats.convert(bare).module.config == SMALL
    lone = {k: v for k, v in content.root["state_dict"].items() if not k.startswith("discriminator.")}
    converted = formats.convert(replace(content, root={"state_dict": lone}))
    assert converted.module.config == SMALL and any("16 was assumed" in note for note in converted.notes)


def test_early_models_have_their_own_ab_norm():
    keys = json.loads((DATA / "keys_256.json").read_text())["model"]
    tensors = {name: torch.empty(shape, device="meta") for name, shape in keys.items()}
    for name, value in tensors.items():
        if name.startswith("layout_net_ema.mlp"):
            tensors[name] = torch.empty([768 if n == 1024 else n for n in value.shape], device="meta")
    settings = Settings({})
    config = model_sizes(ours(tensors), tensors, settings)
    assert (config.hidden_dim, config.ab_norm) == (768, 0.01)
    assert any("0.01 was assumed" in note for note in settings.notes)
    assert model_sizes(ours(tensors), tensors, Settings({"ab_norm": 0.02})).ab_norm == 0.02


# the mean latent -----------------------------------------------------------------------------------------


def test_mean_latent_beside_given_or_measured(state, content, tmp_path):
    measured = formats.convert(content).module
    z = normal(0, (10_000, 48))
    assert torch.allclose(measured.mean, measured.layout_net.hidden(z).mean(0, keepdim=True), atol=1e-5)
    assert torch.equal(measured.mean, formats.convert(content).module.mean)
    path = write(tmp_path / "rooms.ckpt", state)
    beside, given = torch.rand(1, 64), torch.rand(64)
    torch.save(beside, tmp_path / "rooms_mean_latent.pt")
    torch.save(given, tmp_path / "elsewhere.pt")
    found = formats.convert(read(path))
    assert torch.equal(found.module.mean, beside) and any("rooms_mean_latent.pt" in n for n in found.notes)
    told = formats.convert(read(path), ImportOptions(mean=tmp_path / "elsewhere.pt"))
    assert torch.equal(told.module.mean[0], given)
    for bad in (torch.rand(3), {"mean": given}, torch.full((64,), float("nan")), torch.ones(64).long()):
        torch.save(bad, tmp_path / "rooms_mean_latent.pt")
        with pytest.raises(ForeignError, match="rooms_mean_latent"):
            formats.convert(read(path))


# full size, on shapes alone ------------------------------------------------------------------------------


def ours(tensors):
    renamed = {f"layout_net.{n}": t for n, t in tensors_below(tensors, "layout_net_ema.").items()}
    return renamed | {f"generator.{n}": t for n, t in tensors_below(tensors, "generator_ema.").items()}


@pytest.mark.parametrize(("blobs", "outputs"), [(10, 14151), (20, 27021)])
def test_shapes_of_the_published_files(blobs, outputs):
    keys = json.loads((DATA / "keys_256.json").read_text())["model"]
    tensors = {name: torch.empty(shape, device="meta") for name, shape in keys.items()}
    for name in ("weight", "bias"):
        last = tensors[f"layout_net_ema.mlp.8.{name}"]
        tensors[f"layout_net_ema.mlp.8.{name}"] = torch.empty([outputs, *last.shape[1:]], device="meta")
    settings = Settings({})
    config = model_sizes(ours(tensors), tensors, settings)
    assert config == PublishedConfig.official_256(blobs)
    with torch.device("meta"):
        wanted = built_model(model_config(config)).state_dict()
    there = {n: t.shape for n, t in ours(tensors).items() if not n.startswith("generator.noises.")}
    assert there == {name: t.shape for name, t in wanted.items() if name != "mean"}


def test_shapes_of_the_published_encoder():
    keys = json.loads((DATA / "keys_256.json").read_text())["encoder"]
    tensors = tensors_below({n: torch.empty(s, device="meta") for n, s in keys.items()}, "inverter.")
    resolution, channels = channels_of_encoder(tensors)
    assert resolution == 256 and channels[256] == 128 and channels[4] == 512
    pairs = [[side, width] for side, width in channels.items()]
    config = {"kind": "blobgan-encoder", "resolution": 256, "channels": pairs, "outputs": 14151}
    with torch.device("meta"):
        wanted = built_encoder(config).state_dict()
    assert {n: t.shape for n, t in tensors.items()} == {n: t.shape for n, t in wanted.items()}
    blobgan.check_encoder(config, model_config(PublishedConfig.official_256(10)))
    with pytest.raises(ForeignError, match="another model"):
        blobgan.check_encoder(config, model_config(PublishedConfig.official_256(20)))


# the encoder ---------------------------------------------------------------------------------------------


def encoder_state(inverter):
    return {name: value for name, value in inverter.items() if name.startswith("inverter.")}


def test_numbers_an_encoder_file_is_the_recorded_network(inverter, tmp_path):
    content = read(write(tmp_path / "bedrooms_invert.ckpt", encoder_state(inverter)))
    converted = formats.convert(content)
    assert (converted.family, converted.kind) == ("blobgan-encoder", "")
    assert converted.config["outputs"] == 37 and converted.config["resolution"] == 64
    with torch.no_grad():
        assert (converted.module(inverter["in.x"]) - inverter["out.raw"]).abs().max() < 5e-6
    built_encoder(json.loads(json.dumps(converted.config))).load_state_dict(converted.module.state_dict())


def test_a_file_with_both_becomes_a_model_with_a_part(state, inverter, content):
    outputs = 7 + 56 + 6 * 62
    whole = encoder_state(inverter)
    whole["inverter.final_linear.1.weight"] = torch.randn(outputs, 16)
    whole["inverter.final_linear.1.bias"] = torch.zeros(outputs)
    both = replace(content, root={"state_dict": {**state, **whole}})
    converted = formats.convert(both)
    module, config = converted.parts["encoder"]
    assert config["outputs"] == outputs and module(torch.zeros(1, 3, 64, 64)).shape == (1, outputs)
    with pytest.raises(ForeignError, match="another model"):
        formats.convert(replace(content, root={"state_dict": {**state, **encoder_state(inverter)}}))


# what is not read ----------------------------------------------------------------------------------------


def test_recognises_by_content_and_never_fails(content):
    assert blobgan.recognises(content)
    baseline = {"generator_ema.style.1.weight": torch.ones(1), "generator_ema.input.input": torch.ones(1)}
    roots = [None, 3, [], {}, {"state_dict": 7}, {3: 4}, {"state_dict": {None: 1}}, {"state_dict": baseline}]
    for root in roots:
        assert not blobgan.recognises(replace(content, root=root))


def test_errors_say_what_is_wrong(content):
    keys = content.root["state_dict"]
    first = keys["layout_net_ema.mlp.1.weight"]
    broken = first.clone()
    broken[0, 0] = float("nan")
    cases = {
        "it lacks layout_net_ema.mlp.1.weight": {"layout_net_ema__mlp__1__weight": None},
        "it lacks generator.convs.0.noise.weight": {"generator_ema__convs__0__noise__weight": None},
        "NaN or infinity is in layout_net.mlp.1.weight": {"layout_net_ema__mlp__1__weight": broken},
        "shapes do not fit": {"layout_net_ema__mlp__2__weight": torch.ones(64, 65)},
        "has the shape": {"generator_ema__conv1__conv__weight": torch.ones(3)},
        "no layout of blobs": {"layout_net_ema__mlp__8__weight": torch.ones(436, 64)},
        "spatial_style off": {"generator_ema__style__1__weight": torch.ones(2, 2)},
        "no network is of its sizes": {"generator_ema__conv1__conv__weight": torch.ones(1, 5000, 32, 3, 3)},
    }
    for message, changes in cases.items():
        with pytest.raises(ForeignError, match=message):
            formats.convert(other(content, **changes))
    with pytest.raises(ForeignError, match=r"ab_norm is null"):
        formats.convert(replace(content, root={**content.root, "hyper_parameters": {"ab_norm": None}}))
    for value in ("much", float("nan"), True, 10**400, -0.5):
        settings = {"ab_norm": 0.02, "layout_net": {"mlp_lr_mul": value}}
        with pytest.raises(ForeignError, match=r"lr_mul (is|must)"):
            formats.convert(replace(content, root={**content.root, "hyper_parameters": settings}))


def test_claimed_sizes_take_no_memory(content):
    # 4000 x 4000 weights would follow from one thin tensor
    wide = {"layout_net_ema__mlp__1__weight": torch.ones(4000, 1)}
    with pytest.raises(ForeignError, match="shapes do not fit"):
        formats.convert(other(content, **wide))
    many = {f"layout_net_ema.mlp.{i}.weight": torch.ones(1, 1) for i in range(1, 80)}
    with pytest.raises(ForeignError, match="more than 64"):
        formats.convert(replace(content, root={"state_dict": {**content.root["state_dict"], **many}}))
    tower = {f"discriminator.convs.{i}.conv2.1.weight": torch.ones(1) for i in range(1, 5000)}
    with pytest.raises(ForeignError, match="more than 8"):
        formats.convert(replace(content, root={"state_dict": {**content.root["state_dict"], **tower}}))


JUNK = [
    None, 3, -1, "x", [], {}, float("nan"), 10**400, True, b"z", Record("a", "b"),
    torch.ones(0), torch.ones(1), torch.ones(3, 3), torch.ones(2, 2, 2, 2, 2), torch.ones(1, 9, 32, 3, 3),
    torch.ones(5, dtype=torch.bool), torch.ones(64, 64, dtype=torch.complex64), torch.zeros(()).double(),
]  # fmt: skip


def test_changed_files_give_models_or_sentences(content, monkeypatch):
    monkeypatch.setattr(blobgan, "MEAN_COUNT", 10)
    refused = 0
    for seed in range(120):
        dice = random.Random(seed)
        state, settings = dict(content.root["state_dict"]), dict(content.root["hyper_parameters"])
        for _ in range(dice.choice([1, 1, 2, 5])):
            name = dice.choice([n for n in state if "_ema" in n] + ["layout_net_ema.mlp.1.weight"])
            kind = dice.random()
            if kind < 0.2:
                state.pop(name, None)
            elif kind < 0.6:
                state[name] = dice.choice(JUNK)
            else:
                inner = {key: dice.choice(JUNK) for key in ("size_in", "mlp_lr_mul", "norm_features")}
                key = dice.choice(["ab_norm", "generator", "layout_net", "feature_jitter_xy"])
                settings[key] = dice.choice([inner, dice.choice(JUNK)])
        try:
            formats.convert(replace(content, root={"state_dict": state, "hyper_parameters": settings}))
        except ForeignError as error:
            refused += 1
            assert 20 < len(str(error)) < 500 and "\n" not in str(error)
    assert 30 < refused < 120


# the tree of settings ------------------------------------------------------------------------------------


def node(value, parent=None):
    return Record("omegaconf.nodes", "AnyNode", state={"_val": value, "_parent": parent})


def tree(value, parent=None):
    """Records as a file has them, of plain dicts and lists."""
    if not isinstance(value, dict | list):
        return node(value, parent)
    record = Record("omegaconf.dictconfig", "DictConfig", state={"_parent": parent})
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    below = {key: tree(part, record) for key, part in pairs}
    record.state["_content"] = below if isinstance(value, dict) else list(below.values())
    return record


def test_tree_references():
    root = tree(configuration() | {"list": [1, "${model.dim}"], "alias": "${model.generator}"})
    model = root.state["_content"]["model"]
    nested = {"generator": model.state["_content"]["generator"], "λ": model.state["_content"]["λ"], "x": 5}
    assert setting(nested, "generator.style_dim") == 24  # from the root, though only a part was given
    assert setting(nested, "generator.size_in") == 16  # one level up
    assert setting(nested, "λ.D_fake") == 1  # beside itself
    assert setting(nested, "x") == 5
    assert setting(root, "logger.name") == "BlobGAN"
    assert setting(root, "list.1") == 24 and setting(root, "alias.style_dim") == 24
    chain = tree({"a": "${b}", "b": "${c[1]}", "c": [1, "${.[0]}"], "d": None, "e": False})
    assert setting(chain, "a") == 1 and setting(chain, "d") is None and setting(chain, "e") is False


def test_tree_refuses_circles_and_what_is_not_there():
    circles = [
        {"a": "${a}"},
        {"a": "${b}", "b": "${c}", "c": "${a}"},
        {"a": {"b": "${a.b}"}, "x": 1},
        {"a": "${b.x}", "b": "${a}"},
        {f"v{i}": f"${{v{i + 1}}}" for i in range(50)} | {"a": "${v0}"},
    ]
    for circle in circles:
        with pytest.raises(ForeignError, match="circle"):
            setting(tree(circle), "a.b" if isinstance(circle["a"], dict) else "a")
    loop = Record("omegaconf.dictconfig", "DictConfig", state={"_content": {}})
    loop.state["_parent"] = loop
    loop.state["_content"]["a"] = node("${b}", loop)
    with pytest.raises(ForeignError, match="circle"):
        setting(loop, "a")
    wide = {f"a{i}": f"${{a{i + 1}.x.x.x}}" for i in range(19)} | {"a19": {"x": 1}}
    for tree_, path in (
        (tree({"a": "???"}), "a"),
        (tree({"a": "${nowhere}"}), "a"),
        (tree({"a": "${...far.up}"}), "a"),
        (tree({"a": {"b": 1}}), "a"),
        (tree({"a": [1]}), "a.7"),
        (tree({"a": 1}), "a.b"),
        (tree(wide), "a0"),
        ({"a": "${b}", "b": 1}, "a"),
        (None, "a"),
        (7, "a"),
    ):
        with pytest.raises(NoSetting):
            setting(tree_, path)
    # a call is text, never made
    assert setting(tree({"a": "${oc.env:HOME}"}), "a") == "${oc.env:HOME}"
