"""Imported networks in measures: where they are found, the FID and its counts, LPIPS in the parse figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from spatial_edit.checkpoints import save
from spatial_edit.generators.imported import Facts, write_facts
from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes
from spatial_edit.images import save_png
from spatial_edit.metrics import reference as reference_module
from spatial_edit.metrics.backbones import Backbone, Likeness, load_inception, load_likeness
from spatial_edit.metrics.features import features
from spatial_edit.metrics.fid import fid_figures, folder_pictures, pictures
from spatial_edit.metrics.frechet import frechet
from spatial_edit.metrics.parse_quality import Tally
from spatial_edit.nn.backbones import build_backbone
from spatial_edit.nn.inception import Inception

evaluate_module = sys.modules["spatial_edit.metrics.evaluate"]


class Colours(Inception):
    """Describes a picture by its mean colour: distances can be worked out by hand."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


@pytest.fixture(scope="module")
def colours() -> Backbone:
    with torch.device("meta"):
        module = Colours().eval()
    return Backbone(module, "inception", "abc")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of added models, and no LPIPS beside the project."""
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("SPATIAL_EDIT_LPIPS", str(tmp_path / "nothing"))
    return tmp_path / "models"


def add(models: Path, name: str, kind: str) -> None:
    torch.manual_seed(2)
    save(models / name, build_backbone({"kind": kind}), {"kind": kind}, torch.float32)
    write_facts(models / name, Facts("backbone", kind, "", 224, 130))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures, one of them in a folder below, and two files that are none."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    torch.manual_seed(3)
    for i in range(5):
        level = torch.rand(3, 1, 1) * 2 - 1
        save_png(level.expand(3, 40, 50), photos / ("more" if i == 4 else "") / f"{i}.png")
    (photos / "broken.png").write_bytes(b"nothing")
    (photos / "notes.txt").write_text("no picture")
    return photos


def test_where_an_lpips_is_found(models, monkeypatch):
    assert load_likeness() is None
    add(models, "eyes", "squeezenet")  # a classifier without heads is none
    assert load_likeness() is None
    add(models, "likeness", "lpips-alex")
    found = load_likeness()
    assert found is not None and found.network == "alex"
    a, b = torch.rand(2, 1, 3, 40, 40) * 2 - 1
    assert found.distance(a, a).tolist() == [0.0] and found.distance(a, b).shape == (1,)
    assert load_likeness("likeness").network == load_likeness(models / "likeness").network == "alex"


def test_errors_of_names_and_kinds(models):
    for given in ("nothing", "../etc", "/nowhere", ""):
        with pytest.raises(ValueError, match="no imported network"):
            load_inception(given)
    add(models, "eyes", "squeezenet")
    with pytest.raises(ValueError, match="of the kind 'squeezenet', this needs inception"):
        load_inception("eyes")
    with pytest.raises(ValueError, match="this needs lpips-vgg or lpips-alex"):
        load_likeness("eyes")


def test_numbers_fid_is_the_frechet_distance_over_the_features(colours, folder):
    generator = EqGANScenes.tiny()
    figures = fid_figures(generator, colours, 6, folder, seed=4)
    drawn = generator.render_batch([generator.sample(seed) for seed in range(4, 10)])
    drawn = ((drawn + 1) * 127.5).round() / 127.5 - 1
    truth = torch.cat(list(folder_pictures(folder, 32)))
    assert truth.shape == (5, 3, 32, 32)
    want = frechet(truth.mean((2, 3)), drawn.mean((2, 3)))
    assert figures["fid"] == pytest.approx(want, rel=1e-3)
    counts = {"fid_samples": 6, "fid_real": 5, "fid_real_set": "photos", "fid_inception": "abc"}
    assert {name: figures[name] for name in counts} == counts


def test_numbers_fid_of_two_colours_by_hand(colours, tmp_path):
    """Pictures of one colour each: the distance is that of the colours' means, squared."""
    for i, level in enumerate((-0.5, 0.5, -0.5, 0.5)):
        save_png(torch.full((3, 32, 32), level), tmp_path / f"{i}.png")

    class Grey(EqGANScenes):
        def render_batch(self, scenes):
            levels = torch.tensor([0.5 if s.latent.seed % 2 else -0.5 for s in scenes])
            return (levels + 0.25).view(-1, 1, 1, 1).expand(-1, 3, 32, 32)

    figures = fid_figures(Grey(EqGANScenes.tiny().model, EqGANScenes.tiny().spec, "0"), colours, 4, tmp_path)
    assert figures["fid"] == pytest.approx(3 * 0.25**2, rel=0.03)  # bytes are 1 / 127.5 apart


