"""The registry: names, numbers, what can be edited, and the baseline behind the contract."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spatial_edit.data.rooms.blob_truth import SLOT_NAMES, STANDS_ON
from spatial_edit.generators import registry
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator, config_from_json
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.session import Session


@pytest.fixture
def baseline() -> StyleGAN2Scenes:
    torch.manual_seed(0)
    model = StyleGAN2Generator(StyleGAN2Config.tiny())
    model.measure_mean(64, torch.Generator().manual_seed(0))
    spec = replace(registry.MODELS["stylegan2-rooms"], resolution=32)
    return StyleGAN2Scenes(model, spec, "0" * 16)


def test_numbers_words_of_the_slots_are_those_of_the_ground_truth() -> None:
    assert registry.ROOM_SLOTS == SLOT_NAMES


def test_numbers_are_unique_and_fit_in_a_byte() -> None:
    numbers = [spec.number for spec in registry.MODELS.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(1 <= number <= 255 for number in numbers)
    assert all(registry.by_number(spec.number) is spec for spec in registry.MODELS.values())


def test_errors_name_what_there_is() -> None:
    with pytest.raises(ValueError, match="blobgan-rooms"):
        registry.load("no such model")
    with pytest.raises(ValueError, match="254"):
        registry.by_number(254)


def test_smoke_only_models_with_a_layout_are_editable() -> None:
    assert "blobgan-rooms" in registry.editable()
    assert "stylegan2-rooms" not in registry.editable()


def test_a_model_without_a_layout_has_links_too(baseline: StyleGAN2Scenes) -> None:
    """The code of a seed opens as the same picture, bit for bit."""
    session = Session(lambda name: baseline, names=lambda number: "stylegan2-rooms")
    frame = session.generate("stylegan2-rooms", 3)
    again = Session(lambda name: baseline, names=lambda number: "stylegan2-rooms").open(frame.code)
    assert torch.equal(again.image, frame.image)


def test_determinism_of_the_baseline(baseline: StyleGAN2Scenes) -> None:
    scene = baseline.sample(7)
    picture = baseline.render(scene)
    assert picture.shape == (3, 32, 32) and picture.abs().max() <= 1
    assert torch.equal(picture, baseline.render(baseline.sample(7)))
    assert not torch.equal(picture, baseline.render(baseline.sample(8)))
    together = baseline.render_batch([baseline.sample(8), scene])
    assert (together[1] - picture).abs().max() < 1e-5


def test_numbers_truncation_one_is_the_mean_code(baseline: StyleGAN2Scenes) -> None:
    first, second = baseline.sample(1, 1.0), baseline.sample(2, 1.0)
    same_noise = replace(second, latent=replace(second.latent, seed=1))
    assert torch.equal(baseline.render(first), baseline.render(same_noise))


def test_errors_of_the_baseline(baseline: StyleGAN2Scenes) -> None:
    with pytest.raises(ValueError, match="truncation"):
        baseline.sample(1, 1.5)
    with pytest.raises(ValueError, match="seed"):
        baseline.sample(-1)
    with pytest.raises(ValueError, match="made for the model"):
        baseline.render(replace(baseline.sample(1), model="another"))
    with pytest.raises(ValueError, match="describes"):
        config_from_json({"kind": "judge"})
    with pytest.raises(ValueError, match="incomplete"):
        config_from_json({"kind": "stylegan2"})


def test_numbers_what_stands_on_what_is_that_of_the_ground_truth() -> None:
    assert registry.ROOM_STANDS == STANDS_ON


def test_numbers_every_family_has_one_kind_of_layout() -> None:
    assert set(registry.KINDS) == set(registry._LOADERS) and not set(registry.NETWORKS) & set(registry.KINDS)
    for spec in registry.MODELS.values():
        registry.check_row(spec)


def test_errors_rows_from_elsewhere() -> None:
    spec = registry.MODELS["stylegan2-rooms"]
    with pytest.raises(ValueError, match="family 'diffusion', which is unknown here"):
        registry.check_row(replace(spec, family="diffusion"))
    with pytest.raises(ValueError, match="says that its layout is 'blobs': stylegan2 has another"):
        registry.check_row(replace(spec, kind="blobs"))
    for family in registry.NETWORKS:
        registry.check_row(replace(spec, family=family))
        with pytest.raises(ValueError, match="layout"):
            registry.check_row(replace(spec, family=family, kind="blobs"))


def test_errors_a_network_draws_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(registry.MODELS["stylegan2-rooms"], name="lpips", family="backbone")
    monkeypatch.setitem(registry.MODELS, "lpips", spec)
    with pytest.raises(ValueError, match="lpips is a network of the family 'backbone': it draws no pictures"):
        registry.load("lpips")


def test_a_model_is_loaded_once_while_its_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(registry.CHECKPOINTS / "stylegan2-rooms", folder)
    spec = replace(registry.MODELS["stylegan2-rooms"], name="mine", folder=folder)
    monkeypatch.setattr(registry, "all_models", lambda: {"mine": spec})
    first = registry.load("mine")
    assert registry.load("mine") is first
    (folder / "metrics.json").write_text("{}")  # says nothing about the weights
    assert registry.load("mine") is first
    text = (folder / "config.json").read_text()
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(text)  # as written with other weights
    assert registry.load("mine") is not first
    (folder / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"config\.json"):
        registry.load("mine")
    (folder / "config.json").write_text(text)
    assert registry.load("mine").weights == first.weights
    registry.forget("mine")
    assert not [key for key in registry._loaded if key[0] == "mine"]
