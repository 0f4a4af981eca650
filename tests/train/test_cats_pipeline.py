"""The cats' recipes from photos to a checkpoint folder: learns and steers, resumes, equal sizes, errors."""

from __future__ import annotations

import dataclasses
import json
import time
import zipfile

import pytest
import torch

from spatial_edit.checkpoints import load, read_config
from spatial_edit.cli import main
from spatial_edit.data.drawn import face_photos
from spatial_edit.generators.spatialgan.config_json import config_from_json
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.generators.stylegan2 import (
    StyleGAN2Generator,
    build_discriminator,
    discriminator_from_json,
)
from spatial_edit.generators.stylegan2 import (
    config_from_json as plain_from_json,
)
from spatial_edit.images import save_png
from spatial_edit.train import cats_pipeline, run_recipe
from spatial_edit.train.cats_pipeline import photos_of, train_cats
from spatial_edit.train.recipes import RECIPES
from spatial_edit.train.scenes import as_float
from spatial_edit.train.spatial_recipes import (
    spatialgan_cats_M,
    spatialgan_cats_S,
    spatialgan_cats_toy,
    stylegan2_cats_toy,
)

SECONDS = 60.0  # of one core, what a toy recipe may take


def short(recipe, **changes):
    """A recipe of a few steps."""
    stage = dataclasses.replace
    return dataclasses.replace(
        recipe,
        cats=dataclasses.replace(recipe.cats, views=2, batch=8),
        drawn=32,
        quiet=True,
        supervised=stage(recipe.supervised, images=32),
        adversarial=stage(recipe.adversarial, images=16),
        encoder=stage(recipe.encoder, images=64),
        **changes,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """spatialgan_cats_toy, all stages, and the CPU seconds it took."""
    out = tmp_path_factory.mktemp("cats")
    start = time.process_time()
    figures = run_recipe("spatialgan_cats_toy", out=out, overrides={"quiet": True}, cpu=True)
    return out, figures, time.process_time() - start


def test_toy_ends_in_time_and_the_heatmap_steers(trained):
    _, figures, seconds = trained
    print(f"{seconds:.1f} s of CPU, l1 {figures['adversarial_l1']:.3f}, steering {figures['steering']:.2f}")
    assert seconds < SECONDS
    assert figures["supervised_l1"] < 0.2 and figures["adversarial_l1"] < 0.18  # 0.35 for mean colours
    assert figures["steering"] > 0.7
    assert figures["encoder_held_out_centres"] < 0.09  # 0.13 for the mean of all centres


def test_toy_leaves_a_model_that_opens(trained):
    out, figures, _ = trained
    assert json.loads((out / "results.json").read_text()) == figures
    network, config, _ = load(out / "model", lambda data: SpatialGAN(config_from_json(data)))
    wanted = spatialgan_cats_toy().cats.spatial
    assert config["kind"] == "spatialgan" and config_from_json(config) == wanted
    assert network.w_mean.abs().sum() > 0 and network.points_factor.abs().sum() > 0
    assert read_config(out / "model" / "encoder")["kind"] == "photo-encoder"
    judge, _, _ = load(
        out / "model" / "discriminator", lambda data: build_discriminator(discriminator_from_json(data))
    )
    logits = judge(as_float(face_photos(8, 5, 32)))
    assert logits.shape == (8, 1) and logits.isfinite().all()


def test_the_baseline_differs_in_its_network_alone():
    for size in ("toy", "S", "M"):
        ours, plain = (RECIPES[f"{family}_cats_{size}"][0]() for family in ("spatialgan", "stylegan2"))
        assert plain.cats.spatial is None
        assert (
            dataclasses.replace(plain, cats=dataclasses.replace(plain.cats, spatial=ours.cats.spatial))
            == ours
        )
        counts = [
            sum(p.numel() for p in network.parameters())
            for network in (SpatialGAN(ours.cats.spatial), StyleGAN2Generator(plain.cats.plain))
        ]
        assert max(counts) / min(counts) < 1.1, (size, counts)
        assert ours.cats.plain.resolution == ours.cats.resolution
        assert ours.cats.plain.z_dim == ours.cats.spatial.z_dim


def test_stylegan2_toy_trains_and_leaves_its_model(tmp_path):
    figures = train_cats(short(stylegan2_cats_toy()), 1.0, tmp_path, False)
    assert figures["adversarial_images"] == 16 and "steering" not in figures
    network, config, _ = load(tmp_path / "model", lambda data: StyleGAN2Generator(plain_from_json(data)))
    assert config["kind"] == "stylegan2" and network.w_mean.abs().sum() > 0
    assert (tmp_path / "model" / "discriminator").is_dir() and not (tmp_path / "model" / "encoder").exists()


def weights(folder) -> dict[str, torch.Tensor]:
    return load(folder, lambda data: SpatialGAN(config_from_json(data)))[0].state_dict()


def test_an_interrupted_run_ends_as_a_whole_one(tmp_path, monkeypatch):
    recipe = short(spatialgan_cats_toy())
    train_cats(recipe, 1.0, tmp_path / "whole", False)
    real, begun = cats_pipeline.run, []

    def stops(task, plan):
        begun.append(plan.out.name)
        if plan.out.name == "adversarial":
            raise KeyboardInterrupt
        return real(task, plan)

    monkeypatch.setattr(cats_pipeline, "run", stops)
    with pytest.raises(KeyboardInterrupt):
        train_cats(recipe, 1.0, tmp_path / "parts", False)
    assert begun == ["supervised", "adversarial"] and not (tmp_path / "parts" / "model").exists()

    monkeypatch.setattr(cats_pipeline, "run", real)
    train_cats(recipe, 1.0, tmp_path / "parts", True)
    whole = weights(tmp_path / "whole" / "model")
    again = weights(tmp_path / "parts" / "model")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_later_runs_give_the_first_stage_s_time_to_the_second(tmp_path, monkeypatch):
    plans = []
    real = cats_pipeline.run

    def noted(task, plan):
        plans.append((plan.out.name, plan.minutes))
        return real(task, dataclasses.replace(plan, images=16))

    monkeypatch.setattr(cats_pipeline, "run", noted)
    recipe = short(spatialgan_cats_toy())
    train_cats(recipe, 10.0, tmp_path, False)
    train_cats(recipe, 10.0, tmp_path, True)
    assert plans[:3] == [("supervised", 5.0), ("adversarial", 3.0), ("encoder", 2.0)]
    assert plans[3:] == [("adversarial", 8.0), ("encoder", 2.0)]


def test_photos_from_a_folder_and_from_a_zip(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for i, picture in enumerate(face_photos(26, 1, 40)):
        save_png(as_float(picture), folder / f"{i:02d}.png")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    recipe = dataclasses.replace(spatialgan_cats_toy(), photos=str(folder))
    pictures = photos_of(recipe)
    assert pictures.shape == (26, 3, 48, 48) and pictures.dtype == torch.uint8
    zipped = dataclasses.replace(recipe, photos=str(tmp_path / "set.zip"))
    assert torch.equal(pictures, photos_of(zipped))
    figures = train_cats(short(zipped), 1.0, tmp_path / "run", False)
    assert figures["encoder_images"] == 64 and "steering" not in figures  # only drawn faces can be measured


def test_errors(tmp_path, monkeypatch, capsys):
    assert main(["train", "spatialgan_cats_S", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "--set photos=PATH, a folder or a zip" in said and "AFHQ" in said and "CC BY-NC 4.0" in said
    assert said.count("\n") == 1

    missing = dataclasses.replace(spatialgan_cats_S(), photos=str(tmp_path / "none"))
    with pytest.raises(ValueError, match="there is no folder or zip"):
        photos_of(missing)
    folder = tmp_path / "few"
    folder.mkdir()
    for i, picture in enumerate(face_photos(3, 1, 40)):
        save_png(as_float(picture), folder / f"{i}.png")
    few = dataclasses.replace(spatialgan_cats_toy(), photos=str(folder))
    with pytest.raises(ValueError, match="holds 3 photos: this recipe needs 24 or more"):
        photos_of(few)
    monkeypatch.setattr(cats_pipeline, "MOST_BYTES", 2 * 3 * 32**2 * 5)
    many = dataclasses.replace(few, cats=dataclasses.replace(few.cats, spatial=None, plain=_small_z(few)))
    with pytest.raises(ValueError, match="holds 26 photos: at most 2 fit into memory"):
        for i, picture in enumerate(face_photos(23, 2, 40)):
            save_png(as_float(picture), folder / f"more{i}.png")
        photos_of(many)
    (folder / "broken.png").write_bytes(b"\x89PNG not")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"broken\.png"):
        photos_of(few)


def _small_z(recipe):
    return dataclasses.replace(recipe.cats.plain, z_dim=16)


def test_sizes():
    for make, side in ((spatialgan_cats_toy, 32), (spatialgan_cats_S, 64), (spatialgan_cats_M, 128)):
        recipe = make()
        assert recipe.cats.resolution == side
        assert {s for s, _ in recipe.cats.adversary.channels} == {
            4 << i for i in range(side.bit_length() - 2)
        }
        assert all(grown < side for grown, _ in recipe.cats.growth)
        shares = recipe.supervised.share + recipe.adversarial.share + recipe.encoder.share
        assert shares == pytest.approx(1)
    assert not spatialgan_cats_S().drawn and not spatialgan_cats_M().drawn  # photos or nothing
