"""Models of photos: SqueezeNet features, reference statistics as a file, quality, what evaluate chooses."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file

from spatial_edit import cli
from spatial_edit.checkpoints import save
from spatial_edit.data.photos import Photos
from spatial_edit.generators.imported import Facts as ModelFacts
from spatial_edit.generators.imported import write_facts
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.images import save_png
from spatial_edit.metrics import photo_evaluate
from spatial_edit.metrics.features import features, quantise
from spatial_edit.metrics.frechet import frechet, frechet_distance, moments
from spatial_edit.metrics.photo import TRUNK
from spatial_edit.metrics.photo_evaluate import PhotoTask, photo_figures, photo_frechet, photo_set
from spatial_edit.metrics.photo_stats import PhotoStats, make_stats, read_stats, real_pictures, write_stats
from spatial_edit.metrics.reference import STATS_NAME
from spatial_edit.metrics.squeeze_features import Squeeze, is_squeeze, load_squeeze
from spatial_edit.nn.backbones import build_backbone
from spatial_edit.nn.lpips import SCALE, SHIFT
from spatial_edit.safetensors_header import CheckpointError

evaluate_module = sys.modules["spatial_edit.metrics.evaluate"]
REAL_TRUNK = Path(__file__).parents[3] / "shared" / "data" / "lpips_squeeze" / TRUNK
BUNDLED = Path(__file__).parents[2] / "checkpoints" / "spatialgan-cats" / STATS_NAME


@pytest.fixture(scope="module")
def squeeze() -> Squeeze:
    """The trunk with random weights."""
    from spatial_edit.metrics.squeeze_features import SqueezeReader, trunk_hash
    from spatial_edit.nn.trunks import squeezenet

    torch.manual_seed(1)
    trunk = squeezenet()
    return Squeeze(SqueezeReader(trunk), trunk_hash(trunk))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of one colour each, with a little noise."""
    folder = tmp_path_factory.mktemp("set") / "kittens"
    folder.mkdir()
    torch.manual_seed(3)
    for i in range(12):
        picture = (torch.rand(3, 1, 1) * 2 - 1).expand(3, 64, 64) + 0.3 * torch.randn(3, 64, 64)
        save_png(picture.clamp(-1, 1), folder / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def stats(photos: Path, squeeze: Squeeze) -> PhotoStats:
    return make_stats(Photos(photos, 64), squeeze, 32, "kittens", count=30)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of added models, and no LPIPS beside the project."""
    monkeypatch.setenv("SPATIAL_EDIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("SPATIAL_EDIT_LPIPS", str(tmp_path / "nothing"))
    return tmp_path / "models"


def add(models: Path, name: str, kind: str, squeeze: Squeeze) -> None:
    """The fixture's trunk as an imported network."""
    module = build_backbone({"kind": kind})
    trunk = module if kind == "squeezenet" else module.trunk
    trunk.load_state_dict(squeeze.reader.trunk.state_dict())
    save(models / name, module, {"kind": kind})
    write_facts(models / name, ModelFacts("backbone", kind, "", 224, 130))


def test_numbers_features_are_the_last_maps_mean_of_scaled_pictures(squeeze: Squeeze) -> None:
    images = torch.rand(3, 3, 40, 48) * 2 - 1
    shift, scale = (torch.tensor(v)[None, :, None, None] for v in (SHIFT, SCALE))
    x = (images - shift) / scale
    for layer in squeeze.reader.trunk.features:
        x = layer(x)
    assert torch.allclose(squeeze.reader.features(images), x.mean((2, 3)), atol=1e-5)
    assert squeeze.reader.features(images).shape == (3, 512)
    with pytest.raises(ValueError, match="at least 32"):
        squeeze.reader.features(images[..., :20])


def test_where_a_squeezenet_is_found(alone: Path, squeeze: Squeeze, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ValueError, match="python -m spatial_edit import"):
        load_squeeze()
    add(alone, "eyes", "squeezenet", squeeze)
    add(alone, "likeness", "lpips-squeeze", squeeze)
    assert load_squeeze("eyes").weights == load_squeeze("likeness").weights == squeeze.weights
    assert is_squeeze("eyes") and is_squeeze("likeness") and not is_squeeze("nothing")
    add(alone, "other", "lpips-squeeze", squeeze)
    save(alone / "alex", build_backbone({"kind": "alexnet"}), {"kind": "alexnet"})
    assert not is_squeeze(alone / "alex")
    with pytest.raises(ValueError, match="this needs squeezenet or lpips-squeeze"):
        load_squeeze(alone / "alex")
    beside = tmp_path / "beside"
    beside.mkdir()
    save_file(squeeze.reader.trunk.state_dict(), beside / TRUNK)
    (beside / "lpips_squeeze_lin_v0.1.safetensors").write_bytes(b"")
    monkeypatch.setenv("SPATIAL_EDIT_LPIPS", str(beside))
    assert load_squeeze().weights == squeeze.weights


def test_numbers_stats_round_trip_moves_no_distance(stats: PhotoStats, tmp_path: Path) -> None:
    write_stats(tmp_path / STATS_NAME, stats)
    assert (tmp_path / STATS_NAME).stat().st_size < 300_000
    kept = read_stats(tmp_path)  # in a folder, by its usual name
    assert kept.facts == stats.facts
    torch.manual_seed(5)
    for spread in (0.5, 1.0, 2.0):
        rows = spread * torch.randn(700, 512) @ torch.diag(torch.rand(512)) + 0.1
        first, second = (frechet_distance(m, moments(rows)) for m in (stats.moments, kept.moments))
        assert second == pytest.approx(first, rel=1e-3)


def test_determinism_of_the_real_set(photos: Path) -> None:
    source = Photos(photos, 64)
    draws = [torch.cat(list(real_pictures(source, 32, 30, True, seed))) for seed in (0, 0, 1)]
    assert draws[0].shape == (30, 3, 32, 32) and draws[0].abs().max() <= 1
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    plain = torch.cat(list(real_pictures(source, 64, 30, False, 0)))
    assert len(plain) == 12 and torch.allclose(plain, source.tensor().float() / 127.5 - 1, atol=1e-5)
    some = torch.cat(list(real_pictures(source, 64, 30, False, 0, torch.tensor([4, 2]))))
    assert torch.equal(some, plain[[4, 2]])


def test_numbers_every_photo_is_drawn_about_equally_often(photos: Path) -> None:
    """Pictures are told apart by their mean colours, which a frame hardly changes."""
    source = Photos(photos, 64)
    own = source.tensor().float().mean((2, 3)) / 127.5 - 1
    drawn = torch.cat(list(real_pictures(source, 32, 30, True, 0))).mean((2, 3))
    counts = torch.cdist(drawn, own).argmin(1).bincount(minlength=12)
    assert counts.min() >= 2 and counts.max() <= 3


def test_numbers_half_of_them_are_mirrored(tmp_path: Path) -> None:
    """A photo that is bright on the left: frames turn and shift it, only a mirror swaps its sides."""
    picture = torch.linspace(1, -1, 64).expand(3, 64, 64)
    save_png(picture, tmp_path / "left.png")
    drawn = torch.cat(list(real_pictures(Photos(tmp_path, 64), 32, 200, True, 0)))
    bright_right = drawn[..., 16:].mean((1, 2, 3)) > drawn[..., :16].mean((1, 2, 3))
    assert 70 <= int(bright_right.sum()) <= 130


def test_floors(stats: PhotoStats, photos: Path, squeeze: Squeeze) -> None:
    assert 0 < stats.facts.floor < stats.facts.photos_floor  # other frames are nearer than other photos
    assert stats.facts.count == 30 and stats.facts.photos == 12 and stats.facts.frames
    plain = make_stats(Photos(photos, 64), squeeze, 32, "kittens", frames=False)
    assert plain.facts.count == 12 and plain.facts.floor == plain.facts.photos_floor


@pytest.mark.parametrize("damage", ["facts", "kind", "nan", "shape", "missing", "cut", "floor"])
def test_errors_of_damaged_statistics(damage: str, stats: PhotoStats, tmp_path: Path) -> None:
    path = tmp_path / "stats.safetensors"
    write_stats(path, stats)
    tensors = load_file(path)
    facts = {"name": "x", "side": 32, "photos": 12, "count": 30, "frames": True, "seed": 0}
    facts |= {"weights": "w", "floor": 1.0, "photos_floor": 2.0, "features": "f"}
    if damage == "facts":
        facts.pop("count")
    if damage == "kind":
        facts["count"] = "30"
    if damage == "floor":
        facts["floor"] = float("nan")
    if damage == "nan":
        tensors["mean"][3] = float("nan")
    if damage == "shape":
        tensors["root"] = tensors["root"][:-1].clone()
    save_file(tensors, path, metadata={"facts": json.dumps(facts)})
    if damage == "missing":
        path.unlink()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(CheckpointError):
        read_stats(path)


def test_numbers_photo_frechet_is_the_distance_over_the_features(
    stats: PhotoStats, squeeze: Squeeze, photos: Path, tmp_path: Path
) -> None:
    path = tmp_path / "stats.safetensors"
    write_stats(path, stats)
    torch.manual_seed(6)
    pictures = torch.rand(40, 3, 32, 32) * 2 - 1
    real = quantise(torch.cat(list(real_pictures(Photos(photos, 64), 32, 30, True, 0))))
    with torch.no_grad():
        want = frechet(squeeze.reader.features(real), squeeze.reader.features(quantise(pictures)))
    assert photo_frechet(pictures, path, squeeze) == pytest.approx(want, rel=1e-3)
    assert photo_frechet(real, path, squeeze) < 0.01 * want
    with pytest.raises(ValueError, match="of 32 px, the pictures are of 48"):
        photo_frechet(torch.zeros(4, 3, 48, 48), path, squeeze)
    other = Squeeze(squeeze.reader, "0" * 16)
    with pytest.raises(ValueError, match="read by other weights"):
        photo_frechet(pictures, path, other)


@pytest.fixture
def cats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stats: PhotoStats) -> dict[str, object]:
    """A registry of a tiny model of photos, with statistics, and its baseline; by name."""
    model, plain = SpatialGANScenes.tiny(), StyleGAN2Scenes.tiny()
    folder = tmp_path / "checkpoints" / "tiny-cats"
    folder.mkdir(parents=True)
    write_stats(folder / STATS_NAME, stats)
    model.spec = replace(model.spec, name="tiny-cats", folder=folder)
    plain.spec = replace(plain.spec, name="tiny-plain", folder=folder.parent / "tiny-plain")
    loaded = {"tiny-cats": model, "tiny-plain": plain}
    fake = ModuleType("spatial_edit.generators.registry")
    fake.MODELS = {name: g.spec for name, g in loaded.items()}  # type: ignore[attr-defined]
    fake.load = loaded.__getitem__  # type: ignore[attr-defined]
    fake.CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spatial_edit.generators.registry", fake)
    monkeypatch.setattr(photo_evaluate, "BASELINES", {"tiny-cats": "tiny-plain"})
    return loaded


