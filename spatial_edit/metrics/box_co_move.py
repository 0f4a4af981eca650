"""Co-move in a room: when a piece of furniture is moved over the floor or along its wall, does what is seen
of it move along?

The definition is that of `co_move`: every element whose centre lies in a judged segment is moved by p, and
the segment is found again. The centre is the projected centre of its box; `box_steps` says how p becomes a
move in the room. What it carries comes along and counts as itself where it hides the element's centre. With
true layouts the renderer draws exactly the same moves: the ceiling. There `counterfactual` compares the two
pictures after the move.

`own` counts only the moves of topmost elements whose own class is that of the segment: a pillow that the
judge takes for bed is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.data.rooms.vocabulary import SEMANTIC, SEMANTIC_OF_INSTANCE
from spatial_edit.data.rooms.vocabulary import SHELL as SHELL_INSTANCES
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.box3d.vector import SLOT_CLASSES
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.perspective import project
from spatial_edit.metrics.box_masks import outside_both, owners
from spatial_edit.metrics.box_rooms import BATCH, TrueRoom, draw_rooms, for_judge, furnished
from spatial_edit.metrics.box_steps import Mover, Step
from spatial_edit.metrics.co_move import SHELL, Move, Steering, co_move, stays_inside
from spatial_edit.metrics.segments import SMALLEST_AFTER, Segment, at, read_segments
from spatial_edit.nn.judge import Judge

Figures = dict[str, float | int | str]
SEMANTIC_OF_CLASS = dict(
    zip(SLOT_CLASSES, (SEMANTIC[i] for i in SEMANTIC_OF_INSTANCE[SHELL_INSTANCES:]), strict=True)
)


@dataclass(frozen=True, eq=False)
class Trial:
    """A move, how it is done in the room, and whether the element's class is the segment's."""

    move: Move
    step: Step
    own: bool


@dataclass
class Tally:
    """Ratios of all elements (and of the topmost), and of those of the segment's own class."""

    every: Steering = field(default_factory=Steering)
    own: Steering = field(default_factory=Steering)

    def add(self, trial: Trial, after: list[Segment]) -> None:
        """Count a move by the segments of the picture after it."""
        self.every.add(trial.move, after)
        if trial.own and trial.move.topmost:
            self.own.add(trial.move, after)

    def figures(self, prefix: str) -> Figures:
        """`co_move.co_move` of both, the second, whose elements are all topmost, under `<prefix>_own`."""
        own = co_move(self.own, f"{prefix}_own")
        return co_move(self.every, prefix) | {k: v for k, v in own.items() if "_own_topmost" not in k}


@dataclass
class TrueTally:
    """What moves in true rooms give: the model's ratios, the renderer's, and the errors inside the
    footprints, mean |difference| / 2: of the model's picture after the move and of its picture before it,
    both against the renderer's after it."""

    model: Tally = field(default_factory=Tally)
    renderer: Tally = field(default_factory=Tally)
    errors: list[tuple[float, float]] = field(default_factory=list)

    def figures(self) -> Figures:
        """`co_move_from_truth`, `co_move_ceiling` and `counterfactual_error`, with the error of leaving the
        element in place and the ratio of their sums."""
        truth = self.model.figures("co_move_from_truth")
        result = {k: v for k, v in truth.items() if not k.startswith("background")}
        result |= self.renderer.figures("co_move_ceiling")
        if self.errors:
            moved, still = (sum(values) / len(self.errors) for values in zip(*self.errors, strict=True))
            result |= {
                "counterfactual_error": round(moved, 5),
                "counterfactual_error_in_place": round(still, 5),
                "counterfactual_ratio": round(moved / still, 4),
                "counterfactual_n": len(self.errors),
            }
        return result


def propose(
    scene: Scene, number: int, segments: list[Segment], owner: Tensor, random: np.random.RandomState
) -> list[Trial]:
    """The moves of one scene without hidden elements, with its `box_masks.owners`, in the layout's order."""
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    mover, side, trials = Mover(layout), owner.shape[0], []
    for index, (x, y) in enumerate(mover.points):
        segment = at(segments, x, y)
        if segment is None or SEMANTIC[segment.label] in SHELL:
            continue

        def allowed(dx: float, dy: float, segment: Segment = segment) -> bool:
            return stays_inside(segment, dx, dy)

        step = mover.draw(index, allowed, random)
        if step is None:
            continue
        seen = int(owner[int(y * side), int(x * side)].mode().values)
        others = tuple(s for s in segments if s is not segment)
        topmost = seen in step.moving
        move = Move(number, index, segment, step.dx, step.dy, topmost=topmost, others=others)
        own = SEMANTIC_OF_CLASS[layout.classes[index]] == SEMANTIC[segment.label]
        trials.append(Trial(move, step, own))
    return trials


