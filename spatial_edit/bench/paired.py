"""Times of several calls side by side: in turn, so that what else the machine does hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

Times = dict[str, list[float]]  # seconds, call by call


def in_turn(calls: Mapping[str, Callable[[], object]], rounds: int, warm: int = 2) -> Times:
    """Each call `rounds` times after `warm` uncounted ones; every second round goes backwards, so that no
    call always has the same one before it."""
    times: Times = {name: [] for name in calls}
    for count in range(warm + rounds):
        order = list(calls) if count % 2 == 0 else list(calls)[::-1]
        for name in order:
            start = time.perf_counter()
            calls[name]()
            if count >= warm:
                times[name].append(time.perf_counter() - start)
    return times


def ratio(times: Times, slow: str, fast: str) -> float:
    """The median over the rounds of one call's time over another's."""
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch computes with so many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
