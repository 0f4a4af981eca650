"""One drag of one page: what its worker tells, and what the page's questions learn of it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from spatial_edit.layouts import Scene
from spatial_edit.session.drag import DragAsked, DragStep
from spatial_edit.session.drag_film import Frames
from spatial_edit.ui.pictures import data_url, live

LONGEST = 180.0  # seconds that a drag may work
QUIET = 8.0  # seconds without a question after which nobody is there any more
ENDED_WELL = ("arrived", "stopped")  # kept without asking; another end is put to the person
BROKEN = "the drag broke off: try again, or with another point"
GONE = "the drag was left alone: its page asked no longer"
OVERDUE = "stopped after {:.0f} seconds: this is how far it came"


class Run:
    """Written by its worker, read by any thread. `state`: "waiting" for its turn, "running", "done" (there is
    a scene), "failed" (`failure` says why)."""

    def __init__(
        self,
        client: str,
        code: str,
        scene: Scene,
        asked: DragAsked,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token, self.client, self.code = secrets.token_urlsafe(15), client, code
        self.scene, self.asked = scene, asked
        self.state, self.note, self.end = "waiting", "", ""
        self.failure: ValueError | OSError | None = None
        self.result: Scene | None = None
        self.frames = Frames(asked.points)
        self.stopped = False
        self._clock, self._news = clock, threading.Condition()
        self._heard = self._began = clock()
        self._ended: float | None = None
        self._trail: list[list[list[float]]] = []  # of every step the handles' places
        self._last: DragStep | None = None
        self._picture, self._pictured = "", -1
        self._places: list[list[float]] | None = None

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed")

    @property
    def seconds(self) -> float:
        """Since it began to work."""
        return (self._ended or self._clock()) - self._began

    @property
    def idle(self) -> float:
        """Seconds since somebody asked about it."""
        return self._clock() - self._heard

    def may_go_on(self) -> bool:
        """False once it was stopped, left alone, or has worked for too long."""
        in_time = self.state == "waiting" or self.seconds < LONGEST
        return not self.stopped and in_time and self.idle <= QUIET

    # ---- the worker's side ----

    def begin(self) -> None:
        """Its turn has come."""
        with self._news:
            self.state, self._began = "running", self._clock()
            self._news.notify_all()

    def tell(self, step: DragStep) -> None:
        """A step was made."""
        points = [[round(value, 5) for value in place] for place in step.points.tolist()]
        picture = None if step.picture is None else data_url(live(step.picture))
        if step.picture is not None:
            self.frames.add(step.picture, step.points)
        with self._news:
            if self.over:  # cancelled meanwhile
                return
            self._trail.append(points)
            self._last = step
            if picture is not None:
                self._picture, self._pictured = picture, len(self._trail)
            if step.centres is not None:
                self._places = [[round(value, 5) for value in place] for place in step.centres.tolist()]
            if step.scene is not None:
                self.result = step.scene
            self._news.notify_all()

    def finish(self, failure: ValueError | OSError | None = None) -> None:
        """The worker is done; without a scene it has failed."""
        with self._news:
            if self.over:
                return
            self._ended, last = self._clock(), self._last
            self.end, self.note = ("", "") if last is None else (last.state, last.note)
            if self.end == "stopped" and self.seconds >= LONGEST:
                self.note = OVERDUE.format(LONGEST)
            if self.idle > QUIET:
                failure = ValueError(GONE)
            elif failure is None and self.result is None:
                failure = ValueError(BROKEN)
            self.failure, self.state = failure, "done" if failure is None else "failed"
            self.result = self.result if failure is None else None
            self._news.notify_all()

    # ---- the page's side ----

    def stop(self) -> None:
        """End within a step, and keep what is there."""
        self.stopped = True

    def cancel(self, why: str) -> None:
        """End within a step, and keep nothing."""
        with self._news:
            self.stopped = True
            if not self.over:
                self.state, self.failure, self._ended = "failed", ValueError(why), self._clock()
            self.result = None
            self._news.notify_all()

    def news(self, known: int, pictured: int, patience: float) -> dict[str, object]:
        """What is new since `known` steps and the picture of step `pictured`; waits up to `patience` seconds
        for anything to be."""
        self._heard = self._clock()
        with self._news:
            self._news.wait_for(lambda: self.over or len(self._trail) > known, patience)
            self._heard = self._clock()
            return self._told(known, pictured)

    def _told(self, known: int, pictured: int) -> dict[str, object]:
        last = self._last
        told: dict[str, object] = {
            "state": self.state,
            "steps": len(self._trail),
            "trail": self._trail[known:],
            "seconds": round(self.seconds, 1) if self.state != "waiting" else 0.0,
            "pictured": self._pictured,
        }
        if last is not None:
            told |= {
                "number": last.number,
                "distance": round(last.distance, 5),
                "phase": last.phase,
            }
        if self._pictured > pictured:
            told |= {"image": self._picture, "places": self._places}
        if self.over:
            told |= {"end": self.end, "keeps": self.end in ENDED_WELL, "film": len(self.frames) > 1}
        return told
