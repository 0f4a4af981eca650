"""EqGAN-SA behind the generator contract: pictures, edits, batches, links, checkpoints, deltas."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.checkpoints import CheckpointError, save
from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes, load_eqgan
from spatial_edit.layouts import Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.session import Session
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny() -> EqGANScenes:
    return EqGANScenes.tiny()


@pytest.fixture
def session(tiny) -> Session:
    return Session(lambda name: tiny, Store(), names=lambda number: tiny.spec.name)


def with_layout(scene: Scene, **changes: object) -> Scene:
    return replace(scene, layout=replace(scene.layout, **changes))


def moved(scene: Scene, index: int, dx: float, dy: float) -> Scene:
    centres = scene.layout.centres.clone()
    centres[index] += torch.tensor([dx, dy])
    return with_layout(scene, centres=centres)


def test_smoke_and_shapes(tiny):
    assert sum(p.numel() for p in tiny.model.parameters()) < 50_000
    scene = tiny.sample(3)
    assert isinstance(scene.layout, Heatmaps) and scene.model == tiny.spec.name == "eqgan-tiny"
    assert scene.weights == tiny.weights and scene.latent.seed == 3
    assert scene.layout.ids == tuple(range(7)) and scene.layout.levels == (0, 1, 1, 2, 2, 2, 2)
    assert len(scene.layout) == tiny.spec.max_elements
    picture = tiny.render(scene)
    assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
    assert picture.isfinite().all() and picture.abs().max() <= 1 and picture.std() > 0.01


def test_determinism(tiny):
    torch.manual_seed(1)
    a = tiny.sample(7, 0.25)
    torch.manual_seed(2)
    b = EqGANScenes.tiny().sample(7, 0.25)
    assert a.layout.same(b.layout) and a.latent.same(b.latent)
    assert torch.equal(tiny.render(a), tiny.render(b))
    other = tiny.sample(8, 0.25)
    assert not other.latent.same(a.latent) and not other.layout.same(a.layout)
    assert not torch.equal(EqGANScenes.tiny(1).render(a), tiny.render(a))


def test_truncation_pulls_the_code_to_the_mean(tiny):
    mean = tiny.inputs([tiny.sample(1, 1.0)])[0]
    assert torch.allclose(mean[0], tiny.model.w_mean, atol=1e-6)
    near, far = (tiny.inputs([tiny.sample(1, t)])[0] - mean for t in (0.9, 0.0))
    assert near.norm() < 0.2 * far.norm()
    assert tiny.sample(1, 0.9).layout.same(tiny.sample(1).layout)


def test_batch_is_within_rounding_of_one_by_one(tiny):
    scenes = [tiny.sample(seed) for seed in range(4)]
    scenes.append(with_layout(scenes[0], hidden=(True,) * 7))
    scenes.append(replace(scenes[1], layout=scenes[1].layout.select([0, 4])))
    scenes.append(tiny.sample(1, 0.5))
    together = tiny.render_batch(scenes)
    assert together.shape == (7, 3, 32, 32)
    for scene, picture in zip(scenes, together, strict=True):
        assert (tiny.render(scene) - picture).abs().max() < 1e-5


def test_every_centre_matters_and_only_its_place(tiny):
    scene = tiny.sample(3)
    plain = tiny.render(scene)
    for index in range(7):
        assert (tiny.render(moved(scene, index, 0.15, -0.1)) - plain).abs().max() > 1e-5, index
    sigmas = scene.layout.sigmas * 0.5
    assert not torch.equal(tiny.render(with_layout(scene, sigmas=sigmas)), plain)


def test_hidden_and_removed_look_alike(tiny):
    scene = tiny.sample(3)
    for at in (0, 1, 5):
        hide = with_layout(scene, hidden=tuple(k == at for k in range(7)))
        gone = replace(scene, layout=scene.layout.select([k for k in range(7) if k != at]))
        assert torch.equal(tiny.render(hide), tiny.render(gone))
        assert not torch.equal(tiny.render(scene), tiny.render(gone))


def test_order_does_not_matter_and_a_removed_centre_comes_back(tiny):
    scene = tiny.sample(3)
    turned = replace(scene, layout=scene.layout.select([6, 2, 4, 0, 1, 3, 5]))
    assert torch.equal(tiny.render(turned), tiny.render(scene))
    other_number = with_layout(scene, ids=(0, 1, 2, 3, 4, 5, 99))  # removed and added again elsewhere
    assert torch.equal(tiny.render(other_number), tiny.render(scene))


def test_gradients_reach_layout_and_code(tiny):
    scene = tiny.sample(3)
    leaves = [t.clone().requires_grad_() for t in (scene.layout.centres, scene.layout.sigmas)]
    rows = scene.latent.rows.clone().requires_grad_()
    live = with_layout(scene, centres=leaves[0], sigmas=leaves[1])
    codes, levels, noise = tiny.inputs([replace(live, latent=replace(scene.latent, rows=rows))])
    model = tiny.model
    model.synthesis(codes, model.synthesis.encode(model.maps(levels)), noise).square().mean().backward()
    for leaf in (*leaves, rows):
        assert leaf.grad.isfinite().all() and leaf.grad.abs().max() > 0


def test_checkpoint_round_trip(tiny, tmp_path):
    digest = save(tmp_path / "model", tiny.model, tiny.model.config.to_dict(), dtype=torch.float32)
    loaded = load_eqgan(replace(tiny.spec, folder=tmp_path / "model"))
    assert loaded.weights == digest[: len(loaded.weights)] and loaded.weights != tiny.weights
    assert loaded.model.config == tiny.model.config
    mine, theirs = tiny.model.state_dict(), loaded.model.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)
    assert torch.allclose(tiny.render(tiny.sample(4)), loaded.render(loaded.sample(4)), atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "stylegan2"},
        {"resolution": 24},
        {"resolution": 2**40},
        {"hidden": 10**9},
        {"centres": []},
        {"channels": [[4, 8]]},
        {"clamp": "loud"},
        {"heat_widths": [4]},
        {"mapping_layers": 65},
        {"centres": [1, 2, 4, 8]},
        {"centres": [1, 2, 1000]},
        {"z_dim": 8.0},
        {"fixed_noise": 1},
        {"more": 1},
    ],
)
def test_errors_of_a_configuration(tiny, tmp_path, change):
    save(tmp_path / "model", tiny.model, tiny.model.config.to_dict() | change, dtype=torch.float32)
    with pytest.raises(CheckpointError):
        load_eqgan(replace(tiny.spec, folder=tmp_path / "model"))


def test_link_round_trip_and_undo(session, tiny):
    first = session.generate(tiny.spec.name, 5, 0.125)
    edited = session.edit({"op": "move", "target": 0, "dx": 0.1, "dy": -0.05})
    assert not torch.equal(first.image, edited.image)
    opened = Session(lambda name: tiny, Store(), names=lambda n: tiny.spec.name).open(edited.code)
    assert torch.equal(opened.image, edited.image) and opened.scene.layout.same(edited.scene.layout)
    undone = session.undo()
    assert torch.equal(undone.image, first.image) and undone.code == first.code
    assert torch.equal(session.redo().image, edited.image)


def test_one_centre_too_many_is_told_and_changes_nothing(session, tiny):
    before = session.generate(tiny.spec.name, 5)
    session.edit({"op": "remove", "target": 6})
    with pytest.raises(ValueError, match="2 centres on level 0, this model takes 1"):
        session.edit({"op": "set", "target": 1, "level": 0})
    undone = session.undo()
    assert torch.equal(undone.image, before.image)


def test_delta_is_applied_and_leaves_the_model(tiny):
    scene = tiny.sample(3)
    name, weight = next((n, p) for n, p in tiny.model.synthesis.named_parameters() if n.startswith("rgbs"))
    plain = tiny.render(scene)
    tuned = replace(scene, delta=((name, torch.full_like(weight, 0.3).half()),))
    assert (tiny.render(tuned) - plain).abs().mean() > 1e-3
    assert torch.equal(tiny.render(scene), plain)
    with pytest.raises(ValueError, match="one batch"):
        tiny.render_batch([tuned, scene])


def test_errors(tiny):
    scene = tiny.sample(3)
    for seed in (-1, 2**32, 1.5, True, "7"):
        with pytest.raises(ValueError, match="seed"):
            tiny.sample(seed)
    for truncation in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            tiny.sample(0, truncation)
    with pytest.raises(ValueError, match="made for the model 'other'"):
        tiny.render(replace(scene, model="other"))
    with pytest.raises(ValueError, match="make it again"):
        tiny.render(replace(scene, latent=replace(scene.latent, rows=scene.latent.rows[:, :-1])))
    with pytest.raises(ValueError, match="5 centres on level 2, this model takes 4"):
        tiny.render(with_layout(scene, levels=(0, 1, 2, 2, 2, 2, 2)))