def task(generator, photos=None, samples: int = 24, lines=None) -> PhotoTask:
    say = (lambda text: None) if lines is None else lines.append
    return PhotoTask(generator, photo_set(generator.spec), photos, samples, 0, say)


def test_numbers_quality_of_a_model_of_photos(cats, squeeze: Squeeze, stats: PhotoStats) -> None:
    model = cats["tiny-cats"]
    figures = photo_figures(task(model), squeeze)
    pictures = torch.stack([model.render(model.sample(i)) for i in range(24)])
    want = frechet_distance(stats.moments, moments(features(squeeze.reader, [pictures])))
    assert figures["frechet"] == pytest.approx(want, rel=1e-3)
    assert (figures["samples"], figures["frechet_real"], figures["frechet_real_set"]) == (24, 30, "kittens")
    assert figures["frechet_floor"] == stats.facts.floor
    assert figures["frechet_floor_photos"] == stats.facts.photos_floor
    assert "precision" not in figures and "frechet_baseline" not in figures


def test_precision_and_recall_need_the_photos(cats, squeeze: Squeeze, photos: Path, stats, tmp_path) -> None:
    figures = photo_figures(task(cats["tiny-cats"], photos), squeeze)
    assert 0 <= figures["precision"] <= 1 and 0 <= figures["recall"] <= 1
    assert figures["frechet_real_set"] == "kittens" and "frechet_floor" in figures  # the same photos
    for i in range(6):  # others stand in for them, without floor and baseline
        save_png(torch.full((3, 64, 64), i / 6), tmp_path / f"{i}.png")
    other = photo_figures(task(cats["tiny-cats"], tmp_path), squeeze)
    assert other["frechet_real_set"] == tmp_path.name and "frechet_floor" not in other
    assert other["frechet"] != figures["frechet"]


