"""A desk for calls that take a while: one at a time, few waiting, a rate limit over everybody.

Server functions of Gradio run outside its queue, so what bounds them stands here, as in live.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BUSY = "the server is busy with other people's pictures: try again in a few seconds"


class Desk:
    """Lets one call in at a time; ValueError for those that come too fast, or wait longer than `patience`
    seconds."""

    def __init__(
        self,
        *,
        per_second: float,
        burst: float,
        waiting: int = 6,
        patience: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._patience, self._clock = per_second, burst, patience, clock
        self._tokens, self._filled = burst, clock()
        self._lock, self._turn = threading.Lock(), threading.Semaphore(1)
        self._queue = threading.Semaphore(waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The time in which the caller may work."""
        self._admit()
        if not self._queue.acquire(blocking=False):
            raise ValueError(BUSY)
        try:
            if not self._turn.acquire(timeout=self._patience):
                raise ValueError(BUSY)
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._queue.release()

    def _admit(self) -> None:
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            if self._tokens < 1:
                raise ValueError(BUSY)
            self._tokens -= 1
