"""GANformer behind the generator contract: pictures of seeds, batches, maps, checkpoints, errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.generators import registry
from spatial_edit.generators.ganformer import GANformerScenes, load_ganformer
from spatial_edit.generators.ganformer.config import config_to_json
from spatial_edit.layouts import Layout


@pytest.fixture(scope="module")
def tiny() -> GANformerScenes:
    return GANformerScenes.tiny()


def test_smoke_and_shapes(tiny):
    scene = tiny.sample(3)
    assert scene.model == tiny.spec.name == "ganformer-tiny" and scene.weights == tiny.weights
    assert scene.layout.same(Layout()) and tiny.spec.kind == ""
    assert scene.latent.rows.shape == (4, 8) and scene.latent.seed == 3
    picture = tiny.render(scene)
    assert picture.shape == (3, 16, 16) and picture.dtype == torch.float32
    assert picture.isfinite().all() and picture.abs().max() <= 1 and picture.std() > 0.01
    assert torch.equal(tiny.render(scene, preview=True), picture)
    assert registry._LOADERS["ganformer"] is load_ganformer


def test_determinism(tiny):
    torch.manual_seed(1)
    a = tiny.sample(7, 0.25)
    torch.manual_seed(2)
    again = GANformerScenes.tiny()
    assert again.sample(7, 0.25).latent.same(a.latent)
    assert torch.equal(tiny.render(a), again.render(a)) and torch.equal(tiny.render(a), tiny.render(a))
    assert not torch.allclose(tiny.render(tiny.sample(8, 0.25)), tiny.render(a), atol=1e-2)
    assert not torch.allclose(GANformerScenes.tiny(1).render(a), tiny.render(a), atol=1e-2)


def test_the_seed_gives_the_noise_too(tiny):
    scene = tiny.sample(5)
    other = replace(scene, latent=replace(scene.latent, seed=6))
    assert not torch.equal(tiny.render(scene), tiny.render(other))


def test_batch_is_within_rounding_of_one_by_one(tiny):
    scenes = [tiny.sample(seed, 0.5) for seed in range(4)]
    together = tiny.render_batch(scenes)
    assert together.shape == (4, 3, 16, 16)
    for scene, picture in zip(scenes, together, strict=True):
        assert (tiny.render(scene) - picture).abs().max() < 1e-5


def test_what_pixels_look_at(tiny):
    maps = tiny.attention(tiny.sample(2))
    assert [None if m is None else tuple(m.shape) for m in maps] == [
        (1, 4, 4, 3), (1, 8, 8, 3), (1, 8, 8, 3), None, None,
    ]  # fmt: skip
    for found in maps[:3]:
        assert torch.allclose(found.sum(-1), torch.ones(found.shape[:-1]), atol=1e-6)


def test_checkpoint_round_trip(tiny, tmp_path):
    digest = save(tmp_path / "mine", tiny.model, config_to_json(tiny.model.config), dtype=torch.float32)
    loaded = load_ganformer(replace(tiny.spec, folder=tmp_path / "mine"))
    assert loaded.weights == digest and loaded.model.config == tiny.model.config
    scene = tiny.sample(4, 0.25)
    assert torch.allclose(loaded.render(scene), tiny.render(scene), atol=1e-5)
    assert torch.equal(loaded.model.synthesis.layers[1].grid, tiny.model.synthesis.layers[1].grid)


def test_errors(tiny):
    scene = tiny.sample(0)
    for seed in (-1, 2**32, 1.5, True, "7"):
        with pytest.raises(ValueError, match="seed"):
            tiny.sample(seed)
    for truncation in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            tiny.sample(0, truncation)
    with pytest.raises(ValueError, match="made for the model 'other'"):
        tiny.render(replace(scene, model="other"))
    with pytest.raises(ValueError, match="other weights"):
        tiny.render(replace(scene, latent=replace(scene.latent, rows=torch.zeros(1, 8))))
    with pytest.raises(ValueError, match="one batch"):
        tiny.render_batch([scene, tiny.sample(0, 0.5)])
    with pytest.raises(ValueError, match="no folder"):
        load_ganformer(tiny.spec)