def test_the_baseline_is_measured_once(cats, squeeze: Squeeze) -> None:
    model, plain, lines = cats["tiny-cats"], cats["tiny-plain"], []
    photo_figures(task(model, lines=lines), squeeze)
    assert any("tiny-plain is not there" in line for line in lines)
    plain.spec.folder.mkdir()
    (plain.spec.folder / "config.json").write_text("{}")
    own = photo_figures(task(plain), squeeze)
    assert own["frechet_baseline"] == own["frechet"]
    measured = photo_figures(task(model), squeeze)
    assert measured["frechet_baseline"] == own["frechet"]
    kept = {**own, "frechet": 7.5}
    (plain.spec.folder / "metrics.json").write_text(json.dumps(kept))
    assert photo_figures(task(model), squeeze)["frechet_baseline"] == 7.5
    (plain.spec.folder / "metrics.json").write_text(json.dumps({**kept, "samples": 3}))
    assert photo_figures(task(model), squeeze)["frechet_baseline"] == own["frechet"]


def test_evaluate_chooses_by_what_lies_beside_the_model(
    cats, squeeze: Squeeze, alone: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_module, "QUICK", evaluate_module.Sizes(8, 2, 2))
    out, quiet = tmp_path / "metrics.json", lambda text: None

    def run(**options: object) -> dict:
        return evaluate_module.evaluate("tiny-cats", quick=True, out=out, say=quiet, **options)

    with pytest.raises(ValueError, match="python -m spatial_edit import FILE"):
        run()
    assert not out.exists()
    add(alone, "eyes", "lpips-squeeze", squeeze)
    figures = run(backbone="eyes", stages=["quality"])
    assert figures["frechet"] > 0 and "fid" not in figures and "judge" not in figures
    steered = run(stages=["steering"])  # which needs no backbone
    assert {"co_move_level_0_n", "dead_elements"} <= set(steered)
    assert (
        evaluate_module.evaluate(
            "tiny-plain", quick=True, out=out, say=quiet, backbone="eyes", stages=["quality"]
        )["frechet_real_set"]
        == "kittens"
    )


