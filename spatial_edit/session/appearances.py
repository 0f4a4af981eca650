"""Appearances of seeds: latents sampled again, and the palettes that a layout's styles name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Blobs, Latent, Layout, Palette, Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.share import CodeError
from spatial_edit.store import Cache

CACHED_LATENTS = 128
MAX_PALETTES = 16  # different seeds that one layout may name

_latents: Cache[Latent] = Cache(CACHED_LATENTS)  # (model, weights, seed, truncation) → latent


def seed_scene(generator: Generator, seed: int, truncation: float, layout: Layout | None = None) -> Scene:
    """The scene of a seed, with the given layout and the palettes it names, or with the sampled one."""
    if layout is None:
        scene = generator.sample(seed, truncation)
        _latents.get(_key(generator, seed, truncation), lambda: scene.latent)
        return scene
    scene = Scene(generator.spec.name, generator.weights, layout, _latent(generator, seed, truncation))
    return with_palettes(generator, scene)


def with_palettes(generator: Generator, scene: Scene) -> Scene:
    """The scene with the palettes that its layout and the state behind its guard name, sampled at its
    truncation; CodeError for more than MAX_PALETTES seeds in one of them.

    A slot that a seed's scene does not have still has a row in its palette: the flow gives it one near the
    mean, plainer than others but as good to look at.
    """
    seeds = palette_seeds(scene.layout)
    if scene.guard is not None:
        seeds = sorted({*seeds, *palette_seeds(scene.guard.layout)})
    if not seeds and not scene.latent.palettes:
        return scene
    palettes = tuple(_palettes(generator, seeds, scene.latent.truncation))
    return replace(scene, latent=replace(scene.latent, palettes=palettes))


def palette_seeds(layout: Layout) -> list[int]:
    """The seeds whose appearances a layout names, each once; CodeError for more than MAX_PALETTES."""
    if isinstance(layout, Heatmaps):
        seeds = list(layout.seeds())
    elif isinstance(layout, Blobs):
        sources = (*layout.sources, layout.backdrop)
        seeds = sorted({source.seed for source in sources if source is not None and source.seed is not None})
    else:
        return []
    if len(seeds) > MAX_PALETTES:
        raise CodeError(
            f"the scene takes appearances from {len(seeds)} seeds, at most {MAX_PALETTES} are possible: "
            f"give some elements their own again"
        )
    return seeds


def _palettes(generator: Generator, seeds: Iterable[int], truncation: float) -> Iterable[Palette]:
    for seed in seeds:
        latent = _latent(generator, seed, truncation)
        yield Palette(seed, latent.rows, latent.background)


def _latent(generator: Generator, seed: int, truncation: float) -> Latent:
    return _latents.get(_key(generator, seed, truncation), lambda: generator.sample(seed, truncation).latent)


def _key(generator: Generator, seed: int, truncation: float) -> tuple[str, str, int, float]:
    return generator.spec.name, generator.weights, seed, truncation
