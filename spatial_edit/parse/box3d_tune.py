"""Tune, for rooms of boxes: the decoder's finest blocks adapted to one photo, around a scene that stays.

As `parse.tune` (pivotal tuning, Roich et al. 2021, section 3.2) with other anchors. Moved boxes: where a
pixel shows the same element or surface as before the move, what tuning adds to the picture (photo - original
decoder's picture) stays there; elsewhere the original decoder's picture is the goal, held more loosely. Near
samples: what the original decoder draws of a sample of the model, the tuned one should draw too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.boxes3d import CENTRE_RANGE_3D
from spatial_edit.parse.anchors import UNSEEN
from spatial_edit.parse.box3d_labels import label_maps
from spatial_edit.parse.refine import Clock
from spatial_edit.parse.target import Target
from spatial_edit.parse.tune import ANCHOR_WEIGHT, State, Tuned, adapt

FARTHEST = 0.8  # metres of a move
SAMPLE_EVERY = 3


class RoomAnchors:
    """Draws anchors around a scene; the same seed draws the same ones."""

    def __init__(self, generator: Box3DGenerator, scene: Scene, added: Tensor, seed: int = 0) -> None:
        self.generator, self.scene, self.added = generator, scene, added  # added (3, R, R)
        self.random = np.random.RandomState(seed)
        self.labels = self._labels(scene)

    @torch.no_grad()
    def moved(self) -> tuple[Scene, Tensor, Tensor]:
        """A room with one box moved over the floor, the picture to draw, and the weight of every pixel."""
        layout = self.scene.layout
        assert isinstance(layout, Boxes3D)
        shown = [k for k, hidden in enumerate(layout.hidden) if not hidden]
        if not shown:
            return self.near()
        place = self.random.randint(len(shown))
        dx, dz = self.random.uniform(-FARTHEST, FARTHEST, 2)
        centres = layout.centres.clone()
        centres[shown[place]] += torch.tensor([dx, 0.0, dz], dtype=centres.dtype)
        scene = replace(self.scene, layout=replace(layout, centres=centres.clamp(*CENTRE_RANGE_3D)))
        same = (self._labels(scene) == self.labels).float()
        goal = self.generator.render(scene).to(self.added.device) + same * self.added
        return scene, goal, UNSEEN + (1 - UNSEEN) * same

    @torch.no_grad()
    def near(self) -> tuple[Scene, Tensor, Tensor]:
        """A sample of the model."""
        scene = self.generator.sample(int(self.random.randint(2**31)))
        picture = self.generator.render(scene).to(self.added.device)
        return scene, picture, torch.ones_like(picture[0])

    def _labels(self, scene: Scene) -> Tensor:
        """(R, R) which element or surface each pixel shows."""
        side = self.added.shape[-1]
        return label_maps(self.generator.batch_of([scene]), side)[0].view(side, side)


@torch.enable_grad()
def tune_room(
    generator: Box3DGenerator,
    scene: Scene,
    target: Target,
    *,
    seconds: float,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Tuned:
    """The scene with a delta of at most 1 MB, or as it was when none brought it closer. Arguments as for
    `parse.refine.refine`."""
    target = target.to(generator.device)
    scene = replace(scene, delta=())
    original = generator.render(scene).to(generator.device)
    anchors = RoomAnchors(generator, scene, (target.picture - original) * target.mask)
    own, decoder = generator.inputs([scene]), generator.model.decoder

    def loss(state: State, taken: int) -> Tensor:
        late = taken % SAMPLE_EVERY == SAMPLE_EVERY - 1
        anchor, goal, weight = anchors.near() if late else anchors.moved()
        picture = functional_call(decoder, state, generator.inputs([anchor]))[0]
        held = ((picture - goal).abs().mean(0) * weight).mean()
        return target.loss(functional_call(decoder, state, own)) + ANCHOR_WEIGHT * held

    return adapt(generator, scene, target, original, loss, Clock(seconds, steps), progress, keep_going)
