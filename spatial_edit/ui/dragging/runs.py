"""The drags that run: who may, when, and for how long.

A drag works for seconds to minutes, so it runs in a thread of its own, while its page asks how far it is.
One drag a model at a time, the others wait for their turn; of a page only its newest drag; one that nobody
asks about any more ends. Of those that ended the last few are kept: their scene until it is committed, their
pictures for a film.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spatial_edit.layouts import Scene
from spatial_edit.session.drag import DragAsked, DragStep
from spatial_edit.ui.dragging.run import Run

MOST_AT_WORK = 8  # running and waiting, of everybody
MOST_KEPT = 24  # with those that ended
KEPT_SECONDS = 20 * 60.0
GLANCE = 0.2  # seconds between looks whether a waiting drag is still wanted
PATIENCE = 120.0  # seconds that a program's drag waits for its turn
BUSY = "other people are dragging just now: try again in a minute"
LEFT = "this drag is not here any more: drag again"
NEWER = "a newer drag took its place"
UNBEGUN = "stopped before it began: nothing was changed"

Steps = Callable[[Callable[[], bool]], Iterator[DragStep]]  # whether to go on → the drag's steps


class Drags:
    """All drags of the app; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._turns: dict[str, threading.Semaphore] = {}

    def start(self, client: str, code: str, scene: Scene, asked: DragAsked, steps: Steps) -> Run:
        """A new run of this page's; its older one ends. ValueError when too many are at work."""
        run = Run(client, code, scene, asked, self._clock)
        with self._lock:
            self._forget()
            for other in list(self._runs.values()):
                if other.client == client:
                    other.cancel(NEWER)
                    del self._runs[other.token]
            if sum(not other.over for other in self._runs.values()) >= MOST_AT_WORK:
                raise ValueError(BUSY)
            self._runs[run.token] = run
        threading.Thread(target=self._work, args=(run, steps), name="drag", daemon=True).start()
        return run

    def get(self, token: object) -> Run:
        """The run of a token; ValueError when there is none (any more)."""
        with self._lock:
            run = self._runs.get(token) if isinstance(token, str) else None
        if run is None:
            raise ValueError(LEFT)
        return run

    @contextmanager
    def turn(self, model: str, wanted: Callable[[], bool]) -> Iterator[bool]:
        """The time in which a drag with this model may work; False when it was not wanted any more before."""
        with self._lock:
            turn = self._turns.setdefault(model, threading.Semaphore(1))
        mine = False
        while not mine and wanted():
            mine = turn.acquire(timeout=GLANCE)
        try:
            yield mine
        finally:
            if mine:
                turn.release()

    def patience(self) -> Callable[[], bool]:
        """What a program's drag waits for: PATIENCE seconds."""
        until = self._clock() + PATIENCE
        return lambda: self._clock() < until

    def _work(self, run: Run, steps: Steps) -> None:
        failure: ValueError | OSError | None = None
        try:
            with self.turn(run.scene.model, run.may_go_on) as mine:
                if not mine:
                    raise ValueError(UNBEGUN)
                run.begin()
                for step in steps(run.may_go_on):
                    run.tell(step)
        except (ValueError, OSError) as refused:
            failure = refused
        finally:
            run.finish(failure)  # whatever else happened: the page is told that it broke off

    def _forget(self) -> None:
        """Runs that ended long ago, and the oldest ones of too many."""
        ended = [run for run in self._runs.values() if run.over]
        for run in ended[: max(0, len(self._runs) - MOST_KEPT + 1)]:
            del self._runs[run.token]
        for run in ended:
            if run.idle > KEPT_SECONDS:
                self._runs.pop(run.token, None)
