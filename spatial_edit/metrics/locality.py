"""Locality: does an edit change only what it should, and does every blob draw something?

Background change: mean |difference| / 2 on [-1, 1] outside the union of an element's old and new footprint. A
footprint is where the element's opacity exceeds 0.1, dilated by 2 pixels.

Dead blobs: the share of a model's slots (rows of `Latent.rows`) whose removal changes the picture inside
their footprint by less than 1/255 of its range in at least 95 % of the seeds; a slot that a scene does not
use counts as no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from spatial_edit.layouts import Blobs, Scene

OPAQUE = 0.1
DILATION = 2  # pixels
UNCHANGED = 1 / 255
DEAD_SHARE = 0.95
BATCH = 32


class BlobModel(Protocol):
    """What is asked of a generator here; see `co_move.BlobModel`."""

    def render_batch(self, scenes: list[Scene]) -> Tensor: ...

    def opacities(self, scenes: list[Scene], resolution: int) -> list[Tensor]: ...


def footprints(generator: BlobModel, scenes: list[Scene], elements: list[int], resolution: int) -> Tensor:
    """(B, H, W) bool: where the chosen element of each scene is drawn, before dilation."""
    alone = [only(scene, [element]) for scene, element in zip(scenes, elements, strict=True)]
    return torch.stack([o[0] > OPAQUE for o in generator.opacities(alone, resolution)])


def dilate(masks: Tensor, pixels: int = DILATION) -> Tensor:
    """Masks (B, H, W) bool grown by a square of `pixels` on every side."""
    return max_pool2d(masks[:, None].float(), 2 * pixels + 1, 1, pixels)[:, 0] > 0.5


def background_change(
    generator: BlobModel,
    before: Tensor,
    after: Tensor,
    old: list[Scene],
    new: list[Scene],
    elements: list[int],
) -> tuple[list[float], list[float]]:
    """Change outside, and area of, the union of the footprints, for each pair of pictures (B, 3, H, W) in
    [-1, 1].

    A pair whose union is the whole picture has no outside and is left out of both lists.
    """
    side = before.shape[-1]
    union = footprints(generator, old, elements, side) | footprints(generator, new, elements, side)
    outside = ~dilate(union)
    difference = (after.clamp(-1, 1) - before.clamp(-1, 1)).abs().mean(1) / 2
    count = outside.sum((1, 2))
    change = (difference * outside).sum((1, 2)) / count.clamp(min=1)
    kept = count > 0
    return change[kept].tolist(), (1 - outside.float().mean((1, 2)))[kept].tolist()


@torch.no_grad()
def dead_blobs(generator: BlobModel, scenes: Sequence[Scene]) -> float:
    """Share in [0, 1] of the slots that are dead over the given scenes (200 of them by the definition).

    ValueError without scenes, or when their latents do not have the same number of rows, at least one.
    """
    slots = {len(scene.latent.rows) for scene in scenes}
    if len(slots) != 1 or slots == {0}:
        raise ValueError(f"dead blobs are counted over scenes of one model, these have {sorted(slots)} rows")
    count = slots.pop()
    alive = torch.zeros(count, dtype=torch.long)
    for start in range(0, len(scenes), BATCH):
        chunk = list(scenes[start : start + BATCH])
        for scene, row in _changes(generator, chunk):
            assert 0 <= row < count, f"{scene.model} names row {row} of {count}"
            alive[row] += 1
    unchanged = 1 - alive / len(scenes)
    return float((unchanged >= DEAD_SHARE).float().mean())


def only(scene: Scene, keep: list[int]) -> Scene:
    """The scene with the elements at these positions alone."""
    assert isinstance(scene.layout, Blobs)
    return replace(scene, layout=scene.layout.select(keep))


def _changes(generator: BlobModel, scenes: list[Scene]) -> list[tuple[Scene, int]]:
    """(scene, row) for every row whose removal changes its scene's picture by at least 1/255 inside its
    footprint.
    """
    trials = [(i, row) for i, scene in enumerate(scenes) for row in sorted(set(_layout(scene).rows))]
    before = generator.render_batch(scenes)
    side = before.shape[-1]
    result = []
    for start in range(0, len(trials), BATCH):
        part = trials[start : start + BATCH]
        own = [_with_row(scenes[i], row, True) for i, row in part]
        after = generator.render_batch([_with_row(scenes[i], row, False) for i, row in part])
        inside = torch.stack([(o > OPAQUE).any(0) for o in generator.opacities(own, side)])
        difference = (after.clamp(-1, 1) - before[[i for i, _ in part]].clamp(-1, 1)).abs().mean(1) / 2
        change = (difference * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
        result += [
            (scenes[i], row) for (i, row), c in zip(part, change.tolist(), strict=True) if c >= UNCHANGED
        ]
    return result


def _layout(scene: Scene) -> Blobs:
    if not isinstance(scene.layout, Blobs):
        raise ValueError(f"this needs a layout of blobs, {scene.model} has {scene.layout.kind or 'none'}")
    return scene.layout.visible()


def _with_row(scene: Scene, row: int, wanted: bool) -> Scene:
    layout = _layout(scene)
    return replace(
        scene, layout=layout.select([i for i, r in enumerate(layout.rows) if (r == row) == wanted])
    )
