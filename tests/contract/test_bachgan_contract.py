"""BachGAN behind the generator contract, as `test_blobgan_contract` has it for blobs."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.generators.bachgan.generator import BachGAN, BachGANConfig
from spatial_edit.generators.bachgan.scenes import BachGANScenes, load_bachgan
from spatial_edit.layouts import Boxes, Scene
from spatial_edit.session import Session
from spatial_edit.store import Store


@pytest.fixture(scope="module")
def tiny() -> BachGANScenes:
    return BachGANScenes.tiny()


@pytest.fixture
def session(tiny: BachGANScenes) -> Session:
    return Session(lambda name: tiny, Store(), names=lambda number: tiny.spec.name)


def boxes(scene: Scene) -> Boxes:
    assert isinstance(scene.layout, Boxes)
    return scene.layout


def with_layout(scene: Scene, **changes: object) -> Scene:
    return replace(scene, layout=replace(boxes(scene), **changes))  # type: ignore[arg-type]


def other(config: BachGANConfig, tiny: BachGANScenes) -> BachGANScenes:
    """A random model of another configuration with the same name."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return BachGANScenes(BachGAN(config), tiny.spec, tiny.weights)


def test_smoke_and_shapes(tiny: BachGANScenes) -> None:
    assert sum(p.numel() for p in tiny.model.parameters()) < 50_000
    scene = tiny.sample(3)
    layout = boxes(scene)
    assert scene.model == tiny.spec.name == "bachgan-tiny" and tiny.spec.kind == layout.kind == "boxes"
    assert scene.weights == tiny.weights and scene.latent.seed == 3
    assert layout.ids == tuple(range(len(layout)))
    picture = tiny.render(scene)
    assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
    assert picture.isfinite().all() and picture.abs().max() <= 1 and picture.std() > 0.05
    counts = {len(boxes(tiny.sample(seed))) for seed in range(60)}
    assert counts == {3, 4, 5, 6, 7, 8}
    words = {label for seed in range(20) for label in boxes(tiny.sample(seed)).labels}
    assert words == {"chair", "table", "lamp", "plant"}  # the things, never the background


def test_numbers_a_seed_makes_the_same_boxes_for_ever(tiny: BachGANScenes) -> None:
    layout = boxes(tiny.sample(3))
    assert layout.labels == ("chair", "lamp", "chair", "lamp", "chair")
    assert layout.centres[0].tolist() == pytest.approx([0.666518, 0.495452], abs=2e-6)
    assert layout.extents[-1].tolist() == pytest.approx([0.336461, 0.264991], abs=2e-6)


def test_determinism(tiny: BachGANScenes) -> None:
    torch.manual_seed(1)
    a = tiny.sample(7, 0.25)
    torch.manual_seed(2)
    b = BachGANScenes.tiny().sample(7, 0.25)
    assert a.layout.same(b.layout) and a.latent.same(b.latent)
    assert torch.equal(tiny.render(a), BachGANScenes.tiny().render(b))
    assert not tiny.sample(8, 0.25).layout.same(a.layout)
    assert not torch.equal(BachGANScenes.tiny(1).render(a), tiny.render(a))
    assert tiny.sample(7, 1.0).layout.same(a.layout)  # no code, so nothing to truncate


def test_batch_is_within_rounding_of_one_by_one(tiny: BachGANScenes) -> None:
    scenes = [tiny.sample(seed) for seed in range(4)]
    scenes.append(with_layout(scenes[0], hidden=(True,) * len(boxes(scenes[0]))))  # no box at all
    together = tiny.render_batch(scenes)
    assert together.shape == (5, 3, 32, 32)
    for scene, picture in zip(scenes, together, strict=True):
        assert (tiny.render(scene) - picture).abs().max() < 1e-5
    assert torch.equal(tiny.render(scenes[0], preview=True), tiny.render(scenes[0]))


def test_numbers_what_the_boxes_decide(tiny: BachGANScenes) -> None:
    scene = tiny.sample(3)
    layout, before = boxes(scene), tiny.render(scene)
    count = len(layout)
    hide = with_layout(scene, hidden=(False,) * (count - 1) + (True,))
    gone = replace(scene, layout=layout.select(list(range(count - 1))))
    assert torch.equal(tiny.render(hide), tiny.render(gone))
    assert not torch.equal(tiny.render(gone), before)
    moved = with_layout(scene, centres=layout.centres + torch.tensor([[0.1, 0.0]]))
    assert (tiny.render(moved) - before).abs().mean() > 1e-3
    renamed = with_layout(scene, labels=("plant", *layout.labels[1:]))
    assert (tiny.render(renamed) - before).abs().mean() > 1e-3
    by_number = with_layout(scene, labels=tuple(f"class {tiny.number_of(n)}" for n in layout.labels))
    assert torch.equal(tiny.render(by_number), before)


def test_numbers_maps_of_boxes(tiny: BachGANScenes) -> None:
    """Pixels whose centres lie in a box; multi-hot; channel 0 outside the first box; thin and outer boxes."""
    scene = tiny.sample(3)
    layout = Boxes(
        torch.tensor([[0.25, 0.25], [0.5, 0.25], [1.15, 0.5], [0.51, 0.9]]),
        torch.tensor([[0.5, 0.5], [0.5, 0.25], [0.2, 0.2], [0.01, 0.1]]),
        ("chair", "lamp", "table", "plant"),
        ids=(0, 1, 2, 3),
    )
    maps = tiny.maps(replace(scene, layout=layout))
    assert maps.shape == (5, 32, 32)
    assert maps[1, :16, :16].all() and maps[1].sum() == 256
    assert maps[3, 4:12, 8:24].all() and maps[3].sum() == 128  # the chair keeps its own channel below
    assert maps[2].sum() == 0  # outside the picture
    assert maps[4].sum() == 3 and maps[4, 27:30, 16].all()  # thinner than a pixel
    assert torch.equal(maps[0] == 0, maps[1] == 1)
    empty = tiny.maps(with_layout(scene, hidden=(True,) * len(boxes(scene))))
    assert empty.shape == (5, 32, 32) and empty.sum() == 0


