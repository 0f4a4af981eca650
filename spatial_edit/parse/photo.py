"""Photo to scene, with one of three efforts.

`encode` is one pass of the model's encoder, `refine` continues from there (refine.py), `tune` refines and
then adapts the decoder's finest blocks to the photo (tune.py). A parsed scene came from no z: its seed
and truncation are 0.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from torch import Tensor

from spatial_edit.generators.contract import Generator
from spatial_edit.images import Fit, Photo
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.scene import Provenance
from spatial_edit.parse.delta import bytes_of
from spatial_edit.parse.methods import methods_of
from spatial_edit.parse.target import Target

Effort = Literal["encode", "refine", "tune"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
SECONDS: dict[Effort, float] = {"encode": 0.0, "refine": 8.0, "tune": 50.0}  # usual budgets
REFINE_SHARE = 0.4  # of the time and steps of tune
MAX_SECONDS = 3600.0
Progress = Callable[[float], object]  # told the share done, 0 .. 1; what it raises passes through
KeepGoing = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Parsed:
    """A parsed photo: its scene, the photo as the model has to draw it, `generator.render(scene)`, and
    figures.

    psnr: decibels on bytes at the model's resolution, margins not counted. notes: sentences for the user.
    """

    scene: Scene
    target: Target
    reconstruction: Tensor
    psnr: float
    seconds: float
    steps: int
    notes: tuple[str, ...]

    @property
    def original(self) -> Tensor:
        """(3, R, R) in [-1, 1]: the photo, cropped or with margins."""
        return self.target.picture


def parse_photo(
    generator: Generator,
    photo: Photo,
    effort: str,
    *,
    fit: Fit = "crop",
    seconds: float | None = None,
    steps: int | None = None,
    progress: Progress | None = None,
    keep_going: KeepGoing | None = None,
) -> Parsed:
    """The scene of a photo.

    seconds: time budget, the effort's usual one unless given; steps: take that many instead, whatever the
    time, and give the same scene every time. keep_going returning False ends the search early with the
    best scene so far. ValueError for an effort, fit or budget that does not exist, and for a model that
    cannot parse.
    """
    began = time.perf_counter()
    effort, seconds = _checked(generator, effort, seconds, steps)
    target = Target.of(photo, generator.spec.resolution, fit)
    methods = methods_of(generator)
    begin = methods.encode if effort == "encode" else methods.start or methods.encode
    scene, taken, stopped = begin(generator, target, photo.sha256), 0, False
    if effort != "encode":
        scene, taken, stopped = _searched(
            generator, scene, target, effort, seconds, steps, progress, keep_going
        )
    scene = replace(scene, provenance=Provenance("photo", photo.sha256, effort))
    reconstruction = generator.render(scene)
    notes = (*photo.notes, *_notes(scene, effort, fit, stopped))
    if progress is not None:
        progress(1.0)
    return Parsed(
        scene, target, reconstruction, target.psnr(reconstruction), time.perf_counter() - began, taken, notes
    )


def _searched(
    generator: Generator,
    scene: Scene,
    target: Target,
    effort: Effort,
    seconds: float,
    steps: int | None,
    progress: Progress | None,
    keep_going: KeepGoing | None,
) -> tuple[Scene, int, bool]:
    """Refine, and tune if asked: the scene, the steps taken, whether it was asked to stop."""
    began, methods = time.perf_counter(), methods_of(generator)
    share = 1.0 if effort == "refine" else REFINE_SHARE
    first = None if steps is None else round(share * steps)
    refined = methods.refine(
        generator, scene, target, seconds=share * seconds, steps=first,
        progress=_part(progress, 0.0, share), keep_going=keep_going,
    )  # fmt: skip
    if effort == "refine" or refined.stopped:
        return refined.scene, refined.steps, refined.stopped
    left = max(0.0, seconds - (time.perf_counter() - began))
    tuned = methods.tune(
        generator, refined.scene, target, seconds=left, steps=None if steps is None else steps - (first or 0),
        progress=_part(progress, share, 1.0), keep_going=keep_going,
    )  # fmt: skip
    return tuned.scene, refined.steps + tuned.steps, tuned.stopped


def _checked(
    generator: Generator, effort: str, seconds: float | None, steps: int | None
) -> tuple[Effort, float]:
    if effort not in EFFORTS:
        raise ValueError(f"there is no effort {ascii(effort)[:30]}: use one of {', '.join(EFFORTS)}")
    methods_of(generator)
    chosen: Effort = effort
    seconds = SECONDS[chosen] if seconds is None else seconds
    if not (math.isfinite(seconds) and 0 <= seconds <= MAX_SECONDS):
        raise ValueError(f"the time is {seconds:g} seconds: give 0 to {MAX_SECONDS:g}")
    if steps is not None and not 0 <= steps <= 100_000:
        raise ValueError(f"{steps} steps were asked for: give 0 to 100000")
    return chosen, seconds


def _part(progress: Progress | None, low: float, high: float) -> Progress | None:
    """A report on a part of the work as one on the whole."""
    if progress is None:
        return None
    return lambda done: progress(low + (high - low) * done)


def _notes(scene: Scene, effort: Effort, fit: Fit, stopped: bool) -> list[str]:
    notes = []
    if fit == "letterbox":
        notes.append("the margins are not part of the photo and are not counted")
    if isinstance(scene.layout, Boxes3D) and not len(scene.layout):
        notes.append("no furniture was found: this is an empty room")
    if stopped:
        notes.append("stopped early: this is the best scene so far")
    if effort == "tune":
        size = bytes_of(scene.delta) / 1e6
        notes.append(
            f"{size:.2f} MB of adapted weights travel with the scene" if size else "no weights were adapted"
        )
    return notes
