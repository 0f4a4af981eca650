"""Refine, for rooms of boxes: presence and geometry by search, appearance by gradient.

First the slots that the reader doubts (`box3d_presence`), then camera, room and boxes by what every pixel
shows (`box3d_geometry`), then colours and lights through the decoder (`box3d_appearance`). The picture
decides at the end: the best scene seen is kept, which may be the one it began with."""

from __future__ import annotations

from collections.abc import Callable

import torch

from spatial_edit.generators.box3d.reader import load_reader
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.parse.box3d_appearance import fit_appearance, match_colours
from spatial_edit.parse.box3d_geometry import Evidence, search
from spatial_edit.parse.box3d_pose import Pose
from spatial_edit.parse.box3d_presence import settle_presence
from spatial_edit.parse.refine import SECONDS, Clock, Refined
from spatial_edit.parse.target import Target

PRESENCE_UNTIL = 0.15  # of the budget
GEOMETRY_UNTIL = 0.45


class Work:
    """The budget of one refinement, and whether it was asked to stop. Every question is a step."""

    def __init__(
        self,
        clock: Clock,
        progress: Callable[[float], object] | None,
        keep_going: Callable[[], bool] | None,
    ) -> None:
        self.clock, self.progress, self.keep_going, self.stopped = clock, progress, keep_going, False

    def until(self, share: float) -> Callable[[], bool]:
        """Whether there is another step before this share of the budget is used."""
        return lambda: self.used(share) is not None

    def used(self, share: float, since: float = 0.0) -> float | None:
        """The share done of the part of the budget from `since` to `share`; None when it is used up."""
        used = self.clock.used()
        if self.progress is not None:
            self.progress(used)
        if self.keep_going is not None and not self.keep_going():
            self.stopped = True
        if self.stopped or used >= share:
            return None
        self.clock.taken += 1
        return min(1.0, max(0.0, (used - since) / max(share - since, 1e-9)))


@torch.no_grad()
def refine_room(
    generator: Box3DGenerator,
    scene: Scene,
    target: Target,
    *,
    seconds: float = SECONDS,
    steps: int | None = None,
    progress: Callable[[float], object] | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Refined:
    """The scene, brought closer to the target; arguments as for `parse.refine.refine`."""
    assert isinstance(scene.layout, Boxes3D)
    work = Work(Clock(seconds, steps), progress, keep_going)
    reader = load_reader()
    evidence = Evidence.of(reader, target)
    target = target.to(generator.device)
    found = settle_presence(generator, reader, scene, target, evidence, work.until(PRESENCE_UNTIL))
    pose = Pose(generator, found)
    vector = search(pose, evidence, work.until(GEOMETRY_UNTIL))
    if not work.clock.taken:  # no time at all, or asked to stop at once
        return Refined(scene, 0, work.stopped)
    found = match_colours(generator, pose.scene_at(vector), target)
    began = work.clock.used()
    found = fit_appearance(generator, found, target, lambda: work.used(1.0, began))
    pictures = torch.stack([generator.render(found), generator.render(scene)]).to(generator.device)
    errors = target.squared_error(pictures)
    return Refined(found if errors[0] <= errors[1] else scene, work.clock.taken, work.stopped)
