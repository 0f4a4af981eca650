"""Seats: who is using the app just now.

A browser page holds a random token (in `gr.State`, where values are deep-copied); the `Session` it stands
for lives here, in a bounded dictionary: the least recently used seat goes first, and one that was idle for
two hours goes too. A lost seat costs the undo history alone, since every request of the canvas also carries
the scene's code.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from spatial_edit.session import Session
from spatial_edit.ui.photos.batch import Batch

CAPACITY = 256
IDLE_SECONDS = 2 * 3600.0


@dataclass
class Seat:
    """One page's state. Hold `lock` while using `session`."""

    token: str
    session: Session
    lock: threading.RLock = field(default_factory=threading.RLock)
    used: float = 0.0
    batch: Batch | None = None  # the photos parsed last


class Seats:
    """The seats of all pages; safe to use from several threads."""

    def __init__(
        self,
        new_session: Callable[[], Session],
        *,
        capacity: int = CAPACITY,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._new_session, self._capacity, self._idle, self._clock = (
            new_session,
            capacity,
            idle_seconds,
            clock,
        )
        self._seats: OrderedDict[str, Seat] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._seats)

    def take(self, token: object) -> Seat:
        """The seat of a token; a new seat with a new token when there is none (any more)."""
        now = self._clock()
        with self._lock:
            self._drop_idle(now)
            seat = self._seats.get(token) if isinstance(token, str) else None
            if seat is None:
                seat = Seat(secrets.token_urlsafe(18), self._new_session())
                self._seats[seat.token] = seat
            seat.used = now
            self._seats.move_to_end(seat.token)
            while len(self._seats) > self._capacity:
                self._seats.popitem(last=False)
            return seat

    def _drop_idle(self, now: float) -> None:
        while self._seats:
            oldest = next(iter(self._seats.values()))
            if now - oldest.used <= self._idle:
                return
            self._seats.popitem(last=False)
