"""The bundled models as they ship: cards, scores, samples; and what the command line says of damage."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from spatial_edit import cli
from spatial_edit.checkpoints import read_config, weights_hash
from spatial_edit.generators import registry
from spatial_edit.images import Photo, to_pil
from spatial_edit.metrics.evaluate import read
from spatial_edit.parse import parse_photo
from spatial_edit.session import Session

ALWAYS = {
    "resolution",
    "parameters",
    "images_seen",
    "hardware",
    "minutes",
    "date",
    "command",
}
SAMPLED = {"frechet", "frechet_floor", "frechet_baseline", "precision", "recall"}
STEERED = {
    "co_move",
    "co_move_from_truth",
    "co_move_ceiling",
    "co_move_bed",
    "background_change",
}
OF_BLOBS = {"dead_blobs"}
OF_BOXES = {
    "co_move_median",
    "removal",
    "recolour",
    "counterfactual_ratio",
    "held_out_l1",
    "held_out_l1_shading",
    "orbit_l1",
    "orbit_psnr",
    "samples_flawed",
    "drag_preview_ms_1_thread",
}
OF_HEATMAPS = {"co_move", "background_change", "dead_elements"}
OF_KIND = {
    "": set[str](),
    "blobs": STEERED | OF_BLOBS,
    "boxes3d": STEERED | OF_BOXES,
    "heatmaps": OF_HEATMAPS,
}
NETWORKS = ("rooms-judge", "rooms-segmenter")


@pytest.mark.parametrize("name", [*registry.MODELS, *NETWORKS])
def test_numbers_every_model_comes_with_its_scores_and_a_card(name: str) -> None:
    folder = registry.CHECKPOINTS / name
    metrics, spec = read(folder / "metrics.json"), registry.MODELS.get(name)
    wanted = ALWAYS | (SAMPLED if spec else {"accuracy", "miou"}) | OF_KIND[spec.kind if spec else ""]
    assert not wanted - set(metrics)
    assert all(isinstance(v, str) or math.isfinite(v) for v in metrics.values())
    licence = spec.licence.lower().replace(" ", "-") if spec else "mit"
    assert (folder / "README.md").read_text().startswith(f"---\nlicense: {licence}")
    assert read_config(folder) and len(weights_hash(folder)) == 16
    if spec:
        side = spec.resolution
        with Image.open(folder / "samples.jpg") as sheet:
            assert metrics["resolution"] == side and min(sheet.size) >= 8 * side  # 64 of them


def test_numbers_the_rooms_model_meets_its_bounds() -> None:
    metrics = read(registry.CHECKPOINTS / "blobgan-rooms" / "metrics.json")
    bounds = {"background_change": 0.03, "dead_blobs": 0.15, "frechet": metrics["frechet_baseline"]}
    assert all(float(metrics[name]) <= float(bound) for name, bound in bounds.items())


def test_numbers_the_boxes_meet_theirs() -> None:
    """`co_move` is left out: the renderer's own pictures do not reach its bound (`co_move_ceiling`)."""
    metrics = read(registry.CHECKPOINTS / "box3d-rooms" / "metrics.json")
    bounds = {
        "background_change": 0.01,
        "counterfactual_ratio": 0.5,
        "frechet": float(metrics["frechet_baseline"]) / 4,
        "held_out_l1": 0.08,
        "samples_flawed": 6,
    }
    assert all(float(metrics[name]) <= bound for name, bound in bounds.items())
    assert float(metrics["held_out_l1"]) < float(metrics["held_out_l1_shading"])
    assert float(metrics["co_move_median"]) >= 0.9


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bundled model that the registry takes for the real one."""
    spec = registry.MODELS["blobgan-rooms"]
    assert spec.folder is not None
    folder = tmp_path / "blobgan-rooms"
    shutil.copytree(spec.folder, folder)
    monkeypatch.setitem(registry.MODELS, spec.name, replace(spec, folder=folder))
    monkeypatch.setattr(registry, "_loaded", {})
    return folder


DAMAGE = {
    "cut short": ("model.safetensors", lambda data: data[:1_000_000]),
    "empty": ("model.safetensors", lambda data: b""),
    "a changed byte": (
        "model.safetensors",
        lambda data: data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:],
    ),
    "an endless header": ("model.safetensors", lambda data: b"\xff" * 8 + data[8:]),
    "another model's": ("config.json", lambda data: data.replace(b'"resolution": 64', b'"resolution": 128')),
    "no JSON": ("config.json", lambda data: b"{"),
    "missing": ("model.safetensors", None),
    "without configuration": ("config.json", None),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_errors_a_damaged_checkpoint_is_one_sentence(
    copied: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, change = DAMAGE[kind]
    file = copied / name
    before = file.read_bytes()
    if change is None:
        file.unlink()
    else:
        file.write_bytes(change(before))
        assert file.read_bytes() != before
    assert cli.main(["generate", "--model", "blobgan-rooms", "--seed", "1"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("error: ") and "blobgan-rooms" in err
    assert "Traceback" not in err and len(err) < 400


def test_numbers_of_elements_run_from_nought_and_stay() -> None:
    """`target`: 0 .. n - 1 over the visible elements of a fresh or parsed scene; reorder, hide, undo and the
    link keep them; a new element takes the next."""
    session = Session(registry.load)
    for seed in (0, 1, 4294967295):
        for truncation in (0.0, 1.0):
            layout = session.generate("blobgan-rooms", seed, truncation).scene.layout
            assert sorted(layout.ids) == list(range(len(layout))) and not any(layout.hidden)
    generator = registry.load("blobgan-rooms")
    photo = Photo(to_pil(generator.render(generator.sample(3))), "0" * 64)
    parsed = parse_photo(generator, photo, "refine", steps=40).scene.layout
    assert sorted(parsed.ids) == list(range(len(parsed))) and not any(parsed.hidden)

    first = session.generate("blobgan-rooms", 0)
    count = len(first.scene.layout)
    row = dict(zip(first.scene.layout.ids, first.scene.layout.rows, strict=True))
    edit = [{"op": "reorder", "target": 0, "to": count - 1}, {"op": "hide", "target": 2}]
    changed = session.edit([*edit, {"op": "clone", "target": 1, "dx": 0.02, "dy": 0.0}])
    opened = Session(registry.load).open(changed.code).scene.layout
    now = dict(zip(opened.ids, opened.rows, strict=True))
    assert now == row | {count: row[1]} and opened.ids.index(0) != 0
    assert session.undo().scene.layout.ids == first.scene.layout.ids
