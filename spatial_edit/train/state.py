"""What a run remembers between two starts: `state.pt`, written whole or not at all, read with suspicion.

The file holds tensors, numbers and names only (`weights_only=True`: nothing in it is executed). Before a
single weight is changed, its checksums, its names and its shapes are compared with the task's."""

from __future__ import annotations

import math
import os
import pickle
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from spatial_edit.train.ema import Ema


class Task(Protocol):
    """What a recipe offers to the loop.

    Optional: `frozen: dict[str, nn.Module]`, networks that are used but not trained, moved to the device with
    the others; `remember() -> dict[str, float]` and `recall(dict)`, numbers that a resumed run needs."""

    batch: int
    modules: dict[str, nn.Module]
    averages: dict[str, Ema]
    optimisers: dict[str, torch.optim.Optimizer]
    generator: torch.Generator

    def step(self, progress: float, images: int) -> dict[str, Tensor]:
        """One update of all modules; returns the losses to log (detached scalars)."""
        ...

    def sheet(self) -> Tensor | None:
        """(3, H, W) in [-1, 1]: a picture worth looking at, or None."""
        ...

    def metrics(self) -> dict[str, float]:
        """Validation numbers."""
        ...


@dataclass
class Progress:
    """What a state file remembers beside tensors."""

    images: int = 0
    steps: int = 0
    seconds: float = 0.0
    planned: float = 0.0
    skipped: int = 0
    losses: dict[str, float] = field(default_factory=dict)


def save_state(task: Task, progress: Progress, path: Path, generators: list[Tensor] | None = None) -> None:
    """Everything needed to go on, written to a temporary file first; the old file stays until the new one is
    whole. generators: the generator states of all processes, when there are several. OSError when it cannot
    be written."""
    state: dict[str, Any] = {
        "modules": {k: m.state_dict() for k, m in task.modules.items()},
        "averages": {k: e.module.state_dict() for k, e in task.averages.items()},
        "optimisers": {k: o.state_dict() for k, o in task.optimisers.items()},
        "generator": task.generator.get_state(),
        "generators": generators or [],
        "memory": task.remember() if hasattr(task, "remember") else {},
        "progress": vars(progress),
    }
    temporary = path.with_suffix(".part")
    try:
        torch.save(state, temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # a full disk is a RuntimeError of torch's file writer
        temporary.unlink(missing_ok=True)
        raise OSError(
            f"cannot write {path.name} in {path.parent}: make room there and use --resume"
            f" ({'the last state is kept' if path.exists() else 'there is no earlier state'}): {error}"
        ) from error


def load_state(task: Task, path: Path, rank: int = 0) -> Progress:
    """Continue from `save_state`'s file. ValueError, with the task and the file untouched, when the file is
    damaged or belongs to another recipe."""
    state = _read(path)
    try:
        progress = _checked_progress(state["progress"])
        for name, module in task.modules.items():
            _compare(name, module.state_dict(), state["modules"][name])
        for name, average in task.averages.items():
            _compare(name, average.module.state_dict(), state["averages"][name])
        for name, optimiser in task.optimisers.items():
            _compare_optimiser(name, optimiser, state["optimisers"][name])
        generators = state.get("generators") or [state["generator"]]
        torch.Generator().set_state(state["generator"])
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(_other_recipe(path, f"it lacks {error}")) from error
    except ValueError as error:
        raise ValueError(_other_recipe(path, str(error))) from error

    for name, module in task.modules.items():
        module.load_state_dict(state["modules"][name])
    for name, average in task.averages.items():
        average.module.load_state_dict(state["averages"][name])
    for name, optimiser in task.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    if rank < len(generators):
        task.generator.set_state(generators[rank])
    else:  # more processes than before: the new ones draw batches of their own
        task.generator.manual_seed(task.generator.initial_seed() + rank + progress.steps)
    if hasattr(task, "recall"):
        task.recall(state.get("memory", {}))
    return progress


def _read(path: Path) -> dict[str, Any]:
    """The file's content; ValueError when it is not whole."""
    damaged = f"{path} is damaged: delete it to begin again, or put a copy back"
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()  # checksums of all members
        state = torch.load(path, map_location="cpu", weights_only=True) if broken is None else None
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        EOFError,
        RuntimeError,
        ValueError,
        KeyError,
    ) as error:
        raise ValueError(damaged) from error
    if not isinstance(state, dict):
        raise ValueError(damaged)
    return state


def _other_recipe(path: Path, difference: str) -> str:
    return f"{path} belongs to another recipe or other settings ({difference}): use another --out folder"


def _checked_progress(stored: dict[str, Any]) -> Progress:
    known = {f.name for f in fields(Progress)}
    if set(stored) - known:
        raise ValueError(f"unknown progress {sorted(set(stored) - known)}")
    progress = Progress(**stored)
    numbers = [progress.images, progress.steps, progress.seconds, progress.planned, progress.skipped]
    if not all(isinstance(n, int | float) and math.isfinite(n) and n >= 0 for n in numbers):
        raise ValueError(f"its progress is {numbers}")
    return progress


def _compare(name: str, mine: dict[str, Tensor], stored: dict[str, Tensor]) -> None:
    if set(mine) != set(stored):
        raise ValueError(f"{name} has other parameters: {sorted(set(mine) ^ set(stored))[0]}")
    for key, tensor in mine.items():
        if tensor.shape != stored[key].shape:
            raise ValueError(
                f"{name}.{key} is {tuple(stored[key].shape)} there and {tuple(tensor.shape)} here"
            )


def _compare_optimiser(name: str, optimiser: torch.optim.Optimizer, stored: dict[str, Any]) -> None:
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    if [len(g["params"]) for g in optimiser.param_groups] != [
        len(g["params"]) for g in stored["param_groups"]
    ]:
        raise ValueError(f"the optimiser '{name}' has another number of weights")
    for index, moments in stored["state"].items():
        for moment in moments.values():
            if isinstance(moment, Tensor) and moment.dim() and moment.shape != weights[index].shape:
                raise ValueError(f"the optimiser '{name}' has other shapes")
