"""The encoder of photos for a SpatialGAN of cats: shapes, what it learns, what it saves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spatial_edit.checkpoints import load
from spatial_edit.generators.spatialgan.encoder import EncoderConfig, PhotoEncoder, build_encoder
from spatial_edit.generators.spatialgan.levels import Centres
from spatial_edit.images import save_png
from spatial_edit.train import cats_encoder
from spatial_edit.train.cats_encoder import CatsEncoderTask, build
from spatial_edit.train.cats_recipe import SIGMAS, CatsRecipe
from spatial_edit.train.framed_set import FramedSet

SIDE = 16


def dotted(count: int, photos: int) -> FramedSet:
    """Pictures of a bright square on grey: its place is the centres', its brightness z."""
    random = torch.Generator().manual_seed(0)
    places = 0.25 + 0.5 * torch.rand(count, 1, 2, generator=random)
    z = torch.randn(count, 4, generator=random)
    axis = (torch.arange(SIDE) + 0.5) / SIDE
    across, down = ((axis - places[..., i]).abs() < 0.2 for i in (0, 1))  # (count, SIDE)
    inside = across[:, None, :] & down[:, :, None]
    level = (0.5 + 0.2 * z[:, 0].clamp(-2, 2))[:, None, None]
    pictures = (255 * torch.where(inside, level, torch.tensor(0.1))).byte()[:, None].expand(-1, 3, -1, -1)
    levels = []
    for n, sigma in zip((1, 2, 4), SIGMAS, strict=True):
        spread = torch.full((count, n), sigma)
        levels.append(Centres(places.expand(-1, n, -1), spread, torch.ones(count, n)))
    return FramedSet(pictures.contiguous(), tuple(levels), z, torch.tensor([1.0, 0.1, 0.1, 0.1]))


@pytest.mark.parametrize("side", [16, 32, 64, 128])
def test_shapes(side: int) -> None:
    encoder = PhotoEncoder(EncoderConfig(64, 7, side))
    read = encoder(torch.zeros(2, 3, side, side))
    assert read.z.shape == (2, 64) and read.centres.shape == (2, 7, 2) and read.zoom.shape == (2,)
    assert (read.zoom > 0).all()
    assert sum(p.numel() for p in encoder.parameters()) < 500_000


def test_numbers_it_learns_places_and_z() -> None:
    torch.manual_seed(0)
    task = CatsEncoderTask(dotted(600, 300), 300, batch=32, rate=3e-3)
    assert len(task.held) == 150 and len(task.known) == 450
    assert not set((task.held % 300).tolist()) & set((task.known % 300).tolist())  # no photo is in both
    first = task.step(0.0, 0)
    for i in range(1, 120):
        last = task.step(i / 120, 32 * i)
        task.averages["encoder"].update(task.modules["encoder"], 32, 32 * i)
    assert float(last["centres"]) < 0.25 * float(first["centres"]) + 0.01
    figures = task.metrics()
    assert figures["held_out_centres"] < 0.05 and figures["held_out_z"] < 0.5
    sheet = task.sheet()
    assert sheet.shape == (3, 4 * 2 * SIDE, 8 * 2 * SIDE)


def test_build_saves_what_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    for i in range(8):
        save_png(torch.rand(3, 32, 32) * 2 - 1, tmp_path / "photos" / f"{i}.png")
    data = dotted(16, 8)
    monkeypatch.setattr(cats_encoder, "framed_set", lambda photos, recipe: data)
    weights = build(tmp_path / "photos", 0.01, tmp_path / "encoder", tmp_path / "work", say=lambda text: None)
    encoder, config, stored = load(tmp_path / "encoder", build_encoder)
    assert stored == weights and config["kind"] == "photo-encoder"
    assert encoder(torch.zeros(1, 3, SIDE, SIDE)).z.shape == (1, 4)


def test_errors_of_a_recipe_without_a_heatmap(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this recipe has none"):
        build(tmp_path, 1, tmp_path, tmp_path, replace(CatsRecipe(), spatial=None))
