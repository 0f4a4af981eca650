"""The loop of a drag: track, compare, step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from spatial_edit.edits.drag import motion
from spatial_edit.edits.drag.check import check_mask, check_mode, check_options, check_points, draggable
from spatial_edit.edits.drag.coarse import coarse_move
from spatial_edit.edits.drag.hold import Held
from spatial_edit.edits.drag.motion import MARGIN, Patch, Pixel
from spatial_edit.edits.drag.options import DragError, DragOptions, DragStep, Mode, State
from spatial_edit.edits.drag.watch import NOTES, Watch
from spatial_edit.generators.dragging import CODES, LAYOUT, Dragging, Window, cut
from spatial_edit.layouts import Points, Scene

LEAST_MOTION, LEAST_TRACKING = 2, 3  # pixels: radii at 512 would vanish in a small picture


def drag(
    generator: object,
    scene: Scene,
    points: Points,
    mask: Tensor | None = None,
    options: DragOptions | None = None,
    keep_going: Callable[[], bool] | None = None,
) -> Iterator[DragStep]:
    """Moves what is at the handles to the targets, one `DragStep` an optimisation step; the first (number 0)
    is the start, the last one has another state than "running".

    mask: (G, G) or (h, h) bool, True where the picture may change. keep_going: asked before every step. All
    is checked before this returns: DragError, in one sentence. Momentum and reference features are new in
    every drag. Same weights, scene, points and options: the same steps.
    """
    options = options or DragOptions()
    check_options(options)
    shown = check_points(points)
    model = draggable(generator, scene.model)
    dragging = model.dragging(scene, options.space)
    fixed = check_mask(mask, dragging.side)
    run = Run(dragging, shown, fixed, options, check_mode(options, dragging))
    return _steps(run, options, keep_going or (lambda: True))


def _steps(run: Run, options: DragOptions, keep_going: Callable[[], bool]) -> Iterator[DragStep]:
    number, state = 0, run.look()
    while state == "running":
        if number >= options.steps:
            state = "steps"
        elif number and not keep_going():
            state = "stopped"
        else:
            every = options.picture_every
            wanted = not number or (every and number % every == 0)
            yield run.step(number, picture=run.dragging.picture() if wanted else None)
            run.advance()
            number, state = number + 1, run.look()
    yield run.ended(number, state)


class Run:
    """One drag: the handles' places (whole pixels, y first), their features, Adam's state."""

    def __init__(
        self, dragging: Dragging, points: Points, fixed: Tensor | None, options: DragOptions, mode: Mode
    ) -> None:
        self.dragging, self.options, self.mode = dragging, options, mode
        self.held = None if fixed is None else Held(fixed, dragging.feature_side)
        self.side = side = dragging.side
        self.handles, self.goals = points.handles.float(), points.targets.float()  # (P, 2) fractions, x first
        self.targets = [(y * side - 0.5, x * side - 0.5) for x, y in points.targets.tolist()]
        self.points = [self._pixel(x, y) for x, y in points.handles.tolist()]
        self.motion_radius = max(round(options.motion_radius * side), LEAST_MOTION)
        self.tracking_radius = max(round(options.tracking_radius * side), LEAST_TRACKING)
        self.watch = Watch(max(options.arrived * side, 1.0), options.patience, options.doubt, options.watch)
        self.groups = [CODES, LAYOUT] if mode != "latent" else [CODES]
        self.optimisers = {
            name: torch.optim.Adam([dragging.variables[name]], lr=rate)
            for name, rate in ((CODES, options.learning_rate), (LAYOUT, options.layout_rate))
            if name in self.groups
        }
        self.taken = 0
        self.loss = 0.0
        self.best: tuple[float, list[Pixel], dict[str, Tensor]] | None = None
        self.moving = mode == "coarse"  # the next step is that of equation 6
        self.phase: Literal["coarse", "fine"] = "fine"
        self._remember()

    def _pixel(self, x: float, y: float) -> Pixel:
        """The pixel of the picture that a place lies in."""
        return tuple(min(max(math.floor(v * self.side), 0), self.side - 1) for v in (y, x))  # type: ignore[return-value]

    @torch.no_grad()
    def _remember(self) -> None:
        """The features of the start: those of the handles, and with a mask all of them."""
        features = self.dragging.features().float()
        if not bool(torch.isfinite(features).all()):
            raise DragError("this scene has features that are not finite: open another one")
        self.wanted = [motion.feature_at(self._resized(features, p, 0), p).clone() for p in self.points]
        # 0 where the whole picture is of one colour
        self.apart = [max(motion.mean_distance(features, f), 1e-12) for f in self.wanted]
        self.start = None if self.held is None else cut(features, [self.held.window])[0].clone()
        self.code = self.dragging.variables[CODES].detach().clone()

    def _resized(self, features: Tensor, p: Pixel, radius: int) -> Patch:
        """A patch of the whole map."""
        size = self.dragging.feature_side
        area = motion.span(p, radius, self.side)
        w = motion.source(area, self.side, size)
        return motion.resized(features[..., w.top : w.bottom, w.left : w.right], area, self.side, size)

    @torch.no_grad()
    def _move_centres(self) -> bool:
        """Equation 6, unless the handles are then farther from their targets; whether the centres moved."""
        options, centres = self.options, self.dragging.variables[LAYOUT]
        before, points = centres.detach().clone(), self.points
        move = coarse_move(
            before, self.dragging.anchors, self.handles, self.goals, reach=options.reach, share=options.share
        )
        if not move.moved:
            return False
        centres.copy_(move.centres)
        predicted = [self._pixel(x, y) for x, y in move.predicted.tolist()]
        radius = max(round(options.search * self.side), self.tracking_radius)
        patches, _ = self._patches(predicted, radius)
        found = [
            motion.tracked(patch, p, wanted, radius, self.side)
            for patch, p, wanted in zip(patches, predicted, self.wanted, strict=True)
        ]
        self.points = [p for p, _ in found]
        # NaN compares as false: a move that breaks the picture is taken back as well
        if not max(motion.distances(self.points, self.targets)) < max(motion.distances(points, self.targets)):
            centres.copy_(before)
            self.points = points
            return False
        return True

    def _patches(
        self, points: Sequence[Pixel], radius: int, *more: Window
    ) -> tuple[list[Patch], list[Tensor]]:
        """The resized features around places, and those in more windows as they are; without the rest of the
        map where the model can do that."""
        size = self.dragging.feature_side
        areas = [motion.span(p, radius, self.side) for p in points]
        windows = [motion.source(area, self.side, size) for area in areas]
        parts = [part.float() for part in self.dragging.windows([*windows, *more])]
        patches = [
            motion.resized(part, area, self.side, size) for part, area in zip(parts, areas, strict=False)
        ]
        return patches, parts[len(areas) :]

    @torch.enable_grad()
    def look(self) -> State:
        """Compute the features, find the handles in them, and the loss; what comes of it."""
        group = self.groups[self.taken % len(self.groups)]
        for name, variable in self.dragging.variables.items():
            variable.requires_grad_(name == group)
        radius = self.tracking_radius + self.motion_radius + MARGIN
        patches, held = self._patches(self.points, radius, *([self.held.window] if self.held else []))
        found = [
            motion.tracked(patch, p, wanted, self.tracking_radius, self.side)
            for patch, p, wanted in zip(patches, self.points, self.wanted, strict=True)
        ]
        self.points = [p for p, _ in found]
        self.away = motion.distances(self.points, self.targets)
        unlike = [value / apart for (_, value), apart in zip(found, self.apart, strict=True)]
        self.terms = self._loss(patches, held[0] if held else None)
        self.loss = float(self.terms.detach())
        state = self.watch.see(self.points, self.away, [*unlike, self.loss * 0])
        if state != "diverged":
            self._keep_best()
        return state

    def _loss(self, patches: Sequence[Patch], protected: Tensor | None) -> Tensor:
        """The number that a step makes smaller."""
        options = self.options
        total = torch.zeros(())
        for patch, p, target in zip(patches, self.points, self.targets, strict=True):
            term = motion.motion_loss(
                patch, p, target, self.motion_radius, self.side, stretched=options.stretched
            )
            if term is not None:
                total = total + term.cpu()
        if protected is not None and self.held is not None and self.start is not None:
            total = total + options.mask_weight * self.held.loss(protected, self.start).cpu()
        if options.code_weight:
            code = self.dragging.variables[CODES]
            total = total + options.code_weight * (code - self.code).abs().mean().cpu()
        return total

    def advance(self) -> None:
        """One step: the coarse move, or Adam's for the group whose turn it is."""
        self.phase = "coarse" if self.moving and self._move_centres() else "fine"
        self.moving = False
        if self.phase == "fine":
            self.update()

    def update(self) -> None:
        """One step of Adam down the loss of the last `look`."""
        optimiser = self.optimisers[self.groups[self.taken % len(self.groups)]]
        optimiser.zero_grad()
        if self.terms.requires_grad:
            self.terms.backward()
            optimiser.step()
        self.taken += 1

    def _keep_best(self) -> None:
        farthest = max(self.away)
        if self.best is None or farthest < self.best[0]:
            kept = {name: value.detach().clone() for name, value in self.dragging.variables.items()}
            self.best = (farthest, list(self.points), kept)

    def step(self, number: int, state: State = "running", picture: Tensor | None = None) -> DragStep:
        """What the caller hears of it."""
        places = [[(x + 0.5) / self.side, (y + 0.5) / self.side] for y, x in self.points]
        away = max(motion.distances(self.points, self.targets)) / self.side
        centres = self.dragging.variables.get(LAYOUT)
        return DragStep(
            number,
            torch.tensor(places),
            away,
            self.loss,
            state,
            NOTES[state],
            picture,
            phase=self.phase,
            centres=None if centres is None else centres.detach().cpu().clone(),
        )

    def ended(self, number: int, state: State) -> DragStep:
        """The last step: of a drag that did not get there, the best that it saw."""
        if state not in ("arrived", "stopped") and self.best is not None:
            _, self.points, kept = self.best
            with torch.no_grad():
                for name, value in kept.items():
                    self.dragging.variables[name].copy_(value)
        last = self.step(number, state, self.dragging.picture())
        return replace(last, scene=self.dragging.scene())
