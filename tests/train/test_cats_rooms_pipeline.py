"""The recipes of rooms with objects from nothing to a checkpoint folder, a few steps of them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from spatial_edit.checkpoints import load
from spatial_edit.generators.spatialgan.config_json import config_from_json, config_to_json
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.train.recipes import RECIPES
from spatial_edit.train.spatial_recipes import spatialgan_rooms_toy
from spatial_edit.train.spatial_rooms_pipeline import train_rooms_objects


def test_a_few_steps_leave_a_model_that_opens_and_resumes(tmp_path):
    toy = spatialgan_rooms_toy()
    recipe = dataclasses.replace(
        toy,
        rooms=dataclasses.replace(toy.rooms, rooms=32, batch=8),
        quiet=True,
        supervised=dataclasses.replace(toy.supervised, images=16),
        adversarial=dataclasses.replace(toy.adversarial, images=16),
    )
    figures = train_rooms_objects(recipe, 1.0, tmp_path, False, lambda text: None)
    assert figures["supervised_images"] == figures["adversarial_images"] == 16
    network, config, digest = load(tmp_path / "model", lambda data: SpatialGAN(config_from_json(data)))
    assert config["indoor"] and config["centres"] == [3]
    assert all(v.isfinite().all() for v in network.state_dict().values() if v.is_floating_point())
    assert (tmp_path / "model" / "discriminator" / "config.json").exists()

    again = train_rooms_objects(recipe, 1.0, tmp_path, True, lambda text: None)
    assert "supervised_images" not in again and again["adversarial_images"] == 16
    resumed, _, same = load(tmp_path / "model", lambda data: SpatialGAN(config_from_json(data)))
    assert same == digest
    assert torch.equal(resumed.synthesis.const, network.synthesis.const)


@pytest.mark.parametrize("size", ["toy", "S", "M"])
def test_sizes(size):
    recipe = RECIPES[f"spatialgan_rooms_{size}"][0]()
    rooms = recipe.rooms
    assert rooms.resolution == {"toy": 32, "S": 64, "M": 128}[size] == rooms.spatial.encoded
    assert there_and_back(rooms.spatial) == rooms.spatial
    assert all(side < rooms.resolution for side, _ in rooms.growth)
    assert recipe.supervised.share + recipe.adversarial.share == pytest.approx(1)


def there_and_back(config):
    return config_from_json(config_to_json(config))