@torch.no_grad()
def measure_box_moves(
    generator: Box3DGenerator,
    judge: Judge,
    scenes: Sequence[Scene],
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Tally:
    """Move every element of every scene that the definition asks for; changes outside the footprints are
    measured too. `progress` is told how many scenes are done."""
    random, tally = np.random.RandomState(seed), Tally()
    for start in range(0, len(scenes), BATCH):
        chunk = [_visible(scene) for scene in scenes[start : start + BATCH]]
        before, trials = _trials(generator, judge, chunk, random)
        side = before.shape[-1]
        for first in range(0, len(trials), BATCH):
            part = trials[first : first + BATCH]
            moved = [_after(chunk, trial) for trial in part]
            after = for_judge(generator.render_batch(moved))
            read = read_segments(judge, after, SMALLEST_AFTER)
            for i, (trial, segments) in enumerate(zip(part, read, strict=True)):
                tally.add(trial, segments)
                old = trial.move.scene
                outside = outside_both(generator, chunk[old], moved[i], trial.step.moving, side)
                if outside.any():
                    difference = (after[i] - before[old]).abs().mean(0) / 2
                    tally.every.changes.append(float(difference[outside].mean()))
                    tally.every.areas.append(1 - float(outside.float().mean()))
        if progress is not None:
            progress(start + len(chunk))
    return tally


@torch.no_grad()
def measure_true_moves(
    generator: Box3DGenerator,
    judge: Judge,
    rooms: Sequence[TrueRoom],
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> TrueTally:
    """The same in true rooms, next to the renderer's own pictures of the same moves. A move counts for the
    renderer by the segment that its own picture has at the element's centre, where there is one."""
    random, tally = np.random.RandomState(seed), TrueTally()
    for start in range(0, len(rooms), BATCH):
        chunk = list(rooms[start : start + BATCH])
        scenes = [true.scene for true in chunk]
        before, trials = _trials(generator, judge, scenes, random)
        side = before.shape[-1]
        readings = read_segments(judge, draw_rooms([true.room for true in chunk], side))
        for first in range(0, len(trials), BATCH):
            part = trials[first : first + BATCH]
            moved = [_after(scenes, trial) for trial in part]
            after = for_judge(generator.render_batch(moved))
            real = draw_rooms([furnished(chunk[t.move.scene], t.step.layout) for t in part], side)
            read = [read_segments(judge, pictures, SMALLEST_AFTER) for pictures in (after, real)]
            for i, trial in enumerate(part):
                old = trial.move.scene
                tally.model.add(trial, read[0][i])
                own = _as_rendered(trial, scenes[old], readings[old])
                if own is not None:
                    tally.renderer.add(own, read[1][i])
                inside = ~outside_both(generator, scenes[old], moved[i], trial.step.moving, side)
                if inside.any():
                    pair = [(picture - real[i]).abs().mean(0) / 2 for picture in (after[i], before[old])]
                    tally.errors.append((float(pair[0][inside].mean()), float(pair[1][inside].mean())))
        if progress is not None:
            progress(start + len(chunk))
    return tally


def _trials(
    generator: Box3DGenerator, judge: Judge, scenes: list[Scene], random: np.random.RandomState
) -> tuple[Tensor, list[Trial]]:
    """The judged pictures of scenes and the moves of all of them."""
    before = for_judge(generator.render_batch(scenes))
    trials: list[Trial] = []
    for i, segments in enumerate(read_segments(judge, before)):
        trials += propose(scenes[i], i, segments, owners(generator, scenes[i], before.shape[-1]), random)
    return before, trials


def _as_rendered(trial: Trial, scene: Scene, segments: list[Segment]) -> Trial | None:
    """The trial with the segments of the renderer's picture; None where the element's centre is in none."""
    layout = scene.layout
    assert isinstance(layout, Boxes3D)
    x, y = project(layout.centres[trial.step.index], layout.camera)[0].tolist()
    segment = at(segments, x, y)
    if segment is None or SEMANTIC[segment.label] in SHELL:
        return None
    others = tuple(s for s in segments if s is not segment)
    own = SEMANTIC_OF_CLASS[layout.classes[trial.step.index]] == SEMANTIC[segment.label]
    return Trial(replace(trial.move, segment=segment, others=others), trial.step, own)


def _after(scenes: list[Scene], trial: Trial) -> Scene:
    return replace(scenes[trial.move.scene], layout=trial.step.layout)


def _visible(scene: Scene) -> Scene:
    layout = scene.layout
    if not isinstance(layout, Boxes3D):
        raise ValueError(f"this needs a layout of boxes, {scene.model} has {layout.kind or 'none'}")
    return replace(scene, layout=layout.visible())
