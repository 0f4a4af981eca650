"""What of a scene can be moved to measure how it is steered: the elements of any layout whose centres lie in
the picture's plane (blobs, heatmaps, labelled boxes), and the same scene with one of them elsewhere.

Centres of heatmaps take the finer ones along that follow them. Of boxes the later ones cover the others, of
blobs the generator's opacities tell; heatmaps cover nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.contract import ModelSpec
from spatial_edit.layouts import Blobs, Scene
from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.heatmaps import Heatmaps

Flat = Blobs | Heatmaps | Boxes


def layout_of(scene: Scene) -> Flat:
    """The scene's layout. ValueError when it is of another kind."""
    if not isinstance(scene.layout, Blobs | Heatmaps | Boxes):
        raise ValueError(
            f"co-move needs a layout of blobs, heatmaps or boxes, {scene.model} has "
            f"{scene.layout.kind or 'none'}"
        )
    return scene.layout


def visible(scene: Scene) -> Scene:
    """The scene without its hidden elements. ValueError as `layout_of`."""
    return replace(scene, layout=layout_of(scene).visible())


def chosen(scene: Scene, levels: Collection[int] = ()) -> list[int]:
    """The positions of the elements that are moved: all, or of heatmaps those of some levels."""
    layout = layout_of(scene)
    if not levels or not isinstance(layout, Heatmaps):
        return list(range(len(layout)))
    return [k for k, level in enumerate(layout.levels) if level in levels]


def shifted(scene: Scene, element: int, dx: float, dy: float) -> Scene:
    """The scene with the element at a position moved by (dx, dy), and what follows it."""
    layout = layout_of(scene)
    moving = [element]
    if isinstance(layout, Heatmaps):
        moving += layout.followers(element)
    centres = layout.centres.clone()
    centres[moving] += torch.tensor([dx, dy])
    return replace(scene, layout=replace(layout, centres=centres))


def covers(generator: object, scenes: list[Scene], side: int) -> list[Tensor | None]:
    """(K, side, side) in [0, 1] for each scene: how much each element hides what is behind it; None where
    nothing is hidden."""
    if hasattr(generator, "opacities") and all(isinstance(scene.layout, Blobs) for scene in scenes):
        return list(generator.opacities(scenes, side))
    return [_filled(s.layout, side) if isinstance(s.layout, Boxes) else None for s in scenes]


def has_footprints(generator: object, scene: Scene) -> bool:
    """Whether it can be told where an element is drawn, so that the change elsewhere can be measured."""
    return hasattr(generator, "opacities") and isinstance(scene.layout, Blobs)


def word(spec: ModelSpec, scene: Scene, element: int) -> str:
    """What an element is called in figures: its class, else its level, else its kind."""
    layout = layout_of(scene)
    if isinstance(layout, Boxes):
        return layout.labels[element]
    if isinstance(layout, Heatmaps):
        number = layout.ids[element]
        return spec.row_names[number] if number < len(spec.row_names) else f"level {layout.levels[element]}"
    row = layout.rows[element]
    return spec.row_names[row] if row < len(spec.row_names) else "blob"


def _filled(layout: Boxes, side: int) -> Tensor:
    axis = (torch.arange(side) + 0.5) / side
    left, top, right, bottom = layout.corners().T[..., None]  # (K, 1) each
    across, down = (axis >= left) & (axis < right), (axis >= top) & (axis < bottom)  # (K, side)
    return (down[:, :, None] & across[:, None, :]).float()
