"""A model's metrics.json: one flat object of numbers and strings, read, and written whole or not at all; and
what every evaluation says about itself.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

Figures = dict[str, float | int | str]
Say = Callable[[str], None]


def read(path: Path) -> Figures:
    """A metrics.json; an empty object when there is none. ValueError when it is not a flat JSON object."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(
            f"{path.name} in {path.parent.name} is not JSON ({error}): repair or delete it"
        ) from error
    if not isinstance(content, dict) or any(isinstance(v, dict | list) for v in content.values()):
        raise ValueError(f"{path.name} in {path.parent.name} is not a flat JSON object: repair or delete it")
    return content


def merge(path: Path, figures: Figures) -> Figures:
    """Write the figures over those in the file, whole or not at all; returns everything that it holds now."""
    content = read(path) | figures
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return content


def hardware() -> str:
    """The processor and the number of threads torch uses."""
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.get_num_threads()} threads"


def counter(say: Say, total: int) -> Callable[[int], None]:
    """Says how far it is at every tenth."""
    told = 0

    def progress(done: int) -> None:
        nonlocal told
        if done * 10 // total > told:
            told = done * 10 // total
            say(f"  {done} of {total}")

    return progress


def digits(value: float) -> float:
    """Five significant ones."""
    return float(f"{value:.5g}")


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []
