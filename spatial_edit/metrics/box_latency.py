"""Latency of a drag: from a moved box to its picture."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Boxes3D, Scene

WARM_UP = 2


def frame_times(generator: Generator, scenes: Sequence[Scene], frames: int) -> dict[str, float | int | str]:
    """Median milliseconds of one frame of a drag, `drag_preview_ms_<n>_threads` and `drag_full_ms_...`, with
    one and two threads: the first box of a scene goes a centimetre a frame. `drag_cores` says how many cores
    the process may use; threads of torch are as before afterwards."""
    threads = torch.get_num_threads()
    result: dict[str, float | int | str] = {}
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            for name, preview in (("preview", True), ("full", False)):
                times = [_frame(generator, scenes, n, preview) for n in range(WARM_UP + frames)][WARM_UP:]
                key = f"drag_{name}_ms_{count}_thread" + ("s" if count > 1 else "")
                result[key] = round(1000 * statistics.median(times), 2)
    finally:
        torch.set_num_threads(threads)
    available = getattr(os, "sched_getaffinity", None)
    result["drag_cores"] = len(available(0)) if available else os.cpu_count() or 1
    return result


def _frame(generator: Generator, scenes: Sequence[Scene], number: int, preview: bool) -> float:
    """Seconds of one frame."""
    scene = scenes[number % len(scenes)]
    layout = scene.layout
    if not isinstance(layout, Boxes3D):
        raise ValueError(f"this needs a layout of boxes, {scene.model} has {layout.kind or 'none'}")
    centres = layout.centres.clone()
    centres[:1] += 0.01 * number
    start = time.perf_counter()
    generator.render(replace(scene, layout=replace(layout, centres=centres)), preview=preview)
    return time.perf_counter() - start
