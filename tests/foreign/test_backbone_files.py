"""Files of networks for measures: recognised by names and shapes, strict, LPIPS from one file or two."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from spatial_edit.checkpoints import load
from spatial_edit.foreign import formats
from spatial_edit.foreign.content import Content, Converted, ForeignError, ImportOptions
from spatial_edit.foreign.formats import backbones
from spatial_edit.foreign.writer import import_file
from spatial_edit.generators.registry import load as load_model
from spatial_edit.nn.backbones import LPIPS, TRUNKS, build_backbone
from spatial_edit.nn.inception import Inception
from spatial_edit.nn.lpips import SCALE, SHIFT, Lpips

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "lpips_squeeze"


def content(root: object, name: str = "file.pth") -> Content:
    return Content("torch zip", root, Path(name), 1000, "0" * 64)


@cache
def trunk(kind: str = "squeezenet") -> dict[str, Tensor]:
    torch.manual_seed(3)
    return TRUNKS[kind]().state_dict()


@cache
def heads(kind: str = "squeezenet", model: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(4)
    widths = TRUNKS[kind]().widths
    return {f"lin{i}.model.{model}.weight": torch.rand(1, width, 1, 1) for i, width in enumerate(widths)}


def whole(kind: str) -> dict[str, Tensor]:
    """As an LPIPS writes itself: slices of the network, the heads twice, the scaling of pictures."""
    taps, state = TRUNKS[kind]().taps, {}
    for name, tensor in trunk(kind).items():
        layer = int(name.split(".")[1])
        number = 1 + sum(layer > tap for tap in taps)
        state[name.replace("features", f"net.slice{number}")] = tensor
    twice = {name.replace("lin", "lins."): t for name, t in heads(kind).items()}
    scaling = {"shift": torch.tensor(SHIFT), "scale": torch.tensor(SCALE)}
    scaled = {f"scaling_layer.{name}": t[None, :, None, None] for name, t in scaling.items()}
    return scaled | state | heads(kind) | twice


@pytest.fixture(scope="module")
def inception() -> dict[str, Tensor]:
    torch.manual_seed(5)
    outputs = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    return Inception().state_dict() | outputs


def check(found: Converted, kind: str, title: str) -> nn.Module:
    assert (found.family, found.kind, dict(found.config), found.title) == (
        "backbone",
        "",
        {"kind": kind},
        title,
    )
    assert isinstance(found.module, nn.Module) and not found.module.training
    return found.module


@pytest.mark.parametrize(
    ("kind", "name"), [("squeezenet", "SqueezeNet 1.1"), ("alexnet", "AlexNet"), ("vgg16", "VGG16")]
)
def test_round_trip_of_a_classifier(kind, name):
    tensors = trunk(kind)
    assert formats.convert(content(tensors)).notes == ()
    classifier = {"classifier.1.weight": torch.zeros(2, 3), "classifier.1.bias": torch.zeros(2)}
    for root in (tensors | classifier, {"state_dict": tensors | classifier, "epoch": 3}):
        found = formats.convert(content(root))
        module = check(found, kind, f"{name}, convolutions")
        assert all(torch.equal(t, tensors[n]) for n, t in module.state_dict().items())
        assert "left out" in found.notes[0]


@pytest.mark.parametrize("kind", list(LPIPS))
def test_round_trip_of_an_lpips_in_one_file(kind):
    of = LPIPS[kind]
    module = check(formats.convert(content(whole(of))), kind, f"LPIPS on {backbones.TITLES[of]}")
    assert isinstance(module, Lpips)
    assert all(torch.equal(t, trunk(of)[n]) for n, t in module.trunk.state_dict().items())
    for head, tensor in zip(module.heads, heads(of).values(), strict=True):
        assert torch.equal(head.weight, tensor)


def test_round_trip_of_inception(inception):
    found = formats.convert(content(inception))
    module = check(found, "inception", "Inception of the FID")
    assert found.resolution == 299
    assert all(torch.equal(t, inception[n]) for n, t in module.state_dict().items())
    older = {n: t for n, t in inception.items() if not n.endswith("num_batches_tracked")}
    check(formats.convert(content(older)), "inception", "Inception of the FID")


@pytest.mark.parametrize("swapped", [False, True])
def test_import_of_two_files(tmp_path, swapped):
    network, lpips = tmp_path / "net.safetensors", tmp_path / "lin.safetensors"
    save_file(trunk(), network)
    save_file(heads(model=0), lpips)
    first, second = (lpips, network) if swapped else (network, lpips)
    made = import_file(first, "lpips", tmp_path / "models", options=ImportOptions(beside=second))
    assert second.name in made.notes[0] and "sha256" in made.notes[0]
    module, config, _ = load(made.folder, build_backbone)
    assert config == {"kind": "lpips-squeeze"} and isinstance(module, Lpips)
    assert torch.equal(module.heads[6].weight, heads()["lin6.model.1.weight"])
    assert "LPIPS on SqueezeNet" in (made.folder / "README.md").read_text()


def test_an_imported_network_draws_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    save_file(trunk(), tmp_path / "net.safetensors")
    import_file(tmp_path / "net.safetensors", "squeeze")
    with pytest.raises(ValueError, match="draws no pictures"):
        load_model("squeeze")


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (heads(), "heads of an LPIPS on SqueezeNet 1.1, without that network.*--with file.pth"),
        (heads("vgg16"), "on VGG16"),
        ({"lin0.model.1.weight": torch.zeros(1, 7, 1, 1)}, "on layers of \\(7,\\) channels"),
        ({"lin3.model.1.weight": torch.zeros(1, 7, 1, 1)}, "unknown channels"),
        (trunk() | heads("alexnet"), "not those of an LPIPS on SqueezeNet 1.1, but on AlexNet"),
        (trunk() | {"features.13.weight": torch.zeros(2)}, "also holds features.13.weight"),
        (trunk() | {"layer4.weight": torch.zeros(2)}, "also holds layer4.weight"),
        (trunk("vgg16") | {"features.34.weight": torch.zeros(2)}, "VGG16, but it also holds features.34"),
        ({n: t for n, t in trunk().items() if "features.9" not in n}, "lacks features.9.expand1x1.bias"),
        (trunk() | {"features.0.bias": torch.zeros(3)}, "shapes do not fit"),
        (trunk() | {"features.0.bias": torch.full((64,), float("nan"))}, "NaN"),
        (trunk() | heads() | {"lins.0.model.1.weight": torch.zeros(1, 64, 1, 1)}, "twice"),
        (whole("alexnet") | {"lins.0.model.1.weight": torch.full((1, 64, 1, 1), float("nan"))}, "twice"),
        (whole("alexnet") | {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}, "another shift"),
        (whole("alexnet") | {"scaling_layer.scale": torch.zeros(4)}, "another scale"),
    ],
)
def test_errors_strict(root, message):
    assert backbones.recognises(content(root))
    with pytest.raises(ForeignError, match=message):
        backbones.convert(content(root), ImportOptions())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc.weight": torch.zeros(1000, 2048)}, "not the one of the FID.*1000"),
        ({"AuxLogits.fc.weight": torch.zeros(10, 768)}, "not the one of the FID"),
        ({"Mixed_7c.more.weight": torch.zeros(1)}, "also holds Mixed_7c.more.weight"),
        ({"Mixed_5b.branch1x1.bn.running_var": torch.full((64,), float("inf"))}, "infinity"),
    ],
)
def test_errors_of_inception(inception, change, message):
    with pytest.raises(ForeignError, match=message):
        formats.convert(content(inception | change))


def test_errors_of_two_files(tmp_path, inception):
    save_file(heads("alexnet"), tmp_path / "heads.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    options = ImportOptions(beside=tmp_path / "heads.safetensors")
    with pytest.raises(ForeignError, match="but on AlexNet"):
        backbones.convert(content(trunk()), options)
    with pytest.raises(ForeignError, match="not a network and the heads"):
        backbones.convert(content(heads()), options)
    with pytest.raises(ForeignError, match="not a network and the heads"):
        backbones.convert(content(trunk()), ImportOptions(beside=tmp_path / "other.safetensors"))
    with pytest.raises(ForeignError, match="needs no second file"):
        backbones.convert(content(inception), options)
    with pytest.raises(ForeignError, match="cannot read"):
        backbones.convert(content(trunk()), ImportOptions(beside=tmp_path / "none.pth"))


@pytest.mark.parametrize(
    "root",
    [
        None,
        3,
        [],
        {},
        {"a": 1},
        {"features.0.weight": 3},
        {"features.0.weight": torch.zeros(2, 3)},
        {"state_dict": 4},
    ],
)
def test_other_content_is_not_recognised(root):
    assert not backbones.recognises(content(root))


def test_numbers_lpips_of_the_real_files_reproduces_published_values(tmp_path):
    """The documented values of torchmetrics 1.x for net_type="squeeze", through import and load."""
    if not (REAL / "README.md").exists():
        pytest.skip("needs the LPIPS weights: put them in ../shared/data/lpips_squeeze")
    options = ImportOptions(beside=REAL / "lpips_squeeze_lin_v0.1.safetensors")
    made = import_file(
        REAL / "squeezenet1_1_features.safetensors",
        "lpips",
        tmp_path,
        licence="BSD 2-Clause",
        options=options,
    )
    distance, _, _ = load(made.folder, build_backbone)
    random = torch.Generator().manual_seed(42)
    a, b = (torch.rand(2, 3, 100, 100, generator=random) * 2 - 1 for _ in range(2))
    assert distance(a, b).tolist() == pytest.approx([0.1024, 0.0938], abs=1e-4)
    assert distance(a, a).tolist() == [0.0, 0.0]
    torch.manual_seed(123)
    a, b = torch.rand(10, 3, 100, 100), torch.rand(10, 3, 100, 100)
    assert distance(a * 2 - 1, b * 2 - 1).mean().item() == pytest.approx(0.1008, abs=1e-4)