def test_rooms_are_the_real_set_where_no_folder_is_given(colours, monkeypatch, tmp_path):
    monkeypatch.setattr(reference_module, "SHARD", 12)
    monkeypatch.setenv("SPATIAL_EDIT_CACHE", str(tmp_path / "cache"))
    first = fid_figures(EqGANScenes.tiny(), colours, 12)
    assert first["fid_real_set"] == "rendered rooms" and first["fid_real"] == 12
    assert fid_figures(EqGANScenes.tiny(), colours, 12) == first  # from the cache
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_errors_of_a_folder(tmp_path):
    save_png(torch.zeros(3, 8, 8), tmp_path / "one.png")
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match="an FID needs a folder of many"):
            list(folder_pictures(folder, 32))


def test_shapes_of_samples_at_the_models_own_side():
    generator = EqGANScenes.tiny()
    batches = list(pictures(generator, 66, 3))
    assert [len(b) for b in batches] == [64, 2] and batches[0].shape[1:] == (3, 32, 32)
    assert torch.allclose(batches[1][0], generator.render(generator.sample(67)), atol=1e-5)


def test_numbers_inception_reads_in_small_parts():
    module = Inception().eval()
    sizes = []
    module.forward = lambda images: (sizes.append(len(images)), images.mean((2, 3)))[1]  # type: ignore[method-assign]
    rows = features(module, [torch.rand(40, 3, 8, 8)])
    assert rows.shape == (40, 3) and sizes == [16, 16, 8]


def test_evaluate_writes_the_fid(models, folder, monkeypatch, tmp_path, colours):
    tiny = EqGANScenes.tiny()
    fake = ModuleType("spatial_edit.generators.registry")
    fake.MODELS = {"eqgan-tiny": tiny.spec}  # type: ignore[attr-defined]
    fake.load = {"eqgan-tiny": tiny}.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spatial_edit.generators.registry", fake)
    monkeypatch.setattr(evaluate_module, "QUICK", evaluate_module.Sizes(8, 2, 2))
    monkeypatch.setattr(evaluate_module, "load_inception", lambda given: colours)
    out = tmp_path / "metrics.json"
    figures = evaluate_module.evaluate(
        "eqgan-tiny", quick=True, out=out, say=lambda text: None, backbone="eyes", real=folder
    )
    assert json.loads(out.read_text()) == figures and figures["fid"] > 0 and figures["fid_samples"] == 8
    assert "frechet" not in figures  # rooms say nothing about these pictures
    assert figures["evaluate_command"].endswith("--quick --backbone eyes --real photos")
    with pytest.raises(ValueError, match="give an imported Inception as well"):
        evaluate_module.evaluate("eqgan-tiny", quick=True, out=out, real=folder)


def test_parse_figures_have_lpips_where_there_is_one():
    class Parsed:
        reconstruction, original = torch.zeros(3, 32, 32), torch.full((3, 32, 32), 0.5)

    tally = Tally([Parsed(), Parsed()])  # type: ignore[list-item]
    likeness = Likeness(lambda a, b: (a - b).abs().mean((1, 2, 3)), "vgg")
    assert tally.figures("parse", likeness)["parse_lpips"] == 0.5
    assert "parse_lpips" not in tally.figures("parse", None)
