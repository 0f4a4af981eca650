"""Panels of heatmap scenes: the maps themselves, the discriminator's attention, the mean of features."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spatial_edit.checkpoints import save
from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.session.heat_panels import (
    attention_panels,
    discriminator_of,
    feature_panels,
    has_discriminator,
    heat_panels,
)

WIDTHS = {4: 8, 8: 8, 16: 8, 32: 4}


def hierarchy() -> Heatmaps:
    return Heatmaps(
        torch.tensor([[0.5, 0.5], [0.25, 0.25], [0.75, 0.25]]),
        torch.tensor([0.2, 0.1, 0.1]),
        (0, 1, 1),
        (0, 1, 2),
    )


@pytest.fixture
def judged(tmp_path: Path) -> SpatialGANScenes:
    """A model whose folder holds a discriminator with random weights."""
    model = SpatialGANScenes.tiny()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judge = Discriminator(32, WIDTHS)
    config = {"resolution": 32, "channels": [[side, width] for side, width in WIDTHS.items()]}
    save(tmp_path / "discriminator", judge, config, torch.float32)
    model.spec = replace(model.spec, folder=tmp_path)
    return model


def test_a_hierarchy_has_a_panel_a_level_and_one_of_all() -> None:
    layout = hierarchy()
    coarse, middle, together = heat_panels(layout, 32)
    assert [panel.title for panel in (coarse, middle, together)] == ["coarse", "middle", "all"]
    assert torch.equal(coarse.values, layout.field(0, 32)) and torch.equal(middle.values, layout.field(1, 32))
    assert torch.equal(together.values, torch.maximum(coarse.values, middle.values))
    assert coarse.values[15:17, 15:17].min() > 0.99 > coarse.values[0].max()


def test_objects_have_a_panel_each_and_a_removed_one_is_empty() -> None:
    layout = replace(hierarchy(), levels=(0, 0, 0), hidden=(False, True, False))
    panels = heat_panels(layout, 16, {0: "bed", 1: "window", 2: "painting"}.__getitem__)
    assert [panel.title for panel in panels] == ["bed", "window", "painting", "all"]
    assert not panels[1].values.any()
    assert torch.equal(panels[3].values, torch.maximum(panels[0].values, panels[2].values))
    assert len(heat_panels(layout.select([0]), 16)) == 1 and heat_panels(layout.select([]), 16) == ()


def test_many_centres_on_one_place_end_at_one() -> None:
    layout = Heatmaps(torch.full((3, 2), 0.5), torch.full((3,), 0.2), (0, 1, 1), (0, 1, 2))
    assert all(panel.values.max() <= 1 for panel in heat_panels(layout, 8))


def test_attention_is_drawn_at_three_sides(judged: SpatialGANScenes) -> None:
    scene = judged.sample(3)
    panels = attention_panels(judged, scene, 48)
    assert [panel.title for panel in panels] == ["4 × 4", "8 × 8", "16 × 16"]
    for panel in panels:
        assert panel.values.shape == (48, 48) and panel.values.isfinite().all()
        assert 0 <= panel.values.min() and panel.values.max() <= 1
    again = attention_panels(judged, scene, 48)
    assert all(torch.equal(a.values, b.values) for a, b in zip(panels, again, strict=True))
    other = attention_panels(judged, judged.sample(4), 48)
    assert not all(torch.equal(a.values, b.values) for a, b in zip(panels, other, strict=True))
    assert all(weight.grad is None for weight in discriminator_of(judged).parameters())


def test_a_model_without_a_discriminator_says_so() -> None:
    model = SpatialGANScenes.tiny()
    assert not has_discriminator(model)
    with pytest.raises(ValueError, match="does not come with it") as caught:
        attention_panels(model, model.sample(1), 16)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("config", [{"resolution": 31}, {"resolution": 32, "channels": [[4, 8]]}, {}])
def test_a_bad_discriminator_is_a_sentence(judged: SpatialGANScenes, config: dict[str, object]) -> None:
    path = Path(str(judged.spec.folder)) / "discriminator" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"config": config}))
    with pytest.raises(ValueError, match="describes no model"):
        attention_panels(judged, judged.sample(1), 16)


@pytest.mark.parametrize("objects", [False, True])
def test_features_are_means_over_channels(objects: bool) -> None:
    model = SpatialGANScenes.tiny(objects=objects)
    scene = model.sample(2)
    panels, blocks = feature_panels(model, scene), list(model.blocks(scene))
    assert [panel.title for panel in panels] == [f"{block.side} × {block.side}" for block in blocks]
    for panel, block in zip(panels, blocks, strict=True):
        mean = block.features[0].mean(0)
        assert panel.values.shape == mean.shape and (panel.values.min(), panel.values.max()) == (0, 1)
        low, high = float(mean.min()), float(mean.max())
        assert torch.allclose(panel.values * (high - low) + low, mean, atol=1e-5)
        assert panel.low == f"{low:.2f}" and panel.high == f"{high:.2f}"


def test_the_published_network_shows_its_features_too() -> None:
    model = EqGANScenes.tiny()
    panels = feature_panels(model, model.sample(1))
    assert [panel.values.shape[-1] for panel in panels] == [4, 8, 16, 32]


def test_a_moved_centre_moves_the_features() -> None:
    model = SpatialGANScenes.tiny()
    scene = model.sample(2)
    moved = replace(scene, layout=replace(scene.layout, centres=scene.layout.centres + 0.2))
    pairs = zip(feature_panels(model, scene), feature_panels(model, moved), strict=True)
    assert all(not torch.equal(a.values, b.values) for a, b in pairs)


def test_a_model_that_does_not_show_its_blocks_says_so() -> None:
    class Closed:
        spec = SpatialGANScenes.tiny().spec

    model = SpatialGANScenes.tiny()
    with pytest.raises(ValueError, match="does not show its features"):
        feature_panels(Closed(), model.sample(1))  # type: ignore[arg-type]