@pytest.mark.parametrize("edges", [False, True])
def test_numbers_a_plain_spade_sees_a_label_map(tiny: BachGANScenes, edges: bool) -> None:
    config = replace(BachGANConfig.tiny(), stages=0, edges=edges, width=64, background=2)
    plain = other(config, tiny)
    scene = tiny.sample(3)
    assert plain.render(scene).shape == (3, 32, 64)
    layout = Boxes(
        torch.tensor([[0.25, 0.5], [0.75, 0.5]]), torch.full((2, 2), 0.5), ("lamp", "lamp"), ids=(0, 1)
    )
    maps = plain.maps(replace(scene, layout=layout))
    assert maps.shape == (5 + edges, 32, 64)
    assert torch.equal(maps[:5].sum(0), torch.ones(32, 64))  # one class a pixel
    assert maps[3].sum() == 2 * 16 * 32 and maps[2].sum() == 32 * 64 - 2 * 16 * 32
    if edges:  # two lamps side by side are told apart
        assert maps[5, 16, 31:33].tolist() == [1, 1] and maps[5, 16, 4:28].sum() == 0


def test_checkpoint_round_trip(tiny: BachGANScenes, tmp_path) -> None:
    digest = save(tmp_path / "model", tiny.model, tiny.model.config.to_dict(), dtype=torch.float32)
    loaded = load_bachgan(replace(tiny.spec, folder=tmp_path / "model"))
    assert loaded.weights == digest[: len(loaded.weights)] and loaded.weights != tiny.weights
    assert loaded.model.config == tiny.model.config and loaded.names == tiny.names
    mine, theirs = tiny.model.state_dict(), loaded.model.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)
    a, b = tiny.sample(4), loaded.sample(4)
    assert a.layout.same(b.layout) and torch.allclose(tiny.render(a), loaded.render(b), atol=1e-4)


def test_link_round_trip_and_undo(session: Session, tiny: BachGANScenes) -> None:
    first = session.generate(tiny.spec.name, 5, 0.125)
    edited = session.edit({"op": "move", "target": 0, "dx": 0.1, "dy": -0.05})
    assert not torch.equal(first.image, edited.image)
    opened = Session(lambda name: tiny, Store(), names=lambda n: tiny.spec.name).open(edited.code)
    assert torch.equal(opened.image, edited.image) and opened.scene.layout.same(edited.scene.layout)
    undone = session.undo()
    assert torch.equal(undone.image, first.image) and undone.code == first.code
    assert torch.equal(session.redo().image, edited.image)
    added = {"op": "add", "label": "plant", "x": 0.5, "y": 0.5, "width": 0.3, "height": 0.3}
    assert not torch.equal(session.edit(added).image, edited.image)


def test_errors_an_unknown_word_leaves_the_session(session: Session, tiny: BachGANScenes) -> None:
    first = session.generate(tiny.spec.name, 5)
    with pytest.raises(ValueError, match=r"draws no 'zebra': choose one of chair, lamp, plant, table"):
        session.edit({"op": "set", "target": 0, "label": "zebra"})
    with pytest.raises(ValueError, match="draws no 'background'"):
        session.edit({"op": "set", "target": 0, "label": "background"})
    assert session.edit({"op": "set", "target": 0, "label": "plant"}).code != first.code


def test_numbers_a_wide_picture_can_be_protected(tiny: BachGANScenes) -> None:
    wide = other(replace(BachGANConfig.tiny(), width=64), tiny)
    session = Session(lambda name: wide, Store(), names=lambda number: tiny.spec.name)
    first = session.generate(tiny.spec.name, 3)
    mask = torch.zeros(64, 64, dtype=torch.bool)
    mask[:32] = True  # the upper half may change
    packed = base64.b64encode(np.packbits(mask.numpy()).tobytes()).decode()
    session.edit({"op": "protect", "mask": packed})
    moved = session.edit({"op": "move", "target": 0, "dx": 0.2, "dy": 0.0})
    assert moved.image.shape == (3, 32, 64)
    assert torch.equal(moved.image[:, 16:], first.image[:, 16:])
    assert not torch.equal(moved.image[:, :16], first.image[:, :16])


def test_delta_is_applied_and_leaves_the_model(tiny: BachGANScenes) -> None:
    scene = tiny.sample(0)
    plain = tiny.render(scene)
    delta = (("conv_img.bias", torch.full((3,), 0.3).half()),)
    tuned = replace(scene, delta=delta)
    assert (tiny.render(tuned) - plain).abs().mean() > 0.05
    assert torch.equal(tiny.render(scene), plain)
    with pytest.raises(ValueError, match="one batch"):
        tiny.render_batch([tuned, scene])


def test_errors(tiny: BachGANScenes) -> None:
    scene = tiny.sample(0)
    for seed in (-1, 2**32, 1.5, True, "7"):
        with pytest.raises(ValueError, match="seed"):
            tiny.sample(seed)  # type: ignore[arg-type]
    for truncation in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="truncation"):
            tiny.sample(0, truncation)
    with pytest.raises(ValueError, match="made for the model 'other'"):
        tiny.render(replace(scene, model="other"))
    with pytest.raises(ValueError, match="no folder"):
        load_bachgan(tiny.spec)
