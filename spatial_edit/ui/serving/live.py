"""Live pictures: what the canvas asks for in the middle of a gesture.

A server function of Gradio runs outside the queue and its limits, so the bounds are here: a rate limit over
everybody, one picture at a time, and of each page only its newest request (an older one that waited is
dropped unrendered). The call is stateless: it carries a scene's code and the elements' geometry (a list of
blobs, or an arrangement of boxes), which the session checks like an edit. Nobody's history is touched.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

from spatial_edit.ui.pictures import data_url, live

PICTURES_PER_SECOND = 90.0
MOST_PAGES = 1024
PATIENCE = 2.0  # seconds that a request waits for its turn
MOST_WAITING = 12  # requests at once, of the 40 threads that Gradio has for everything

Render = Callable[[str, object], Tensor]  # (code, elements) -> (3, H, W)


class LiveDesk:
    """Takes live requests. `answer` gives `{"seq", "image", "ms"}`, ms its work without waiting; or `{"seq"}`
    alone when it is too busy or too late.
    """

    def __init__(
        self,
        render: Render,
        *,
        per_second: float = PICTURES_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._render, self._rate, self._clock = render, per_second, clock
        self._tokens, self._filled = per_second, clock()
        self._newest: OrderedDict[str, int] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Semaphore(1)
        self._places = threading.Semaphore(MOST_WAITING)

    def answer(self, payload: object) -> dict[str, object]:
        """One request `{"client", "seq", "code", "elements"}`; ValueError when it is malformed."""
        client, sequence, code, elements = _read(payload)
        if not self._admit(client, sequence) or not self._places.acquire(blocking=False):
            return {"seq": sequence}
        try:
            return self._drawn(client, sequence, code, elements)
        finally:
            self._places.release()

    def _drawn(self, client: str, sequence: int, code: str, elements: object) -> dict[str, object]:
        if not self._turn.acquire(timeout=PATIENCE):
            return {"seq": sequence}
        try:
            if self._newest.get(client, sequence) > sequence:
                return {"seq": sequence}
            began = time.perf_counter()
            image = data_url(live(self._render(code, elements)))
            spent = (time.perf_counter() - began) * 1000
        finally:
            self._turn.release()
        return {"seq": sequence, "image": image, "ms": round(spent, 1)}

    def _admit(self, client: str, sequence: int) -> bool:
        with self._lock:
            now = self._clock()
            self._tokens = min(self._rate, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            self._newest[client] = max(sequence, self._newest.get(client, sequence))
            self._newest.move_to_end(client)
            while len(self._newest) > MOST_PAGES:
                self._newest.popitem(last=False)
            return True


def _read(payload: object) -> tuple[str, int, str, object]:
    if not isinstance(payload, dict):
        raise ValueError("a live request must be an object: reload the page")
    client, sequence = payload.get("client"), payload.get("seq")
    code, elements = payload.get("code"), payload.get("elements")
    if not (
        isinstance(client, str)
        and len(client) <= 40
        and isinstance(code, str)
        and isinstance(elements, list | dict)
    ):
        raise ValueError("a live request needs client, seq, code and elements: reload the page")
    if not isinstance(sequence, int) or isinstance(sequence, bool) or not 0 <= sequence < 2**53:
        raise ValueError("seq of a live request must be a whole number: reload the page")
    return client, sequence, code, elements
