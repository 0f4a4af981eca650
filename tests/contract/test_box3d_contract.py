"""Box3D behind the generator contract, as `test_blobgan_contract` has it for blobs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.generators.box3d.renderer import Box3DGenerator, load_box3d
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.boxes3d import CLASSES, STYLES, style_row
from spatial_edit.session import Session
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny() -> Box3DGenerator:
    return Box3DGenerator.tiny()


@pytest.fixture
def session(tiny: Box3DGenerator) -> Session:
    return Session(lambda name: tiny, Store(), names=lambda number: tiny.spec.name)


def with_layout(scene: Scene, **changes: object) -> Scene:
    assert isinstance(scene.layout, Boxes3D)
    return replace(scene, layout=replace(scene.layout, **changes))  # type: ignore[arg-type]


def boxes(scene: Scene) -> Boxes3D:
    assert isinstance(scene.layout, Boxes3D)
    return scene.layout


def shifted(scene: Scene, index: int, dx: float, dz: float = 0.0) -> Scene:
    centres = boxes(scene).centres.clone()
    centres[index] += torch.tensor([dx, 0.0, dz])
    return with_layout(scene, centres=centres)


def test_smoke_and_shapes(tiny: Box3DGenerator) -> None:
    assert sum(p.numel() for p in tiny.model.parameters()) < 50_000
    scene = tiny.sample(3)
    layout = boxes(scene)
    assert scene.model == tiny.spec.name == "box3d-tiny" and tiny.spec.kind == layout.kind == "boxes3d"
    assert scene.weights == tiny.weights and scene.latent.seed == 3
    assert layout.ids == tuple(range(len(layout))) and len(layout) >= 4
    assert len(scene.latent.rows) == style_row(CLASSES[-1], STYLES - 1) + 1
    picture = tiny.render(scene)
    assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
    assert picture.isfinite().all() and picture.abs().max() <= 1 and picture.std() > 0.01


def test_determinism(tiny: Box3DGenerator) -> None:
    torch.manual_seed(1)
    a = tiny.sample(7, 0.25)
    torch.manual_seed(2)
    b = Box3DGenerator.tiny().sample(7, 0.25)
    assert a.layout.same(b.layout) and a.latent.same(b.latent)
    assert torch.equal(tiny.render(a), tiny.render(b))
    assert not tiny.sample(8, 0.25).layout.same(a.layout)
    other = Box3DGenerator.tiny(1)
    assert not torch.equal(other.render(other.sample(7, 0.25)), tiny.render(a))


def test_truncation_one_is_the_mean_scene(tiny: Box3DGenerator) -> None:
    a, b = tiny.sample(1, 1.0), tiny.sample(2, 1.0)
    assert a.layout.same(b.layout) and torch.equal(a.latent.rows, b.latent.rows)
    assert not tiny.sample(1, 0.0).layout.same(tiny.sample(2, 0.0).layout)


def test_batch_is_within_rounding_of_one_by_one(tiny: Box3DGenerator) -> None:
    scenes = [tiny.sample(seed) for seed in range(3)]
    scenes.append(with_layout(scenes[0], hidden=(True,) * len(scenes[0].layout)))  # the bare room
    scenes.append(replace(scenes[1], layout=boxes(scenes[1]).select([0])))
    together = tiny.render_batch(scenes)
    assert together.shape == (5, 3, 32, 32)
    for scene, picture in zip(scenes, together, strict=True):
        assert (tiny.render(scene) - picture).abs().max() < 1e-5
    many = tiny.sample_batch([4, 5])
    for seed, scene in zip((4, 5), many, strict=True):
        assert torch.allclose(boxes(scene).centres, boxes(tiny.sample(seed)).centres, atol=1e-4)


def test_preview_is_near(tiny: Box3DGenerator) -> None:
    scene = tiny.sample(0)
    assert (tiny.render(scene, preview=True) - tiny.render(scene)).abs().mean() < 0.06


def test_numbers_a_moved_box_changes_the_picture_where_it_was_and_is(tiny: Box3DGenerator) -> None:
    from spatial_edit.metrics.box_masks import outside_both

    scene = tiny.sample(0)
    index = boxes(scene).classes.index("chair")
    edited = shifted(scene, index, -0.4)
    outside = outside_both(tiny, scene, edited, [index], 32)
    change = (tiny.render(edited) - tiny.render(scene)).abs().mean(0)
    assert 0.3 < outside.float().mean() < 1
    assert change[~outside].mean() > 2 * change[outside].mean() and change.max() > 0.05


def test_numbers_order_means_nothing_and_hidden_is_removed(tiny: Box3DGenerator) -> None:
    scene = tiny.sample(0)
    layout = boxes(scene)
    count = len(layout)
    backwards = replace(scene, layout=layout.select(list(range(count))[::-1]))
    assert torch.allclose(tiny.render(backwards), tiny.render(scene), atol=1e-5)
    hide = with_layout(scene, hidden=(False,) * (count - 1) + (True,))
    gone = replace(scene, layout=layout.select(list(range(count - 1))))
    assert torch.equal(tiny.render(hide), tiny.render(gone))
    bed = [i for i, name in enumerate(layout.classes) if name != "bed"]
    assert not torch.equal(tiny.render(replace(scene, layout=layout.select(bed))), tiny.render(scene))


def test_numbers_camera_colour_light_and_style_are_seen(tiny: Box3DGenerator) -> None:
    scene = tiny.sample(0)
    layout, before = boxes(scene), tiny.render(scene)
    chair = layout.classes.index("chair")
    colours = layout.colours.clone()
    colours[chair] = torch.tensor([0.05, 0.1, 0.95])
    blue = tiny.render(with_layout(scene, colours=colours))
    assert (blue - before)[2].mean() > (blue - before)[0].mean() + 0.002
    camera = layout.camera + torch.tensor([0.3, 0.0, 0.0, 0.1, 0.0, 0.0])
    assert (tiny.render(with_layout(scene, camera=camera)) - before).abs().mean() > 0.01
    lights = layout.lights.clone()
    lights[21] *= 0.4  # exposure
    assert tiny.render(with_layout(scene, lights=lights)).mean() < before.mean() - 0.05
    rows = tuple(style_row("chair", 9) if i == chair else row for i, row in enumerate(layout.rows))
    assert (tiny.render(with_layout(scene, rows=rows)) - before).abs().mean() > 1e-4


def test_checkpoint_round_trip(tiny: Box3DGenerator, tmp_path) -> None:
    digest = save(tmp_path / "model", tiny.model, tiny.model.config.to_dict(), dtype=torch.float32)
    loaded = load_box3d(replace(tiny.spec, folder=tmp_path / "model"))
    assert loaded.weights == digest[: len(loaded.weights)] and loaded.weights != tiny.weights
    mine, theirs = tiny.model.state_dict(), loaded.model.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)
    a, b = tiny.sample(4), loaded.sample(4)
    assert torch.allclose(boxes(a).centres, boxes(b).centres, atol=1e-4)
    assert torch.allclose(tiny.render(a), loaded.render(b), atol=1e-3)


def test_link_round_trip_and_undo(session: Session, tiny: Box3DGenerator) -> None:
    first = session.generate(tiny.spec.name, 5, 0.125)
    bed = boxes(first.scene).classes.index("bed")
    edited = session.edit({"op": "slide", "target": bed, "dx": -0.1, "dz": -0.2, "snap": False})
    assert not torch.equal(first.image, edited.image)
    opened = Session(lambda name: tiny, Store(), names=lambda n: tiny.spec.name).open(edited.code)
    assert torch.equal(opened.image, edited.image) and opened.scene.layout.same(edited.scene.layout)
    undone = session.undo()
    assert torch.equal(undone.image, first.image) and undone.code == first.code
    assert torch.equal(session.redo().image, edited.image)


def test_delta_is_applied_and_leaves_the_model(tiny: Box3DGenerator) -> None:
    scene = tiny.sample(0)
    name, weight = next((n, p) for n, p in tiny.model.decoder.named_parameters() if "to_rgb.weight" in n)
    plain = tiny.render(scene)
    tuned = replace(scene, delta=((name, torch.full_like(weight, 0.5).half()),))
    picture = tiny.render(tuned)
    assert (picture - plain).abs().mean() > 1e-3
    assert torch.equal(tiny.render(scene), plain)
    assert (tiny.render_batch([tuned, tuned])[1] - picture).abs().max() < 1e-5
    with pytest.raises(ValueError, match="one batch"):
        tiny.render_batch([tuned, scene])


def test_errors(tiny: Box3DGenerator) -> None:
    scene = tiny.sample(0)
    for seed in (-1, 2**32, 1.5, True, "7"):
        with pytest.raises(ValueError, match="seed"):
            tiny.sample(seed)  # type: ignore[arg-type]
    for truncation in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            tiny.sample(0, truncation)
    with pytest.raises(ValueError, match="made for the model 'other'"):
        tiny.render(replace(scene, model="other"))
    narrow = replace(scene.latent, rows=scene.latent.rows[:, :-1])
    with pytest.raises(ValueError, match="other weights"):
        tiny.render(replace(scene, latent=narrow))
    lost = with_layout(scene, rows=(999,) * len(scene.layout))
    with pytest.raises(ValueError, match="asks for appearance 999"):
        tiny.render(lost)
    with pytest.raises(ValueError, match="no furniture"):
        tiny.render(with_layout(scene, classes=("throne",) * len(scene.layout)))
