"""The published BlobGAN behind the generator contract, as `test_blobgan_contract` has it for rooms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.generators.blobgan.published_files import encoder_config, model_config
from spatial_edit.generators.blobgan.published_scenes import (
    EDITS,
    ENCODER_FOLDER,
    PublishedScenes,
    load_published,
)
from spatial_edit.generators.contract import Painter
from spatial_edit.layouts import Blobs, Scene, Source
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.seeds import normals
from spatial_edit.session import Session
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny() -> PublishedScenes:
    return PublishedScenes.tiny()


@pytest.fixture
def session(tiny) -> Session:
    return Session(lambda name: tiny, Store(), names=lambda number: tiny.spec.name)


def moved(scene: Scene, index: int, dx: float, dy: float) -> Scene:
    centres = scene.layout.centres.clone()
    centres[index] += torch.tensor([dx, dy])
    return replace(scene, layout=replace(scene.layout, centres=centres))


def test_smoke_and_shapes(tiny):
    assert sum(p.numel() for p in tiny.model.parameters()) < 50_000
    scene = tiny.sample(3)
    assert isinstance(scene.layout, Blobs) and scene.model == tiny.spec.name and scene.weights == tiny.weights
    assert scene.layout.ids == scene.layout.rows == tuple(range(5))
    assert scene.latent.rows.shape == (5, 24) and scene.latent.background.shape == (24,)
    picture = tiny.render(scene)
    assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
    assert picture.isfinite().all() and picture.abs().max() <= 1 and picture.std() > 0.01
    assert not isinstance(tiny, Painter)  # it has no colours to tell


@pytest.mark.parametrize("seed", [0, 3, 4294967295])
@pytest.mark.parametrize("truncation", [0.0, 0.4])
def test_numbers_the_unedited_scene_is_the_published_picture(tiny, seed, truncation):
    sides = tiny.model.generator.noise_sides
    z, *noise = normals(seed, [(1, 16), *[(1, 1, r, r) for r in sides]])
    with torch.no_grad():
        published = tiny.model(z, noise, truncation, tiny.model.mean).clamp(-1, 1)[0]
    assert (tiny.render(tiny.sample(seed, truncation)) - published).abs().max() < 1e-5


def test_a_blob_that_is_put_away_is_no_element_and_is_not_missed(tiny):
    model = PublishedScenes.tiny().model
    with torch.no_grad():
        model.layout_net.mlp[-1].bias[3] = -6.5 / 0.01  # the score of blob 2
        model.layout_net.mlp[-1].weight[3] = 0
    generator = PublishedScenes(model, tiny.spec, tiny.weights)
    scene = generator.sample(1)
    assert scene.layout.rows == scene.layout.ids == (0, 1, 3, 4) and len(scene.latent.rows) == 5
    z, *noise = normals(1, [(1, 16), *[(1, 1, r, r) for r in model.generator.noise_sides]])
    with torch.no_grad():
        published = model(z, noise).clamp(-1, 1)[0]
    assert 0 < (generator.render(scene) - published).abs().max() < 2 / 255


def test_determinism(tiny):
    torch.manual_seed(1)
    a = tiny.sample(7, 0.25)
    torch.manual_seed(2)
    b = PublishedScenes.tiny().sample(7, 0.25)
    assert a.layout.same(b.layout) and a.latent.same(b.latent)
    assert torch.equal(tiny.render(a), tiny.render(b))
    assert not tiny.sample(8, 0.25).latent.same(a.latent)
    other = replace(a, latent=replace(a.latent, seed=8))
    assert not torch.equal(tiny.render(other), tiny.render(a))  # the noise is that of the seed


def test_truncation_one_is_the_mean_scene(tiny):
    a, b = tiny.sample(1, 1.0), tiny.sample(2, 1.0)
    assert a.layout.same(b.layout) and torch.equal(a.latent.rows, b.latent.rows)
    near, far = (tiny.sample(1, t).latent.rows - a.latent.rows for t in (0.9, 0.0))
    assert near.norm() < far.norm()


def test_batch_is_within_rounding_of_one_by_one(tiny):
    scenes = [tiny.sample(seed) for seed in range(3)]
    scenes.append(replace(scenes[0], layout=scenes[0].layout.select([])))  # the background alone
    scenes.append(replace(scenes[1], layout=scenes[1].layout.select([0, 4])))
    together = tiny.render_batch(scenes)
    assert together.shape == (5, 3, 32, 32)
    for scene, picture in zip(scenes, together, strict=True):
        assert (tiny.render(scene) - picture).abs().max() < 1e-5


def test_preview_is_near(tiny):
    scene = tiny.sample(0)
    difference = (tiny.render(scene, preview=True) - tiny.render(scene)).abs()
    assert 0 < difference.mean() < 0.02


def test_an_edit_changes_mostly_its_region(tiny):
    scene = tiny.sample(0)
    sizes = scene.layout.sizes * 0.5
    centres = scene.layout.centres.clone()
    centres[-1] = torch.tensor([0.3, 0.3])
    small = replace(scene, layout=replace(scene.layout, sizes=sizes, centres=centres))
    edited = moved(small, -1, 0.12, 0.0)
    change = (tiny.render(edited) - tiny.render(small)).abs().mean(0)
    region = torch.zeros(32, 32, dtype=torch.bool)
    for opacity in (tiny.opacities([s], 32)[0][-1] for s in (small, edited)):
        region |= opacity > 0.1
    region = torch.nn.functional.max_pool2d(region[None].float(), 9, 1, 4)[0] > 0
    assert region.float().mean() < 0.7
    assert change[region].mean() > 3 * change[~region].mean() and change.max() > 0.01


def test_opacities_at_another_side_are_the_same_ellipses(tiny):
    scene = tiny.sample(2)
    fine, coarse = tiny.opacities([scene], 128)[0], tiny.opacities([scene], 32)[0]
    pooled = torch.nn.functional.avg_pool2d(fine, 4)
    assert coarse.shape == (5, 32, 32) and (pooled - coarse).abs().max() < 0.02


def test_opacity_fades_to_nothing(tiny):
    scene = tiny.sample(0)
    gone = replace(scene, layout=scene.layout.select([0, 1, 3, 4]))
    clear = replace(scene, layout=replace(scene.layout, opacities=(1.0, 1.0, 0.0, 1.0, 1.0)))
    half = replace(scene, layout=replace(scene.layout, opacities=(1.0, 1.0, 0.5, 1.0, 1.0)))
    pictures = [tiny.render(s) for s in (gone, clear, half, scene)]
    assert torch.allclose(pictures[0], pictures[1], atol=1e-5)
    assert not torch.allclose(pictures[2], pictures[0], atol=1e-3)
    assert not torch.allclose(pictures[2], pictures[3], atol=1e-3)


def test_hidden_and_removed_look_alike(tiny):
    scene = tiny.sample(0)
    hide = replace(scene.layout, hidden=(False,) * 4 + (True,))
    gone = scene.layout.select([0, 1, 2, 3])
    assert torch.equal(tiny.render(replace(scene, layout=hide)), tiny.render(replace(scene, layout=gone)))
    assert not torch.equal(tiny.render(scene), tiny.render(replace(scene, layout=gone)))


def test_gradients_reach_layout_and_appearance(tiny):
    scene = tiny.sample(0)
    free = {name: getattr(scene.layout, name).clone().requires_grad_() for name in ("centres", "sizes")}
    free |= {name: getattr(scene.layout, name).clone().requires_grad_() for name in ("aspects", "angles")}
    rows = scene.latent.rows.clone().requires_grad_()
    live = replace(scene, layout=replace(scene.layout, **free), latent=replace(scene.latent, rows=rows))
    tiny.model.generator(*tiny.inputs([live])).square().mean().backward()
    for value in (*free.values(), rows):
        assert value.grad.isfinite().all() and value.grad.abs().max() > 0


def test_checkpoint_round_trip_with_encoder(tiny, tmp_path):
    folder = tmp_path / "model"
    digest = save(folder, tiny.model, model_config(tiny.model.config), dtype=torch.float32)
    loaded = load_published(replace(tiny.spec, folder=folder))
    assert loaded.weights == digest and not loaded.has_encoder
    a, b = tiny.sample(4, 0.5), loaded.sample(4, 0.5)
    assert torch.allclose(a.latent.rows, b.latent.rows, atol=1e-5)
    assert torch.allclose(tiny.render(a), loaded.render(b), atol=1e-4)
    with pytest.raises(ValueError, match="no encoder: import its"):
        loaded.encode(torch.zeros(3, 32, 32))

    channels, outputs = {4: 4, 8: 4, 16: 4, 32: 4}, tiny.model.layout_net.outputs
    encoder = Discriminator(32, channels, group=0, outputs=outputs)
    save(folder / ENCODER_FOLDER, encoder, encoder_config(32, channels, outputs), dtype=torch.float32)
    with_encoder = load_published(replace(tiny.spec, folder=folder))
    assert with_encoder.has_encoder and with_encoder.weights == digest
    picture = tiny.render(a)
    scene = with_encoder.encode(picture)
    with torch.no_grad():
        published = tiny.model.layout_of_raw(encoder(picture[None]))
        drawn = tiny.model.decode(published, [n for n in normals(0, [(1, 16), *_noise_shapes(tiny)])[1:]])
    assert scene.latent.seed == 0 and (with_encoder.render(scene) - drawn.clamp(-1, 1)[0]).abs().max() < 1e-4

    other = Discriminator(32, channels, group=0, outputs=outputs + 1)
    save(folder / ENCODER_FOLDER, other, encoder_config(32, channels, outputs + 1), dtype=torch.float32)
    with pytest.raises(ValueError, match="belongs to another model"):
        load_published(replace(tiny.spec, folder=folder)).encode(picture)


def _noise_shapes(tiny):
    return [(1, 1, r, r) for r in tiny.model.generator.noise_sides]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "stylegan2"}, "describes 'stylegan2'"),
        ({"ab_norm": None}, "ab_norm"),
        ({"blobs": 0}, "blobs is 0"),
        ({"hidden_dim": 10**9}, "hidden_dim"),
        ({"resolution": 48}, "power of two"),
        ({"lr_mul": float("inf")}, "lr_mul|JSON"),
        ({"norm_features": 1}, "norm_features"),
    ],
)
def test_errors_config(tiny, tmp_path, change, message):
    config = model_config(tiny.model.config) | change
    with pytest.raises(ValueError, match=message):
        save(tmp_path / "model", tiny.model, config)
        load_published(replace(tiny.spec, folder=tmp_path / "model"))


def test_link_round_trip_and_undo(session, tiny):
    first = session.generate(tiny.spec.name, 5, 0.125)
    edited = session.edit({"op": "move", "target": 0, "dx": 0.1, "dy": -0.05})
    assert not torch.equal(first.image, edited.image)
    opened = Session(lambda name: tiny, Store(), names=lambda n: tiny.spec.name).open(edited.code)
    assert torch.equal(opened.image, edited.image) and opened.scene.layout.same(edited.scene.layout)
    undone = session.undo()
    assert torch.equal(undone.image, first.image) and undone.code == first.code


STEPS = {
    "opacity": {"op": "opacity", "target": 4, "value": 0.3},
    "restyle": {"op": "restyle", "target": 4, "row": 2, "seed": 9},
    "swap": {"op": "swap", "target": 3, "with": 4},
    "add": {"op": "add", "row": 1, "x": 0.5, "y": 0.5, "size": 0.2, "aspect": 1.0, "angle": 0.0},
    "background": {"op": "background", "seed": 9},
    "appearance": {"op": "appearance", "seed": 9, "share": 0.5},
    "relayout": {"op": "relayout", "seed": 11},
    "truncate": {"op": "truncate", "amount": 0.5},
}


@pytest.mark.parametrize("op", STEPS)
def test_edits_change_the_picture_and_travel_in_links(session, tiny, op):
    before = session.generate(tiny.spec.name, 5)
    after = session.edit(STEPS[op])
    assert (after.image - before.image).abs().mean() > 1e-4
    opened = Session(lambda name: tiny, Store(), names=lambda n: tiny.spec.name).open(after.code)
    assert torch.equal(opened.image, after.image)


def test_mix_unstyle_and_morph(session, tiny):
    own = session.generate(tiny.spec.name, 5)
    session.edit(STEPS["restyle"])
    half = session.edit({"op": "mix", "target": 4, "share": 0.5})
    assert half.scene.layout.sources[4] == Source(9, 2, 0.5)
    assert torch.equal(session.edit({"op": "unstyle", "target": 4}).image, own.image)
    other = Session(lambda name: tiny, Store(), names=lambda n: tiny.spec.name).generate(tiny.spec.name, 9)
    there = session.edit({"op": "morph", "code": other.code, "share": 1.0})
    # everything but the noise is the other scene's
    likeness = (there.image - other.image).abs().mean()
    assert likeness < 0.3 * (own.image - other.image).abs().mean()
    assert set(STEPS) | {"mix", "unstyle", "morph"} == set(EDITS)


def test_colours_and_completion_are_refused_in_a_sentence(session, tiny):
    session.generate(tiny.spec.name, 5)
    for edit in (
        {"op": "recolour", "target": 1, "colour": "#ff0000"},
        {"op": "surface", "surface": "floor", "colour": "#ff0000"},
        {"op": "complete", "keep": [1], "seed": 3},
    ):
        with pytest.raises(ValueError, match="published-tiny"):
            session.edit(edit)
    scene = tiny.sample(1)
    painted = replace(scene, layout=replace(scene.layout, colours=((1, 2, 3), None, None, None, None)))
    with pytest.raises(ValueError, match="no literal colours"):
        tiny.render(painted)


def test_delta_is_applied_and_leaves_the_model(tiny):
    scene = tiny.sample(0)
    name, weight = "to_rgb1.bias", tiny.model.generator.to_rgb1.bias
    plain = tiny.render(scene)
    tuned = replace(scene, delta=((name, torch.full_like(weight, 0.3).half()),))
    assert (tiny.render(tuned) - plain).abs().mean() > 1e-3
    assert torch.equal(tiny.render(scene), plain)
    with pytest.raises(ValueError, match="one batch"):
        tiny.render_batch([tuned, scene])


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
    narrow = replace(scene.latent, rows=scene.latent.rows[:, :-1])
    with pytest.raises(ValueError, match="other weights"):
        tiny.render(replace(scene, latent=narrow))
    lost = replace(scene.layout, rows=(99,) * len(scene.layout))
    with pytest.raises(ValueError, match="asks for appearance 99"):
        tiny.render(replace(scene, layout=lost))
