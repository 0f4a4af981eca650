"""Panels of a heatmap scene, as arrays: its heatmaps, where a discriminator looks, what the generator's
blocks hold. The browser draws the first by itself while a centre is dragged; these are their specification.

Attention is GradCAM's at the discriminator's 4 x 4, 8 x 8 and 16 x 16 features, as the alignment loss sees it
(generators/spatialgan/attention.py). A block's features are averaged over their channels. Source: Wang et
al. 2023, figures 2 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Scene
from spatial_edit.layouts.heatmaps import LEVEL_WORDS, Heatmaps
from spatial_edit.nn.discriminator import Discriminator
from spatial_edit.nn.stylegan2 import BlockOutput
from spatial_edit.session.picture import draw
from spatial_edit.store import Cache

FOLDER = "discriminator"  # beside a checkpoint's own files, where a model ships one

_judges: Cache[Discriminator] = Cache(4)


@dataclass(frozen=True, eq=False)
class Panel:
    """One map. `values` (s, s) in 0..1; `low` and `high` say what 0 and 1 stand for."""

    title: str
    values: Tensor
    low: str = "0"
    high: str = "1"


@runtime_checkable
class InBlocks(Protocol):
    """A generator that shows what its blocks hold."""

    def blocks(self, scene: Scene) -> Iterator[BlockOutput]:
        """Side by side from the smallest, each computed when it is asked for."""
        ...


def heat_panels(layout: Heatmaps, side: int, name: Callable[[int], str] = str) -> tuple[Panel, ...]:
    """One panel a level, the sum of its centres cut off at 1; of a single level with several centres one a
    centre. The last is the highest of all of them.

    name: the word for a centre's number."""
    levels = sorted(set(layout.levels))
    if len(levels) > 1:
        parts = [Panel(LEVEL_WORDS[at], layout.field(at, side)) for at in levels]
    else:
        parts = [Panel(name(layout.ids[k]), _alone(layout, k, side)) for k in range(len(layout))]
    shown = tuple(Panel(part.title, part.values.clamp(0, 1)) for part in parts)
    if len(shown) < 2:
        return shown
    return (*shown, Panel("all", torch.stack([panel.values for panel in shown]).amax(0)))


def _alone(layout: Heatmaps, k: int, side: int) -> Tensor:
    """The heatmap of one centre, 0 when it is hidden."""
    return layout.select([k]).field(layout.levels[k], side)


def attention_panels(generator: Generator, scene: Scene, side: int) -> tuple[Panel, ...]:
    """Where the model's discriminator looks, a panel for each of its coarse sides, (side, side) each.

    ValueError for a model without its discriminator."""
    from spatial_edit.generators.spatialgan.attention import (
        SIDES,
        attention_map,
        features_of,
        gradcam_weights,
    )

    judge = discriminator_of(generator)
    image = draw(generator, scene)[None].to(next(judge.parameters()).device)
    sides = [s for s in SIDES if s < image.shape[-1]]
    with torch.enable_grad():
        logits, features = features_of(judge, image.requires_grad_(), sides)
        weights = gradcam_weights(logits, features)
    maps = [attention_map(a.detach(), w, side)[0, 0].cpu() for a, w in zip(features, weights, strict=True)]
    return tuple(Panel(f"{s} × {s}", values, "least", "most") for s, values in zip(sides, maps, strict=True))


@torch.no_grad()
def feature_panels(generator: Generator, scene: Scene) -> tuple[Panel, ...]:
    """The mean over channels of what each block puts out, at the block's own side, stretched to 0..1.

    ValueError for a model that does not show its blocks."""
    if not isinstance(generator, InBlocks):
        raise ValueError(f"the model {scene.model} does not show its features: choose a model of heatmaps")
    panels = []
    for block in generator.blocks(scene):
        mean = block.features[0].float().mean(0).cpu()
        low, high = float(mean.min()), float(mean.max())
        values = (mean - low) / max(high - low, 1e-9)
        panels.append(Panel(f"{block.side} × {block.side}", values, f"{low:.2f}", f"{high:.2f}"))
    return tuple(panels)


def has_discriminator(generator: Generator) -> bool:
    """Whether the model comes with the discriminator that it was trained against."""
    folder = generator.spec.folder
    return folder is not None and (Path(folder) / FOLDER / "config.json").is_file()


def discriminator_of(generator: Generator) -> Discriminator:
    """The discriminator that lies beside a model's weights; ValueError when there is none."""
    if not has_discriminator(generator):
        raise ValueError(
            f"the discriminator that {generator.spec.name} was trained against does not come with it, so "
            "there is no attention to show"
        )
    folder = Path(generator.spec.folder or "") / FOLDER
    return _judges.get((str(folder), generator.weights), lambda: load_discriminator(folder))


def load_discriminator(folder: Path) -> Discriminator:
    """A StyleGAN2 discriminator from a checkpoint folder whose config.json says `resolution`, `channels` as
    pairs [side, width] and perhaps `group`. CheckpointError (a ValueError) for a bad folder."""
    from spatial_edit.checkpoints import load

    judge, _, _ = load(folder, _built)
    assert isinstance(judge, Discriminator)
    return judge


def _built(config: dict[str, object]) -> Discriminator:
    from spatial_edit.generators.config_values import whole, widths

    resolution = whole(config, "resolution", 8, 1024)
    return Discriminator(
        resolution, widths(config, "channels", resolution), group=whole(config, "group", 1, 64, 4)
    )
