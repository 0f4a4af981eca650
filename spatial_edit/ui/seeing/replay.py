"""Replay: the steps of an edit as a film. Bounded: 2 to 64 steps, at most 10 seconds, and after `BUDGET`
seconds of drawing the rest of the steps cross-fade instead of moving."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from spatial_edit.films import FRAMES_A_SECOND, KINDS, SIDES, Shot, film_file
from spatial_edit.images import enlarge, to_pil
from spatial_edit.layouts import Scene
from spatial_edit.session import resolve
from spatial_edit.session.picture import draw
from spatial_edit.ui.seeing.between import Draw, eased, picture_between
from spatial_edit.ui.seeing.maps import a_code

if TYPE_CHECKING:
    from spatial_edit.ui.context import Context

MOST_STEPS = 64
LONGEST = 10.0  # seconds
STEP_SECONDS, LAST_SECONDS = 1.1, 1.2
MOVING = 0.65  # of a step's time; the rest stands still
BUDGET = 25.0
SIDE_RANGE = (256, 512)
MOST_JOBS = 64

Tell = Callable[[float], None]


class Stopped(ValueError):
    """The browser wants the film no longer."""


@dataclass
class _Job:
    share: float = 0.0
    stopped: bool = False


class Jobs:
    """How far each replay is, by the browser's own name for it; the oldest names are forgotten."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, name: object) -> Tell:
        """A job; gives what to tell its share done to, which raises `Stopped` once it was stopped."""
        job = _Job()
        with self._lock:
            self._jobs[_job_name(name)] = job
            while len(self._jobs) > MOST_JOBS:
                self._jobs.popitem(last=False)

        def tell(share: float) -> None:
            if job.stopped:
                raise Stopped("stopped")
            job.share = share

        return tell

    def state(self, payload: Any) -> dict[str, object]:
        """`{"share"}` of `{"job", "stop"}`; with `stop` the job ends at its next picture."""
        name = _job_name(payload.get("job") if isinstance(payload, dict) else None)
        with self._lock:
            job = self._jobs.get(name)
        if job is None:
            return {"share": 0.0}
        job.stopped = job.stopped or payload.get("stop") is True
        return {"share": round(job.share, 3)}


def replay_file(context: Context, payload: Any, tell: Tell) -> tuple[str, str, bytes]:
    """Name, type and bytes of the film of `{"codes", "format", "side"}`; ValueError when it cannot be."""
    if not isinstance(payload, dict):
        raise ValueError("a replay request must be an object: reload the page")
    codes, kind, side = payload.get("codes"), payload.get("format"), payload.get("side")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"there is no film format {str(kind)[:20]!r}: choose {', '.join(KINDS)}")
    side = SIDES[kind] if side is None else side
    if isinstance(side, bool) or not isinstance(side, int) or side % 2 or not _within(side):
        raise ValueError(f"the film's side is {str(side)[:20]}: it must be an even number from 256 to 512")
    scenes, picture = _scenes(context, codes)
    shots = [
        Shot(enlarge(to_pil(image), side), frames)
        for image, frames in film_pictures(picture, scenes, lambda share: tell(0.85 * share))
    ]
    data = film_file(shots, kind)
    tell(1.0)
    return f"{scenes[-1].model}-replay.{kind}", KINDS[kind], data


def film_pictures(
    picture: Draw,
    scenes: list[Scene],
    tell: Tell,
    clock: Callable[[], float] = time.monotonic,
) -> list[tuple[Tensor, int]]:
    """Pictures (3, H, W) and for how many frames each is shown: at most `LONGEST` seconds together."""
    steps = len(scenes) - 1
    seconds = min(STEP_SECONDS, (LONGEST - LAST_SECONDS) / (steps + 1))
    frames = max(1, int(seconds * FRAMES_A_SECOND))
    moving = round(MOVING * frames)  # pictures on the way, ends not counted
    began, last = clock(), picture(scenes[0])
    film = [(last, frames)]
    for place, (before, after) in enumerate(pairwise(scenes)):
        first, last = last, picture(after)
        for k in range(1, moving):
            share = eased(k / moving)
            late = clock() - began > BUDGET
            between = (
                torch.lerp(first, last, share) if late else picture_between(picture, before, after, share)
            )
            film.append((between, 1))
            tell((place + k / moving) / steps)
        film.append((last, max(1, frames - moving)))
        tell((place + 1) / steps)
    film[-1] = (film[-1][0], film[-1][1] + int(LAST_SECONDS * FRAMES_A_SECOND))
    return film


def _scenes(context: Context, codes: object) -> tuple[list[Scene], Draw]:
    if not isinstance(codes, list) or not 2 <= len(codes) <= MOST_STEPS:
        count = len(codes) if isinstance(codes, list) else 0
        raise ValueError(f"a replay needs 2 to {MOST_STEPS} steps, this one has {count}: edit first")
    found = [
        resolve(context.lookup, context.store, a_code(code), names=context.model_of_number) for code in codes
    ]
    scenes, generator = [scene for scene, _ in found], found[0][1]
    if len({(scene.model, scene.weights) for scene in scenes}) > 1:
        raise ValueError("the steps were made with different models: replay those of one model")
    return scenes, lambda scene: draw(generator, scene)


def _within(side: int) -> bool:
    return SIDE_RANGE[0] <= side <= SIDE_RANGE[1]


def _job_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= 40:
        raise ValueError("a replay needs a name of at most 40 characters: reload the page")
    return name
