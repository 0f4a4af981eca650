"""The last few results of a computation, by what they were computed from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor

T = TypeVar("T")


class Kept(Generic[T]):
    """At most `most` results; the one that was not asked for the longest goes first. Safe from threads."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._results: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The result of a key, computed when it is not there (by two threads at once, if need be)."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]
        result = compute()
        with self._lock:
            self._results[key] = result
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        return result


def content(tensor: Tensor) -> tuple[tuple[int, ...], bytes]:
    """What a float32 tensor holds, as a key."""
    return tuple(tensor.shape), tensor.detach().cpu().contiguous().numpy().tobytes()
