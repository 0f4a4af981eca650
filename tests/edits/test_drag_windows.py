"""Features inside windows are those of the whole map, wherever the windows lie; so are their gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.dragging import CODES, LAYOUT, Draggable, Dragging, Window, cut
from spatial_edit.generators.spatialgan.eqgan_scenes import EqGANScenes
from spatial_edit.generators.spatialgan.network import SpatialGAN
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.generators.stylegan2 import StyleGAN2Config, StyleGAN2Generator
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes

SIDE = 128  # of the picture; features have half of it
WIDTHS = {4: 6, 8: 6, 16: 6, 32: 5, 64: 4, 128: 3}
CLOSE = 1e-5


def stylegan2(architecture: str = "skip", clamp: float | None = None) -> StyleGAN2Scenes:
    tiny = StyleGAN2Scenes.tiny()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = StyleGAN2Config(SIDE, WIDTHS, 8, 8, 2, architecture=architecture, clamp=clamp)
        model = StyleGAN2Generator(config)
    for layer in model.synthesis.layers:
        layer.noise_strength.data.fill_(0.2)
    return StyleGAN2Scenes(model, replace(tiny.spec, resolution=SIDE), tiny.weights)


def spatialgan(objects: bool = False) -> SpatialGANScenes:
    tiny = SpatialGANScenes.tiny(objects=objects)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SpatialGAN(replace(tiny.model.config, resolution=SIDE, channels=WIDTHS))
    if objects:
        model.layout_table.copy_(tiny.model.layout_table)
    for layer in model.synthesis.layers:
        layer.noise_strength.data.fill_(0.2)
    return SpatialGANScenes(model, replace(tiny.spec, resolution=SIDE), tiny.weights)


LARGE: dict[str, Callable[[], Draggable]] = {
    "skip": stylegan2,
    "resnet": lambda: stylegan2("resnet"),
    "orig, clamped": lambda: stylegan2("orig", 0.5),
    "hierarchy": spatialgan,
    "objects": lambda: spatialgan(objects=True),
}
TINY: dict[str, Callable[[], Draggable]] = {
    "stylegan2": StyleGAN2Scenes.tiny,
    "spatialgan": SpatialGANScenes.tiny,
    "eqgan": EqGANScenes.tiny,
    "blobgan": BlobGenerator.tiny,
    "published": PublishedScenes.tiny,
}


def opened(make: Callable[[], Draggable]) -> Dragging:
    generator = make()
    return generator.dragging(generator.sample(3))  # type: ignore[attr-defined]


def square(top: int, left: int, size: int = 9, side: int = SIDE // 2) -> Window:
    return Window(max(top, 0), max(left, 0), min(top + size, side), min(left + size, side))


BORDERS = [square(y, x) for y in (-3, 0, 28, 55, 60) for x in (-2, 1, 31, 54, 61)]


@pytest.mark.parametrize("name", LARGE)
def test_numbers_windows_are_cut_out_of_the_whole_map(name: str) -> None:
    dragging = opened(LARGE[name])
    with torch.no_grad():
        features = dragging.features()
        for at in BORDERS:
            (part,) = dragging.windows([at])
            assert (part - cut(features, [at])[0]).abs().max() <= CLOSE * features.abs().max(), at
        together = [BORDERS[0], BORDERS[-1], square(30, 33, 4)]
        for part, wanted in zip(dragging.windows(together), cut(features, together), strict=True):
            assert (part - wanted).abs().max() <= CLOSE * features.abs().max()


@pytest.mark.parametrize("name", LARGE)
def test_smoke_windows_are_really_cut(name: str) -> None:
    """Otherwise the test above compares the whole map with itself."""
    synthesis = opened(LARGE[name]).synthesis  # type: ignore[attr-defined]
    assert synthesis.whole_blocks([(0, 0)], 9) < len(synthesis.sides)
    assert synthesis.whole_blocks([(0, 0)], 9) >= synthesis.least


def gradients(dragging: Dragging, draw: Callable[[], list[Tensor]]) -> list[Tensor]:
    for variable in dragging.variables.values():
        variable.requires_grad_(True)
        variable.grad = None
    sum((part.sin().sum() for part in draw()), torch.zeros(())).backward()
    return [v.grad.clone() for v in dragging.variables.values() if v.grad is not None]


@pytest.mark.parametrize("name", LARGE)
def test_gradients_of_windows(name: str) -> None:
    dragging = opened(LARGE[name])
    places = [square(-3, 40), square(30, 30)]
    got = gradients(dragging, lambda: dragging.windows(places))
    wanted = gradients(dragging, lambda: cut(dragging.features(), places))
    assert len(got) == len(wanted) == len(dragging.variables)
    for a, b in zip(got, wanted, strict=True):
        assert b.abs().max() > 0
        assert (a - b).abs().max() <= 1e-4 * b.abs().max()


@pytest.mark.parametrize("name", ["skip", "resnet", "hierarchy", "objects"])
def test_numbers_features_are_those_of_the_network(name: str) -> None:
    generator = LARGE[name]()
    scene = generator.sample(3)  # type: ignore[attr-defined]
    if isinstance(generator, StyleGAN2Scenes):
        codes, noise = generator.codes_of(scene), generator.noise_of(scene)
        wanted = generator.model.synthesis.features(codes, SIDE // 2, noise)
    else:
        wanted = next(b.features for b in generator.blocks(scene) if b.side == SIDE // 2)  # type: ignore[attr-defined]
    with torch.no_grad():
        got = generator.dragging(scene).features()
    assert (got - wanted).abs().max() <= CLOSE * wanted.abs().max()


@pytest.mark.parametrize("name", TINY)
def test_shapes_and_pictures_of_every_family(name: str) -> None:
    generator = TINY[name]()
    scene = generator.sample(5)  # type: ignore[attr-defined]
    dragging = generator.dragging(scene)
    with torch.no_grad():
        features = dragging.features()
    assert features.shape[0] == 1
    assert features.shape[2:] == (dragging.feature_side,) * 2
    assert torch.equal(dragging.picture(), generator.render(scene)), "nothing has changed yet"  # type: ignore[attr-defined]
    assert set(dragging.variables) == ({CODES} if name == "stylegan2" else {CODES, LAYOUT})
    assert len(dragging.anchors) == len(dragging.variables.get(LAYOUT, ()))


@pytest.mark.parametrize("name", [n for n in TINY if n != "stylegan2"])
def test_gradients_flow_to_centres_and_codes(name: str) -> None:
    dragging = opened(TINY[name])
    for grad in gradients(dragging, lambda: [dragging.features()]):
        assert torch.isfinite(grad).all()
        assert grad.abs().max() > 0


@pytest.mark.parametrize("name", ["spatialgan", "eqgan"])
def test_numbers_a_kept_heatmap_is_drawn_again_when_it_moves(name: str) -> None:
    dragging = opened(TINY[name])
    with torch.no_grad():
        before = dragging.features()
        assert torch.equal(before, dragging.features())
        dragging.variables[LAYOUT].add_(0.1)
        assert not torch.equal(before, dragging.features())
