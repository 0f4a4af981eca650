"""Ablations: rows differ where they say they do, noise is noise, the table adds up."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from spatial_edit.cli import main
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.train.recipes import RECIPES, listed
from spatial_edit.train.spatial_ablations import ROWS, ablate, ablation, markdown, measured, summary
from spatial_edit.train.spatial_sketch import (
    IMPULSES,
    LOOKS,
    ImpulseMaps,
    NoiseMaps,
    SketchRecipe,
    SketchTask,
    moved,
)


def flat(value: object, prefix: str = "") -> dict[str, object]:
    """The fields of nested dataclasses by their dotted names."""
    if not dataclasses.is_dataclass(value):
        return {prefix: value}
    parts = {}
    for field in dataclasses.fields(value):
        parts |= flat(getattr(value, field.name), f"{prefix}.{field.name}" if prefix else field.name)
    return parts


@pytest.mark.parametrize("name", ROWS)
def test_rows_differ_from_their_base_in_the_fields_they_name(name):
    row = ROWS[name]
    mine = flat(ablation(name))
    base = flat(ablation(row.base) if row.base else SketchRecipe())
    if row.changes.get("spatial", 0) is None:
        assert mine.pop("spatial") is None
        assert mine == {path: value for path, value in base.items() if not path.startswith("spatial")}
        return
    different = {path for path in base if mine[path] != base[path]}
    assert set(mine) == set(base) and different == set(row.changes)
    assert name == "norm" or row.changes


@pytest.mark.parametrize("name", ROWS)
def test_rows_step_with_and_without_the_discriminator(name):
    recipe = dataclasses.replace(ablation(name), batch=4)
    assert RECIPES[f"spatialgan_ablation_{name}_toy"][0]() == ablation(name)
    task = SketchTask(recipe)
    before = [p.clone() for p in task.modules["generator"].parameters()]
    alone, both = task.step(0.0, 320), task.step(1.0, recipe.images)
    assert set(alone) == {"loss", "l1"}
    assert set(both) == {"loss", "l1", "generator", "discriminator", "aligned"}
    assert all(v.isfinite() for v in (*alone.values(), *both.values()))
    held = recipe.spatial is not None and recipe.align > 0
    assert (float(both["aligned"]) > 0) is held
    after = task.modules["generator"].parameters()
    assert sum(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) > 0.8 * len(before)


def test_the_baseline_has_as_many_parameters():
    counts = {
        name: sum(p.numel() for p in SketchTask(ablation(name)).modules["generator"].parameters())
        for name in ("norm", "no_heatmap", "no_align", "impulse", "things", "indoor")
    }
    assert max(counts.values()) / min(counts.values()) < 1.1
    assert counts["norm"] == counts["no_align"] == counts["impulse"]


def test_places_are_in_z_only_where_no_heatmap_tells_them():
    for name, told in (("norm", True), ("flatten", True), ("noise", False), ("no_heatmap", False)):
        sketch = SketchTask(ablation(name)).draw(4)
        assert bool((sketch.z[:, LOOKS["faces"] :] == 0).all()) is told
        assert (sketch.z[:, : LOOKS["faces"]] != 0).all()
    sketch = SketchTask(ablation("indoor")).draw(4)
    assert (sketch.z[:, 1:] == 0).all() and sketch.latents.abs().min() > 0  # a thing's looks are its own


def test_all_rows_of_a_kind_see_the_same_pictures():
    pictures = SketchTask(ablation("norm")).draw(4).pictures
    assert torch.equal(pictures, SketchTask(ablation("concat")).draw(4).pictures)
    assert torch.equal(pictures, SketchTask(ablation("no_heatmap")).draw(4).pictures)


def test_noise_maps_know_nothing_of_the_layout_and_impulses_hit_their_share():
    task = SketchTask(ablation("noise"))
    (root, *_) = task.draw(4).levels
    assert isinstance(root, NoiseMaps)
    maps = root.draw(16)
    assert maps.shape == (4, 1, 16, 16) and 0.8 < maps.std() < 1.2
    assert torch.equal(maps, moved((root,), torch.full((4, 2), 0.2))[0].draw(16))
    assert root.draw(16, slopes=True).shape == (4, 3, 16, 16)

    (root, *_) = SketchTask(ablation("impulse")).draw(64).levels
    assert isinstance(root, ImpulseMaps)
    (clean, *_) = SketchTask(ablation("norm")).draw(64).levels
    hit = root.draw(32) != clean.draw(32)
    assert hit.float().mean() == pytest.approx(IMPULSES, rel=0.2)
    assert set(root.draw(32)[hit].tolist()) == {0.0, 1.0}


def test_moving_the_root_moves_every_level():
    levels = SketchTask(ablation("norm")).draw(2).levels
    shift = torch.tensor([[0.1, 0.0], [0.0, -0.2]])
    for old, new in zip(levels, moved(levels, shift), strict=True):
        assert torch.allclose(new.centres - old.centres, shift[:, None].expand_as(old.centres), atol=1e-6)
        assert new.sigmas is old.sigmas


def test_learns_to_put_things_where_their_centres_are():
    recipe = dataclasses.replace(ablation("indoor"), images=1_600, samples=64, alone=1.0)
    task = SketchTask(recipe)
    before = measured(task)
    task.generator.manual_seed(0)
    for i in range(80):
        task.step(i / 80, 16 * i)
        task.averages["generator"].update(task.modules["generator"], 16, 16 * (i + 1))
    after = measured(task)
    print(before, after)
    assert after["l1"] < 0.35 < before["l1"] and after["frechet"] < 0.7 * before["frechet"]
    assert abs(before["steering"]) < 0.1 and after["steering"] > 0.3


def test_table_of_two_rows(tmp_path, monkeypatch):
    quick = {"samples": 8, "batch": 4}
    few = {k: dataclasses.replace(ROWS[k], changes={**ROWS[k].changes, **quick}) for k in ROWS}
    monkeypatch.setattr("spatial_edit.train.spatial_ablations.ROWS", few)
    said: list[str] = []
    content = ablate(["norm", "no_heatmap"], [0, 1], 32, tmp_path, said.append)
    assert len(said) == 4 and content == json.loads((tmp_path / "table.json").read_text())
    rows = content["rows"]
    assert rows["norm"]["runs"] == 2 and "steering" in rows["norm"] and "steering" not in rows["no_heatmap"]
    text = (tmp_path / "table.md").read_text()
    assert text.count("\n") == 4 and "| none |" in text.splitlines()[-1]
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/training/state.pt")}
    assert len(times) == 4
    again = ablate(["norm", "no_heatmap"], [0, 1], 32, tmp_path, said.append)
    assert again["rows"] == rows
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/training/state.pt")}
    ablate(["norm"], [0], 48, tmp_path, said.append)  # other images: trained again
    assert (tmp_path / "norm_seed0" / "training" / "state.pt").stat().st_mtime_ns != times[
        tmp_path / "norm_seed0" / "training" / "state.pt"
    ]


def test_numbers_of_the_summary():
    runs = [{"steering": 0.5, "l1": 0.2, "seconds": 1.0, "frechet": 4.0, "parameters": 10.0}]
    runs += [{"steering": 0.9, "l1": 0.2, "seconds": 3.0, "frechet": 6.0, "parameters": 10.0}]
    figures = summary("norm", runs)
    assert figures["steering"] == pytest.approx(0.7)
    assert figures["steering_spread"] == pytest.approx(0.2 * 2**0.5)
    assert figures["l1_spread"] == 0 and figures["parameters"] == 10
    assert summary("norm", runs[:1])["seconds_spread"] == 0
    assert "| 0.7 ± 0.28 |" in markdown({"norm": figures})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", "0,x"], "--seeds is '0,x': give 1 to 32 whole numbers"),
        (["--seeds", ""], "--seeds is ''"),
        (["--rows", "norm,marble"], "there is no row 'marble': choose of norm, no_heatmap"),
        (["--images", "3"], "--images is 3: use 16 to"),
    ],
)
def test_errors_of_the_command(options, words, tmp_path, capsys):
    assert main(["ablate", "spatialgan", "--out", str(tmp_path / "new"), *options]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_errors(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["ablate", "spatialgan", "--out", str(tmp_path / "file")]) == 2
    assert "is a file: give a folder" in capsys.readouterr().err
    with pytest.raises(ValueError, match="choose of faces, things"):
        SketchRecipe(pictures="cats")


def test_a_list_of_recipes_is_short_and_whole():
    assert listed(["a_toy", "a_S", "b", "c_ablation_x_y_toy", "c_ablation_z_toy"]) == (
        "a_{toy, S}, b, c_ablation_{x_y, z}_toy"
    )
    assert len(listed(RECIPES)) < 500


def test_networks_are_those_of_the_row():
    assert isinstance(SketchTask(ablation("norm")).modules["generator"], SpatialGAN)
    assert not isinstance(SketchTask(ablation("no_heatmap")).modules["generator"], SpatialGAN)
