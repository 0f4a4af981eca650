"""A drag that needs no features: handles go straight to their targets, and the nearest blob goes along.

`FakeDrags` is the toy model of blobs with the method that makes a model draggable; `fake_drag` stands in for
`edits.drag.drag`. A target in the upper left corner is never reached (the drag stalls half-way), one at the
lower border takes 300 slow steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from spatial_edit.edits.drag import DragOptions, DragStep
from spatial_edit.layouts import Blobs, Points, Provenance, Scene
from tests.ui.fake_bare import Plain
from tests.ui.fake_generator import FakeGenerator

STEPS = 12
PAUSE = 0.02  # seconds a step


class FakeDrags(FakeGenerator):
    """Blobs that can be dragged by points."""

    def dragging(self, scene: Scene, space: str = "w+") -> Any:
        raise ValueError("this toy is dragged by fake_drag alone")


class PlainDrags(Plain):
    """A picture without a layout that can be dragged by points."""

    def dragging(self, scene: Scene, space: str = "w+") -> Any:
        raise ValueError("this toy is dragged by fake_drag alone")


def fake_drag(
    generator: Any,
    scene: Scene,
    points: Points,
    mask: Tensor | None = None,
    options: DragOptions | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Iterator[DragStep]:
    """See the module; deterministic but for its pauses."""
    options = options or DragOptions()
    stalls = bool((points.targets < 0.05).all(-1).any())
    count = min(options.steps, 300 if bool((points.targets[:, 1] > 0.95).any()) else STEPS)
    for number in range(count + 1):
        share = number / count
        share = min(share, 0.5) if stalls else share
        places = torch.lerp(points.handles, points.targets, share)
        distance = float((points.targets - places).norm(dim=-1).max())
        now = moved(scene, points, share)
        state = "stalled" if stalls and number > count // 2 else "arrived" if number == count else "running"
        if state == "running" and number and keep_going is not None and not keep_going():
            state = "stopped"
        ended = state != "running"
        note = "the handle comes no nearer: this is the best that it reached" if state == "stalled" else ""
        shown = ended or number % options.picture_every == 0
        yield DragStep(
            number, places, distance, 0.0, state, note,
            picture=generator.render(now) if shown else None,
            scene=now if ended else None,
            phase="coarse" if number < 2 else "fine",
            centres=now.layout.centres if isinstance(now.layout, Blobs) else None,
        )  # fmt: skip
        if ended:
            return
        time.sleep(PAUSE)


def moved(scene: Scene, points: Points, share: float) -> Scene:
    """The scene with the blob nearest to each handle a share of the way along, or with another colour."""
    layout = scene.layout
    if isinstance(layout, Blobs):
        centres = layout.centres.clone()
        for handle, target in zip(points.handles, points.targets, strict=True):
            nearest = int((layout.centres - handle).norm(dim=-1).argmin())
            centres[nearest] += share * (target - handle)
        layout = replace(layout, centres=centres.clamp(-0.2, 1.2))
    rows = scene.latent.rows + 0.05 * share
    origin = scene.provenance if scene.provenance.kind == "photo" else Provenance("drag")
    return replace(scene, layout=layout, latent=replace(scene.latent, rows=rows), provenance=origin)