def test_a_model_without_a_set_is_compared_with_given_photos(cats, squeeze: Squeeze, photos: Path) -> None:
    stranger = StyleGAN2Scenes.tiny()
    figures = photo_figures(task(stranger, photos), squeeze)
    assert figures["frechet_real"] == 12 and figures["frechet_real_set"] == "kittens"
    with pytest.raises(ValueError, match="give a folder or zip of them with --real"):
        photo_figures(task(stranger), squeeze)


def test_the_command_writes_the_file(
    alone: Path, squeeze: Squeeze, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(alone, "eyes", "squeezenet", squeeze)
    out = tmp_path / STATS_NAME
    arguments = ["reference-stats", str(photos), "--side", "32", "--count", "20", "--out", str(out)]
    assert cli.main(arguments) == 2  # no backbone
    assert "python -m spatial_edit import" in capsys.readouterr().err and not out.exists()
    assert cli.main([*arguments, "--backbone", "eyes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 20
    assert read_stats(out).facts.name == "kittens"
    assert cli.main([*arguments[:-1], str(tmp_path / "x.png"), "--backbone", "eyes"]) == 2
    assert cli.main(["reference-stats", str(tmp_path / "no"), *arguments[2:], "--backbone", "eyes"]) == 2
    capsys.readouterr()


@pytest.mark.skipif(not BUNDLED.is_file(), reason="checkpoints/spatialgan-cats has no reference statistics")
def test_the_bundled_statistics() -> None:
    stats = read_stats(BUNDLED)
    assert stats.facts.count == 10_000 and stats.facts.side == 64 and stats.facts.photos == 5123
    assert BUNDLED.stat().st_size < 300_000
    if REAL_TRUNK.is_file():
        assert load_squeeze().weights == stats.facts.weights
