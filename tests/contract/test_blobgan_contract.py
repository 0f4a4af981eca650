"""The rooms model behind the generator contract: pictures, edits, batches, links, checkpoints, deltas."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.blobgan.renderer import load_blob_generator
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.session import Session
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny() -> BlobGenerator:
    return BlobGenerator.tiny()


@pytest.fixture
def session(tiny) -> Session:
    return Session(lambda name: tiny, Store(), names=lambda number: tiny.spec.name)


def moved(scene: Scene, index: int, dx: float, dy: float) -> Scene:
    centres = scene.layout.centres.clone()
    centres[index] += torch.tensor([dx, dy])
    return replace(scene, layout=replace(scene.layout, centres=centres))


def full_scene(tiny: BlobGenerator) -> Scene:
    """The first seed with at least three blobs."""
    scenes = (tiny.sample(seed) for seed in range(20))
    return next(s for s in scenes if len(s.layout) >= 3)


def test_smoke_and_shapes(tiny):
    assert sum(p.numel() for p in tiny.model.parameters()) < 50_000
    scene = tiny.sample(3)
    assert isinstance(scene.layout, Blobs) and scene.model == tiny.spec.name == "blobgan-tiny"
    assert scene.weights == tiny.weights and scene.latent.seed == 3
    assert scene.layout.ids == tuple(range(len(scene.layout)))
    assert scene.latent.rows.shape[0] == len(tiny.spec.row_names)
    picture = tiny.render(scene)
    assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
    assert picture.isfinite().all() and picture.abs().max() <= 1 and picture.std() > 0.01


def test_determinism(tiny):
    torch.manual_seed(1)
    a = tiny.sample(7, 0.25)
    torch.manual_seed(2)
    b = BlobGenerator.tiny().sample(7, 0.25)
    assert a.layout.same(b.layout) and a.latent.same(b.latent)
    assert torch.equal(tiny.render(a), tiny.render(b))
    assert not tiny.sample(8, 0.25).latent.same(a.latent)
    assert not torch.equal(
        BlobGenerator.tiny(1).render(BlobGenerator.tiny(1).sample(7, 0.25)), tiny.render(a)
    )


def test_truncation_one_is_the_mean_scene(tiny):
    a, b = tiny.sample(1, 1.0), tiny.sample(2, 1.0)
    assert a.layout.same(b.layout) and torch.equal(a.latent.rows, b.latent.rows)
    near, far = (tiny.sample(1, t).latent.rows - a.latent.rows for t in (0.9, 0.0))
    assert near.norm() < far.norm()


def test_batch_is_within_rounding_of_one_by_one(tiny):
    scenes = [tiny.sample(seed) for seed in range(4)]
    hidden = replace(scenes[0].layout, hidden=(True,) * len(scenes[0].layout))
    scenes.append(replace(scenes[0], layout=hidden))  # the bare room among fuller ones
    together = tiny.render_batch(scenes)
    assert together.shape == (5, 3, 32, 32)
    for scene, picture in zip(scenes, together, strict=True):
        assert (tiny.render(scene) - picture).abs().max() < 1e-5
    assert len({len(s.layout.visible()) for s in scenes}) > 1  # padding was needed


def test_preview_is_near(tiny):
    scene = full_scene(tiny)
    assert (tiny.render(scene, preview=True) - tiny.render(scene)).abs().mean() < 0.02


def test_an_edit_changes_mostly_its_region(tiny):
    scene = full_scene(tiny)
    small = replace(scene, layout=replace(scene.layout, sizes=scene.layout.sizes * 0.6))
    layout = small.layout
    centres = layout.centres.clone()
    centres[-1] = torch.tensor([0.3, 0.3])
    small = replace(small, layout=replace(layout, centres=centres))
    edited = moved(small, -1, 0.1, 0.0)
    change = (tiny.render(edited) - tiny.render(small)).abs().mean(0)
    region = torch.zeros(32, 32, dtype=torch.bool)
    for opacity in (tiny.opacities([s], 32)[0][-1] for s in (small, edited)):
        region |= opacity > 0.1
    region = torch.nn.functional.max_pool2d(region[None].float(), 9, 1, 4)[0] > 0  # convolutions reach on
    assert region.float().mean() < 0.6
    assert change[region].mean() > 4 * change[~region].mean() and change.max() > 0.01


def test_hidden_and_removed_look_alike(tiny):
    scene = full_scene(tiny)
    hide = replace(scene.layout, hidden=(False,) * (len(scene.layout) - 1) + (True,))
    gone = scene.layout.select(list(range(len(scene.layout) - 1)))
    assert torch.equal(tiny.render(replace(scene, layout=hide)), tiny.render(replace(scene, layout=gone)))
    assert not torch.equal(tiny.render(scene), tiny.render(replace(scene, layout=gone)))


def test_gradients_reach_layout_and_appearance(tiny):
    scene = full_scene(tiny)
    centres = scene.layout.centres.clone().requires_grad_()
    rows = scene.latent.rows.clone().requires_grad_()
    live = replace(
        scene,
        layout=replace(scene.layout, centres=centres),
        latent=replace(scene.latent, rows=rows),
    )
    geometry, appearance, slots, background = tiny.inputs([live])
    tiny.model.decoder(geometry, appearance, slots, background).square().mean().backward()
    assert centres.grad.isfinite().all() and centres.grad.abs().max() > 0
    assert rows.grad.isfinite().all() and rows.grad.abs().max() > 0


def test_checkpoint_round_trip(tiny, tmp_path):
    digest = save(tmp_path / "model", tiny.model, tiny.model.config.to_dict(), dtype=torch.float32)
    loaded = load_blob_generator(replace(tiny.spec, folder=tmp_path / "model"))
    assert loaded.weights == digest[: len(loaded.weights)] and loaded.weights != tiny.weights
    mine, theirs = tiny.model.state_dict(), loaded.model.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)
    a, b = tiny.sample(4), loaded.sample(4)
    # weights read from a file lie elsewhere in memory, and the last bit of a sum depends on that
    assert torch.allclose(a.layout.centres, b.layout.centres, atol=1e-5)
    assert torch.allclose(a.latent.rows, b.latent.rows, atol=1e-5)
    assert torch.allclose(tiny.render(a), loaded.render(b), atol=1e-4)


def test_link_round_trip_and_undo(session, tiny):
    first = session.generate(tiny.spec.name, 5, 0.125)
    edited = session.edit({"op": "move", "target": 0, "dx": 0.1, "dy": -0.05})
    assert not torch.equal(first.image, edited.image)
    opened = Session(lambda name: tiny, Store(), names=lambda n: tiny.spec.name).open(edited.code)
    assert torch.equal(opened.image, edited.image) and opened.scene.layout.same(edited.scene.layout)
    undone = session.undo()
    assert torch.equal(undone.image, first.image) and undone.code == first.code
    assert torch.equal(session.redo().image, edited.image)


def test_delta_is_applied_and_leaves_the_model(tiny):
    scene = full_scene(tiny)
    name, weight = next((n, p) for n, p in tiny.model.decoder.named_parameters() if "to_rgb.weight" in n)
    plain = tiny.render(scene)
    tuned = replace(scene, delta=((name, torch.full_like(weight, 0.3).half()),))
    picture = tiny.render(tuned)
    assert (picture - plain).abs().mean() > 1e-3
    assert torch.equal(tiny.render(scene), plain)
    assert (tiny.render_batch([tuned, tuned])[1] - picture).abs().max() < 1e-5
    zero = replace(scene, delta=((name, torch.zeros_like(weight).half()),))
    assert torch.equal(tiny.render(zero), plain)
    with pytest.raises(ValueError, match="one batch"):
        tiny.render_batch([tuned, scene])


def test_errors(tiny):
    scene = full_scene(tiny)
    for seed in (-1, 2**32, 1.5, True, "7"):
        with pytest.raises(ValueError, match="seed"):
            tiny.sample(seed)
    for truncation in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            tiny.sample(0, truncation)
    with pytest.raises(ValueError, match="made for the model 'other'"):
        tiny.render(replace(scene, model="other"))
    narrow = replace(scene.latent, rows=scene.latent.rows[:, :-1])
    with pytest.raises(ValueError, match="other weights"):
        tiny.render(replace(scene, latent=narrow))
    lost = replace(scene.layout, rows=(99,) * len(scene.layout))
    with pytest.raises(ValueError, match="asks for appearance 99"):
        tiny.render(replace(scene, layout=lost))
