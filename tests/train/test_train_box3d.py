"""Training Box3D: the toy recipe learns, its pool is what it says, its sampler knows its rooms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.shake import shake
from spatial_edit.data.rooms.vocabulary import INSTANCE_ID
from spatial_edit.generators.box3d.decoder import gather, shade
from spatial_edit.generators.box3d.parts import ROW, expand
from spatial_edit.generators.box3d.renderer import load_box3d
from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import CLASSES, STYLES
from spatial_edit.train.box3d_decoder import RoomDecoderTask, grow
from spatial_edit.train.box3d_flow import RoomFlowTask
from spatial_edit.train.box3d_pipeline import box3d_rooms_toy, train_box3d
from spatial_edit.train.box3d_pool import cached_box_pool, render_box_pool
from spatial_edit.train.scenes import as_float


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, float], Path]:
    recipe = replace(box3d_rooms_toy(), images={"decoder": 640, "growth": 96, "layout": 6_400}, quiet=True)
    out = tmp_path_factory.mktemp("box3d")
    return train_box3d(recipe, 1.0, out, False, lambda text: None), out


def test_the_toy_recipe_learns(trained: tuple[dict[str, float], Path]) -> None:
    """Numbers: held-out L1 falls well below what fresh weights paint."""
    results, out = trained
    pool = cached_box_pool(out / "pool", 64, 100_000, 32, True, print)
    growth = box3d_rooms_toy().growth
    assert growth is not None
    fresh = RoomDecoderTask(growth, pool, None).metrics()["held_out_l1"]
    assert results["growth_held_out_l1"] < 0.7 * fresh, (results, fresh)
    assert results["decoder_loss"] < 0.7 and results["layout_flow"] < 3.0


def test_rough_shading_is_near_the_picture() -> None:
    """Numbers: the light of the boxes alone, without learning, is within .08 of the renderer's pictures."""
    pool = render_box_pool(16, 5, 32)
    task = RoomDecoderTask(box3d_rooms_toy().decoder, pool, None)
    with torch.no_grad():
        _, lit = task.modules["decoder"].part_vectors(pool.boxes, expand(pool.boxes))
        maps = pool.maps(slice(0, 16))
        rough = shade(pool.boxes, gather(lit, maps.labels, 32), maps.features)
    assert float((rough - as_float(pool.pictures)).abs().mean()) < 0.08


def test_its_checkpoint_draws_rooms(trained: tuple[dict[str, float], Path]) -> None:
    """Smoke: the shipped folder loads, samples and draws, and every style of the bank draws too."""
    spec = ModelSpec("toy", 252, "box3d", "toy", "boxes3d", 32, "MIT", "rooms", trained[1] / "model")
    generator = load_box3d(spec)
    scene = generator.sample(1)
    assert isinstance(scene.layout, Boxes3D) and "bed" in scene.layout.classes
    assert scene.latent.rows.shape == (26 + STYLES * len(CLASSES), ROW)
    picture = generator.render(scene)
    assert picture.shape == (3, 32, 32) and bool(picture.isfinite().all()) and float(picture.std()) > 0.05


def test_a_pool_is_drawn_once(tmp_path: Path) -> None:
    """Determinism: the cached pool equals a fresh one, and its first shard is not shaken."""
    fresh = render_box_pool(12, 5, 16)
    kept = cached_box_pool(tmp_path, 12, 5, 16, True, lambda text: None)
    again = cached_box_pool(tmp_path, 12, 5, 16, True, lambda text: pytest.fail("drawn twice"))
    for a, b in ((fresh, kept), (kept, again)):
        assert torch.equal(a.pictures, b.pictures) and torch.equal(a.labels, b.labels)
        assert torch.equal(a.features, b.features) and torch.equal(a.boxes.rows, b.boxes.rows)


def test_growing_keeps_what_fits_and_paints_nothing_new_at_first() -> None:
    """Numbers: a decoder of one level more starts as the smaller one's shading, up to the new level."""
    small = box3d_rooms_toy().decoder
    pool = render_box_pool(4, 5, 32)
    start = RoomDecoderTask(small, pool, None).modules["decoder"].state_dict()
    large = RoomDecoderTask(box3d_rooms_toy().growth, pool, None, start).modules["decoder"]
    for name, value in start.items():
        assert torch.equal(large.state_dict()[name], value), name
    assert float(large.blocks[-1].to_rgb.weight.abs().max()) == 0.0
    grow(large, {})
    assert float(large.blocks[0].to_rgb.weight.abs().max()) == 0.0


def test_the_sampler_holds_its_rooms() -> None:
    """Numbers: the components keep most of the variance and the whitened data has unit variance."""
    recipe = replace(box3d_rooms_toy().layout, rooms=600)
    task = RoomFlowTask(recipe)
    assert len(task.data) == 600
    assert 0.3 < task.kept_variance < 1.0
    assert torch.allclose(task.data.std(0), torch.ones(task.data.shape[1]), atol=0.02)
    assert bool((task.bank[..., 0] >= 0).all()) and float(task.bank.abs().sum()) > 0


def test_shaken_rooms_stay_rooms() -> None:
    """Shapes, determinism: the same seed shakes the same way; beds never go, cameras stay between walls."""
    rooms = sample_rooms(24, 9)
    first, second = shake(rooms, 3), shake(rooms, 3)
    assert torch.equal(first.table, second.table) and torch.equal(first.camera, second.camera)
    assert not torch.equal(first.table, rooms.table) and first.table.shape == rooms.table.shape
    assert not torch.equal(shake(rooms, 4).table, first.table)
    assert bool(first.has("bed").all())
    assert bool((first.camera[:, 0].abs() < first.width / 2).all())
    gone = first.present().sum() < rooms.present().sum()
    assert bool(gone) and INSTANCE_ID["bed"] in first.instances
