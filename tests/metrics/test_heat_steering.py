"""Steering of heatmaps: footprints, what changes elsewhere, dead centres, which detector reads."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spatial_edit.data.rooms.layers import room_layers
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.layouts import Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.metrics import heat_steering
from spatial_edit.metrics.heat_steering import (
    background,
    dead_centres,
    footprint,
    heatmap_steering,
    shows_rooms,
    true_scenes,
)
from spatial_edit.metrics.truth import TRUTH_SEED


class Spots(SpatialGANScenes):
    """Draws every visible centre as a bright disc of one sigma, but those of `blind` ids; what `leaks` is
    added everywhere when the first centre is right of the middle."""

    blind: tuple[int, ...] = ()
    leaks = 0.0

    def render_batch(self, scenes: list[Scene]) -> Tensor:
        axis = (torch.arange(32) + 0.5) / 32
        pictures = []
        for scene in scenes:
            layout = scene.layout
            assert isinstance(layout, Heatmaps)
            picture = torch.full((32, 32), -0.5)
            for k, (x, y) in enumerate(layout.centres.tolist()):
                if not layout.hidden[k] and layout.ids[k] not in self.blind:
                    squares = (axis - x)[None].square() + (axis - y)[:, None].square()
                    picture[squares < layout.sigmas[k] ** 2] = 0.9
            picture = picture + self.leaks * float(layout.centres[0, 0] > 0.5)
            pictures.append(picture.expand(3, -1, -1))
        return torch.stack(pictures)


@pytest.fixture
def spots() -> Spots:
    base = SpatialGANScenes.tiny()
    return Spots(base.model, base.spec, base.weights)


def scenes(generator: SpatialGANScenes, count: int = 12) -> list[Scene]:
    """Scenes with small centres, all inside."""
    result = []
    for seed in range(count):
        scene = generator.sample(seed)
        layout = scene.layout
        assert isinstance(layout, Heatmaps)
        centres = torch.rand(len(layout), 2, generator=torch.Generator().manual_seed(seed)) * 0.5 + 0.25
        small = replace(layout, centres=centres, sigmas=torch.full((len(layout),), 0.06))
        result.append(replace(scene, layout=small))
    return result


def test_numbers_footprint_is_where_the_gaussian_exceeds_a_tenth() -> None:
    layout = Heatmaps(torch.tensor([[0.5, 0.25]]), torch.tensor([0.1]), (0,), ids=(0,))
    mask = footprint(layout, [0], 64)
    axis = (torch.arange(64) + 0.5) / 64
    squares = (axis - 0.5)[None].square() + (axis - 0.25)[:, None].square()
    assert torch.equal(mask, (-squares / (2 * 0.01)).exp() > 0.1)
    radius = math.sqrt(-2 * math.log(0.1)) * 0.1
    assert float(mask.float().mean()) == pytest.approx(math.pi * radius**2, rel=0.03)


def test_numbers_nothing_changes_outside_the_footprints_but_what_leaks(spots: Spots) -> None:
    figures = background(spots, scenes(spots))
    assert figures["background_change"] == 0 and 0.05 < figures["background_footprint"] < 0.9
    spots.leaks = 0.1  # half of 0.1 in those pairs whose coarsest centre crosses the middle
    leaking = background(spots, scenes(spots))
    assert 0 < leaking["background_change"] < 0.05
    assert leaking["background_footprint"] == figures["background_footprint"]
    assert background(spots, scenes(spots), level=2)["background_change"] == 0  # finer ones do not leak


def test_moves_that_fill_the_picture_are_left_out(spots: Spots) -> None:
    wide = [replace(s, layout=replace(s.layout, sigmas=torch.ones(len(s.layout)))) for s in scenes(spots, 2)]
    assert background(spots, wide) == {}


def test_numbers_dead_centres(spots: Spots) -> None:
    def apart(scene: Scene) -> Scene:  # one that covers another would hide its removal
        places = torch.tensor([[0.1 + 0.13 * k, 0.2 + 0.1 * k] for k in range(7)])
        return replace(scene, layout=replace(scene.layout, centres=places))

    own = [apart(s) for s in scenes(spots, 4)]
    assert dead_centres(spots, own)["dead_elements"] == 0
    spots.blind = (2, 5)
    assert dead_centres(spots, own)["dead_elements"] == pytest.approx(2 / 7, abs=1e-4)
    away = [replace(s, layout=replace(s.layout, centres=s.layout.centres + 3)) for s in own]
    assert dead_centres(spots, away) == {}


def test_cats_are_read_level_by_level(spots: Spots, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Tally:
        def figures(self, prefix: str) -> dict:
            return {prefix: 0.5, f"{prefix}_n": 3}

    def measure(generator, patches, given, seed, levels, progress):
        asked.append((len(given), levels))
        return Tally()

    monkeypatch.setattr(heat_steering, "measure_patches", measure)
    figures = heatmap_steering(spots, 4, 2, 0, lambda text: None)
    assert asked == [(4, (0,)), (4, (1,)), (4, (2,))]
    assert figures["co_move"] == figures["co_move_level_0"] == figures["co_move_level_2"] == 0.5
    assert {"dead_elements", "background_change_level_2"} <= set(figures)
    assert figures["co_move_patches"] in ("squeezenet", "judge")


def test_rooms_are_read_by_judge_and_segmenter(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = SpatialGANScenes.tiny(objects=True)
    assert not shows_rooms(generator.spec)
    generator.spec = replace(generator.spec, row_names=("bed", "window", "painting"))
    assert shows_rooms(generator.spec)
    monkeypatch.setattr(
        heat_steering,
        "rooms_co_move",
        lambda *a, prefix="co_move", **k: {prefix: a[1], f"{prefix}_n": len(a[2])},
    )
    figures = heatmap_steering(generator, 3, 2, 0, lambda text: None)
    assert (figures["co_move"], figures["co_move_segmenter"]) == ("rooms-judge", "rooms-segmenter")
    assert figures["co_move_n"] == 3 and "co_move_level_0" not in figures
    assert figures["co_move_from_truth"] == "rooms-judge" and figures["co_move_from_truth_n"] == 3


def test_numbers_true_layouts_are_those_of_rendered_rooms() -> None:
    generator = SpatialGANScenes.tiny(objects=True)
    assert true_scenes(generator, 4) == []  # nothing says what its centres are
    generator.spec = replace(generator.spec, row_names=("bed", "window", "painting"))
    scenes, rooms = true_scenes(generator, 4, 1), room_layers(4, TRUTH_SEED + 1, 32)
    for i, scene in enumerate(scenes):
        assert torch.equal(scene.layout.centres, rooms.centres[i])
        assert [not hidden for hidden in scene.layout.hidden] == rooms.there[i].tolist()
        assert scene.latent.seed == 1 + i
    assert generator.render_batch(scenes).shape == (4, 3, 32, 32)


def test_errors_of_other_layouts() -> None:
    blobs = BlobGenerator.tiny()
    with pytest.raises(ValueError, match="needs a layout of heatmaps"):
        heatmap_steering(blobs, 1, 1, 0, lambda text: None)
